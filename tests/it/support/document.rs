//! The `OpenAPI` document, against which every answer of the suite is checked.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::daemon::Answer;

const TEXT: &str = include_str!("../../../openapi/vidimus.yaml");

/// Returns the parsed document.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_saphyr::from_str(TEXT).expect("YAML"))
}

/// Returns the documented path of a request; `None` if the request is not for a path of the API.
pub(crate) fn template(path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.first() == Some(&"views") {
        segments.drain(..2.min(segments.len()));
    }
    let prefix = match segments.first() {
        Some(version @ (&"v0" | &"v0.1")) => format!("/{version}"),
        _ => String::new(),
    };
    let rest = if prefix.is_empty() { &segments[..] } else { &segments[1..] };
    // A decoded slash splits a name into two segments.
    let named = |rest: &[&str]| matches!(rest, [_] | [_, _]);
    let suffix = match rest {
        ["openapi.yaml"] if prefix.is_empty() => return Some("/openapi.yaml".into()),
        ["servers"] => "/servers",
        ["servers", name @ .., "versions"] if named(name) => "/servers/{serverName}/versions",
        ["servers", name @ .., "versions", _] if named(name) => {
            "/servers/{serverName}/versions/{version}"
        }
        _ => return None,
    };
    Some(format!("{prefix}{suffix}"))
}

/// Panics if the answer to a GET does not match the document.
pub(crate) fn check(path: &str, answer: &Answer) {
    let Some(template) = template(path) else {
        assert_eq!(answer.status, 404, "{path} is not a path of the document");
        return;
    };
    let responses = &document()["paths"][&template]["get"]["responses"];
    let response = resolved(&responses[answer.status.to_string()]);
    assert!(response.is_object(), "{} for {template} is undocumented ({path})", answer.status);
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.text, "", "{path} has a body");
        return;
    };
    let (kind, media) = content.iter().next().expect("a content type");
    assert_eq!(answer.header("content-type"), kind, "{path}");
    if kind.ends_with("json") {
        let body = answer.json();
        let errors: Vec<String> = validator(&media["schema"])
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}");
    }
}

fn resolved(response: &'static Value) -> &'static Value {
    let Some(reference) = response["$ref"].as_str() else { return response };
    document().pointer(reference.trim_start_matches('#')).expect("a resolvable reference")
}

/// Returns the cached validator of a schema; building one takes longer than using it.
fn validator(schema: &Value) -> &'static Validator {
    static VALIDATORS: OnceLock<Vec<(String, Validator)>> = OnceLock::new();
    let validators = VALIDATORS.get_or_init(|| {
        let names = ["ServerList", "ServerResponse", "Problem"];
        names
            .into_iter()
            .map(|name| {
                let reference = format!("#/components/schemas/{name}");
                let schema = json!({"$ref": reference, "components": document()["components"]});
                let validator = jsonschema::options()
                    .should_validate_formats(true)
                    .build(&schema)
                    .expect("a schema");
                (reference, validator)
            })
            .collect()
    });
    let reference = schema["$ref"].as_str().expect("a reference");
    let found = validators.iter().find(|(known, _)| known == reference);
    &found.expect("a known schema").1
}
