use crate::lint::{Field, Table};

pub(in crate::overlay) const NAMESPACE: Table = Table {
    heading: "namespaces",
    intro: "Each item states facts about a namespace.",
    opening: "namespaces:\n  - ",
    fields: &[
        Field::new("name", "namespace", "The namespace, in upper or lower case.")
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
            "list of texts or boolean",
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

pub(in crate::overlay) const OWNERSHIP: Table = Table {
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

pub(in crate::overlay) const WAIVER: Table = Table {
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

pub(in crate::overlay) const NOT_LOOKALIKE: Table = Table {
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
