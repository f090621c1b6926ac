//! `CiviShare\Core`: what needs no store. It decides, PHP reads and writes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use civishare_core::causality::{
    self, DecideFacts, Decision, ForwardFacts, Known, Linked, Named, Origin, Outgoing, Outside,
    PushFacts, Row, Rule, SettleFacts, State, Values, Verdict,
};
use civishare_core::change::{Change, Operation};
use civishare_core::json;
use civishare_core::signature::{self, Key};
use civishare_core::version::Version;
use civishare_core::world::{System, World};
use ext_php_rs::boxed::ZBox;
use ext_php_rs::flags::ClassFlags;
use ext_php_rs::prelude::*;
use ext_php_rs::types::{ZendHashTable, Zval};

use crate::convert::{
    Facts, Number, Out, Table, Text, TextIf, each, peering_ids, to_texts, to_values, to_zval, utf8,
    values_by_peering,
};
use crate::error::{Error, Result};
use crate::seal;

/// What needs no store: keys, UIDs, and the decisions about changes.
#[php_class]
#[php(name = "CiviShare\\Core", flags = ClassFlags::Final)]
pub struct Core;

#[php_impl]
impl Core {
    /// The version of this module, as in `Cargo.toml`.
    pub fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// A new shared secret for a peering: `whsec_` and base64 of 32 random bytes.
    #[php(name = "newSecret")]
    pub fn new_secret() -> Result<String> {
        signature::new_secret().map_err(|error| Error::Other(error.to_string()))
    }

    /// Throws an ArgumentException that says what is wrong with a shared secret, without repeating it.
    #[php(name = "checkSecret")]
    pub fn check_secret(secret: Text<'_>) -> Result<()> {
        Key::parse(secret.read("secret")?)
            .map(drop)
            .map_err(|error| Error::Argument(error.to_string()))
    }

    /// A new UID for an entity: UUID version 7.
    #[php(name = "newUid")]
    pub fn new_uid() -> String {
        uuid::Uuid::now_v7().to_string()
    }

    /// Encrypts a secret for keeping (XChaCha20-Poly1305; HKDF-SHA-256 makes the key from the site's own).
    #[php(name = "seal")]
    pub fn seal(key: Text<'_>, plain: Text<'_>) -> Result<String> {
        seal::seal(key.read("key")?, plain.read("plain")?)
    }

    /// Decrypts what seal() made; throws an Exception if it was made with another key or altered.
    #[php(name = "unseal")]
    pub fn unseal(key: Text<'_>, sealed: Text<'_>) -> Result<String> {
        seal::unseal(key.read("key")?, sealed.read("sealed")?)
    }

    /// Whether settle() needs all shared attributes in `after`: a peering does not know the entity yet.
    ///
    /// @param list<int> $peerings
    pub fn wants(state: TextIf<'_>, peerings: Table<'_>) -> Result<bool> {
        let state = read_state(state.read("state")?)?;
        let peerings = peering_ids(peerings.read("peerings")?)
            .ok_or_else(|| Error::Argument("$peerings must be a list of peerings' IDs".into()))?;
        Ok(causality::wants_all(state.as_ref(), &peerings))
    }

    /// Of several entities' states the key of the one that holds the latest version of an attribute; NULL if none holds one.
    ///
    /// @param array<int, string> $states
    pub fn latest(states: Table<'_>, attribute: Text<'_>) -> Result<Option<i64>> {
        latest(states.read("states")?, attribute.read("attribute")?)
    }

    /// A local edit becomes the entity's next state and its changes; NULL when there is nothing to tell.
    ///
    /// Values are NULL, booleans, numbers, strings, and lists of these. `after` holds the touched attributes, or all where
    /// wants() says so. `seen` holds versions of peers that a person knew when deciding: the edit replaces them. `floor` is a
    /// version that it must exceed besides. `peerings` let this entity out, `outside` are those whose filter does not, `withdraw` those
    /// of them whose copy is withdrawn if it has been in the filter so far.
    ///
    /// @param array{node: string, instance: string, type: string, entity: string, reference: string, state?: ?string,
    ///   operation: 'create'|'update'|'delete'|'merge'|'withdraw',
    ///   rows: list<array{id: int, time: int, attributes?: list<string>}>, before?: array<string, mixed>,
    ///   after: array<string, mixed>, defaults?: array<string, mixed>, peerings: list<int>, merged_state?: ?string,
    ///   outside?: list<int>, withdraw?: list<int>, chain?: list<string>, floor?: ?string, seen?: array<string, string>,
    ///   uid?: ?string} $facts
    /// @return ?array{uid: string, uids: list<string>, state: string,
    ///   changes: list<array{id: string, text: string, targets: list<int>}>}
    pub fn settle(facts: Table<'_>) -> Result<Option<ZBox<ZendHashTable>>> {
        settle(facts.facts("facts", "settle")?)
    }

    /// Everything that is held of an entity, told to one peering once more, with the versions held. `instance` is a UUID made for
    /// this resynchronisation, and `row` tells the entities apart in it. Of what the peering's filter keeps back (`outside`) nothing is
    /// told but that it has left; of what is deleted and was never shared, nothing at all.
    ///
    /// @param array{node: string, instance: string, row: int, type: string, entity: string, reference: string, time: int,
    ///   state: string, peering: int, outside?: list<int>, withdraw?: list<int>, all?: array<string, mixed>, defaults?: array<string, mixed>} $facts
    /// @return array{uid: string, uids: list<string>, state: string,
    ///   changes: list<array{id: string, text: string, targets: list<int>}>}
    pub fn push(facts: Table<'_>) -> Result<ZBox<ZendHashTable>> {
        push(facts.facts("facts", "push")?)
    }

    /// A state whose versions from the future, which a wrong clock believed in, are minted anew at `now` (Unix milliseconds);
    /// NULL if there are none.
    pub fn mend(state: Text<'_>, now: Number<'_>, node: Text<'_>) -> Result<Option<String>> {
        let (now, node) = (now.read("now")?, node.read("node")?);
        let state =
            State::read(state.read("state")?).map_err(|error| Error::Other(error.to_string()))?;
        let mended = causality::mend(&state, now, node);
        Ok(mended.map(|state| state.write()))
    }

    /// Gives each `create` among these changes the `identity` that its receivers find the entity by: values by name for each
    /// peering that needs some. Peerings that get different ones get changes of their own.
    ///
    /// @param list<array{id: string, text: string, targets: list<int>}> $changes
    /// @param array<int, array<string, mixed>> $identity
    /// @return list<array{id: string, text: string, targets: list<int>}>
    pub fn identify(
        node: Text<'_>,
        changes: Table<'_>,
        identity: Table<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let changes = changes
            .facts("changes", "identify")?
            .list()?
            .into_iter()
            .map(|change| {
                let change = Facts::new(change, "identify: a change");
                Ok(Outgoing {
                    id: change.text("id")?.to_owned(),
                    text: change.text("text")?.to_owned(),
                    targets: change.peerings("targets")?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let identity = values_by_peering(identity.read("identity")?)?;
        outgoing(&causality::identify(changes, &identity, node.read("node")?))
    }

    /// A received change in this site's words, and with what its peering lets in alone.
    ///
    /// `only`, `except` and `one_way` are lists of this site's attributes, `rename` has this site's names by the peer's, `translate`
    /// this site's values by the peer's for each of this site's attributes. `constant` is for who writes.
    ///
    /// @param array{only?: ?list<string>, except?: list<string>, rename?: array<string, string>, constant?: array<string, mixed>,
    ///   translate?: array<string, array<string, mixed>>, one_way?: list<string>, identity?: list<string>} $shape
    pub fn take(change: Text<'_>, shape: Table<'_>) -> Result<String> {
        let shape = shape.facts("shape", "take")?.shape()?;
        shape
            .take(change.read("change")?)
            .map_err(|error| Error::Argument(format!("change: {error}")))
    }

    /// Which entities of this site a received change means, by the UIDs that are known here: `living` and `gone` have the entity (any text
    /// that tells it apart) by UID. Of what was deleted here and what lives it means the latter; of the former, `graves` are one with it over
    /// there.
    ///
    /// @param array{operation: string, uid: string, same_as?: list<string>, merged_uid?: ?string, living?: array<string, string>,
    ///   gone?: array<string, string>} $facts
    /// @return array{kept: ?string, gone: ?string, graves: list<string>, elsewhere: list<string>}
    pub fn find(facts: Table<'_>) -> Result<ZBox<ZendHashTable>> {
        find(facts.facts("facts", "find")?)
    }

    /// What a received change does here: `state` is what is held of its entity, NULL if there is none. Those of the `graves`, which are the
    /// states of these, whose UIDs are among its afterwards have no state of their own any more.
    ///
    /// @param array{node: string, now: int, peering: int, rule?: 'latest'|'ours'|'theirs'|'ask', came_round?: bool,
    ///   simple?: bool, linked_now?: bool, current?: array<string, mixed>, defaults?: array<string, mixed>,
    ///   strict?: list<string>, merged_state?: ?string, merged_current?: array<string, mixed>,
    ///   graves?: list<string>, elsewhere?: list<string>} $facts
    /// @return array{uid: string, uids: list<string>, state: string, changes: array{},
    ///   verdict: 'write'|'delete'|'merge'|'hold'|'ignore'|'wait'|'reject', reason: ?string, until: ?int,
    ///   write: array<string, mixed>, advanced: list<string>, contribute: list<string>, merged_uid: ?string,
    ///   new_uids: list<string>,
    ///   conflicts: list<array{name: string, ours_version: string, theirs: mixed, theirs_version: string}>}
    pub fn decide(
        change: Text<'_>,
        state: TextIf<'_>,
        facts: Table<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let json = parse(change.read("change")?)?;
        let change = read(&json)?;
        let state = read_state(state.read("state")?)?;
        decide(&change, state, facts.facts("facts", "decide")?)
    }

    /// What goes on after a received change was applied, and what hooks changed besides. `outside` and `withdraw` are as in settle().
    ///
    /// @param array{node: string, instance: string, row: int, change: string, state: string, reference?: ?string,
    ///   origin: int, time: int, advanced?: list<string>, new_uids?: list<string>, came_round?: bool, linked_now?: bool,
    ///   derived?: array{before: array<string, mixed>, after: array<string, mixed>}, peerings: list<int>,
    ///   outside?: list<int>, withdraw?: list<int>, all?: ?array<string, mixed>, defaults?: array<string, mixed>} $facts
    /// @return array{uid: string, uids: list<string>, state: string,
    ///   changes: list<array{id: string, text: string, targets: list<int>}>}
    pub fn forward(facts: Table<'_>) -> Result<ZBox<ZendHashTable>> {
        forward(facts.facts("facts", "forward")?)
    }
}

fn parse(text: &str) -> Result<json::Json<'_>> {
    json::parse(text.as_bytes()).map_err(|error| Error::Argument(format!("change: {error}")))
}

fn read<'a>(json: &json::Json<'a>) -> Result<Change<'a>> {
    Change::read(json).map_err(|error| Error::Argument(format!("change: {error}")))
}

fn read_state(text: Option<&str>) -> Result<Option<State>> {
    text.map(State::read)
        .transpose()
        .map_err(|error| Error::Other(error.to_string()))
}

fn latest(states: &ZendHashTable, attribute: &str) -> Result<Option<i64>> {
    let mut latest: Option<(Version, i64)> = None;
    for (key, state) in each(states) {
        let (Some(key), Some(text)) = (key.long(), utf8(state)) else {
            return Err(Error::Argument(
                "$states must be strings in UTF-8 under numbers".into(),
            ));
        };
        let state = read_state(Some(text))?.unwrap_or_default();
        if let Some(version) = state.held.get(attribute)
            && latest.as_ref().is_none_or(|(held, _)| version > held)
        {
            latest = Some((version.clone(), key));
        }
    }
    Ok(latest.map(|(_, key)| key))
}

fn settle(facts: Facts<'_>) -> Result<Option<ZBox<ZendHashTable>>> {
    let rows = facts
        .rows("rows")?
        .into_iter()
        .map(|row| {
            let row = Facts::new(row, "settle: a row");
            Ok(Row {
                id: row.number("id")?,
                time: row.time("time")?,
                attributes: row.names("attributes")?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err(Error::Argument("settle: rows must hold a row".into()));
    };
    let operation = facts.text("operation")?;
    let operation = Operation::parse(operation)
        .ok_or_else(|| Error::Argument(format!("settle: {operation:?} is not an operation")))?;
    let peerings = facts.peerings("peerings")?;
    let mut state = facts.state("state")?;
    let mut floor = facts
        .text_if("floor")?
        .map(Version::parse)
        .transpose()
        .map_err(|error| Error::Argument(error.to_string()))?;
    for (name, version) in facts.texts_by_name("seen")? {
        let version =
            Version::parse(&version).map_err(|error| Error::Argument(error.to_string()))?;
        if let Some(state) = &mut state {
            // The edit replaces what was seen, and exceeds what was held as well.
            floor = floor.max(state.held.get(&name).cloned());
            state.hold(&name, version, last.time);
        }
    }
    // Most edits are updates of what every peering knows: they need neither the defaults nor a new UID.
    let whole = operation != Operation::Update || causality::wants_all(state.as_ref(), &peerings);
    let defaults = if whole {
        facts.values("defaults")?
    } else {
        Values::new()
    };
    let uid = if let Some(uid) = facts.text_if("uid")? {
        uid.to_owned()
    } else if state.is_none() {
        uuid::Uuid::now_v7().to_string()
    } else {
        String::new()
    };
    let settled = causality::settle(
        state,
        &SettleFacts {
            origin: Origin {
                node: facts.node("node")?,
                instance: facts.text("instance")?,
                row: first.id,
                kind: facts.name("type")?,
                entity: facts.name("entity")?,
                reference: facts.text("reference")?,
                time: last.time,
            },
            operation,
            before: facts.values("before")?,
            after: facts.values_if("after")?.ok_or_else(|| {
                Error::Argument("settle: after must be an array of values by name".into())
            })?,
            defaults,
            peerings,
            outside: outside(&facts)?,
            merged: facts.state("merged_state")?,
            chain: facts.texts("chain")?.into_iter().map(Cow::Owned).collect(),
            floor,
            now: System.now(),
            uid,
            rows,
        },
    );
    settled
        .map(|settled| Ok(out(&settled.state, &settled.changes)?.done()))
        .transpose()
}

fn outside(facts: &Facts<'_>) -> Result<Outside> {
    Ok(Outside {
        peerings: facts.peerings_if("outside")?,
        withdraw: facts.peerings_if("withdraw")?,
    })
}

fn push(facts: Facts<'_>) -> Result<ZBox<ZendHashTable>> {
    let state = facts
        .state("state")?
        .ok_or_else(|| Error::Argument("push: state must be what is kept of the entity".into()))?;
    let pushed = causality::push(
        state,
        &PushFacts {
            origin: Origin {
                node: facts.node("node")?,
                instance: facts.text("instance")?,
                row: facts.number("row")?,
                kind: facts.name("type")?,
                entity: facts.name("entity")?,
                reference: facts.text("reference")?,
                time: facts.time("time")?,
            },
            peering: facts.peering("peering")?,
            outside: outside(&facts)?,
            all: facts.values("all")?,
            defaults: facts.values("defaults")?,
        },
    );
    Ok(out(&pushed.state, &pushed.changes)?.done())
}

/// Changes for the outbox.
fn outgoing(changes: &[Outgoing]) -> Result<ZBox<ZendHashTable>> {
    let mut list = ZendHashTable::new();
    for change in changes {
        let targets: Vec<i64> = change.targets.iter().copied().collect();
        list.push(
            Out::new()
                .set("id", change.id.as_str())?
                .set("text", change.text.as_str())?
                .set("targets", targets)?
                .done(),
        )?;
    }
    Ok(list)
}

/// What every function gives back: the state, its UIDs, and the changes for the outbox.
fn out(state: &State, changes: &[Outgoing]) -> Result<Out> {
    let list = outgoing(changes)?;
    Out::new()
        .set("uid", state.uid())?
        .set("uids", to_texts(state.uids.iter().map(String::as_str))?)?
        .set("state", state.write())?
        .set("changes", list)
}

fn find(facts: Facts<'_>) -> Result<ZBox<ZendHashTable>> {
    let operation = facts.text("operation")?;
    let same_as = facts.texts("same_as")?;
    let (living, gone) = (facts.texts_by_uid("living")?, facts.texts_by_uid("gone")?);
    let named = Named {
        operation: Operation::parse(operation)
            .ok_or_else(|| Error::Argument(format!("find: {operation:?} is not an operation")))?,
        uid: facts.text("uid")?,
        same_as: &same_as.iter().map(String::as_str).collect::<Vec<_>>(),
        merged_uid: facts.text_if("merged_uid")?,
    };
    let found = causality::find(&named, |uid| {
        let entity = living.get(uid).map(|entity| (entity.as_str(), false));
        let (entity, gone) =
            entity.or_else(|| gone.get(uid).map(|entity| (entity.as_str(), true)))?;
        Some(Known { entity, gone })
    });
    Ok(Out::new()
        .set("kept", found.kept)?
        .set("gone", found.gone)?
        .set("graves", to_texts(found.graves.iter().copied())?)?
        .set(
            "elsewhere",
            to_texts(found.elsewhere.iter().map(String::as_str))?,
        )?
        .done())
}

fn decide(
    change: &Change<'_>,
    state: Option<State>,
    facts: Facts<'_>,
) -> Result<ZBox<ZendHashTable>> {
    let rule = facts.text_if("rule")?.unwrap_or("latest");
    let linked = if facts.flag("linked_now")? {
        Some(Linked {
            current: facts.values("current")?,
            defaults: facts.values("defaults")?,
            strict: facts.texts("strict")?.into_iter().collect(),
        })
    } else {
        None
    };
    let decision = causality::decide(
        change,
        state,
        &DecideFacts {
            node: facts.node("node")?,
            now: facts.time("now")?,
            peering: facts.peering("peering")?,
            rule: Rule::parse(rule)
                .ok_or_else(|| Error::Argument(format!("decide: {rule:?} is not a rule")))?,
            came_round: facts.flag("came_round")?,
            simple: facts.flag("simple")?,
            linked,
            merged: facts.state("merged_state")?,
            merged_values: facts.values("merged_current")?,
            graves: facts.states("graves")?,
            elsewhere: facts.texts("elsewhere")?.into_iter().collect(),
        },
    );
    let (verdict, reason, until) = match &decision.verdict {
        Verdict::Write => ("write", None, None),
        Verdict::Delete => ("delete", None, None),
        Verdict::Merge => ("merge", None, None),
        Verdict::Hold => ("hold", None, None),
        Verdict::Ignore => ("ignore", None, None),
        Verdict::Wait(until) => ("wait", None, i64::try_from(*until).ok()),
        Verdict::Reject(reason) => ("reject", Some(reason.as_str()), None),
    };
    let names = |set: &BTreeSet<String>| to_texts(set.iter().map(String::as_str));
    Ok(out(&decision.state, &[])?
        .set("verdict", verdict)?
        .set("reason", reason)?
        .set("until", until)?
        .set("write", to_values(&decision.write)?)?
        .set("advanced", names(&decision.advanced)?)?
        .set("contribute", names(&decision.contribute)?)?
        .set("merged_uid", change.merged_uid.as_deref())?
        .set(
            "new_uids",
            to_texts(decision.new_uids.iter().map(String::as_str))?,
        )?
        .set("conflicts", conflicts(&decision)?)?
        .done())
}

fn conflicts(decision: &Decision) -> Result<ZBox<ZendHashTable>> {
    let mut list = ZendHashTable::new();
    for conflict in &decision.conflicts {
        let theirs: Zval = to_zval(&conflict.theirs)?;
        list.push(
            Out::new()
                .set("name", conflict.name.as_str())?
                .set("ours_version", conflict.ours.to_string())?
                .set("theirs", theirs)?
                .set("theirs_version", conflict.theirs_version.to_string())?
                .done(),
        )?;
    }
    Ok(list)
}

fn forward(facts: Facts<'_>) -> Result<ZBox<ZendHashTable>> {
    let json = parse(facts.text("change")?)?;
    let change = read(&json)?;
    let state = facts
        .state("state")?
        .ok_or_else(|| Error::Argument("forward: state must be what decide() gave".into()))?;
    let derived = facts
        .array_if("derived")?
        .map(|table| Facts::new(table, "forward: derived"));
    let (before, after) = match derived {
        Some(derived) => (derived.values("before")?, derived.values("after")?),
        None => Default::default(),
    };
    let kind = change.kind.clone();
    let entity = change.entity.clone();
    let forwarded = causality::forward(
        &change,
        state,
        &ForwardFacts {
            origin: Origin {
                node: facts.node("node")?,
                instance: facts.text("instance")?,
                row: facts.number("row")?,
                kind: &kind,
                entity: &entity,
                reference: facts.text_if("reference")?.unwrap_or(""),
                time: facts.time("time")?,
            },
            came_by: facts.peering("origin")?,
            advanced: facts.texts("advanced")?.into_iter().collect(),
            new_uids: facts.texts("new_uids")?,
            came_round: facts.flag("came_round")?,
            linked: facts.flag("linked_now")?,
            before,
            after,
            peerings: facts.peerings("peerings")?,
            outside: outside(&facts)?,
            all: facts.values_if("all")?,
            defaults: facts.values("defaults")?,
        },
    );
    Ok(out(&forwarded.state, &forwarded.changes)?.done())
}
