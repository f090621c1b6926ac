//! What goes wrong at a site: its process dies at any operation of the store, before or after it took effect; its disk is
//! full; another process holds the store's lock.

use std::ops::ControlFlow;
use std::panic;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use civishare::store::sqlite::{Options, Sqlite};
use civishare::store::{
    Batch, ClaimedChange, DatabaseMarks, DeadLetter, DeadLetterFilter, Failure, Fit, FrozenMessage,
    OutboxChange, OutboxRow, Outcome, Peering, PeeringId, Receiving, Rejected, Status, Store,
    StoreError, WaitingChange,
};
use civishare::world::World;

use crate::dice::{Dice, lock};

/// What unwinds when a site's process is killed. It runs no code of the killed process but destructors, as a kill runs
/// none of them and the operating system and the database tidy up.
pub struct Crash;

/// Kills the process with a chance of `per_mille`.
pub fn maybe_crash(dice: &Dice, per_mille: &AtomicU32) {
    if dice.chance(per_mille.load(Ordering::Relaxed)) {
        panic::resume_unwind(Box::new(Crash));
    }
}

/// Runs a process; `None` if it was killed.
pub fn process<T>(work: impl FnOnce() -> T) -> Option<T> {
    match panic::catch_unwind(panic::AssertUnwindSafe(work)) {
        Ok(answer) => Some(answer),
        Err(payload) if payload.is::<Crash>() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// A site's store on its unreliable machine.
pub struct Disk {
    inner: Mutex<Arc<Sqlite>>,
    dice: Arc<Dice>,
    /// Per mille of the store's operations at which the process dies.
    pub crash: Arc<AtomicU32>,
    /// Per mille of the operations that find the store locked.
    pub locked: AtomicU32,
    pub full: AtomicBool,
}

impl Disk {
    pub fn new(dice: &Arc<Dice>, world: &dyn World, crash: Arc<AtomicU32>) -> Disk {
        Disk {
            inner: Mutex::new(Arc::new(fresh(world))),
            dice: Arc::clone(dice),
            crash,
            locked: AtomicU32::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// The file is gone; the next process makes a new one.
    pub fn lose(&self, world: &dyn World) {
        *lock(&self.inner) = Arc::new(fresh(world));
    }

    fn run<T>(
        &self,
        writes: bool,
        work: impl FnOnce(&Sqlite) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        maybe_crash(&self.dice, &self.crash);
        if self.dice.chance(self.locked.load(Ordering::Relaxed)) {
            return Err(StoreError::Locked {
                path: PathBuf::from("simulated"),
                waited_ms: 5_000,
            });
        }
        if writes && self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full {
                path: PathBuf::from("simulated"),
            });
        }
        let inner = Arc::clone(&lock(&self.inner));
        let answer = work(&inner)?;
        if writes {
            maybe_crash(&self.dice, &self.crash);
        }
        Ok(answer)
    }
}

fn fresh(world: &dyn World) -> Sqlite {
    Sqlite::in_memory(Options::default(), world).expect("a store in memory")
}

macro_rules! store {
    ($($kind:ident $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Store for Disk {
            $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.run(store!(@ $kind), |store| store.$name($($argument),*))
            })*
        }
    };
    (@ reads) => { false };
    (@ writes) => { true };
}

store! {
    reads uuid() -> String;
    reads fit(database: &DatabaseMarks<'_>) -> Fit;
    writes begin_anew(uuid: &str, database: &DatabaseMarks<'_>) -> ();
    writes enqueue(changes: &[OutboxChange<'_>], now: u64) -> usize;
    writes begin(peering: PeeringId) -> ();
    writes resume(peering: PeeringId) -> ();
    writes forget(peering: PeeringId, now: u64) -> ();
    reads peering(peering: PeeringId) -> Peering;
    reads backlog(peering: PeeringId) -> u64;
    reads head(peering: PeeringId) -> Option<FrozenMessage>;
    reads gather(peering: PeeringId, each: &mut dyn FnMut(OutboxRow<'_>) -> ControlFlow<()>) -> ();
    writes freeze(batch: &Batch<'_>, now: u64) -> bool;
    writes acknowledge(message: &FrozenMessage, rejected: &[Rejected], resync: bool, status: u16, now: u64) -> ();
    writes halve(message: &FrozenMessage, ids: [&str; 2]) -> ();
    writes bury(message: &FrozenMessage, reason: &str, now: u64) -> ();
    writes renumber(peering: PeeringId, seq: u64, ids: &mut dyn FnMut() -> String) -> ();
    writes renew(peering: PeeringId, epoch: &str, ids: &mut dyn FnMut() -> String, now: u64) -> u32;
    writes fail(peering: PeeringId, failure: &Failure<'_>, now: u64) -> ();
    writes resynced(peering: PeeringId) -> ();
    writes rotation(peering: PeeringId, tried: Option<(u64, bool)>) -> ();
    writes receive(now: u64, work: &mut dyn FnMut(&mut dyn Receiving) -> Result<(), StoreError>) -> ();
    writes once(peering: PeeringId, id: &str, now: u64, until: u64) -> bool;
    writes take_hello(peering: PeeringId, sent: u64, resync: bool, now: u64) -> bool;
    writes claim(limit: usize, now: u64, until: u64) -> Vec<ClaimedChange>;
    writes finish(results: &[(i64, Outcome)], now: u64) -> ();
    reads status(now: u64) -> Status;
    reads dead_letters(filter: &DeadLetterFilter) -> Vec<DeadLetter>;
    reads waiting(filter: &DeadLetterFilter, now: u64) -> Vec<WaitingChange>;
    writes retry_dead(id: i64, now: u64) -> bool;
    writes discard_dead(id: i64) -> bool;
    writes lease(name: &str, owner: &str, now: u64, until: u64) -> bool;
    writes release(name: &str, owner: &str) -> ();
    writes sweep(now: u64) -> ();
}
