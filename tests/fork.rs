//! A store survives forks: what parent and children commit is all there afterwards, whoever closes first.
//!
//! Without the test harness, as a process with threads should not fork.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::Path;

use civishare::store::sqlite::{Options, Sqlite};
use civishare::store::{OutboxChange, Store};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use support::{A, START, Stage, sealed};

fn main() {
    a_child_that_writes_on_after_its_parent_has_closed_loses_nothing();
    parents_and_children_may_write_and_close_in_any_order();
    println!("2 tests passed");
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options::default(), &Stage::new()).unwrap()
}

fn enqueue(store: &Sqlite, id: &str) {
    let sealed = sealed(id, "u1", A);
    let change = OutboxChange::read(id, &sealed.text, &[1]).unwrap();
    assert_eq!(store.enqueue(&[change], START).unwrap(), 1);
}

/// Runs `work` in a child, which then ends without running destructors, as a killed process does.
fn child(work: impl FnOnce()) -> Pid {
    #[allow(unsafe_code, reason = "this process has one thread")]
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            work();
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
            std::process::exit(1);
        }
    }
}

fn join(child: Pid) {
    let status = waitpid(child, None).unwrap();
    let killed = matches!(
        status,
        WaitStatus::Signaled(_, nix::sys::signal::Signal::SIGKILL, _)
    );
    assert!(killed, "a child failed: {status:?}");
}

fn say(mut pipe: &PipeWriter) {
    pipe.write_all(b".").unwrap();
}

fn hear(mut pipe: &PipeReader) {
    pipe.read_exact(&mut [0]).unwrap();
}

fn a_child_that_writes_on_after_its_parent_has_closed_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = open(&path);
    let (from_child, to_parent) = std::io::pipe().unwrap();
    let (from_parent, to_child) = std::io::pipe().unwrap();
    let pid = child(|| {
        enqueue(&store, "c1");
        say(&to_parent);
        hear(&from_parent);
        enqueue(&store, "c2");
    });
    hear(&from_child);
    enqueue(&store, "c3");
    drop(store);
    say(&to_child);
    join(pid);
    assert_eq!(open(&path).status(START).unwrap().outbox, 3);
}

fn parents_and_children_may_write_and_close_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let mut store = Some(open(&path));
    let mut children = Vec::new();
    for round in 0..20 {
        let own = store.get_or_insert_with(|| open(&path));
        enqueue(own, &format!("before {round}"));
        children.push(child(|| {
            let inherited = store.take().unwrap();
            for number in 0..10 {
                enqueue(&inherited, &format!("child {round} {number}"));
            }
            if round % 2 == 0 {
                drop(inherited);
            } else {
                std::mem::forget(inherited);
            }
        }));
        let own = store.get_or_insert_with(|| open(&path));
        enqueue(own, &format!("after {round}"));
        if round % 3 == 0 {
            store = None;
        }
    }
    children.into_iter().for_each(join);
    assert_eq!(open(&path).status(START).unwrap().outbox, 20 * 12);
    let check: String = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}
