//! What a strict reader of the contract demands of a `server` object.
//!
//! One entry that a client's decoder refuses costs that client the whole page. So nothing is served
//! that has a member of another type than the contract says, a required member missing, a text
//! beyond its length or a word beyond its list, whatever upstream let pass. Members that the
//! contract does not know are free.

use serde_json::{Map, Value};
use url::Url;

use crate::model::{Fault, Malformed};

type Checked = Result<(), Malformed>;
type Object = Map<String, Value>;

pub(super) const FORMATS: [&str; 4] = ["string", "number", "boolean", "filepath"];
const ICON_TYPES: [&str; 5] =
    ["image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp"];

/// Reads a `server` object as the strictest client does.
pub(super) fn check(server: &Value) -> Checked {
    let server = object(server)?;
    required(server, "name", |it| length(it, 3, 200))?;
    required(server, "description", |it| length(it, 1, 100))?;
    required(server, "version", |it| length(it, 1, 255))?;
    optional(server, "title", |it| length(it, 1, 100))?;
    optional(server, "$schema", url)?;
    optional(server, "websiteUrl", url)?;
    optional(server, "repository", repository)?;
    optional(server, "icons", |it| each(it, icon))?;
    optional(server, "packages", |it| each(it, package))?;
    optional(server, "remotes", |it| each(it, remote))?;
    optional(server, "_meta", |it| object(it).map(drop))
}

fn repository(value: &Value) -> Checked {
    let repository = object(value)?;
    required(repository, "url", url)?;
    required(repository, "source", |it| length(it, 1, usize::MAX))?;
    optional(repository, "id", any_text)?;
    optional(repository, "subfolder", any_text)
}

fn icon(value: &Value) -> Checked {
    let icon = object(value)?;
    required(icon, "src", |it| length(it, 1, 255).and_then(|()| url(it)))?;
    optional(icon, "mimeType", |it| one_of(it, &ICON_TYPES))?;
    optional(icon, "theme", |it| one_of(it, &["light", "dark"]))?;
    optional(icon, "sizes", |it| each(it, size))
}

fn size(value: &Value) -> Checked {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let size = text(value)?;
    let sides =
        size.split_once('x').is_some_and(|(left, right)| is_number(left) && is_number(right));
    match size == "any" || sides {
        true => Ok(()),
        false => {
            Err(Fault::Word { found: size.to_owned(), allowed: "any, or sides as 48x48" }.into())
        }
    }
}

fn package(value: &Value) -> Checked {
    let package = object(value)?;
    required(package, "registryType", any_text)?;
    required(package, "identifier", any_text)?;
    required(package, "transport", |it| transport(it, &["stdio", "streamable-http", "sse"]))?;
    optional(package, "registryBaseUrl", url)?;
    optional(package, "version", |it| length(it, 1, usize::MAX).and_then(|()| fixed(it)))?;
    optional(package, "runtimeHint", any_text)?;
    optional(package, "fileSha256", sha256)?;
    optional(package, "runtimeArguments", |it| each(it, argument))?;
    optional(package, "packageArguments", |it| each(it, argument))?;
    optional(package, "environmentVariables", |it| each(it, named_input))
}

/// The repair of this word leaves it out; what still has it was not repaired.
fn fixed(value: &Value) -> Checked {
    match text(value)? {
        "latest" => {
            let allowed = "an exact version, or none";
            Err(Fault::Word { found: "latest".into(), allowed }.into())
        }
        _ => Ok(()),
    }
}

fn sha256(value: &Value) -> Checked {
    let text = text(value)?;
    let hexadecimal = text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if hexadecimal && text.len() == 64 {
        return Ok(());
    }
    let allowed = "64 hexadecimal digits in lower case";
    Err(Fault::Word { found: text.to_owned(), allowed }.into())
}

fn remote(value: &Value) -> Checked {
    transport(value, &["streamable-http", "sse"])
}

fn transport(value: &Value, kinds: &'static [&'static str]) -> Checked {
    let transport = object(value)?;
    required(transport, "type", |it| one_of(it, kinds))?;
    // A typed reader has one type for all kinds.
    optional(transport, "headers", |it| each(it, named_input))?;
    optional(transport, "variables", inputs)?;
    match transport.get("type").and_then(Value::as_str) {
        Some("stdio") => optional(transport, "url", any_text),
        _ => required(transport, "url", url_template),
    }
}

/// An http URL, or one that begins with a variable in braces; without blanks.
fn url_template(value: &Value) -> Checked {
    let url = text(value)?;
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
            && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_')
    };
    let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let variable = url.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let begins = rest.is_some_and(|rest| !rest.is_empty())
        || variable.is_some_and(|(name, _)| is_name(name));
    match begins && !url.contains(char::is_whitespace) {
        true => Ok(()),
        false => Err(Fault::Url(url.to_owned()).into()),
    }
}

fn argument(value: &Value) -> Checked {
    let argument = object(value)?;
    input_with_variables(value)?;
    required(argument, "type", |it| one_of(it, &["positional", "named"]))?;
    optional(argument, "isRepeated", boolean)?;
    optional(argument, "name", any_text)?;
    optional(argument, "valueHint", any_text)?;
    if argument.get("type").and_then(Value::as_str) == Some("named") {
        return required(argument, "name", any_text);
    }
    match argument.contains_key("valueHint") || argument.contains_key("value") {
        true => Ok(()),
        false => Err(Malformed::from(Fault::Missing).within("valueHint")),
    }
}

fn named_input(value: &Value) -> Checked {
    required(object(value)?, "name", any_text)?;
    input_with_variables(value)
}

fn input_with_variables(value: &Value) -> Checked {
    input(value)?;
    optional(object(value)?, "variables", inputs)
}

fn inputs(value: &Value) -> Checked {
    for (name, value) in object(value)? {
        input(value).map_err(|malformed| malformed.within(name))?;
    }
    Ok(())
}

fn input(value: &Value) -> Checked {
    let input = object(value)?;
    for member in ["description", "value", "default", "placeholder"] {
        optional(input, member, any_text)?;
    }
    for member in ["isRequired", "isSecret"] {
        optional(input, member, boolean)?;
    }
    optional(input, "format", |it| one_of(it, &FORMATS))?;
    optional(input, "choices", |it| each(it, any_text))
}

fn required(object: &Object, member: &str, check: impl Fn(&Value) -> Checked) -> Checked {
    match object.get(member) {
        Some(value) => check(value).map_err(|malformed| malformed.within(member)),
        None => Err(Malformed::from(Fault::Missing).within(member)),
    }
}

fn optional(object: &Object, member: &str, check: impl Fn(&Value) -> Checked) -> Checked {
    match object.get(member) {
        Some(value) => check(value).map_err(|malformed| malformed.within(member)),
        None => Ok(()),
    }
}

fn each(value: &Value, check: impl Fn(&Value) -> Checked) -> Checked {
    let Value::Array(items) = value else { return Err(wrong(value, "an array")) };
    for (index, item) in items.iter().enumerate() {
        check(item).map_err(|malformed| malformed.within(&format!("[{index}]")))?;
    }
    Ok(())
}

fn object(value: &Value) -> Result<&Object, Malformed> {
    value.as_object().ok_or_else(|| wrong(value, "an object"))
}

fn text(value: &Value) -> Result<&str, Malformed> {
    value.as_str().ok_or_else(|| wrong(value, "a string"))
}

fn any_text(value: &Value) -> Checked {
    text(value).map(drop)
}

fn boolean(value: &Value) -> Checked {
    value.as_bool().map(drop).ok_or_else(|| wrong(value, "a boolean"))
}

fn length(value: &Value, min: usize, max: usize) -> Checked {
    let found = text(value)?.chars().count();
    match (min..=max).contains(&found) {
        true => Ok(()),
        false => Err(Fault::Length { found, min, max }.into()),
    }
}

fn one_of(value: &Value, words: &'static [&'static str]) -> Checked {
    let found = text(value)?;
    match words.contains(&found) {
        true => Ok(()),
        false => Err(Fault::UnknownWord { found: found.to_owned(), allowed: words }.into()),
    }
}

fn url(value: &Value) -> Checked {
    let text = text(value)?;
    match Url::parse(text) {
        Ok(_) if !text.contains(char::is_whitespace) => Ok(()),
        _ => Err(Fault::Url(text.to_owned()).into()),
    }
}

fn wrong(value: &Value, wanted: &'static str) -> Malformed {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    match wanted {
        "an object" => Fault::NotAnObject { found }.into(),
        wanted => Fault::WrongType { found, wanted }.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "name": "a.b/c", "description": "x", "version": "1", "title": "t", "new": [null],
            "websiteUrl": "https://a.example", "repository": {"url": "https://a.example", "source": "github"},
            "icons": [{"src": "https://a.example/i.png", "sizes": ["48x48", "any"], "theme": "dark"}],
            "remotes": [
                {"type": "sse", "url": "https://{host}/mcp", "variables": {"host": {"isRequired": true}}},
                {"type": "streamable-http", "url": "{base}/mcp", "headers": [{"name": "X", "isSecret": false}]},
            ],
            "packages": [{
                "registryType": "npm", "identifier": "x", "version": "1", "transport": {"type": "stdio"},
                "packageArguments": [{"type": "named", "name": "--x"}, {"type": "positional", "value": "y"}],
                "environmentVariables": [{"name": "Y", "format": "filepath", "choices": ["a"]}],
            }],
        })
    }

    #[test]
    fn an_entry_of_the_contract_passes() {
        assert_eq!(check(&whole()), Ok(()));
    }

    #[rstest::rstest]
    #[case("/description", json!("x".repeat(101)), "description: a text of 101 characters, from 1 to 100 are allowed")]
    #[case("/description", json!(""), "description: a text of 0 characters")]
    #[case("/description", json!(null), "description: null where a string is needed")]
    #[case("/title", json!(7), "title: a number where a string is needed")]
    #[case("/websiteUrl", json!("example"), "websiteUrl: \"example\" is no URL")]
    #[case("/repository", json!({"url": "https://a.example"}), "repository.source: the member is missing")]
    #[case("/icons/0/sizes/0", json!("48"), "icons[0].sizes[0]: \"48\" is not one of: any, or sides as 48x48")]
    #[case("/icons/0/theme", json!("grey"), "icons[0].theme: \"grey\" is unknown, known are light, dark")]
    #[case("/remotes/0/type", json!("stdio"), "remotes[0].type: \"stdio\" is unknown, known are streamable-http, sse")]
    #[case("/remotes/0/url", json!("ftp://x"), "remotes[0].url: \"ftp://x\" is no URL")]
    #[case("/remotes/0/url", json!("https://a b"), "remotes[0].url")]
    #[case("/remotes/0/variables/host", json!([]), "remotes[0].variables.host: an array where an object is needed")]
    #[case("/remotes/1/headers/0/isSecret", json!("no"), "remotes[1].headers[0].isSecret: a string where a boolean is needed")]
    #[case("/packages", json!({}), "packages: an object where an array is needed")]
    #[case("/packages/0/transport", json!({}), "packages[0].transport.type: the member is missing")]
    #[case("/packages/0/version", json!("latest"), "packages[0].version: \"latest\" is not one of")]
    #[case("/packages/0/transport/url", json!(7), "packages[0].transport.url: a number")]
    #[case("/packages/0/packageArguments/1/name", json!([]), "packages[0].packageArguments[1].name: an array")]
    #[case("/packages/0/fileSha256", json!("ABC"), "packages[0].fileSha256")]
    #[case("/packages/0/packageArguments/0/type", json!(""), "packages[0].packageArguments[0].type: \"\" is unknown")]
    #[case("/packages/0/packageArguments/1/value", json!(1), "packages[0].packageArguments[1].value: a number")]
    #[case("/packages/0/environmentVariables/0/format", json!("integer"), "known are string, number, boolean, filepath")]
    fn what_a_strict_client_would_choke_on_is_found(
        #[case] place: &str,
        #[case] value: Value,
        #[case] wanted: &str,
    ) {
        let mut server = whole();
        let (parent, member) = place.rsplit_once('/').expect("a pointer");
        match server.pointer_mut(parent).expect("a parent") {
            Value::Object(object) => drop(object.insert(member.into(), value)),
            Value::Array(items) => items[member.parse::<usize>().expect("an index")] = value,
            other => panic!("{other} has no members"),
        }
        let found = check(&server).expect_err("a flaw").to_string();
        assert!(found.contains(wanted), "{found}");
    }
}
