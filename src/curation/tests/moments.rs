use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::fixtures::{dossier, head, overlays, row, upstream, with};
use crate::curation::{
    Dossier, DossierRow, Evaluation, OwnershipPolicy, Screening, UnconfirmedTime, evaluate,
};
use crate::lint::Source;
use crate::model::{Digest, Head, Status, Timestamp};
use crate::ownership::{Account, ForgeAnswer, Lookup, VerificationRecord};
use crate::scan::{ScanResults, read_scan};

fn begin() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").expect("a time")
}

fn verified(at: Timestamp) -> VerificationRecord {
    let account = Account { login: "x".into(), id: 7, created_at: None };
    VerificationRecord::default().after(&Lookup::Account(ForgeAnswer::Found(account)), at)
}

/// Returns everything that an evaluation decides, as text.
fn said(evaluation: &Evaluation<'_>) -> Vec<String> {
    let said = |entry: &crate::curation::EntryEvaluation<'_>| {
        let gates: Vec<String> =
            entry.gates().map(|(gate, outcome)| format!("{gate} {outcome:?}")).collect();
        let scans: Vec<String> = entry.scans.iter().map(ToString::to_string).collect();
        format!("{} {:?} {} {}", entry.row.version, entry.views, gates.join(", "), scans.join(", "))
    };
    evaluation.entries.iter().map(said).collect()
}

/// Returns results of one tool, each with a day of March 2026 and the days for which it counts.
fn scans(results: &[(u32, u32)]) -> Arc<ScanResults> {
    let received = Digest::of(b"received");
    let read = results.iter().enumerate().map(|(index, (day, days))| {
        let text = format!(
            "tool: {{name: a, version: 1}}\nsubject: {{name: com.example/tool, version: 1.0.0, digest: '{received}'}}\n\
             verdict: pass\ntime: 2026-03-{day:02}T10:00:00Z\nexpires: 2026-04-{:02}\n",
            days + 1
        );
        let read = read_scan(&Source::new(format!("{index}.yaml"), text));
        Arc::new(read.expect("no findings").expect("a result"))
    });
    Arc::new(ScanResults::new(read))
}

proptest! {
    /// Time changes nothing before `holds_until`.
    #[test]
    fn evaluation_is_equal_at_every_time_before_holds_until(
        expiries in prop::collection::vec(1..=28_u32, 0..3),
        concluded_days_ago in prop::option::of(0..40_u64),
        wide in any::<bool>(),
        ahead in prop::option::of(1..=28_u32),
        cooldown in prop::option::of(1..40_u32),
        waived in prop::option::of(1..=28_u32),
        hide_after in prop::option::of(1..40_u32),
        scanned in prop::collection::vec((1..=28_u32, 0..5_u32), 0..3),
        unconfirmed in prop_oneof![Just(0), 1..40_u64],
        noted in 0..40_u64,
        step in 1..40_u64,
    ) {
        let approvals: Vec<String> = expiries
            .iter()
            .enumerate()
            .map(|(index, day)| {
                format!("{{name: com.example/tool, versions: 1.0.{index}, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-03-{day:02}}}}}")
            })
            .chain(wide.then(|| {
                let reviewed = ahead.map_or("2026-02-01".to_owned(), |day| format!("2026-03-{day:02}T12:00:00Z"));
                format!("{{name: com.example/*, approval: {{state: approved, reviewed: {reviewed}, expires: 2026-04-05}}}}")
            }))
            .chain(cooldown.map(|days| {
                let digest = Digest::of(b"received");
                format!("{{name: com.example/tool, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-04-07, \
                         follow: benign, cooldown: {days}d, reference: {{version: 1.0.0, digest: '{digest}'}}}}}}")
            }))
            .chain(waived.map(|day| {
                format!("{{name: '*', conditions: {{ownership: declared}}}}, {{name: com.example/tool, \
                         waive: {{condition: ownership, reason: r, reviewer: a, expires: 2026-03-{day:02}}}}}")
            }))
            .chain(hide_after.map(|days| {
                format!("{{name: com.example.*/*, on_deprecated: {{hide_after: {days}d}}}}")
            }))
            .chain((!scanned.is_empty()).then(|| {
                "{name: '*', conditions: {scan: {tools: [a], max_age: 9d, verdict: pass}}}".to_owned()
            }))
            .collect();
        let text = match approvals.as_slice() {
            [] => "servers: [{name: com.other/*, tier: 1}]".to_owned(),
            approvals => format!("servers: [{}]", approvals.join(", ")),
        };
        let set = overlays(&text, begin());
        let mut policy = with(set, vec![upstream("official", 1, false)], OwnershipPolicy::default());
        // Nothing is compared here, and what is not compared is not followed.
        policy.withhold = false;
        let policy = policy.with_scans(scans(&scanned));
        let length = Duration::from_hours(24 * unconfirmed);
        let noted = begin().plus(Duration::from_hours(24 * noted));
        let policy = policy.with_unconfirmed(UnconfirmedTime { length, noted });
        let published = || head(Status::Active, "2026-01-01T00:00:00Z");
        let mut rows: Vec<DossierRow> =
            (0..3).map(|index| row("official", &format!("1.0.{index}"), published())).collect();
        rows[0].content.head.status = Status::Deprecated;
        rows[0].content.head.status_since = Some(begin().minus(Duration::from_hours(30)));
        let later = Head { initial: false, first_seen: begin().minus(Duration::from_hours(20 * 24)), ..published() };
        rows.push(row("official", "1.5.0", later));
        let concluded = concluded_days_ago.map(|days| begin().minus(Duration::from_hours(24 * days)));
        let verification = concluded.map(verified).unwrap_or_default();
        let dossier = Dossier { verification, ..dossier("com.example/tool", rows) };
        let screening = Screening::default();
        let at = |now| evaluate(&dossier, &policy, &screening, now);
        let mut now = begin();
        for _ in 0..6 {
            let first = at(now);
            let Some(until) = first.holds_until else {
                prop_assert_eq!(said(&first), said(&at(now.plus(Duration::from_hours(24 * 366)))));
                break;
            };
            prop_assert!(until > now);
            let later = now.plus(Duration::from_hours(24 * step)).min(until.minus(Timestamp::TICK));
            prop_assert_eq!(said(&first), said(&at(later)));
            prop_assert_eq!(at(later).holds_until, Some(until));
            prop_assert_eq!(said(&first), said(&at(until.minus(Timestamp::TICK))));
            now = until;
        }
    }

    #[test]
    fn approval_stops_serving_exactly_when_it_expires(day in 2..=28_u32) {
        let set = overlays(
            &format!("servers: [{{name: com.example/tool, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-03-{day:02}}}}}]"),
            begin(),
        );
        let policy = super::fixtures::policy(set);
        let dossier = dossier("com.example/tool", vec![row("official", "1.0.0", head(Status::Active, "2026-01-01T00:00:00Z"))]);
        let screening = Screening::default();
        let until = evaluate(&dossier, &policy, &screening, begin()).holds_until.expect("it ends");
        prop_assert!(evaluate(&dossier, &policy, &screening, until.minus(Timestamp::TICK)).entries[0].is_served());
        prop_assert!(!evaluate(&dossier, &policy, &screening, until).entries[0].is_served());
    }
}
