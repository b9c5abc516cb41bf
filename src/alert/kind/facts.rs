use super::{AlertKind, Facts};

/// The facts of the first kinds, at the index of the discriminant of each.
pub(super) const FACTS: [Facts; 27] = [
    Facts {
        kind: AlertKind::AdvisoriesStale,
        word: "advisories-stale",
        meaning: "A feed of advisories was not read for longer than its `stale_after`, or never, has lost more than half of \
            its advisories, or has no room; those that were read before stay in effect.",
        remedy: "Check the source of the feed, and the room on the disk; to accept a smaller one, give the feed another \
            name in `[[advisory_feeds]]`.",
    },
    Facts {
        kind: AlertKind::AdvisoriesUnreadable,
        word: "advisories-unreadable",
        meaning: "Some advisories of a feed or of the organisation cannot be read, or not completely; what was read of \
            them before stays in effect.",
        remedy: "Correct own files, which `vidimus check` lists; report the others to the operator of the feed.",
    },
    Facts {
        kind: AlertKind::Advisory,
        word: "advisory",
        meaning: "An advisory concerns an approved server; the server is hidden if the advisory hides it.",
        remedy: "Run `vidimus advisories ID`; then approve a version that is not affected, deny the server, or `waive` \
            the advisory in an overlay.",
    },
    Facts {
        kind: AlertKind::AdvisoryOnHold,
        word: "advisory-on-hold",
        meaning: "An advisory of the organisation would hide more than 20 % of the served names, and at least five; it \
            hides nothing before an operator releases it.",
        remedy: "Read it with `vidimus advisories ID`, which prints the command that releases it; or correct its file.",
    },
    Facts {
        kind: AlertKind::ApprovalsEnded,
        word: "approvals-ended",
        meaning: "The overlays have errors, and files without errors do not give these approvals any more; they ended.",
        remedy: "Correct the files with errors; approvals that a valid set gives apply again.",
    },
    Facts {
        kind: AlertKind::ApprovedQuarantined,
        word: "approved-quarantined",
        meaning: "An approval spells out a name of which a version was received in a form that is not well-formed: it is in \
            quarantine, and is not served.",
        remedy: "Ask the publisher to correct what the reason says, or correct your own file; `vidimus list --quarantined` \
            lists the row.",
    },
    Facts {
        kind: AlertKind::Backdated,
        word: "backdated",
        meaning: "A sync run of the last 30 days brought versions that are new here and dated more than an hour before \
            the sync run before it.",
        remedy: "Ask the operator of the upstream why it lists old dates; approvals count such versions from the time \
            when they were accepted here.",
    },
    Facts {
        kind: AlertKind::CaseTwins,
        word: "case-twins",
        meaning: "Two or more served names differ only in letter case.",
        remedy: "Deny or suspend all of them except one: clients that ignore case confuse them.",
    },
    Facts {
        kind: AlertKind::ClockDistrusted,
        word: "clock-distrusted",
        meaning: "The clock of this machine differs by more than 10 minutes from the clocks of all upstreams, or is before \
            times in the store. The daemon goes on from the last time that was agreed.",
        remedy: "Correct the clock of this machine. If it is right, run `vidimus clock accept --time` with the right time.",
    },
    Facts {
        kind: AlertKind::ClockSkew,
        word: "clock-skew",
        meaning: "The clocks of the daemon and of the upstream differ by more than 10 minutes.",
        remedy: "Correct the clock that is wrong; approvals start and end by the clock of the daemon.",
    },
    Facts {
        kind: AlertKind::ConnectionsCrowded,
        word: "connections-crowded",
        meaning: "Three quarters of `[limits] connections` are open; each client has a share, and silence is short.",
        remedy: "Block the clients that cause it, list proxies in `trusted_proxies`, or raise `connections`.",
    },
    Facts {
        kind: AlertKind::DamagedRow,
        word: "damaged-row",
        meaning: "A stored row of the name does not decode; the name is hidden.",
        remedy: "Run `vidimus verify`; restore a copy of the store, or move the store away and let the daemon mirror \
            everything again.",
    },
    Facts {
        kind: AlertKind::DescriptorsExhausted,
        word: "descriptors-exhausted",
        meaning: "The system gives no descriptor or memory for a connection; connections wait.",
        remedy: "Raise the limit of open files (`LimitNOFILE=` of a service), or lower `[limits] connections`.",
    },
    Facts {
        kind: AlertKind::Drift,
        word: "drift",
        meaning: "The upstream changed content after it was published; the first content is served, or with `on_drift: \
            suspend` none, until a digest is approved.",
        remedy: "Compare the two contents, and approve the digest of one of them in an overlay.",
    },
    Facts {
        kind: AlertKind::EvidenceMissing,
        word: "evidence-missing",
        meaning: "A verified namespace does not show the evidence of its owner any more.",
        remedy: "Ask the owner to restore the evidence; after 3 lookups without it, over at least 24 hours, the \
            namespace is revoked.",
    },
    Facts {
        kind: AlertKind::EvidenceUnreadable,
        word: "evidence-unreadable",
        meaning: "Files of the evidence folder cannot be read; what they said before counts until it expires.",
        remedy: "Correct the files, which `vidimus check` lists with their places.",
    },
    Facts {
        kind: AlertKind::Expired,
        word: "expired",
        meaning: "An approval, a waiver or an allowed URL ended while entries were served by it; they are hidden.",
        remedy: "Review the entries again, then renew the rule; or remove it.",
    },
    Facts {
        kind: AlertKind::Expiring,
        word: "expiring",
        meaning: "An approval, a waiver or an allowed URL of a rule ends soon.",
        remedy: "Review again before it ends, and renew the rule; `vidimus list --expiring 30d` lists the entries.",
    },
    Facts {
        kind: AlertKind::FilesUnread,
        word: "files-unread",
        meaning: "A file that the settings name, or the settings file itself, cannot be read or used since it changed; what \
            was read of it before stays in use.",
        remedy: "Read the reason, which names the file, and correct it; it is read again within 10 seconds.",
    },
    Facts {
        kind: AlertKind::Flood,
        word: "flood",
        meaning: "One source reports more than 5 alerts about one namespace, or about the files of one upstream; the 5 \
            heaviest are open, and this alert lists the rest.",
        remedy: "Acknowledge or resolve the open alerts; the next ones are then raised.",
    },
    Facts {
        kind: AlertKind::ForgedMetadata,
        word: "forged-metadata",
        meaning: "An entry was received with metadata under the namespace of this registry; that metadata was \
            removed.",
        remedy: "If a whole upstream does it, and it is another vidimus, set `namespace` in the `vidimus.toml` of one \
            of the two; otherwise ask the publisher, or the operator of the upstream, to remove that metadata.",
    },
    Facts {
        kind: AlertKind::Frozen,
        word: "frozen",
        meaning: "The upstream listed no change for longer than `frozen_after` of its `[safety_limits]`.",
        remedy: "Check that the upstream is the intended one and is still maintained.",
    },
    Facts {
        kind: AlertKind::FutureUpdate,
        word: "future-update",
        meaning: "Rows have an `updatedAt` that is later than the clock of the upstream.",
        remedy: "Notify the operator of the upstream; such rows do not move the watermark.",
    },
    Facts {
        kind: AlertKind::GithubTokenRefused,
        word: "github-token-refused",
        meaning: "GitHub refuses the token.",
        remedy: "Write a valid token into the file that `[github] token_file` names, or remove the setting.",
    },
    Facts {
        kind: AlertKind::GithubTokenWrites,
        word: "github-token-writes",
        meaning: "The GitHub token has scopes that allow more than reading.",
        remedy: "Replace it with a token without scopes.",
    },
    Facts {
        kind: AlertKind::InternalName,
        word: "internal-name",
        meaning: "An external upstream lists a name in an internal namespace; that entry is not served.",
        remedy: "Find out who published it: the name may be meant to be installed in place of your own server.",
    },
    Facts {
        kind: AlertKind::KeysChanged,
        word: "keys-changed",
        meaning: "A namespace shows another set of keys than before; wildcards admit nothing that came since, until a \
            person accepts exactly this set.",
        remedy: "Ask the owner; if the keys are right, acknowledge the alert, or pin them in an overlay, which \
            `vidimus ownership NAMESPACE --pin` prints.",
    },
];
