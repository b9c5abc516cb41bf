use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::arguments::passed_variables;
use super::package_urls::PackageUrls;
use super::reach::Reach;
use super::redirection::redirection;
use super::rich_text::rich_text;
use super::safe::{Objection, names_one_content, objections};
use super::sanitize::sanitize;
use super::schema;
use crate::lookalike::EntryProfile;
use crate::model::{Digest, ValidationError, check_text};
use crate::ownership::host;

/// Everything that gates read of one content, computed once when the content is stored.
///
/// Facts depend on the `server` object alone: equal bytes have equal facts. The store keeps them beside
/// the body with [`ContentFacts::RULES`], and computes them again when that number differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFacts {
    /// The first schema violation that sanitizing does not remove; such an entry is not served.
    pub violation: Option<String>,
    /// Objections to what would reach an agent; the gate subtracts what the policy admits.
    pub objections: Vec<Objection>,
    pub packages: Vec<PackageFacts>,
    /// The remotes, and the addresses beyond this machine at which packages are reached.
    pub remotes: Vec<RemoteFacts>,
    /// Hosts of remotes and of the website, in lower case, in order, each once.
    pub hosts: Vec<String>,
    pub inputs: Vec<InputFacts>,
    /// The URL of the repository, as the entry has it.
    pub repository: Option<String>,
    /// The digest of the lookalike profile: contents with equal profiles resemble the same names.
    pub profile: Digest,
    /// The digest of the canonical JSON without the members that a benign new version may change.
    pub lasting: Digest,
    /// The digest of the links, line breaks and invisible characters of the title and the description, if there are
    /// any.
    pub rich_text: Option<Digest>,
    /// The digest of `$schema`, if the object has one.
    pub schema: Option<Digest>,
    /// True if `$schema` names a published version of the schema.
    pub is_schema_known: bool,
}

/// A package that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageFacts {
    pub registry: SmolStr,
    pub identifier: String,
    pub version: Option<SmolStr>,
    /// The URL of the registry to ask instead of the public one.
    pub base_url: Option<String>,
    /// The program that the entry proposes to run it with.
    pub runtime: Option<SmolStr>,
    /// True if it names one content: an exact version, or the digest of an image or a file.
    pub exact: bool,
    /// The digest of its file that the entry states, in the form `sha256:…`.
    pub sha256: Option<SmolStr>,
    /// The program, argument or variable with which it may run something else, or come from elsewhere.
    pub redirected: Option<SmolStr>,
}

/// A remote that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFacts {
    pub transport: SmolStr,
    pub url: String,
}

/// A value that a server asks its user for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFacts {
    pub place: InputPlace,
    pub name: SmolStr,
    pub secret: bool,
}

/// The place of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputPlace {
    Environment,
    Header,
    Argument,
    Variable,
}

impl InputPlace {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Header => "header",
            Self::Argument => "argument",
            Self::Variable => "variable",
        }
    }
}

/// The limit on the encoded facts. Larger ones are not kept, and every gate that needs them fails.
const MAX_FACTS_BYTES: usize = 64 * 1024;

impl ContentFacts {
    /// The number of the rules that compute facts. Raise it with every change of a field, of the order of
    /// fields or of their types: the encoding does not name fields.
    pub const RULES: u32 = 10;

    /// Computes the facts of a `server` object.
    #[must_use]
    pub fn of(server: &str) -> Self {
        let value: Value = serde_json::from_str(server).unwrap_or_default();
        // A smaller reach leaves out more, which violates nothing.
        let (reread, violation) = match sanitize(server, &Reach::internal()) {
            Ok((Cow::Owned(sanitized), _)) => {
                (Some(serde_json::from_str::<Value>(&sanitized).unwrap_or_default()), None)
            }
            Ok((Cow::Borrowed(_), _)) => (None, None),
            Err(violation) => (None, Some(violation)),
        };
        let served = reread.as_ref().unwrap_or(&value);
        // A stored row may be older than the rules about text.
        let violation =
            violation.or_else(|| schema::check(served).and_then(|()| legible(served)).err());
        let objections = objections(served);
        let text = |member: &str| value[member].as_str().unwrap_or_default();
        let profile = EntryProfile::of(&value).unwrap_or_default();
        Self {
            violation: violation.map(|violation| violation.to_string()),
            objections,
            packages: list(&value, "packages").map(PackageFacts::read).collect(),
            remotes: list(&value, "remotes")
                .map(RemoteFacts::read)
                .chain(list(&value, "packages").filter_map(RemoteFacts::of_package))
                .collect(),
            hosts: hosts(&value),
            inputs: inputs(&value),
            repository: value["repository"]["url"].as_str().map(str::to_owned),
            profile: profile.digest(),
            rich_text: rich_text([text("title"), text("description")]),
            schema: value.get("$schema").map(|schema| Digest::of(schema.to_string().as_bytes())),
            is_schema_known: KNOWN_SCHEMAS.contains(&text("$schema")),
            lasting: lasting_digest(value),
        }
    }

    /// Returns the objections that neither the reach of the entry nor the listed package registries waive.
    pub fn unwaived(
        &self,
        reach: &Reach<'_>,
        package_urls: &PackageUrls,
    ) -> impl Iterator<Item = &Objection> {
        self.objections.iter().filter(|objection| {
            !reach.admits(&objection.rule, &objection.found) && !package_urls.admit(objection)
        })
    }

    /// Encodes the facts for the store; returns `None` if they are too large to be kept.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        // These are plain structures: writing to memory cannot fail.
        postcard::to_allocvec(self).ok().filter(|bytes| bytes.len() <= MAX_FACTS_BYTES)
    }

    /// Decodes what [`ContentFacts::encode`] wrote; returns `None` if the bytes are damaged.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl PackageFacts {
    /// Reads a package. A text that is missing is empty: no package may be overlooked.
    fn read(package: &Value) -> Self {
        let text = |member: &str| package[member].as_str();
        Self {
            registry: text("registryType").unwrap_or_default().into(),
            identifier: text("identifier").unwrap_or_default().into(),
            version: text("version").map(SmolStr::new),
            base_url: text("registryBaseUrl").map(str::to_owned),
            runtime: text("runtimeHint").map(SmolStr::new),
            exact: names_one_content(package),
            sha256: text("fileSha256").map(|digits| format!("sha256:{digits}").into()),
            redirected: redirection(package).map(SmolStr::new),
        }
    }
}

impl RemoteFacts {
    fn read(remote: &Value) -> Self {
        let text = |member: &str| remote[member].as_str().unwrap_or_default();
        Self { transport: text("type").into(), url: text("url").into() }
    }

    /// Reads the address at which a package is reached, if that is not this machine.
    fn of_package(package: &Value) -> Option<Self> {
        let remote = Self::read(&package["transport"]);
        let authority = remote.url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
        let authority = authority.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let is_local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
            let port = authority.strip_prefix(host);
            port.is_some_and(|port| port.is_empty() || port.starts_with(':') && !port.contains('@'))
        });
        (!remote.url.is_empty() && !is_local).then_some(remote)
    }
}

fn list<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    value[member].as_array().into_iter().flatten()
}

fn hosts(value: &Value) -> Vec<String> {
    let remotes = list(value, "remotes").filter_map(|remote| remote["url"].as_str());
    let mut hosts: Vec<String> =
        remotes.chain(value["websiteUrl"].as_str()).filter_map(host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn inputs(value: &Value) -> Vec<InputFacts> {
    let mut found = Vec::new();
    for package in list(value, "packages") {
        take_inputs(package, "environmentVariables", InputPlace::Environment, &mut found);
        take_inputs(package, "runtimeArguments", InputPlace::Argument, &mut found);
        found.extend(passed_variables(package).map(|name| InputFacts {
            place: InputPlace::Environment,
            name: name.into(),
            secret: false,
        }));
        take_inputs(package, "packageArguments", InputPlace::Argument, &mut found);
        take_inputs(&package["transport"], "headers", InputPlace::Header, &mut found);
        take_variables(&package["transport"], &mut found);
    }
    for remote in list(value, "remotes") {
        take_inputs(remote, "headers", InputPlace::Header, &mut found);
        take_variables(remote, &mut found);
    }
    found
}

fn take_inputs(owner: &Value, member: &str, place: InputPlace, found: &mut Vec<InputFacts>) {
    for input in list(owner, member) {
        let name = input["name"].as_str().or(input["valueHint"].as_str()).unwrap_or_default();
        let secret = input["isSecret"].as_bool().unwrap_or_default();
        found.push(InputFacts { place, name: name.into(), secret });
        take_variables(input, found);
    }
}

fn take_variables(owner: &Value, found: &mut Vec<InputFacts>) {
    for (name, input) in owner["variables"].as_object().into_iter().flatten() {
        let secret = input["isSecret"].as_bool().unwrap_or_default();
        found.push(InputFacts { place: InputPlace::Variable, name: name.into(), secret });
    }
}

/// Checks every text of a value, names of members included.
fn legible(value: &Value) -> Result<(), ValidationError> {
    match value {
        Value::String(text) => check_text(text),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            legible(item).map_err(|invalid| invalid.within(&format!("[{index}]")))
        }),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| {
            check_text(key).and_then(|()| legible(value)).map_err(|invalid| invalid.within(key))
        }),
        _ => Ok(()),
    }
}

/// The published versions of the schema.
const KNOWN_SCHEMAS: [&str; 5] = [
    "https://static.modelcontextprotocol.io/schemas/2025-07-09/server.schema.json",
    "https://static.modelcontextprotocol.io/schemas/2025-09-16/server.schema.json",
    "https://static.modelcontextprotocol.io/schemas/2025-09-29/server.schema.json",
    "https://static.modelcontextprotocol.io/schemas/2025-10-17/server.schema.json",
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
];

/// Members of the `server` object that a benign new version may change.
const VOLATILE: [&str; 6] = ["version", "title", "description", "$schema", "icons", "_meta"];
const PUBLISHER_PROVIDED: &str = "io.modelcontextprotocol.registry/publisher-provided";

fn lasting_digest(mut value: Value) -> Digest {
    if let Some(server) = value.as_object_mut() {
        let meta = server.remove("_meta").map(without_publisher_metadata);
        for member in VOLATILE {
            server.remove(member);
        }
        server
            .extend(meta.filter(|meta| !meta.is_empty()).map(|meta| ("_meta".into(), meta.into())));
        let packages = server.get_mut("packages").and_then(Value::as_array_mut).into_iter();
        for package in packages.flatten().filter_map(Value::as_object_mut) {
            // The version of an image is a tag, which its registry can move.
            let kind = package.get("registryType").and_then(Value::as_str);
            if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("oci")) {
                package.remove("version");
            }
        }
    }
    Digest::of(&serde_json_canonicalizer::to_vec(&value).unwrap_or_default())
}

fn without_publisher_metadata(meta: Value) -> Map<String, Value> {
    let Value::Object(mut meta) = meta else { return Map::new() };
    meta.remove(PUBLISHER_PROVIDED);
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"name":"a.b/c","description":"d","version":"1","websiteUrl":"https://B.example/x","remotes":[{"type":"sse","url":"https://a.example/mcp","headers":[{"name":"X","isSecret":true}],"variables":{"host":{}}}],"packages":[{"registryType":"npm","identifier":"x","version":"1","transport":{"type":"stdio"},"environmentVariables":[{"name":"KEY"}]}]}"#;

    #[test]
    fn facts_list_packages_remotes_hosts_and_inputs() {
        let facts = ContentFacts::of(PLAIN);
        assert_eq!(facts.violation, None);
        assert_eq!(facts.packages[0].identifier, "x");
        assert_eq!(facts.remotes[0].url, "https://a.example/mcp");
        assert_eq!(facts.hosts, ["a.example", "b.example"]);
        let names: Vec<(&str, bool)> =
            facts.inputs.iter().map(|input| (input.name.as_str(), input.secret)).collect();
        assert_eq!(names, [("KEY", false), ("X", true), ("host", false)]);
    }

    #[test]
    fn facts_decode_as_they_were_encoded() {
        let facts = ContentFacts::of(PLAIN);
        let bytes = facts.encode().expect("small");
        assert!(bytes.len() < 2 * 1024, "{} bytes", bytes.len());
        assert_eq!(ContentFacts::decode(&bytes), Some(facts));
        assert_eq!(ContentFacts::decode(&bytes[1..]), None);
    }

    #[rstest::rstest]
    #[case("\"version\":\"1\"", "\"version\":\"2\"", true)]
    #[case("\"description\":\"d\"", "\"description\":\"e\",\"title\":\"t\"", true)]
    #[case(
        "\"identifier\":\"x\",\"version\":\"1\"",
        "\"identifier\":\"x\",\"version\":\"2\"",
        true
    )]
    #[case("a.example/mcp", "evil.example/mcp", false)]
    #[case("\"KEY\"", "\"SECRET\"", false)]
    #[case("\"identifier\":\"x\"", "\"identifier\":\"y\"", false)]
    fn only_harmless_changes_keep_the_lasting_digest(
        #[case] from: &str,
        #[case] to: &str,
        #[case] is_same: bool,
    ) {
        assert!(PLAIN.contains(from));
        let other = ContentFacts::of(&PLAIN.replace(from, to));
        assert_eq!(other.lasting == ContentFacts::of(PLAIN).lasting, is_same);
    }

    #[test]
    fn stored_row_with_invisible_text_violates() {
        let hidden = PLAIN.replace("\"KEY\"", "\"KEY\u{e0041}\"");
        let facts = ContentFacts::of(&hidden);
        assert_eq!(
            facts.violation.as_deref(),
            Some("packages[0].environmentVariables[0].name: the character U+E0041 is not allowed")
        );
    }

    #[test]
    fn large_facts_are_not_kept() {
        let inputs = vec![format!(r#"{{"name":"{}"}}"#, "x".repeat(2_000)); 40].join(",");
        let server = PLAIN.replace(r#"{"name":"KEY"}"#, &inputs);
        assert_eq!(ContentFacts::of(&server).encode(), None);
    }
}
