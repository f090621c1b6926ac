//! A change: what happened to one entity, attribute by attribute (protocol.md, "Message").
//!
//! A change is kept as its canonical text, complete with `loop_detection`, from the moment it is recorded: sending it is
//! joining texts. [`seal`] makes such a text, [`Change::read`] looks into one, [`filtered`] leaves attributes out.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{self, Json, Sink};
use crate::signature::{self, LoopSignature};
use crate::time;
use crate::version::Version;

/// The most entries that `loop_detection` may hold.
pub const MAX_CHAIN: usize = 32;

const LOOP_DETECTION: &str = "loop_detection";

/// What happened to the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// It is new to the receiver; null and default values are left out.
    Create,
    /// Some attributes have new values.
    Update,
    /// It is gone, and stays so.
    Delete,
    /// `merged_uid` names the same entity as `entity_uid` from now on.
    Merge,
    /// It has left what the peering shares; the receiver keeps its copy.
    Withdraw,
}

impl Operation {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Merge => "merge",
            Operation::Withdraw => "withdraw",
        }
    }

    /// Reads the word on the wire.
    #[must_use]
    pub fn parse(word: &str) -> Option<Operation> {
        [
            Operation::Create,
            Operation::Update,
            Operation::Delete,
            Operation::Merge,
            Operation::Withdraw,
        ]
        .into_iter()
        .find(|operation| operation.as_str() == word)
    }
}

/// One attribute's new value.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeChange<'a> {
    /// The name in CiviCRM's API version 4.
    pub name: Cow<'a, str>,
    /// The value before, as far as the sender knew it.
    pub from: Json<'a>,
    /// The value now; `""` is read as null.
    pub to: Json<'a>,
    /// When and where it was written.
    pub version: Version,
    /// The version that it replaced.
    pub from_version: Option<Version>,
}

/// A change as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// The change type, `civishare.change.contact.base`.
    pub kind: Cow<'a, str>,
    /// The sender's name for this change.
    pub change_id: Cow<'a, str>,
    /// Unix milliseconds.
    pub timestamp: u64,
    /// What happened.
    pub operation: Operation,
    /// CiviCRM's name of the entity, `Contact`.
    pub entity: Cow<'a, str>,
    /// The entity's UID.
    pub entity_uid: Cow<'a, str>,
    /// The sender's own ID, a hint.
    pub entity_reference: Option<Cow<'a, str>>,
    /// The attributes.
    pub attributes: Vec<AttributeChange<'a>>,
    /// Further UIDs of the same entity.
    pub same_as: Vec<Cow<'a, str>>,
    /// The UID that a merge took in.
    pub merged_uid: Option<Cow<'a, str>>,
    /// The version of a `delete` or `merge`.
    pub version: Option<Version>,
    /// What the peering's matching rule needs.
    pub identity: Option<Json<'a>>,
    /// The causes' loop signatures and then its own, base64.
    pub loop_detection: Vec<Cow<'a, str>>,
}

/// Why a change cannot be taken. The text is the `reason` in the answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChangeError {
    /// A member is missing or of the wrong kind.
    #[error("malformed: the member {0} is missing or not what the protocol says")]
    Member(&'static str),
    /// An attribute's value is neither a scalar nor a list of scalars.
    #[error("malformed: the attribute {0} holds neither a plain value nor a list of plain values")]
    Value(String),
    /// One attribute stands twice.
    #[error("malformed: the attribute {0} stands twice in one change")]
    TwiceNamed(String),
    /// Too many causes.
    #[error("loop_detection: more than 32 entries, so this change has gone round and round")]
    ChainTooLong,
}

impl<'a> Change<'a> {
    /// Looks into a change.
    ///
    /// # Errors
    /// [`ChangeError`] names the member that is wrong.
    pub fn read(json: &Json<'a>) -> Result<Change<'a>, ChangeError> {
        let [
            attributes,
            change_id,
            entity,
            entity_reference,
            entity_uid,
            identity,
            chain,
            merged_uid,
            operation,
            same_as,
            timestamp,
            kind,
            version,
        ] = json.pick([
            "attribute_changes",
            "change_id",
            "entity",
            "entity_reference",
            "entity_uid",
            "identity",
            LOOP_DETECTION,
            "merged_uid",
            "operation",
            "same_as",
            "timestamp",
            "type",
            "version",
        ]);
        let operation = text(operation)
            .and_then(|word| Operation::parse(&word))
            .ok_or(ChangeError::Member("operation"))?;
        let version = match version {
            None => None,
            Some(value) => Some(read_version(value, None).ok_or(ChangeError::Member("version"))?),
        };
        if version.is_none() && matches!(operation, Operation::Delete | Operation::Merge) {
            return Err(ChangeError::Member("version"));
        }
        let merged_uid = uid(merged_uid);
        if (operation == Operation::Merge) != merged_uid.is_some() {
            return Err(ChangeError::Member("merged_uid"));
        }
        let loop_detection = texts(chain, |_| true).ok_or(ChangeError::Member(LOOP_DETECTION))?;
        if loop_detection.len() > MAX_CHAIN {
            return Err(ChangeError::ChainTooLong);
        }
        if identity.is_some_and(|json| json.as_object().is_none()) {
            return Err(ChangeError::Member("identity"));
        }
        Ok(Change {
            kind: name(kind).ok_or(ChangeError::Member("type"))?,
            change_id: name(change_id).ok_or(ChangeError::Member("change_id"))?,
            timestamp: text(timestamp)
                .and_then(|text| time::read(&text))
                .ok_or(ChangeError::Member("timestamp"))?,
            operation,
            entity: name(entity).ok_or(ChangeError::Member("entity"))?,
            entity_uid: uid(entity_uid).ok_or(ChangeError::Member("entity_uid"))?,
            entity_reference: text(entity_reference),
            attributes: read_attributes(attributes)?,
            same_as: texts(same_as, is_uid).ok_or(ChangeError::Member("same_as"))?,
            merged_uid,
            version,
            identity: identity.cloned(),
            loop_detection,
        })
    }
}

impl Change<'_> {
    /// The latest reading of a clock among its versions, Unix milliseconds.
    #[must_use]
    pub fn latest_ms(&self) -> Option<u64> {
        self.attributes
            .iter()
            .map(|attribute| &attribute.version)
            .chain(&self.version)
            .map(|version| version.ms)
            .max()
    }
}

fn text<'a>(json: Option<&Json<'a>>) -> Option<Cow<'a, str>> {
    match json {
        Some(Json::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

fn name<'a>(json: Option<&Json<'a>>) -> Option<Cow<'a, str>> {
    text(json).filter(|text| is_name(text))
}

/// Whether this can name a change type, an entity, a change or an attribute: 1 to 255 bytes, no control characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~');
    (1..=255).contains(&text.len())
        && (text.bytes().all(plain) || !text.chars().any(char::is_control))
}

/// UIDs are kept in a column of 64 ASCII characters.
fn is_uid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn uid<'a>(json: Option<&Json<'a>>) -> Option<Cow<'a, str>> {
    text(json).filter(|text| is_uid(text))
}

/// A list of texts that all pass; an empty one where there is none.
fn texts<'a>(json: Option<&Json<'a>>, pass: impl Fn(&str) -> bool) -> Option<Vec<Cow<'a, str>>> {
    let Some(list) = json else {
        return Some(Vec::new());
    };
    list.as_array()?
        .iter()
        .map(|entry| text(Some(entry)).filter(|text| pass(text)))
        .collect()
}

fn read_version(json: &Json<'_>, near: Option<&Version>) -> Option<Version> {
    Version::read_near(json.as_str()?, near)
}

fn read_attributes<'a>(json: Option<&Json<'a>>) -> Result<Vec<AttributeChange<'a>>, ChangeError> {
    let list = json
        .and_then(Json::as_array)
        .ok_or(ChangeError::Member("attribute_changes"))?;
    let mut read: Vec<AttributeChange<'a>> = Vec::with_capacity(list.len());
    // What is written together has one version, so most versions are the one before.
    let mut before: Option<&Json<'a>> = None;
    for entry in list {
        let [from, from_version, named, to, version] =
            entry.pick(["from", "from_version", "name", "to", "version"]);
        let name = name(named).ok_or(ChangeError::Member("attribute_changes.name"))?;
        let near = read.last().map(|other| &other.version);
        let from_version = match from_version {
            None => None,
            Some(value) => Some(
                read_version(value, near)
                    .ok_or(ChangeError::Member("attribute_changes.from_version"))?,
            ),
        };
        read.push(AttributeChange {
            from: value(from.unwrap_or(&Json::Null), &name)?,
            to: value(
                to.ok_or(ChangeError::Member("attribute_changes.to"))?,
                &name,
            )?,
            version: match (version, near) {
                (Some(_), Some(near)) if version == before => Some(near.clone()),
                (Some(value), _) => read_version(value, near.or(from_version.as_ref())),
                (None, _) => None,
            }
            .ok_or(ChangeError::Member("attribute_changes.version"))?,
            from_version,
            name,
        });
        before = version;
    }
    match twice(&read) {
        Some(name) => Err(ChangeError::TwiceNamed(name)),
        None => Ok(read),
    }
}

/// A name that stands twice.
fn twice(attributes: &[AttributeChange<'_>]) -> Option<String> {
    if let [rest @ .., last] = attributes
        && attributes.len() <= 8
    {
        let found = rest.iter().any(|other| other.name == last.name);
        return found.then(|| last.name.to_string()).or_else(|| twice(rest));
    }
    // By sorting: a message may bring 100,000 attributes, too many to compare each with each.
    let mut names: Vec<&str> = attributes.iter().map(|one| one.name.as_ref()).collect();
    names.sort_unstable();
    let [name, _] = names.array_windows().find(|[a, b]| a == b)?;
    Some((*name).to_owned())
}

fn value<'a>(json: &Json<'a>, name: &str) -> Result<Json<'a>, ChangeError> {
    let scalar = |json: &Json<'_>| !matches!(json, Json::Array(_) | Json::Object(_));
    match json {
        Json::Str(text) if text.is_empty() => Ok(Json::Null),
        Json::Array(list) if list.iter().all(scalar) => Ok(json.clone()),
        json if scalar(json) => Ok(json.clone()),
        _ => Err(ChangeError::Value(name.to_owned())),
    }
}

/// A change with its own loop signature: what the outbox keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The canonical text, complete with `loop_detection`.
    pub text: String,
    /// Its own loop signature, the last entry there.
    pub signature: LoopSignature,
}

/// Signs a change as `sender`, behind its causes' `chain`. What the object has as `loop_detection` is left out.
#[must_use]
pub fn seal(change: Json<'_>, chain: &[Cow<'_, str>], sender: &str) -> Sealed {
    let members = change.as_object().unwrap_or(&[]);
    let mut out = Vec::with_capacity(1024);
    let mut place = None;
    out.push(b'{');
    for (name, value) in members.iter().filter(|(name, _)| name != LOOP_DETECTION) {
        if json::name_order(name, LOOP_DETECTION).is_gt() {
            place.get_or_insert(out.len());
        }
        if out.len() > 1 {
            out.push(b',');
        }
        json::write_string(name, &mut out);
        out.push(b':');
        value.write_canonical(&mut out);
    }
    let place = place.unwrap_or(out.len());
    out.push(b'}');
    seal_text(out, place, chain, sender)
}

/// Signs the canonical text of a change that lacks `loop_detection`; that member belongs to `place`, right behind the
/// member before it or behind the opening brace.
pub(crate) fn seal_text(
    mut text: Vec<u8>,
    place: usize,
    chain: &[Cow<'_, str>],
    sender: &str,
) -> Sealed {
    let signature = signature::loop_signature([&text, &[]], &sender_text(sender));
    let mut member = Vec::with_capacity(128);
    if place > 1 {
        member.push(b',');
    }
    member.extend_from_slice(b"\"loop_detection\":[");
    for entry in chain {
        json::write_string(entry, &mut member);
        member.push(b',');
    }
    member.push(b'"');
    member.extend_from_slice(signature::loop_signature_text(&signature).as_bytes());
    member.extend_from_slice(b"\"]");
    if place == 1 && text.get(1) != Some(&b'}') {
        member.push(b',');
    }
    text.splice(place..place, member);
    Sealed {
        text: String::from_utf8(text).unwrap_or_default(),
        signature,
    }
}

/// The change without the attributes that `allowed` does not let through and without `identity`, sealed anew as `sender`.
///
/// `None` if it then has nothing left to tell: an `update` without attributes that teaches no UIDs either.
///
/// # Errors
/// [`json::JsonError`] if the text is not JSON, which a stored text always is.
pub fn filtered(
    text: &str,
    sender: &str,
    allowed: &dyn Fn(&str) -> bool,
) -> Result<Option<Sealed>, json::JsonError> {
    let mut keep = |entry: &mut Json<'_>| {
        entry
            .get("name")
            .and_then(Json::as_str)
            .is_some_and(allowed)
    };
    altered(text, sender, &mut keep, &|_| Vec::new())
}

/// The members of an object.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// The change with those attributes that `keep`, which may alter them, lets through, and with what `identify` leaves of
/// `identity`, sealed anew as `sender`; `None` if nothing is left to tell.
pub(crate) fn altered(
    text: &str,
    sender: &str,
    keep: &mut dyn FnMut(&mut Json<'_>) -> bool,
    identify: &dyn for<'a> Fn(Members<'a>) -> Members<'a>,
) -> Result<Option<Sealed>, json::JsonError> {
    let mut change = json::parse(text.as_bytes())?;
    let mut left = 0;
    let mut dropped = false;
    if let Json::Object(members) = &mut change {
        members.retain_mut(|(member, value)| match (member.as_ref(), value) {
            ("attribute_changes", Json::Array(list)) => {
                let before = list.len();
                list.retain_mut(|entry| keep(entry));
                left = list.len();
                dropped = left < before;
                true
            }
            ("identity", Json::Object(identity)) => {
                *identity = identify(std::mem::take(identity));
                !identity.is_empty()
            }
            _ => true,
        });
    }
    let update = change.get("operation").and_then(Json::as_str) == Some("update");
    if update && dropped && left == 0 && change.get("same_as").is_none() {
        return Ok(None);
    }
    let mut chain: Vec<Cow<'_, str>> =
        texts(change.get(LOOP_DETECTION), |_| true).unwrap_or_default();
    chain.pop();
    Ok(Some(seal(change, &chain, sender)))
}

/// Puts a change into a sink, in canonical form, and tells where its `loop_detection` member stands there, with one comma.
pub(crate) fn put_with_cut(change: &Json<'_>, out: &mut impl Sink) -> Range<usize> {
    let Json::Object(members) = change else {
        change.put_canonical(out);
        return out.position()..out.position();
    };
    let mut cut = None;
    out.put(b"{");
    for (index, (name, value)) in members.iter().enumerate() {
        let start = out.position();
        if index > 0 {
            out.put(b",");
        }
        json::put_string(name, out);
        out.put(b":");
        value.put_canonical(out);
        if name == LOOP_DETECTION {
            // Where the member stands first, the comma to cut is the one behind it.
            let comma = usize::from(index == 0 && members.len() > 1);
            cut = Some(start..out.position() + comma);
        }
    }
    out.put(b"}");
    cut.unwrap_or_else(|| out.position()..out.position())
}

/// What remains of the change that stands in `out[change]` without the bytes `cut`.
pub(crate) fn without<'t>(
    out: &'t [u8],
    change: &Range<usize>,
    cut: &Range<usize>,
) -> [&'t [u8]; 2] {
    if cut.is_empty() {
        [&out[change.clone()], &[]]
    } else {
        [&out[change.start..cut.start], &out[cut.end..change.end]]
    }
}

/// The sender as a canonical JSON string.
pub(crate) fn sender_text(sender: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(sender.len() + 2);
    json::write_string(sender, &mut out);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"attribute_changes":[{"from":"Karl","name":"first_name","to":"Carl","version":"1.0@n"},{"from":null,"name":"birth_date","to":"","version":"1.0@n"}],"change_id":"c1","entity":"Contact","entity_reference":"312","entity_uid":"u1","operation":"update","timestamp":"2024-10-23T20:08:48.201+02:00","type":"civishare.change.contact.base"}"#;

    fn sealed(chain: &[Cow<'_, str>]) -> Sealed {
        seal(json::parse(TEXT.as_bytes()).unwrap(), chain, "https://n")
    }

    #[test]
    fn a_sealed_change_is_canonical_and_ends_its_chain_with_its_own_signature() {
        let sealed = sealed(&[Cow::Borrowed("cause")]);
        let json = json::parse(sealed.text.as_bytes()).unwrap();
        assert_eq!(json.canonical(), sealed.text);
        let change = Change::read(&json).unwrap();
        assert_eq!(change.loop_detection[0], "cause");
        assert_eq!(
            signature::read_loop_signature(&change.loop_detection[1]),
            Some(sealed.signature)
        );
        assert_eq!(change.attributes[1].to, Json::Null);
        let by_hand = format!("{{\"change\":{TEXT},\"sender\":\"https://n\"}}");
        assert_eq!(
            sealed.signature,
            signature::loop_signature(
                [&by_hand.as_bytes()[10..10 + TEXT.len()], b""],
                b"\"https://n\""
            )
        );
    }

    #[test]
    fn a_filtered_change_is_signed_anew_and_keeps_its_causes() {
        let sealed = sealed(&[Cow::Borrowed("cause")]);
        let less = filtered(&sealed.text, "https://n", &|name| name == "birth_date")
            .unwrap()
            .unwrap();
        assert_ne!(less.signature, sealed.signature);
        let json = json::parse(less.text.as_bytes()).unwrap();
        let change = Change::read(&json).unwrap();
        assert_eq!(change.attributes.len(), 1);
        assert_eq!(change.loop_detection[0], "cause");
        let same = filtered(&sealed.text, "https://n", &|_| true)
            .unwrap()
            .unwrap();
        assert_eq!(same, sealed);
        assert_eq!(
            filtered(&sealed.text, "https://n", &|_| false).unwrap(),
            None
        );
    }

    #[test]
    fn a_malformed_change_is_refused_by_the_member_that_is_wrong() {
        let read = |text: &str| Change::read(&json::parse(text.as_bytes()).unwrap()).map(|_| ());
        assert_eq!(read(TEXT), Ok(()));
        for (from, to, error) in [
            ("\"update\"", "\"drop\"", ChangeError::Member("operation")),
            ("\"update\"", "\"delete\"", ChangeError::Member("version")),
            ("\"update\"", "\"merge\"", ChangeError::Member("version")),
            ("\"u1\"", "\"u'1\"", ChangeError::Member("entity_uid")),
            ("+02:00", "", ChangeError::Member("timestamp")),
            (
                "\"Carl\"",
                "{\"a\":1}",
                ChangeError::Value("first_name".to_owned()),
            ),
            (
                "\"Carl\"",
                "[[1]]",
                ChangeError::Value("first_name".to_owned()),
            ),
            (
                "birth_date",
                "first_name",
                ChangeError::TwiceNamed("first_name".to_owned()),
            ),
            (
                "1.0@n",
                "01.0@n",
                ChangeError::Member("attribute_changes.version"),
            ),
            (
                "first_name",
                "a\\u0000b",
                ChangeError::Member("attribute_changes.name"),
            ),
        ] {
            assert_eq!(read(&TEXT.replacen(from, to, 1)), Err(error), "{to}");
        }
    }
}
