/// A key of a file that people write: the reader accepts it, and the documentation describes it.
///
/// A text is empty where it does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub key: &'static str,
    /// The type of the value, such as `integer`; `json_schema.rs` knows all of them.
    pub kind: &'static str,
    pub unit: &'static str,
    pub required: bool,
    /// The value that is in effect without the key, as the file would spell it.
    pub default: &'static str,
    /// The allowed values, in the words of the finding about any other value.
    pub allowed: &'static str,
    pub meaning: &'static str,
    /// A value, as the file spells it.
    pub example: &'static str,
    /// True for a list that may be written without items.
    pub may_be_empty: bool,
    /// Another key of the mapping that has the same keys below it.
    pub like: &'static str,
}

/// The keys of one mapping in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The path of the mapping in its file, as people write it.
    pub heading: &'static str,
    pub intro: &'static str,
    /// The text of a file up to the first key of the mapping.
    pub opening: &'static str,
    pub fields: &'static [Field],
    /// Keys with a meaning that this release does not enforce. They are refused: if they were
    /// ignored, they would promise a protection that does not exist.
    pub planned: &'static [&'static str],
}

/// One kind of file with all its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFormat {
    pub name: &'static str,
    pub language: Language,
    pub intro: &'static str,
    pub tables: &'static [&'static Table],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Toml,
    Yaml,
}

impl Field {
    #[must_use]
    pub const fn new(key: &'static str, kind: &'static str, meaning: &'static str) -> Self {
        let (unit, default, allowed, example, like) = ("", "", "", "", "");
        let (required, may_be_empty) = (false, false);
        Self { key, kind, unit, required, default, allowed, meaning, example, may_be_empty, like }
    }

    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    #[must_use]
    pub const fn allowed(self, allowed: &'static str) -> Self {
        Self { allowed, ..self }
    }

    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    #[must_use]
    pub const fn may_be_empty(self) -> Self {
        Self { may_be_empty: true, ..self }
    }

    #[must_use]
    pub const fn like(self, like: &'static str) -> Self {
        Self { like, ..self }
    }
}

impl Table {
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.key).collect()
    }
}

impl Language {
    /// Returns the name of the language in fenced blocks of Markdown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Yaml => "yaml",
        }
    }

    /// Returns the part of a file with a table that has these values, such as its examples or its
    /// defaults. A field with an empty value is left out.
    #[must_use]
    pub fn text(self, table: &Table, value: impl Fn(&Field) -> &'static str) -> String {
        let mut text = table.opening.to_owned();
        let indent = match table.opening.lines().last() {
            // The first key stands on the line of the list item.
            Some(line) if !table.opening.ends_with('\n') => line.len(),
            Some(line) if self == Self::Yaml => {
                line.len() - line.trim_start_matches([' ', '-']).len() + 2
            }
            _ => 0,
        };
        for field in table.fields.iter().filter(|field| !value(field).is_empty()) {
            if text.ends_with('\n') {
                text.push_str(&" ".repeat(indent));
            }
            let between = match self {
                Self::Toml => " = ",
                Self::Yaml => ": ",
            };
            text.push_str(&format!("{}{between}{}\n", field.key, value(field)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 3] = [
        Field::new("a", "integer", "First.").example("1"),
        Field::new("b", "integer", "Second."),
        Field::new("c", "integer", "Third.").example("3"),
    ];

    #[rstest::rstest]
    #[case(Language::Toml, "", "a = 1\nc = 3\n")]
    #[case(Language::Toml, "[x]\n", "[x]\na = 1\nc = 3\n")]
    #[case(Language::Yaml, "x:\n  - ", "x:\n  - a: 1\n    c: 3\n")]
    #[case(Language::Yaml, "x:\n  - y:\n", "x:\n  - y:\n      a: 1\n      c: 3\n")]
    #[case(
        Language::Yaml,
        "x:\n  - z: 1\n    y:\n",
        "x:\n  - z: 1\n    y:\n      a: 1\n      c: 3\n"
    )]
    fn text_has_every_field_with_a_value(
        #[case] language: Language,
        #[case] opening: &'static str,
        #[case] wanted: &str,
    ) {
        let table = Table { heading: "", intro: "", opening, fields: &FIELDS, planned: &[] };
        assert_eq!(language.text(&table, |field| field.example), wanted);
    }
}
