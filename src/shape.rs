//! What of a change type goes through a peering in one direction, and in which words.
//!
//! Sites name their custom fields and options differently. Either side alone can adapt to the other: [`Shape::tell`] puts a
//! change into the words of the peer as it goes out, [`Shape::take`] puts one into this site's words before it is applied,
//! so that everything behind (versions, conflicts, what goes on to third nodes) knows this site's words only. Versions stay as they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{self, Members, Sealed};
use crate::json::{self, Json, JsonError};

/// Change types, each with what of it goes through.
pub type Types = BTreeMap<String, Shape>;

/// One direction of one change type. The default lets everything through as it is. Names are this site's, except in `rename`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Only these attributes; `None` for all. What else a peer sends is refused.
    pub only: Option<BTreeSet<String>>,
    /// Not these. What a peer sends of them is passed over.
    pub except: BTreeSet<String>,
    /// Attributes that are called otherwise, in the direction of travel: going out from our name to theirs, coming in from
    /// theirs to ours. A name that something else is renamed to does not go through by itself.
    pub rename: BTreeMap<String, String>,
    /// Going out: told with this value whatever it is here. (Coming in, whoever writes replaces the value.)
    pub constant: BTreeMap<String, Json<'static>>,
    /// Values by attribute, in the direction of travel, by their text ([`word`]). Others stay as they are; of several values each is looked up.
    pub translate: BTreeMap<String, BTreeMap<String, Json<'static>>>,
    /// Privacy flags that are told or taken when they are set, and never when they are lifted.
    pub one_way: BTreeSet<String>,
    /// Going out: what `identity` may tell, even if the attribute itself does not go out.
    pub identity: BTreeSet<String>,
}

/// What becomes of an attribute that a peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'s> {
    /// It is taken under this name.
    Taken(&'s str),
    /// It is passed over.
    Dropped,
    /// The change is refused.
    Refused,
}

impl Shape {
    /// Only these attributes.
    #[must_use]
    pub fn only(names: BTreeSet<String>) -> Shape {
        Shape {
            only: Some(names),
            ..Shape::default()
        }
    }

    /// Does everything go through as it is?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.only.is_none() && self.except.is_empty() && self.is_filter()
    }

    /// What becomes of an attribute that the peer calls `wire`.
    #[must_use]
    pub fn entry<'s>(&'s self, wire: &'s str) -> Entry<'s> {
        let Some(name) = self.renamed(wire) else {
            return Entry::Dropped;
        };
        if self.except.contains(name) {
            Entry::Dropped
        } else if self.only.as_ref().is_some_and(|only| !only.contains(name)) {
            Entry::Refused
        } else {
            Entry::Taken(name)
        }
    }

    /// The change as the peer is told of it, sealed anew as `sender`.
    ///
    /// `None` if nothing is left to tell: an `update` without attributes that teaches no UIDs either.
    ///
    /// # Errors
    /// [`JsonError`] if the text is not JSON, which a stored text always is.
    pub fn tell(&self, text: &str, sender: &str) -> Result<Option<Sealed>, JsonError> {
        change::altered(text, sender, &mut |entry| self.told(entry), &|identity| {
            self.identify(identity)
        })
    }

    /// A received change in this site's words, as canonical text. Its chain stays as it came.
    ///
    /// # Errors
    /// [`JsonError`] if the text is not JSON.
    pub fn take(&self, text: &str) -> Result<String, JsonError> {
        let mut change = json::parse(text.as_bytes())?;
        if let Json::Object(members) = &mut change {
            for (member, value) in members.iter_mut() {
                match (member.as_ref(), value) {
                    ("attribute_changes", Json::Array(list)) => {
                        list.retain_mut(|entry| self.taken(entry));
                    }
                    ("identity", Json::Object(identity)) => {
                        let list = std::mem::take(identity);
                        *identity = self.known(list);
                    }
                    _ => {}
                }
            }
        }
        Ok(change.canonical())
    }

    fn goes_out(&self, name: &str) -> bool {
        !self.except.contains(name) && self.only.as_ref().is_none_or(|only| only.contains(name))
    }

    /// The name at the other end; `None` where another attribute has taken it.
    fn renamed<'s>(&'s self, name: &'s str) -> Option<&'s str> {
        match self.rename.get(name) {
            Some(other) => Some(other),
            None if self.rename.values().any(|taken| taken == name) => None,
            None => Some(name),
        }
    }

    /// Does it leave out whole attributes and nothing else?
    fn is_filter(&self) -> bool {
        self.rename.is_empty()
            && self.constant.is_empty()
            && self.translate.is_empty()
            && self.one_way.is_empty()
    }

    fn told(&self, entry: &mut Json<'_>) -> bool {
        let Some(name) = entry.get("name").and_then(Json::as_str) else {
            return false;
        };
        if !self.goes_out(name) {
            return false;
        }
        if self.is_filter() {
            return true;
        }
        let name = name.to_owned();
        let Some(wire) = self.renamed(&name) else {
            return false;
        };
        if self.one_way.contains(&name) && !is_set(entry.get("to")) {
            return false;
        }
        let table = self.translate.get(&name);
        let constant = self.constant.get(&name);
        for (member, value) in members(entry) {
            match (member, constant) {
                // What it was before is no more the peer's business than what it is now.
                ("from", Some(_)) => *value = Json::Null,
                ("to", Some(constant)) => *value = constant.clone(),
                ("from" | "to", None) => translate(value, table),
                ("name", _) if wire != name => *value = Json::Str(wire.to_owned().into()),
                _ => {}
            }
        }
        true
    }

    fn taken(&self, entry: &mut Json<'_>) -> bool {
        let Some(wire) = entry.get("name").and_then(Json::as_str).map(str::to_owned) else {
            return false;
        };
        let Entry::Taken(name) = self.entry(&wire) else {
            return false;
        };
        if self.one_way.contains(name) && !is_set(entry.get("to")) {
            return false;
        }
        let table = self.translate.get(name);
        for (member, value) in members(entry) {
            match member {
                "from" | "to" => translate(value, table),
                "name" if wire != name => *value = Json::Str(name.to_owned().into()),
                _ => {}
            }
        }
        true
    }

    /// Only what is meant for it, in the peer's words. A constant identifies nobody.
    fn identify<'a>(&self, identity: Members<'a>) -> Members<'a> {
        self.in_other_words(identity, |name, _| {
            let told = self.identity.contains(name) && !self.constant.contains_key(name);
            told.then(|| self.translate.get(name))
        })
    }

    /// In our words. It is only looked at to find the entity, so nothing is left out.
    fn known<'a>(&self, identity: Members<'a>) -> Members<'a> {
        self.in_other_words(identity, |_, ours| Some(self.translate.get(ours)))
    }

    /// `table` gets a name before and after, and gives the table of its values; `None` leaves it out.
    fn in_other_words<'a, 's>(
        &'s self,
        members: Members<'a>,
        table: impl Fn(&str, &str) -> Option<Option<&'s BTreeMap<String, Json<'static>>>>,
    ) -> Members<'a> {
        let mut renamed: Members<'a> = members
            .into_iter()
            .filter_map(|(name, mut value)| {
                let other = self.renamed(&name)?.to_owned();
                translate(&mut value, table(&name, &other)?);
                Some((Cow::Owned(other), value))
            })
            .collect();
        renamed.sort_unstable_by(|(a, _), (b, _)| json::name_order(a, b));
        renamed
    }
}

fn members<'e, 'a>(entry: &'e mut Json<'a>) -> impl Iterator<Item = (&'e str, &'e mut Json<'a>)> {
    match entry {
        Json::Object(members) => members.iter_mut(),
        _ => [].iter_mut(),
    }
    .map(|(name, value)| (&**name, value))
}

fn is_set(value: Option<&Json<'_>>) -> bool {
    value == Some(&Json::Bool(true))
}

/// How a value is written in a table: strings as they are, everything else as JSON has it. Null is in no table.
#[must_use]
pub fn word<'v>(value: &'v Json<'_>) -> Option<Cow<'v, str>> {
    match value {
        Json::Null => None,
        Json::Str(text) => Some(Cow::Borrowed(text)),
        value => Some(Cow::Owned(value.canonical())),
    }
}

fn translate(value: &mut Json<'_>, table: Option<&BTreeMap<String, Json<'static>>>) {
    let Some(table) = table else {
        return;
    };
    if let Json::Array(list) = value {
        for one in list.iter_mut() {
            translate(one, Some(table));
        }
        // Several values are a set, and travel sorted (protocol.md, "Values").
        list.sort_by_cached_key(Json::canonical);
        list.dedup();
    } else if let Some(other) = word(value).and_then(|word| table.get(word.as_ref())) {
        *value = other.clone();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::change::Change;

    const NODE: &str = "https://n";

    fn sealed(attributes: &str, more: &str) -> Sealed {
        let text = format!(
            r#"{{"attribute_changes":[{attributes}],"change_id":"c1","entity":"Contact","entity_uid":"u1"{more},"operation":"update","timestamp":"2024-10-23T20:08:48.201+02:00","type":"civishare.change.contact.base"}}"#
        );
        let json = json::parse(text.as_bytes()).unwrap();
        change::seal(json, &["cause".into()], NODE)
    }

    fn attribute(name: &str, from: &str, to: &str) -> String {
        format!(r#"{{"from":{from},"name":"{name}","to":{to},"version":"1.0@n"}}"#)
    }

    /// Name, value before, value, of each attribute.
    fn read(text: &str) -> Vec<(String, String, String)> {
        let json = json::parse(text.as_bytes()).unwrap();
        assert_eq!(json.canonical(), text);
        Change::read(&json)
            .unwrap()
            .attributes
            .iter()
            .map(|one| {
                (
                    one.name.to_string(),
                    one.from.canonical(),
                    one.to.canonical(),
                )
            })
            .collect()
    }

    fn row(name: &str, from: &str, to: &str) -> (String, String, String) {
        (name.to_owned(), from.to_owned(), to.to_owned())
    }

    fn table(pairs: &[(&str, &str)]) -> BTreeMap<String, Json<'static>> {
        pairs
            .iter()
            .map(|(from, to)| ((*from).to_owned(), Json::Str((*to).to_owned().into())))
            .collect()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_goes_out_is_said_in_the_words_of_the_peer_and_signed_anew() {
        let shape = Shape {
            except: names(&["source"]),
            rename: BTreeMap::from([("Ours.size".to_owned(), "Theirs.breadth".to_owned())]),
            constant: BTreeMap::from([("nick_name".to_owned(), Json::Str("a member".into()))]),
            translate: BTreeMap::from([(
                "Ours.size".to_owned(),
                table(&[("large", "L"), ("7", "VII"), ("true", "yes")]),
            )]),
            ..Shape::default()
        };
        let change = sealed(
            &[
                attribute("Ours.size", r#"["other",7]"#, r#"["large","other",true]"#),
                attribute("source", "null", "\"a secret\""),
                attribute("nick_name", "\"Bo\"", "\"Bobby\""),
                attribute("Theirs.breadth", "null", "\"taken\""),
            ]
            .join(","),
            "",
        );
        let told = shape.tell(&change.text, NODE).unwrap().unwrap();
        assert_eq!(
            read(&told.text),
            [
                row(
                    "Theirs.breadth",
                    r#"["VII","other"]"#,
                    r#"["L","other","yes"]"#
                ),
                row("nick_name", "null", "\"a member\""),
            ]
        );
        assert_ne!(told.signature, change.signature);
        let json = json::parse(told.text.as_bytes()).unwrap();
        assert_eq!(Change::read(&json).unwrap().loop_detection[0], "cause");
    }

    #[test]
    fn what_one_side_renames_and_translates_comes_back_as_it_was() {
        let out = Shape {
            rename: BTreeMap::from([("Ours.size".to_owned(), "Theirs.breadth".to_owned())]),
            translate: BTreeMap::from([("Ours.size".to_owned(), table(&[("large", "L")]))]),
            ..Shape::default()
        };
        let back = Shape {
            rename: BTreeMap::from([("Theirs.breadth".to_owned(), "Ours.size".to_owned())]),
            translate: BTreeMap::from([("Ours.size".to_owned(), table(&[("L", "large")]))]),
            ..Shape::default()
        };
        let change = sealed(&attribute("Ours.size", "\"small\"", "\"large\""), "");
        let told = out.tell(&change.text, NODE).unwrap().unwrap();
        assert_eq!(
            read(&told.text),
            [row("Theirs.breadth", "\"small\"", "\"L\"")]
        );
        let taken = back.take(&told.text).unwrap();
        assert_eq!(read(&taken), [row("Ours.size", "\"small\"", "\"large\"")]);
        // Its chain still ends with the signature under which it came.
        let json = json::parse(taken.as_bytes()).unwrap();
        let chain = Change::read(&json).unwrap().loop_detection;
        assert_eq!(
            crate::signature::read_loop_signature(&chain[1]),
            Some(told.signature)
        );
    }

    #[test]
    fn of_what_comes_in_the_left_out_is_passed_over_and_the_rest_taken() {
        let shape = Shape {
            only: Some(names(&["first_name", "source"])),
            except: names(&["source"]),
            rename: BTreeMap::from([("given_name".to_owned(), "first_name".to_owned())]),
            ..Shape::default()
        };
        assert_eq!(shape.entry("given_name"), Entry::Taken("first_name"));
        assert_eq!(shape.entry("first_name"), Entry::Dropped);
        assert_eq!(shape.entry("source"), Entry::Dropped);
        assert_eq!(shape.entry("api_key"), Entry::Refused);
        let change = sealed(
            &[
                attribute("given_name", "null", "\"Carl\""),
                attribute("first_name", "null", "\"Other\""),
                attribute("source", "null", "\"s\""),
            ]
            .join(","),
            "",
        );
        assert_eq!(
            read(&shape.take(&change.text).unwrap()),
            [row("first_name", "null", "\"Carl\"")]
        );
    }

    #[test]
    fn a_one_way_flag_is_set_and_never_lifted_in_either_direction() {
        let shape = Shape {
            one_way: names(&["do_not_email"]),
            ..Shape::default()
        };
        let set = sealed(&attribute("do_not_email", "false", "true"), "");
        let lifted = sealed(
            &[
                attribute("do_not_email", "true", "false"),
                attribute("first_name", "null", "\"Carl\""),
            ]
            .join(","),
            "",
        );
        let only_lifted = sealed(&attribute("do_not_email", "true", "null"), "");
        assert_eq!(shape.tell(&set.text, NODE).unwrap().unwrap(), set);
        assert_eq!(shape.take(&set.text).unwrap(), set.text);
        let rest = [row("first_name", "null", "\"Carl\"")];
        let told = shape.tell(&lifted.text, NODE).unwrap().unwrap();
        assert_eq!(read(&told.text), rest);
        assert_eq!(read(&shape.take(&lifted.text).unwrap()), rest);
        assert_eq!(shape.tell(&only_lifted.text, NODE).unwrap(), None);
        assert_eq!(read(&shape.take(&only_lifted.text).unwrap()), []);
    }

    #[test]
    fn identity_tells_only_what_is_meant_for_it() {
        let shape = Shape {
            except: names(&["external_identifier"]),
            rename: BTreeMap::from([("external_identifier".to_owned(), "number".to_owned())]),
            identity: names(&["external_identifier"]),
            ..Shape::default()
        };
        let identity =
            r#","identity":{"email_primary.email":"c@example.org","external_identifier":"7"}"#;
        let change = sealed(&attribute("first_name", "null", "\"Carl\""), identity);
        let identity_of = |text: &str| {
            let json = json::parse(text.as_bytes()).unwrap();
            let change = Change::read(&json).unwrap();
            change.identity.map(|identity| identity.canonical())
        };
        let told = shape.tell(&change.text, NODE).unwrap().unwrap();
        assert_eq!(identity_of(&told.text).unwrap(), r#"{"number":"7"}"#);
        let nothing = Shape {
            identity: BTreeSet::new(),
            ..shape
        };
        let told = nothing.tell(&change.text, NODE).unwrap().unwrap();
        assert_eq!(identity_of(&told.text), None);
        let back = Shape {
            rename: BTreeMap::from([("number".to_owned(), "external_identifier".to_owned())]),
            translate: BTreeMap::from([("external_identifier".to_owned(), table(&[("7", "VII")]))]),
            ..Shape::default()
        };
        let change = sealed("", r#","identity":{"number":"7"}"#);
        assert_eq!(
            identity_of(&back.take(&change.text).unwrap()).unwrap(),
            r#"{"external_identifier":"VII"}"#
        );
    }
}
