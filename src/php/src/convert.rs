//! PHP values to the core's and back, each array walked once.
//!
//! Nothing is guessed: what has no form on the wire is an `ArgumentException` that says
//! where it stood.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use civishare_core::causality::{PeeringId, State, Values};
use civishare_core::change::is_name;
use civishare_core::json::{Json, MAX_SAFE_INTEGER};
use civishare_core::shape::Shape;
use civishare_core::version::{MS_LIMIT, is_node};
use ext_php_rs::boxed::ZBox;
use ext_php_rs::convert::{FromZval, IntoZval};
use ext_php_rs::flags::DataType;
use ext_php_rs::types::{ZendHashTable, Zval};

use crate::error::{Error, Result};

/// A parameter that PHP declares as `string`. What it holds is looked at by [`Text::read`], so that a wrong one becomes an
/// `ArgumentException`, as everything else that is wrong does.
#[derive(Clone, Copy)]
pub struct Text<'a>(&'a Zval);

impl<'a> FromZval<'a> for Text<'a> {
    const TYPE: DataType = DataType::String;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(Text(value))
    }
}

impl<'a> Text<'a> {
    /// The text; `name` is the parameter's, for the message.
    pub fn read(self, name: &str) -> Result<&'a str> {
        utf8(self.0).ok_or_else(|| Error::Argument(format!("${name} must be a string in UTF-8")))
    }
}

/// A parameter that PHP declares as `?string`.
#[derive(Clone, Copy)]
pub struct TextIf<'a>(Option<Text<'a>>);

impl<'a> FromZval<'a> for TextIf<'a> {
    const TYPE: DataType = DataType::String;
    const NULLABLE: bool = true;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(TextIf((!value.is_null()).then_some(Text(value))))
    }

    fn from_missing() -> Option<Self> {
        Some(TextIf(None))
    }
}

impl<'a> TextIf<'a> {
    /// The text, `None` for NULL; `name` is the parameter's, for the message.
    pub fn read(self, name: &str) -> Result<Option<&'a str>> {
        self.0.map(|text| text.read(name)).transpose()
    }
}

/// A parameter that PHP declares as `array`.
#[derive(Clone, Copy)]
pub struct Table<'a>(&'a Zval);

impl<'a> FromZval<'a> for Table<'a> {
    const TYPE: DataType = DataType::Array;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(Table(value))
    }
}

impl<'a> Table<'a> {
    /// The array; `name` is the parameter's, for the message.
    pub fn read(self, name: &str) -> Result<&'a ZendHashTable> {
        self.0
            .array()
            .ok_or_else(|| Error::Argument(format!("${name} must be an array")))
    }

    /// The array, to be read by its members' names; `name` is the parameter's, `place` for messages about members.
    pub fn facts(self, name: &str, place: &'a str) -> Result<Facts<'a>> {
        Ok(Facts::new(self.read(name)?, place))
    }
}

/// A parameter that PHP declares as `?array`.
#[derive(Clone, Copy)]
pub struct TableIf<'a>(Option<Table<'a>>);

impl<'a> FromZval<'a> for TableIf<'a> {
    const TYPE: DataType = DataType::Array;
    const NULLABLE: bool = true;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(TableIf((!value.is_null()).then_some(Table(value))))
    }

    fn from_missing() -> Option<Self> {
        Some(TableIf(None))
    }
}

impl<'a> TableIf<'a> {
    /// The array, to be read by its members' names, `None` for NULL; `name` is the parameter's, `place` for messages.
    pub fn facts(self, name: &str, place: &'a str) -> Result<Option<Facts<'a>>> {
        self.0.map(|table| table.facts(name, place)).transpose()
    }
}

/// A parameter that PHP declares as `int`. Digits in a string are taken too, as CiviCRM's IDs come so.
#[derive(Clone, Copy)]
pub struct Number<'a>(&'a Zval);

impl<'a> FromZval<'a> for Number<'a> {
    const TYPE: DataType = DataType::Long;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(Number(value))
    }
}

impl Number<'_> {
    /// The number; `name` is the parameter's, for the message.
    pub fn read(self, name: &str) -> Result<u64> {
        number(self.0)
            .ok_or_else(|| Error::Argument(format!("${name} must be a whole number from 0 up")))
    }

    /// The number as an ID.
    pub fn id(self, name: &str) -> Result<i64> {
        i64::try_from(self.read(name)?)
            .map_err(|_| Error::Argument(format!("${name} is larger than any ID")))
    }
}

/// A parameter that PHP declares as `bool`. 0 and 1 are taken too.
#[derive(Clone, Copy)]
pub struct Flag<'a>(&'a Zval);

impl<'a> FromZval<'a> for Flag<'a> {
    const TYPE: DataType = DataType::Bool;

    fn from_zval(value: &'a Zval) -> Option<Self> {
        Some(Flag(value))
    }
}

impl Flag<'_> {
    /// True or false; `name` is the parameter's, for the message.
    pub fn read(self, name: &str) -> Result<bool> {
        flag(self.0).ok_or_else(|| Error::Argument(format!("${name} must be true or false")))
    }
}

/// A PHP array that is read by its members' names; `place` is where it stands, for messages.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    table: &'a ZendHashTable,
    place: &'a str,
}

impl<'a> Facts<'a> {
    /// The members of `table`, which stands at `place`.
    pub fn new(table: &'a ZendHashTable, place: &'a str) -> Facts<'a> {
        Facts { table, place }
    }

    fn wrong(&self, name: &str, wanted: &str) -> Error {
        Error::Argument(format!("{}: {name} must be {wanted}", self.place))
    }

    fn get(&self, name: &str) -> Option<&'a Zval> {
        let value = self.table.get(name)?.dereference();
        (!value.is_null()).then_some(value)
    }

    /// A text, `None` where it is missing or NULL.
    pub fn text_if(&self, name: &str) -> Result<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => utf8(value)
                .map(Some)
                .ok_or_else(|| self.wrong(name, "a string in UTF-8")),
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&'a str> {
        self.text_if(name)?
            .ok_or_else(|| self.wrong(name, "a string in UTF-8"))
    }

    /// A name that must be there: not empty, at most 255 bytes, no control characters.
    pub fn name(&self, name: &str) -> Result<&'a str> {
        self.text(name)
            .ok()
            .filter(|text| is_name(text))
            .ok_or_else(|| {
                self.wrong(
                    name,
                    "a name: 1 to 255 bytes of UTF-8, no control characters",
                )
            })
    }

    /// A node's identifier that must be there.
    pub fn node(&self, name: &str) -> Result<&'a str> {
        self.text(name)
            .ok()
            .filter(|text| is_node(text))
            .ok_or_else(|| self.wrong(name, "a node's identifier: 1 to 255 bytes of visible ASCII"))
    }

    /// A whole number from 0 up, `None` where it is missing or NULL. Digits in a string are taken, as CiviCRM's IDs come so.
    pub fn number_if(&self, name: &str) -> Result<Option<u64>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => number(value)
                .map(Some)
                .ok_or_else(|| self.wrong(name, "a whole number from 0 up")),
        }
    }

    /// A whole number that must be there.
    pub fn number(&self, name: &str) -> Result<u64> {
        self.number_if(name)?
            .ok_or_else(|| self.wrong(name, "a whole number from 0 up"))
    }

    /// Unix milliseconds that must be there, as far as a version can hold them.
    pub fn time(&self, name: &str) -> Result<u64> {
        self.number(name)
            .ok()
            .filter(|ms| *ms < MS_LIMIT)
            .ok_or_else(|| self.wrong(name, "a time in Unix milliseconds, below 2^48"))
    }

    /// An ID of a peering that must be there.
    pub fn peering(&self, name: &str) -> Result<PeeringId> {
        self.number(name)?
            .try_into()
            .map_err(|_| self.wrong(name, "the ID of a peering"))
    }

    /// True or false; false where it is missing.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => flag(value).ok_or_else(|| self.wrong(name, "true or false")),
        }
    }

    /// An array, `None` where it is missing or NULL.
    pub fn array_if(&self, name: &str) -> Result<Option<&'a ZendHashTable>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value
                .array()
                .map(Some)
                .ok_or_else(|| self.wrong(name, "an array")),
        }
    }

    /// A list of arrays; empty where it is missing.
    pub fn rows(&self, name: &str) -> Result<Vec<&'a ZendHashTable>> {
        let Some(list) = self.array_if(name)? else {
            return Ok(Vec::new());
        };
        each(list)
            .map(|(_, row)| {
                row.array()
                    .ok_or_else(|| self.wrong(name, "a list of arrays"))
            })
            .collect()
    }

    /// The array itself as a list of arrays.
    pub fn list(&self) -> Result<Vec<&'a ZendHashTable>> {
        each(self.table)
            .map(|(_, row)| {
                row.array().ok_or_else(|| {
                    Error::Argument(format!("{}: a list of arrays is needed", self.place))
                })
            })
            .collect()
    }

    /// A list of texts; empty where it is missing.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let Some(list) = self.array_if(name)? else {
            return Ok(Vec::new());
        };
        each(list)
            .map(|(_, text)| {
                utf8(text)
                    .map(str::to_owned)
                    .ok_or_else(|| self.wrong(name, "a list of strings in UTF-8"))
            })
            .collect()
    }

    /// A list of names; empty where it is missing.
    pub fn names(&self, name: &str) -> Result<Vec<String>> {
        let names = self.texts(name)?;
        if names.iter().all(|name| is_name(name)) {
            Ok(names)
        } else {
            Err(self.wrong(name, "a list of names"))
        }
    }

    /// Bytes that must be there.
    pub fn bytes(&self, name: &str) -> Result<&'a [u8]> {
        self.get(name)
            .and_then(Zval::zend_str)
            .map(|text| text.as_bytes())
            .ok_or_else(|| self.wrong(name, "a string"))
    }

    /// What is text by name in an array that must be there; the rest is passed over.
    pub fn strings(&self, name: &str) -> Result<Vec<(String, &'a str)>> {
        let Some(table) = self.array_if(name)? else {
            return Err(self.wrong(name, "an array"));
        };
        Ok(each(table)
            .filter_map(|(key, value)| Some((utf8(&key)?.to_owned(), utf8(value)?)))
            .collect())
    }

    /// Texts by name; empty where it is missing.
    pub fn texts_by_name(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let Some(table) = self.array_if(name)? else {
            return Ok(BTreeMap::new());
        };
        each(table)
            .map(|(key, value)| Some((utf8(&key)?.to_owned(), utf8(value)?.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "an array of strings by name"))
    }

    /// Texts by UID; empty where it is missing. PHP takes a UID of digits alone for a number.
    pub fn texts_by_uid(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let Some(table) = self.array_if(name)? else {
            return Ok(BTreeMap::new());
        };
        each(table)
            .map(|(key, value)| {
                let number = key.long().map(|number| number.to_string());
                let uid = number.or_else(|| Some(utf8(&key)?.to_owned()))?;
                Some((uid, utf8(value)?.to_owned()))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "an array of strings by UID"))
    }

    /// A set of peerings' IDs that must be there: a forgotten one would be a change that nobody is told of.
    pub fn peerings(&self, name: &str) -> Result<BTreeSet<PeeringId>> {
        self.array_if(name)?
            .and_then(peering_ids)
            .ok_or_else(|| self.wrong(name, "a list of peerings' IDs"))
    }

    /// Peerings' IDs; none where it is missing.
    pub fn peerings_if(&self, name: &str) -> Result<BTreeSet<PeeringId>> {
        match self.array_if(name)? {
            None => Ok(BTreeSet::new()),
            Some(_) => self.peerings(name),
        }
    }

    /// Attribute values by name; empty where it is missing.
    pub fn values(&self, name: &str) -> Result<Values> {
        match self.array_if(name)? {
            None => Ok(Values::new()),
            Some(table) => values(table, name),
        }
    }

    /// Attribute values by name; `None` where it is missing.
    pub fn values_if(&self, name: &str) -> Result<Option<Values>> {
        self.array_if(name)?
            .map(|table| values(table, name))
            .transpose()
    }

    /// What of a change type goes through. `only`, `except`, `one_way` and `identity` are lists of attributes, `rename` has names by
    /// name, `constant` values by attribute, `translate` tables by attribute.
    pub fn shape(&self) -> Result<Shape> {
        let names =
            |name| -> Result<BTreeSet<String>> { Ok(self.names(name)?.into_iter().collect()) };
        Ok(Shape {
            only: self.array_if("only")?.map(|_| names("only")).transpose()?,
            except: names("except")?,
            rename: self.texts_by_name("rename")?,
            constant: self.values("constant")?,
            translate: self.tables("translate")?,
            one_way: names("one_way")?,
            identity: names("identity")?,
        })
    }

    /// Tables of values by name. PHP makes numbers of keys that look like one.
    fn tables(&self, name: &str) -> Result<BTreeMap<String, Values>> {
        let wrong = || self.wrong(name, "an array of tables by name, from value to value");
        let Some(tables) = self.array_if(name)? else {
            return Ok(BTreeMap::new());
        };
        each(tables)
            .map(|(attribute, table)| {
                let attribute = utf8(&attribute).ok_or_else(wrong)?;
                let table = each(table.array().ok_or_else(wrong)?)
                    .map(|(key, value)| {
                        let word = match key.long() {
                            Some(number) => number.to_string(),
                            None => utf8(&key).ok_or_else(wrong)?.to_owned(),
                        };
                        Ok((word, scalar(value, self.place, attribute)?))
                    })
                    .collect::<Result<_>>()?;
                Ok((attribute.to_owned(), table))
            })
            .collect()
    }

    /// The stored state of an entity.
    pub fn state(&self, name: &str) -> Result<Option<State>> {
        self.text_if(name)?
            .map(State::read)
            .transpose()
            .map_err(|error| Error::Other(error.to_string()))
    }

    /// A list of states; empty where it is missing.
    pub fn states(&self, name: &str) -> Result<Vec<State>> {
        self.texts(name)?
            .iter()
            .map(|text| State::read(text).map_err(|error| Error::Other(error.to_string())))
            .collect()
    }
}

/// A list of peerings' IDs.
pub fn peering_ids(list: &ZendHashTable) -> Option<BTreeSet<PeeringId>> {
    each(list)
        .map(|(_, id)| number(id).and_then(|id| id.try_into().ok()))
        .collect()
}

/// Attribute values by name, by peering.
pub fn values_by_peering(table: &ZendHashTable) -> Result<BTreeMap<PeeringId, Values>> {
    each(table)
        .map(|(id, of_peering)| {
            let id = id.long().zip(of_peering.array());
            let (id, of_peering) = id.ok_or_else(|| {
                Error::Argument("identity: values by name for each peering are needed".into())
            })?;
            Ok((id, values(of_peering, "identity")?))
        })
        .collect()
}

/// The elements of an array with their keys, references followed.
pub fn each(table: &ZendHashTable) -> impl Iterator<Item = (Zval, &Zval)> {
    let mut iter = table.iter();
    std::iter::from_fn(move || {
        iter.next_zval()
            .map(|(key, value)| (key, value.dereference()))
    })
}

/// A string that is UTF-8.
pub fn utf8(value: &Zval) -> Option<&str> {
    std::str::from_utf8(value.zend_str()?.as_bytes()).ok()
}

fn flag(value: &Zval) -> Option<bool> {
    value.bool().or_else(|| match number(value) {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    })
}

fn number(value: &Zval) -> Option<u64> {
    match value.long() {
        Some(number) => number.try_into().ok(),
        // `parse` alone would take a plus sign.
        None => utf8(value)?
            .parse()
            .ok()
            .filter(|_| utf8(value).is_some_and(|text| !text.starts_with('+'))),
    }
}

fn values(table: &ZendHashTable, place: &str) -> Result<Values> {
    each(table)
        .map(|(key, value)| {
            let name = utf8(&key).filter(|name| is_name(name)).ok_or_else(|| {
                Error::Argument(format!(
                    "{place}: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters"
                ))
            })?;
            Ok((name.to_owned(), json(value, place, name)?))
        })
        .collect()
}

/// An attribute's value in its form on the wire: null, a scalar, or a list of scalars.
fn json(value: &Zval, place: &str, name: &str) -> Result<Json<'static>> {
    let Some(table) = value.array() else {
        return scalar(value, place, name);
    };
    let mut list = Vec::with_capacity(table.len());
    for (key, element) in each(table) {
        if key.long() != i64::try_from(list.len()).ok() {
            return Err(Error::Argument(format!(
                "{place}: the value of {name} is an array with keys, and only a list can be shared"
            )));
        }
        list.push(scalar(element, place, name)?);
    }
    // Several values are a set, and travel sorted (protocol.md, "Values").
    list.sort_by_cached_key(Json::canonical);
    Ok(Json::Array(list))
}

fn scalar(value: &Zval, place: &str, name: &str) -> Result<Json<'static>> {
    let wrong = |what: &str| {
        Err(Error::Argument(format!(
            "{place}: the value of {name} is {what}, which cannot be shared"
        )))
    };
    if value.is_null() {
        Ok(Json::Null)
    } else if let Some(flag) = value.bool() {
        Ok(Json::Bool(flag))
    } else if let Some(number) = value.long() {
        // Beyond 2^53 − 1 a JSON reader may lose digits, so it travels as a string (protocol.md, "Values").
        let safe = (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&number);
        Ok(if safe {
            Json::Int(number)
        } else {
            Json::Str(Cow::Owned(number.to_string()))
        })
    } else if let Some(number) = value.double() {
        if number.is_finite() {
            let whole = number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64;
            Ok(if whole {
                Json::Int(number as i64)
            } else {
                Json::Float(number)
            })
        } else {
            wrong("not a finite number")
        }
    } else if value.is_string() {
        match utf8(value) {
            Some("") => Ok(Json::Null),
            Some(text) => Ok(Json::Str(Cow::Owned(text.to_owned()))),
            None => wrong("a string that is not UTF-8"),
        }
    } else if value.is_array() {
        wrong("an array within an array")
    } else if value.is_object() {
        wrong("an object")
    } else {
        wrong("a resource")
    }
}

/// An array for PHP, filled by names.
pub struct Out(ZBox<ZendHashTable>);

impl Out {
    /// An empty array.
    pub fn new() -> Out {
        Out(ZendHashTable::new())
    }

    /// Sets a member.
    pub fn set(mut self, name: &str, value: impl IntoZval) -> Result<Out> {
        self.0.insert(name, value)?;
        Ok(self)
    }

    /// The array.
    pub fn done(self) -> ZBox<ZendHashTable> {
        self.0
    }
}

/// Attribute values as a PHP array.
pub fn to_values(values: &Values) -> Result<ZBox<ZendHashTable>> {
    let mut table = ZendHashTable::new();
    for (name, value) in values {
        table.insert(name.as_str(), to_zval(value)?)?;
    }
    Ok(table)
}

/// Texts as a PHP list.
pub fn to_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<ZBox<ZendHashTable>> {
    let mut table = ZendHashTable::new();
    for text in texts {
        table.push(text)?;
    }
    Ok(table)
}

/// A value as PHP has it.
pub fn to_zval(value: &Json<'_>) -> Result<Zval> {
    let mut out = Zval::null();
    match value {
        Json::Null => {}
        Json::Bool(flag) => out.set_bool(*flag),
        Json::Int(number) => out.set_long(*number),
        Json::Float(number) => out.set_double(*number),
        Json::Str(text) => out.set_string(text, false)?,
        Json::Array(list) => {
            let mut table = ZendHashTable::new();
            for element in list {
                table.push(to_zval(element)?)?;
            }
            out.set_hashtable(table);
        }
        Json::Object(members) => {
            let mut table = ZendHashTable::new();
            for (name, value) in members {
                table.insert(name.as_ref(), to_zval(value)?)?;
            }
            out.set_hashtable(table);
        }
    }
    Ok(out)
}
