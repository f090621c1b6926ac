//! Tells phpinfo() which TLS library is linked in: rustls has no function for its version, `Cargo.lock` knows it.

use std::path::Path;

fn main() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!("cargo::rerun-if-changed=build.rs");
    let lock = std::fs::read_to_string(lock).unwrap_or_default();
    let version = lock
        .split("[[package]]")
        .find(|package| package.contains("name = \"rustls\"\n"))
        .and_then(|package| package.split("version = \"").nth(1)?.split('"').next());
    println!(
        "cargo::rustc-env=CIVISHARE_TLS=rustls {}",
        version.unwrap_or("of an unknown version")
    );
}
