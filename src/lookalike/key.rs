use std::collections::BTreeSet;

use super::host::Domain;
use super::suspect::{SuspectContent, SuspectName};
use super::target::Target;
use super::text::{MAX_LENGTH, MIN_TWO_EDITS, deletions, length, runs};
use super::visual::{Visual, skeleton};

/// One form by which targets are found: the kind is fixed, the text is from a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key<'k> {
    /// The sorted words of a leaf.
    Words(&'k str),
    /// A text, or a text without one of its characters.
    Near(&'k str),
    /// The skeleton of a text.
    Skeleton(&'k str),
    /// A namespace, or a namespace without one of its characters.
    Namespace(&'k str),
    /// The label of a registrant, or a text that equals it.
    Label(&'k str),
    /// The skeleton of a registrant's label.
    LabelSkeleton(&'k str),
    /// A brand in one piece.
    Brand(&'k str),
    /// The visual form of a word or label.
    Seen(&'k str),
    /// The label of a host, or that label without one of its characters.
    HostLabel(&'k str),
    /// A domain.
    Domain(&'k str),
    /// A package: the registry type is data, not a kind of key.
    Package { registry: &'k str, identifier: &'k str },
}

/// Emits the keys by which a target is found.
pub(super) fn target_keys(target: &Target, emit: &mut impl FnMut(Key<'_>)) {
    let Target { words, compact, .. } = target;
    emit(Key::Words(&words.sorted_text()));
    near(&words.full, emit);
    near(&words.core, emit);
    if let Some(owner) = &target.owner {
        deletions(&owner.namespace).iter().for_each(|text| emit(Key::Namespace(text)));
    }
    if let Some(owner) = target.name_owner() {
        emit(Key::Label(&owner.label));
        emit(Key::LabelSkeleton(&skeleton(&owner.label)));
    } else if !target.is_name {
        near(compact, emit);
        if length(compact) >= MIN_TWO_EDITS {
            let twice = deletions(compact).into_iter().flat_map(|text| deletions(&text));
            twice.for_each(|text| emit(Key::Near(&text)));
        }
        emit(Key::Brand(compact));
        emit(Key::Label(&words.core));
    }
    if let Some(Visual { text, seen }) = &target.known_as {
        emit(Key::Label(text));
        emit(Key::Seen(seen));
    }
    for Domain { text, label } in &target.domains {
        emit(Key::Domain(text));
        emit(Key::Seen(&label.seen));
        deletions(&label.text).iter().for_each(|text| emit(Key::HostLabel(text)));
    }
    for (registry, identifier) in &target.protected.profile.packages {
        emit(Key::Package { registry, identifier });
    }
}

fn near(text: &str, emit: &mut impl FnMut(Key<'_>)) {
    deletions(text).iter().for_each(|text| emit(Key::Near(text)));
    emit(Key::Skeleton(&skeleton(text)));
}

/// Emits the keys of targets that a name may resemble; brands have the given lengths.
pub(super) fn name_keys(
    suspect: &SuspectName<'_>,
    brand_lengths: &BTreeSet<usize>,
    emit: &mut impl FnMut(Key<'_>),
) {
    let SuspectName { registrant, words, compact, .. } = suspect;
    let label = registrant.label.as_str();
    let sorted = words.sorted_text();
    let keys = [Key::Label(label), Key::Words(&sorted), Key::Label(&words.core)];
    let is_empty = [label, &sorted, &words.core].map(str::is_empty);
    keys.into_iter().zip(is_empty).filter(|(_, is_empty)| !is_empty).for_each(|(key, _)| emit(key));
    let texts = [words.full.as_str(), &words.core, compact, label];
    texts.into_iter().filter(|text| !text.is_empty()).for_each(|text| near(text, emit));
    emit(Key::LabelSkeleton(&skeleton(label)));
    deletions(&registrant.namespace).iter().for_each(|text| emit(Key::Namespace(text)));
    for word in &words.all {
        deletions(word).iter().for_each(|text| emit(Key::Near(text)));
    }
    for text in [compact.as_str(), label] {
        let characters: Vec<char> = text.chars().take(MAX_LENGTH).collect();
        for length in brand_lengths.iter().copied().filter(|length| *length > 0) {
            let windows = characters.windows(length);
            windows.for_each(|window| emit(Key::Brand(&window.iter().collect::<String>())));
        }
    }
}

/// Emits the keys of targets that a content may resemble.
pub(super) fn content_keys(content: &SuspectContent<'_>, emit: &mut impl FnMut(Key<'_>)) {
    if !content.title.text.is_empty() {
        emit(Key::Label(&content.title.text));
        emit(Key::Seen(&content.title.seen));
    }
    runs(&content.title_words).for_each(|run| emit(Key::Brand(&run)));
    content.odd_words.iter().for_each(|odd| emit(Key::Seen(&odd.seen)));
    for (registry, identifier) in &content.profile.packages {
        emit(Key::Package { registry, identifier });
    }
    for host in &content.hosts {
        emit(Key::Seen(&host.seen));
        host.words.iter().for_each(|(_, seen)| emit(Key::Seen(seen)));
        deletions(&host.label).iter().for_each(|text| emit(Key::HostLabel(text)));
        host.label_runs().into_iter().for_each(|run| emit(Key::Domain(run)));
    }
}
