//! Whole networks of sites in one deterministic simulation.
//!
//! A seed decides everything: who peers with whom, how sites differ, whom their filters keep back, what people do, and what goes wrong. Store, delivery,
//! intake and decisions are the real ones; the network, the disks, the clocks and CiviCRM are virtual. After some time of
//! work under faults the faults end, and when nobody has anything left to do, all sites must agree.
//!
//! The bound within which a network falls silent: one edit sets off at most `2 E (A + 3) S` changes on all lines together,
//! with `E` peerings, `A` shared attributes, and `S` the number of sequences without repetition of the `D` sites that may
//! answer a change with one of their own (they have rules, or a conflict rule other than *latest*; two more where contacts
//! are matched on arrival): `S = 1 + D + D (D - 1) + …`, as a site derives at most once for each chain. On a line goes each
//! attribute's version once, and besides that the entity is new or gone, that it is one with another, and the deletion or
//! the whole telling that may follow from that. Whatever is left when the faults end is done after at most `60 + 12 N`
//! rounds of both jobs at all of the `N` sites, waiting for what lies ahead of a clock not counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod crm;
mod dice;
mod faults;
mod network;
mod plan;
mod run;
mod site;

use std::ops::RangeInclusive;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use check::Violation;

/// Runs without a wish: enough for every edit of the code.
const SEEDS: RangeInclusive<u64> = 0..=199;

/// So much of what happened is printed when one seed alone is run.
const TRACE: usize = 20_000;

/// `CIVISHARE_SIM_SEEDS` is `FIRST..LAST`, both included, or one seed.
fn seeds() -> RangeInclusive<u64> {
    let Ok(wish) = std::env::var("CIVISHARE_SIM_SEEDS") else {
        return SEEDS;
    };
    let (first, last) = wish.split_once("..").unwrap_or((&wish, &wish));
    let number = |text: &str| {
        text.parse()
            .expect("CIVISHARE_SIM_SEEDS is FIRST..LAST or one seed")
    };
    number(first)..=number(last)
}

#[test]
fn every_network_falls_silent_and_all_its_sites_agree() {
    let seeds = seeds();
    let alone = seeds.start() == seeds.end();
    // Of a deliberate defect the first seed that catches it is enough.
    let enough = match std::env::var_os("CIVISHARE_DEFECT") {
        Some(defect) if !defect.is_empty() => 1,
        _ => 5,
    };
    let next = AtomicU64::new(*seeds.start());
    let failed: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Violation>() {
            usual(info);
        }
    }));
    let total = Mutex::new(run::Tally::default());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) || dice::lock(&failed).len() >= enough {
                        break;
                    }
                    match run::run(seed, if alone { TRACE } else { 0 }) {
                        Ok(tally) => dice::lock(&total).add(&tally),
                        Err(why) => dice::lock(&failed).push((seed, why)),
                    }
                }
            });
        }
    });
    println!(
        "seeds {}..{}: {}",
        seeds.start(),
        seeds.end(),
        dice::lock(&total)
    );
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    for (seed, why) in &failed {
        println!(
            "seed {seed}: {why}\n  CIVISHARE_SIM_SEEDS={seed} cargo test --test simulation -- --nocapture"
        );
    }
    assert!(
        failed.is_empty(),
        "{} seeds failed; the first is {}",
        failed.len(),
        failed[0].0
    );
}
