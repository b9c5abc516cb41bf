//! Judges what reaches an agent: URLs that a client opens, and texts that it puts into headers and commands.
//!
//! The published schema admits any URL scheme, user information in hosts, metadata addresses, line breaks in
//! headers, and options as package names. [`objections`] lists what breaks the rules in remotes, packages and `$schema`;
//! the gate `valid for strict clients` fails an entry for each that nothing waives. Icons, the website and the
//! repository are left out instead, since no client needs them.
//!
//! Deliberately does not judge what a program or a server does, nor where a name resolves to.

mod link;
mod objection;
mod package;

use link::{Opened, is_private, judge_template};
use package::{image_host, is_identifier, is_shell, is_variable, is_version, is_word};
use serde_json::Value;

use crate::model::given_values;

pub use objection::{Objection, SafetyRule};

pub(super) use package::names_one_content;

pub(super) use link::judge;

/// Lists what breaks the rules in the remotes, the packages and the `$schema` of a sanitized `server` object.
pub(super) fn objections(server: &Value) -> Vec<Objection> {
    let mut inspector = Inspector::default();
    if let Some(version) = server["version"].as_str() {
        let is_plain = !version.starts_with('-') && !version.contains(['%', '?', '#', '\\', '"']);
        let is_path = version.bytes().all(|byte| byte == b'.');
        inspector.require(is_plain && !is_path, "version".to_owned(), version, SafetyRule::Version);
    }
    if let Some(schema) = server["$schema"].as_str() {
        inspector.url("$schema".to_owned(), schema, judge(schema));
    }
    for (index, remote) in items(server, "remotes") {
        inspector.remote(&format!("remotes[{index}]"), remote);
    }
    for (index, package) in items(server, "packages") {
        inspector.package(&format!("packages[{index}]"), package);
    }
    inspector.found
}

#[derive(Default)]
struct Inspector {
    found: Vec<Objection>,
}

impl Inspector {
    fn add(&mut self, place: String, found: &str, rule: SafetyRule) {
        self.found.push(Objection { place, found: found.to_owned(), rule });
    }

    fn require(&mut self, holds: bool, place: String, found: &str, rule: SafetyRule) {
        if !holds {
            self.add(place, found, rule);
        }
    }

    fn url(&mut self, place: String, url: &str, judged: Result<(), SafetyRule>) {
        if let Err(rule) = judged {
            self.add(place, url, rule);
        }
    }

    fn remote(&mut self, place: &str, remote: &Value) {
        let url = remote["url"].as_str().unwrap_or_default();
        let judged =
            judge_template(url, Opened::Remotely, &|name| given_values(&remote["variables"][name]));
        self.url(format!("{place}.url"), url, judged);
        self.headers(place, remote);
        self.variables(place, remote);
    }

    fn package(&mut self, place: &str, package: &Value) {
        let text = |member: &str| package[member].as_str();
        let kind = text("registryType").unwrap_or_default();
        self.require(
            is_word(kind, "-"),
            format!("{place}.registryType"),
            kind,
            SafetyRule::PackageKind,
        );
        let kind = kind.to_ascii_lowercase();
        self.identifier(
            format!("{place}.identifier"),
            &kind,
            text("identifier").unwrap_or_default(),
        );
        if let Some(version) = text("version") {
            let rule = SafetyRule::PackageVersion(kind.as_str().into());
            self.require(is_version(&kind, version), format!("{place}.version"), version, rule);
        }
        if let Some(url) = text("registryBaseUrl") {
            let judged = match judge(url) {
                Err(rule) if !rule.is_waivable() => rule,
                _ => SafetyRule::Registry(kind.as_str().into()),
            };
            self.add(format!("{place}.registryBaseUrl"), url, judged);
        }
        if let Some(hint) = text("runtimeHint").filter(|hint| !hint.is_empty()) {
            self.require(
                is_word(hint, "._+-") && !is_shell(hint),
                format!("{place}.runtimeHint"),
                hint,
                SafetyRule::Program,
            );
        }
        for member in ["environmentVariables", "runtimeArguments", "packageArguments"] {
            for (index, input) in items(package, member) {
                let place = format!("{place}.{member}[{index}]");
                let name = input["name"].as_str().unwrap_or_default();
                self.line(&format!("{place}.name"), name);
                if member == "environmentVariables" && !is_variable(name) {
                    self.add(format!("{place}.name"), name, SafetyRule::Variable);
                }
                self.input(&place, input);
            }
        }
        self.transport(&format!("{place}.transport"), package);
    }

    fn identifier(&mut self, place: String, kind: &str, identifier: &str) {
        if !is_identifier(kind, identifier) {
            return self.add(place, identifier, SafetyRule::Identifier(kind.into()));
        }
        // An unknown kind may be opened as what it looks like.
        if kind == "mcpb" || identifier.contains("://") {
            return self.url(place, identifier, judge(identifier));
        }
        let has_none = ["npm", "pypi", "nuget", "cargo"].contains(&kind);
        let host = image_host(identifier).filter(|_| !has_none);
        if let Some(host) = host
            && is_private(&host)
        {
            // An `allow` names a URL, so the host is written as one.
            let (authority, _) = identifier.split_once('/').unwrap_or_default();
            self.add(place, &format!("https://{authority}"), SafetyRule::PrivateHost);
        }
    }

    fn transport(&mut self, place: &str, package: &Value) {
        let transport = &package["transport"];
        let url = transport["url"].as_str().filter(|url| !url.is_empty());
        if let Some(url) = url {
            let judged = judge_template(url, Opened::Locally, &|name| {
                let mut found = given_values(&transport["variables"][name]);
                for member in ["environmentVariables", "runtimeArguments", "packageArguments"] {
                    let named = items(package, member).filter(|(_, input)| {
                        [&input["name"], &input["valueHint"]].contains(&&Value::from(name))
                    });
                    found.extend(named.flat_map(|(_, input)| given_values(input)));
                }
                found
            });
            self.url(format!("{place}.url"), url, judged);
        }
        self.headers(place, transport);
        self.variables(place, transport);
    }

    fn headers(&mut self, place: &str, transport: &Value) {
        for (index, header) in items(transport, "headers") {
            let place = format!("{place}.headers[{index}]");
            let name = header["name"].as_str().unwrap_or_default();
            self.require(is_token(name), format!("{place}.name"), name, SafetyRule::HeaderName);
            self.input(&place, header);
        }
    }

    fn variables(&mut self, place: &str, owner: &Value) {
        for (name, input) in owner["variables"].as_object().into_iter().flatten() {
            self.line(&format!("{place}.variables"), name);
            self.input(&format!("{place}.variables.{name}"), input);
        }
    }

    /// Requires one line in the values of an input: they end up in headers and commands.
    fn input(&mut self, place: &str, input: &Value) {
        for member in ["valueHint", "value", "default", "placeholder"] {
            if let Some(text) = input[member].as_str() {
                self.line(&format!("{place}.{member}"), text);
            }
        }
        for (index, choice) in items(input, "choices") {
            self.line(&format!("{place}.choices[{index}]"), choice.as_str().unwrap_or_default());
        }
        self.variables(place, input);
    }

    fn line(&mut self, place: &str, text: &str) {
        if text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            self.add(place.to_owned(), text, SafetyRule::OneLine);
        }
    }
}

fn items<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value[member].as_array().into_iter().flatten().enumerate()
}

/// Returns true for a token of RFC 9110.
fn is_token(name: &str) -> bool {
    let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(server: &Value) -> Vec<String> {
        objections(server).iter().map(Objection::to_string).collect()
    }

    fn package(members: &Value) -> Value {
        let mut package =
            json!({"registryType": "npm", "identifier": "x", "transport": {"type": "stdio"}});
        let members = members.as_object().expect("an object").clone();
        package.as_object_mut().expect("an object").extend(members);
        json!({"packages": [package]})
    }

    #[test]
    fn usual_entry_breaks_no_rule() {
        let mut server = package(&json!({
            "version": "1.0.0", "runtimeHint": "npx",
            "transport": {"type": "sse", "url": "http://{--host}:{--port}/sse"},
            "runtimeArguments": [{"type": "named", "name": "--host", "default": "127.0.0.1"}],
        }));
        server["remotes"] = json!([{
            "type": "sse", "url": "https://{region}.a.example/mcp",
            "headers": [{"name": "X-Api-Key", "value": "Bearer {key}", "variables": {"key": {}}}],
            "variables": {"region": {"choices": ["eu", "us"]}},
        }]);
        assert_eq!(of(&server), [""; 0]);
    }

    #[rstest::rstest]
    #[case(json!({"remotes": [{"url": "http://a.example"}]}), "remotes[0].url: \"http://a.example\" is not encrypted; allowed is https; a rule for this exact version can `allow` the URL")]
    #[case(json!({"remotes": [{"url": "https://{h}", "variables": {"h": {"default": "10.0.0.1"}}}]}), "remotes[0].url: \"https://{h}\" has a host that is not public; a rule for this exact version can `allow` the URL")]
    #[case(json!({"remotes": [{"url": "https://a.example", "headers": [{"name": "X\r\nY"}]}]}), "remotes[0].headers[0].name: \"X\\u{d}\\nY\" is not a header name, which is a token of RFC 9110")]
    #[case(json!({"remotes": [{"url": "https://a.example", "headers": [{"name": "X", "value": "{k}", "variables": {"k": {"choices": ["a", "b\nc"]}}}]}]}), "remotes[0].headers[0].variables.k.choices[1]: \"b\\nc\" has a line break; one line is allowed")]
    #[case(package(&json!({"identifier": "-y"})), "packages[0].identifier: \"-y\" is not an identifier of a package of npm")]
    #[case(package(&json!({"registryType": "NPM", "identifier": "a/b"})), "packages[0].identifier: \"a/b\" is not an identifier of a package of npm")]
    #[case(package(&json!({"version": "$(x)"})), "packages[0].version: \"$(x)\" is not a version of a package of npm")]
    #[case(package(&json!({"registryType": "-x"})), "packages[0].registryType: \"-x\" is not a kind of package; allowed are letters, digits and hyphens")]
    #[case(package(&json!({"runtimeHint": "sh -c"})), "packages[0].runtimeHint: \"sh -c\" is not the name of a program, or that of a shell; allowed are letters, digits and `.`, `_`, `+`, `-` inside")]
    #[case(package(&json!({"runtimeHint": "/bin/sh"})), "packages[0].runtimeHint")]
    #[case(package(&json!({"runtimeHint": "bash"})), "packages[0].runtimeHint")]
    #[case(package(&json!({"environmentVariables": [{"name": "--privileged -v /:/h"}]})), "packages[0].environmentVariables[0].name")]
    #[case(package(&json!({"registryType": "docker", "identifier": "169.254.169.254:5000/x"})), "packages[0].identifier: \"https://169.254.169.254:5000\" has a host that is not public")]
    #[case(package(&json!({"registryType": "git", "identifier": "file:/etc/passwd"})), "packages[0].identifier")]
    #[case(json!({"version": "-rf"}), "version: \"-rf\" is not a version that a path or a command can name")]
    #[case(json!({"version": ".."}), "version")]
    #[case(json!({"version": "?x#y%2F"}), "version")]
    #[case(package(&json!({"registryBaseUrl": "https://npm.evil.example"})), "packages[0].registryBaseUrl: \"https://npm.evil.example\" is not among the registries of npm packages that the settings list; add it to `[package_urls]` of `vidimus.toml`; a rule for this exact version can `allow` the URL")]
    #[case(package(&json!({"registryBaseUrl": "https://a@npm.example"})), "packages[0].registryBaseUrl: \"https://a@npm.example\" has user information before the host, which is not allowed")]
    #[case(package(&json!({"registryType": "go", "identifier": "git.internal/x"})), "packages[0].identifier: \"https://git.internal\" has a host that is not public")]
    #[case(package(&json!({"registryType": "dxt", "identifier": "https://169.254.169.254/x"})), "packages[0].identifier: \"https://169.254.169.254/x\" has a host that is not public")]
    #[case(package(&json!({"registryType": "mcpb", "identifier": "http://127.0.0.1/x.mcpb"})), "packages[0].identifier: \"http://127.0.0.1/x.mcpb\" has a host that is not public")]
    #[case(package(&json!({"registryType": "oci", "identifier": "10.0.0.1:5000/x:1"})), "packages[0].identifier: \"https://10.0.0.1:5000\" has a host that is not public")]
    #[case(package(&json!({"transport": {"type": "sse", "url": "http://{H}/", "variables": {}}, "environmentVariables": [{"name": "H", "default": "169.254.169.254"}]})), "packages[0].transport.url: \"http://{H}/\" has a host that is not public")]
    #[case(package(&json!({"packageArguments": [{"type": "positional", "value": "a\nb"}]})), "packages[0].packageArguments[0].value: \"a\\nb\" has a line break")]
    fn broken_rule_is_reported_with_its_place(#[case] server: Value, #[case] wanted: &str) {
        let found = of(&server);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(wanted), "{}", found[0]);
    }
}
