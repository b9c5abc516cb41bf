//! Targets and suspects for the test tables of the techniques.

use crate::lookalike::host::Host;
use crate::lookalike::profile::EntryProfile;
use crate::lookalike::signal::{Field, Signal};
use crate::lookalike::suspect::{SuspectContent, SuspectName};
use crate::lookalike::target::{Protected, Target, Why};
use crate::lookalike::technique::Technique;
use crate::model::Name;
use crate::ownership::SharedHosts;

/// Returns a protected name.
pub(super) fn name(subject: &str) -> Target {
    Target::of(Protected::new(subject, Why::Approved), &SharedHosts::default())
}

/// Returns a protected name; its entry has these members.
pub(super) fn entry(subject: &str, members: &str) -> Target {
    let protected = Protected::new(subject, Why::Approved).shown(profile(members));
    Target::of(protected, &SharedHosts::default())
}

/// Returns a brand that belongs to `com.stripe`.
pub(super) fn brand(subject: &str) -> Target {
    Target::of(Protected::new(subject, Why::Listed).of("com.stripe"), &SharedHosts::default())
}

/// Returns the profile of an entry with these members.
pub(super) fn profile(members: &str) -> EntryProfile {
    let comma = if members.is_empty() { "" } else { ", " };
    EntryProfile::read(&format!(r#"{{"name": "a.b/c"{comma}{members}}}"#)).expect("an entry")
}

pub(super) type ByName = fn(&SuspectName<'_>, &Target) -> Option<Signal>;

/// Checks that a technique reports the complete namespace, or nothing.
pub(super) fn in_namespace(
    technique: Technique,
    detect: ByName,
    target: &Target,
    suspect: &str,
    is_found: bool,
) {
    let namespace = suspect.split('/').next().expect("a namespace");
    let wanted = of(technique, Field::Namespace, namespace, target);
    check(detect, target, suspect, is_found.then_some(&wanted));
}

/// Checks that a technique reports the complete leaf, or nothing.
pub(super) fn in_leaf(
    technique: Technique,
    detect: ByName,
    target: &Target,
    suspect: &str,
    is_found: bool,
) {
    let leaf = suspect.split('/').nth(1).expect("a leaf");
    let wanted = of(technique, Field::Leaf, leaf, target);
    check(detect, target, suspect, is_found.then_some(&wanted));
}

fn check(detect: ByName, target: &Target, suspect: &str, wanted: Option<&Signal>) {
    let name = Name::parse(suspect).expect("a name");
    let suspect = SuspectName::of(&name, &SharedHosts::default());
    assert_eq!(detect(&suspect, target).as_ref(), wanted);
}

/// Returns the signal of a value.
pub(super) fn of(technique: Technique, field: Field, value: &str, target: &Target) -> Signal {
    let target = target.subject().to_owned();
    Signal { technique, field, value: value.to_owned(), target }
}

/// Calls a technique with the content of an entry with these members.
pub(super) fn with_content<T>(members: &str, detect: impl FnOnce(&SuspectContent<'_>) -> T) -> T {
    detect(&SuspectContent::of(&profile(members), &SharedHosts::default()))
}

/// Reads a host.
pub(super) fn host(written: &str) -> Host {
    let profile = EntryProfile { hosts: [written.to_owned()].into(), ..EntryProfile::default() };
    Host::all(&profile, &SharedHosts::default()).pop_first().expect("a host")
}

/// Checks that a technique reports the host as written, or nothing.
pub(super) fn in_host(
    technique: Technique,
    found: Option<&Signal>,
    written: &str,
    target: &Target,
    is_found: bool,
) {
    let wanted = of(technique, Field::Host, written, target);
    assert_eq!(found, is_found.then_some(&wanted));
}
