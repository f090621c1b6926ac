//! The core of CiviShare: everything about sharing changes that is neither PHP nor CiviCRM.
//!
//! A change comes through these modules in this order:
//!
//! 1. [`json`], [`time`], [`version`] and [`signature`] are its alphabet: canonical JSON, times with a zone, when and
//!    where a value was written, and what proves a text.
//! 2. [`change`] says what happened to one entity; [`message`] is a signed batch of changes from one node to one other;
//!    [`shape`] says what of a change goes through a peering, and in which words.
//! 3. [`causality`] decides: what a local edit tells ([`causality::settle()`]), what a received change does here
//!    ([`causality::decide()`]), what goes on from here ([`causality::forward()`]). Pure functions, no clock, no database.
//! 4. [`store`] keeps the queues: the outbox with a cursor for each peering, frozen messages, the inbox, dead letters.
//! 5. [`delivery`] takes changes from the outbox to the peers, [`intake`] from an HTTP body to the inbox.
//!
//! Dependencies point one way: `delivery` and `intake` know `store`, which knows `causality`, which knows `change`. PHP's
//! side is a crate of its own, in `src/php`. Times are Unix milliseconds and handed in; so are randomness, HTTP and files.
pub mod causality;
pub mod change;
mod defect;
pub mod delivery;
pub mod gzip;
pub mod headers;
pub mod hello;
pub mod intake;
pub mod json;
mod lanes;
pub mod message;
pub mod shape;
pub mod signature;
pub mod store;
pub mod time;
pub mod version;
pub mod world;

/// Whether this build can be broken on purpose, for showing that the tests notice.
pub const HAS_DEFECTS: bool = cfg!(feature = "defects");
