//! The sentences about events.

use std::collections::BTreeMap;

use super::print::{counted, err, out};
use crate::daemon::History;
use crate::history::{
    AcknowledgementChange, Cause, Change, ClockChange, Effect, EntryChange, HoldChange, HoldStep,
    PolicyLoad, RuleRecord, VerdictChange,
};
use crate::model::{Digest, EscapedWhole};
use crate::sync::short_id;

type Rules = BTreeMap<Digest, RuleRecord>;

/// Prints events, the oldest first; with the names that they are about, where several are.
pub(super) fn print_history(found: &History, with_names: bool) {
    if found.more > 0 {
        let older = counted(found.more, "older event", "older events");
        let next = found.events.last().map_or(0, |recorded| recorded.sequence);
        out(&format!("{older} left out; `--before {next}` shows them"));
    }
    for recorded in found.events.iter().rev() {
        let text = sentence(&recorded.event.change, &found.rules, with_names);
        out(&format!("{}  {}", recorded.event.at, EscapedWhole(&text)));
    }
    if found.events.is_empty() {
        out("no events");
    }
    out(&format!("the history begins at {}", found.begins));
    warn_of_damage(found.damaged);
}

/// Returns the reviewers of a rule and its place.
pub(super) fn approval_of(rules: &Rules, digest: &Digest) -> (String, String) {
    match rules.get(digest) {
        None => ("unknown".to_owned(), "unknown".to_owned()),
        Some(rule) => {
            let reviewers = rule.reviewers().join(", ");
            let reviewers = if reviewers.is_empty() {
                "a reviewer who is not named".to_owned()
            } else {
                reviewers
            };
            let place = format!("{}:{}", rule.file, rule.line);
            (reviewers, place)
        }
    }
}

/// Warns that an answer may be wrong.
pub(super) fn warn_of_damage(damaged: u64) {
    if damaged > 0 {
        let blocks = counted(damaged, "block of events", "blocks of events");
        err(&format!("{blocks} cannot be read, so this may be wrong; `vidimus verify` names them"));
    }
}

/// Returns what an event says, unescaped.
pub(super) fn sentence(change: &Change, rules: &Rules, with_names: bool) -> String {
    match change {
        Change::Entry(change) => of_entry(change, rules, with_names),
        Change::Verdict(VerdictChange { namespace, before, after }) => {
            let before = match before {
                Some(before) => format!("it was {before}"),
                None => "before that it had not been looked up".to_owned(),
            };
            format!("the verdict on {namespace} is {after}; {before}")
        }
        Change::Acknowledgement(change) => of_acknowledgement(change),
        Change::Hold(change) => of_hold(change),
        Change::Clock(ClockChange { ahead, by, reason, actor }) => {
            let difference = difference(*ahead);
            format!(
                "the clock of the daemon, {difference}, was accepted by {by} ({actor}): {reason}"
            )
        }
        Change::Policy(PolicyLoad { files, ended, denying, .. }) => {
            let files = counted(*files, "overlay file", "overlay files");
            if (*ended, *denying) == (0, 0) {
                return format!("{files} became the policy");
            }
            let mut text = format!("a set was refused; the last valid set of {files} stays");
            if *denying > 0 {
                let denying = counted(*denying, "refused file", "refused files");
                text.push_str(&format!(", with the denials of {denying}"));
            }
            if *ended > 0 {
                let ended = counted(*ended, "approval", "approvals");
                text.push_str(&format!(", without {ended} that no readable file gives"));
            }
            text
        }
    }
}

/// Says how far the clock of the daemon is from the others.
pub(super) fn difference(ahead: i64) -> String {
    let side = if ahead < 0 { "behind" } else { "ahead" };
    format!("{} {side}", length(ahead.unsigned_abs()))
}

/// Returns a number of seconds in words.
pub(super) fn length(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match hours {
        0..=1 => counted(minutes, "minute", "minutes"),
        2..=47 => counted(hours, "hour", "hours"),
        hours => counted(hours / 24, "day", "days"),
    }
}

fn of_entry(change: &EntryChange, rules: &Rules, with_names: bool) -> String {
    let version = change.version.as_str();
    let entry = if with_names { format!("{}@{version}", change.name) } else { version.to_string() };
    let view = &change.view;
    let effect = match change.effect() {
        Effect::Shown => format!("{entry} became visible in view {view}"),
        Effect::Hidden => format!("{entry} was hidden from view {view}"),
        Effect::Replaced => format!("{entry} has other content in view {view}"),
        Effect::Reapproved => format!("{entry} is approved by another rule in view {view}"),
        Effect::Described => format!("{entry} is described in another way in view {view}"),
    };
    let cause = match &change.cause {
        Cause::Start => "found when the daemon started".to_owned(),
        Cause::Policy => "since the policy changed".to_owned(),
        Cause::Data => "since an upstream, the owner, a package or an advisory changed".to_owned(),
        Cause::Screening => "since it was compared with protected names".to_owned(),
        Cause::Time => "since its time came".to_owned(),
        Cause::Gate(gate) => format!("by the gate `{gate}`"),
        Cause::View => "since it is outside of the view".to_owned(),
        Cause::NotListed => "since no upstream lists it".to_owned(),
        Cause::Unrecorded => "while the store could not be written".to_owned(),
    };
    let mut text = format!("{effect}, {cause}");
    if let Some(after) = &change.after {
        let (reviewers, place) = approval_of(rules, &after.rule);
        text.push_str(&format!("; approved at {place} by {reviewers}"));
    }
    if let Some(rule) = &change.hidden_by {
        let (reviewers, place) = approval_of(rules, rule);
        text.push_str(&format!("; the rule at {place} by {reviewers} hides it"));
    }
    text
}

fn of_acknowledgement(change: &AcknowledgementChange) -> String {
    let AcknowledgementChange { alert, kind, subject, by, reason, actor, .. } = change;
    let alert = format!("alert {alert} ({kind} {subject})");
    match (by, reason) {
        (Some(by), Some(reason)) => {
            let (by, reason) = (by, reason);
            format!("{alert} was acknowledged by {by} ({actor}): {reason}")
        }
        _ => format!("{alert} was opened again by {actor}"),
    }
}

fn of_hold(change: &HoldChange) -> String {
    let HoldChange { upstream, step, shown, rows, by, reason, actor } = change;
    let set = format!("change set {}@{}", upstream, short_id(*shown));
    let rows = counted(*rows, "row", "rows");
    let decided = match step {
        HoldStep::Placed => return format!("{set} with {rows} was put on hold"),
        HoldStep::Released => "released",
        HoldStep::Discarded => "discarded",
    };
    let by = by.as_deref().unwrap_or("a person");
    let actor = actor.as_ref().map(|actor| format!(" ({actor})")).unwrap_or_default();
    let reason = reason.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{set} with {rows} was {decided} by {by}{actor}{reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, 0, "3 overlay files became the policy")]
    #[case(
        0,
        1,
        "a set was refused; the last valid set of 3 overlay files stays, with the denials of 1 refused file"
    )]
    #[case(
        2,
        0,
        "a set was refused; the last valid set of 3 overlay files stays, without 2 approvals that no readable file gives"
    )]
    fn refused_set_is_not_called_the_policy(
        #[case] ended: u64,
        #[case] denying: u64,
        #[case] wanted: &str,
    ) {
        let load = PolicyLoad { files: 3, overlays: Digest::of(b""), ended, denying };
        assert_eq!(sentence(&Change::Policy(load), &Rules::new(), false), wanted);
    }
}
