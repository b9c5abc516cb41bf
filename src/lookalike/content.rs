//! What an entry says and points to, compared with what is protected.

use std::collections::BTreeSet;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::{MixedScript, skeleton as uts39};

use super::compare::{CORE, LOOKS, Sign, is_near};
use super::corpus::{Corpus, Target, key_of};
use super::portrait::Portrait;
use super::shape::{MAX_LENGTH, Shape, deletions, runs, skeleton};
use super::suspect::Host;
use super::technique::Technique;

/// More words of a description are not read: nobody is taken in by the thousandth.
const MAX_WORDS: usize = 200;

/// What is compared of an entry's content.
pub(super) struct Content<'p> {
    portrait: &'p Portrait,
    title: Seen,
    title_words: Vec<String>,
    /// Words with letters beyond ASCII, and what an eye takes them for.
    odd: Vec<(&'p str, String)>,
    hosts: BTreeSet<Host>,
}

/// A text, and what an eye takes it for.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) text: String,
    pub(super) seen: String,
}

impl Seen {
    pub(super) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), seen: seen(text) }
    }
}

/// A domain that is a target's, and the label that it is known by.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) text: String,
    label: Seen,
}

impl Domain {
    pub(super) fn of(text: String) -> Option<Self> {
        let label = Seen::of(text.split_once('.')?.0);
        Some(Self { text, label })
    }
}

/// What an eye takes a text for: the skeleton of UTS 39, section 4, and ours above it.
pub(super) fn seen(text: &str) -> String {
    // Joiners are the only invisible characters that an entry may hold.
    let visible: String =
        text.chars().filter(|it| !matches!(it, '\u{200c}' | '\u{200d}')).collect();
    let latin: String = uts39(&visible.to_lowercase()).collect();
    skeleton(&latin.to_lowercase())
}

/// The same, accents and all.
pub(super) fn plain(text: &str) -> String {
    let decomposed =
        uts39(text).filter(|it| it.general_category() != GeneralCategory::NonspacingMark);
    seen(&decomposed.collect::<String>())
}

/// A word without quotes and brackets around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|it: char| !it.is_alphanumeric())
}

impl<'p> Content<'p> {
    pub(super) fn of(portrait: &'p Portrait, corpus: &Corpus) -> Self {
        let title: &str = head(&portrait.title);
        let is_odd = |word: &&str| !word.is_ascii() && word.chars().count() <= MAX_LENGTH;
        let words = portrait.description.split_whitespace().take(MAX_WORDS).filter(is_odd);
        // Accents are how many languages are written; in a name they are a disguise.
        let described = words.map(|word| (word, seen(bare(word))));
        let words = std::iter::once(title).chain(title.split_whitespace()).filter(is_odd);
        let titled = words.flat_map(|word| {
            let word = bare(word);
            [(word, plain(word)), (word, plain(&Shape::of(word).core))]
        });
        let odd = described.chain(titled);
        let Shape { core, words, .. } = Shape::of(title);
        Self {
            title: Seen::of(&core),
            title_words: words,
            odd: odd.collect(),
            hosts: corpus.hosts(portrait),
            portrait,
        }
    }

    /// What targets are found by that resemble the content.
    pub(super) fn keys(&self) -> Vec<u64> {
        let mut keys = Vec::new();
        if !self.title.text.is_empty() {
            keys.extend([key_of("label", &self.title.text), key_of("seen", &self.title.seen)]);
        }
        keys.extend(runs(&self.title_words).map(|it| key_of("brand", &it)));
        keys.extend(self.odd.iter().map(|(_, seen)| key_of("seen", seen)));
        for (kind, identifier) in &self.portrait.packages {
            keys.push(key_of(kind, identifier));
        }
        for host in &self.hosts {
            keys.push(key_of("seen", &host.seen));
            keys.extend(host.words.iter().map(|(_, seen)| key_of("seen", seen)));
            keys.extend(deletions(&host.label).iter().map(|it| key_of("host", it)));
            keys.extend(label_runs(&host.ascii).iter().map(|it| key_of("domain", it)));
        }
        keys
    }

    /// In which ways it resembles a target.
    pub(super) fn signs(&self, target: &Target) -> Vec<Sign> {
        let mut signs = Vec::new();
        if let Some(called) = &target.called {
            signs.extend(self.title_sign(called, target));
            signs.extend(self.odd_sign(called));
        }
        signs.extend(self.hosts.iter().find_map(|host| host_sign(host, target)));
        let theirs = &target.protected.portrait.packages;
        if let Some((kind, identifier)) = self.portrait.packages.intersection(theirs).next() {
            let told = format!("its package {kind} `{identifier}` is the target's");
            signs.push(Sign::new(Technique::ForeignPackage, told));
        }
        signs
    }

    fn title_sign(&self, called: &Seen, target: &Target) -> Option<Sign> {
        let Seen { text, seen } = &self.title;
        let told = || format!("the title `{}` says `{}`", head(&self.portrait.title), called.text);
        let is_in = || !target.is_name && runs(&self.title_words).any(|it| it == target.compact);
        if *text == called.text || is_in() {
            return Some(Sign::new(Technique::BrandInTitle, told()));
        }
        let is_long = called.text.chars().count() >= LOOKS;
        let alike = text.is_ascii() && is_long && *seen == called.seen;
        alike.then(|| Sign::new(Technique::Confusable, told()))
    }

    fn odd_sign(&self, called: &Seen) -> Option<Sign> {
        let (word, _) = self.odd.iter().find(|(_, seen)| *seen == called.seen)?;
        let scripts =
            if word.is_single_script() { "of another script" } else { "of mixed scripts" };
        let told = format!("`{word}`, {scripts}, reads as `{}`", called.text);
        Some(Sign::new(Technique::Homograph, told))
    }
}

/// A host that could be taken for the target's.
fn host_sign(host: &Host, target: &Target) -> Option<Sign> {
    by_domain(host, target).or_else(|| by_brand(host, target))
}

/// A host that holds a brand, or what reads as it.
fn by_brand(host: &Host, target: &Target) -> Option<Sign> {
    let called = target.called.as_ref().filter(|it| it.text.chars().count() >= LOOKS)?;
    if target.is_name || target.registrants.contains(&host.registrant) {
        return None;
    }
    let (word, _) = host.words.iter().find(|(_, seen)| *seen == called.seen)?;
    let technique = match (*word == called.text, word.is_ascii()) {
        (true, _) => Technique::BrandInHost,
        (false, true) => Technique::NearHost,
        (false, false) => Technique::Homograph,
    };
    let mut told = format!("the host `{}` holds `{word}`", host.ascii);
    if *word != called.text {
        told.push_str(&format!(", which reads as `{}`", called.text));
    }
    Some(Sign::new(technique, told))
}

fn by_domain(host: &Host, target: &Target) -> Option<Sign> {
    target.domains.iter().find_map(|domain| {
        if host.registrant == domain.text {
            return None;
        }
        let told = |how: &str| format!("the host `{}` {how} `{}`", host.ascii, domain.text);
        let label = domain.label.text.as_str();
        let long = label.chars().count();
        if label_runs(&host.ascii).contains(&domain.text.as_str()) {
            return Some(Sign::new(Technique::NearHost, told("holds")));
        }
        if long >= CORE && host.seen == domain.label.seen && host.label != label {
            let technique =
                if host.label.is_ascii() { Technique::NearHost } else { Technique::Homograph };
            return Some(Sign::new(technique, told("reads as")));
        }
        if long >= LOOKS && is_near(&host.label, label) {
            return Some(Sign::new(Technique::NearHost, told("differs in one character from")));
        }
        (long >= CORE && host.label == label)
            .then(|| Sign::new(Technique::SwappedHost, told("has another ending than")))
    })
}

/// Every run of two and more of a host's labels.
fn label_runs(host: &str) -> Vec<&str> {
    let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).take(MAX_DOTS).collect();
    let starts = || std::iter::once(0).chain(dots.iter().map(|at| at + 1));
    let ends = || dots.iter().copied().chain([host.len()]);
    let run = |start: usize| ends().filter_map(move |end| host.get(start..end));
    starts().flat_map(run).filter(|it| it.contains('.')).collect()
}

/// A host with more labels than any real one is compared in part.
const MAX_DOTS: usize = 10;

/// What of a title anybody reads.
fn head(title: &str) -> &str {
    title.char_indices().nth(MAX_LENGTH).map_or(title, |(end, _)| &title[..end])
}

impl Target {
    /// What the content of suspects is found by.
    pub(super) fn content_keys(&self) -> BTreeSet<u64> {
        let mut keys = BTreeSet::new();
        if let Some(Seen { text, seen }) = &self.called {
            keys.extend([key_of("label", text), key_of("seen", seen)]);
        }
        for Domain { text, label } in &self.domains {
            keys.extend([key_of("domain", text), key_of("seen", &label.seen)]);
            keys.extend(deletions(&label.text).iter().map(|it| key_of("host", it)));
        }
        for (kind, identifier) in &self.protected.portrait.packages {
            keys.insert(key_of(kind, identifier));
        }
        keys
    }
}
