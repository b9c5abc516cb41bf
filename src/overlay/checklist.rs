use serde::{Deserialize, Serialize};

use super::fields::{CHECK, CHECKLIST};
use crate::lint::{Kind, Node, Reader};

/// The answers of a reviewer for the areas of a review, sorted by area. For people only; never served.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Checklist(Vec<Check>);

/// The answer for one area.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Check {
    pub area: Area,
    pub answer: Answer,
    /// The reason; always present for other answers than `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An area that a reviewer checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Authentication,
    Scoping,
    ToolSurface,
    Logging,
    Drift,
    DataFlow,
}

impl Area {
    pub const WORDS: [(&str, Self); 6] = [
        ("authentication", Self::Authentication),
        ("scoping", Self::Scoping),
        ("tool_surface", Self::ToolSurface),
        ("logging", Self::Logging),
        ("drift", Self::Drift),
        ("data_flow", Self::DataFlow),
    ];
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    Ok,
    Concern,
    /// The area does not apply to the server.
    NotApplicable,
}

impl Answer {
    pub const WORDS: [(&str, Self); 3] =
        [("ok", Self::Ok), ("concern", Self::Concern), ("na", Self::NotApplicable)];

    /// Returns true if the answer needs a reason.
    #[must_use]
    pub fn needs_note(self) -> bool {
        self != Self::Ok
    }
}

impl Checklist {
    /// Sorts answers; of two for one area the last one counts.
    #[must_use]
    pub fn new(checks: impl IntoIterator<Item = Check>) -> Self {
        let mut sorted: Vec<Check> = Vec::new();
        for check in checks {
            sorted.retain(|other| other.area != check.area);
            sorted.push(check);
        }
        sorted.sort_by_key(|check| check.area);
        Self(sorted)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }
}

/// Reads the `checklist` of an approval.
pub(super) fn read_checklist(reader: &mut Reader, node: &Node) -> Option<Checklist> {
    let fields = reader.mapping(node, &CHECKLIST)?;
    if matches!(&node.kind, Kind::Mapping(members) if members.is_empty()) {
        reader.error(node, "a `checklist` without an area", "give an area, or leave the key out");
    }
    let answered = Area::WORDS.into_iter().filter_map(|(key, area)| {
        let node = fields.get(key)?;
        read_check(reader, node, area)
    });
    Some(Checklist::new(answered.collect::<Vec<_>>()))
}

fn read_check(reader: &mut Reader, node: &Node, area: Area) -> Option<Check> {
    let fields = reader.mapping(node, &CHECK)?;
    let note = fields.get("note").and_then(|node| reader.text(node)).map(str::to_owned);
    let Some(answer) = fields.get("answer") else {
        reader.error(node, "a check without `answer`", "`ok`, `concern` or `na`");
        return None;
    };
    let answer = reader.word(answer, &Answer::WORDS)?;
    if answer.needs_note() && fields.get("note").is_none() {
        reader.error(node, "`concern` or `na` without `note`", "say why in `note`");
    }
    Some(Check { area, answer, note })
}
