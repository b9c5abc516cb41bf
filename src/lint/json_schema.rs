//! Derives the JSON Schema of a file from the tables of its fields, for editors: draft-07, which the language servers of
//! YAML and TOML read.
//!
//! The schema does not replace the reader. It knows keys, types, words, bounds and the shape of a text, and it refuses
//! nothing that the documentation allows; `vidimus check` judges what depends on several keys. A scalar of YAML is text to
//! the reader, so a free text may look like a number there. A text of one shape, such as a name or a date, may not.

use serde_json::{Map, Value, json};

use super::{Field, FileFormat, Kind, Language, Node, Source, Table, parse_toml, parse_yaml};

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The kinds that are texts of one shape, each with its pattern.
const SHAPES: [(&str, &str); 9] = [
    ("path", r"\S"),
    ("address", ":[0-9]+$"),
    ("date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?$"),
    ("duration", "^[0-9]+(ms|s|m|h|d)$"),
    ("size", "^[0-9]+(KiB|MiB|GiB|TiB)$"),
    ("URL", "^[Hh][Tt][Tt][Pp][Ss]?:"),
    ("digest", "^sha256:[0-9a-f]{64}$"),
    ("name", "^[^/*]+/[^/*]+$"),
    ("namespace", r"^[^/*]+(\.\*)?$"),
];

/// Returns the JSON Schema of a kind of file.
#[must_use]
pub fn json_schema(format: &FileFormat) -> Value {
    let Some(root) = format.tables.first() else { return json!({}) };
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), DRAFT.into());
    schema.insert("title".to_owned(), format.name.into());
    schema.insert("description".to_owned(), plain(format.intro).into());
    schema.extend(object(format, root));
    Value::Object(schema)
}

/// Returns the schema of a mapping with the keys of a table.
fn object(format: &FileFormat, table: &Table) -> Map<String, Value> {
    let required = table.fields.iter().filter(|field| field.required).map(|field| field.key);
    let required: Vec<&str> = required.collect();
    let fields = table.fields.iter();
    let properties: Map<String, Value> =
        fields.map(|field| (field.key.to_owned(), property(format, table, field))).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

/// Returns the schema of a field with what an editor shows about it.
fn property(format: &FileFormat, table: &Table, field: &Field) -> Value {
    let mut schema = match field.kind.split_once(" or ") {
        None => of_kind(format, table, field, field.kind),
        Some((one, other)) => {
            let kinds = [one, other].map(|kind| of_kind(format, table, field, kind));
            json!({"anyOf": kinds})
        }
    };
    schema["description"] = description(field).into();
    if let Some(default) = spelled(format.language, field.default) {
        schema["default"] = default;
    }
    if let Some(example) = spelled(format.language, field.example) {
        schema["examples"] = json!([example]);
    }
    schema
}

fn of_kind(format: &FileFormat, table: &Table, field: &Field, kind: &str) -> Value {
    if let Some(items) = kind.strip_prefix("list of ") {
        let items = of_kind(format, table, field, items.strip_suffix('s').unwrap_or(items));
        let least = u8::from(!field.may_be_empty);
        return json!({"type": "array", "items": items, "minItems": least});
    }
    if let Some(members) = kind.strip_prefix("mapping of ") {
        let members = of_kind(format, table, field, members.strip_suffix('s').unwrap_or(members));
        return json!({"type": "object", "additionalProperties": members, "minProperties": 1});
    }
    if let Some((_, pattern)) = SHAPES.iter().find(|(shape, _)| *shape == kind) {
        return json!({"type": "string", "pattern": pattern});
    }
    match kind {
        "text" if format.language == Language::Yaml => {
            json!({"type": ["string", "number", "boolean"], "pattern": r"\S"})
        }
        "text" => json!({"type": "string", "pattern": r"\S"}),
        "selector" => {
            json!({"type": "string", "pattern": r"^([^/*]+/[^/*]+|[^/*]+(\.\*)?/\*|\*)$"})
        }
        // Its words stand on another page.
        "word" if field.allowed.is_empty() => json!({"type": "string", "pattern": r"\S"}),
        "word" => json!({"enum": words(field.allowed)}),
        "boolean" if words(field.allowed) == ["true"] => json!({"const": true}),
        "boolean" => json!({"type": "boolean"}),
        "integer" => integer(field.allowed),
        "mapping" | "table" => nested(format, table, field)
            .map_or_else(|| json!({}), |table| object(format, table).into()),
        "any" => json!({"type": ["object", "array", "string", "number", "boolean"]}),
        // The reader names the key to write in its place.
        "refused" => json!({"not": {}}),
        _ => json!({}),
    }
}

/// Returns the words in backquotes of a sentence about allowed values.
fn words(allowed: &str) -> Vec<&str> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let quoted = allowed.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.bytes().all(is_usual)).collect()
}

/// Reads bounds such as `1 to 3`.
fn integer(allowed: &str) -> Value {
    let bounds = allowed
        .split_once(" to ")
        .and_then(|(least, most)| Some((least.parse::<u64>().ok()?, most.parse::<u64>().ok()?)));
    match bounds {
        Some((least, most)) => json!({"type": "integer", "minimum": least, "maximum": most}),
        None => json!({"type": "integer"}),
    }
}

/// Finds the table of a mapping by its heading: the path below the table of the key, or the key alone.
fn nested(format: &FileFormat, table: &Table, field: &Field) -> Option<&'static Table> {
    let key = if field.like.is_empty() { field.key } else { field.like };
    let below = format!("{}.{key}", path(table));
    let find = |wanted: &str| format.tables.iter().skip(1).find(|table| path(table) == wanted);
    find(&below).or_else(|| find(key)).copied()
}

fn path(table: &Table) -> &'static str {
    table.heading.trim_start_matches('[').trim_end_matches(']')
}

fn description(field: &Field) -> String {
    let unit = match field.unit {
        "" => String::new(),
        unit => format!("\n\nUnit: {unit}"),
    };
    let allowed = match field.allowed {
        "" => String::new(),
        allowed => format!("\n\nAllowed: {allowed}"),
    };
    format!("{}{unit}{allowed}", plain(field.meaning))
}

/// Returns a text with the words of its links in their place: their targets are pages that an editor does not have.
fn plain(text: &str) -> String {
    let mut left = text;
    let mut plain = String::new();
    while let Some((before, after)) = left.split_once("](") {
        let (front, words) = before.rsplit_once('[').unwrap_or((before, ""));
        plain.push_str(front);
        plain.push_str(words);
        left = after.split_once(')').map_or("", |(_, after)| after);
    }
    plain + left
}

/// Returns a value that stands in a file as this text; `None` without one.
fn spelled(language: Language, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let findings = &mut Vec::new();
    match language {
        Language::Yaml => parse_yaml(&Source::new("", text), findings).first().map(value),
        Language::Toml => {
            let file = Source::new("", format!("value = {text}"));
            value(&parse_toml(&file, findings)).get("value").cloned()
        }
    }
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Scalar { text, plain: true } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            number => number.parse::<u64>().map_or_else(|_| number.into(), Value::from),
        },
        Kind::Scalar { text, .. } => text.as_str().into(),
        Kind::Sequence(items) => items.iter().map(value).collect(),
        Kind::Mapping(members) => {
            let named = members.iter().filter_map(|(key, node)| match &key.kind {
                Kind::Scalar { text, .. } => Some((text.clone(), value(node))),
                _ => None,
            });
            Value::Object(named.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Table = Table {
        heading: "Document",
        intro: "",
        opening: "",
        fields: &[
            Field::new("items", "list of mappings", "See [the page](page.md#items), or not.")
                .may_be_empty(),
            Field::new("one", "word or mapping", "A word.")
                .allowed("`keep`, or `{hide_after: 30d}`"),
            Field::new("two", "mapping", "").like("one").required(),
        ],
        planned: &["later"],
    };
    const ITEMS: Table = Table {
        heading: "items",
        fields: &[
            Field::new("tier", "integer", "The tier.").unit("steps").allowed("1 to 3").example("1"),
            Field::new("only", "boolean", "").allowed("`true`").default("true"),
            Field::new("tags", "list of texts", "").example("[a, 'b']"),
            Field::new("parts", "mapping of dates", ""),
        ],
        ..ROOT
    };
    const ONE: Table =
        Table { heading: "one", fields: &[Field::new("after", "duration", "")], ..ROOT };

    const fn format(language: Language) -> FileFormat {
        FileFormat {
            name: "A file",
            language,
            intro: "Of [x](y.md).",
            tables: &[&ROOT, &ITEMS, &ONE],
        }
    }

    #[test]
    fn schema_has_what_the_tables_say() {
        let one = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "after": {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "description": ""},
            },
        });
        let mut two = one.clone();
        two["description"] = "".into();
        let items = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "tier": {
                    "type": "integer", "minimum": 1, "maximum": 3, "examples": [1],
                    "description": "The tier.\n\nUnit: steps\n\nAllowed: 1 to 3",
                },
                "only": {"const": true, "default": true, "description": "\n\nAllowed: `true`"},
                "tags": {
                    "type": "array", "minItems": 1, "description": "", "examples": [["a", "b"]],
                    "items": {"type": ["string", "number", "boolean"], "pattern": "\\S"},
                },
                "parts": {
                    "type": "object", "minProperties": 1, "description": "",
                    "additionalProperties": {
                        "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?$",
                    },
                },
            },
        });
        let wanted = json!({
            "$schema": DRAFT,
            "title": "A file",
            "description": "Of x.",
            "type": "object",
            "additionalProperties": false,
            "required": ["two"],
            "properties": {
                "items": {
                    "type": "array", "minItems": 0, "items": items,
                    "description": "See the page, or not.",
                },
                "one": {
                    "anyOf": [{"enum": ["keep"]}, one],
                    "description": "A word.\n\nAllowed: `keep`, or `{hide_after: 30d}`",
                },
                "two": two,
            },
        });
        assert_eq!(json_schema(&format(Language::Yaml)), wanted);
    }

    #[test]
    fn text_of_toml_is_no_number() {
        let schema = json_schema(&format(Language::Toml));
        let tags = &schema["properties"]["items"]["items"]["properties"]["tags"];
        assert_eq!(tags["items"]["type"], "string");
    }
}
