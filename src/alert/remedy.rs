use super::evidence::Evidence;
use super::identity::SHORT;
use super::record::Alert;
use crate::model::{Escaped, FailureClass, RoomLimit};

impl Alert {
    /// Returns the action that resolves it: that of its evidence where this knows more than the kind.
    #[must_use]
    pub fn remedy(&self) -> String {
        let of_evidence = self.evidence.iter().find_map(|item| match item {
            Evidence::SyncFailure { class } => Some(of_failure(*class).to_owned()),
            Evidence::NoRoom { limit } => Some(self.of_room(*limit)),
            Evidence::OnHold { upstream, set } => Some(format!(
                "Review the change set with `vidimus sync --show {}@{}`, which prints the commands that release or discard \
                 it.",
                Escaped(upstream),
                set.short(SHORT)
            )),
            _ => None,
        });
        of_evidence.unwrap_or_else(|| self.filled(self.kind().remedy()))
    }

    /// Returns a text with the name and the advisory in the place of the words that stand for them in a command.
    fn filled(&self, text: &str) -> String {
        let advisory = self.evidence.iter().find_map(|item| match item {
            Evidence::Advisory { advisory, .. } | Evidence::AdvisoryOnHold { advisory, .. } => {
                Some(advisory.as_str())
            }
            _ => None,
        });
        let mut filled = text.to_owned();
        for (word, value) in [(" NAME`", self.identity.name()), (" ID`", advisory)] {
            if let Some(value) = value.filter(|value| is_plain(value)) {
                filled = filled.replace(word, &format!(" {value}`"));
            }
        }
        filled
    }

    fn of_room(&self, limit: RoomLimit) -> String {
        let upstream = Escaped(&self.identity.subject);
        match limit {
            RoomLimit::Upstream => format!(
                "Find out why the upstream grew; then raise `max_size` in `[limits]` of the file of the upstream \
                 `{upstream}`. The next sync run then brings what was left out."
            ),
            RoomLimit::All => "Find out which upstream grew, with `vidimus status`; then raise `max_size` in `[store]` of \
                 `vidimus.toml`. The next sync run then brings what was left out."
                .to_owned(),
            RoomLimit::Disk => "Make room on the disk of the data folder, or lower `min_free` in `[store]` of \
                 `vidimus.toml`. The next sync run then brings what was left out."
                .to_owned(),
            RoomLimit::Quarantine => format!(
                "Read the reasons with `vidimus list --quarantined`, and ask the operator of the upstream `{upstream}` to \
                 correct its rows, or check that its `url` is that of a registry. There is no setting for this limit."
            ),
        }
    }
}

/// Returns true if a shell takes a text as it is.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    !text.starts_with('-') && text.bytes().all(is_plain)
}

/// Returns what to do about a sync run that failed.
const fn of_failure(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Fetch => {
            "Read the reason; check `url` in the file of the upstream, the network, a proxy between, and the certificates. \
             The next run asks again."
        }
        FailureClass::Denied => {
            "Write a valid token into the file that `token_file` of the upstream names, or ask the operator of the \
             registry for one; another token is taken up within 10 seconds."
        }
        FailureClass::Status => {
            "Read the status. 404: check that `url` in the file of the upstream is the root, to which `/v0.1/servers` is \
             appended. 429: lower `requests_per_hour`. Others: ask the operator of the registry. The next run asks again."
        }
        FailureClass::TooLarge => {
            "Ask the operator of the registry: one row of its list has more bytes than a whole page may have. There is no \
             setting for it."
        }
        FailureClass::Files => {
            "Correct what the reason names: `path` in the file of the upstream, or the permissions of the folder."
        }
        FailureClass::Page => {
            "Read how the answer begins: a proxy or a login page may answer in place of the registry, or `url` in the file \
             of the upstream is not the root, to which `/v0.1/servers` is appended. If it is the registry, ask its \
             operator."
        }
        FailureClass::PageEnd => {
            "Ask the operator of the registry to put the cursor of the next page into `metadata.nextCursor`, and to leave \
             it out of the last page only; there is no setting for it here. Until then names that approvals spell out are \
             fetched one by one and served, and pages that you save can be an upstream of `kind = \"files\"`."
        }
        FailureClass::Pagination => {
            "Ask the operator of the registry why its list does not end; there is no setting for it. Names that approvals \
             spell out are fetched one by one meanwhile."
        }
        FailureClass::TwoStores => {
            "Let the address of the upstream lead to one store: a load balancer may have two behind it. The next run begins \
             again."
        }
        FailureClass::Store => {
            "Read the reason: make room on the disk of the data folder, or correct its permissions; if it lasts, run \
             `vidimus verify`."
        }
        FailureClass::Room => "Read the alert `size-limit`.",
        FailureClass::Stopped => "Wait for the next run, which resumes.",
        FailureClass::Panic => {
            "Report the reason to the developers of vidimus; the next run tries again."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertKind, ReportedAlert};
    use crate::model::{Digest, Timestamp};

    fn remedy(kind: AlertKind, item: Evidence) -> String {
        let reported = ReportedAlert::new(kind, "acme", [item]);
        Alert::raise("upstream:acme", reported, Timestamp::MIN).remedy()
    }

    #[test]
    fn failures_with_an_answer_do_not_send_people_to_the_network() {
        for class in [
            FailureClass::Denied,
            FailureClass::TooLarge,
            FailureClass::PageEnd,
            FailureClass::Pagination,
            FailureClass::Room,
        ] {
            let text = remedy(AlertKind::UpstreamFailing, Evidence::SyncFailure { class });
            assert!(!text.contains("network") && !text.contains("certificate"), "{text}");
        }
        let end = Evidence::SyncFailure { class: FailureClass::PageEnd };
        let text = remedy(AlertKind::UpstreamFailing, end);
        for part in ["`metadata.nextCursor`", "no setting", "approvals spell out", "files"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn remedy_has_no_placeholder_for_what_the_alert_knows() {
        let set = Digest::of(b"x");
        let text = remedy(AlertKind::OnHold, Evidence::OnHold { upstream: "acme".into(), set });
        assert!(text.contains(&format!("--show acme@{}`", set.short(SHORT))), "{text}");
        for (limit, named, other) in [
            (RoomLimit::Upstream, "of the upstream `acme`", "the disk"),
            (RoomLimit::All, "in `[store]`", "`[limits]`"),
            (RoomLimit::Disk, "`min_free`", "`max_size`"),
            (RoomLimit::Quarantine, "--quarantined", "`max_size`"),
        ] {
            let text = remedy(AlertKind::SizeLimit, Evidence::NoRoom { limit });
            assert!(text.contains(named) && !text.contains(other), "{text}");
        }
        let on_hold = |advisory: &str| Evidence::AdvisoryOnHold {
            advisory: advisory.into(),
            digest: Digest::of(b"x"),
        };
        let text = remedy(AlertKind::AdvisoryOnHold, on_hold("GHSA-1-2"));
        assert!(text.contains("`vidimus advisories GHSA-1-2`"), "{text}");
        let text = remedy(AlertKind::AdvisoryOnHold, on_hold("$(reboot)"));
        assert!(text.contains("`vidimus advisories ID`"), "{text}");
        let text = remedy(AlertKind::Frozen, Evidence::Condition { kind: AlertKind::Frozen });
        assert_eq!(text, AlertKind::Frozen.remedy());
    }
}
