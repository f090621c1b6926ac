//! A virtual CiviCRM: contacts, and beside them, in the same transactions, the extension's own tables.
//!
//! Transactions are whole: one works on a copy of [`Tables`] that replaces the committed one, or is dropped. Rows are
//! shared between copies, so that a copy costs little and what a transaction changed is found by address.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use civishare::causality::{Outgoing, PeeringId, State, Values};
use civishare::json::Json;

use crate::plan::{EMAIL, FLAG, Hook, SitePlan, attributes};

pub type ContactId = u32;
pub type EntityId = u32;

#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Every attribute, null where it is empty.
    pub values: Values,
    /// Merged into another contact and in the trash.
    pub trashed: bool,
}

/// A row of `civicrm_share_entity`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// `None` once it was deleted.
    pub contact: Option<ContactId>,
    pub state: State,
}

/// What a trigger saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Saw {
    Insert,
    Update(Vec<String>),
    Delete,
    /// The contact took another one in.
    Merge(ContactId),
    /// A row of the extension's own, for something that no trigger saw.
    Forward,
}

/// A row of the trigger journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    pub contact: ContactId,
    pub saw: Saw,
    pub time: u64,
    /// The process that wrote it.
    pub request: u64,
    /// The received change that was being applied: its loop signature.
    pub cause: Option<String>,
    /// Once it is settled, the changes that it carries to the outbox.
    pub carried: Option<Vec<Outgoing>>,
}

/// Who writes.
#[derive(Clone, Debug)]
pub struct Writing<'a> {
    pub site: usize,
    pub plan: &'a SitePlan,
    pub time: u64,
    pub request: u64,
    pub cause: Option<&'a str>,
}

#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub contacts: BTreeMap<ContactId, Arc<Contact>>,
    pub entities: BTreeMap<EntityId, Arc<Entity>>,
    pub uids: BTreeMap<String, EntityId>,
    pub journal: BTreeMap<u64, Arc<JournalRow>>,
    /// Loop signatures of the changes that were applied.
    pub applied: BTreeSet<String>,
    /// This database's UUID.
    pub instance: String,
    /// The UUID of the store that belongs to it.
    pub store: String,
    /// Peerings that wait for everything to be pushed, and those that are to be asked for it.
    pub push: BTreeSet<PeeringId>,
    pub ask: BTreeSet<PeeringId>,
    /// UIDs that a change named as one entity and that are two here: shown to a person.
    pub proposed: BTreeSet<(String, String)>,
    /// Auto-increment values; a restore brings back the old ones.
    pub last_contact: ContactId,
    pub last_entity: EntityId,
    pub last_row: u64,
    /// How many changes were ever applied.
    pub count_applied: u64,
}

impl Tables {
    pub fn values(&self, contact: ContactId) -> Values {
        self.contacts
            .get(&contact)
            .map(|contact| contact.values.clone())
            .unwrap_or_default()
    }

    pub fn is_alive(&self, contact: ContactId) -> bool {
        self.contacts
            .get(&contact)
            .is_some_and(|contact| !contact.trashed)
    }

    pub fn alive(&self) -> impl Iterator<Item = (ContactId, &Arc<Contact>)> {
        self.contacts
            .iter()
            .filter(|(_, contact)| !contact.trashed)
            .map(|(id, contact)| (*id, contact))
    }

    pub fn entity_of(&self, contact: ContactId) -> Option<EntityId> {
        self.entities
            .iter()
            .find(|(_, entity)| entity.contact == Some(contact))
            .map(|(id, _)| *id)
    }

    pub fn state_of(&self, contact: ContactId) -> Option<State> {
        self.entity_of(contact)
            .map(|id| self.entities[&id].state.clone())
    }

    /// Writes an entity's row, and lets each of its UIDs name it.
    pub fn save(
        &mut self,
        id: Option<EntityId>,
        contact: Option<ContactId>,
        state: State,
    ) -> EntityId {
        let id = id.unwrap_or_else(|| {
            self.last_entity += 1;
            self.last_entity
        });
        for uid in &state.uids {
            self.uids.insert(uid.clone(), id);
        }
        self.entities
            .insert(id, Arc::new(Entity { contact, state }));
        id
    }

    pub fn row(&mut self, writing: &Writing<'_>, contact: ContactId, saw: Saw) -> u64 {
        self.last_row += 1;
        self.journal.insert(
            self.last_row,
            Arc::new(JournalRow {
                contact,
                saw,
                time: writing.time,
                request: writing.request,
                cause: writing.cause.map(str::to_owned),
                carried: None,
            }),
        );
        self.last_row
    }

    pub fn create(&mut self, writing: &Writing<'_>, values: Values) -> ContactId {
        self.last_contact += 1;
        let id = self.last_contact;
        let mut all: Values = attributes()
            .map(|name| {
                let default = if name == FLAG {
                    Json::Bool(false)
                } else {
                    Json::Null
                };
                (name.to_owned(), default)
            })
            .collect();
        for (name, value) in values {
            all.insert(name.clone(), render(writing, &name, value));
        }
        self.contacts.insert(
            id,
            Arc::new(Contact {
                values: all,
                trashed: false,
            }),
        );
        self.row(writing, id, Saw::Insert);
        let touched = attributes().map(str::to_owned).collect();
        self.fire(writing, id, touched, 0);
        id
    }

    /// A save through CiviCRM: its rules see it, and the triggers note what has changed.
    pub fn update(&mut self, writing: &Writing<'_>, id: ContactId, values: &Values) {
        let touched = self.put(writing, id, values);
        self.fire(writing, id, touched, 0);
    }

    fn put(&mut self, writing: &Writing<'_>, id: ContactId, values: &Values) -> Vec<String> {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return Vec::new();
        };
        let mut touched = Vec::new();
        for (name, value) in values {
            let value = render(writing, name, value.clone());
            if contact.values.get(name) != Some(&value) {
                Arc::make_mut(contact).values.insert(name.clone(), value);
                touched.push(name.clone());
            }
        }
        if !touched.is_empty() {
            self.row(writing, id, Saw::Update(touched.clone()));
        }
        touched
    }

    /// What the site's own rules make of a save. A derived value is a function of what it is derived from.
    fn fire(&mut self, writing: &Writing<'_>, id: ContactId, touched: Vec<String>, depth: usize) {
        if depth > 2 {
            return;
        }
        for hook in writing
            .plan
            .hooks
            .iter()
            .filter(|hook| touched.iter().any(|name| name == hook.from))
        {
            let Some(Json::Str(from)) = self
                .contacts
                .get(&id)
                .and_then(|contact| contact.values.get(hook.from))
                .cloned()
            else {
                continue;
            };
            let target = if hook.neighbour {
                self.neighbour(id)
            } else {
                Some(id)
            };
            let Some(target) = target else { continue };
            let value = self.derive(writing.site, hook, target, &from);
            let derived = self.put(
                writing,
                target,
                &Values::from([(hook.to.to_owned(), value)]),
            );
            if !derived.is_empty() {
                self.fire(writing, target, derived, depth + 1);
            }
        }
    }

    fn neighbour(&self, id: ContactId) -> Option<ContactId> {
        self.contacts
            .range(id + 1..)
            .find(|(_, contact)| !contact.trashed)
            .map(|(id, _)| *id)
    }

    fn derive(&self, site: usize, hook: &Hook, target: ContactId, from: &str) -> Json<'static> {
        let person = self
            .contacts
            .get(&target)
            .and_then(|contact| person_of(&contact.values))
            .unwrap_or(0);
        let hash = from.bytes().fold(site as u64 + 7, |hash, byte| {
            hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)
        });
        Json::Str(format!("p{person}.{}-of-{site}:{:x}", hook.to, hash >> 40).into())
    }

    pub fn delete(&mut self, writing: &Writing<'_>, id: ContactId) {
        if self.contacts.remove(&id).is_some() {
            self.row(writing, id, Saw::Delete);
        }
    }

    /// One contact takes another in; values that the survivor lacks come from the other.
    pub fn merge(
        &mut self,
        writing: &Writing<'_>,
        survivor: ContactId,
        absorbed: ContactId,
        picked: &Values,
    ) {
        self.put(writing, survivor, picked);
        self.row(writing, survivor, Saw::Merge(absorbed));
        self.trash(absorbed);
    }

    pub fn trash(&mut self, id: ContactId) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            Arc::make_mut(contact).trashed = true;
        }
    }

    /// The contacts that an e-mail address names.
    pub fn with_email(&self, email: &Json<'_>) -> Vec<ContactId> {
        self.alive()
            .filter(|(_, contact)| contact.values.get(EMAIL) == Some(email))
            .map(|(id, _)| id)
            .collect()
    }

    pub fn open_rows(&self) -> impl Iterator<Item = (u64, &Arc<JournalRow>)> {
        self.journal
            .iter()
            .filter(|(_, row)| row.carried.is_none())
            .map(|(id, row)| (*id, row))
    }
}

/// A site that writes an attribute in its own way does so however it is written.
fn render(writing: &Writing<'_>, name: &str, value: Json<'static>) -> Json<'static> {
    match value {
        Json::Str(text) if writing.plan.alters.contains(name) => Json::Str(
            format!(
                "{}!{}",
                text.split('!').next().unwrap_or_default(),
                writing.site
            )
            .into(),
        ),
        value => value,
    }
}

/// The person whom a text value is about: every one begins with `p<number>.`.
pub fn person_in(value: &Json<'_>) -> Option<u32> {
    value
        .as_str()?
        .strip_prefix('p')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// The person whom a contact is about.
pub fn person_of(values: &Values) -> Option<u32> {
    values
        .get(EMAIL)
        .and_then(person_in)
        .or_else(|| values.values().find_map(person_in))
}
