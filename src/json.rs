//! JSON as the protocol wants it: read as I-JSON ([RFC 7493]), written in canonical form ([RFC 8785], "JCS").
//!
//! The doors are [`parse`] and [`Json::canonical`]. Strings without escapes are borrowed from the text, so that reading a
//! message of a thousand changes copies next to nothing.
//!
//! [RFC 7493]: https://www.rfc-editor.org/rfc/rfc7493
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may nest in a message (protocol.md, "Message").
pub const MAX_DEPTH: usize = 32;

/// The largest integer that every JSON reader keeps exactly: 2^53 − 1 (RFC 7493, section 2.2).
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Why a text is not I-JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The text breaks the grammar, holds a duplicate name or a lone surrogate, or nests too deep.
    #[error("this is not I-JSON: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Not UTF-8.
    #[error("this is not I-JSON: {0}")]
    Encoding(#[from] std::str::Utf8Error),
}

/// A JSON value whose strings borrow from the text where they can. Members of an object stand in canonical order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number that fits into 2^53 − 1 either way.
    Int(i64),
    /// Any other number, as the double that JCS makes of it.
    Float(f64),
    /// A string.
    Str(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, sorted by the UTF-16 code units of its names.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Reads one I-JSON text.
///
/// # Errors
/// [`JsonError`] names the place of what is wrong.
pub fn parse(text: &[u8]) -> Result<Json<'_>, JsonError> {
    // Looked at as a whole, which is quicker than string by string.
    let text = std::str::from_utf8(text)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Seed {
        depth: 0,
        open: &mut Open::default(),
    };
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The order of names in canonical JSON: by UTF-16 code units (RFC 8785, section 3.2.3).
#[must_use]
pub fn name_order(a: &str, b: &str) -> Ordering {
    // Only what lies beyond the basic plane stands elsewhere than by its bytes, so one ASCII text is enough.
    if a.is_ascii() || b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

impl<'a> Json<'a> {
    /// The member of an object by its name; `None` for anything else.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The members of an object by their names, which are ASCII and stand in canonical order; all `None` for anything else.
    /// One walk over the members, however many are asked for.
    #[must_use]
    pub(crate) fn pick<const N: usize>(&self, names: [&str; N]) -> [Option<&Json<'a>>; N] {
        let mut picked = [None; N];
        let mut at = 0;
        for (name, value) in self.as_object().unwrap_or_default() {
            // Where one of two names is ASCII, the order by UTF-16 code units is that of the bytes.
            while at < N && names[at] != name && *names[at] < **name {
                at += 1;
            }
            if at == N {
                break;
            }
            if names[at] == name {
                picked[at] = Some(value);
                at += 1;
            }
        }
        picked
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Json::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Json<'a>)]> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// An object of these members, put into canonical order. Names must differ.
    #[must_use]
    pub fn object(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Json<'a> {
        members.sort_unstable_by(|(a, _), (b, _)| name_order(a, b));
        Json::Object(members)
    }

    /// The same value with strings of its own.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(flag) => Json::Bool(flag),
            Json::Int(number) => Json::Int(number),
            Json::Float(number) => Json::Float(number),
            Json::Str(text) => Json::Str(Cow::Owned(text.into_owned())),
            Json::Array(elements) => {
                Json::Array(elements.into_iter().map(Json::into_owned).collect())
            }
            Json::Object(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The value in canonical form (RFC 8785).
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = Vec::with_capacity(256);
        self.write_canonical(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends the value in canonical form (RFC 8785).
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        self.put_canonical(out);
    }

    /// Puts the value in canonical form into a sink.
    pub(crate) fn put_canonical(&self, out: &mut impl Sink) {
        match self {
            Json::Null => out.put(b"null"),
            Json::Bool(true) => out.put(b"true"),
            Json::Bool(false) => out.put(b"false"),
            Json::Int(number) => {
                if *number < 0 {
                    out.put(b"-");
                }
                put_decimal(number.unsigned_abs(), out);
            }
            Json::Float(number) => {
                out.put(ryu_js::Buffer::new().format_finite(*number).as_bytes());
            }
            Json::Str(text) => put_string(text, out),
            Json::Array(elements) => {
                out.put(b"[");
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.put(b",");
                    }
                    element.put_canonical(out);
                }
                out.put(b"]");
            }
            Json::Object(members) => {
                out.put(b"{");
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.put(b",");
                    }
                    put_string(name, out);
                    out.put(b":");
                    value.put_canonical(out);
                }
                out.put(b"}");
            }
        }
    }
}

/// Where canonical text goes: written out, or held against a text that may be it already.
pub(crate) trait Sink {
    /// The next bytes.
    fn put(&mut self, bytes: &[u8]);

    /// The next bytes, to be escaped.
    fn put_escaped(&mut self, text: &str);

    /// How many bytes came so far.
    fn position(&self) -> usize;
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_escaped(&mut self, text: &str) {
        write_escaped(text, self);
    }

    fn position(&self) -> usize {
        self.len()
    }
}

/// Holds canonical text against `text`, from which the values that are put were parsed. A node of ours sends its payloads in
/// canonical form: then nothing needs to be written anew.
pub(crate) struct Follow<'t> {
    text: &'t [u8],
    rest: Option<&'t [u8]>,
}

impl<'t> Follow<'t> {
    /// Begins at the beginning of `text`.
    pub fn new(text: &'t [u8]) -> Follow<'t> {
        Follow {
            text,
            rest: Some(text),
        }
    }

    /// So much of the text as was put; `None` if it was something else.
    pub fn same(&self) -> Option<&'t [u8]> {
        self.text.get(..self.text.len() - self.rest?.len())
    }
}

impl Sink for Follow<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(bytes));
    }

    fn put_escaped(&mut self, text: &str) {
        let Some(rest) = self.rest else {
            return;
        };
        // A string that was borrowed from this very place has no escapes there and needs none: it need not be looked at again.
        if let Some((here, behind)) = rest.split_at_checked(text.len())
            && std::ptr::eq(here, text.as_bytes())
        {
            self.rest = Some(behind);
        } else {
            let mut escaped = Vec::with_capacity(text.len() + 16);
            write_escaped(text, &mut escaped);
            self.put(&escaped);
        }
    }

    fn position(&self) -> usize {
        self.text.len() - self.rest.unwrap_or_default().len()
    }
}

/// Appends a string in quotes, escaping what RFC 8785, section 3.2.2.2, asks for and nothing else.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    put_string(text, out);
}

/// Puts a string in quotes into a sink.
pub(crate) fn put_string(text: &str, out: &mut impl Sink) {
    out.put(b"\"");
    out.put_escaped(text);
    out.put(b"\"");
}

/// Appends what stands between the quotes of a string.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = special_at(rest) {
        out.extend_from_slice(&rest[..at]);
        write_escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Where the first byte stands that must be escaped. Looks at eight bytes at once, as most strings have none.
pub(crate) fn special_at(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // Sets the high bit of every byte that is zero, and perhaps of some behind the first.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut chunks = bytes.chunks_exact(8);
    for (index, chunk) in chunks.by_ref().enumerate() {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let found = control | quote | backslash;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let rest = chunks.remainder();
    let at = rest.iter().position(|byte| is_special(*byte))?;
    Some(bytes.len() - rest.len() + at)
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a number in decimal.
pub fn write_decimal(number: u64, out: &mut Vec<u8>) {
    put_decimal(number, out);
}

fn put_decimal(mut number: u64, out: &mut impl Sink) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // The remainder is below ten.
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put(&digits[at..]);
}

/// What stands in the arrays and objects that are open while a text is read, all on one stack, so that each is put down
/// once it is complete, in exactly the memory that it needs.
#[derive(Default)]
struct Open<'a> {
    elements: Vec<Json<'a>>,
    members: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// Reads a value at a known depth. A depth limit of our own, because serde_json's is fixed at 128.
struct Seed<'s, 'a> {
    depth: usize,
    open: &'s mut Open<'a>,
}

impl<'a> Seed<'_, 'a> {
    fn inner(&mut self) -> Seed<'_, 'a> {
        Seed {
            depth: self.depth + 1,
            open: self.open,
        }
    }

    fn may_nest<E: de::Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Json<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Json<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(number).map_or(Json::Float(number as f64), integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        // 1.0 and 1 are one number in canonical form, so they are one value here.
        if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 {
            Ok(Json::Int(number as i64))
        } else {
            Ok(Json::Float(number))
        }
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Json<'de>, A::Error> {
        self.may_nest()?;
        let begin = self.open.elements.len();
        while let Some(element) = access.next_element_seed(self.inner())? {
            self.open.elements.push(element);
        }
        Ok(Json::Array(self.open.elements.split_off(begin)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Json<'de>, A::Error> {
        self.may_nest()?;
        let begin = self.open.members.len();
        let mut sorted = true;
        while let Some(Text(name)) = access.next_key()? {
            if let Some((last, _)) = self.open.members[begin..].last() {
                sorted = sorted && name_order(last, &name) == Ordering::Less;
            }
            let value = access.next_value_seed(self.inner())?;
            self.open.members.push((name, value));
        }
        let mut members = self.open.members.split_off(begin);
        if !sorted {
            members.sort_unstable_by(|(a, _), (b, _)| name_order(a, b));
            if let Some([(name, _), _]) = members.array_windows().find(|[a, b]| a.0 == b.0) {
                return Err(de::Error::custom(format_args!(
                    "the name {name:?} stands twice in one object"
                )));
            }
        }
        Ok(Json::Object(members))
    }
}

fn integer(number: i64) -> Json<'static> {
    if number.abs() <= MAX_SAFE_INTEGER {
        Json::Int(number)
    } else {
        Json::Float(number as f64)
    }
}

/// A text, borrowed where that is possible (serde's own `Cow` always copies).
struct Text<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Text<'de> {
    fn deserialize<D: de::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        reader.deserialize_str(Texts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(Into::into),
            any::<f64>()
                .prop_filter("finite", |n| n.is_finite())
                .prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_form_agrees_with_an_independent_implementation(value in any_json()) {
            let text = serde_json::to_string(&value).unwrap();
            let rival = serde_json_canonicalizer::to_string(&value).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap().canonical(), rival);
        }

        #[test]
        fn canonical_form_is_a_fixed_point(value in any_json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            let once = parse(text.as_bytes()).unwrap().canonical();
            prop_assert_eq!(parse(once.as_bytes()).unwrap().canonical(), once);
        }

        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn names_are_sorted_by_utf16_code_units() {
        let text = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
        assert_eq!(
            parse(text.as_bytes()).unwrap().canonical(),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn what_is_not_i_json_is_refused() {
        for text in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"[{"x":{"a":1,"\u0061":1}}]"#,
            r#""\ud800""#,
            r#"{"\udc00":1}"#,
            "[1,]",
            "[1] x",
            "",
            "1e400",
            "NaN",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(b"{\"\xc3\x28\":1}").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse(nested(10_000).as_bytes()).is_err());
    }
}
