//! Changes in the shape of the founding example, from peers that are set to be simple (protocol.md, "Simple peers").
//!
//! What they leave out is worked out once, on arrival, so that from the inbox on every change looks the same.

use std::borrow::Cow;

use uuid::Uuid;

use crate::change::{Change, ChangeError};
use crate::json::Json;
use crate::signature::{self, LoopSignature};
use crate::time;
use crate::version::{MS_LIMIT, Version};

/// What is needed to complete a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// The sending node.
    pub sender: &'a str,
    /// The `id` of its message.
    pub message: &'a str,
    /// The change's place in it.
    pub index: usize,
    /// Its loop signature as it was sent.
    pub signature: &'a LoopSignature,
}

/// The millisecond that the change's versions are to have, if its timestamp can be read.
pub(super) fn moment(change: &Json<'_>) -> Option<u64> {
    time::read(change.get("timestamp")?.as_str()?).filter(|ms| *ms < MS_LIMIT)
}

/// The change's complete canonical text.
///
/// # Errors
/// [`ChangeError`] where even a simple change must have more.
pub(super) fn complete(
    change: &Json<'_>,
    arrival: &Arrival<'_>,
    counter: u32,
) -> Result<String, ChangeError> {
    let members = change.as_object().ok_or(ChangeError::Member("changes"))?;
    let ms = moment(change).ok_or(ChangeError::Member("timestamp"))?;
    let text = |name| change.get(name).and_then(Json::as_str);
    let kind = text("type").ok_or(ChangeError::Member("type"))?;
    let reference = match change.get("entity_reference") {
        Some(Json::Str(reference)) => reference.to_string(),
        Some(Json::Int(reference)) => reference.to_string(),
        _ => return Err(ChangeError::Member("entity_reference")),
    };
    let version = Version {
        ms,
        counter,
        node: arrival.sender.into(),
    }
    .to_string();
    let mut complete: Vec<(Cow<'_, str>, Json<'_>)> = members
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_ref(),
                "attribute_changes" | "loop_detection" | "entity_reference"
            )
        })
        .cloned()
        .collect();
    let mut fill = |name: &'static str, value: String| {
        if change.get(name).is_none() {
            complete.push((name.into(), Json::Str(value.into())));
        }
    };
    fill(
        "change_id",
        format!("{}.{}", arrival.message, arrival.index),
    );
    fill("operation", "update".to_owned());
    let name = format!("{}\n{kind}\n{reference}", arrival.sender);
    fill(
        "entity_uid",
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string(),
    );
    if matches!(text("operation"), Some("delete" | "merge")) {
        fill("version", version.clone());
    }
    fill("entity_reference", reference);
    let attributes = change
        .get("attribute_changes")
        .and_then(Json::as_array)
        .ok_or(ChangeError::Member("attribute_changes"))?
        .iter()
        .map(|attribute| match attribute {
            Json::Object(members) if attribute.get("version").is_none() => {
                let mut members = members.clone();
                members.push(("version".into(), Json::Str(version.as_str().into())));
                Json::object(members)
            }
            other => other.clone(),
        })
        .collect();
    complete.push(("attribute_changes".into(), Json::Array(attributes)));
    complete.push(("loop_detection".into(), chain(change, arrival.signature)));
    let complete = Json::object(complete);
    Change::read(&complete)?;
    Ok(complete.canonical())
}

/// The causes that are loop signatures, and then the change's own. The founding example holds samples that are none.
fn chain<'a>(change: &'a Json<'_>, own: &LoopSignature) -> Json<'a> {
    let own = signature::loop_signature_text(own);
    let mut chain: Vec<Json<'a>> = change
        .get("loop_detection")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Json::as_str)
        .filter(|entry| *entry != own && signature::read_loop_signature(entry).is_some())
        .map(|entry| Json::Str(entry.into()))
        .collect();
    chain.push(Json::Str(own.into()));
    Json::Array(chain)
}
