//! The keys of overlay files: the readers accept these and no others, and `docs/configuration.md` is
//! generated from them.

use crate::lint::{Field, FileFormat, Language, Table};

/// The allowed values of `reviewed`.
pub(super) const REVIEWED: &str = "a date such as 2026-01-31, which covers what was there before that day began in \
                                   UTC, or an RFC 3339 date and time, which covers up to itself";
/// The allowed values of `expires`.
pub(super) const EXPIRES: &str = "a date such as 2026-01-31, which means the end of that day in UTC, or an RFC 3339 \
                                  date and time";

/// Returns the overlay file with all its keys.
#[must_use]
pub fn file_format() -> FileFormat {
    FileFormat {
        name: "Overlay files",
        language: Language::Yaml,
        intro: "YAML files `*.yaml` below the overlay folder; all of them are one set. A file may hold \
                several documents. An unknown key, a duplicate key, `null`, an alias and a tag are errors, \
                and one error refuses the whole set. [Overlays](overlays.md) explains rules and how they \
                merge.",
        tables: &[
            &DOCUMENT,
            &SERVER,
            &APPROVAL,
            &ALLOW,
            &NAMESPACE,
            &OWNERSHIP,
            &WAIVER,
            &NOT_LOOKALIKE,
        ],
    }
}

pub(super) const DOCUMENT: Table = Table {
    heading: "Document",
    intro: "",
    opening: "",
    fields: &[
        Field::new(
            "servers",
            "list of mappings",
            "Rules about servers: see `servers`. May be empty.",
        )
        .example("[{name: com.example/wiki, tier: 1}]"),
        Field::new(
            "namespaces",
            "list of mappings",
            "Facts about namespaces: see `namespaces`. May be empty.",
        )
        .example("[{name: com.example.*, internal: true}]"),
    ],
    planned: &[],
};

pub(super) const SERVER: Table = Table {
    heading: "servers",
    intro: "Each item is a rule. Of the rules that select an entry, each field is taken from the most \
            specific one that has it.",
    opening: "servers:\n  - ",
    fields: &[
        Field::new("name", "text", "The names that the rule selects.")
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
    planned: &["conditions", "audience"],
};

pub(super) const APPROVAL: Table = Table {
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
            "text",
            "The received digest that was reviewed. Only with `approved` and one exact version of one \
             exact name.",
        )
        .allowed("a digest is `sha256:` and 64 lower-case hexadecimal digits")
        .example("sha256:3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f"),
    ],
    planned: &["conditions", "audience"],
};

pub(super) const ALLOW: Table = Table {
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

pub(super) const NAMESPACE: Table = Table {
    heading: "namespaces",
    intro: "Each item states facts about a namespace.",
    opening: "namespaces:\n  - ",
    fields: &[
        Field::new("name", "text", "The namespace, in upper or lower case.")
            .required()
            .allowed("a namespace is `com.example`, or `com.example.*` with all below it")
            .example("com.example.*"),
        Field::new(
            "internal",
            "boolean",
            "With `true` only internal upstreams may list names in it, and its names are protected.",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new("ownership", "mapping", "Pins and requirements for its owner: see `ownership`.")
            .example("{require: verified}"),
        Field::new(
            "protect",
            "list of texts",
            "Brands and names that belong to it, of at least 3 letters or digits, or `true` for the \
             namespace itself.",
        )
        .allowed("a brand or a server's name, 3 to 200 characters")
        .example("[example, example cloud]"),
        Field::new(
            "not_lookalike",
            "mapping",
            "A decision that names in it do not imitate a target: see `not_lookalike`.",
        )
        .example("{target: wiki.example, reason: the same company, reviewer: alice}"),
    ],
    planned: &[],
};

pub(super) const OWNERSHIP: Table = Table {
    heading: "ownership",
    intro: "At least one key is needed. A pin outranks the owner that was seen first. \
            [Ownership](ownership.md#what-overlays-say) explains pins.",
    opening: "namespaces:\n  - name: com.example.*\n    ownership:\n",
    fields: &[
        Field::new("github", "integer", "The id of the GitHub account that owns the namespace.")
            .allowed("1 to 18446744073709551615")
            .example("9919"),
        Field::new(
            "keys",
            "list of texts",
            "Public keys; the domain must show one of them. Refused for `io.github.` namespaces.",
        )
        .allowed("`ed25519:` and 32 bytes in base64, or `ecdsap384:` and a compressed point of 49 bytes in base64")
        .example("[\"ed25519:JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=\"]"),
        Field::new("waived", "mapping", "Serves names without verification: see `waived`."),
        Field::new(
            "require",
            "word",
            "The verdict that approvals require, in place of that of `[ownership]` in `vidimus.toml`.",
        )
        .allowed("`not-revoked`, `verified`, `declared`")
        .example("verified"),
        Field::new(
            "shared_host",
            "boolean",
            "With `true` unrelated publishers get names below it, so that its own record verifies none of \
             them.",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
    ],
    planned: &[],
};

pub(super) const WAIVER: Table = Table {
    heading: "waived",
    intro: "",
    opening: "namespaces:\n  - name: com.vendor.*\n    ownership:\n      waived:\n",
    fields: &[
        Field::new("reason", "text", "Why verification is waived.")
            .required()
            .example("the vendor has no DNS of its own"),
        Field::new("reviewer", "text", "The person who decided it.").required().example("alice"),
    ],
    planned: &[],
};

pub(super) const NOT_LOOKALIKE: Table = Table {
    heading: "not_lookalike",
    intro: "In an item of `servers` or of `namespaces`: the names that the item selects are no lookalikes \
            of the target. [Lookalikes](lookalikes.md) explains the alerts.",
    opening: "servers:\n  - name: io.github.example/wiki-tools\n    not_lookalike:\n",
    fields: &[
        Field::new("target", "text", "The protected name or brand, as the alert names it.")
            .required()
            .example("com.example/wiki"),
        Field::new("reason", "text", "Why the names are no lookalikes.")
            .required()
            .example("a plug-in by the same company"),
        Field::new("reviewer", "text", "The person who decided it.").required().example("alice"),
    ],
    planned: &[],
};
