use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reconcile::is_worse;
use super::record::{Alert, State};
use crate::model::Escaped;

/// What happened to an alert that is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Raised,
    /// It says something else, or concerns something that is served by now.
    Changed,
    /// It is not the case any more.
    Over,
}

impl Change {
    /// What there is to tell of an alert that was stored; nothing where only a number changed, or a person has
    /// acknowledged it.
    #[must_use]
    pub fn between(before: Option<&Alert>, after: &Alert) -> Option<Self> {
        let before = before.filter(|before| !before.is_over());
        match (before, &after.state) {
            (_, State::Acknowledged { .. }) | (None, State::Closed { .. }) => None,
            (Some(_), State::Closed { .. }) => Some(Self::Over),
            (None, State::Open) => Some(Self::Raised),
            (Some(before), State::Open) => {
                let is_news = before.detail != after.detail
                    || !before.is_open()
                    || (after.served && !before.served)
                    || is_worse(before, after);
                is_news.then_some(Self::Changed)
            }
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Changed => "changed",
            Self::Over => "over",
        }
    }
}

/// In which shape a receiver wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Json,
    Slack,
}

impl Format {
    pub const WORDS: [(&str, Self); 2] = [("json", Self::Json), ("slack", Self::Slack)];
}

/// An alert, and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub change: Change,
    pub alert: Alert,
}

impl Notice {
    /// The same for the same news, however often it is sent.
    #[must_use]
    pub fn id(&self) -> String {
        let Alert { id, changed, state, .. } = &self.alert;
        let at = if let State::Closed { at } = state { at } else { changed };
        format!("{id}-{}-{}", at.as_micros(), self.change.as_str())
    }

    /// The body in the shape of a receiver. Text from outside is escaped in it.
    #[must_use]
    pub fn body(&self, format: Format) -> String {
        match format {
            Format::Json => self.json().to_string(),
            Format::Slack => self.slack().to_string(),
        }
    }

    fn json(&self) -> Value {
        let Alert { id, source, kind, subject, suspect, served, detail, count, score, .. } =
            &self.alert;
        let over = match self.alert.state {
            State::Closed { at } => Some(at),
            _ => None,
        };
        json!({
            "type": format!("alert.{}", self.change.as_str()),
            "timestamp": over.unwrap_or(self.alert.changed),
            "data": {
                "id": id,
                "source": Escaped(source).to_string(),
                "kind": kind,
                "subject": Escaped(subject).to_string(),
                "suspect": Escaped(suspect).to_string(),
                "served": served,
                "detail": Escaped(detail).to_string(),
                "count": count,
                "score": score,
                "raised": self.alert.raised,
                "changed": self.alert.changed,
                "over": over,
            },
        })
    }

    /// Blocks of plain text: whatever a publisher writes, it mentions nobody and links nowhere.
    fn slack(&self) -> Value {
        let Alert { id, kind, subject, suspect, served, detail, count, score, raised, .. } =
            &self.alert;
        let told = match self.change {
            Change::Raised => "An alert was raised",
            Change::Changed => "An alert changed",
            Change::Over => "An alert is over",
        };
        let mut facts = vec![format!("alert {id}"), format!("{count} times since {raised}")];
        facts.extend(score.map(|score| format!("score {score}")));
        let by = match suspect.as_str() {
            "" => String::new(),
            suspect => format!(" by {}", Escaped(suspect)),
        };
        if *served {
            facts.push("about something that is served".to_owned());
        }
        let plain = |text: &str| {
            let text: String = text.chars().take(MOST).collect();
            json!({"type": "plain_text", "emoji": false, "text": text})
        };
        json!({
            // Shown where blocks cannot be, and read as markup: nothing from outside stands in it.
            "text": format!("vidimus: {told} ({kind})"),
            "blocks": [
                {"type": "section", "text": plain(&format!("{told}: {kind} {}{by}", Escaped(subject)))},
                {"type": "section", "text": plain(&Escaped(detail).to_string())},
                {"type": "context", "elements": [plain(&facts.join(", "))]},
            ],
        })
    }
}

/// Slack refuses longer texts of a section.
const MOST: usize = 3_000;
