use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::model::{Malformed, members};

/// What a publisher may pass to clients inside `server._meta`.
const PUBLISHER_PROVIDED: &str = "io.modelcontextprotocol.registry/publisher-provided";
/// Inside it, facts about a repository that only a registry could vouch for.
const UNVOUCHED: &str = "github";

/// The named repair for foreign members of `server._meta`.
pub(super) const SERVER_META: &str = "server-meta";

/// The `server` object as it is served, and the repairs that made it so.
///
/// Only members that clients would take for a registry's own statements are left out; every byte
/// of the others stays as it was received.
pub(super) fn repaired(server: &str) -> Result<(Cow<'_, str>, &'static [&'static str]), Malformed> {
    let raw = borrowed(server)?;
    let outer = members(raw)?;
    let Some((_, meta)) = outer.iter().find(|(key, _)| key == "_meta") else {
        return Ok((Cow::Borrowed(server), &[]));
    };
    let kept = publisher_provided(meta)?;
    if kept.as_deref() == Some(meta.get()) {
        return Ok((Cow::Borrowed(server), &[]));
    }
    let rest = outer.iter().filter_map(|(key, value)| match key.as_ref() {
        "_meta" => kept.as_deref().map(|kept| (key, kept)),
        _ => Some((key, value.get())),
    });
    Ok((Cow::Owned(object(rest)), &[SERVER_META]))
}

/// What stays of a `_meta`; `None` when nothing does.
fn publisher_provided(meta: &RawValue) -> Result<Option<String>, Malformed> {
    if !meta.get().starts_with('{') {
        return Ok(None);
    }
    let outer = members(meta)?;
    let Some((key, block)) = outer.iter().find(|(key, _)| key == PUBLISHER_PROVIDED) else {
        return Ok(None);
    };
    let inner = match block.get().starts_with('{') {
        true => members(block)?,
        false => return Ok(None),
    };
    let unvouched = inner.iter().any(|(key, _)| key == UNVOUCHED);
    if !unvouched && outer.len() == 1 {
        return Ok(Some(meta.get().to_owned()));
    }
    let vouched = inner.iter().filter(|(key, _)| key != UNVOUCHED);
    let block = object(vouched.map(|(key, value)| (key, value.get())));
    Ok(Some(object([(key, block.as_str())].into_iter())))
}

/// Whether the object at `path` inside a JSON text has a member under the namespace: facts that are
/// this registry's to state.
#[must_use]
pub fn claims_namespace(json: &str, path: &[&str], namespace: &str) -> bool {
    let prefix = format!("{namespace}/");
    // Nearly none has one, and looking for bytes is a hundred times faster than reading JSON.
    if memchr::memmem::find(json.as_bytes(), prefix.as_bytes()).is_none() {
        return false;
    }
    let mut text = json;
    for step in path {
        let inner = borrowed(text).ok().and_then(|raw| members(raw).ok());
        let inner = inner.and_then(|inner| inner.into_iter().find(|(key, _)| key == step));
        let Some((_, inner)) = inner else { return false };
        text = inner.get();
    }
    let inner = borrowed(text).ok().and_then(|raw| members(raw).ok());
    inner.is_some_and(|inner| inner.iter().any(|(key, _)| key.starts_with(&prefix)))
}

fn object<'a>(members: impl Iterator<Item = (&'a Cow<'a, str>, &'a str)>) -> String {
    let written: Vec<String> = members
        .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key.as_ref())))
        .collect();
    format!("{{{}}}", written.join(","))
}

fn borrowed(server: &str) -> Result<&RawValue, Malformed> {
    serde_json::from_str(server)
        .map_err(|error| crate::model::Fault::Unreadable(error.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "io.modelcontextprotocol.registry/publisher-provided";

    #[rstest::rstest]
    #[case::no_meta(r#"{ "name":"a/b" }"#.into())]
    #[case::only_the_publishers(format!(r#"{{"name":"a/b","_meta":{{ "{KEY}" : {{"x":1}} }} }}"#))]
    fn what_needs_no_repair_keeps_every_byte(#[case] server: String) {
        assert_eq!(repaired(&server), Ok((Cow::Borrowed(server.as_str()), &[] as &[_])));
    }

    #[rstest::rstest]
    #[case(r#"{"_meta":{"local.vidimus/curation":{}}}"#, true)]
    #[case(r#"{"_meta":{"x/local.vidimus/":{}}}"#, false)]
    #[case(r#"{"title":"local.vidimus/curation"}"#, false)]
    #[case(r#"{"_meta":{"local.vidimus":{}}}"#, false)]
    fn a_claim_of_our_namespace_is_found(#[case] server: &str, #[case] claims: bool) {
        assert_eq!(claims_namespace(server, &["_meta"], "local.vidimus"), claims);
    }

    #[rstest::rstest]
    #[case::foreign(r#"{"name":"a/b","_meta":{"local.vidimus/curation":{}}}"#.into(), r#"{"name":"a/b"}"#.into())]
    #[case::not_an_object(r#"{"_meta":7,"name":"a/b"}"#.into(), r#"{"name":"a/b"}"#.into())]
    #[case::stars(
        format!(r#"{{"a":[ 1 ],"_meta":{{"{KEY}":{{"github":{{}},"tool":"x"}},"y":1}}}}"#),
        format!(r#"{{"a":[ 1 ],"_meta":{{"{KEY}":{{"tool":"x"}}}}}}"#)
    )]
    fn what_a_client_would_take_for_ours_is_left_out(
        #[case] server: String,
        #[case] wanted: String,
    ) {
        let (served, repairs) = repaired(&server).expect("well-formed");
        assert_eq!(served, wanted);
        assert_eq!(repairs, [SERVER_META]);
    }
}
