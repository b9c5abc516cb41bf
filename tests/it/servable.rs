//! The share of the real registry that strict clients and agents accept after sanitizing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use vidimus::curation::{ContentFacts, Objection, PackageUrls, Reach, SafetyRule, Sanitized};
use vidimus::model::{Entry, Timestamp};

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    server: &'a RawValue,
}

#[derive(Deserialize)]
struct Key {
    name: String,
    version: String,
}

/// C5: at most 10 of 6,395 real entries violate the schema; most are served byte for byte.
#[test]
fn at_most_ten_real_entries_are_not_servable() {
    let Some(items) = crate::support::corpus::items() else { return };
    let (mut unchanged, mut omissions, mut violations) = (0, BTreeMap::new(), Vec::new());
    for item in &items {
        let Item { server } = serde_json::from_str(item).expect("an item");
        match Sanitized::of(server.get(), &Reach::default()) {
            Ok(served) if served.omissions.is_empty() => {
                assert_eq!(&*served.server, server.get());
                unchanged += 1;
            }
            Ok(served) => {
                for omission in served.omissions {
                    *omissions.entry(omission).or_insert(0) += 1;
                }
            }
            Err(violation) => violations.push(violation.to_string()),
        }
    }
    println!("{unchanged} unchanged, {omissions:?}, {} refused: {violations:#?}", violations.len());
    assert!(violations.len() <= 10, "{violations:#?}");
    assert_eq!(omissions["empty-repository"], 290);
}

/// P65, P66. The rules for what reaches an agent refuse at most 1 % of the real entries, each listed by name.
#[test]
fn at_most_one_in_a_hundred_real_entries_breaks_a_safety_rule() {
    let Some(items) = crate::support::corpus::items() else { return };
    let urls = crate::support::corpus::admitted_urls();
    let (mut refused, mut by_rule) = (BTreeSet::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for item in &items {
        let Item { server } = serde_json::from_str(item).expect("an item");
        let Key { name, version } = serde_json::from_str(server.get()).expect("name and version");
        let entry = format!("{name}@{version}");
        let facts = ContentFacts::of(server.get());
        for objection in facts.objections.iter().filter(|objection| !urls.admit(objection)) {
            println!("{entry}: {objection}");
            by_rule.entry(rule(objection)).or_default().insert(entry.clone());
            refused.insert(entry.clone());
        }
        let raw: &RawValue = serde_json::from_str(item).expect("JSON");
        if let Err(row) = Entry::read(raw, Timestamp::from_micros(0)) {
            println!("{entry}: {}", row.reason);
            by_rule.entry("well-formed".into()).or_default().insert(entry.clone());
            refused.insert(entry);
        }
    }
    for rule in RULES {
        by_rule.entry(rule.to_owned()).or_default();
    }
    for (kind, _) in PackageUrls::DEFAULTS {
        for what in ["identifiers", "versions", "registries"] {
            by_rule.entry(format!("{what} of {kind}")).or_default();
        }
    }
    for (rule, entries) in &by_rule {
        println!("{} entries: {rule}", entries.len());
    }
    println!("{} of {} entries", refused.len(), items.len());
    assert!(refused.len() * 100 <= items.len(), "{refused:#?}");
}

/// The rules without a kind of package, which are printed also where they refuse nothing.
const RULES: [&str; 12] = [
    "Scheme",
    "Ambiguous",
    "UserInformation",
    "ManyHosts",
    "Unencrypted",
    "PrivateHost",
    "PackageKind",
    "Program",
    "HeaderName",
    "OneLine",
    "Variable",
    "Version",
];

fn rule(objection: &Objection) -> String {
    match &objection.rule {
        SafetyRule::Identifier(kind) => format!("identifiers of {kind}"),
        SafetyRule::PackageVersion(kind) => format!("versions of {kind}"),
        SafetyRule::Registry(kind) => format!("registries of {kind}"),
        other => format!("{other:?}"),
    }
}
