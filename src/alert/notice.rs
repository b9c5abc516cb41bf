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
        match (before, after.state()) {
            (_, State::Acknowledged { .. }) | (None, State::Closed { .. }) => None,
            (Some(_), State::Closed { .. }) => Some(Self::Over),
            (None, State::Open) => Some(Self::Raised),
            (Some(before), State::Open) => {
                let is_news = before.evidence != after.evidence
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
        let Alert { identity, changed, closed, .. } = &self.alert;
        let at = closed.unwrap_or(*changed).as_micros();
        format!("{}-{at}-{}", identity.key(), self.change.as_str())
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
        let Alert { identity, source, served, count, score, raised, changed, closed, .. } =
            &self.alert;
        json!({
            "type": format!("alert.{}", self.change.as_str()),
            "timestamp": closed.unwrap_or(*changed),
            "data": {
                "id": identity.short_id(),
                "key": identity.key(),
                "source": Escaped(source).to_string(),
                "kind": identity.kind,
                "subject": Escaped(&identity.subject).to_string(),
                "suspect": Escaped(&identity.suspect).to_string(),
                "served": served,
                "detail": Escaped(&self.alert.detail()).to_string(),
                "count": count,
                "score": score,
                "raised": raised,
                "changed": changed,
                "over": closed,
            },
        })
    }

    /// Blocks of plain text: whatever a publisher writes, it mentions nobody and links nowhere.
    fn slack(&self) -> Value {
        let Alert { identity, served, count, score, raised, .. } = &self.alert;
        let told = match self.change {
            Change::Raised => "An alert was raised",
            Change::Changed => "An alert changed",
            Change::Over => "An alert is over",
        };
        let mut facts = vec![format!("alert {}", identity.short_id())];
        facts.push(format!("{count} times since {raised}"));
        facts.extend(score.map(|score| format!("score {score}")));
        if *served {
            facts.push("about something that is served".to_owned());
        }
        let plain = |text: &str| {
            let text: String = text.chars().take(MOST).collect();
            json!({"type": "plain_text", "emoji": false, "text": text})
        };
        let detail = Escaped(&self.alert.detail()).to_string();
        json!({
            // Shown where blocks cannot be, and read as markup: nothing from outside stands in it.
            "text": format!("vidimus: {told} ({})", identity.kind),
            "blocks": [
                {"type": "section", "text": plain(&format!("{told}: {identity}"))},
                {"type": "section", "text": plain(&detail)},
                {"type": "context", "elements": [plain(&facts.join(", "))]},
            ],
        })
    }
}

/// Slack refuses longer texts of a section.
const MOST: usize = 3_000;
