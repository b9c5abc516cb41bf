use std::collections::BTreeSet;

use super::host::Host;
use super::profile::EntryProfile;
use super::registrant::Registrant;
use super::signal::{Field, Signal};
use super::target::Target;
use super::technique::Technique;
use super::text::{MAX_LENGTH, Words, head, leaf, length};
use super::visual::{Visual, plain, seen};
use crate::model::Name;
use crate::ownership::SharedHosts;

/// The words of a description that are compared, at most.
const MAX_WORDS: usize = 200;

/// The name of a suspect, prepared for comparisons.
#[derive(Debug)]
pub(super) struct SuspectName<'n> {
    pub(super) name: &'n Name,
    pub(super) leaf: &'n str,
    pub(super) registrant: Registrant,
    pub(super) words: Words,
    /// All words of the leaf in one piece.
    pub(super) compact: String,
}

impl<'n> SuspectName<'n> {
    pub(super) fn of(name: &'n Name, shared: &SharedHosts) -> Self {
        let leaf = leaf(name.as_str());
        let words = Words::of(leaf);
        let registrant = Registrant::of(name.namespace(), shared);
        Self { name, leaf, registrant, compact: words.compact(), words }
    }

    /// Makes a signal of the namespace.
    pub(super) fn in_namespace(&self, technique: Technique, target: &Target) -> Signal {
        signal(technique, Field::Namespace, self.name.namespace(), target)
    }

    /// Makes a signal of the leaf.
    pub(super) fn in_leaf(&self, technique: Technique, target: &Target) -> Signal {
        signal(technique, Field::Leaf, self.leaf, target)
    }
}

/// The profile of a suspect, prepared for comparisons.
#[derive(Debug)]
pub(super) struct SuspectContent<'p> {
    pub(super) profile: &'p EntryProfile,
    pub(super) title: Visual,
    pub(super) title_words: Vec<String>,
    pub(super) odd_words: Vec<OddWord<'p>>,
    pub(super) hosts: BTreeSet<Host>,
    /// True if no limit leaves a part of the profile out.
    pub(super) is_complete: bool,
}

/// A word with non-ASCII letters, and its visual form.
#[derive(Debug)]
pub(super) struct OddWord<'p> {
    field: Field,
    word: &'p str,
    pub(super) seen: String,
}

impl<'p> SuspectContent<'p> {
    pub(super) fn of(profile: &'p EntryProfile, shared: &SharedHosts) -> Self {
        let title = head(&profile.title);
        let mut odd_words = odd_description_words(&profile.description);
        odd_words.extend(odd_title_words(title));
        let Words { core, all, .. } = Words::of(title);
        let hosts = Host::all(profile, shared);
        let is_cut = title.len() < profile.title.len()
            || profile.description.split_whitespace().nth(MAX_WORDS).is_some()
            || profile.description.split_whitespace().any(is_too_long)
            || hosts.iter().any(|host| host.is_cut);
        Self {
            title: Visual::of(&core),
            title_words: all,
            odd_words,
            hosts,
            is_complete: !is_cut,
            profile,
        }
    }

    /// Makes a signal of the title.
    pub(super) fn in_title(&self, technique: Technique, target: &Target) -> Signal {
        signal(technique, Field::Title, head(&self.profile.title), target)
    }

    /// Makes a signal of a word; a word of the title is reported with the complete title.
    pub(super) fn in_word(
        &self,
        technique: Technique,
        odd: &OddWord<'_>,
        target: &Target,
    ) -> Signal {
        match odd.field {
            Field::Title => self.in_title(technique, target),
            field => signal(technique, field, odd.word, target),
        }
    }
}

/// Makes a signal of a host.
pub(super) fn in_host(technique: Technique, host: &Host, target: &Target) -> Signal {
    signal(technique, Field::Host, &host.written, target)
}

/// Makes a signal of a package.
pub(super) fn in_package(technique: Technique, package: (&str, &str), target: &Target) -> Signal {
    let (kind, identifier) = package;
    signal(technique, Field::Package, &format!("{kind} {identifier}"), target)
}

fn signal(technique: Technique, field: Field, value: &str, target: &Target) -> Signal {
    let target = target.subject().to_owned();
    Signal { technique, field, value: value.to_owned(), target }
}

fn odd_description_words(description: &str) -> Vec<OddWord<'_>> {
    let words = description.split_whitespace().take(MAX_WORDS).filter(|word| is_odd(word));
    let odd = words.map(|word| {
        let word = bare(word);
        // Many languages use accents in sentences; in a title they are a disguise.
        OddWord { field: Field::Description, word, seen: seen(word) }
    });
    odd.collect()
}

fn odd_title_words(title: &str) -> impl Iterator<Item = OddWord<'_>> {
    let words = std::iter::once(title).chain(title.split_whitespace()).filter(|word| is_odd(word));
    words.flat_map(|word| {
        let word = bare(word);
        let odd = |seen: String| OddWord { field: Field::Title, word, seen };
        [odd(plain(word)), odd(plain(&Words::of(word).core))]
    })
}

fn is_odd(word: &str) -> bool {
    !word.is_ascii() && length(word) <= MAX_LENGTH
}

fn is_too_long(word: &str) -> bool {
    !word.is_ascii() && length(word) > MAX_LENGTH
}

/// Strips quotes and brackets.
fn bare(word: &str) -> &str {
    word.trim_matches(|character: char| !character.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_non_ascii_words_are_odd_and_accents_count_only_in_titles() {
        let profile = EntryProfile {
            title: "Pl\u{e4}in".to_owned(),
            description: "Plain (\u{455}tripe) f\u{fc}r alle".to_owned(),
            ..EntryProfile::default()
        };
        let content = SuspectContent::of(&profile, &SharedHosts::default());
        let odd = content.odd_words.iter().map(|odd| (odd.field, odd.word));
        let odd: BTreeSet<(Field, &str)> = odd.collect();
        let wanted = [
            (Field::Title, "Pl\u{e4}in"),
            (Field::Description, "f\u{fc}r"),
            (Field::Description, "\u{455}tripe"),
        ];
        assert_eq!(odd, BTreeSet::from(wanted));
        assert!(content.odd_words.iter().any(|odd| odd.seen == seen("plain")));
        assert!(content.odd_words.iter().all(|odd| odd.seen != seen("fur")));
    }
}
