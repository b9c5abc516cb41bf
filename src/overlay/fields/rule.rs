use super::dates::{EXPIRES, REVIEWED};
use crate::lint::{DURATION, Field, Table};

/// The allowed values of `on_deprecated`.
pub(in crate::overlay) const DEPRECATED: &str = "`keep`, or a mapping such as `{hide_after: 30d}`";
/// The allowed versions of a reference.
pub(in crate::overlay) const RELEASE: &str =
    "a semantic version that is not a pre-release, such as 1.4.0";

/// The allowed values of `contents`.
pub(in crate::overlay) const CONTENTS: &str =
    "1 to 256 versions that the rule selects, each with the digest of its content";

/// The allowed values of `artefacts`.
pub(in crate::overlay) const ARTEFACTS: &str =
    "1 to 64 files or identifiers of packages, each with a digest by sha256, sha384 or sha512";

pub(in crate::overlay) const DOCUMENT: Table = Table {
    heading: "Document",
    intro: "",
    opening: "",
    fields: &[
        Field::new(
            "servers",
            "list of mappings",
            "Rules about servers: see `servers`. May be empty.",
        )
        .may_be_empty()
        .example("[{name: com.example/wiki, tier: 1}]"),
        Field::new(
            "namespaces",
            "list of mappings",
            "Facts about namespaces: see `namespaces`. May be empty.",
        )
        .may_be_empty()
        .example("[{name: com.example.*, internal: true}]"),
    ],
    planned: &[],
};

pub(in crate::overlay) const SERVER: Table = Table {
    heading: "servers",
    intro: "Each item is a rule. Of the rules that select an entry, each field is taken from the most \
            specific one that has it.",
    opening: "servers:\n  - ",
    fields: &[
        Field::new("name", "selector", "The names that the rule selects.")
            .required()
            .allowed("`NS/leaf`, `NS/*`, `NS.*/*` or `*`")
            .example("com.example/wiki"),
        Field::new(
            "versions",
            "text",
            "The versions that the rule selects; every version by default.",
        )
        .allowed("one version, or comparators with `>=`, `>`, `<`, `<=`, `=`, joined by commas")
        .example("\">=1.2, <2\""),
        Field::new("upstream", "text", "The id of the upstream; every upstream by default.")
            .allowed("the id of an upstream file")
            .example("official"),
        Field::new("tier", "integer", "The tier of the entry.").allowed("1 to 3").example("1"),
        Field::new(
            "classification",
            "word",
            "The most sensitive class of data that the server may receive.",
        )
        .allowed("`public`, `internal`, `confidential`, `regulated`")
        .example("internal"),
        Field::new(
            "owner",
            "text",
            "The team that is responsible for the server inside the organisation.",
        )
        .example("service-desk"),
        Field::new("labels", "list of texts", "Labels of your choice, which views can select.")
            .example("[ticketing]"),
        Field::new("reason", "text", "A note for people; it is never served.")
            .example("requested by the service desk"),
        Field::new("approval", "mapping", "The decision: see `approval`.")
            .example("{state: approved, reviewed: 2026-11-01T15:30:00Z}"),
        Field::new(
            "conditions",
            "mapping",
            "Demands on the entries that the rule selects, beyond an approval: see `conditions`. Those of all rules \
             add up.",
        )
        .example("{secrets: none}"),
        Field::new(
            "waive",
            "mapping",
            "A condition that the entries do not have to meet: see `waive`. Only with an exact name.",
        ),
        Field::new(
            "on_drift",
            "word",
            "The consequence when the upstream changes published content: `keep` serves the first content, `suspend` \
             hides the version until a rule pins the digest of one content.",
        )
        .default("keep")
        .allowed("`keep`, `suspend`")
        .example("suspend"),
        Field::new(
            "on_deprecated",
            "word or mapping",
            "The consequence when the upstream deprecates a version: `keep` serves it, `hide_after` hides it: see \
             `on_deprecated`.",
        )
        .default("keep")
        .allowed(DEPRECATED)
        .example("{hide_after: 30d}"),
        Field::new(
            "successor",
            "name",
            "The server to use instead, which clients see in `_meta` while it is served. Only with an exact name.",
        )
        .allowed("a name has 3 to 200 characters")
        .example("com.example/wiki2"),
        Field::new(
            "allow",
            "mapping",
            "A URL beyond public https that the version may name: see `allow`. Only with one exact version of one \
             exact name.",
        ),
        Field::new(
            "not_lookalike",
            "mapping",
            "A decision that these names do not imitate a target: see `not_lookalike`.",
        )
        .example("{target: wiki.example, reason: the same company, reviewer: alice}"),
    ],
    planned: &["audience"],
};

pub(in crate::overlay) const APPROVAL: Table = Table {
    heading: "approval",
    intro: "An approval is taken whole from one rule. An entry without any is pending.",
    opening: "servers:\n  - name: com.example/payments\n    versions: 2.1.0\n    approval:\n",
    fields: &[
        Field::new(
            "state",
            "word",
            "The decision. `denied` and `suspended` override every approval.",
        )
        .required()
        .allowed("`approved`, `pending`, `suspended`, `denied`")
        .example("approved"),
        Field::new(
            "track",
            "word",
            "The depth of the review, which sets the term of the approval: see `[tracks]`.",
        )
        .default("standard")
        .allowed("`fast`, `standard`, `heavy`")
        .example("heavy"),
        Field::new("reviewers", "list of texts", "The people who reviewed; never served.")
            .example("[alice, bob]"),
        Field::new(
            "reviewed",
            "date",
            "The time of the review. The approval covers what was there before, unless it names one exact \
             version. Required for `approved`, except for one exact version with `expires`.",
        )
        .allowed(REVIEWED)
        .example("2026-11-01T15:30:00+01:00"),
        Field::new(
            "expires",
            "date",
            "The last moment of the approval, later than `reviewed`; by default a term of the track after \
             `reviewed` (after the start of that day, for a date). Only with `approved`.",
        )
        .allowed(EXPIRES)
        .example("2027-02-01"),
        Field::new("scope", "text", "What was approved, for people; never served.").example("read only"),
        Field::new(
            "digest",
            "digest",
            "The received digest that was reviewed. Only with `approved` and one exact version of one \
             exact name.",
        )
        .allowed("a digest is `sha256:` and 64 lower-case hexadecimal digits"),
        Field::new(
            "contents",
            "mapping of digests",
            "The versions that the approval covers, each with the received digest that was reviewed; versions are \
             compared byte for byte. It takes the place of the time of the review: a version that is not listed is \
             covered by `follow` only. Only with `approved` and an exact name, and not beside `digest`.",
        )
        .allowed(CONTENTS)
        .example("{2.1.0: \"sha256:3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f\"}"),
        Field::new(
            "artefacts",
            "mapping of digests",
            "The files of its packages, each with the digest that the package registry has to state: by the name of the \
             file, or by the identifier of the package for all its files. A digest that differs, or that was not read \
             yet, hides the version. Only with `approved` and one exact version of one exact name.",
        )
        .allowed(ARTEFACTS)
        .example("{\"wiki-2.1.0.tgz\": \"sha256:3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f\"}"),
        Field::new(
            "checklist",
            "mapping",
            "The answers for the areas of a review, for people: see `checklist`; never served.",
        )
        .example("{authentication: {answer: ok}}"),
        Field::new(
            "follow",
            "word",
            "Later versions that the approval covers too: `benign` ones differ from the reference in listed members \
             only. Only with `approved` and an exact name, for all versions or a range.",
        )
        .allowed("`benign`"),
        Field::new(
            "reference",
            "mapping",
            "The version that later ones are compared with: see `reference`. Without it no version is benign. Only \
             with `follow`.",
        ),
        Field::new(
            "cooldown",
            "duration",
            "The time after which a benign version is served, from the later of its publication and its first sight. \
             Only with `follow`.",
        )
        .default("72h")
        .allowed(DURATION),
    ],
    planned: &["audience"],
};

pub(in crate::overlay) const REFERENCE: Table = Table {
    heading: "reference",
    intro: "The greatest version that the review covers, and its content. It never moves by itself.",
    opening: "servers:\n  - name: com.example/wiki\n    approval:\n      state: approved\n      reviewed: 2026-11-01\n      follow: benign\n      reference:\n",
    fields: &[
        Field::new("version", "text", "The version, which the rule has to select.")
            .required()
            .allowed(RELEASE)
            .example("1.4.0"),
        Field::new("digest", "digest", "The received digest of the version.")
            .required()
            .allowed("a digest is `sha256:` and 64 lower-case hexadecimal digits")
            .example("sha256:3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f"),
    ],
    planned: &[],
};

/// An area of the checklist.
const fn area(key: &'static str, meaning: &'static str) -> Field {
    Field::new(key, "mapping", meaning).like("check")
}

pub(in crate::overlay) const CHECKLIST: Table = Table {
    heading: "checklist",
    intro: "Each area has an answer: see `check`.",
    opening: "servers:\n  - name: com.example/wiki\n    approval:\n      state: approved\n      reviewed: 2026-11-01\n      checklist:\n",
    fields: &[
        area(
            "authentication",
            "The way in which the server authenticates its users, and the secrets it asks for.",
        )
        .example("{answer: ok}"),
        area("scoping", "The rights that the server needs, and their limits.")
            .example("{answer: ok, note: read only token}"),
        area("tool_surface", "The tools, arguments and texts that an agent gets."),
        area("logging", "The records of use that the organisation gets."),
        area("drift", "The way in which the content may change after the review."),
        area("data_flow", "The data that leaves the organisation, and its recipients.")
            .example("{answer: concern, note: it sends texts to another country}"),
    ],
    planned: &[],
};

pub(in crate::overlay) const CHECK: Table = Table {
    heading: "check",
    intro: "",
    opening: "servers:\n  - name: com.example/wiki\n    approval:\n      state: approved\n      reviewed: 2026-11-01\n      checklist:\n        logging:\n",
    fields: &[
        Field::new("answer", "word", "The outcome of the check; `na` if the area does not apply.")
            .required()
            .allowed("`ok`, `concern`, `na`")
            .example("na"),
        Field::new("note", "text", "The reason. Required for `concern` and `na`.")
            .example("the server runs on the machine of its user"),
    ],
    planned: &[],
};

pub(in crate::overlay) const ON_DEPRECATED: Table = Table {
    heading: "on_deprecated",
    intro: "",
    opening: "servers:\n  - name: com.example/wiki\n    on_deprecated:\n",
    fields: &[
        Field::new(
            "hide_after",
            "duration",
            "The time for which a deprecated version stays served, from the moment when its deprecation was first seen \
             here.",
        )
        .required()
        .allowed(DURATION)
        .example("30d"),
    ],
    planned: &[],
};

pub(in crate::overlay) const ALLOW: Table = Table {
    heading: "allow",
    intro: "A private host, http, or a package registry that is not public, in a remote, a package, an icon, the \
            website or the repository. Several rules for the same version each allow one URL.",
    opening: "servers:\n  - name: com.example/payments\n    versions: 2.1.0\n    allow:\n",
    fields: &[
        Field::new("url", "URL", "The URL, exactly as the entry has it.")
            .required()
            .allowed("an https or http URL, as the entry has it")
            .example("https://payments.corp.example:8443/mcp"),
        Field::new("reason", "text", "Why the version may name it.")
            .required()
            .example("it is our own host, behind the VPN"),
        Field::new("reviewer", "text", "The person who decided it.").required().example("alice"),
        Field::new("expires", "date", "The last moment at which it is allowed.")
            .required()
            .allowed(EXPIRES)
            .example("2027-02-01"),
    ],
    planned: &[],
};
