use std::collections::BTreeSet;

use super::profile::EntryProfile;
use super::registrant::{Registrant, label};
use super::text::{MIN_EQUAL, Words, length};
use super::visual::{Visual, plain};
use crate::ownership::SharedHosts;

/// The words of one host that are compared, at most.
const MAX_WORDS: usize = 20;
/// The labels of a host that are compared, at most; real hosts have fewer.
const MAX_DOTS: usize = 10;

/// A host that an entry points to, below a domain that was registered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host {
    /// The host in ASCII, without its port.
    pub(super) ascii: String,
    /// The host as written in the profile.
    pub(super) written: String,
    /// The domain that was registered, or the account that the page belongs to.
    pub(super) registrant: String,
    /// The label of the registrant, decoded, and its visual form.
    pub(super) label: String,
    pub(super) seen: String,
    /// The words before the suffix, each with its visual form.
    pub(super) words: BTreeSet<(String, String)>,
    /// True if it has more words or labels than are compared.
    pub(super) is_cut: bool,
}

impl Host {
    /// Reads all hosts of a profile; those that cannot be registered are left out.
    pub(super) fn all(profile: &EntryProfile, shared: &SharedHosts) -> BTreeSet<Self> {
        profile.hosts.iter().filter_map(|host| Self::read(host, shared)).collect()
    }

    /// Reads a host; of a template the labels behind the last variable.
    fn read(written: &str, shared: &SharedHosts) -> Option<Self> {
        let host = written.rsplit_once(':').map_or(written, |(host, _)| host);
        let fixed = host.rsplit_once('}').map_or(Some(host), |(_, end)| end.strip_prefix('.'))?;
        let ascii = idna::domain_to_ascii(fixed).ok()?;
        let registrant = registrant(&ascii, shared)?;
        let (readable, _) = idna::domain_to_unicode(&registrant);
        let label = label(&readable).core;
        // The public suffix does not identify a registrant.
        let suffix = registrant.split_once('.').map_or("", |(_, suffix)| suffix);
        let (readable, _) = idna::domain_to_unicode(ascii.strip_suffix(suffix).unwrap_or(&ascii));
        let all = Words::of(&readable).all;
        let is_cut = all.len() > MAX_WORDS || ascii.matches('.').count() > MAX_DOTS;
        let words = all.into_iter().take(MAX_WORDS).map(|word| {
            let seen = plain(&word);
            (word, seen)
        });
        let words = words.collect();
        let written = written.to_owned();
        Some(Self { seen: plain(&label), label, words, is_cut, ascii, written, registrant })
    }

    /// Returns true if the label differs from that of the domain, but looks the same.
    pub(super) fn reads_as(&self, domain: &Domain) -> bool {
        let theirs = &domain.label;
        length(&theirs.text) >= MIN_EQUAL && self.label != theirs.text && self.seen == theirs.seen
    }

    /// Returns every run of two and more labels.
    pub(super) fn label_runs(&self) -> Vec<&str> {
        let host = self.ascii.as_str();
        let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).take(MAX_DOTS).collect();
        let starts = || std::iter::once(0).chain(dots.iter().map(|at| at + 1));
        let ends = || dots.iter().copied().chain([host.len()]);
        let run = |start: usize| ends().filter_map(move |end| host.get(start..end));
        starts().flat_map(run).filter(|run| run.contains('.')).collect()
    }
}

/// Returns the registrant of a host, whatever labels stand before the domain that was registered.
fn registrant(ascii: &str, shared: &SharedHosts) -> Option<String> {
    let labels: Vec<&str> = ascii.rsplit('.').take(MAX_DOTS).collect();
    let mut parents = (1..=labels.len()).rev().map(|length| labels[..length].join("."));
    // An address is no domain, and neither is anything behind its dots.
    parents.find_map(|parent| Registrant::id_of(&parent, shared))
}

/// A domain that belongs to a target, and the label that it is known by.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) text: String,
    pub(super) label: Visual,
}

impl Domain {
    pub(super) fn of(text: String) -> Option<Self> {
        let label = Visual::of(text.split_once('.')?.0);
        Some(Self { text, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_read_without_port_and_suffix() {
        let host = Host::read("pay.stripe.co.uk:8443", &SharedHosts::default()).expect("a host");
        assert_eq!(host.registrant, "stripe.co.uk");
        assert_eq!(host.label, "stripe");
        let words: Vec<&str> = host.words.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(words, ["pay", "stripe"]);
        assert!(host.label_runs().contains(&"stripe.co"));
        assert_eq!(host.written, "pay.stripe.co.uk:8443");
    }

    /// P25.
    #[test]
    fn labels_that_cannot_be_registered_hide_no_domain() {
        let many = format!("{}strlpe.com", "a.".repeat(40));
        for written in ["a_b.strlpe.com", "-x.strlpe.com", many.as_str()] {
            let host = Host::read(written, &SharedHosts::default()).expect("a host");
            assert_eq!(host.registrant, "strlpe.com", "{written}");
            assert_eq!(host.is_cut, written == many);
        }
    }

    #[test]
    fn labels_behind_a_variable_are_read() {
        let host = Host::read("{tenant}.strlpe.com", &SharedHosts::default()).expect("a host");
        assert_eq!(host.registrant, "strlpe.com");
        assert_eq!(host.written, "{tenant}.strlpe.com");
    }

    #[rstest::rstest]
    #[case("{tenant}.example")]
    #[case("pay-{tenant}")]
    #[case("x.pay{tenant}")]
    #[case("127.0.0.1:80")]
    #[case("1.127.0.0.1")]
    #[case("com")]
    #[case("")]
    fn host_that_cannot_be_registered_is_left_out(#[case] host: &str) {
        assert_eq!(Host::read(host, &SharedHosts::default()), None);
    }
}
