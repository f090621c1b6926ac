//! From the outbox to the peers.
//!
//! [`Courier::send`] drains every peering's backlog in order, many peers at once, each on a thread of its own that never
//! touches PHP: `batch` takes changes from the outbox and freezes them as a message, [`http`] posts it, [`answer`] says
//! what the peer's answer means, [`schedule`] when to try again. One worker a peering, by a lease. A peer that is down
//! holds nobody up and costs one row's update an attempt.

pub mod answer;
mod batch;
pub mod http;
pub mod schedule;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::SigSet;

pub use batch::{MAX_BYTES, MAX_CHANGES};

use crate::gzip;
use crate::headers;
use crate::hello::Hello;
use crate::json::{self, Json};
use crate::message::{self, Changes, Common};
use crate::shape::Types;
use crate::signature::Key;
use crate::store::{Failure, FrozenMessage, PeeringId, Stopped, Store, StoreError, worker};
use crate::time;
use crate::world::World;
use answer::{Answer, Expected};
use batch::Frozen;
use http::{Post, Reply, Transport, TransportError};

/// So many peers are talked to at once. A thread that waits for a peer costs some kilobytes.
const WORKERS: usize = 64;

/// No attempt is begun with less than this left of the deadline, in milliseconds: it would only count as a failure.
const SHORTEST_ATTEMPT: u64 = 1_000;

/// A lease is twice the longest attempt, in milliseconds: it ends soon where its worker was killed on another machine.
const LEASE: u64 = 60_000;

/// During a rotation the new key is tried every 10 minutes (milliseconds), until the peer has it too.
const ROTATION_INTERVAL: u64 = 10 * 60 * 1000;

/// With the third epoch within a day the sending stops (protocol.md, status 409).
const RENEWALS_IN_A_DAY: u32 = 3;

/// A peering, as the sending side needs to know it.
#[derive(Clone, Debug)]
pub struct PeeringOut {
    /// Its number.
    pub id: PeeringId,
    /// The remote node's identifier.
    pub remote: String,
    /// The remote node's endpoint.
    pub url: String,
    /// The current key and, during a rotation, the new one.
    pub keys: Vec<Key>,
    /// What goes out.
    pub types_out: Types,
    /// What this side says in a `hello`; without it, a rotation waits for somebody to send one.
    pub hello: Option<Hello>,
}

/// How a call of [`Courier::send`] is bounded.
#[derive(Clone, Debug)]
pub struct SendOptions {
    /// Milliseconds for the whole call.
    pub deadline: u64,
    /// At most so many messages to each peer.
    pub max_messages: u64,
    /// At most so many peers at once; with 0 or 1, one after the other and without threads.
    pub workers: usize,
}

impl Default for SendOptions {
    /// 50 seconds: a Scheduled Job is often run once a minute.
    fn default() -> Self {
        SendOptions {
            deadline: 50_000,
            max_messages: u64::MAX,
            workers: WORKERS,
        }
    }
}

/// What somebody should know about a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Everything is to be pushed to it once more; [`Store::resynced`] when that is enqueued.
    Resync,
    /// It was ended over there.
    Ended,
    /// One of the two sites may be a clone; nothing is sent until a person has looked.
    Clone,
    /// Another worker is sending to it right now.
    Busy,
}

impl Event {
    /// The word that PHP uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Event::Resync => "resync",
            Event::Ended => "ended",
            Event::Clone => "clone",
            Event::Busy => "busy",
        }
    }
}

/// What came of sending to one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// The peering.
    pub peering: PeeringId,
    /// Messages that were taken.
    pub messages: u64,
    /// Changes in them that were taken.
    pub changes: u64,
    /// Changes that became dead letters.
    pub rejected: u64,
    /// Changes that still wait.
    pub backlog: u64,
    /// What went wrong, a sentence for a person.
    pub error: Option<String>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Since when it fails, Unix milliseconds.
    pub failing_since: Option<u64>,
    /// When it is tried again, Unix milliseconds.
    pub next_attempt: Option<u64>,
    /// What somebody should know.
    pub event: Option<Event>,
    /// When the peer answered under the new key of a rotation, Unix milliseconds: the old one may go.
    pub rotated: Option<u64>,
}

/// Why a `hello` or `records` got no answer. Each text is a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing came back.
    #[error("the address of {remote} {error}")]
    Transport {
        /// The remote node.
        remote: String,
        /// What happened.
        error: TransportError,
    },
    /// Something came back that does not count.
    #[error("{0}")]
    Refused(String),
}

/// What it takes to send.
#[derive(Clone, Copy)]
pub struct Courier<'a> {
    /// The queues.
    pub store: &'a dyn Store,
    /// Clock and random bytes.
    pub world: &'a dyn World,
    /// The way to the peers.
    pub transport: &'a dyn Transport,
    /// This node's identifier.
    pub node: &'a str,
}

/// The right to send to one peer.
struct Lease {
    name: String,
    owner: String,
    until: u64,
}

/// Whether to go on with a peer.
enum Next {
    Message,
    Stop,
}

impl Courier<'_> {
    /// Sends what waits for these peers, and tells of each how it went.
    #[must_use]
    pub fn send(&self, peerings: &[PeeringOut], options: &SendOptions) -> Vec<SendReport> {
        let end = self.world.now().saturating_add(options.deadline);
        let next = AtomicUsize::new(0);
        let reports = Mutex::new(vec![None; peerings.len()]);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(peering) = peerings.get(index) else {
                    break;
                };
                let report = self.drain(peering, end, options.max_messages);
                let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = reports.get_mut(index) {
                    *place = Some(report);
                }
            }
        };
        let workers = options.workers.min(peerings.len());
        if workers > 1 {
            thread::scope(|scope| {
                let threads = with_signals_blocked(|| -> Vec<_> {
                    (0..workers)
                        .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
                        .collect()
                });
                for thread in threads {
                    // A panic there is reported below, for the peering that it hit.
                    let _ = thread.join();
                }
            });
        }
        // Alone, or where the system has no more threads to give.
        work();
        let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
        reports
            .into_iter()
            .zip(peerings)
            .map(|(report, peering)| {
                report.unwrap_or_else(|| SendReport {
                    peering: peering.id,
                    error: Some(
                        "sending to this peer ended in a fault of CiviShare itself: please report it"
                            .to_owned(),
                    ),
                    ..SendReport::default()
                })
            })
            .collect()
    }

    fn drain(&self, peering: &PeeringOut, end: u64, max_messages: u64) -> SendReport {
        let mut report = SendReport {
            peering: peering.id,
            ..SendReport::default()
        };
        let drained = self
            .drain_if_due(peering, end, max_messages, &mut report)
            .and_then(|()| self.tell(peering, &mut report));
        if let Err(error) = drained {
            report.error = Some(error.to_string());
        }
        report
    }

    /// A peer that is not due, or has nothing waiting, costs no write.
    fn drain_if_due(
        &self,
        peering: &PeeringOut,
        end: u64,
        max_messages: u64,
        report: &mut SendReport,
    ) -> Result<(), StoreError> {
        let state = self.store.peering(peering.id)?;
        if state.stopped.is_some() || state.next_attempt > self.world.now() {
            return Ok(());
        }
        let rotating = peering.keys.len() > 1 && state.rotated.is_none();
        if !rotating && self.store.backlog(peering.id)? == 0 {
            return Ok(());
        }
        if peering.keys.is_empty() {
            report.error = Some(no_secret(peering));
            return Ok(());
        }
        let mut lease = Lease {
            name: format!("send:{}", peering.id),
            owner: worker::this_thread(&self.world.uuid()),
            until: 0,
        };
        if !self.hold(&mut lease)? {
            report.event = Some(Event::Busy);
            return Ok(());
        }
        let drained = self.drain_leased(peering, end, max_messages, &mut lease, report);
        self.store.release(&lease.name, &lease.owner)?;
        drained
    }

    fn drain_leased(
        &self,
        peering: &PeeringOut,
        end: u64,
        max_messages: u64,
        lease: &mut Lease,
        report: &mut SendReport,
    ) -> Result<(), StoreError> {
        let Some(key) = self.signing_key(peering, end)? else {
            return Ok(());
        };
        for _ in 0..max_messages {
            if self.world.now().saturating_add(SHORTEST_ATTEMPT) > end || !self.hold(lease)? {
                break;
            }
            let Some(message) = self.next_message(peering)? else {
                break;
            };
            match self.attempt(peering, key, &message, end, report)? {
                Next::Message => {}
                Next::Stop => break,
            }
        }
        Ok(())
    }

    /// Takes the lease, or prolongs it where it might end during the next attempt.
    fn hold(&self, lease: &mut Lease) -> Result<bool, StoreError> {
        let now = self.world.now();
        if lease.until > now + LEASE / 2 + SHORTEST_ATTEMPT {
            return Ok(true);
        }
        lease.until = now + LEASE;
        self.store
            .lease(&lease.name, &lease.owner, now, lease.until)
    }

    /// Fills the report with how the peering stands now.
    fn tell(&self, peering: &PeeringOut, report: &mut SendReport) -> Result<(), StoreError> {
        let state = self.store.peering(peering.id)?;
        report.backlog = self.store.backlog(peering.id)?;
        report.error = report.error.take().or(state.last_error);
        report.status = state.last_status;
        report.failing_since = state.failing_since;
        report.next_attempt = (state.next_attempt > 0).then_some(state.next_attempt);
        report.rotated = state.rotated;
        report.event = report.event.or(match state.stopped {
            Some(Stopped::Ended) => Some(Event::Ended),
            Some(Stopped::Clone) => Some(Event::Clone),
            None => state.resync_due.then_some(Event::Resync),
        });
        Ok(())
    }

    fn next_message(&self, peering: &PeeringOut) -> Result<Option<FrozenMessage>, StoreError> {
        loop {
            if let Some(message) = self.store.head(peering.id)? {
                return Ok(Some(message));
            }
            if batch::freeze(self, peering)? == Frozen::Nothing {
                return Ok(None);
            }
        }
    }

    fn attempt(
        &self,
        peering: &PeeringOut,
        key: &Key,
        message: &FrozenMessage,
        end: u64,
        report: &mut SendReport,
    ) -> Result<Next, StoreError> {
        let sent = time::write(message.frozen);
        let common = Common {
            service: "changes",
            sender: self.node,
            recipient: &peering.remote,
            sent: &sent,
        };
        let changes = Changes {
            common,
            epoch: &message.epoch,
            seq: message.seq,
            texts: message.changes(),
        };
        let body = changes.body(&message.id, key, message.texts.len());
        let reply = match self.post(peering, "changes", &message.id, &body, key, end) {
            Ok(reply) => reply,
            Err(error) => {
                let error = format!("the address of {} {error}", peering.remote);
                return self.failed(peering, &error, None, None);
            }
        };
        let now = self.world.now();
        let expected = Expected {
            service: "changes",
            id: &message.id,
            node: self.node,
            remote: &peering.remote,
            keys: &peering.keys,
            changes: message.len,
            now,
        };
        let store = self.store;
        let status = reply.status;
        let mut ids = || self.world.uuid();
        match answer::read(&reply, &expected) {
            Answer::Taken { rejected, resync } => {
                store.acknowledge(message, &rejected, resync, status, now)?;
                report.messages += 1;
                report.rejected += rejected.len() as u64;
                report.changes += (message.len - rejected.len()) as u64;
                Ok(Next::Message)
            }
            Answer::NotUnderstood(reason) if message.len == 1 => {
                store.bury(message, &reason, now)?;
                report.rejected += 1;
                Ok(Next::Message)
            }
            Answer::NotUnderstood(_) | Answer::TooLarge if message.len > 1 => {
                store.halve(message, [&ids(), &ids()])?;
                Ok(Next::Message)
            }
            Answer::NotUnderstood(reason) | Answer::Nothing(reason) => {
                self.failed(peering, &reason, Some(status), None)
            }
            Answer::TooLarge => {
                let error = format!(
                    "{}, or a server before it, finds a single change of {} bytes too large (413): raise its limit",
                    peering.remote,
                    message.texts.len()
                );
                self.failed(peering, &error, Some(status), None)
            }
            Answer::OutOfStep(seq) if seq == message.seq + 1 => {
                store.renumber(peering.id, seq, &mut ids)?;
                Ok(Next::Message)
            }
            Answer::OutOfStep(seq) if seq == message.seq => {
                let error = format!(
                    "{} refuses message {seq} and expects message {seq}: its software is at fault",
                    peering.remote
                );
                self.failed(peering, &error, Some(status), None)
            }
            Answer::OutOfStep(_) | Answer::Superseded => {
                let epoch = self.world.uuid();
                let renewals = store.renew(peering.id, &epoch, &mut ids, now)?;
                if renewals < RENEWALS_IN_A_DAY {
                    return Ok(Next::Message);
                }
                let error = format!(
                    "{} has expected other messages than ours three times within a day: this site or that one may be a copy \
                     that runs beside its original",
                    peering.remote
                );
                self.failed(peering, &error, Some(status), Some(Stopped::Clone))
            }
            Answer::Ended => {
                let error = format!("{} has ended this peering", peering.remote);
                self.failed(peering, &error, Some(status), Some(Stopped::Ended))
            }
            Answer::Busy(until) => {
                let error = format!("{} is busy or in maintenance ({status})", peering.remote);
                let failures = store.peering(peering.id)?.attempts;
                let failure = Failure {
                    error: &error,
                    status: Some(status),
                    next_attempt: until
                        .unwrap_or_else(|| schedule::next_attempt(self.world, failures)),
                    stopped: None,
                };
                store.fail(peering.id, &failure, now)?;
                Ok(Next::Stop)
            }
        }
    }

    fn failed(
        &self,
        peering: &PeeringOut,
        error: &str,
        status: Option<u16>,
        stopped: Option<Stopped>,
    ) -> Result<Next, StoreError> {
        let failures = self.store.peering(peering.id)?.attempts;
        let failure = Failure {
            error,
            status,
            next_attempt: schedule::next_attempt(self.world, failures),
            stopped,
        };
        self.store.fail(peering.id, &failure, self.world.now())?;
        Ok(Next::Stop)
    }

    fn post(
        &self,
        peering: &PeeringOut,
        service: &str,
        id: &str,
        body: &str,
        key: &Key,
        end: u64,
    ) -> Result<Reply, TransportError> {
        let now = self.world.now();
        let mut head = headers::sign(id, self.node, key, now, body.as_bytes());
        head.push(("content-type", "application/json".to_owned()));
        head.push(("accept-encoding", "gzip".to_owned()));
        let (body, packed) = gzip::pack(body.as_bytes());
        if packed {
            head.push(("content-encoding", "gzip".to_owned()));
        }
        self.transport.post(&Post {
            url: &http::service_url(&peering.url, service),
            headers: &head,
            body: &body,
            timeout: Duration::from_millis(end.saturating_sub(now)),
        })
    }

    /// The key to sign with: during a rotation the old one, until the peer has answered a `hello` under the new one.
    fn signing_key<'p>(
        &self,
        peering: &'p PeeringOut,
        end: u64,
    ) -> Result<Option<&'p Key>, StoreError> {
        let state = self.store.peering(peering.id)?;
        let [current, new, ..] = peering.keys.as_slice() else {
            if state.rotated.is_some() || state.rotation_attempt > 0 {
                self.store.rotation(peering.id, None)?;
            }
            return Ok(peering.keys.first());
        };
        if state.rotated.is_some() {
            return Ok(Some(new));
        }
        let now = self.world.now();
        let due = now.saturating_sub(state.rotation_attempt) >= ROTATION_INTERVAL;
        if let (true, Some(hello)) = (due, &peering.hello) {
            let answered = self.hello_under(peering, new, hello, end).is_ok();
            self.store.rotation(peering.id, Some((now, answered)))?;
            if answered {
                return Ok(Some(new));
            }
        }
        Ok(Some(current))
    }

    /// Says `hello` and tells what the other side said, under the key that is in use.
    ///
    /// # Errors
    /// [`AskError`] where no answer came that counts.
    pub fn hello(
        &self,
        peering: &PeeringOut,
        hello: &Hello,
        deadline: u64,
    ) -> Result<Hello, AskError> {
        let end = self.world.now().saturating_add(deadline);
        self.hello_under(peering, self.key_in_use(peering)?, hello, end)
    }

    /// Asks for `records` under the key that is in use; `members` are the payload's own. Gives the answer's JSON text.
    ///
    /// # Errors
    /// [`AskError`] where no answer came that counts.
    pub fn records(
        &self,
        peering: &PeeringOut,
        members: Vec<(&str, Json<'_>)>,
        deadline: u64,
    ) -> Result<Vec<u8>, AskError> {
        let end = self.world.now().saturating_add(deadline);
        let key = self.key_in_use(peering)?;
        self.ask(peering, "records", members, key, end)
    }

    /// The first key, or the second once the other side has answered under it.
    fn key_in_use<'p>(&self, peering: &'p PeeringOut) -> Result<&'p Key, AskError> {
        let rotated = self
            .store
            .peering(peering.id)
            .map_err(|error| AskError::Refused(error.to_string()))?
            .rotated
            .is_some();
        peering
            .keys
            .get(usize::from(rotated && peering.keys.len() > 1))
            .ok_or_else(|| AskError::Refused(no_secret(peering)))
    }

    fn hello_under(
        &self,
        peering: &PeeringOut,
        key: &Key,
        hello: &Hello,
        end: u64,
    ) -> Result<Hello, AskError> {
        let text = self.ask(peering, "hello", hello.members(), key, end)?;
        json::parse(&text)
            .ok()
            .and_then(|json| Hello::read(&json))
            .ok_or_else(|| {
                AskError::Refused(format!(
                    "{} answered our hello with something else",
                    peering.remote
                ))
            })
    }

    /// Calls a service other than `changes` under `key`, until `end` (Unix milliseconds), and gives the answer's JSON text
    /// once its signature, time and addresses are right.
    ///
    /// # Errors
    /// [`AskError`] where no answer came that counts.
    pub fn ask(
        &self,
        peering: &PeeringOut,
        service: &str,
        members: Vec<(&str, Json<'_>)>,
        key: &Key,
        end: u64,
    ) -> Result<Vec<u8>, AskError> {
        let id = self.world.uuid();
        let sent = time::write(self.world.now());
        let common = Common {
            service,
            sender: self.node,
            recipient: &peering.remote,
            sent: &sent,
        };
        let payload = message::payload_of(&common, members);
        let reply = self
            .post(
                peering,
                service,
                &id,
                &message::body(&id, &payload, key),
                key,
                end,
            )
            .map_err(|error| AskError::Transport {
                remote: peering.remote.clone(),
                error,
            })?;
        let expected = Expected {
            service,
            id: &id,
            node: self.node,
            remote: &peering.remote,
            keys: std::slice::from_ref(key),
            changes: 0,
            now: self.world.now(),
        };
        let refused = |reason: String| AskError::Refused(reason);
        match reply.status {
            200 => answer::body(&reply, &expected).map_err(|flaw| {
                refused(format!(
                    "the address of {} answered our {service}, but {flaw}",
                    peering.remote
                ))
            }),
            status => Err(refused(match answer::read(&reply, &expected) {
                Answer::NotUnderstood(reason) | Answer::Nothing(reason) => reason,
                Answer::Ended => format!("{} has ended this peering", peering.remote),
                _ => format!("{} answered our {service} with {status}", peering.remote),
            })),
        }
    }
}

fn no_secret(peering: &PeeringOut) -> String {
    format!(
        "the peering with {} has no usable shared secret",
        peering.remote
    )
}

/// Threads inherit the signals that are blocked: PHP's signal handlers must run on PHP's own thread.
fn with_signals_blocked<T>(work: impl FnOnce() -> T) -> T {
    let before = SigSet::thread_get_mask();
    let blocked = SigSet::all().thread_block().is_ok();
    let answer = work();
    if let (true, Ok(before)) = (blocked, before) {
        let _ = before.thread_set_mask();
    }
    answer
}
