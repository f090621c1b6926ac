//! A store file with damaged bytes: opened, migrated and used, or refused with an error; never a panic.
#![no_main]

use std::io::{Seek, SeekFrom, Write};
use std::sync::LazyLock;

use civishare::store::sqlite::{Options, Sqlite};
use civishare::store::{DeadLetterFilter, OutboxChange, Store};
use civishare::world::System;
use libfuzzer_sys::fuzz_target;

/// A store with something in it, as it lies on the disk.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = path();
    let _ = std::fs::remove_file(&path);
    let store = Sqlite::open(&path, Options::default(), &System).expect("a new store");
    let change = OutboxChange {
        id: "c1",
        kind: "civishare.change.contact.base".to_owned(),
        text: "{}",
        signature: [7; 64],
        targets: &[1, 2],
    };
    store.enqueue(&[change], 1).expect("a store that works");
    drop(store);
    std::fs::read(&path).expect("its file")
});

fn path() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("civishare-fuzz-{}.sqlite", std::process::id()))
}

fuzz_target!(|bytes: &[u8]| {
    let path = path();
    let mut damaged = GOOD.clone();
    // Each four bytes: where, and what is there instead; or, as a whole, another file.
    if bytes.first() == Some(&0) {
        damaged = bytes[1..].to_vec();
    } else {
        for patch in bytes.chunks_exact(4) {
            let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % damaged.len();
            damaged[at] = patch[2];
        }
    }
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).open(&path).expect("a file");
    file.seek(SeekFrom::Start(0)).expect("its start");
    file.write_all(&damaged).expect("room for it");
    drop(file);
    let options = Options { busy_ms: 10, ..Options::default() };
    if let Ok(store) = Sqlite::open(&path, options, &System) {
        let _ = store.status(2);
        let _ = store.head(1);
        let _ = store.claim(10, 2, 3);
        let _ = store.dead_letters(&DeadLetterFilter::default());
        let _ = store.sweep(2);
    }
});
