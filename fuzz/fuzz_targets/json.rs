//! Canonical JSON: never panics, is a fixed point, and agrees with an independent implementation.
#![no_main]

use civishare::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else { return };
    let canonical = value.canonical();
    let again = json::parse(canonical.as_bytes()).expect("canonical JSON is JSON");
    assert_eq!(again.canonical(), canonical);
    let rival: serde_json::Value = serde_json::from_slice(bytes).expect("what we read is JSON");
    assert_eq!(serde_json_canonicalizer::to_string(&rival).expect("JSON"), canonical);
});
