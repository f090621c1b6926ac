//! A site: the algorithm of the extension, on the real store, delivery, intake and decisions.
//!
//! It follows civishare-ext step by step, with its names where there is one: `Settler`, `Incoming`, `Applier`, the jobs. Each
//! step that another process could come between is one function, and a process may be killed or put to sleep there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use civishare::causality::{
    self, DecideFacts, ForwardFacts, Linked, Origin, Outgoing, Outside, PeeringId, PushFacts, Row,
    Rule, SettleFacts, State, Values, Verdict,
};
use civishare::change::{Change, Operation};
use civishare::delivery::{Courier, Event, PeeringOut, SendOptions};
use civishare::hello::Hello;
use civishare::intake::PeeringIn;
use civishare::json::{self, Json};
use civishare::signature;
use civishare::store::{ClaimedChange, OutboxChange, Outcome, Store};
use civishare::world::World;

use crate::check::{Why, violated};
use crate::crm::{ContactId, EntityId, JournalRow, Saw, Tables, Writing};
use crate::dice::{MINUTE, SiteWorld, lock};
use crate::faults::{Disk, maybe_crash};
use crate::network::{Line, Net};
use crate::plan::{EMAIL, FLAG, Gate, SitePlan, attributes};

pub const TYPE: &str = "civishare.change.contact.base";

/// A change's lease while it is applied, as in Applier.
const LEASE: u64 = 10 * MINUTE;

/// So often a change is tried before it becomes a dead letter, as in Applier.
const ATTEMPTS: u32 = 5;

/// Rows of the journal that belong to nobody after this time, as in Settler.
const LEFT_BEHIND: u64 = MINUTE;

/// Settled rows and the changes that they carry.
pub type Carried = Vec<(u64, Vec<Outgoing>)>;

/// One end of a peering.
pub struct End {
    pub id: PeeringId,
    pub remote: usize,
    pub rule: Rule,
    pub gate: Option<Gate>,
    pub out: PeeringOut,
    pub into: PeeringIn,
}

/// A web request that has committed and not yet flushed.
pub struct Request {
    pub id: u64,
    pub before: BTreeMap<ContactId, Values>,
}

/// What is lost when the machine goes down: processes that were put to sleep.
#[derive(Default)]
pub struct Memory {
    pub requests: Vec<Request>,
    pub unpublished: Vec<Carried>,
    pub claims: Vec<Vec<ClaimedChange>>,
    pub unfinished: Vec<Vec<(i64, Outcome)>>,
}

pub struct Site {
    pub index: usize,
    pub node: String,
    pub plan: SitePlan,
    pub ends: Vec<End>,
    pub world: SiteWorld,
    pub disk: Disk,
    pub crash: Arc<AtomicU32>,
    /// Per mille of the places where a process may be put to sleep.
    pub slow: AtomicU32,
    pub db: Mutex<Tables>,
    pub backup: Mutex<Option<Tables>>,
    /// Somebody has set the clock; versions held are to be compared with it.
    pub clock_moved: AtomicU32,
    /// A backup was restored, and no job has run since.
    pub restored: AtomicBool,
    pub memory: Mutex<Memory>,
    pub down_until: AtomicU64,
    pub requests: AtomicU64,
}

impl Site {
    pub fn tables(&self) -> Tables {
        lock(&self.db).clone()
    }

    pub fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// A process of this site writes.
    pub fn writing(&self, request: u64) -> Writing<'_> {
        Writing {
            site: self.index,
            plan: &self.plan,
            time: self.world.now(),
            request,
            cause: None,
        }
    }

    fn end(&self, id: PeeringId) -> Option<&End> {
        self.ends.iter().find(|end| end.id == id)
    }

    fn letting_out(&self) -> BTreeSet<PeeringId> {
        self.ends
            .iter()
            .filter(|end| end.out.types_out.contains_key(TYPE))
            .map(|end| end.id)
            .collect()
    }

    /// Where a contact that holds these values may go (Gate::pass).
    fn pass(&self, values: &Values) -> (BTreeSet<PeeringId>, Outside) {
        let mut inside = self.letting_out();
        let mut outside = Outside::default();
        for end in &self.ends {
            if let Some(gate) = end.gate
                && !gate.admits(values)
                && inside.remove(&end.id)
            {
                outside.peerings.insert(end.id);
                if gate.withdraws {
                    outside.withdraw.insert(end.id);
                }
            }
        }
        (inside, outside)
    }

    fn origin<'a>(&'a self, instance: &'a str, row: u64, reference: &'a str) -> Origin<'a> {
        Origin {
            node: &self.node,
            instance,
            row,
            kind: TYPE,
            entity: "Contact",
            reference,
            time: self.world.now(),
        }
    }

    fn is_slow(&self) -> bool {
        self.world.dice.chance(self.slow.load(Ordering::Relaxed))
    }
}

pub fn defaults() -> Values {
    Values::from([(FLAG.to_owned(), Json::Bool(false))])
}

/// The open journal rows of one contact.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    created: bool,
    deleted: bool,
    merges: Vec<(ContactId, Row)>,
    names: BTreeSet<String>,
}

/// A transaction that another one stood in the way of, or that the change itself makes impossible.
type Failed = String;

impl Net {
    /// Commits, unless the process dies first; it may die just afterwards too.
    pub fn commit(&self, site: &Site, tables: Tables, why: Why) {
        maybe_crash(&self.dice, &site.crash);
        {
            let mut db = lock(&site.db);
            lock(&self.truth).committed(site, &db, &tables, why);
            *db = tables;
        }
        maybe_crash(&self.dice, &site.crash);
    }

    /// Settles open rows inside a transaction (Settler::within).
    fn settle(
        &self,
        site: &Site,
        tables: &mut Tables,
        rows: &[u64],
        before: &BTreeMap<ContactId, Values>,
        chain: &[Cow<'_, str>],
    ) -> Carried {
        let mut absorbed_at: BTreeMap<ContactId, u64> = BTreeMap::new();
        for id in rows {
            if let Saw::Merge(absorbed) = tables.journal[id].saw {
                absorbed_at.insert(absorbed, *id);
            }
        }
        let mut groups: BTreeMap<ContactId, Group> = BTreeMap::new();
        for id in rows {
            let row = &tables.journal[id];
            // What happens to a contact after it was absorbed is a part of the merge.
            if absorbed_at.get(&row.contact).is_some_and(|at| id > at) {
                continue;
            }
            let group = groups.entry(row.contact).or_default();
            let mut fact = Row {
                id: *id,
                time: row.time,
                attributes: Vec::new(),
            };
            match &row.saw {
                Saw::Insert => group.created = true,
                Saw::Delete => group.deleted = true,
                Saw::Merge(absorbed) => {
                    group.merges.push((*absorbed, fact));
                    continue;
                }
                Saw::Update(names) => {
                    group.names.extend(names.iter().cloned());
                    fact.attributes.clone_from(names);
                }
                Saw::Forward => continue,
            }
            group.rows.push(fact);
        }
        let mut order: Vec<ContactId> = groups.keys().copied().collect();
        // Whoever is absorbed comes before the one that absorbs them, as in Batch::groups.
        order.sort_by_key(|id| absorbed_at.get(id).copied().unwrap_or(u64::MAX));
        let mut changes = Vec::new();
        for id in order {
            let group = &groups[&id];
            self.settle_one(
                site,
                tables,
                id,
                &absorbed_at,
                group,
                before,
                chain,
                &mut changes,
            );
        }
        close(tables, rows, changes)
    }

    #[allow(clippy::too_many_arguments)]
    fn settle_one(
        &self,
        site: &Site,
        tables: &mut Tables,
        contact: ContactId,
        absorbed_at: &BTreeMap<ContactId, u64>,
        group: &Group,
        before: &BTreeMap<ContactId, Values>,
        chain: &[Cow<'_, str>],
        changes: &mut Vec<Outgoing>,
    ) {
        let instance = tables.instance.clone();
        let reference = contact.to_string();
        // What is told of one that was absorbed goes where its survivor goes, and what becomes of the peers' copies is the merge's to say.
        let mut survivor = contact;
        for _ in absorbed_at {
            survivor = absorbed_at
                .get(&survivor)
                .map_or(survivor, |merge| tables.journal[merge].contact);
        }
        let (peerings, mut outside) = match tables.contacts.get(&survivor) {
            Some(survivor) if !group.deleted => site.pass(&survivor.values),
            _ => (site.letting_out(), Outside::default()),
        };
        if survivor != contact {
            outside = Outside::default();
        }
        let facts = |operation, rows: Vec<Row>, merged: Option<State>, after: Values| SettleFacts {
            origin: site.origin(&instance, rows.first().map_or(0, |row| row.id), &reference),
            operation,
            rows,
            before: before
                .get(&contact)
                .map(|values| only(values, &group.names))
                .unwrap_or_default(),
            after,
            defaults: defaults(),
            peerings: peerings.clone(),
            outside: outside.clone(),
            merged,
            chain: chain.to_vec(),
            floor: None,
            now: site.world.now(),
            uid: site.world.uuid(),
        };
        let known = tables.state_of(contact);
        let all = group.created || causality::wants_all(known.as_ref(), &peerings);
        let values = tables.values(contact);
        let after = if all {
            values
        } else {
            only(&values, &group.names)
        };
        for (absorbed, row) in &group.merges {
            let Some(gone) = tables.entity_of(*absorbed) else {
                continue;
            };
            let merged = tables.entities[&gone].state.clone();
            if !tables.contacts.contains_key(&contact) {
                // Who was taken in by one that is gone by now is gone with it.
                let rows = vec![row.clone()];
                let facts = facts(Operation::Delete, rows, None, Values::new());
                if let Some(settled) = causality::settle(Some(merged), &facts) {
                    tables.save(Some(gone), None, settled.state);
                    changes.extend(settled.changes);
                }
                continue;
            }
            let state = tables.state_of(contact);
            let facts = facts(
                Operation::Merge,
                vec![row.clone()],
                Some(merged),
                tables.values(contact),
            );
            if let Some(settled) = causality::settle(state, &facts) {
                nothing_gets_out(site, &settled.changes, &outside);
                tables.entities.remove(&gone);
                let id = tables.entity_of(contact);
                tables.save(id, Some(contact), settled.state);
                changes.extend(settled.changes);
            }
        }
        let id = tables.entity_of(contact);
        let state = id.map(|id| tables.entities[&id].state.clone());
        if group.deleted {
            if let Some(state) = state
                && let Some(settled) = causality::settle(
                    Some(state),
                    &facts(Operation::Delete, group.rows.clone(), None, Values::new()),
                )
            {
                tables.save(id, None, settled.state);
                changes.extend(settled.changes);
            }
            return;
        }
        if !tables.contacts.contains_key(&contact) {
            // It is gone already; the row of its deletion comes later.
            return;
        }
        if !group.rows.is_empty() {
            let operation = if group.created {
                Operation::Create
            } else {
                Operation::Update
            };
            let state = tables.state_of(contact);
            let facts = facts(operation, group.rows.clone(), None, after);
            if let Some(settled) = causality::settle(state, &facts) {
                nothing_gets_out(site, &settled.changes, &outside);
                let id = tables.entity_of(contact);
                tables.save(id, Some(contact), settled.state);
                changes.extend(settled.changes);
            }
        }
    }

    /// Settles rows in a transaction of their own and hands them to the outbox (Settler::all).
    fn settle_rows(
        &self,
        site: &Site,
        before: &BTreeMap<ContactId, Values>,
        which: impl Fn(u64, &JournalRow) -> bool,
    ) {
        let mut tables = site.tables();
        let mut rows: Vec<u64> = tables
            .open_rows()
            .filter(|(id, row)| which(*id, row))
            .map(|(id, _)| id)
            .collect();
        if rows.is_empty() {
            return;
        }
        with_absorbed(&tables, &mut rows);
        let carried = self.settle(site, &mut tables, &rows, before, &[]);
        self.commit(site, tables, Why::Settle);
        if site.is_slow() {
            lock(&site.memory).unpublished.push(carried);
        } else {
            self.publish(site, &carried);
        }
    }

    /// Puts settled changes into the outbox, then closes their rows (Settler::publish).
    pub fn publish(&self, site: &Site, carried: &Carried) {
        if carried.iter().all(|(_, changes)| changes.is_empty()) {
            return;
        }
        // All that was settled before goes first, whoever settled it: an update must not overtake the creation.
        let last = carried.iter().map(|(id, _)| *id).max().unwrap_or(0);
        self.enqueue(site, &settled(site, last));
    }

    fn enqueue(&self, site: &Site, carried: &Carried) {
        // The store must have seen how far the database has come before it takes what came of that: a backup from before is
        // then known by it.
        if !self.fits(site) {
            return;
        }
        let targets: Vec<Vec<PeeringId>> = carried
            .iter()
            .flat_map(|(_, changes)| {
                changes
                    .iter()
                    .map(|change| change.targets.iter().copied().collect())
            })
            .collect();
        let changes: Vec<OutboxChange<'_>> = carried
            .iter()
            .flat_map(|(_, changes)| changes)
            .zip(&targets)
            .map(|(change, targets)| {
                OutboxChange::read(&change.id, &change.text, targets).expect("a sealed change")
            })
            .collect();
        lock(&self.truth).told(site, &changes);
        if site.disk.enqueue(&changes, site.world.now()).is_err() {
            // The rows keep them; a job tries again.
            return;
        }
        let mut tables = site.tables();
        for (id, _) in carried {
            tables.journal.remove(id);
        }
        self.commit(site, tables, Why::Publish);
    }

    /// What a web request has committed, when it ends (Settler::ofThisRequest).
    pub fn flush(&self, site: &Site, request: &Request) {
        if !self.fits(site) {
            return;
        }
        self.settle_rows(site, &request.before, |_, row| {
            row.request == request.id && row.cause.is_none()
        });
    }

    /// What was left behind (Process::settle).
    pub fn settle_leftovers(&self, site: &Site) {
        let living: BTreeSet<u64> = lock(&site.memory)
            .requests
            .iter()
            .map(|request| request.id)
            .collect();
        let old = site.world.now().saturating_sub(LEFT_BEHIND);
        self.settle_rows(site, &BTreeMap::new(), |_, row| {
            row.time < old || !living.contains(&row.request)
        });
        let all = settled(site, u64::MAX);
        if !all.is_empty() {
            self.enqueue(site, &all);
        }
    }

    /// Has contacts looked at again that a filter should let out and does not, or the other way round (Sweep). Tells whether there were any.
    pub fn sweep(&self, site: &Site) -> bool {
        if site.ends.iter().all(|end| end.gate.is_none()) || !self.fits(site) {
            return false;
        }
        let request = site.request();
        let mut tables = site.tables();
        let writing = site.writing(request);
        let mut moved = false;
        let contacts: Vec<ContactId> = tables.alive().map(|(id, _)| id).collect();
        for contact in contacts {
            let Some(state) = tables.state_of(contact) else {
                continue;
            };
            let (inside, outside) = site.pass(&tables.values(contact));
            let gated = |end: &&End| end.gate.is_some();
            if site.ends.iter().filter(gated).any(|end| {
                inside.contains(&end.id) && !state.follows(end.id)
                    || outside.peerings.contains(&end.id) && state.follows(end.id)
            }) {
                tables.row(&writing, contact, Saw::Update(Vec::new()));
                moved = true;
            }
        }
        if moved {
            self.commit(site, tables, Why::Settle);
            self.settle_rows(site, &BTreeMap::new(), |_, row| row.request == request);
        }
        moved
    }

    /// The job that sends (Send::run).
    pub fn job_send(&self, site: &Site, max_messages: u64) {
        if !self.fits(site) {
            return;
        }
        self.settle_leftovers(site);
        let line = Line {
            net: self,
            from: site.index,
        };
        let courier = Courier {
            store: &site.disk,
            world: &site.world,
            transport: &line,
            node: &site.node,
        };
        if !self.believes_its_clock(site, &courier) {
            return;
        }
        let asking = lock(&site.db).ask.clone();
        for end in &site.ends {
            if asking.contains(&end.id) {
                let hello = Hello {
                    resync: true,
                    ..end.into.hello("simulation")
                };
                if courier.hello(&end.out, &hello, 30_000).is_ok() {
                    let mut tables = site.tables();
                    tables.ask.remove(&end.id);
                    self.commit(site, tables, Why::Publish);
                }
            }
            let options = SendOptions {
                max_messages,
                workers: 0,
                ..SendOptions::default()
            };
            let reports = courier.send(std::slice::from_ref(&end.out), &options);
            for report in reports {
                if report.event == Some(Event::Resync) {
                    let mut tables = site.tables();
                    tables.push.insert(end.id);
                    self.commit(site, tables, Why::Publish);
                    // If that fails, everything is pushed once more.
                    let _ = site.disk.resynced(end.id);
                }
            }
        }
        self.push_asked(site);
    }

    fn push_asked(&self, site: &Site) {
        let asked = lock(&site.db).push.clone();
        for end in site.ends.iter().filter(|end| asked.contains(&end.id)) {
            if self.push_all(site, end) {
                let mut tables = site.tables();
                tables.push.remove(&end.id);
                self.commit(site, tables, Why::Publish);
            }
        }
    }

    /// Everything that a peering lets out goes to it once more (Push::batch). What it has asked for stays due, as it may wait
    /// for what came before.
    fn push_all(&self, site: &Site, end: &End) -> bool {
        if !end.out.types_out.contains_key(TYPE) {
            return true;
        }
        let run = site.world.uuid();
        let ids: Vec<EntityId> = lock(&site.db).entities.keys().copied().collect();
        for id in ids {
            let mut tables = site.tables();
            // Open rows first, so that what goes out has the version of what it says.
            let Some(entity) = tables.entities.get(&id).cloned() else {
                continue;
            };
            if let Some(contact) = entity.contact {
                let rows: Vec<u64> = tables
                    .open_rows()
                    .filter(|(_, row)| row.contact == contact || row.saw == Saw::Merge(contact))
                    .map(|(id, _)| id)
                    .collect();
                if !rows.is_empty() {
                    // They go by the usual way, with all that stands in them.
                    self.settle_rows(site, &BTreeMap::new(), |id, _| rows.contains(&id));
                    tables = site.tables();
                }
            }
            let Some(entity) = tables.entities.get(&id).cloned() else {
                continue;
            };
            let reference = entity.contact.unwrap_or_default().to_string();
            let outside = match entity.contact {
                Some(contact) => site.pass(&tables.values(contact)).1,
                // What is gone fits no filter.
                None => Outside {
                    peerings: end.gate.iter().map(|_| end.id).collect(),
                    ..Outside::default()
                },
            };
            let pushed = causality::push(
                entity.state.clone(),
                &PushFacts {
                    origin: site.origin(&run, u64::from(id), &reference),
                    peering: end.id,
                    outside: outside.clone(),
                    all: entity
                        .contact
                        .map(|contact| tables.values(contact))
                        .unwrap_or_default(),
                    defaults: defaults(),
                },
            );
            let told = pushed.changes;
            nothing_gets_out(site, &told, &outside);
            tables.save(Some(id), entity.contact, pushed.state);
            self.commit(site, tables, Why::Push);
            let targets = [end.id];
            let changes: Vec<OutboxChange<'_>> = told
                .iter()
                .map(|change| {
                    OutboxChange::read(&change.id, &change.text, &targets).expect("a sealed change")
                })
                .collect();
            lock(&self.truth).told(site, &changes);
            if site.disk.enqueue(&changes, site.world.now()).is_err() {
                return false;
            }
        }
        true
    }

    /// The job that applies (Process::run, Applier::run). Tells whether there was something.
    pub fn job_process(&self, site: &Site, limit: usize) -> bool {
        if !self.fits(site) {
            return true;
        }
        self.settle_leftovers(site);
        let now = site.world.now();
        let Ok(claims) = site.disk.claim(limit, now, now + LEASE) else {
            return true;
        };
        let any = !claims.is_empty();
        if any && site.is_slow() {
            lock(&site.memory).claims.push(claims);
        } else if any {
            self.apply(site, claims);
        }
        any
    }

    /// One batch in one transaction; what fails in it is rolled back by itself (Applier::batch).
    pub fn apply(&self, site: &Site, claims: Vec<ClaimedChange>) {
        let request = site.request();
        let mut tables = site.tables();
        let mut carried = Carried::new();
        let mut results = Vec::new();
        let mut held: BTreeSet<String> = BTreeSet::new();
        let mut applied = Vec::new();
        for claim in claims {
            let mark = signature::loop_signature_text(&claim.signature);
            if !claim.links_only && tables.applied.contains(&mark) {
                results.push((claim.inbox, Outcome::Applied));
                continue;
            }
            let json = json::parse(claim.text.as_bytes()).expect("a change in the inbox is JSON");
            let change = Change::read(&json).expect("a change in the inbox is well-formed");
            let soon = site.world.now() + MINUTE;
            let uids: Vec<String> = std::iter::once(&change.entity_uid)
                .chain(&change.same_as)
                .chain(&change.merged_uid)
                .map(ToString::to_string)
                .collect();
            if uids.iter().any(|uid| held.contains(uid)) {
                let reason = "an earlier change of the entity waits or failed".to_owned();
                results.push((
                    claim.inbox,
                    Outcome::Wait {
                        until: soon,
                        reason,
                        alone: false,
                    },
                ));
                held.extend(uids);
                continue;
            }
            let mut attempt = tables.clone();
            let mut passed_on = Carried::new();
            match self.incoming(
                site,
                &mut attempt,
                &claim,
                &change,
                &mark,
                request,
                &mut passed_on,
            ) {
                Ok(outcome) => {
                    if outcome == Outcome::Applied && !claim.links_only {
                        attempt.applied.insert(mark.clone());
                        attempt.count_applied += 1;
                        applied.push(mark);
                    }
                    if let Outcome::Wait { alone: false, .. } = outcome {
                        held.extend(uids);
                    }
                    tables = attempt;
                    carried.extend(passed_on);
                    results.push((claim.inbox, outcome));
                }
                Err(reason) => {
                    held.extend(uids);
                    results.push((
                        claim.inbox,
                        if claim.attempts >= ATTEMPTS {
                            Outcome::Dead { reason }
                        } else {
                            Outcome::Retry {
                                until: Some(soon),
                                reason,
                            }
                        },
                    ));
                }
            }
        }
        self.commit(site, tables, Why::Apply(applied));
        if site.is_slow() {
            lock(&site.memory).unpublished.push(carried);
        } else {
            self.publish(site, &carried);
        }
        if site.is_slow() {
            lock(&site.memory).unfinished.push(results);
        } else {
            self.finish(site, &results);
        }
    }

    /// Tells the store what became of claimed changes (Applier::finish).
    pub fn finish(&self, site: &Site, results: &[(i64, Outcome)]) {
        if self.fits(site) {
            let _ = site.disk.finish(results, site.world.now());
        }
    }

    /// One received change (Incoming::apply).
    #[allow(clippy::too_many_arguments)]
    fn incoming(
        &self,
        site: &Site,
        tables: &mut Tables,
        claim: &ClaimedChange,
        change: &Change<'_>,
        mark: &str,
        request: u64,
        carried: &mut Carried,
    ) -> Result<Outcome, Failed> {
        let end = site.end(claim.peering).ok_or("the peering is gone")?;
        let mut found = self.find(tables, change)?;
        // Open local edits of the entity come first. One of them may be a merge, and then another entity is meant.
        for _ in 0..4 {
            let contacts: Vec<ContactId> = found.contacts(tables);
            let rows: Vec<u64> = tables
                .open_rows()
                .filter(|(_, row)| {
                    row.cause.is_none()
                        && (contacts.contains(&row.contact)
                            || matches!(row.saw, Saw::Merge(absorbed) if contacts.contains(&absorbed)))
                })
                .map(|(id, _)| id)
                .collect();
            if rows.is_empty() {
                break;
            }
            let mut rows = rows;
            with_absorbed(tables, &mut rows);
            carried.extend(self.settle(site, tables, &rows, &BTreeMap::new(), &[]));
            found = self.find(tables, change)?;
        }
        let Found {
            kept,
            contact,
            gone,
            linked,
            graves,
            elsewhere,
        } = found;
        if claim.links_only && kept.is_none() {
            return Ok(Outcome::Ignored);
        }
        if change.operation != Operation::Delete {
            for uid in &elsewhere {
                let pair = (change.entity_uid.to_string(), uid.clone());
                tables.proposed.insert(pair);
            }
        }
        let state = kept.map(|id| tables.entities[&id].state.clone());
        let followed = state.as_ref().is_some_and(|state| state.follows(end.id));
        let gone_state = gone.map(|id| tables.entities[&id].state.clone());
        let gone_contact = gone.and_then(|id| tables.entities[&id].contact);
        let before = contact.map(|id| tables.values(id)).unwrap_or_default();
        let decision = causality::decide(
            change,
            state,
            &DecideFacts {
                node: &site.node,
                now: site.world.now(),
                peering: end.id,
                // What is told whole of a known entity is a resynchronisation, in which the latest wins.
                rule: match change.operation {
                    Operation::Create => Rule::Latest,
                    _ => end.rule,
                },
                came_round: claim.came_round,
                simple: false,
                linked: linked.then(|| Linked {
                    current: before.clone(),
                    defaults: defaults(),
                    strict: [FLAG.to_owned()].into(),
                }),
                merged: gone_state,
                graves: graves
                    .iter()
                    .map(|id| tables.entities[id].state.clone())
                    .collect(),
                merged_values: gone_contact.map(|id| tables.values(id)).unwrap_or_default(),
                elsewhere,
            },
        );
        self.note(|| {
            format!(
                "  {} of contact {contact:?} (links {linked}, came round {}) decides {:?}, writes {:?}: {}",
                site.index,
                claim.came_round,
                decision.verdict,
                decision.write.keys(),
                crate::check::short(&claim.text)
            )
        });
        let writing = Writing {
            cause: Some(mark),
            ..site.writing(request)
        };
        let mut id = contact;
        match (&decision.verdict, contact) {
            (Verdict::Reject(reason), _) => {
                return Ok(Outcome::Dead {
                    reason: reason.clone(),
                });
            }
            (Verdict::Wait(until), _) => {
                let reason = "ahead of the clock".to_owned();
                return Ok(Outcome::Wait {
                    until: *until,
                    reason,
                    alone: kept.is_some(),
                });
            }
            (Verdict::Delete, contact) => {
                for contact in contact.into_iter().chain(gone_contact) {
                    tables.delete(&writing, contact);
                }
            }
            (Verdict::Merge, contact) => {
                if let (Some(survivor), Some(absorbed)) = (contact, gone_contact) {
                    tables.trash(absorbed);
                    tables.update(&writing, survivor, &decision.write);
                }
            }
            (Verdict::Write, Some(contact)) => tables.update(&writing, contact, &decision.write),
            (Verdict::Write, None) if kept.is_none() => {
                id = Some(tables.create(&writing, decision.write.clone()));
            }
            (Verdict::Write, None) => {
                return Err("gone: this site knows the entity, but no longer has it".to_owned());
            }
            (Verdict::Ignore, _) => return Ok(Outcome::Ignored),
            (Verdict::Hold, _) => {}
        }

        // What goes on (Incoming::goOn).
        let created = kept.is_none() && !linked && id.is_some();
        let caused: Vec<(u64, ContactId)> = tables
            .open_rows()
            .filter(|(_, row)| row.cause.as_deref() == Some(mark))
            .map(|(row_id, row)| (row_id, row.contact))
            .collect();
        let is_own = |contact: ContactId| Some(contact) == id || Some(contact) == gone_contact;
        let own: Vec<u64> = caused
            .iter()
            .filter(|(_, of)| is_own(*of))
            .map(|(row, _)| *row)
            .collect();
        let others: Vec<u64> = caused
            .iter()
            .filter(|(_, of)| !is_own(*of))
            .map(|(row, _)| *row)
            .collect();
        let row = match own.first() {
            Some(row) => *row,
            None => tables.row(&writing, id.unwrap_or(0), Saw::Forward),
        };
        let outlives = !decision.advanced.is_empty()
            && matches!(
                (change.operation, &decision.verdict),
                (Operation::Delete, Verdict::Hold) | (Operation::Merge, Verdict::Merge)
            );
        // What is deleted, or held back without a change, is told to whoever has it (Incoming::pass).
        let (peerings, mut outside) = match id {
            Some(id) if decision.verdict == Verdict::Write || outlives => {
                site.pass(&tables.values(id))
            }
            _ => (site.letting_out(), Outside::default()),
        };
        if !followed {
            // Who has told of it by itself has a copy of its own.
            outside.withdraw.remove(&end.id);
        }
        let alive = id.is_some() && decision.state.tombstone.is_none();
        let all =
            (alive && decision.verdict != Verdict::Delete).then(|| tables.values(id.unwrap_or(0)));
        let (derived_before, derived_after) = if decision.verdict == Verdict::Write && alive {
            let rows = if claim.came_round { &[][..] } else { &own };
            let created = created && !claim.came_round;
            derived(tables, id.unwrap_or(0), rows, &decision, &before, created)
        } else {
            Default::default()
        };
        let instance = tables.instance.clone();
        let reference = id.unwrap_or(0).to_string();
        let forwarded = causality::forward(
            change,
            decision.state.clone(),
            &ForwardFacts {
                origin: site.origin(&instance, row, &reference),
                came_by: end.id,
                advanced: decision.advanced.clone(),
                new_uids: decision.new_uids.clone(),
                came_round: claim.came_round,
                linked,
                before: derived_before,
                after: derived_after,
                peerings,
                outside: outside.clone(),
                all,
                defaults: defaults(),
            },
        );
        nothing_gets_out(site, &forwarded.changes, &outside);
        let keeps = match decision.verdict {
            Verdict::Delete => None,
            _ => id.or(kept.and_then(|id| tables.entities[&id].contact)),
        };
        if let Some(gone) =
            gone.filter(|_| matches!(decision.verdict, Verdict::Merge | Verdict::Delete))
        {
            tables.entities.remove(&gone);
        }
        for grave in graves {
            if forwarded
                .state
                .uids
                .iter()
                .any(|uid| uid == tables.entities[&grave].state.uid())
            {
                tables.entities.remove(&grave);
            }
        }
        tables.save(kept, keeps, forwarded.state);
        let mut mine = vec![row];
        mine.extend(own.into_iter().filter(|id| *id != row));
        carried.extend(close(tables, &mine, forwarded.changes));
        if !others.is_empty() {
            if claim.came_round {
                close(tables, &others, Vec::new());
            } else {
                let chain = change.loop_detection.clone();
                carried.extend(self.settle(site, tables, &others, &BTreeMap::new(), &chain));
            }
        }
        Ok(Outcome::Applied)
    }

    /// The entity that a change means (Meaning::find, Matcher::find).
    fn find(&self, tables: &Tables, change: &Change<'_>) -> Result<Found, Failed> {
        let same_as: Vec<&str> = change.same_as.iter().map(AsRef::as_ref).collect();
        let named = causality::Named {
            operation: change.operation,
            uid: &change.entity_uid,
            same_as: &same_as,
            merged_uid: change.merged_uid.as_deref(),
        };
        let meant = causality::find(&named, |uid| {
            let entity = *tables.uids.get(uid)?;
            Some(causality::Known {
                entity,
                gone: tables.entities[&entity].state.tombstone.is_some(),
            })
        });
        let mut found = Found {
            kept: meant.kept,
            gone: meant.gone,
            graves: meant.graves,
            elsewhere: meant.elsewhere,
            ..Found::default()
        };
        if let Some(kept) = found.kept {
            found.contact = tables.entities[&kept]
                .contact
                .filter(|id| tables.contacts.contains_key(id));
        } else if change.operation == Operation::Create && self.plan.matching {
            let email = change
                .attributes
                .iter()
                .find(|attribute| attribute.name == EMAIL);
            if let Some(email) = email.filter(|email| email.to != Json::Null) {
                match tables.with_email(&email.to)[..] {
                    [] => {}
                    [contact] => {
                        found.linked = true;
                        found.contact = Some(contact);
                        found.kept = tables.entity_of(contact);
                    }
                    _ => return Err("ambiguous: several contacts of this site match".to_owned()),
                }
            }
        }
        Ok(found)
    }
}

/// What a filter keeps back is told to nobody behind it, but that it is gone or one with another.
fn nothing_gets_out(site: &Site, changes: &[Outgoing], outside: &Outside) {
    for change in changes {
        let json = json::parse(change.text.as_bytes()).expect("canonical JSON");
        let read = Change::read(&json).expect("a change");
        if !read.attributes.is_empty() && !change.targets.is_disjoint(&outside.peerings) {
            violated(format!(
                "site {} tells {:?} of what {:?} keep back: {}",
                site.index,
                change.targets,
                outside.peerings,
                crate::check::short(&change.text)
            ));
        }
    }
}

/// What was edited of a contact before it was merged into another one still counts, whoever edited it: it is settled with the
/// merge, after which the contact has no entity of its own any more.
fn with_absorbed(tables: &Tables, rows: &mut Vec<u64>) {
    loop {
        let more: Vec<u64> = tables
            .open_rows()
            .filter(|(id, row)| {
                !rows.contains(id)
                    && row.cause.is_none()
                    && rows.iter().any(
                        |merge| matches!(tables.journal[merge].saw, Saw::Merge(absorbed) if absorbed == row.contact),
                    )
            })
            .map(|(id, _)| id)
            .collect();
        if more.is_empty() {
            break;
        }
        rows.extend(more);
        rows.sort_unstable();
    }
}

/// Settled rows up to this one.
fn settled(site: &Site, last: u64) -> Carried {
    lock(&site.db)
        .journal
        .range(..=last)
        .filter_map(|(id, row)| row.carried.clone().map(|changes| (*id, changes)))
        .collect()
}

/// What a change means here.
#[derive(Default)]
struct Found {
    kept: Option<EntityId>,
    contact: Option<ContactId>,
    /// The entity that a merge ends.
    gone: Option<EntityId>,
    linked: bool,
    /// What was deleted here and is one with it over there.
    graves: Vec<EntityId>,
    /// UIDs that the change names and that are another entity here.
    elsewhere: BTreeSet<String>,
}

impl Found {
    fn contacts(&self, tables: &Tables) -> Vec<ContactId> {
        let of = |id: Option<EntityId>| id.and_then(|id| tables.entities.get(&id)?.contact);
        [self.contact, of(self.kept), of(self.gone)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Closes rows. What they have become is carried to the outbox by a new row, so that the numbers of such rows are in the order
/// in which an entity's changes were settled; its edits need not be, as requests settle theirs when they end.
fn close(tables: &mut Tables, rows: &[u64], changes: Vec<Outgoing>) -> Carried {
    let Some(first) = rows.first().and_then(|id| tables.journal.get(id)).cloned() else {
        return Carried::new();
    };
    for id in rows {
        tables.journal.remove(id);
    }
    if changes.is_empty() {
        return Carried::new();
    }
    tables.last_row += 1;
    let carrier = JournalRow {
        carried: Some(changes.clone()),
        saw: Saw::Forward,
        ..(*first).clone()
    };
    tables.journal.insert(tables.last_row, Arc::new(carrier));
    vec![(tables.last_row, changes)]
}

fn only(values: &Values, names: &BTreeSet<String>) -> Values {
    values
        .iter()
        .filter(|(name, _)| names.contains(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What the site's rules changed besides what the core said to write (Incoming::derived): values before and after.
fn derived(
    tables: &Tables,
    contact: ContactId,
    own: &[u64],
    decision: &causality::Decision,
    before: &Values,
    created: bool,
) -> (Values, Values) {
    let mut names: BTreeSet<String> = BTreeSet::new();
    if created {
        names.extend(attributes().map(str::to_owned));
    } else {
        for id in own {
            if let Some(row) = tables.journal.get(id)
                && let Saw::Update(touched) = &row.saw
            {
                names.extend(touched.iter().cloned());
            }
        }
    }
    names.retain(|name| !decision.write.contains_key(name));
    names.extend(decision.contribute.iter().cloned());
    let blank: Values = attributes()
        .map(|name| {
            (
                name.to_owned(),
                defaults().get(name).cloned().unwrap_or(Json::Null),
            )
        })
        .collect();
    let before = if created { &blank } else { before };
    let mut after = only(&tables.values(contact), &names);
    after.retain(|name, value| {
        decision.contribute.contains(name) || before.get(name) != Some(value)
    });
    let names = after.keys().cloned().collect();
    (only(before, &names), after)
}
