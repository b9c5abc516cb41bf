use crate::lint::{Field, SIZE, Table};

pub(in crate::config) const UPSTREAM: Table = Table {
    heading: "Top level",
    intro: "",
    opening: "",
    fields: &[
        Field::new("kind", "word", "A registry that is read over HTTP, or files of your own.")
            .required()
            .allowed("`registry`, `files`")
            .example("\"registry\""),
        Field::new(
            "url",
            "URL",
            "The root of the registry; `/v0.1/servers` is appended. Required for the kind `registry` and \
             refused for `files`.",
        )
        .allowed("an https URL without user, query and fragment; http on loopback, or with `allow_http`")
        .example("\"https://registry.example\""),
        Field::new(
            "path",
            "path",
            "A folder of `server.json` files, or one file with a list of them. Required for the kind \
             `files` and refused for `registry`.",
        ),
        Field::new(
            "trust",
            "word",
            "An internal upstream is the organisation's own: only it may list names of internal namespaces.",
        )
        .default("\"external\"")
        .allowed("`internal`, `external`")
        .example("\"external\""),
        Field::new(
            "priority",
            "integer",
            "The lowest number is authoritative for a name that several upstreams list. Each upstream has \
             a number of its own.",
        )
        .default("100")
        .allowed("0 to 4294967295")
        .example("50"),
        Field::new(
            "enabled",
            "boolean",
            "With `false` the upstream is not read, and its entries are not served.",
        )
        .default("true")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new(
            "trust_dates",
            "boolean",
            "With `true`, what the first full sync brings counts as known since its date of publication, and not \
             since that sync: see [Lookalikes](lookalikes.md#what-is-suppressed).",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new("token_file", "path", "A file with a bearer token for the registry, on one line.")
            .example("\"/run/secrets/registry-token\""),
        Field::new(
            "ca_file",
            "path",
            "Certificates in PEM that are trusted for the registry, in addition to those of the system and \
             of `[egress]`.",
        )
        .example("\"/etc/ssl/registry-ca.pem\""),
        Field::new("allow_http", "boolean", "Allows `http` beyond loopback.")
            .default("false")
            .allowed("`true` or `false`")
            .example("false"),
        Field::new("limits", "table", "The budget of requests and the size of its content: see `[limits]`."),
        Field::new("namespaces", "table", "The names it may be authoritative for: see `[namespaces]`."),
        Field::new("sync", "table", "The schedule of sync runs: see `[sync]`."),
        Field::new(
            "safety_limits",
            "table",
            "Bounds on what one sync run may change: see `[safety_limits]`.",
        ),
    ],
    planned: &[],
};

pub(in crate::config) const REQUESTS: Table = Table {
    heading: "[limits]",
    intro: "",
    opening: "[limits]\n",
    fields: &[
        Field::new(
            "requests_per_hour",
            "integer",
            "The budget of requests; further ones wait. The requests of an hour may come at once.",
        )
        .unit("requests per hour")
        .default("20000")
        .allowed("1 to 10000000")
        .example("5000"),
        Field::new(
            "max_size",
            "size",
            "The size of the stored content of the upstream. New content beyond it is left out, with an alert; what is \
             served stays, and deletions are applied.",
        )
        .unit("KiB, MiB, GiB, TiB")
        .default("\"4GiB\"")
        .allowed(SIZE)
        .example("\"8GiB\""),
    ],
    planned: &[],
};

pub(in crate::config) const NAMESPACES: Table = Table {
    heading: "[namespaces]",
    intro: "The upstream is authoritative only for names that `allow` covers and `deny` does not. A second \
            enabled external upstream needs `allow`.",
    opening: "[namespaces]\n",
    fields: &[
        Field::new(
            "allow",
            "list of namespaces",
            "Patterns of namespaces; every namespace by default.",
        )
        .allowed("a namespace is `com.example`, or `com.example.*` with all below it")
        .example("[\"com.partner.*\"]"),
        Field::new("deny", "list of namespaces", "Patterns of namespaces; none by default.")
            .allowed("a namespace is `com.example`, or `com.example.*` with all below it")
            .example("[\"com.partner.test.*\"]"),
    ],
    planned: &[],
};

pub(in crate::config) const SYNC: Table = Table {
    heading: "[sync]",
    intro: "[Upstreams](upstreams.md#sync-runs) explains sync runs.",
    opening: "[sync]\n",
    fields: &[
        Field::new("interval", "duration", "The time from the end of a sync run to the next one.")
            .unit("ms, s, m, h, d")
            .default("\"5m\"")
            .allowed("100ms to 366d")
            .example("\"90s\""),
        Field::new("full_sync", "duration", "The time between full syncs.")
            .unit("ms, s, m, h, d")
            .default("\"24h\"")
            .allowed("100ms to 366d")
            .example("\"12h\""),
        Field::new("page_size", "integer", "Rows that are requested at once.")
            .unit("rows")
            .default("100")
            .allowed("1 to 100")
            .example("50"),
        Field::new(
            "overlap",
            "duration",
            "How far an incremental sync reads back before the watermark.",
        )
        .unit("ms, s, m, h, d")
        .default("\"10m\"")
        .allowed("100ms to 366d")
        .example("\"1h\""),
    ],
    planned: &[],
};

const PERCENT: &str = "0 to 100";
const GROWTH: &str = "1 to 10000000";

pub(in crate::config) const SAFETY_LIMITS: Table = Table {
    heading: "[safety_limits]",
    intro: "What exceeds a limit is kept back as a change set on hold. \
            [Upstreams](upstreams.md#safety-limits) says what is put on hold, and how shares are counted.",
    opening: "[safety_limits]\n",
    fields: &[
        Field::new(
            "missing_syncs",
            "integer",
            "Full syncs in a row that miss an entry before it is hidden.",
        )
        .unit("full syncs")
        .default("3")
        .allowed("1 to 100")
        .example("5"),
        Field::new(
            "purge_after",
            "duration",
            "The time from hiding a missing entry to purging it.",
        )
        .unit("ms, s, m, h, d")
        .default("\"30d\"")
        .allowed("100ms to 366d")
        .example("\"60d\""),
        Field::new("removed_percent", "integer", "The share of names that may go missing at once.")
            .unit("percent")
            .default("5")
            .allowed(PERCENT)
            .example("2"),
        Field::new(
            "rewritten_percent",
            "integer",
            "The share of names with published content that may be rewritten at once.",
        )
        .unit("percent")
        .default("5")
        .allowed(PERCENT)
        .example("2"),
        Field::new(
            "deleted_percent",
            "integer",
            "The share of served names that the upstream may delete at once, or let go missing, or rewrite.",
        )
        .unit("percent")
        .default("20")
        .allowed(PERCENT)
        .example("10"),
        Field::new(
            "shrink_percent",
            "integer",
            "The share of stored rows that a full sync may lack.",
        )
        .unit("percent")
        .default("20")
        .allowed(PERCENT)
        .example("10"),
        Field::new(
            "growth_percent",
            "integer",
            "The share of its names by which the upstream may grow in a day.",
        )
        .unit("percent")
        .default("20")
        .allowed(PERCENT)
        .example("50"),
        Field::new("name_growth", "integer", "New versions of one name in a run.")
            .unit("versions")
            .default("500")
            .allowed(GROWTH)
            .example("100"),
        Field::new("namespace_growth", "integer", "New versions of one namespace in a run.")
            .unit("versions")
            .default("2000")
            .allowed(GROWTH)
            .example("1000"),
        Field::new(
            "rewind",
            "duration",
            "How much older than the newest known update the newest one of a full sync may be.",
        )
        .unit("ms, s, m, h, d")
        .default("\"1d\"")
        .allowed("100ms to 366d")
        .example("\"12h\""),
        Field::new(
            "frozen_after",
            "duration",
            "The time without any change after which the alert `frozen` is raised.",
        )
        .unit("ms, s, m, h, d")
        .default("\"7d\"")
        .allowed("100ms to 366d")
        .example("\"3d\""),
    ],
    planned: &[],
};
