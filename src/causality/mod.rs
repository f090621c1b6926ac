//! What follows from what: which versions are held, what an edit or a received change does to them, and what goes on.
//!
//! Three pure functions carry the product's promises; whoever calls them only reads and writes:
//! - [`settle()`]: a local edit becomes new versions and the changes that tell of it;
//! - [`decide()`]: a received change meets the versions held, and what to write comes out;
//! - [`forward()`]: after applying, what goes on to the other peerings, with what the site's own rules changed besides.
//!
//! Two more serve what is rare: [`push()`] tells a peering everything once more, [`mend()`] takes back versions from a future
//! that a wrong clock believed in. All five turn one [`State`] into the next. The state is kept, as the text of [`State::write`], beside the entity's
//! data and in the same transaction.

mod decide;
mod find;
mod forward;
mod identify;
mod mend;
mod outgoing;
mod push;
mod settle;
mod state;

use std::collections::BTreeMap;

use crate::json::Json;

pub use decide::{Conflict, DecideFacts, Decision, Linked, Rule, UNSHARED, Verdict, decide};
pub use find::{Found, Known, Named, find};
pub use forward::{ForwardFacts, Forwarded, forward};
pub use identify::identify;
pub use mend::mend;
pub use outgoing::{Origin, Outgoing};
pub use push::{PushFacts, Pushed, push};
pub use settle::{Row, SettleFacts, Settled, settle, wants_all};
pub use state::{Outside, State, StateError};

/// Attribute values by name, in the forms of protocol.md ("Values").
pub type Values = BTreeMap<String, Json<'static>>;

/// The number that CiviCRM's database gave a peering.
pub type PeeringId = i64;

/// How far ahead of this node's clock a version may lie before it is refused, in milliseconds: one hour.
pub const CLOCK_TOLERANCE_MS: u64 = 3_600_000;

/// Stands among [`Decision::advanced`] for the entity itself: that it is deleted or merged is news here. No attribute has an
/// empty name.
pub const ENTITY: &str = "";

/// How long a version once held is remembered, in milliseconds: 30 days.
pub const PAST_MS: u64 = 30 * 86_400_000;

/// Whether a value says nothing: null, or the attribute's default.
fn is_blank(name: &str, value: &Json<'_>, defaults: &Values) -> bool {
    matches!(value, Json::Null) || defaults.get(name).is_some_and(|default| default == value)
}
