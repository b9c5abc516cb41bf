//! Checks a `server` object as a strict reader of the contract does.
//!
//! If a client's decoder rejects one entry, that client loses the whole page. So an entry is not served
//! if a member has the wrong type, a required member is missing, a text has a wrong length, or a word
//! is not in the list of the contract, even if upstream accepted it. Members that the contract does not
//! know are free.

use serde_json::{Map, Value};
use url::Url;

use crate::model::{ValidationError, ValidationRule};

type Checked = Result<(), ValidationError>;
type Object = Map<String, Value>;

pub(super) const FORMATS: [&str; 4] = ["string", "number", "boolean", "filepath"];
const ICON_TYPES: [&str; 5] =
    ["image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp"];

/// Checks a `server` object as the strictest client does.
pub(super) fn check(server: &Value) -> Checked {
    let server = object(server)?;
    required(server, "name", |value| length(value, 3, 200))?;
    required(server, "description", |value| length(value, 1, 100))?;
    required(server, "version", |value| length(value, 1, 255))?;
    optional(server, "title", |value| length(value, 1, 100))?;
    optional(server, "$schema", url)?;
    optional(server, "websiteUrl", url)?;
    optional(server, "repository", repository)?;
    optional(server, "icons", |value| each(value, icon))?;
    optional(server, "packages", |value| each(value, package))?;
    optional(server, "remotes", |value| each(value, remote))?;
    optional(server, "_meta", any_object)
}

fn repository(value: &Value) -> Checked {
    let repository = object(value)?;
    required(repository, "url", url)?;
    required(repository, "source", |value| length(value, 1, usize::MAX))?;
    optional(repository, "id", any_text)?;
    optional(repository, "subfolder", any_text)
}

fn icon(value: &Value) -> Checked {
    let icon = object(value)?;
    required(icon, "src", |value| length(value, 1, 255).and_then(|()| url(value)))?;
    optional(icon, "mimeType", |value| one_of(value, &ICON_TYPES))?;
    optional(icon, "theme", |value| one_of(value, &["light", "dark"]))?;
    optional(icon, "sizes", |value| each(value, size))
}

fn size(value: &Value) -> Checked {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let size = text(value)?;
    let sides =
        size.split_once('x').is_some_and(|(left, right)| is_number(left) && is_number(right));
    if size == "any" || sides {
        return Ok(());
    }
    let allowed = "any, or sides as 48x48";
    Err(ValidationRule::Word { found: size.to_owned(), allowed }.into())
}

fn package(value: &Value) -> Checked {
    let package = object(value)?;
    required(package, "registryType", any_text)?;
    required(package, "identifier", any_text)?;
    required(package, "transport", |value| transport(value, &["stdio", "streamable-http", "sse"]))?;
    optional(package, "registryBaseUrl", url)?;
    optional(package, "version", |value| length(value, 1, usize::MAX).and_then(|()| fixed(value)))?;
    optional(package, "runtimeHint", any_text)?;
    optional(package, "fileSha256", sha256)?;
    optional(package, "runtimeArguments", |value| each(value, argument))?;
    optional(package, "packageArguments", |value| each(value, argument))?;
    optional(package, "environmentVariables", |value| each(value, named_input))
}

/// Rejects `latest`, which sanitizing leaves out.
fn fixed(value: &Value) -> Checked {
    if text(value)? == "latest" {
        let allowed = "an exact version, or none";
        return Err(ValidationRule::Word { found: "latest".into(), allowed }.into());
    }
    Ok(())
}

fn sha256(value: &Value) -> Checked {
    let text = text(value)?;
    let hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if hexadecimal && text.len() == 64 {
        return Ok(());
    }
    let allowed = "64 hexadecimal digits in lower case";
    Err(ValidationRule::Word { found: text.to_owned(), allowed }.into())
}

fn remote(value: &Value) -> Checked {
    transport(value, &["streamable-http", "sse"])
}

fn transport(value: &Value, kinds: &'static [&'static str]) -> Checked {
    let transport = object(value)?;
    required(transport, "type", |value| one_of(value, kinds))?;
    // A typed reader has one type for all kinds of transport.
    optional(transport, "headers", |value| each(value, named_input))?;
    optional(transport, "variables", inputs)?;
    match transport.get("type").and_then(Value::as_str) {
        Some("stdio") => optional(transport, "url", any_text),
        _ => required(transport, "url", url_template),
    }
}

/// Accepts an http URL, or one that begins with a variable in braces; without spaces.
fn url_template(value: &Value) -> Checked {
    let url = text(value)?;
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let variable = url.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let begins = rest.is_some_and(|rest| !rest.is_empty())
        || variable.is_some_and(|(name, _)| is_name(name));
    if begins && !url.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err(ValidationRule::Url(url.to_owned()).into())
    }
}

fn argument(value: &Value) -> Checked {
    let argument = object(value)?;
    input_with_variables(value)?;
    required(argument, "type", |value| one_of(value, &["positional", "named"]))?;
    optional(argument, "isRepeated", boolean)?;
    optional(argument, "name", any_text)?;
    optional(argument, "valueHint", any_text)?;
    if argument.get("type").and_then(Value::as_str) == Some("named") {
        return required(argument, "name", any_text);
    }
    if argument.contains_key("valueHint") || argument.contains_key("value") {
        Ok(())
    } else {
        Err(ValidationError::from(ValidationRule::Missing).within("valueHint"))
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
        input(value).map_err(|invalid| invalid.within(name))?;
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
    optional(input, "format", |value| one_of(value, &FORMATS))?;
    optional(input, "choices", |value| each(value, any_text))
}

fn required(object: &Object, member: &str, check: impl Fn(&Value) -> Checked) -> Checked {
    match object.get(member) {
        Some(value) => check(value).map_err(|invalid| invalid.within(member)),
        None => Err(ValidationError::from(ValidationRule::Missing).within(member)),
    }
}

fn optional(object: &Object, member: &str, check: impl Fn(&Value) -> Checked) -> Checked {
    match object.get(member) {
        Some(value) => check(value).map_err(|invalid| invalid.within(member)),
        None => Ok(()),
    }
}

fn each(value: &Value, check: impl Fn(&Value) -> Checked) -> Checked {
    let Value::Array(items) = value else { return Err(wrong(value, "an array")) };
    for (index, item) in items.iter().enumerate() {
        check(item).map_err(|invalid| invalid.within(&format!("[{index}]")))?;
    }
    Ok(())
}

fn object(value: &Value) -> Result<&Object, ValidationError> {
    value.as_object().ok_or_else(|| wrong(value, "an object"))
}

fn text(value: &Value) -> Result<&str, ValidationError> {
    value.as_str().ok_or_else(|| wrong(value, "a string"))
}

fn any_object(value: &Value) -> Checked {
    object(value)?;
    Ok(())
}

fn any_text(value: &Value) -> Checked {
    text(value)?;
    Ok(())
}

fn boolean(value: &Value) -> Checked {
    if value.is_boolean() { Ok(()) } else { Err(wrong(value, "a boolean")) }
}

fn length(value: &Value, min: usize, max: usize) -> Checked {
    let found = text(value)?.chars().count();
    if (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(ValidationRule::Length { found, min, max }.into())
    }
}

fn one_of(value: &Value, words: &'static [&'static str]) -> Checked {
    let found = text(value)?;
    if words.contains(&found) {
        Ok(())
    } else {
        Err(ValidationRule::UnknownWord { found: found.to_owned(), allowed: words }.into())
    }
}

fn url(value: &Value) -> Checked {
    let text = text(value)?;
    match Url::parse(text) {
        Ok(_) if !text.contains(char::is_whitespace) => Ok(()),
        _ => Err(ValidationRule::Url(text.to_owned()).into()),
    }
}

fn wrong(value: &Value, wanted: &'static str) -> ValidationError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    match wanted {
        "an object" => ValidationRule::NotAnObject { found }.into(),
        wanted => ValidationRule::WrongType { found, wanted }.into(),
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
    fn entry_of_the_contract_is_accepted() {
        assert_eq!(check(&whole()), Ok(()));
    }

    #[rstest::rstest]
    #[case("/description", json!("x".repeat(101)), "description: a text of 101 characters, from 1 to 100 are allowed")]
    #[case("/description", json!(""), "description: a text of 0 characters")]
    #[case("/description", json!(null), "description: null where a string is needed")]
    #[case("/title", json!(7), "title: a number where a string is needed")]
    #[case("/websiteUrl", json!("example"), "websiteUrl: \"example\" is not a URL")]
    #[case("/repository", json!({"url": "https://a.example"}), "repository.source: the member is missing")]
    #[case("/icons/0/sizes/0", json!("48"), "icons[0].sizes[0]: \"48\" is not one of: any, or sides as 48x48")]
    #[case("/icons/0/theme", json!("grey"), "icons[0].theme: \"grey\" is unknown; allowed: light, dark")]
    #[case("/remotes/0/type", json!("stdio"), "remotes[0].type: \"stdio\" is unknown; allowed: streamable-http, sse")]
    #[case("/remotes/0/url", json!("ftp://x"), "remotes[0].url: \"ftp://x\" is not a URL")]
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
    #[case("/packages/0/environmentVariables/0/format", json!("integer"), "allowed: string, number, boolean, filepath")]
    fn violation_of_the_contract_is_reported(
        #[case] place: &str,
        #[case] value: Value,
        #[case] wanted: &str,
    ) {
        let mut server = whole();
        let (parent, member) = place.rsplit_once('/').expect("a pointer");
        match server.pointer_mut(parent).expect("a parent") {
            Value::Object(object) => {
                object.insert(member.into(), value);
            }
            Value::Array(items) => items[member.parse::<usize>().expect("an index")] = value,
            other => panic!("{other} has no members"),
        }
        let found = check(&server).expect_err("a violation").to_string();
        assert!(found.contains(wanted), "{found}");
    }
}
