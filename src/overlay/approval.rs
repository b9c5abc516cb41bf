use std::time::Duration;

use super::NamePattern;
use super::reading::Context;
use super::statement::{Approval, State, Statement, Track};
use crate::lint::{Fields, Finding, Node, Reader};
use crate::model::{Digest, Instant};

const APPROVAL_KEYS: [&str; 7] =
    ["state", "track", "reviewers", "reviewed", "expires", "scope", "digest"];
const APPROVAL_KEYS_LATER: [&str; 2] = ["conditions", "audience"];

/// East of Greenwich tomorrow begins while it is still today in UTC.
const REVIEW_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the `approval` of a statement.
pub(super) fn read_approval(
    reader: &mut Reader,
    context: &Context<'_>,
    node: &Node,
    statement: &Statement,
) -> Option<Approval> {
    ApprovalReader { reader, context }.approval(node, statement)
}

struct ApprovalReader<'a> {
    reader: &'a mut Reader,
    context: &'a Context<'a>,
}

impl ApprovalReader<'_> {
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
            scope: fields.get("scope").and_then(|node| self.reader.text(node)).map(str::to_owned),
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
        if let NamePattern::Below(namespace) = &statement.name
            && (!namespace.contains('.') || namespace == "io.github")
        {
            let found = format!("`{}` approves whoever registers a name there", statement.name);
            let allowed = "approve the namespaces of those whom you know";
            self.reader.findings.push(Finding::warning(&node.place, found, allowed));
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
            return self.warn_if_over(node, approval);
        }
        approval.expires =
            approval.reviewed.map(|reviewed| reviewed.plus(self.context.terms.of(approval.track)));
        self.warn_if_over(node, approval);
        if approval.expires.is_none() && fields.get("reviewed").is_none() && statement.is_exact() {
            self.reader.error(node, "an approval without end", "state `reviewed` or `expires`");
        }
    }

    fn warn_if_over(&mut self, node: &Node, approval: &Approval) {
        let is_over =
            |expires: &Instant| *expires < self.context.now && approval.reviewed < Some(*expires);
        if let Some(expires) = approval.expires.filter(is_over) {
            let found = format!("the approval ended at {expires}");
            let finding = Finding::warning(&node.place, found, "review it again, or take it out");
            self.reader.findings.push(finding);
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
