//! What must hold: the ledger that every commit and every outgoing change is entered in, and the reckoning at quiet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic;
use std::sync::Arc;

use civishare::causality::{Rule, State};
use civishare::change::Change;
use civishare::json::{self, Json};
use civishare::store::OutboxChange;
use civishare::version::Version;
use civishare::world::World;

use crate::crm::{ContactId, Tables, person_in, person_of};
use crate::dice::{BEGIN, lock};
use crate::network::Net;
use crate::plan::{Edge, Plan, attributes};
use crate::site::{Site, TYPE, defaults};

/// In every value of a transaction that is rolled back.
pub const ROLLED_BACK: &str = "rolled-back";

/// What a simulated run ends with when something did not hold.
pub struct Violation(pub String);

pub fn violated(text: String) -> ! {
    panic::resume_unwind(Box::new(Violation(text)))
}

/// Why a site's database is committed.
#[derive(Clone, Debug)]
pub enum Why {
    /// A person's save: contact, attribute, value.
    Edit(Vec<(ContactId, String)>),
    Settle,
    Publish,
    Push,
    /// The loop signatures of the changes that were applied.
    Apply(Vec<String>),
    /// Versions from the future were minted anew.
    Mend,
}

/// An edit that waits to get its version.
struct Pending {
    held: Option<Version>,
}

/// The last lines of what happened.
#[derive(Default)]
pub struct Trace {
    pub keep: usize,
    last: u64,
    pub lines: std::collections::VecDeque<String>,
}

impl Trace {
    pub fn note(&mut self, now: u64, line: impl FnOnce() -> String) {
        if self.keep == 0 {
            return;
        }
        self.last = now;
        let since = (now - BEGIN) / 1000;
        self.lines.push_back(format!("{since:>7} s  {}", line()));
        if self.lines.len() > self.keep {
            self.lines.pop_front();
        }
    }
}

impl Trace {
    /// A further line of the same moment.
    pub fn again(&mut self, line: impl FnOnce() -> String) {
        self.note(self.last.max(BEGIN), line);
    }
}

/// What is true, whatever the sites believe.
#[derive(Default)]
pub struct Truth {
    pub trace: Trace,
    pending: BTreeMap<(usize, ContactId, String), Pending>,
    /// UID and attribute => the highest version that was ever committed with it and must not be lost.
    floors: BTreeMap<(String, String), Version>,
    /// UID, attribute and version => the values that it was minted for.
    minted: HashMap<(String, String, Version), Vec<Json<'static>>>,
    applied: HashMap<(usize, String), u32>,
    /// UIDs that were deleted somewhere: what was edited of them is gone with them.
    deleted: HashSet<String>,
    /// Merged persons: who is now who.
    persons: BTreeMap<u32, u32>,
    told: HashSet<(usize, String)>,
    /// Root of a chain => how many changes it has set off on how many lines.
    set_off: HashMap<String, u64>,
    pub most_set_off: u64,
    pub edits: u64,
}

impl Truth {
    pub fn new(keep: usize) -> Truth {
        Truth {
            trace: Trace {
                keep,
                ..Trace::default()
            },
            ..Truth::default()
        }
    }

    fn person(&self, mut person: u32) -> u32 {
        while let Some(into) = self.persons.get(&person) {
            person = *into;
        }
        person
    }

    /// A person has merged two contacts.
    pub fn same_person(&mut self, a: u32, b: u32) {
        let (a, b) = (self.person(a), self.person(b));
        if a != b {
            self.persons.insert(a.max(b), a.min(b));
        }
    }

    /// Every commit of every site passes here, before it counts.
    pub fn committed(&mut self, site: &Site, old: &Tables, new: &Tables, why: Why) {
        for (id, contact) in &new.contacts {
            if old
                .contacts
                .get(id)
                .is_some_and(|before| Arc::ptr_eq(before, contact))
            {
                continue;
            }
            self.check_contact(site, *id, &contact.values);
        }
        for (id, entity) in &new.entities {
            let before = old.entities.get(id);
            if before.is_some_and(|before| Arc::ptr_eq(before, entity)) {
                continue;
            }
            if matches!(why, Why::Apply(_)) {
                nothing_from_the_future(site, before.map(|entity| &entity.state), &entity.state);
            }
            if let Some(before) = before
                && !matches!(why, Why::Mend)
            {
                never_goes_down(site, &before.state, &entity.state);
            }
            if entity.state.tombstone.is_some() {
                self.deleted.extend(entity.state.uids.iter().cloned());
            }
            self.deleted.extend(entity.state.deleted.iter().cloned());
            self.enter(
                site,
                before.map(|entity| &entity.state),
                &entity.state,
                entity.contact.map(|id| new.values(id)),
                &why,
            );
        }
        match why {
            Why::Edit(touched) => {
                for (contact, name) in touched {
                    let held = new
                        .state_of(contact)
                        .and_then(|state| state.held.get(&name).cloned());
                    self.edits += 1;
                    self.pending
                        .entry((site.index, contact, name))
                        .or_insert(Pending { held });
                }
            }
            Why::Apply(signatures) => {
                for signature in signatures {
                    let times = self.applied.entry((site.index, signature)).or_default();
                    *times += 1;
                    if *times > 1 {
                        violated(format!("site {} applied one change twice", site.index));
                    }
                }
            }
            Why::Mend => {
                self.pending.retain(|(index, contact, name), pending| {
                    let held = |tables: &Tables| tables.state_of(*contact)?.held.get(name).cloned();
                    if *index == site.index && held(old) > pending.held {
                        return false; // It has its version, and that one was minted anew.
                    }
                    if *index == site.index {
                        pending.held = held(new);
                    }
                    true
                });
            }
            _ => {}
        }
        self.settled(site, new);
    }

    fn check_contact(&self, site: &Site, id: ContactId, values: &civishare::causality::Values) {
        let mut person = None;
        for (name, value) in values {
            if value
                .as_str()
                .is_some_and(|text| text.contains(ROLLED_BACK))
            {
                violated(format!(
                    "site {} holds the rolled-back value {value:?} of {name}",
                    site.index
                ));
            }
            let Some(of) = person_in(value).map(|of| self.person(of)) else {
                continue;
            };
            if *person.get_or_insert(of) != of {
                violated(format!(
                    "two people have become one: contact {id} of site {} holds {values:?}",
                    site.index
                ));
            }
        }
    }

    /// Notes the versions that this commit minted.
    fn enter(
        &mut self,
        site: &Site,
        before: Option<&State>,
        state: &State,
        values: Option<civishare::causality::Values>,
        why: &Why,
    ) {
        let Some(values) = values else { return };
        for (name, version) in &state.held {
            if version.node != site.node
                || before.and_then(|before| before.held.get(name)) == Some(version)
            {
                continue;
            }
            let key = (state.uid().to_owned(), name.clone(), version.clone());
            let value = values.get(name).cloned().unwrap_or(Json::Null);
            let known = self.minted.entry(key).or_default();
            if !known.contains(&value) {
                known.push(value);
            }
            let floor = self
                .floors
                .entry((state.uid().to_owned(), name.clone()))
                .or_insert_with(|| version.clone());
            if *floor < *version {
                *floor = version.clone();
            }
            if matches!(why, Why::Mend) {
                // What was taken back is no longer promised, under whichever UID it was written.
                for uid in &state.uids {
                    if let Some(floor) = self.floors.get_mut(&(uid.clone(), name.clone())) {
                        *floor = version.clone();
                    }
                }
            }
        }
    }

    /// A person's edits whose journal rows are closed must have got their versions.
    fn settled(&mut self, site: &Site, new: &Tables) {
        let open: BTreeSet<ContactId> = new
            .open_rows()
            .filter(|(_, row)| row.cause.is_none())
            .map(|(_, row)| row.contact)
            .collect();
        let range = (site.index, 0, String::new())..(site.index + 1, 0, String::new());
        let closed: Vec<(usize, ContactId, String)> = self
            .pending
            .range(range)
            .map(|(key, _)| key.clone())
            .filter(|(_, contact, _)| !open.contains(contact))
            .collect();
        let lets_out = site
            .ends
            .iter()
            .any(|end| end.out.types_out.contains_key(TYPE));
        for key in closed {
            let Some(pending) = self.pending.remove(&key) else {
                continue;
            };
            let (_, contact, name) = &key;
            if !new.is_alive(*contact) {
                continue;
            }
            let state = new.state_of(*contact);
            let held = state.as_ref().and_then(|state| state.held.get(name));
            let value = new
                .values(*contact)
                .get(name)
                .cloned()
                .unwrap_or(Json::Null);
            let blank = value == Json::Null || defaults().get(name) == Some(&value);
            if !lets_out || held > pending.held.as_ref() || (held.is_none() && blank) {
                continue;
            }
            violated(format!(
                "a committed change is lost: site {} saved {name} of contact {contact} as {value:?}, and it got no version (held {:?})",
                site.index, held
            ));
        }
    }

    /// Every change on its way to an outbox passes here.
    pub fn told(&mut self, site: &Site, changes: &[OutboxChange<'_>]) {
        for change in changes {
            if !self.told.insert((site.index, change.id.to_owned())) {
                continue;
            }
            if change.text.contains(ROLLED_BACK) {
                violated(format!(
                    "site {} tells of a rolled-back value: {}",
                    site.index, change.text
                ));
            }
            self.trace.again(|| {
                format!(
                    "  {} tells {:?} of {}",
                    site.index,
                    change.targets,
                    short(change.text)
                )
            });
            let json = json::parse(change.text.as_bytes()).expect("canonical JSON");
            let read = Change::read(&json).expect("a change");
            let root = read
                .loop_detection
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            let set_off = self.set_off.entry(root).or_default();
            *set_off += change.targets.len() as u64;
            self.most_set_off = self.most_set_off.max(*set_off);
        }
    }

    /// The site's database is an older one again: what it alone knew is lost, as with any restored backup.
    pub fn restored(&mut self, net: &Net, site: &Site, backup: &Tables) {
        self.pending.retain(|(index, _, _), _| *index != site.index);
        let known: HashSet<String> = backup.applied.iter().cloned().collect();
        self.applied
            .retain(|(index, signature), _| *index != site.index || known.contains(signature));
        self.lower_floors(net);
    }

    /// What a site lost may have been nowhere else, or only where it does not come back from.
    fn lower_floors(&mut self, net: &Net) {
        let mut component: BTreeMap<(&str, usize), usize> = BTreeMap::new();
        for name in attributes() {
            for (root, sites) in net.plan.components(|edge| edge.promises(name)) {
                component.extend(sites.into_iter().map(|site| ((name, site), root)));
            }
        }
        let mut alive: BTreeMap<(usize, String, &str), Version> = BTreeMap::new();
        for site in &net.sites {
            for entity in lock(&site.db).entities.values() {
                for name in attributes() {
                    let Some(version) = entity.state.held.get(name) else {
                        continue;
                    };
                    for uid in &entity.state.uids {
                        let key = (component[&(name, site.index)], uid.clone(), name);
                        let floor = alive.entry(key).or_insert_with(|| version.clone());
                        if *floor < *version {
                            *floor = version.clone();
                        }
                    }
                }
            }
        }
        let floors = std::mem::take(&mut self.floors);
        self.floors = floors
            .into_iter()
            .filter_map(|((uid, name), floor)| {
                let minted_at = net.sites.iter().find(|site| floor.node == site.node)?.index;
                let name_of = attributes().find(|one| *one == name)?;
                let root = component[&(name_of, minted_at)];
                let alive = alive.get(&(root, uid.clone(), name_of))?;
                Some(((uid, name), floor.min(alive.clone())))
            })
            .collect();
    }

    /// How many changes one cause may set off, on all lines together; derived in the documentation of `main.rs`.
    pub fn bound(plan: &Plan) -> u64 {
        let deriving = plan
            .sites
            .iter()
            .enumerate()
            .filter(|(site, own)| {
                !own.hooks.is_empty()
                    || plan.peerings(*site).any(|(edge, end)| {
                        plan.edges[edge].rules[end] != civishare::causality::Rule::Latest
                    })
            })
            .count()
            + if plan.matching { 2 } else { 0 };
        let mut sequences: u64 = 1;
        let mut product: u64 = 1;
        for left in (1..=deriving as u64).rev().take(12) {
            product = product.saturating_mul(left);
            sequences = sequences.saturating_add(product);
        }
        let attributes = attributes().count() as u64;
        (2 * plan.edges.len() as u64) * (attributes + 3) * sequences
    }

    pub fn check_bound(&self, plan: &Plan) {
        let bound = Truth::bound(plan);
        if self.most_set_off > bound {
            violated(format!(
                "one edit set off {} changes, and the bound is {bound}",
                self.most_set_off
            ));
        }
    }
}

/// What is received is not taken before it is due. (What a merge brings in was held here already.)
fn nothing_from_the_future(site: &Site, before: Option<&State>, after: &State) {
    if before.is_some_and(|before| before.uids != after.uids) {
        return;
    }
    let now = site.world.now();
    for (name, version) in &after.held {
        let new = before.and_then(|before| before.held.get(name)) != Some(version);
        if new && version.node != site.node && version.ms > now {
            violated(format!(
                "site {} has taken {name} of {version}, {} ms ahead of its clock",
                site.index,
                version.ms - now
            ));
        }
    }
}

fn never_goes_down(site: &Site, before: &State, after: &State) {
    for (name, held) in &before.held {
        if after.held.get(name).is_none_or(|now| now < held) {
            violated(format!(
                "the version that site {} holds of {name} went down from {held} to {:?}",
                site.index,
                after.held.get(name)
            ));
        }
    }
    if before.tombstone.is_some() && after.tombstone.is_none() {
        violated(format!("a tombstone of site {} vanished", site.index));
    }
}

/// A change in one line.
pub fn short(text: &str) -> String {
    let Ok(json) = json::parse(text.as_bytes()) else {
        return text.to_owned();
    };
    let Ok(change) = Change::read(&json) else {
        return text.to_owned();
    };
    let uid = |uid: &str| uid.chars().rev().take(4).collect::<String>();
    let attributes: Vec<String> = change
        .attributes
        .iter()
        .map(|one| {
            format!(
                "{}={} {}.{}@{}",
                one.name,
                one.to.canonical(),
                one.version.ms.saturating_sub(BEGIN),
                one.version.counter,
                one.version
                    .node
                    .trim_start_matches("https://site")
                    .trim_end_matches(".example")
            )
        })
        .collect();
    format!(
        "{} {} same_as {:?} merged {:?} v {:?} [{}]",
        change.operation.as_str(),
        uid(&change.entity_uid),
        change
            .same_as
            .iter()
            .map(|one| uid(one))
            .collect::<Vec<_>>(),
        change.merged_uid.as_deref().map(uid),
        change
            .version
            .as_ref()
            .map(|version| version.ms.saturating_sub(BEGIN)),
        attributes.join(", ")
    )
}

/// One entity as a site has it at quiet.
struct Copy {
    site: usize,
    /// `None` where it was deleted.
    contact: Option<(ContactId, civishare::causality::Values)>,
    state: State,
}

/// The reckoning: nobody is about to do anything, and all clocks are within five minutes.
pub fn at_quiet(net: &Net) {
    let truth = lock(&net.truth);
    truth.check_bound(&net.plan);
    if let Some(((site, contact, name), _)) = truth.pending.first_key_value() {
        violated(format!(
            "at quiet, site {site} has not settled {name} of contact {contact}"
        ));
    }
    let databases: Vec<Tables> = net.sites.iter().map(Site::tables).collect();
    for (site, tables) in databases.iter().enumerate() {
        if !tables.journal.is_empty() {
            violated(format!(
                "at quiet, the journal of site {site} holds {:?}",
                tables.journal
            ));
        }
        consistent(site, tables);
    }
    let rendered = net.plan.rendered();
    for sites in net.plan.components(crate::plan::Edge::both_ways).values() {
        let classes = classes(&databases, sites);
        for copies in classes.values() {
            one_entity(sites, copies);
        }
        if net.plan.matching && sites.len() > 1 {
            one_contact_a_person(&databases, sites);
        }
    }
    for (index, edge) in net.plan.edges.iter().enumerate() {
        for from in 0..2 {
            arrived(&databases, &rendered, index, from, edge);
        }
    }
    for name in attributes() {
        for sites in net.plan.components(|edge| edge.promises(name)).values() {
            for copies in classes(&databases, sites).values() {
                equal(&truth, name, rendered.contains(name), copies);
            }
        }
    }
}

/// Whatever one end of a peering lets out is at the other, or something later is.
fn arrived(
    databases: &[Tables],
    rendered: &BTreeSet<&str>,
    index: usize,
    from: usize,
    edge: &Edge,
) {
    let Some(flow) = &edge.flows[from] else {
        return;
    };
    if edge.rules[1 - from] != Rule::Latest {
        return;
    }
    let (here, there) = (edge.ends[from], edge.ends[1 - from]);
    for entity in databases[here].entities.values() {
        let Some(contact) = entity.contact else {
            continue;
        };
        let values = databases[here].values(contact);
        if edge.gates[from].is_some_and(|gate| !gate.admits(&values)) {
            continue;
        }
        let uids = &entity.state.uids;
        let lacks = |what: &str| {
            violated(format!(
                "peering {index} lets contact {contact} of site {here} out to site {there}, which {what}: {}",
                entity.state.write()
            ))
        };
        let mut over_there = uids.iter().filter_map(|uid| {
            databases[there]
                .entities
                .get(databases[there].uids.get(uid)?)
        });
        let Some(copy) = over_there
            .clone()
            .find(|copy| copy.contact.is_some())
            .or_else(|| over_there.next())
        else {
            lacks("has never heard of it");
            continue;
        };
        if copy.contact.is_none() {
            continue;
        }
        // What was deleted over there and went into another one that lives: who could not be told so, or refused the deletion of what had
        // been withdrawn, does not know that its values are missed until it next tells of them.
        let unheard =
            edge.flows.contains(&None) || entity.state.withdrawn.contains(&Edge::id(index, from));
        if unheard && !copy.state.deleted.is_empty() {
            continue;
        }
        for (name, version) in &entity.state.held {
            let flows = flow.as_ref().is_none_or(|names| names.contains(name));
            if rendered.contains(name.as_str()) && !copy.state.held.contains_key(name) {
                // Nobody has written it, as in equal().
                continue;
            }
            if flows && copy.state.held.get(name).is_none_or(|held| held < version) {
                lacks(&format!(
                    "holds {:?} of {name}: {}",
                    copy.state.held.get(name),
                    copy.state.write()
                ));
            }
        }
    }
}

/// What a database must be in itself.
fn consistent(site: usize, tables: &Tables) {
    let mut contacts = BTreeSet::new();
    for (id, entity) in &tables.entities {
        if let Some(contact) = entity.contact
            && !contacts.insert(contact)
        {
            violated(format!(
                "site {site} has two entities for contact {contact}"
            ));
        }
        for uid in &entity.state.uids {
            if tables.uids.get(uid) != Some(id) {
                violated(format!(
                    "at site {site}, the UID {uid} of entity {id} names {:?}",
                    tables.uids.get(uid)
                ));
            }
        }
        if entity.state.tombstone.is_none()
            && !entity
                .contact
                .is_some_and(|contact| tables.is_alive(contact))
        {
            violated(format!(
                "at site {site}, entity {id} has neither contact nor tombstone: {entity:?}"
            ));
        }
        if entity.state.tombstone.is_some() && entity.contact.is_some() {
            violated(format!(
                "at site {site}, entity {id} has a tombstone and a contact"
            ));
        }
    }
}

/// Entities that any of these sites holds to be one, by UIDs.
fn classes(databases: &[Tables], sites: &[usize]) -> BTreeMap<String, Vec<Copy>> {
    let mut parent: BTreeMap<String, String> = BTreeMap::new();
    fn find(parent: &BTreeMap<String, String>, uid: &str) -> String {
        let mut uid = uid.to_owned();
        while let Some(next) = parent.get(&uid).filter(|next| **next != uid) {
            uid.clone_from(next);
        }
        uid
    }
    for site in sites {
        for entity in databases[*site].entities.values() {
            let first = find(&parent, entity.state.uid());
            for uid in &entity.state.uids {
                let other = find(&parent, uid);
                if other != first {
                    parent.insert(other, first.clone());
                }
            }
        }
    }
    let mut classes: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
    for site in sites {
        for entity in databases[*site].entities.values() {
            classes
                .entry(find(&parent, entity.state.uid()))
                .or_default()
                .push(Copy {
                    site: *site,
                    contact: entity
                        .contact
                        .map(|contact| (contact, databases[*site].values(contact))),
                    state: entity.state.clone(),
                });
        }
    }
    classes
}

fn shown(copies: &[Copy]) -> String {
    copies
        .iter()
        .map(|copy| {
            format!(
                "at {} contact {:?} {}",
                copy.site,
                copy.contact.as_ref().map(|(id, _)| id),
                copy.state.write()
            )
        })
        .collect::<Vec<_>>()
        .join("; ")
}

fn one_entity(sites: &[usize], copies: &[Copy]) {
    let alive: Vec<usize> = copies
        .iter()
        .filter(|copy| copy.contact.is_some())
        .map(|copy| copy.site)
        .collect();
    let distinct: BTreeSet<usize> = alive.iter().copied().collect();
    let uids: BTreeSet<&String> = copies.iter().flat_map(|copy| &copy.state.uids).collect();
    if distinct.len() < alive.len() {
        violated(format!(
            "one entity has become two at one site: {uids:?} live at {alive:?}: {}",
            shown(copies)
        ));
    }
    if !alive.is_empty() && distinct.len() < sites.len() {
        violated(format!(
            "entity {uids:?} lives at {alive:?} only, of {sites:?}: {}",
            shown(copies)
        ));
    }
}

/// By the e-mail address, which is what the matching rule goes by when somebody arrives. Who was merged with another one may have got that
/// one's address later, when there was nobody to match any more.
fn one_contact_a_person(databases: &[Tables], sites: &[usize]) {
    for site in sites {
        let mut seen = BTreeMap::new();
        for (id, contact) in databases[*site].alive() {
            let merged = databases[*site]
                .state_of(id)
                .is_some_and(|state| !state.merged.is_empty() || !state.deleted.is_empty());
            if merged {
                continue;
            }
            let Some(person) = person_of(&contact.values) else {
                continue;
            };
            if let Some(other) = seen.insert(person, id) {
                violated(format!(
                    "person {person} has become two at site {site}: contacts {other} and {id}"
                ));
            }
        }
    }
}

fn equal(truth: &Truth, name: &str, rendered: bool, copies: &[Copy]) {
    let alive: Vec<&Copy> = copies
        .iter()
        .filter(|copy| copy.contact.is_some())
        .collect();
    let Some(first) = alive.first() else { return };
    let value_of = |copy: &Copy| {
        copy.contact
            .as_ref()
            .and_then(|(_, values)| values.get(name).cloned())
            .unwrap_or(Json::Null)
    };
    // What a site's rule made of a change that had come round is its own, and nobody has written it: whoever is told all is told it as
    // being as old as what is oldest there.
    let nobodys = |copy: &Copy| !copy.state.held.contains_key(name);
    for copy in &alive[1..] {
        let same_version = copy.state.held.get(name) == first.state.held.get(name);
        let same_value = value_of(copy) == value_of(first);
        if rendered && (nobodys(copy) || nobodys(first)) {
            continue;
        }
        if !same_version || (!same_value && !rendered) {
            violated(format!(
                "sites {} and {} differ in {name} of {:?}: {} {} and {} {}",
                first.site,
                copy.site,
                first.state.uids,
                value_of(first).canonical(),
                first
                    .state
                    .held
                    .get(name)
                    .map_or("without version".to_owned(), ToString::to_string),
                value_of(copy).canonical(),
                copy.state
                    .held
                    .get(name)
                    .map_or("without version".to_owned(), ToString::to_string),
            ));
        }
    }
    for copy in alive {
        if rendered && nobodys(copy) {
            continue;
        }
        for uid in copy
            .state
            .uids
            .iter()
            .filter(|uid| !truth.deleted.contains(*uid))
        {
            let Some(floor) = truth.floors.get(&(uid.clone(), name.to_owned())) else {
                continue;
            };
            // Only what this component's own sites minted is promised to be there.
            if !copies
                .iter()
                .any(|other| floor.node == format!("https://site{}.example", other.site))
            {
                continue;
            }
            if copy.state.held.get(name).is_none_or(|held| held < floor) {
                violated(format!(
                    "a committed change is lost: {name} of {uid} had version {floor}, and site {} holds {:?}",
                    copy.site,
                    copy.state.held.get(name)
                ));
            }
        }
        if rendered {
            continue;
        }
        let Some(held) = copy.state.held.get(name) else {
            continue;
        };
        let known: Vec<&Json<'_>> = copy
            .state
            .uids
            .iter()
            .filter_map(|uid| {
                truth
                    .minted
                    .get(&(uid.clone(), name.to_owned(), held.clone()))
            })
            .flatten()
            .collect();
        if !known.is_empty() && !known.contains(&&value_of(copy)) {
            violated(format!(
                "site {} holds {} of {name} under {held}, which was minted for {known:?}",
                copy.site,
                value_of(copy).canonical()
            ));
        }
    }
}
