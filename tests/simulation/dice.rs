//! Time and chance. All of a run's randomness comes from one [`Dice`], all of its time from one [`Clock`].

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use civishare::world::World;

/// When every run begins: 2024-10-23, in Unix milliseconds.
pub const BEGIN: u64 = 1_729_706_928_201;

pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// A simulated crash unwinds through whoever held the lock, and the next process finds it free.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one source of chance.
pub struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub fn new(seed: u64) -> Arc<Dice> {
        Arc::new(Dice(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&self, per_mille: u32) -> bool {
        per_mille > 0 && lock(&self.0).u32(0..1000) < per_mille
    }

    pub fn below(&self, end: usize) -> usize {
        lock(&self.0).usize(0..end.max(1))
    }

    pub fn within(&self, range: Range<u64>) -> u64 {
        lock(&self.0).u64(range)
    }

    pub fn pick<'t, T>(&self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        lock(&self.0).fill(bytes);
    }
}

/// True time: what a perfect clock would show, Unix milliseconds.
pub struct Clock(AtomicU64);

impl Clock {
    pub fn new() -> Arc<Clock> {
        Arc::new(Clock(AtomicU64::new(BEGIN)))
    }

    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn advance(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

/// What one site sees: true time and how wrong its clock is.
pub struct SiteWorld {
    pub clock: Arc<Clock>,
    pub dice: Arc<Dice>,
    pub skew: AtomicI64,
}

impl World for SiteWorld {
    fn now(&self) -> u64 {
        self.clock
            .now()
            .saturating_add_signed(self.skew.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.dice.fill(bytes);
    }
}
