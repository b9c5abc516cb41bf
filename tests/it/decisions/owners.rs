//! Verification records as they are stored, and the ownership rules of overlays.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::dice::Dice;
use super::policy::Policy;
use super::rows::{Plot, Subject};

const SEEN_FIRST: &str = "ed25519:JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const OTHER: &str = "ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ACCOUNT: u64 = 9919;
const OTHER_ACCOUNT: u64 = 7;
/// The next check is after the end of every world.
const NEXT: &str = "2027-01-01T00:00:00Z";

/// The stored observation of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Verified,
    Parent,
    Unverified,
    Revoked,
    OtherKeys,
    Stale,
    StaleTomorrow,
    Doubtful,
    Inconclusive,
    Never,
}

impl Seen {
    const fn tag(self, enabled_late: bool) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Parent => "through-parent",
            Self::Unverified => "unverified",
            Self::Revoked => "revoked",
            Self::OtherKeys => "other-keys",
            Self::Stale => "stale",
            Self::StaleTomorrow => "nearly-stale",
            Self::Doubtful => "doubtful",
            Self::Inconclusive | Self::Never if enabled_late => "inconclusive-after-serving",
            Self::Inconclusive | Self::Never => "inconclusive",
        }
    }
}

const SEEN: [(usize, Seen); 10] = [
    (30, Seen::Verified),
    (8, Seen::Parent),
    (12, Seen::Unverified),
    (12, Seen::Revoked),
    (6, Seen::OtherKeys),
    (8, Seen::Stale),
    (4, Seen::StaleTomorrow),
    (4, Seen::Doubtful),
    (6, Seen::Inconclusive),
    (10, Seen::Never),
];

/// Returns the stored verdicts as JSON; adds the ownership rules of overlays to `policy`.
pub(crate) fn roll(
    dice: &mut Dice,
    known: &BTreeSet<&str>,
    plot: &Plot,
    end: &str,
    policy: &mut Policy,
    enabled_late: bool,
) -> String {
    let mut records = serde_json::Map::new();
    for namespace in known {
        let seen = dice.weighed(&SEEN);
        let subjects = plot.names.iter().filter(|subject| subject.namespace() == *namespace);
        for subject in subjects.filter(|subject| subject.upstream != "ours") {
            for version in &subject.versions {
                policy.tag_version(&subject.name, version, seen.tag(enabled_late));
            }
        }
        if let Some(record) = record(dice, namespace, seen, end) {
            records.insert((*namespace).to_owned(), record);
        }
        if dice.chance(25) {
            let rule = ownership_rule(dice, namespace.starts_with("io.github."));
            policy.namespaces.push(format!("{{name: {namespace}, ownership: {rule}}}"));
        }
    }
    let mut claims = serde_json::Map::new();
    let has_record = |subject: &&Subject| records.contains_key(subject.namespace());
    for subject in plot.names.iter().filter(has_record).filter(|subject| subject.upstream != "ours")
    {
        let version = subject.versions[0];
        let content = |version: &str| format!("{{{{first:{}@{version}}}}}", subject.name);
        let claim = match dice.below(20) {
            0..3 => {
                policy.tag_version(&subject.name, version, "disputed");
                json!({"disputed": {content(version): "npm says com.other/server"}})
            }
            3..6 => {
                policy.tag_version(&subject.name, version, "declared");
                json!({"declared": [content(version)], "account": ACCOUNT})
            }
            _ => continue,
        };
        claims.insert(subject.name.clone(), claim);
    }
    json!({"namespaces": records, "names": claims}).to_string()
}

/// Returns the verification record of a namespace; `None` if it was never checked.
fn record(dice: &mut Dice, namespace: &str, seen: Seen, end: &str) -> Option<Value> {
    let account = namespace.strip_prefix("io.github.");
    let mut record = match account {
        Some(login) => json!({"shown": account_of(dice, login), "pinnedAccount": ACCOUNT}),
        None => json!({
            "shown": shown_keys(namespace, seen == Seen::Parent, SEEN_FIRST),
            "pinnedKeys": [SEEN_FIRST],
        }),
    };
    let mut set = |key: &str, value: Value| record[key] = value;
    set("nextCheck", json!(NEXT));
    // A namespace that was just checked is not due again.
    set("checkedAt", json!(end));
    // At most 30 days old at the end, except for the stale cases.
    let days = 86_400_i64;
    set("concludedAt", json!(before(end, 5 * days, 0)));
    match seen {
        Seen::Verified | Seen::Parent => {}
        Seen::Unverified => {
            set("shown", Value::Null);
            set("pinnedKeys", json!([]));
            set("pinnedAccount", Value::Null);
        }
        Seen::Revoked if account.is_some() => set("pinnedAccount", json!(OTHER_ACCOUNT)),
        Seen::Revoked => set("negatives", negatives(3, "2026-02-12T00:00:00Z")),
        Seen::Doubtful => set("negatives", negatives(2, "2026-02-12T00:00:00Z")),
        Seen::OtherKeys if account.is_some() => {}
        Seen::OtherKeys => set("shown", shown_keys(namespace, false, OTHER)),
        Seen::Stale => set("concludedAt", json!(before(end, 30 * days, 1))),
        Seen::StaleTomorrow => set("concludedAt", json!(before(end, 30 * days, 0))),
        Seen::Inconclusive => {
            set("shown", Value::Null);
            set("concludedAt", Value::Null);
            set("unclear", json!(2));
        }
        Seen::Never => return None,
    }
    Some(record)
}

/// Returns the time so many seconds and microseconds before `moment`.
fn before(moment: &str, seconds: i64, micros: i64) -> String {
    let moment: jiff::Timestamp = moment.parse().expect("a time");
    let micros = moment.as_microsecond() - seconds * 1_000_000 - micros;
    format!("{:.6}", jiff::Timestamp::from_microsecond(micros).expect("a time"))
}

fn negatives(count: u64, last: &str) -> Value {
    json!({"count": count, "first": "2026-02-10T00:00:00Z", "last": last})
}

fn shown_keys(namespace: &str, parent: bool, key: &str) -> Value {
    let domain: Vec<&str> = namespace.split('.').rev().collect();
    let above = if domain.len() > 2 { &domain[1..] } else { &domain[..] };
    let at = if parent { above.join(".") } else { domain.join(".") };
    let is_parent = parent && domain.len() > 2;
    json!({"by": "keys", "means": "dns", "at": at, "parent": is_parent, "keys": [key]})
}

fn account_of(dice: &mut Dice, login: &str) -> Value {
    // Some entries are published before the account was created, and some after.
    let created = if dice.chance(30) { "2026-01-16T00:00:00Z" } else { "2020-01-01T00:00:00Z" };
    json!({"by": "account", "login": login, "id": ACCOUNT, "createdAt": created})
}

/// Returns the ownership rule of an overlay.
fn ownership_rule(dice: &mut Dice, is_account: bool) -> String {
    let keys = |key: &str| format!("{{keys: [\"{key}\"]}}");
    match dice.below(8) {
        0 if !is_account => keys(SEEN_FIRST),
        1 if !is_account => keys(OTHER),
        0 | 2 => format!("{{github: {ACCOUNT}}}"),
        1 | 3 => format!("{{github: {OTHER_ACCOUNT}}}"),
        4 => "{require: verified}".to_owned(),
        5 => "{require: declared}".to_owned(),
        6 => "{require: not-revoked}".to_owned(),
        _ => "{waived: {reason: no DNS of its own, reviewer: alice}}".to_owned(),
    }
}
