use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of alert.
///
/// The derived order is that of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    CaseTwins,
    ClockSkew,
    DamagedRow,
    Drift,
    Flood,
    ForgedMetadata,
    Frozen,
    FutureUpdate,
    GithubTokenRefused,
    GithubTokenWrites,
    Held,
    InternalName,
    KeysChanged,
    Lookalike,
    LoopRestarted,
    Missing,
    NameLimit,
    OverlaysRefused,
    OwnershipRefuted,
    PackageDisputed,
    PassedName,
    PinMismatch,
    ProofMissing,
    Quarantined,
    Shadowed,
    SharedHost,
    Shrunk,
    Stale,
    StarterInForce,
    Unreadable,
    UpstreamFailing,
    UpstreamsRefused,
    VerdictStale,
    WebhookFailing,
}

impl AlertKind {
    /// Returns every kind, in the order of the words.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|facts| facts.kind)
    }

    /// The word on the wire, in files and in commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        FACTS[self as usize].word
    }

    /// What is the case when an alert of this kind is open.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        FACTS[self as usize].meaning
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        FACTS[self as usize].remedy
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Facts {
    kind: AlertKind,
    word: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

/// One row for each kind, at the place of its discriminant.
const FACTS: [Facts; 34] = [
    Facts {
        kind: AlertKind::CaseTwins,
        word: "case-twins",
        meaning: "Served names differ in case only.",
        remedy: "Deny or suspend all but one of them: clients that ignore case confuse them.",
    },
    Facts {
        kind: AlertKind::ClockSkew,
        word: "clock-skew",
        meaning: "The clock of this machine and that of the upstream differ by more than ten minutes.",
        remedy: "Set the wrong clock right: approvals start and end by the clock of this machine.",
    },
    Facts {
        kind: AlertKind::DamagedRow,
        word: "damaged-row",
        meaning: "A stored row of the name does not decode; the name is hidden.",
        remedy: "Run `vidimus verify`; restore a copy of the store, or move it away and let it be filled again.",
    },
    Facts {
        kind: AlertKind::Drift,
        word: "drift",
        meaning: "The upstream changed content that was published; the first content is served.",
        remedy: "Compare both contents; to serve the other one, approve its digest.",
    },
    Facts {
        kind: AlertKind::Flood,
        word: "flood",
        meaning: "More than five alerts about one namespace come from one source; the rest is only listed.",
        remedy: "Acknowledge or settle the open ones: the next ones take their places.",
    },
    Facts {
        kind: AlertKind::ForgedMetadata,
        word: "forged-metadata",
        meaning: "An entry came with metadata under the namespace of this registry; it was left out.",
        remedy: "Ask the publisher or the upstream to leave that metadata out.",
    },
    Facts {
        kind: AlertKind::Frozen,
        word: "frozen",
        meaning: "Nothing changed at the upstream for longer than `frozen_after`.",
        remedy: "Check that the upstream is the one you mean and still maintained.",
    },
    Facts {
        kind: AlertKind::FutureUpdate,
        word: "future-update",
        meaning: "Rows have an `updatedAt` that the clock of the upstream has not reached.",
        remedy: "Tell the operator of the upstream; such rows do not move the watermark.",
    },
    Facts {
        kind: AlertKind::GithubTokenRefused,
        word: "github-token-refused",
        meaning: "GitHub refuses the token.",
        remedy: "Put another token into `[github] token_file`, or none.",
    },
    Facts {
        kind: AlertKind::GithubTokenWrites,
        word: "github-token-writes",
        meaning: "The GitHub token may do more than read.",
        remedy: "Replace it with a token without any scope.",
    },
    Facts {
        kind: AlertKind::Held,
        word: "held",
        meaning: "A safety limit keeps changes of the upstream back.",
        remedy: "Read what would change, then run `vidimus sync --release` or `--discard` with the id of the set.",
    },
    Facts {
        kind: AlertKind::InternalName,
        word: "internal-name",
        meaning: "An upstream that is not internal lists a name of an internal namespace.",
        remedy: "Find out who published it: it may be meant to be installed in place of your own server.",
    },
    Facts {
        kind: AlertKind::KeysChanged,
        word: "keys-changed",
        meaning: "A namespace shows none of the keys that it showed before.",
        remedy: "Ask its owner; pin the new keys in an overlay when they are right.",
    },
    Facts {
        kind: AlertKind::Lookalike,
        word: "lookalike",
        meaning: "A name from outside resembles something that is protected.",
        remedy: "Look at the server; then acknowledge the alert, deny the name, or say `not_lookalike` in an overlay.",
    },
    Facts {
        kind: AlertKind::LoopRestarted,
        word: "loop-restarted",
        meaning: "A part of the daemon failed by itself and was started again.",
        remedy: "Read the reason; the alert ends when that part has run for two minutes.",
    },
    Facts {
        kind: AlertKind::Missing,
        word: "missing",
        meaning: "Full syncs do not see an entry that was served.",
        remedy: "Ask the upstream; the entry is hidden after several full syncs and comes back by itself.",
    },
    Facts {
        kind: AlertKind::NameLimit,
        word: "name-limit",
        meaning: "A name has more versions or bytes than are kept; the rest is in quarantine.",
        remedy: "Ask the publisher; deny the name if the versions are made by a machine.",
    },
    Facts {
        kind: AlertKind::OverlaysRefused,
        word: "overlays-refused",
        meaning: "The overlays have errors; the last good set is in force, with the denials that can be read.",
        remedy: "Correct the files; `vidimus check` names each place.",
    },
    Facts {
        kind: AlertKind::OwnershipRefuted,
        word: "ownership-refuted",
        meaning: "A namespace or an entry is not by the owner that was known; it is hidden.",
        remedy: "Ask the owner; correct or waive the pin in an overlay only after that.",
    },
    Facts {
        kind: AlertKind::PackageDisputed,
        word: "package-disputed",
        meaning: "A package that an entry names says that it belongs to another server; the entry is hidden.",
        remedy: "Ask the publisher of the entry and the owner of the package.",
    },
    Facts {
        kind: AlertKind::PassedName,
        word: "passed-name",
        meaning: "An upstream lists a name that another upstream served before.",
        remedy: "Name the new upstream in an overlay if the transfer is right.",
    },
    Facts {
        kind: AlertKind::PinMismatch,
        word: "pin-mismatch",
        meaning: "An entry has another digest than the one that its approval pins.",
        remedy: "Review the content; approve its digest, or leave it hidden.",
    },
    Facts {
        kind: AlertKind::ProofMissing,
        word: "proof-missing",
        meaning: "A namespace does not show the proof that it showed before.",
        remedy: "Ask its owner to restore the proof; the namespace is refuted when it stays away.",
    },
    Facts {
        kind: AlertKind::Quarantined,
        word: "quarantined",
        meaning: "A file or entry of your own upstream is not usable and not served.",
        remedy: "Correct the file; `vidimus list --quarantined` shows each with its reason.",
    },
    Facts {
        kind: AlertKind::Shadowed,
        word: "shadowed",
        meaning: "An upstream lists a name that belongs to another upstream.",
        remedy: "Nothing, where one registry mirrors the other; otherwise find out who published it.",
    },
    Facts {
        kind: AlertKind::SharedHost,
        word: "shared-host",
        meaning: "More than twenty namespaces stand below one domain.",
        remedy: "Say `ownership: {shared_host: true}` of its namespace if strangers get names there.",
    },
    Facts {
        kind: AlertKind::Shrunk,
        word: "shrunk",
        meaning: "Full syncs miss a large share of what is stored of the upstream.",
        remedy: "Ask the operator of the upstream whether so much was removed on purpose.",
    },
    Facts {
        kind: AlertKind::Stale,
        word: "stale",
        meaning: "No sync of the upstream was accepted for a long time, and none failed.",
        remedy: "Look at `vidimus status`: a sync may hang or be very slow.",
    },
    Facts {
        kind: AlertKind::StarterInForce,
        word: "starter-in-force",
        meaning: "The example overlay approves entries.",
        remedy: "Replace the file with overlays of your own.",
    },
    Facts {
        kind: AlertKind::Unreadable,
        word: "unreadable",
        meaning: "An approved entry violates what strict clients demand; it is not served.",
        remedy: "Ask the publisher to correct the entry; other versions are not affected.",
    },
    Facts {
        kind: AlertKind::UpstreamFailing,
        word: "upstream-failing",
        meaning: "Syncs of the upstream fail.",
        remedy: "Read the reason; check the address, the network and the certificates.",
    },
    Facts {
        kind: AlertKind::UpstreamsRefused,
        word: "upstreams-refused",
        meaning: "The upstream files have errors; the last good ones are in force.",
        remedy: "Correct the files; `vidimus check` names each place.",
    },
    Facts {
        kind: AlertKind::VerdictStale,
        word: "verdict-stale",
        meaning: "Nothing definite was seen of the owner of a namespace for 30 days.",
        remedy: "Run `vidimus prove` for the namespace; check DNS and the network.",
    },
    Facts {
        kind: AlertKind::WebhookFailing,
        word: "webhook-failing",
        meaning: "A webhook takes nothing, or notices to it were given up.",
        remedy: "Look at `vidimus status`; after the repair run `vidimus alerts redeliver`.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_row_and_its_word_is_its_serialized_form() {
        for (index, facts) in FACTS.iter().enumerate() {
            assert_eq!(facts.kind as usize, index, "{}", facts.word);
            let json = serde_json::to_string(&facts.kind).expect("JSON");
            assert_eq!(json, format!("\"{}\"", facts.word));
            assert!(facts.meaning.ends_with('.') && facts.remedy.ends_with('.'), "{}", facts.word);
        }
        let words: Vec<&str> = AlertKind::all().map(AlertKind::as_str).collect();
        assert!(words.is_sorted(), "{words:?}");
    }
}
