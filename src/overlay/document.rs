use std::sync::Arc;
use std::time::Duration;

use super::conflict::contradictions;
use super::statement::{Approval, Classification, State, Statement, Terms, Track};
use super::{NamePattern, VersionPattern};
use crate::lint::{Fields, Finding, Kind, Node, Reader, Source, nearest, parse_yaml};
use crate::model::{Digest, Instant};

/// What the lint has to know beside the files.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub terms: Terms,
    pub now: Instant,
    /// The upstreams there are; `None` leaves the field unchecked, as for a set that was good
    /// when an upstream still existed.
    pub upstreams: Option<&'a [String]>,
}

const SERVER_KEYS: [&str; 9] = [
    "name",
    "versions",
    "upstream",
    "tier",
    "classification",
    "owner",
    "labels",
    "reason",
    "approval",
];
const SERVER_KEYS_LATER: [&str; 3] = ["not_lookalike", "conditions", "audience"];
const NAMESPACE_KEYS_LATER: [&str; 4] = ["internal", "ownership", "protect", "not_lookalike"];
const APPROVAL_KEYS: [&str; 7] =
    ["state", "track", "reviewers", "reviewed", "expires", "scope", "digest"];
const APPROVAL_KEYS_LATER: [&str; 2] = ["conditions", "audience"];

/// East of Greenwich tomorrow begins while it is still today in UTC.
const REVIEW_AHEAD: Duration = Duration::from_hours(24);

/// Reads overlay files into statements and findings.
///
/// With an error among the findings the set is refused; the statements are still what could be
/// read, since the denials among them apply all the same.
#[must_use]
pub fn read(sources: &[Arc<Source>], context: &Context<'_>) -> (Vec<Statement>, Vec<Finding>) {
    let mut document = Document { reader: Reader::default(), context, statements: Vec::new() };
    for source in sources {
        for node in parse_yaml(source, &mut document.reader.findings) {
            document.read(&node);
        }
    }
    let Document { reader, statements, .. } = document;
    let mut findings = reader.findings;
    findings.extend(contradictions(&statements));
    (statements, findings)
}

struct Document<'a> {
    reader: Reader,
    context: &'a Context<'a>,
    statements: Vec<Statement>,
}

impl Document<'_> {
    fn read(&mut self, node: &Node) {
        if node.kind == Kind::Null {
            // A file that holds nothing but comments.
            return;
        }
        let Some(fields) = self.reader.mapping(node, &["servers", "namespaces"], &[]) else {
            return;
        };
        if let Some(servers) = fields.get("servers") {
            for item in self.reader.list(servers) {
                let statement = self.server(item);
                self.statements.extend(statement);
            }
        }
        if let Some(namespaces) = fields.get("namespaces") {
            for item in self.reader.list(namespaces) {
                self.namespace(item);
            }
        }
    }

    fn server(&mut self, node: &Node) -> Option<Statement> {
        let earlier = self.reader.findings.len();
        let fields = self.reader.mapping(node, &SERVER_KEYS, &SERVER_KEYS_LATER)?;
        let Some(name) = fields.get("name") else {
            self.reader.error(node, "an entry without `name`", "name what it speaks of");
            return None;
        };
        let name = self.reader.parsed(name, NamePattern::parse)?;
        let versions = match fields.get("versions") {
            Some(node) => self.reader.parsed(node, VersionPattern::parse)?,
            None => VersionPattern::Any,
        };
        let upstream = fields.get("upstream").and_then(|node| self.upstream(node));
        let mut statement = Statement {
            place: node.place.clone(),
            name,
            versions,
            upstream,
            tier: self.tier(&fields),
            classification: fields
                .get("classification")
                .and_then(|node| self.reader.word(node, &Classification::WORDS)),
            owner: self.optional_text(&fields, "owner"),
            labels: fields.get("labels").map(|node| self.labels(node)),
            reason: self.optional_text(&fields, "reason"),
            approval: None,
        };
        if let Some(node) = fields.get("approval") {
            statement.approval = self.approval(node, &statement);
        } else if statement.says_nothing() && self.reader.findings.len() == earlier {
            let finding = Finding::warning(
                &node.place,
                format!("`{}` is named, and nothing is said of it", statement.selector()),
                "give it a tier, classification, owner, labels or approval",
            );
            self.reader.findings.push(finding);
        }
        Some(statement)
    }

    fn namespace(&mut self, node: &Node) {
        let Some(fields) = self.reader.mapping(node, &["name"], &NAMESPACE_KEYS_LATER) else {
            return;
        };
        let Some(name) = fields.get("name") else {
            self.reader.error(node, "an entry without `name`", "name the namespace");
            return;
        };
        self.reader.parsed(name, |text| {
            let selector = format!("{text}/*");
            match NamePattern::parse(&selector)? {
                NamePattern::Exact(_) | NamePattern::Any => Err(super::BadPattern::MidLabel),
                pattern => Ok(pattern),
            }
        });
    }

    fn tier(&mut self, fields: &Fields<'_>) -> Option<u8> {
        let tier = self.reader.integer(fields.get("tier")?, 1..=3)?;
        u8::try_from(tier).ok()
    }

    fn optional_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        self.reader.text(fields.get(key)?).map(str::to_owned)
    }

    fn labels(&mut self, node: &Node) -> Vec<String> {
        let mut labels = self.reader.texts(node);
        labels.sort();
        labels.dedup();
        labels
    }

    fn upstream(&mut self, node: &Node) -> Option<String> {
        let id = self.reader.text(node)?;
        let Some(known) = self.context.upstreams else {
            return Some(id.to_owned());
        };
        if known.iter().any(|known| known == id) {
            return Some(id.to_owned());
        }
        let near = match nearest(id, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? "),
            None => String::new(),
        };
        self.reader.error(
            node,
            format!("no upstream `{id}`"),
            format!("{near}There are: {}", known.join(", ")),
        );
        // The set is refused, and a denial among its statements hides whatever the upstream.
        None
    }

    fn approval(&mut self, node: &Node, statement: &Statement) -> Option<Approval> {
        let fields = self.reader.mapping(node, &APPROVAL_KEYS, &APPROVAL_KEYS_LATER)?;
        let Some(state) = fields.get("state") else {
            self.reader.error(
                node,
                "an approval without `state`",
                "approved, pending, suspended or denied",
            );
            return None;
        };
        let state = self.reader.word(state, &State::WORDS)?;
        let mut approval = Approval {
            state,
            track: fields.get("track").and_then(|node| self.reader.word(node, &Track::WORDS)),
            reviewers: fields
                .get("reviewers")
                .map_or_else(Vec::new, |node| self.reader.texts(node)),
            reviewed: self.date(&fields, "reviewed"),
            expires: self.date(&fields, "expires"),
            scope: self.optional_text(&fields, "scope"),
            digest: fields
                .get("digest")
                .and_then(|node| self.reader.parsed(node, str::parse::<Digest>)),
        };
        match state {
            State::Approved => self.complete(&fields, statement, &mut approval),
            _ => self.refuse_terms(&fields, state),
        }
        Some(approval)
    }

    /// What only an approval can have: a denial that ended by itself, or held for one content
    /// only, would surprise its author.
    fn refuse_terms(&mut self, fields: &Fields<'_>, state: State) {
        for key in ["expires", "digest"] {
            if let Some(node) = fields.get(key) {
                let found = format!("`{key}` beside state `{state}`");
                self.reader.error(node, found, format!("only an approval has `{key}`"));
            }
        }
    }

    /// Checks an approval as a whole, and gives it the expiry of its track.
    fn complete(&mut self, fields: &Fields<'_>, statement: &Statement, approval: &mut Approval) {
        let node = fields.node;
        if statement.name == NamePattern::Any {
            self.reader.error(
                node,
                "`*` approves every server there is",
                "`*` alone may deny or label; approve a name or a namespace",
            );
        }
        if approval.reviewed.is_none() && !statement.is_exact() && fields.get("reviewed").is_none()
        {
            self.reader.error(
                node,
                format!("an approval of `{}` without `reviewed`", statement.selector()),
                "state when it was reviewed: an approval covers what existed then, unless it names one version",
            );
        }
        if let (Some(digest), false) = (fields.get("digest"), statement.is_exact()) {
            self.reader.error(
                digest,
                "`digest` without one exact version",
                "give an exact name and `versions`",
            );
        }
        if let (Some(reviewed), Some(at)) = (approval.reviewed, fields.get("reviewed"))
            && reviewed > end_of_day(self.context.now).plus(REVIEW_AHEAD)
        {
            let allowed = "the day of the review, no later than today";
            self.reader.error(at, "`reviewed` lies in the future", allowed);
        }
        if let (Some(reviewed), Some(expires), Some(at)) =
            (approval.reviewed, approval.expires, fields.get("expires"))
            && expires <= reviewed
        {
            self.reader.error(at, "`expires` is not after `reviewed`", "a later date");
        }
        if fields.get("expires").is_some() {
            return;
        }
        approval.expires =
            approval.reviewed.map(|reviewed| reviewed.plus(self.context.terms.of(approval.track)));
        if approval.expires.is_none() && fields.get("reviewed").is_none() && statement.is_exact() {
            self.reader.error(node, "an approval without end", "state `reviewed` or `expires`");
        }
    }

    /// A date, which is the end of that day in UTC, or an RFC 3339 date and time.
    fn date(&mut self, fields: &Fields<'_>, key: &str) -> Option<Instant> {
        self.reader.parsed(fields.get(key)?, |text| {
            let whole_day = text.len() == "2026-01-31".len();
            let read = match whole_day {
                true => Instant::parse(&format!("{text}T23:59:59.999999Z")),
                false => Instant::parse(text),
            };
            read.map_err(|_| "a date as 2026-01-31, which is the end of that day in UTC, or an RFC 3339 date and time")
        })
    }
}

fn end_of_day(now: Instant) -> Instant {
    let day = now.to_string();
    day.get(..10)
        .and_then(|day| Instant::parse(&format!("{day}T23:59:59.999999Z")).ok())
        .unwrap_or(now)
}

impl Statement {
    fn says_nothing(&self) -> bool {
        self.tier.is_none()
            && self.classification.is_none()
            && self.owner.is_none()
            && self.labels.is_none()
            && self.approval.is_none()
    }
}
