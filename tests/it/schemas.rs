//! The schemas for editors accept what the reader accepts, and refuse the usual mistakes as the reader does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use vidimus::config::{Locations, Settings};
use vidimus::lint::{Field, FileFormat, Finding, Language, Severity, Source, Table, json_schema};
use vidimus::model::Timestamp;
use vidimus::overlay::{Context, Terms};

use crate::documents::files;
use crate::support::daemon::{Workplace, text};
use crate::support::folder::folder;

const KINDS: [&str; 5] = ["overlay", "upstream", "settings", "advisory", "evidence"];

fn format_of(kind: &str) -> FileFormat {
    let [settings, upstream] = vidimus::config::file_formats();
    match kind {
        "overlay" => vidimus::overlay::file_format(),
        "upstream" => upstream,
        "advisory" => vidimus::advisory::file_format(),
        "evidence" => vidimus::scan::file_format(),
        _ => settings,
    }
}

/// Returns the kind of a file by its path.
fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        _ if path.starts_with("advisories/") => "advisory",
        _ if path.starts_with("evidence/") => "evidence",
        Some("yaml") => "overlay",
        _ if path.ends_with("vidimus.toml") => "settings",
        _ => "upstream",
    }
}

/// Returns the reasons for which the schema refuses a file.
fn refused(kind: &str, text: &str) -> Vec<String> {
    let value: Value = match format_of(kind).language {
        Language::Yaml => serde_saphyr::from_str(text).expect("YAML"),
        Language::Toml => toml::from_str(text).expect("TOML"),
    };
    let schema = json_schema(&format_of(kind));
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    validator.iter_errors(&value).map(|error| error.to_string()).collect()
}

/// Returns the errors that the reader finds in a file by itself.
fn findings(kind: &str, text: &str) -> Vec<String> {
    let folder = folder();
    let file = folder.path().join("vidimus.toml");
    fs::write(&file, text).expect("a file");
    let findings = match kind {
        "overlay" => {
            let now = Timestamp::parse("2026-12-01T00:00:00Z").expect("a time");
            let context = Context { terms: Terms::default(), now, upstreams: None };
            vidimus::overlay::read(&[Source::new("x.yaml", text)], &context).findings
        }
        "upstream" => vidimus::config::read_upstream(&file).err().unwrap_or_default(),
        "advisory" => vidimus::advisory::read_own(&[Source::new("x.yaml", text)]).1,
        "evidence" => {
            let read = vidimus::scan::read_scan(&Source::new("x.yaml", text));
            read.err().unwrap_or_default()
        }
        _ => {
            let read = Settings::load(&file, true, Locations::default());
            read.err().unwrap_or_default()
        }
    };
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(Finding::to_string).collect()
}

/// Returns the examples of a format as files: those of YAML by table, those of TOML together.
fn examples(format: &FileFormat) -> Vec<String> {
    let texts =
        format.tables.iter().map(|table| format.language.text(table, |field| field.example));
    match format.language {
        Language::Yaml => texts.collect(),
        Language::Toml => vec![texts.collect()],
    }
}

#[test]
fn schema_accepts_every_example_of_the_documents_and_of_the_repository() {
    let mut texts: Vec<(String, String)> = files();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in [
        "overlays/starter.yaml",
        "upstreams/official.toml",
        "src/demo/overlays.yaml",
        "src/demo/vidimus.toml",
    ] {
        let text = fs::read_to_string(root.join(path)).expect("a file");
        texts.push((path.to_owned(), text));
    }
    for (name, kind) in [
        ("x.yaml", "overlay"),
        ("x.toml", "upstream"),
        ("vidimus.toml", "settings"),
        ("advisories/x.yaml", "advisory"),
        ("evidence/x.yaml", "evidence"),
    ] {
        let examples = examples(&format_of(kind)).into_iter();
        // A table may have no example.
        let examples = examples.filter(|text| !text.is_empty());
        texts.extend(examples.map(|text| (name.to_owned(), text)));
    }
    for (name, text) in &texts {
        assert_eq!(refused(kind_of(name), text), [""; 0], "{name}: {text}");
    }
    assert!(texts.len() >= 25, "{} files", texts.len());
}

/// A scalar of YAML is text, whatever it looks like.
#[rstest::rstest]
#[case("servers: [{name: a.b/c, versions: 1.10, owner: 5, labels: [2026, true]}]")]
#[case("servers: [{name: a.b/c, on_deprecated: keep}, {name: '*', conditions: {secrets: []}}]")]
#[case("servers: [{name: a.b/c, on_deprecated: {hide_after: 30d}}, {name: a.*/*, tier: 3}]")]
#[case("servers: [{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01t10:00:00z}}]")]
#[case("namespaces: [{name: a.b, protect: true}, {name: A.c.*, internal: true}]\nservers: []")]
fn schema_accepts_what_the_reader_accepts(#[case] text: &str) {
    assert_eq!((findings("overlay", text), refused("overlay", text)), (vec![], vec![]));
}

#[rstest::rstest]
#[case("overlay", "servers: [{name: a.b/c, teir: 1}]")]
#[case("overlay", "servers: [{name: a.b/c, audience: x}]")]
#[case("overlay", "servers: [{tier: 1}]")]
#[case("overlay", "servers: [{name: 5, tier: 1}]")]
#[case("overlay", "servers: [{name: a.b, tier: 1}]")]
#[case("overlay", "servers: [{name: a.b/c, tier: 4}]")]
#[case("overlay", "servers: [{name: a.b/c, tier: '1'}]")]
#[case("overlay", "servers: [{name: a.b/c, owner: null}]")]
#[case("overlay", "servers: [{name: a.b/c, labels: x}]")]
#[case("overlay", "servers: [{name: a.b/c, labels: []}]")]
#[case("overlay", "servers: [{name: a.b/c, classification: secret}]")]
#[case("overlay", "servers: [{name: a.b/c, approval: {state: aproved}}]")]
#[case("overlay", "servers: [{name: a.b/c, approval: {state: approved, reviewed: yesterday}}]")]
#[case("overlay", "servers: [{name: a.b/c, approval: denied}]")]
#[case("overlay", "servers: [{name: a.b/c, on_deprecated: hide}]")]
#[case("overlay", "servers: [{name: '*', conditions: {packages: {types: [nmp]}}}]")]
#[case("overlay", "servers: [{name: '*', conditions: {pinned_packages: false}}]")]
#[case("overlay", "namespaces: [{name: a.b, ownership: {github: alice}}]")]
#[case("overlay", "namespaces: [{name: a.b/c, internal: true}]")]
#[case("overlay", "namespaces: [{name: a.b, internal: 'yes'}]")]
#[case("overlay", "servers: [{name: '*', conditions: {scan: {tools: [a]}}}]")]
#[case("overlay", "servers: [{name: '*', conditions: {scan: {tools: [], verdict: pass}}}]")]
#[case("overlay", "servers: [{name: '*', conditions: {scan: {tools: [a], verdict: fail}}}]")]
#[case("advisory", "id: A-1\naffected: [{package: {ecosystem: npn, name: x}}]")]
#[case("advisory", "id: A-1\nvidimus: {servers: [a.b/c], action: hid}")]
#[case("advisory", "vidimus: {servers: [a.b/c]}")]
#[case("evidence", "tool: {name: a, version: 1}")]
#[case("evidence", "verdict: good")]
#[case("evidence", "subject: {name: a.b, version: 1, digest: 'sha256:0'}")]
#[case("upstream", "kind = \"registry\"\nurl = \"https://a.example\"\ntrsut = \"internal\"")]
#[case("upstream", "kind = \"rest\"\nurl = \"https://a.example\"")]
#[case("upstream", "kind = \"registry\"\nurl = 5")]
#[case("upstream", "kind = \"registry\"\nurl = \"https://a.example\"\nsync.interval = 5")]
#[case("upstream", "kind = \"registry\"\nurl = \"https://a.example\"\nsync.page_size = 101")]
#[case("upstream", "url = \"https://a.example\"")]
#[case("settings", "lisen = \"x\"")]
#[case("settings", "listen = 8080")]
#[case("settings", "[ownership.tiers.2]\nexact = \"maybe\"")]
#[case("settings", "[packages.oci]\nurk = \"https://a.example\"")]
#[case("settings", "[[views]]\nname = \"a\"\ntiers = [5]")]
#[case(
    "settings",
    "[[webhooks]]\nname = \"a\"\nurl = \"https://a.example\"\nsecret_variable = \"S\""
)]
fn schema_refuses_the_usual_mistakes_as_the_reader_does(#[case] kind: &str, #[case] text: &str) {
    assert_ne!(findings(kind, text), [""; 0], "the reader");
    assert_ne!(refused(kind, text), [""; 0], "the schema");
}

/// Walks all schemas of values, and returns the keys of each mapping.
fn mappings(schema: &Value, found: &mut Vec<BTreeSet<String>>) {
    let shapes = ["type", "enum", "const", "anyOf", "not"];
    assert!(shapes.iter().any(|shape| schema.get(shape).is_some()), "it says nothing: {schema}");
    if let Some(properties) = schema["properties"].as_object() {
        found.push(properties.keys().cloned().collect());
        properties.values().for_each(|property| mappings(property, found));
    }
    for inner in schema["anyOf"].as_array().into_iter().flatten().chain(schema.get("items")) {
        mappings(inner, found);
    }
}

#[test]
fn schema_has_every_table_and_says_something_about_every_key() {
    for kind in KINDS {
        let format = format_of(kind);
        let mut found = Vec::new();
        mappings(&json_schema(&format), &mut found);
        for table in format.tables {
            let keys: BTreeSet<String> = table.keys().into_iter().map(str::to_owned).collect();
            assert!(found.contains(&keys), "{kind}: {} is not reached", table.heading);
        }
    }
}

/// Returns a file with one value of a key, and what is required beside it.
fn with_value(format: &FileFormat, table: &Table, field: &Field, value: &'static str) -> String {
    format.language.text(table, |other| match other {
        other if other == field => value,
        other if other.required => other.example,
        _ => "",
    })
}

#[test]
fn list_may_be_empty_where_the_table_says_so_and_nowhere_else() {
    let mut lists = 0;
    for kind in KINDS {
        let format = format_of(kind);
        for table in format.tables {
            for field in table.fields.iter().filter(|field| field.kind.contains("list of")) {
                let text = with_value(&format, table, field, "[]");
                let required = if kind == "upstream" && !table.opening.is_empty() {
                    "kind = \"files\"\npath = \"x\"\n"
                } else {
                    ""
                };
                let found = findings(kind, &format!("{required}{text}"));
                let is_refused = found.iter().any(|finding| finding.contains("an empty list"));
                assert_eq!(is_refused, !field.may_be_empty, "{text}: {found:#?}");
                lists += 1;
            }
        }
    }
    assert!(lists > 20, "{lists} lists");
}

#[test]
fn words_of_an_overlay_are_those_of_the_reader() {
    let format = format_of("overlay");
    let is_word = |field: &&Field| matches!(field.kind, "word" | "list of words");
    for table in format.tables {
        for field in table.fields.iter().filter(is_word) {
            let bad = if field.kind == "word" { "'?'" } else { "['?']" };
            let text = with_value(&format, table, field, bad);
            let found = findings("overlay", &text);
            let wanted = format!("llowed: {}", field.allowed);
            assert!(found.iter().any(|finding| finding.ends_with(&wanted)), "{text}: {found:#?}");
        }
    }
}

#[test]
fn check_prints_the_schema_of_a_kind_of_file_although_the_settings_are_wrong() {
    let place = Workplace::new("https://registry.example");
    place.write("vidimus.toml", "nonsense");
    for kind in KINDS {
        let output = place.run(&["check", "--schema", kind]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
        assert_eq!(printed, json_schema(&format_of(kind)));
    }
    let output = place.run(&["check", "--schema", "overlay", "overlays/policy.yaml"]);
    assert_eq!(output.status.code(), Some(2), "a file beside it");
}
