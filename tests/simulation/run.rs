//! One run: work under faults, then quiet.

use std::collections::BTreeMap;
use std::fmt;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use civishare::causality::{self, Values};
use civishare::delivery::{Courier, PeeringOut};
use civishare::intake::PeeringIn;
use civishare::json::Json;
use civishare::shape::{Shape, Types};
use civishare::signature::Key;
use civishare::store::{DatabaseMarks, DeadLetterFilter, Fit, Store};
use civishare::world::World;

use crate::check::{self, ROLLED_BACK, Truth, Violation, Why, violated};
use crate::crm::{ContactId, Tables, Writing, person_of};
use crate::dice::{BEGIN, Clock, DAY, Dice, HOUR, MINUTE, SECOND, SiteWorld, lock};
use crate::faults::Disk;
use crate::network::Net;
use crate::plan::{EMAIL, Edge, FLAG, Flow, Plan, TEXTS, Trouble};
use crate::site::{End, Memory, Request, Site, TYPE};

/// What a run did.
#[derive(Default)]
pub struct Tally {
    runs: u64,
    sites: u64,
    edits: u64,
    dead: u64,
    most_set_off: u64,
    virtual_days: u64,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.sites += other.sites;
        self.edits += other.edits;
        self.dead += other.dead;
        self.virtual_days += other.virtual_days;
        self.most_set_off = self.most_set_off.max(other.most_set_off);
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} networks of {} sites, {} edits, {} virtual days; at most {} changes from one cause; dead letters {:?}",
            self.runs, self.sites, self.edits, self.virtual_days, self.most_set_off, self.reasons
        )
    }
}

/// Runs a seed; `Err` says what did not hold. The last `trace` lines of what happened are printed then.
pub fn run(seed: u64, trace: usize) -> Result<Tally, String> {
    let net = build(seed, trace);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        work(&net);
        settle_down(&net);
        check::at_quiet(&net);
        tally(&net)
    }));
    outcome.map_err(|payload| {
        for line in &lock(&net.truth).trace.lines {
            println!("{line}");
        }
        if trace > 0 {
            println!("{:#?}", net.plan);
        }
        let shape = format!(" ({} of {})", net.plan.shape, net.plan.sites.len());
        match payload.downcast::<Violation>() {
            Ok(violation) => violation.0 + &shape,
            Err(_) => "it panicked".to_owned() + &shape,
        }
    })
}

fn tally(net: &Net) -> Tally {
    let truth = lock(&net.truth);
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for site in &net.sites {
        for dead in site
            .disk
            .dead_letters(&DeadLetterFilter::default())
            .unwrap()
        {
            let reason = dead.reason.split(':').next().unwrap_or_default().to_owned();
            *reasons
                .entry(format!("{} {reason}", dead.direction.as_str()))
                .or_default() += 1;
        }
    }
    Tally {
        runs: 1,
        sites: net.sites.len() as u64,
        edits: truth.edits,
        dead: reasons.values().sum(),
        most_set_off: truth.most_set_off,
        virtual_days: (net.clock.now() - BEGIN) / DAY,
        reasons,
    }
}

fn build(seed: u64, trace: usize) -> Net {
    let dice = Dice::new(seed);
    let clock = Clock::new();
    let plan = Plan::new(&dice);
    let node = |site: usize| format!("https://site{site}.example");
    let types = |flow: &Option<Flow>| -> Types {
        flow.iter()
            .map(|names| {
                let shape = Shape {
                    only: names.clone(),
                    ..Shape::default()
                };
                (TYPE.to_owned(), shape)
            })
            .collect()
    };
    let keys: Vec<Key> = plan
        .edges
        .iter()
        .enumerate()
        .map(|(index, _)| Key::parse(&format!("the secret of peering number {index}")).unwrap())
        .collect();
    let sites = (0..plan.sites.len())
        .map(|index| {
            let world = SiteWorld {
                clock: Arc::clone(&clock),
                dice: Arc::clone(&dice),
                skew: AtomicI64::new(0),
            };
            let crash = Arc::new(AtomicU32::new(0));
            let ends = plan
                .peerings(index)
                .map(|(edge_index, end)| {
                    let edge: &Edge = &plan.edges[edge_index];
                    let remote = edge.ends[1 - end];
                    let id = Edge::id(edge_index, end);
                    End {
                        id,
                        remote,
                        rule: edge.rules[end],
                        gate: edge.gates[end],
                        out: PeeringOut {
                            id,
                            remote: node(remote),
                            url: format!("{}/civishare", node(remote)),
                            keys: vec![keys[edge_index].clone()],
                            types_out: types(&edge.flows[end]),
                            hello: None,
                        },
                        into: PeeringIn {
                            id,
                            remote: node(remote),
                            keys: vec![keys[edge_index].clone()],
                            types_in: types(&edge.flows[1 - end]),
                            types_out: types(&edge.flows[end]),
                            rule: format!("{:?}", edge.rules[end]).to_lowercase(),
                            ..PeeringIn::default()
                        },
                    }
                })
                .collect();
            let disk = Disk::new(&dice, &world, Arc::clone(&crash));
            let instance = world.uuid();
            Site {
                index,
                node: node(index),
                plan: plan.sites[index].clone(),
                ends,
                disk,
                crash,
                slow: AtomicU32::new(0),
                db: Mutex::new(Tables {
                    instance,
                    ..Tables::default()
                }),
                memory: Mutex::new(Memory::default()),
                backup: Mutex::new(None),
                clock_moved: AtomicU32::new(0),
                restored: AtomicBool::new(false),
                down_until: AtomicU64::new(0),
                requests: AtomicU64::new(1),
                world,
            }
        })
        .collect();
    Net {
        plan,
        dice,
        clock,
        sites,
        truth: Mutex::new(Truth::new(trace)),
        packets: Mutex::new(Vec::new()),
        trouble: Mutex::new(Trouble::default()),
    }
}

fn trouble(net: &Net, trouble: &Trouble) {
    *lock(&net.trouble) = trouble.clone();
    for site in &net.sites {
        site.crash.store(trouble.crash, Ordering::Relaxed);
        site.disk.locked.store(trouble.locked, Ordering::Relaxed);
        site.slow.store(trouble.slow, Ordering::Relaxed);
    }
}

/// People work, jobs run, and things go wrong.
fn work(net: &Net) {
    let dice = &net.dice;
    let mut people = People::default();
    trouble(net, &net.plan.trouble);
    for _ in 0..net.plan.steps {
        net.clock.advance(match dice.below(20) {
            0 => dice.within(0..40 * MINUTE),
            1..=4 => dice.within(0..2 * MINUTE),
            // In the same millisecond.
            5 => 0,
            _ => dice.within(0..3 * SECOND),
        });
        let index = dice.below(net.sites.len());
        match dice.below(100) {
            0..=1 => people.clash(net),
            2..=3 => people.fall_out(net),
            4..=34 => net.at(index, |site| people.act(net, site)),
            35..=44 => net.at(index, |site| wake(net, site)),
            45..=69 => net.at(index, |site| net.job_send(site, 1 + dice.within(0..4))),
            70..=91 => net.at(index, |site| {
                if site.ends.iter().any(|end| end.gate.is_some()) && dice.chance(200) {
                    net.sweep(site);
                }
                net.job_process(site, 1 + dice.below(12));
            }),
            92..=95 => {
                net.deliver_due();
            }
            _ => misfortune(net, &net.sites[index]),
        }
        for site in &net.sites {
            if dice.chance(net.plan.trouble.clock / 4 + net.plan.trouble.restore / 2) {
                misfortune(net, site);
            }
        }
    }
}

/// A process that was put to sleep goes on.
fn wake(net: &Net, site: &Site) {
    let dice = &net.dice;
    let mut memory = lock(&site.memory);
    match dice.below(4) {
        0 if !memory.unpublished.is_empty() => {
            let at = dice.below(memory.unpublished.len());
            let carried = memory.unpublished.swap_remove(at);
            drop(memory);
            net.publish(site, &carried);
        }
        1 if !memory.claims.is_empty() => {
            let at = dice.below(memory.claims.len());
            let claims = memory.claims.swap_remove(at);
            drop(memory);
            net.apply(site, claims);
        }
        2 if !memory.unfinished.is_empty() => {
            let at = dice.below(memory.unfinished.len());
            let results = memory.unfinished.swap_remove(at);
            drop(memory);
            net.finish(site, &results);
        }
        _ if !memory.requests.is_empty() => {
            let at = dice.below(memory.requests.len());
            let request = memory.requests.swap_remove(at);
            drop(memory);
            net.flush(site, &request);
        }
        _ => {}
    }
}

/// Something happens to a machine.
fn misfortune(net: &Net, site: &Site) {
    let dice = &net.dice;
    let trouble = &net.plan.trouble;
    if dice.chance(trouble.full * 20) {
        let full = !site.disk.full.load(Ordering::Relaxed);
        site.disk.full.store(full, Ordering::Relaxed);
        net.note(|| {
            format!(
                "the disk of {} is {}",
                site.index,
                if full { "full" } else { "free" }
            )
        });
    }
    if dice.chance(trouble.clock * 15) {
        let hours = |up_to: u64| i64::try_from(dice.within(0..up_to)).unwrap();
        let skew = match dice.below(6) {
            0 => hours(9 * HOUR),
            1 => -hours(9 * HOUR),
            2 => hours(90 * MINUTE),
            3 => -hours(90 * MINUTE),
            _ => 0,
        };
        site.world.skew.store(skew, Ordering::Relaxed);
        site.clock_moved.store(1, Ordering::Relaxed);
        net.note(|| {
            format!(
                "the clock of {} is {} minutes ahead",
                site.index,
                skew / 60_000
            )
        });
    }
    if trouble.restore > 0 && dice.chance(trouble.restore * 30) {
        restore(net, site);
    }
}

fn restore(net: &Net, site: &Site) {
    let dice = &net.dice;
    let backup = lock(&site.backup).clone();
    match (dice.below(5), backup) {
        (0, Some(backup)) | (1, Some(backup)) => {
            net.note(|| format!("the database of {} is restored", site.index));
            *lock(&site.memory) = Memory::default();
            if dice.chance(300) {
                site.disk.lose(&site.world);
            }
            *lock(&site.db) = backup.clone();
            lock(&net.truth).restored(net, site, &backup);
            // Whoever restores a backup runs the job before people work again: only then do the marks tell, whatever is saved.
            site.restored.store(true, Ordering::Relaxed);
        }
        (2, _) => {
            net.note(|| format!("the store of {} is lost", site.index));
            *lock(&site.memory) = Memory::default();
            site.disk.lose(&site.world);
        }
        _ => *lock(&site.backup) = Some(site.tables()),
    }
}

/// What people know of each other.
#[derive(Default)]
struct People {
    count: u32,
    edits: u32,
}

impl People {
    /// Somebody saves something, in a request of its own.
    fn act(&mut self, net: &Net, site: &Site) {
        if site.restored.load(Ordering::Relaxed) && !net.fits(site) {
            return;
        }
        let dice = &net.dice;
        let request = site.request();
        let mut tables = site.tables();
        let writing = site.writing(request);
        let old = tables.clone();
        let alive: Vec<ContactId> = tables.alive().map(|(id, _)| id).collect();
        let rolls_back = dice.chance(60);
        let mut merged = None;
        match dice.below(100) {
            0..=24 => self.create(net, &writing, &mut tables, rolls_back),
            25..=30 if net.plan.deletes && !alive.is_empty() => {
                let contact = *dice.pick(&alive);
                net.note(|| format!("{} deletes {contact}", site.index));
                tables.delete(&writing, contact);
            }
            31..=36 if net.plan.merges && alive.len() > 1 => {
                let (survivor, absorbed) = (*dice.pick(&alive), *dice.pick(&alive));
                if survivor != absorbed {
                    net.note(|| format!("{} merges {absorbed} into {survivor}", site.index));
                    merged = merge(dice, &writing, &mut tables, survivor, absorbed);
                }
            }
            _ if alive.is_empty() => self.create(net, &writing, &mut tables, rolls_back),
            _ => {
                for _ in 0..1 + dice.below(2) {
                    let contact = *dice.pick(&alive);
                    self.edit(dice, &writing, &mut tables, contact, rolls_back);
                }
            }
        }
        if rolls_back {
            return;
        }
        if let Some((a, b)) = merged {
            lock(&net.truth).same_person(a, b);
        }
        save(net, site, request, &old, tables);
    }

    /// People at some sites delete a contact, others merge it with another one or edit it, and none of them knows of the others.
    fn fall_out(&mut self, net: &Net) {
        let dice = &net.dice;
        let somewhere = dice.pick(&net.sites).tables();
        let known: Vec<&String> = somewhere
            .entities
            .values()
            .filter(|entity| entity.contact.is_some())
            .flat_map(|entity| &entity.state.uids)
            .collect();
        if known.len() < 2 {
            return;
        }
        let uids = [*dice.pick(&known), *dice.pick(&known)];
        for index in 0..net.sites.len() {
            net.at(index, |site| self.quarrel(net, site, uids));
        }
    }

    fn quarrel(&mut self, net: &Net, site: &Site, uids: [&String; 2]) {
        let dice = &net.dice;
        if dice.chance(400) || (site.restored.load(Ordering::Relaxed) && !net.fits(site)) {
            return;
        }
        let old = site.tables();
        let mut tables = old.clone();
        let contacts: Vec<ContactId> = uids
            .iter()
            .filter_map(|uid| tables.entities.get(tables.uids.get(*uid)?)?.contact)
            .filter(|id| tables.is_alive(*id))
            .collect();
        if contacts.is_empty() {
            return;
        }
        let request = site.request();
        let writing = site.writing(request);
        let one = *dice.pick(&contacts);
        match dice.below(3) {
            0 if net.plan.deletes => {
                net.note(|| format!("{} deletes {one}", site.index));
                tables.delete(&writing, one);
            }
            1 if net.plan.merges && contacts.len() == 2 && contacts[0] != contacts[1] => {
                let other = if one == contacts[0] {
                    contacts[1]
                } else {
                    contacts[0]
                };
                net.note(|| format!("{} merges {other} into {one}", site.index));
                if let Some((a, b)) = merge(dice, &writing, &mut tables, one, other) {
                    lock(&net.truth).same_person(a, b);
                }
            }
            _ => self.edit(dice, &writing, &mut tables, one, false),
        }
        save(net, site, request, &old, tables);
    }

    /// Two people at two sites edit the same of one contact, in the same millisecond.
    fn clash(&mut self, net: &Net) {
        let dice = &net.dice;
        let edge = dice.pick(&net.plan.edges);
        let [one, other] = edge.ends.map(|site| net.sites[site].tables());
        let common: Vec<(ContactId, ContactId)> = one
            .entities
            .values()
            .filter_map(|entity| {
                let there = other.entities.get(other.uids.get(entity.state.uid())?)?;
                Some((entity.contact?, there.contact?))
            })
            .filter(|(here, there)| one.is_alive(*here) && other.is_alive(*there))
            .collect();
        if common.is_empty() {
            return;
        }
        let (here, there) = *dice.pick(&common);
        let name = *dice.pick(&TEXTS);
        for (index, contact) in [(edge.ends[0], here), (edge.ends[1], there)] {
            net.at(index, |site| {
                if site.restored.load(Ordering::Relaxed) && !net.fits(site) {
                    return;
                }
                let old = site.tables();
                let mut tables = old.clone();
                let request = site.request();
                let writing = site.writing(request);
                let person = person_of(&tables.values(contact)).unwrap_or(0);
                let value = self.text(person, false);
                tables.update(&writing, contact, &Values::from([(name.to_owned(), value)]));
                save(net, site, request, &old, tables);
            });
        }
    }

    fn text(&mut self, person: u32, rolls_back: bool) -> Json<'static> {
        self.edits += 1;
        let mark = if rolls_back { ROLLED_BACK } else { "e" };
        Json::Str(format!("p{person}.{mark}{}", self.edits).into())
    }

    fn create(&mut self, net: &Net, writing: &Writing<'_>, tables: &mut Tables, rolls_back: bool) {
        let dice = &net.dice;
        // Sometimes somebody whom another site knows, or may know.
        let known = dice.chance(300) && net.plan.matching && self.count > 0;
        let person = if known {
            1 + u32::try_from(dice.below(self.count as usize)).unwrap()
        } else {
            self.count += 1;
            self.count
        };
        let email = Json::Str(format!("p{person}.@example.org").into());
        if !tables.with_email(&email).is_empty() {
            return;
        }
        let mut values = Values::from([(EMAIL.to_owned(), email)]);
        for name in TEXTS {
            if dice.chance(500) {
                values.insert(name.to_owned(), self.text(person, rolls_back));
            }
        }
        if dice.chance(200) {
            values.insert(FLAG.to_owned(), Json::Bool(true));
        }
        tables.create(writing, values);
    }

    fn edit(
        &mut self,
        dice: &Dice,
        writing: &Writing<'_>,
        tables: &mut Tables,
        contact: ContactId,
        rolls_back: bool,
    ) {
        let person = person_of(&tables.values(contact)).unwrap_or(0);
        let mut values = Values::new();
        match dice.below(10) {
            0 => {
                values.insert(FLAG.to_owned(), Json::Bool(dice.chance(500)));
            }
            1 => {
                values.insert((*dice.pick(&TEXTS)).to_owned(), Json::Null);
            }
            2 => {
                // Swapped, as by somebody who mixed the fields up.
                let now = tables.values(contact);
                let (one, other) = (TEXTS[0], TEXTS[1]);
                values.insert(
                    one.to_owned(),
                    now.get(other).cloned().unwrap_or(Json::Null),
                );
                values.insert(
                    other.to_owned(),
                    now.get(one).cloned().unwrap_or(Json::Null),
                );
            }
            _ => {
                for _ in 0..1 + dice.below(2) {
                    values.insert(
                        (*dice.pick(&TEXTS)).to_owned(),
                        self.text(person, rolls_back),
                    );
                }
            }
        }
        tables.update(writing, contact, &values);
    }
}

/// Commits what a person's request has done, and ends the request at once or later.
fn save(net: &Net, site: &Site, request: u64, old: &Tables, tables: Tables) {
    let mut before = BTreeMap::new();
    let mut touched = Vec::new();
    for (id, contact) in &tables.contacts {
        let was = old.contacts.get(id);
        if was.is_some_and(|was| Arc::ptr_eq(was, contact)) {
            continue;
        }
        for (name, value) in &contact.values {
            if !contact.trashed && was.is_none_or(|was| was.values.get(name) != Some(value)) {
                touched.push((*id, name.clone()));
            }
        }
        if let Some(was) = was {
            before.insert(*id, was.values.clone());
        }
    }
    if tables.journal.len() == old.journal.len() {
        return;
    }
    net.note(|| format!("{} saves {touched:?}", site.index));
    net.commit(site, tables, Why::Edit(touched));
    let request = Request {
        id: request,
        before,
    };
    if net.dice.chance(site.slow.load(Ordering::Relaxed)) {
        lock(&site.memory).requests.push(request);
    } else {
        net.flush(site, &request);
    }
}

fn merge(
    dice: &Dice,
    writing: &Writing<'_>,
    tables: &mut Tables,
    survivor: ContactId,
    absorbed: ContactId,
) -> Option<(u32, u32)> {
    let (of_survivor, of_absorbed) = (tables.values(survivor), tables.values(absorbed));
    let persons = (person_of(&of_survivor)?, person_of(&of_absorbed)?);
    let mut picked = Values::new();
    for name in TEXTS {
        let empty = of_survivor.get(name) == Some(&Json::Null);
        let theirs = of_absorbed.get(name).cloned().unwrap_or(Json::Null);
        if theirs != Json::Null && (empty || dice.chance(300)) {
            picked.insert(name.to_owned(), theirs);
        }
    }
    tables.merge(writing, survivor, absorbed, &picked);
    Some(persons)
}

/// What was told as one and is two here was shown to a person, who merges it. Tells whether there was something.
fn merge_what_is_proposed(net: &Net, site: &Site) -> bool {
    let mut any = false;
    let proposed = std::mem::take(&mut lock(&site.db).proposed);
    for (one, other) in proposed {
        let mut tables = site.tables();
        let contact = |uid: &str| -> Option<ContactId> {
            let id = tables.entities.get(tables.uids.get(uid)?)?.contact?;
            tables.is_alive(id).then_some(id)
        };
        let (Some(survivor), Some(absorbed)) = (contact(&one), contact(&other)) else {
            continue;
        };
        if survivor == absorbed {
            continue;
        }
        any = true;
        let old = tables.clone();
        let request = site.request();
        let writing = site.writing(request);
        if let Some((a, b)) = merge(&net.dice, &writing, &mut tables, survivor, absorbed) {
            lock(&net.truth).same_person(a, b);
        }
        net.note(|| {
            format!(
                "{} merges {absorbed} into {survivor}, as proposed",
                site.index
            )
        });
        save(net, site, request, &old, tables);
    }
    any
}

/// Faults end, clocks are set, and everybody does what is left to do, until nothing is.
fn settle_down(net: &Net) {
    trouble(net, &Trouble::default());
    let dice = &net.dice;
    for site in &net.sites {
        site.disk.full.store(false, Ordering::Relaxed);
        site.down_until.store(0, Ordering::Relaxed);
        let within =
            i64::try_from(dice.within(0..4 * MINUTE)).unwrap() - i64::try_from(2 * MINUTE).unwrap();
        let skew = if net.plan.trouble.clock > 0 {
            within
        } else {
            0
        };
        site.world.skew.store(skew, Ordering::Relaxed);
        site.clock_moved.store(1, Ordering::Relaxed);
    }
    net.note(|| "all faults end".to_owned());
    let (mut rounds, mut idle) = (0, 0);
    loop {
        let mut busy = net.deliver_due();
        for site in &net.sites {
            net.at(site.index, |site| {
                busy |= finish_what_sleeps(net, site);
                let before = site.tables().last_row;
                net.sweep(site);
                while net.job_process(site, 50) {
                    busy = true;
                }
                for end in &site.ends {
                    if site.disk.peering(end.id).unwrap().stopped.is_some() {
                        // A person has looked, and lets it go on.
                        site.disk.resume(end.id).unwrap();
                    }
                }
                net.job_send(site, u64::MAX);
                busy |= site.tables().last_row != before;
            });
        }
        if !busy && is_quiet(net) {
            let mut merged = false;
            for site in &net.sites {
                merged |= merge_what_is_proposed(net, site);
            }
            if !merged {
                return;
            }
            busy = true;
        }
        if busy {
            rounds += 1;
        } else {
            idle += 1;
        }
        // A chain of sites hands a change on by one site a round; waiting goes by ten minutes, for ten days.
        if rounds > 60 + 12 * net.sites.len() || idle > 1_500 {
            violated(format!(
                "the network does not fall silent: {}",
                what_is_left(net)
            ));
        }
        net.clock.advance(if busy { SECOND } else { 10 * MINUTE });
    }
}

fn finish_what_sleeps(net: &Net, site: &Site) -> bool {
    let memory = std::mem::take(&mut *lock(&site.memory));
    let busy = !(memory.requests.is_empty()
        && memory.unpublished.is_empty()
        && memory.claims.is_empty()
        && memory.unfinished.is_empty());
    for request in &memory.requests {
        net.flush(site, request);
    }
    for carried in &memory.unpublished {
        net.publish(site, carried);
    }
    for claims in memory.claims {
        net.apply(site, claims);
    }
    for results in &memory.unfinished {
        net.finish(site, results);
    }
    busy
}

fn is_quiet(net: &Net) -> bool {
    what_is_left(net).is_empty()
}

fn what_is_left(net: &Net) -> String {
    let mut left = String::new();
    let under_way = lock(&net.packets).len();
    if under_way > 0 {
        left += &format!("{under_way} messages under way; ");
    }
    for site in &net.sites {
        let tables = site.tables();
        let status = site.disk.status(site.world.now()).unwrap();
        for end in &site.ends {
            let backlog = site.disk.backlog(end.id).unwrap();
            let state = site.disk.peering(end.id).unwrap();
            if backlog > 0 || state.resync_due {
                left += &format!(
                    "{} has {backlog} changes for {}, resync {}, {:?}; ",
                    site.index, end.remote, state.resync_due, state.last_error
                );
            }
        }
        if status.inbox > 0
            || !tables.journal.is_empty()
            || !tables.push.is_empty()
            || !tables.ask.is_empty()
        {
            left += &format!(
                "{}: inbox {}, journal {}, push {:?}, ask {:?}; ",
                site.index,
                status.inbox,
                tables.journal.len(),
                tables.push,
                tables.ask
            );
        }
    }
    left
}

impl Net {
    /// Whether store and database belong together, and the clock can be believed; if not, both are set right first.
    pub fn fits(&self, site: &Site) -> bool {
        let tables = site.tables();
        let marks = DatabaseMarks {
            instance: &tables.instance,
            store: &tables.store,
            journal: tables.last_row,
            applied: tables.count_applied,
        };
        match site.disk.fit(&marks) {
            Err(_) => return false,
            Ok(Fit::Together) => {}
            Ok(Fit::First) => {
                let Ok(uuid) = site.disk.uuid() else {
                    return false;
                };
                let mut tables = site.tables();
                tables.store = uuid;
                tables.push = site.ends.iter().map(|end| end.id).collect();
                tables.ask.clone_from(&tables.push);
                self.commit(site, tables, Why::Publish);
            }
            Ok(Fit::Apart(why)) => {
                self.note(|| format!("store and database of {} are apart: {why:?}", site.index));
                return self.begin_anew(site, site.tables());
            }
        }
        site.restored.store(false, Ordering::Relaxed);
        true
    }

    /// Whether the versions held can be sent. Where they lie ahead of this site's clock, either that one is wrong now or it was
    /// when they were minted. A peer that answers agrees about the time: then they are minted anew.
    pub fn believes_its_clock(&self, site: &Site, courier: &Courier<'_>) -> bool {
        if site.clock_moved.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let mut tables = site.tables();
        let mut mended = false;
        let ids: Vec<u32> = tables.entities.keys().copied().collect();
        for id in ids {
            let entity = Arc::clone(&tables.entities[&id]);
            if let Some(state) = causality::mend(&entity.state, site.world.now(), &site.node) {
                tables.save(Some(id), entity.contact, state);
                mended = true;
            }
        }
        if mended {
            let agrees = |end: &End| {
                let hello = end.into.hello("simulation");
                courier.hello(&end.out, &hello, 30_000).is_ok()
            };
            if !site.ends.iter().any(agrees) {
                return false;
            }
            self.note(|| format!("{} takes back versions from the future", site.index));
            if !self.begin_anew(site, tables) {
                return false;
            }
        }
        site.clock_moved.store(0, Ordering::Relaxed);
        true
    }

    /// The queues are given up: a new instance, a new store, everything pushed to everybody and asked of everybody. In an
    /// order that can be begun again wherever it is interrupted.
    fn begin_anew(&self, site: &Site, mut tables: Tables) -> bool {
        tables.instance = site.world.uuid();
        tables.store = String::new();
        tables.push = site.ends.iter().map(|end| end.id).collect();
        tables.ask.clone_from(&tables.push);
        // What is carried was named after the old instance, or tells of what is taken back.
        tables.journal.retain(|_, row| row.carried.is_none());
        let (instance, journal, applied) = (
            tables.instance.clone(),
            tables.last_row,
            tables.count_applied,
        );
        self.commit(site, tables, Why::Mend);
        let uuid = site.world.uuid();
        let marks = DatabaseMarks {
            instance: &instance,
            store: &uuid,
            journal,
            applied,
        };
        if site.disk.begin_anew(&uuid, &marks).is_err() {
            return false;
        }
        let mut tables = site.tables();
        tables.store = uuid;
        self.commit(site, tables, Why::Publish);
        true
    }
}
