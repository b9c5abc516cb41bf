use super::{AlertKind, Facts};

/// The facts of the other kinds, in the order of their discriminants.
pub(super) const LATER_FACTS: [Facts; 41] = [
    Facts {
        kind: AlertKind::LoginUnregistered,
        word: "login-unregistered",
        meaning: "The account that a mentioned namespace claims did not exist at its first lookup: anybody may register the login \
            now.",
        remedy: "Deny the namespace, or pin the id of the account that is expected there in an overlay.",
    },
    Facts {
        kind: AlertKind::Lookalike,
        word: "lookalike",
        meaning: "A name of another publisher resembles a protected name or brand.",
        remedy: "Review the server with `vidimus lookalikes why NAME`; then acknowledge the alert, deny the name, or \
            add `not_lookalike` to an overlay.",
    },
    Facts {
        kind: AlertKind::LoopRestarted,
        word: "loop-restarted",
        meaning: "A part of the daemon failed and was restarted.",
        remedy: "Read the reason; the alert is resolved when that part has run for 2 minutes.",
    },
    Facts {
        kind: AlertKind::LossesOnHold,
        word: "losses-on-hold",
        meaning: "More than 5 % of the owners, and at least 3, lost their evidence by absence within a day; further losses take no \
            effect and are looked up every 10 minutes.",
        remedy: "Check the resolvers and the network; acknowledge the alert only if these owners are really gone: their \
            namespaces are then revoked.",
    },
    Facts {
        kind: AlertKind::MaterialChange,
        word: "material-change",
        meaning: "A later version of a name that an approval follows is not benign beside the reference; it waits for a \
            review.",
        remedy: "Review the difference; to serve the version, approve it with its digest in a rule of its own, and follow it \
            from there in a range with it as the `reference`. A later `reviewed` would admit every version that waits.",
    },
    Facts {
        kind: AlertKind::Missing,
        word: "missing",
        meaning: "Full syncs miss an entry that was served.",
        remedy: "Ask the operator of the upstream; the entry is hidden after `missing_syncs` full syncs, and visible \
            again when it returns.",
    },
    Facts {
        kind: AlertKind::NameLimit,
        word: "name-limit",
        meaning: "A name has more than 10,000 versions or 64 MiB, and the rest is in quarantine; or 100 rows of the \
            name, or 1,000 of its namespace, are there, and further ones are left out.",
        remedy: "Ask the publisher; deny the name if a program generates the versions.",
    },
    Facts {
        kind: AlertKind::NamesWaiting,
        word: "names-waiting",
        meaning: "Approved names that other upstreams list have waited for 10 minutes or more: they may belong to this \
            upstream, and no full sync of it was accepted yet, a limit left something of it out, or a change of the name is on hold.",
        remedy: "Correct what stops the full sync of the upstream; or set `enabled = false` in its file, or list the \
            namespaces that it has under `[namespaces] allow` there: the names then go to the next upstream that lists \
            them, and stay there.",
    },
    Facts {
        kind: AlertKind::NewerVersions,
        word: "newer-versions",
        meaning: "Newer versions of approved servers wait for a review by their owner.",
        remedy: "Run `vidimus review --kind newer-version` and review each server; acknowledge the alert to leave these \
            versions as they are.",
    },
    Facts {
        kind: AlertKind::NoLongerServed,
        word: "no-longer-served",
        meaning: "Versions that an approval covers were served, and are hidden now.",
        remedy: "Run `vidimus explain` for the name; correct what the gate names, or remove the approval.",
    },
    Facts {
        kind: AlertKind::OnHold,
        word: "on-hold",
        meaning: "A safety limit keeps a change set of the upstream on hold.",
        remedy: "Review the change set with `vidimus sync --show UPSTREAM@ID`, which prints the commands that release or \
            discard it.",
    },
    Facts {
        kind: AlertKind::OverlaysRefused,
        word: "overlays-refused",
        meaning: "The overlays have errors; the last valid set stays in use, with the denials that can be read.",
        remedy: "Correct the files; `vidimus check` lists each error with its place.",
    },
    Facts {
        kind: AlertKind::OverlaysUnread,
        word: "overlays-unread",
        meaning: "A part of the overlay folder could not be read, or not within 10 seconds, since the system gave no answer; \
            the overlays that were read last stay in use.",
        remedy: "Check the file system of the folder, since a mount may hang or a disk fail, and the limits of the process.",
    },
    Facts {
        kind: AlertKind::OverlaysUnwatched,
        word: "overlays-unwatched",
        meaning: "The system does not notify of changes of the overlay folder, so that it is looked at every \
            `overlays_poll`.",
        remedy: "Raise `fs.inotify.max_user_watches` or `max_user_instances`, or acknowledge the slower way.",
    },
    Facts {
        kind: AlertKind::OwnershipRevoked,
        word: "ownership-revoked",
        meaning: "The owner of a namespace or an entry is gone, or is not the one seen first or pinned; it is \
            hidden.",
        remedy: "Ask the owner; only then correct the pin, or add `waived`, in an overlay; `vidimus ownership \
            NAMESPACE` shows what was found.",
    },
    Facts {
        kind: AlertKind::PackageChanged,
        word: "package-changed",
        meaning: "A package registry states another digest for a file of a served or approved entry than before, than the \
            entry states, or than an approval pins.",
        remedy: "Find out who replaced the file, and review it; `vidimus packages NAME` shows the digests. Pin the right one \
            with `artefacts` in the approval, or acknowledge the alert.",
    },
    Facts {
        kind: AlertKind::PackageDisputed,
        word: "package-disputed",
        meaning: "A package of an entry declares that it belongs to another server; the entry is hidden.",
        remedy: "Ask the publisher of the entry and the owner of the package.",
    },
    Facts {
        kind: AlertKind::PackageUnavailable,
        word: "package-unavailable",
        meaning: "A package of an entry gave no answer in 3 lookups or more; wildcards admit no new version of the entry.",
        remedy: "Check the registry in `[packages]`, and the package; `vidimus ownership NAMESPACE` shows the reason.",
    },
    Facts {
        kind: AlertKind::PackageUnconfirmed,
        word: "package-unconfirmed",
        meaning: "For 7 days a registry gave no comparable digest of an approved package, or no answer about demanded \
            attestations, or the package was not looked at.",
        remedy: "Check the registry and the package; `vidimus packages NAME` shows the reason. Without a registry to ask, \
            list it in `[packages]` or `[package_urls]`; where there was no room, raise `daily_requests`.",
    },
    Facts {
        kind: AlertKind::PinMismatch,
        word: "pin-mismatch",
        meaning: "The digest of an entry is not the one that its approval pins; the entry is hidden.",
        remedy: "Review the content; then approve its digest, or leave the entry hidden.",
    },
    Facts {
        kind: AlertKind::ProvenanceLost,
        word: "provenance-lost",
        meaning: "A package of a served or approved entry was verified before, in this version or the one published before \
            it, and is unsigned now, or was built by another repository or workflow.",
        remedy: "Ask the publisher who built it, and review it before clients install it; `vidimus packages NAME` shows both \
            builds. Acknowledge the alert if the change is right.",
    },
    Facts {
        kind: AlertKind::Quarantined,
        word: "quarantined",
        meaning: "A file or entry of your own upstream cannot be read or used and is not served; while one cannot be read, no \
            entry of that upstream counts as absent.",
        remedy: "Correct the file; `vidimus list --quarantined` lists each one with its reason.",
    },
    Facts {
        kind: AlertKind::Renamed,
        word: "renamed",
        meaning: "An approved name is gone upstream, and is listed in other letter case.",
        remedy: "Ask the publisher; if the rename is right, write the name in the overlay as it is listed now.",
    },
    Facts {
        kind: AlertKind::ResolverFailing,
        word: "resolver-failing",
        meaning: "A DNS resolver gave no answer for nearly 10 minutes; with others configured it is set aside, and they revoke \
            nothing without it.",
        remedy: "Check the resolver and the network to it, or name another one in `[ownership] resolvers`.",
    },
    Facts {
        kind: AlertKind::SchemaViolation,
        word: "schema-violation",
        meaning: "An approved entry violates the schema that strict clients require, or tells an agent to open or to run \
            something unsafe; it is not served.",
        remedy: "List a package registry in `[package_urls]` of `vidimus.toml`; else ask the publisher to correct the \
            entry, or `allow` the URL in a rule for this exact version; other versions are not affected.",
    },
    Facts {
        kind: AlertKind::Shadowed,
        word: "shadowed",
        meaning: "An upstream lists names for which another upstream is authoritative.",
        remedy: "Acknowledge the alert if one registry mirrors the other, and list the namespaces that you want from it \
            under `[namespaces] allow`; otherwise find out who published the names.",
    },
    Facts {
        kind: AlertKind::SharedHost,
        word: "shared-host",
        meaning: "More than 20 namespaces are below one domain.",
        remedy: "If other parties get names there, set `ownership: {shared_host: true}` for its namespace in an \
            overlay.",
    },
    Facts {
        kind: AlertKind::Shrunk,
        word: "shrunk",
        meaning: "Full syncs miss at least 3 rows and 3 % of the stored rows of the upstream.",
        remedy: "Ask the operator of the upstream if the rows were removed on purpose.",
    },
    Facts {
        kind: AlertKind::SizeLimit,
        word: "size-limit",
        meaning: "New content of the upstream is left out, or the next one will be: what is stored of it, or of all upstreams, has reached its limit, the \
            disk has too little free room, or 50,000 rows of it are in quarantine. What is served stays, and deletions are applied.",
        remedy: "Find out why the upstream grew, with `vidimus status`; then raise `max_size` in `[limits]` of its file, or in \
            `[store]` of `vidimus.toml`, or make room on the disk. The next sync run then brings what was left out.",
    },
    Facts {
        kind: AlertKind::Stale,
        word: "stale",
        meaning: "No sync run of the upstream was accepted for 6 intervals and at least 1 hour, and none failed.",
        remedy: "Run `vidimus status`: a sync run may hang or be very slow.",
    },
    Facts {
        kind: AlertKind::StarterActive,
        word: "starter-active",
        meaning: "The starter overlay approves entries.",
        remedy: "Replace the file with your own overlays.",
    },
    Facts {
        kind: AlertKind::StatusChanged,
        word: "status-changed",
        meaning: "The upstream deprecated or deleted versions that an approval covers.",
        remedy: "Read the message of the publisher; name a `successor`, set `on_deprecated`, or remove the approval.",
    },
    Facts {
        kind: AlertKind::StoreUnwritable,
        word: "store-unwritable",
        meaning: "The last write to the store failed. What is served stays served, and denials hide; nothing new is \
            accepted, approved or acknowledged.",
        remedy: "Read the reason: make room on the disk, or correct its permissions; the daemon tries again by itself.",
    },
    Facts {
        kind: AlertKind::SystemRefused,
        word: "system-refused",
        meaning: "The system refuses something that the daemon asks for and can go on without: the socket of operations, the \
            mode of the data folder, room for the reserve on the disk, threads, or the open files that `[limits] connections` \
            needs; or the data folder or its store was moved, removed or replaced while it is in use.",
        remedy: "Read the reason, and correct its cause; the daemon asks again every 10 seconds, for more open files at a \
            restart, and takes other settings up by itself.",
    },
    Facts {
        kind: AlertKind::TransferredName,
        word: "transferred-name",
        meaning: "An upstream lists a name that another upstream served before.",
        remedy: "If the ownership transfer is right, name the new upstream in an overlay.",
    },
    Facts {
        kind: AlertKind::UnreadableRow,
        word: "unreadable-row",
        meaning: "The upstream sends a served version in a form that is not well-formed; the stored content is \
            still served.",
        remedy: "Find out why the entry changed; `vidimus list --quarantined` shows the reason. Deny the version if in doubt.",
    },
    Facts {
        kind: AlertKind::UpstreamFailing,
        word: "upstream-failing",
        meaning: "The last sync run of the upstream failed; what was stored before stays served.",
        remedy: "Read the reason, and do what the alert says about this kind of failure.",
    },
    Facts {
        kind: AlertKind::UpstreamsRefused,
        word: "upstreams-refused",
        meaning: "The upstream files, or a token or certificates that they name, have errors; the last valid ones stay in \
            use.",
        remedy: "Correct the files; `vidimus check` lists each error with its place.",
    },
    Facts {
        kind: AlertKind::VerdictStale,
        word: "verdict-stale",
        meaning: "No lookup of a namespace was definite for 30 days.",
        remedy: "Run `vidimus ownership NAMESPACE`; check DNS and the network.",
    },
    Facts {
        kind: AlertKind::VerificationBacklog,
        word: "verification-backlog",
        meaning: "More than 5 % of the mentioned namespaces, and at least 3, or all of them, had no definite lookup for a day \
            although one was due.",
        remedy: "Check DNS, the network and, for GitHub accounts, the token; `vidimus ownership NAMESPACE` shows the reason.",
    },
    Facts {
        kind: AlertKind::WebhookFailing,
        word: "webhook-failing",
        meaning: "A webhook accepted no delivery for 10 minutes, or deliveries to it were given up.",
        remedy: "Run `vidimus status` and `vidimus alerts dead-letters`; when the webhook works again, run `vidimus \
            alerts redeliver`.",
    },
];
