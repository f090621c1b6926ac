//! What two nodes tell each other about a peering: the payload of `hello` and of its answer (protocol.md, "Services").

use std::collections::BTreeMap;

use crate::json::Json;

/// What one side says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The change types that it sends.
    pub types_out: Vec<String>,
    /// The change types that it takes.
    pub types_in: Vec<String>,
    /// The conflict rule (`latest`, `ours`, `theirs`, `ask`) of each change type.
    pub rules: BTreeMap<String, String>,
    /// Name and version of the software.
    pub software: String,
    /// Whether the other side is to send everything once more.
    pub resync: bool,
}

impl Hello {
    /// The payload's own members.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Json<'_>)> {
        let list = |types: &'_ [String]| {
            Json::Array(
                types
                    .iter()
                    .map(|kind| Json::Str(kind.clone().into()))
                    .collect(),
            )
        };
        let types = Json::object(vec![
            ("out".into(), list(&self.types_out)),
            ("in".into(), list(&self.types_in)),
        ]);
        let rules = self
            .rules
            .iter()
            .map(|(kind, rule)| (kind.as_str().into(), Json::Str(rule.as_str().into())))
            .collect();
        vec![
            ("types", types),
            ("rules", Json::object(rules)),
            ("software", Json::Str(self.software.as_str().into())),
            ("resync", Json::Bool(self.resync)),
        ]
    }

    /// Reads these members; `None` if `types` is not what the protocol says.
    #[must_use]
    pub fn read(json: &Json<'_>) -> Option<Hello> {
        let types = json.get("types")?;
        let list = |name| -> Option<Vec<String>> {
            types
                .get(name)?
                .as_array()?
                .iter()
                .map(|kind| kind.as_str().map(str::to_owned))
                .collect()
        };
        let rules = json
            .get("rules")
            .and_then(Json::as_object)
            .unwrap_or_default()
            .iter()
            .filter_map(|(kind, rule)| Some((kind.to_string(), rule.as_str()?.to_owned())))
            .collect();
        Some(Hello {
            types_out: list("out")?,
            types_in: list("in")?,
            rules,
            software: json
                .get("software")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .chars()
                .take(255)
                .collect(),
            resync: json.get("resync") == Some(&Json::Bool(true)),
        })
    }

    /// The first change type for which both sides say *ours*, or both say *theirs*: such a pair would never be equal.
    #[must_use]
    pub fn contradiction<'a>(&'a self, other: &Hello) -> Option<&'a str> {
        self.rules
            .iter()
            .find(|(kind, rule)| {
                matches!(rule.as_str(), "ours" | "theirs") && other.rules.get(*kind) == Some(*rule)
            })
            .map(|(kind, _)| kind.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hello(rule: &str) -> Hello {
        Hello {
            types_out: vec!["a".to_owned(), "b".to_owned()],
            types_in: vec!["b".to_owned()],
            rules: BTreeMap::from([("b".to_owned(), rule.to_owned())]),
            software: "civishare/0.1.0".to_owned(),
            resync: true,
        }
    }

    #[test]
    fn what_is_said_is_read() {
        let said = hello("latest");
        let members = said
            .members()
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        assert_eq!(Hello::read(&Json::object(members)), Some(said.clone()));
        assert_eq!(Hello::read(&Json::object(vec![])), None);
    }

    #[test]
    fn two_that_both_want_their_own_way_contradict_each_other() {
        assert_eq!(hello("ours").contradiction(&hello("ours")), Some("b"));
        assert_eq!(hello("theirs").contradiction(&hello("theirs")), Some("b"));
        assert_eq!(hello("ours").contradiction(&hello("theirs")), None);
        assert_eq!(hello("latest").contradiction(&hello("latest")), None);
    }
}
