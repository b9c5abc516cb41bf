use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reconcile::is_worse;
use super::record::{Alert, State};
use crate::model::Escaped;

/// A change of an alert that is reported to recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Raised,
    /// Its evidence changed, its score rose, or it concerns something that is served now.
    Updated,
    /// It is not the case any more.
    Resolved,
}

impl Change {
    /// Returns the change to report after an alert was stored; `None` if only a number changed, a person acknowledged it,
    /// or a flood counts it, of which recipients get a notice.
    #[must_use]
    pub fn between(before: Option<&Alert>, after: &Alert) -> Option<Self> {
        let before = before.filter(|before| !before.is_resolved());
        match (before, after.state()) {
            (_, State::Acknowledged { .. } | State::Counted) | (None, State::Resolved { .. }) => {
                None
            }
            (Some(_), State::Resolved { .. }) => Some(Self::Resolved),
            (None, State::Open) => Some(Self::Raised),
            (Some(before), State::Open) => {
                let is_update = before.evidence != after.evidence
                    || !before.is_open()
                    || (after.served && !before.served)
                    || is_worse(before, after);
                is_update.then_some(Self::Updated)
            }
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
        }
    }
}

/// The format of a notice.
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
    /// Returns the id of the notice, which is the same each time it is sent.
    #[must_use]
    pub fn id(&self) -> String {
        let Alert { identity, changed, closed, .. } = &self.alert;
        let at = closed.unwrap_or(*changed).as_micros();
        format!("{}-{at}-{}", identity.key(), self.change.as_str())
    }

    /// Returns the body in a format. Text from outside is escaped in it.
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
                "resolved": closed,
            },
        })
    }

    /// Returns blocks of plain text: text from a publisher cannot mention a person and cannot link.
    fn slack(&self) -> Value {
        let Alert { identity, served, count, score, raised, .. } = &self.alert;
        let title = match self.change {
            Change::Raised => "An alert was raised",
            Change::Updated => "An alert was updated",
            Change::Resolved => "An alert was resolved",
        };
        let mut facts = vec![format!("alert {}", identity.short_id())];
        let noun = if *count == 1 { "time" } else { "times" };
        facts.push(format!("{count} {noun} since {raised}"));
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
            // Shown where blocks cannot be shown, and read as markup: it contains nothing from outside.
            "text": format!("vidimus: {title} ({})", identity.kind),
            "blocks": [
                {"type": "section", "text": plain(&format!("{title}: {identity}"))},
                {"type": "section", "text": plain(&detail)},
                {"type": "context", "elements": [plain(&facts.join(", "))]},
            ],
        })
    }
}

/// The longest text of a section that Slack accepts.
const MOST: usize = 3_000;
