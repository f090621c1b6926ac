//! Where the queues live: outbox, frozen messages, inbox, loop signatures, dead letters and leases.
//!
//! [`Store`] is the one trait; [`sqlite`] is the default backend. What must agree with CiviCRM's data (versions, links,
//! tombstones) is *not* here: losing a store costs a resynchronisation, never data.
//!
//! Each method is one transaction: it happens whole or not at all, and what it answers is durable. Times are Unix
//! milliseconds and handed in.

pub mod sqlite;
pub mod worker;

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::change::{Change, ChangeError};
use crate::json::{self, JsonError};
use crate::signature::{self, LoopSignature};

pub use crate::causality::PeeringId;

/// A millisecond count of one day.
pub const DAY: u64 = 24 * 60 * 60 * 1000;

/// How long loop signatures, answers and enqueued IDs are remembered: longer than a peer's retries are likely to last
/// (protocol.md, "Loop detection").
pub const MEMORY: u64 = 30 * DAY;

/// Why the store could not do what it was asked. Each text says which file, and what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is missing or may not be entered, or the file may not be made.
    #[error(
        "the store {} cannot be opened ({reason}): check that its folder exists and that the web server's user may write to it", path.display()
    )]
    Unreachable {
        /// The store's file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file or its folder may not be written.
    #[error(
        "the store {} is read-only: make the file and its folder writable for the web server's user", path.display()
    )]
    ReadOnly {
        /// The store's file.
        path: PathBuf,
    },
    /// No space left.
    #[error("the disk of the store {} is full: free some space, what was missed is caught up by itself", path.display())]
    Full {
        /// The store's file.
        path: PathBuf,
    },
    /// Another process did not let go in time.
    #[error(
        "the store {} was locked by another process for {waited_ms} ms: if this happens again, look for a process that hangs", path.display()
    )]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// How long this process waited, in milliseconds.
        waited_ms: u64,
    },
    /// The file holds something else, or is damaged.
    #[error(
        "{} is not a readable CiviShare store ({reason}): move the file away, a new one is made and the peers are synchronised again", path.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A later CiviShare has written it.
    #[error(
        "the store {} was written by a newer CiviShare (schema {found}, this one knows {known}): install that version again", path.display()
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The latest schema that this code knows.
        known: i64,
    },
    /// Anything else that the backend reports.
    #[error("the store {} failed: {reason}", path.display())]
    Backend {
        /// The store's file.
        path: PathBuf,
        /// What the backend said.
        reason: String,
    },
}

/// A change on its way to the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxChange<'a> {
    /// Its `change_id`, unique on this node.
    pub id: &'a str,
    /// Its change type.
    pub kind: String,
    /// The canonical text, complete with `loop_detection`.
    pub text: &'a str,
    /// Its own loop signature, the last entry there.
    pub signature: LoopSignature,
    /// The peerings that it goes to.
    pub targets: &'a [PeeringId],
}

/// Why a text cannot go to the outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is not a change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Its `loop_detection` does not end with a loop signature.
    #[error("the change {0} does not end its loop_detection with its own signature")]
    Unsigned(String),
}

impl<'a> OutboxChange<'a> {
    /// Looks into a change's canonical text for what the outbox needs to know.
    ///
    /// # Errors
    /// [`OutboxError`] if the text is not a sealed change.
    pub fn read(
        id: &'a str,
        text: &'a str,
        targets: &'a [PeeringId],
    ) -> Result<OutboxChange<'a>, OutboxError> {
        let json = json::parse(text.as_bytes())?;
        let change = Change::read(&json)?;
        let signature = change
            .loop_detection
            .last()
            .and_then(|entry| signature::read_loop_signature(entry))
            .ok_or_else(|| OutboxError::Unsigned(id.to_owned()))?;
        Ok(OutboxChange {
            id,
            kind: change.kind.into_owned(),
            text,
            signature,
            targets,
        })
    }
}

/// A change in the outbox, as it is drained.
#[derive(Clone, Copy, Debug)]
pub struct OutboxRow<'a> {
    /// Its place in the log.
    pub seq: i64,
    /// Its change type.
    pub kind: &'a str,
    /// The canonical text.
    pub text: &'a str,
    /// Its own loop signature.
    pub signature: &'a LoopSignature,
}

/// A batch that is to become a frozen message.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The peering that it goes to.
    pub peering: PeeringId,
    /// Where the peering's cursor stood when the batch was gathered.
    pub from: i64,
    /// The last outbox row that was looked at.
    pub through: i64,
    /// The message's ID.
    pub id: &'a str,
    /// The epoch, if the peering has none yet.
    pub epoch: &'a str,
    /// Canonical texts, parted by line feeds.
    pub texts: &'a str,
    /// The loop signature of each.
    pub signatures: &'a [LoopSignature],
}

/// A message whose changes are fixed. Its `epoch` and `seq` are those that it has if it is sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenMessage {
    /// The message's ID.
    pub id: String,
    /// The peering that it goes to.
    pub peering: PeeringId,
    /// The epoch of this direction.
    pub epoch: String,
    /// Its number within the epoch.
    pub seq: u64,
    /// When it was frozen, which is its `sent`. Unix milliseconds.
    pub frozen: u64,
    /// How many changes it holds.
    pub len: usize,
    /// Canonical texts, parted by line feeds.
    pub texts: String,
}

impl FrozenMessage {
    /// The canonical texts of its changes.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        self.texts.lines()
    }
}

/// Why nothing more is sent to a peer until a person has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The peer answered that the peering was ended (410).
    Ended,
    /// Epochs had to be renewed three times in a day: one of the two may be a clone.
    Clone,
}

impl Stopped {
    /// The word that the store and PHP use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stopped::Ended => "ended",
            Stopped::Clone => "clone",
        }
    }
}

/// How a peering stands, seen from the sending side. What was never sent to has the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peering {
    /// The last outbox row that was frozen for it or passed over.
    pub cursor: i64,
    /// The epoch of the outgoing direction.
    pub epoch: Option<String>,
    /// The number of the next message to be taken; 1 before anything was sent.
    pub next_seq: u64,
    /// Failed attempts since the last success.
    pub attempts: u32,
    /// When it began to fail. Unix milliseconds.
    pub failing_since: Option<u64>,
    /// When something was last taken over there. Unix milliseconds.
    pub last_success: Option<u64>,
    /// What went wrong last, a sentence for a person; gone after a success.
    pub last_error: Option<String>,
    /// The HTTP status of the last answer.
    pub last_status: Option<u16>,
    /// Not before this is it tried again. Unix milliseconds.
    pub next_attempt: u64,
    /// Set when nothing more is to be sent.
    pub stopped: Option<Stopped>,
    /// Whether its line began anew, so that everything is to be pushed once more, now.
    pub resync_due: bool,
    /// When the peer answered under the new key of a rotation. Unix milliseconds.
    pub rotated: Option<u64>,
    /// When the new key was last tried. Unix milliseconds.
    pub rotation_attempt: u64,
}

/// What came of an attempt that the peer did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// A sentence for a person.
    pub error: &'a str,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Not before this is it tried again. Unix milliseconds.
    pub next_attempt: u64,
    /// Set when nothing more is to be sent.
    pub stopped: Option<Stopped>,
}

/// A change that a peer did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the message, from 0.
    pub index: usize,
    /// The peer's reason.
    pub reason: String,
}

/// Where the incoming direction of a peering stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIn {
    /// The current epoch.
    pub epoch: String,
    /// The last `seq` taken in it.
    pub last_seq: u64,
}

/// A message that was taken, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its ID.
    pub id: String,
    /// A hash of its changes.
    pub digest: Vec<u8>,
    /// The answer's own members, JSON.
    pub answer: String,
}

/// What is on record of a loop signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// This node sent the change.
    pub sent: bool,
    /// This node accepted the change.
    pub accepted: bool,
}

impl Marks {
    /// Whether the change is on record at all.
    #[must_use]
    pub fn any(self) -> bool {
        self.sent || self.accepted
    }
}

/// A change on its way to the inbox.
#[derive(Clone, Debug)]
pub struct InboxChange<'a> {
    /// The peering that it came from.
    pub peering: PeeringId,
    /// Its `change_id`.
    pub change_id: &'a str,
    /// Its change type.
    pub kind: &'a str,
    /// Every UID that it names; changes that share one are applied in order.
    pub uids: &'a [&'a str],
    /// Its own loop signature.
    pub signature: &'a LoopSignature,
    /// The canonical text.
    pub text: &'a str,
    /// Its chain holds a change that this node sent.
    pub came_round: bool,
    /// It is on record already and only teaches its UIDs.
    pub links_only: bool,
}

/// One incoming message's transaction.
pub trait Receiving {
    /// Where the peering's line stands; `None` before its first message.
    ///
    /// # Errors
    /// [`StoreError`] as every method here.
    fn line(&mut self, peering: PeeringId) -> Result<Option<LineIn>, StoreError>;

    /// Whether this epoch was current once and is no more.
    ///
    /// # Errors
    /// [`StoreError`]
    fn is_superseded(&mut self, peering: PeeringId, epoch: &str) -> Result<bool, StoreError>;

    /// The message that was taken under this number.
    ///
    /// # Errors
    /// [`StoreError`]
    fn taken(
        &mut self,
        peering: PeeringId,
        epoch: &str,
        seq: u64,
    ) -> Result<Option<Taken>, StoreError>;

    /// The message that was taken under this ID, in any epoch.
    ///
    /// # Errors
    /// [`StoreError`]
    fn taken_as(&mut self, peering: PeeringId, id: &str) -> Result<Option<Taken>, StoreError>;

    /// Moves the line to `seq` of `epoch`, superseding another epoch, and remembers what was answered.
    ///
    /// # Errors
    /// [`StoreError`]
    fn take(
        &mut self,
        peering: PeeringId,
        epoch: &str,
        seq: u64,
        taken: &Taken,
    ) -> Result<(), StoreError>;

    /// What is on record of a loop signature.
    ///
    /// # Errors
    /// [`StoreError`]
    fn marks(&mut self, signature: &LoopSignature) -> Result<Marks, StoreError>;

    /// Notes a loop signature as accepted.
    ///
    /// # Errors
    /// [`StoreError`]
    fn accept(&mut self, signature: &LoopSignature) -> Result<(), StoreError>;

    /// Writes a change to the inbox.
    ///
    /// # Errors
    /// [`StoreError`]
    fn put(&mut self, change: &InboxChange<'_>) -> Result<(), StoreError>;

    /// How many changes wait in the inbox; counting ends at `limit`.
    ///
    /// # Errors
    /// [`StoreError`]
    fn waiting(&mut self, limit: u64) -> Result<u64, StoreError>;

    /// The next unused counter for a version of a simple peer at `ms`: 0, 1, 2 …
    ///
    /// # Errors
    /// [`StoreError`]
    fn counter(&mut self, peering: PeeringId, ms: u64) -> Result<u32, StoreError>;
}

/// A change that was claimed for applying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedChange {
    /// Its number in the inbox.
    pub inbox: i64,
    /// The peering that it came from.
    pub peering: PeeringId,
    /// The canonical text.
    pub text: String,
    /// Its own loop signature.
    pub signature: LoopSignature,
    /// Its chain holds a change that this node sent.
    pub came_round: bool,
    /// It only teaches its UIDs.
    pub links_only: bool,
    /// How often applying it has failed.
    pub attempts: u32,
}

/// What came of applying a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in CiviCRM. If it is a creation or deletion, what was refused as unshared from its peer about the same entity is tried
    /// again.
    Applied,
    /// There was nothing to do.
    Ignored,
    /// It is not due yet: not before `until`, Unix milliseconds.
    Wait {
        /// When to look again.
        until: u64,
        /// What it waits for.
        reason: String,
        /// It holds up only itself: later changes of its entity may go ahead of it, as their versions decide.
        alone: bool,
    },
    /// It failed and is tried again: at `until` (Unix milliseconds), else after [`retry_after`].
    Retry {
        /// When to try again.
        until: Option<u64>,
        /// What went wrong.
        reason: String,
    },
    /// It cannot be applied: it becomes a dead letter.
    Dead {
        /// Why, for a person.
        reason: String,
    },
}

/// How long a change that could not be applied rests after so many failures, in milliseconds: 1 minute, doubled each time,
/// at most 6 hours.
#[must_use]
pub fn retry_after(attempts: u32) -> u64 {
    (60_000_u64 << attempts.min(10)).min(6 * 60 * 60 * 1000)
}

/// Which way a dead letter went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer rejected it.
    Out,
    /// It could not be applied here.
    In,
}

impl Direction {
    /// The word that the store and PHP use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Out => "out",
            Direction::In => "in",
        }
    }
}

/// Which dead letters are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadLetterFilter {
    /// Only this direction.
    pub direction: Option<Direction>,
    /// Only this peering.
    pub peering: Option<PeeringId>,
    /// Only those with a higher ID, to page through.
    pub after: i64,
    /// At most so many; 0 for all.
    pub limit: u32,
}

/// A change that was set aside with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// Which way it went.
    pub direction: Direction,
    /// The peering.
    pub peering: PeeringId,
    /// Its `change_id`; empty where the change is too broken to have one.
    pub change_id: String,
    /// Its change type.
    pub kind: String,
    /// Why it was set aside.
    pub reason: String,
    /// When, Unix milliseconds.
    pub dead: u64,
    /// The canonical text.
    pub text: String,
}

/// A change of the inbox that could not be applied so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingChange {
    /// Its number in the inbox.
    pub inbox: i64,
    /// The peering that it came from.
    pub peering: PeeringId,
    /// Its `change_id`.
    pub change_id: String,
    /// Its change type.
    pub kind: String,
    /// What it waits for, or what went wrong.
    pub reason: String,
    /// How often applying it has failed.
    pub attempts: u32,
    /// When it is looked at again, Unix milliseconds.
    pub until: u64,
    /// The canonical text.
    pub text: String,
}

/// One peering's line on the status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringStatus {
    /// The peering.
    pub id: PeeringId,
    /// Changes that wait to be taken, frozen or not.
    pub backlog: u64,
    /// How the sending side stands.
    pub out: Peering,
    /// How the receiving side stands.
    pub line_in: Option<LineIn>,
}

/// The store at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it is.
    pub path: PathBuf,
    /// Its own UUID, made with it.
    pub uuid: String,
    /// The schema's number.
    pub schema: i64,
    /// Rows in the outbox.
    pub outbox: u64,
    /// Changes in the inbox.
    pub inbox: u64,
    /// Those among them that are not due yet.
    pub inbox_waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// Every peering that the store has heard of.
    pub peerings: Vec<PeeringStatus>,
}

/// What CiviCRM's database says of itself. The store keeps the highest of it, so that a database that was restored or copied,
/// and a store that was lost, are noticed before anything is sent (design: "Two places for state").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseMarks<'a> {
    /// The database's UUID, new whenever it was restored or copied.
    pub instance: &'a str,
    /// [`Store::uuid`] of the store that the database has worked with; empty before the first.
    pub store: &'a str,
    /// The highest number that a journal row has had so far. What is settled is carried by a new row, so this grows with it.
    pub journal: u64,
    /// How many received changes were applied so far.
    pub applied: u64,
}

/// Whether store and database belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// They do.
    Together,
    /// The store is new and the database has not had one: from now on they belong together, and the database notes
    /// [`Store::uuid`], and asks the peers for everything: it may be a backup from before its first store, which is lost too.
    First,
    /// They do not: the store counts as lost ([`Store::begin_anew`]).
    Apart(Misfit),
}

/// Why store and database do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The store is not the one that the database knows: the file was deleted, restored or exchanged.
    OtherStore,
    /// The database is not the one that the store knows: one of the two is a copy.
    OtherDatabase,
    /// The database knows less than it did: it was restored from a backup.
    Restored,
}

/// A backend. Every method may fail with [`StoreError`], and then has changed nothing.
#[allow(clippy::missing_errors_doc)] // said above, once for all
pub trait Store: Send + Sync {
    /// The store's own UUID, made with it: a copy or a lost store is known by it.
    fn uuid(&self) -> Result<String, StoreError>;

    /// Compares the marks of the database with those last seen, and keeps them if they fit. To be called when a process begins to
    /// work with the store, and between each commit of the database and what is put into the store because of it, which a backup
    /// from before that commit must not meet unnoticed. It writes only what has moved. On [`Misfit::Restored`] the marks are to be read once more and
    /// compared again: between reading and comparing, another process may have moved them on.
    fn fit(&self, database: &DatabaseMarks<'_>) -> Result<Fit, StoreError>;

    /// The store counts as lost: everything in it is forgotten, it gets the UUID `uuid` and belongs to this database. Peers see
    /// new epochs; everything is to be pushed to them, and asked of them by a `hello`.
    fn begin_anew(&self, uuid: &str, database: &DatabaseMarks<'_>) -> Result<(), StoreError>;

    /// Appends changes to the outbox and tells how many were new. One whose ID is there, or was within [`MEMORY`], or that
    /// has no targets does nothing.
    fn enqueue(&self, changes: &[OutboxChange<'_>], now: u64) -> Result<usize, StoreError>;

    /// A new peering, or one that a person starts again: its cursor stands at the head of the outbox, its line begins
    /// with a new epoch, and what was frozen for it is gone.
    fn begin(&self, peering: PeeringId) -> Result<(), StoreError>;

    /// Lets a stopped or failing peering be tried at once. Its backlog is kept.
    fn resume(&self, peering: PeeringId) -> Result<(), StoreError>;

    /// A peering was deleted: its messages, backlog, inbox and dead letters go.
    fn forget(&self, peering: PeeringId, now: u64) -> Result<(), StoreError>;

    /// How a peering stands.
    fn peering(&self, peering: PeeringId) -> Result<Peering, StoreError>;

    /// How many changes wait to be taken by a peering, frozen or not.
    fn backlog(&self, peering: PeeringId) -> Result<u64, StoreError>;

    /// The peering's oldest frozen message.
    fn head(&self, peering: PeeringId) -> Result<Option<FrozenMessage>, StoreError>;

    /// Streams the changes behind the peering's cursor that go to it, in order, until `each` breaks. `each` must not
    /// call the store.
    fn gather(
        &self,
        peering: PeeringId,
        each: &mut dyn FnMut(OutboxRow<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Freezes a batch: the message, its loop signatures as sent, the peering's cursor. A batch without changes only moves
    /// the cursor. `false`, and nothing done, if the cursor is no longer where the batch began.
    fn freeze(&self, batch: &Batch<'_>, now: u64) -> Result<bool, StoreError>;

    /// The peer took the message. The rejected become dead letters, the next message has the next `seq`.
    fn acknowledge(
        &self,
        message: &FrozenMessage,
        rejected: &[Rejected],
        resync: bool,
        status: u16,
        now: u64,
    ) -> Result<(), StoreError>;

    /// Puts the two halves of a message in its place, under `ids`.
    fn halve(&self, message: &FrozenMessage, ids: [&str; 2]) -> Result<(), StoreError>;

    /// The peer will never take this message: its changes become dead letters, its `seq` goes to the next one.
    fn bury(&self, message: &FrozenMessage, reason: &str, now: u64) -> Result<(), StoreError>;

    /// Gives all frozen messages new IDs, the oldest the number `seq`, because the peer has used the number up.
    fn renumber(
        &self,
        peering: PeeringId,
        seq: u64,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<(), StoreError>;

    /// Begins a new epoch at 1 with new IDs and notes that a resynchronisation is due. Tells how many times within a day
    /// this was done, this one included.
    fn renew(
        &self,
        peering: PeeringId,
        epoch: &str,
        ids: &mut dyn FnMut() -> String,
        now: u64,
    ) -> Result<u32, StoreError>;

    /// Notes an attempt that failed.
    fn fail(&self, peering: PeeringId, failure: &Failure<'_>, now: u64) -> Result<(), StoreError>;

    /// The resynchronisation that was due has been enqueued.
    fn resynced(&self, peering: PeeringId) -> Result<(), StoreError>;

    /// Notes when the new key of a rotation was tried, and whether the peer answered under it. With `None` there is no
    /// rotation (any more).
    fn rotation(&self, peering: PeeringId, tried: Option<(u64, bool)>) -> Result<(), StoreError>;

    /// One incoming message in one transaction. If `work` fails, nothing was done; it may be called more than once.
    fn receive(
        &self,
        now: u64,
        work: &mut dyn FnMut(&mut dyn Receiving) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Whether the ID of a `hello` or `records` message is new. It is remembered until `until`.
    fn once(&self, peering: PeeringId, id: &str, now: u64, until: u64) -> Result<bool, StoreError>;

    /// Whether a `hello` that was sent at `sent` is later than the last one taken, which it then is. (One from beyond what the
    /// clock can be wrong by was taken by a clock that has been mended since, and does not count.)
    ///
    /// With `resync` the peer's store is new: nothing more of its present line is taken, and a resynchronisation is due as soon
    /// as what came by that line has left the inbox. Before, a push could not tell of it, and it is not forwarded back.
    fn take_hello(
        &self,
        peering: PeeringId,
        sent: u64,
        resync: bool,
        now: u64,
    ) -> Result<bool, StoreError>;

    /// Claims up to `limit` due changes, oldest first, until `until`. A change is held back while an earlier one with a UID
    /// in common is neither finished nor part of the same claim. What a process of this machine had claimed that has ended
    /// since need not wait: see [`worker`].
    fn claim(&self, limit: usize, now: u64, until: u64) -> Result<Vec<ClaimedChange>, StoreError>;

    /// Notes what came of claimed changes. An unknown one is passed over.
    fn finish(&self, results: &[(i64, Outcome)], now: u64) -> Result<(), StoreError>;

    /// The store at a glance.
    fn status(&self, now: u64) -> Result<Status, StoreError>;

    /// Lists dead letters, oldest first.
    fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError>;

    /// Lists changes of the inbox that wait to be tried again, oldest first. The filter's direction does not count.
    fn waiting(
        &self,
        filter: &DeadLetterFilter,
        now: u64,
    ) -> Result<Vec<WaitingChange>, StoreError>;

    /// Puts a dead letter back into its queue, at the end. `false` if there is no such one.
    fn retry_dead(&self, id: i64, now: u64) -> Result<bool, StoreError>;

    /// Throws a dead letter away. `false` if there is no such one.
    fn discard_dead(&self, id: i64) -> Result<bool, StoreError>;

    /// Takes or prolongs a lease. `false` if another owner holds it that is not known to have ended ([`worker`]).
    fn lease(&self, name: &str, owner: &str, now: u64, until: u64) -> Result<bool, StoreError>;

    /// Gives a lease back, if `owner` still holds it.
    fn release(&self, name: &str, owner: &str) -> Result<(), StoreError>;

    /// Forgets what has expired. Meant for once an hour.
    fn sweep(&self, now: u64) -> Result<(), StoreError>;
}
