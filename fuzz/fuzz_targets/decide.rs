//! Any change against any state: decided without a panic; a held version never goes down, and deciding twice changes nothing.
#![no_main]

use civishare::causality::{DecideFacts, State, Verdict, decide};
use civishare::change::Change;
use civishare::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(change), Some(state)) = (parts.next(), parts.next()) else { return };
    let Ok(json) = json::parse(change) else { return };
    let Ok(change) = Change::read(&json) else { return };
    let state = std::str::from_utf8(state).ok().and_then(|text| State::read(text).ok());
    let facts = DecideFacts { node: "https://n", now: 1_729_706_928_201, peering: 1, ..DecideFacts::default() };
    let decision = decide(&change, state.clone(), &facts);
    if let Some(state) = state {
        for (name, held) in &state.held {
            assert!(decision.state.held.get(name).is_some_and(|now| now >= held));
        }
    }
    if decision.verdict == Verdict::Write {
        let again = decide(&change, Some(decision.state.clone()), &facts);
        assert!(again.write.is_empty() && again.advanced.is_empty());
        assert_eq!(State::read(&decision.state.write()).expect("a state is read back"), decision.state);
    }
});
