use super::artefacts::read_artefacts;
use super::checklist::read_checklist;
use super::contents::read_contents;
use super::expires::last_moment;
use super::fields::{APPROVAL, REVIEWED};
use super::follow::read_follow;
use super::reading::FileContext;
use super::rule::{Approval, Rule, State, Track};
use super::{NamePattern, Reviewed};
use crate::lint::{Fields, Finding, Node, Reader};
use crate::model::{Digest, Timestamp};

/// Reads the `approval` of a rule.
pub(super) fn read_approval(
    reader: &mut Reader,
    context: &FileContext<'_>,
    node: &Node,
    rule: &Rule,
) -> Option<Approval> {
    ApprovalReader { reader, context }.approval(node, rule)
}

struct ApprovalReader<'a> {
    reader: &'a mut Reader,
    context: &'a FileContext<'a>,
}

impl ApprovalReader<'_> {
    fn approval(&mut self, node: &Node, rule: &Rule) -> Option<Approval> {
        let fields = self.reader.mapping(node, &APPROVAL)?;
        if fields.get("state").is_none() {
            self.reader.error(
                node,
                "an approval without `state`",
                "approved, pending, suspended or denied",
            );
            return None;
        }
        let states = fields.all("state").map(|state| self.reader.word(state, &State::WORDS));
        // A state that is written twice refuses the set, and of the two the one that hides counts.
        let state = states.flatten().max()?;
        let mut approval = Approval {
            state,
            track: fields.get("track").and_then(|node| self.reader.word(node, &Track::WORDS)),
            reviewers: fields
                .get("reviewers")
                .map_or_else(Vec::new, |node| self.reader.texts(node)),
            reviewed: self.reviewed(&fields),
            expires: fields.get("expires").and_then(|node| self.reader.parsed(node, last_moment)),
            scope: fields.get("scope").and_then(|node| self.reader.text(node)).map(str::to_owned),
            digest: fields
                .get("digest")
                .and_then(|node| self.reader.parsed(node, str::parse::<Digest>)),
            contents: read_contents(self.reader, &fields, rule, state),
            artefacts: read_artefacts(self.reader, &fields, rule, state),
            checklist: fields.get("checklist").and_then(|node| read_checklist(self.reader, node)),
            follow: read_follow(self.reader, &fields, rule, state),
        };
        match state {
            State::Approved => self.complete(&fields, rule, &mut approval),
            _ => self.refuse_terms(&fields, state),
        }
        Some(approval)
    }

    /// Rejects the keys that only an approval can have: a denial that expired, or applied to one
    /// content only, would surprise its author.
    fn refuse_terms(&mut self, fields: &Fields<'_>, state: State) {
        for key in ["expires", "digest"] {
            if let Some(node) = fields.get(key) {
                let found = format!("`{key}` beside state `{state}`");
                self.reader.error(node, found, format!("only an approval has `{key}`"));
            }
        }
    }

    /// Checks an approval as a whole, and sets the expiry that follows from its track.
    fn complete(&mut self, fields: &Fields<'_>, rule: &Rule, approval: &mut Approval) {
        let node = fields.node;
        if rule.name == NamePattern::Any {
            self.reader.error(
                node,
                "`*` approves every server",
                "`*` alone may deny or label; approve a name or a namespace",
            );
        }
        if let NamePattern::Below(namespace) = &rule.name
            && (!namespace.contains('.') || namespace == "io.github")
        {
            let found =
                format!("`{}` approves every publisher that registers a name there", rule.name);
            let allowed = "approve the namespaces of publishers that you know";
            self.reader.findings.push(Finding::warning(&node.place, found, allowed));
        }
        if approval.reviewed.is_none() && !rule.is_exact() && fields.get("reviewed").is_none() {
            self.reader.error(
                node,
                format!("an approval of `{}` without `reviewed`", rule.selector()),
                "give the date of the review: an approval covers what existed then, unless it names one version",
            );
        }
        if let Some(digest) = fields.get("digest")
            && !rule.is_exact()
        {
            self.reader.error(
                digest,
                "`digest` without one exact version",
                "give an exact name and `versions`",
            );
        }
        if let (Some(reviewed), Some(at)) = (approval.reviewed, fields.get("reviewed")) {
            self.judge_future(at, reviewed);
        }
        if let (Some(reviewed), Some(expires), Some(at)) =
            (approval.reviewed, approval.expires, fields.get("expires"))
            && expires <= reviewed.start()
        {
            self.reader.error(at, "`expires` is not after `reviewed`", "a later date");
        }
        if fields.get("expires").is_some() {
            return self.warn_if_expired(node, approval);
        }
        let term = self.context.terms().of(approval.track);
        approval.expires = approval.reviewed.map(|reviewed| reviewed.start().plus(term));
        self.warn_if_expired(node, approval);
        if approval.expires.is_none() && fields.get("reviewed").is_none() && rule.is_exact() {
            self.reader.error(
                node,
                "an approval that never expires",
                "give `reviewed` or `expires`",
            );
        }
    }

    fn warn_if_expired(&mut self, node: &Node, approval: &Approval) {
        let reviewed = approval.reviewed.map(Reviewed::start);
        let has_expired =
            |expires: &Timestamp| reviewed < Some(*expires) && self.context.is_past(*expires);
        if let Some(expires) = approval.expires.filter(has_expired) {
            let found = format!("the approval expired at {expires}");
            let finding = Finding::warning(&node.place, found, "review it again, or remove it");
            self.reader.findings.push(finding);
        }
    }

    /// Refuses a day that has begun nowhere yet, and warns of a moment that has not come.
    fn judge_future(&mut self, at: &Node, reviewed: Reviewed) {
        if self.context.has_come(reviewed.begins()) {
            return;
        }
        if matches!(reviewed, Reviewed::Day(_)) {
            let allowed = "a day that has begun somewhere on earth, or an RFC 3339 date and time";
            self.reader.error(at, "`reviewed` is in the future", allowed);
        } else {
            let found = format!("the approval admits nothing before {reviewed}");
            let allowed = "the date and time of the review, no later than now";
            self.reader.findings.push(Finding::warning(&at.place, found, allowed));
        }
    }

    fn reviewed(&mut self, fields: &Fields<'_>) -> Option<Reviewed> {
        let read = |text: &str| Reviewed::parse(text).map_err(|_| REVIEWED);
        self.reader.parsed(fields.get("reviewed")?, read)
    }
}
