//! The content of an entry as people read it before they decide. It says what the publisher states, and judges nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::InputPlace;
use super::safe::names_one_content;

/// The content of an entry, member by member. Texts are as the publisher wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryContent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryContent>,
    pub packages: Vec<PackageContent>,
    pub remotes: Vec<RemoteContent>,
    /// The addresses of its icons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<String>,
    /// Members of the object that are none of those above, by name.
    pub other_members: Vec<String>,
}

/// The repository that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryContent {
    pub url: String,
    /// The stable id of the repository at its forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subfolder: Option<String>,
}

/// A package that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageContent {
    /// `npm`, `pypi`, `oci` and so on.
    pub registry_type: String,
    pub identifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// True if it names one content: an exact version, or the digest of an image or a file.
    pub exact: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_hint: Option<String>,
    pub transport: RemoteContent,
    pub inputs: Vec<InputContent>,
}

/// An address at which a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteContent {
    /// `stdio`, `streamable-http` or `sse`.
    pub transport: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub inputs: Vec<InputContent>,
}

/// A value that an entry asks its user for, or sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputContent {
    pub place: InputPlace,
    /// Its name; empty for an argument without one.
    pub name: String,
    pub required: bool,
    pub secret: bool,
    /// The value that the entry sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value that is used if the user gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The only values that are allowed, if the entry lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// `string`, `number`, `boolean` or `filepath`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// The name of the value of an argument that has a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The members that [`EntryContent`] has, with the name and the version of the entry.
const READ: [&str; 9] = [
    "name",
    "version",
    "title",
    "description",
    "websiteUrl",
    "repository",
    "packages",
    "remotes",
    "icons",
];

impl EntryContent {
    /// Reads a `server` object; a member of another type is left out.
    #[must_use]
    pub fn of(server: &str) -> Self {
        let value: Value = serde_json::from_str(server).unwrap_or_default();
        let members = value.as_object().into_iter().flatten().map(|(key, _)| key);
        Self {
            title: text(&value, "title"),
            description: text(&value, "description").unwrap_or_default(),
            website: text(&value, "websiteUrl"),
            repository: RepositoryContent::read(&value["repository"]),
            packages: items(&value, "packages").map(PackageContent::read).collect(),
            remotes: items(&value, "remotes").map(RemoteContent::read).collect(),
            icons: items(&value, "icons").filter_map(|icon| scalar(&icon["src"])).collect(),
            other_members: members.filter(|key| !READ.contains(&key.as_str())).cloned().collect(),
        }
    }
}

impl RepositoryContent {
    fn read(repository: &Value) -> Option<Self> {
        let url = text(repository, "url").filter(|url| !url.is_empty())?;
        Some(Self { url, id: text(repository, "id"), subfolder: text(repository, "subfolder") })
    }
}

impl PackageContent {
    fn read(package: &Value) -> Self {
        let mut inputs = inputs(package, "environmentVariables", InputPlace::Environment);
        inputs.extend(self::inputs(package, "runtimeArguments", InputPlace::Argument));
        inputs.extend(self::inputs(package, "packageArguments", InputPlace::Argument));
        Self {
            registry_type: text(package, "registryType").unwrap_or_default(),
            identifier: text(package, "identifier").unwrap_or_default(),
            version: text(package, "version"),
            exact: names_one_content(package),
            registry_base_url: text(package, "registryBaseUrl"),
            file_sha256: text(package, "fileSha256"),
            runtime_hint: text(package, "runtimeHint"),
            transport: RemoteContent::read(&package["transport"]),
            inputs,
        }
    }
}

impl RemoteContent {
    fn read(remote: &Value) -> Self {
        let mut inputs = inputs(remote, "headers", InputPlace::Header);
        inputs.extend(variables(remote));
        Self {
            transport: text(remote, "type").unwrap_or_default(),
            url: text(remote, "url"),
            inputs,
        }
    }
}

impl InputContent {
    fn read(input: &Value, place: InputPlace, name: Option<&str>) -> Self {
        let flag = |member: &str| input[member].as_bool().unwrap_or_default();
        let hint = text(input, "valueHint");
        let named = name.map(str::to_owned).or_else(|| text(input, "name"));
        Self {
            place,
            required: flag("isRequired"),
            secret: flag("isSecret"),
            value: scalar(&input["value"]),
            default: scalar(&input["default"]),
            choices: items(input, "choices").filter_map(scalar).collect(),
            format: scalar(&input["format"]),
            placeholder: scalar(&input["placeholder"]),
            value_hint: hint.clone().filter(|_| named.is_some()),
            name: named.or(hint).unwrap_or_default(),
            description: text(input, "description"),
        }
    }
}

fn inputs(owner: &Value, member: &str, place: InputPlace) -> Vec<InputContent> {
    let each = items(owner, member);
    each.flat_map(|input| {
        std::iter::once(InputContent::read(input, place, None)).chain(variables(input))
    })
    .collect()
}

fn variables(owner: &Value) -> Vec<InputContent> {
    let variables = owner["variables"].as_object().into_iter().flatten();
    let read = |(name, input): (&String, &Value)| {
        InputContent::read(input, InputPlace::Variable, Some(name))
    };
    variables.map(read).collect()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

/// Returns a text, or the JSON of a value of another type: a client may use that, too.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn items<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    value[member].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_every_member_that_a_reviewer_reads() {
        let content = EntryContent::of(
            r#"{"name":"a.b/c","version":"1","title":"T","description":"d","websiteUrl":"https://w.example","icons":[{"src":"https://i.example"}],"more":1,
                "repository":{"url":"https://r.example","source":"github","id":"7"},
                "packages":[{"registryType":"npm","identifier":"x","version":"^1","transport":{"type":"stdio"},
                    "environmentVariables":[{"name":"KEY","isSecret":true,"isRequired":true,"description":"A key"}],
                    "runtimeArguments":[{"type":"named","name":"-e","value":"A={a}","variables":{"a":{"default":"1"}}}]}],
                "remotes":[{"type":"sse","url":"https://a.example","headers":[{"name":"X","choices":["a","b"]}]}]}"#,
        );
        assert_eq!(content.title.as_deref(), Some("T"));
        assert_eq!(content.repository.expect("one").id.as_deref(), Some("7"));
        assert_eq!(content.icons, ["https://i.example"]);
        assert_eq!(content.other_members, ["more"]);
        let package = &content.packages[0];
        assert_eq!((package.version.as_deref(), package.exact), (Some("^1"), false));
        let inputs: Vec<(&str, bool)> =
            package.inputs.iter().map(|input| (input.name.as_str(), input.secret)).collect();
        assert_eq!(inputs, [("KEY", true), ("-e", false), ("a", false)]);
        assert_eq!(package.inputs[1].value.as_deref(), Some("A={a}"));
        assert_eq!(package.inputs[2].default.as_deref(), Some("1"));
        assert_eq!(content.remotes[0].inputs[0].choices, ["a", "b"]);
    }

    /// A member of an input must not mask another one.
    #[test]
    fn every_member_of_an_input_is_read_beside_all_others() {
        let content = EntryContent::of(
            r#"{"packages":[{"packageArguments":[{"type":"named","name":"--url","valueHint":"address","value":"v",
                "default":7,"choices":["a | b","c",true],"format":"filepath","placeholder":"p","isRequired":true,
                "description":"d"}]}]}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            content.packages[0].inputs,
            [InputContent {
                place: InputPlace::Argument,
                name: "--url".into(),
                required: true,
                secret: false,
                value: text("v"),
                default: text("7"),
                choices: vec!["a | b".into(), "c".into(), "true".into()],
                format: text("filepath"),
                placeholder: text("p"),
                value_hint: text("address"),
                description: text("d"),
            }]
        );
    }

    #[test]
    fn members_of_another_type_are_left_out() {
        let content =
            EntryContent::of(r#"{"description":7,"packages":{},"remotes":[7],"repository":[]}"#);
        assert_eq!((content.description.as_str(), content.packages.len()), ("", 0));
        assert_eq!(content.remotes[0].url, None);
        assert_eq!(EntryContent::of("no JSON").remotes, []);
    }
}
