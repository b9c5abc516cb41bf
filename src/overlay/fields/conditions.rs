use super::dates::EXPIRES;
use crate::lint::{DURATION, Field, Table};

/// The allowed values of `registries`.
pub(in crate::overlay) const REGISTRY: &str =
    "an https or http URL without query and fragment, as entries have it";
/// The allowed values of `identifiers`.
pub(in crate::overlay) const IDENTIFIER: &str =
    "an identifier without tag and digest, or its beginning with one `*` at the end";
/// The allowed values of `hosts`.
pub(in crate::overlay) const HOST: &str = "a host such as mcp.example.com, or `*.example.com` for all hosts below a \
                                           domain; without scheme, port and path";
/// The allowed values of `secrets`.
pub(in crate::overlay) const SECRETS: &str = "`none`, or a list of the names of secrets";

pub(in crate::overlay) const CONDITIONS: Table = Table {
    heading: "conditions",
    intro: "Demands that every entry has to meet which the rule cannot exclude: as for a denial, other spellings of its \
            name and versions are included. The conditions of all rules add up, so lists intersect. Absent packages \
            and remotes meet the conditions about them; what cannot be judged does not.",
    opening: "servers:\n  - name: \"*\"\n    conditions:\n",
    fields: &[
        Field::new("packages", "mapping", "Demands on every package: see `conditions.packages`.")
            .example("{types: [npm, oci]}"),
        Field::new("remotes", "mapping", "Demands on every remote: see `conditions.remotes`.")
            .example("{transports: [streamable-http]}"),
        Field::new(
            "secrets",
            "word or list of texts",
            "The secrets that an entry may ask for, by the names of the inputs that it marks as secret.",
        )
        .allowed(SECRETS)
        .may_be_empty()
        .example("[GITHUB_TOKEN]"),
        Field::new(
            "environment",
            "list of texts",
            "The environment variables that an entry may ask for.",
        )
        .may_be_empty()
        .example("[GITHUB_TOKEN, LOG_LEVEL]"),
        Field::new(
            "runtimes",
            "list of texts",
            "The programs that may run a package: its `runtimeHint`, or else the usual one of its type (`npx`, `uvx`, \
             `dnx`, `docker`).",
        )
        .may_be_empty()
        .example("[npx, docker]"),
        Field::new(
            "pinned_packages",
            "boolean",
            "With `true` every package names one exact version, and an image or an MCPB file its digest.",
        )
        .allowed("`true`")
        .example("true"),
        Field::new(
            "ownership",
            "word",
            "The verdict on the namespace, also where a namespace is waived; `declared` is the stricter one. Entries of \
             internal upstreams need none.",
        )
        .allowed("`verified`, `declared`")
        .example("verified"),
        Field::new(
            "scan",
            "mapping",
            "The scan results that a content needs: see `conditions.scan`.",
        )
        .example("{tools: [example-scanner], verdict: pass}"),
        Field::new(
            "provenance",
            "word",
            "The verdict on who built each package: with `required` only `verified` meets it, with `when_available` \
             `unsigned` too. The gate `provenance` judges it: see \
             [Packages](packages.md#demand-provenance).",
        )
        .allowed("`when_available`, `required`")
        .example("when_available"),
    ],
    planned: &[],
};

pub(in crate::overlay) const PACKAGES: Table = Table {
    heading: "conditions.packages",
    intro: "An empty list allows nothing: then only entries without packages meet the condition.",
    opening: "servers:\n  - name: \"*\"\n    conditions:\n      packages:\n",
    fields: &[
        Field::new("types", "list of words", "The allowed types of packages.")
            .allowed("`npm`, `pypi`, `nuget`, `oci`, `mcpb`, `cargo`, `go`")
            .may_be_empty()
            .example("[npm, oci]"),
        Field::new(
            "registries",
            "list of texts",
            "The allowed registries: `registryBaseUrl`, else the registry of `[packages]` in `vidimus.toml` that is \
             asked about packages of that type; the host of an image and of an MCPB file.",
        )
        .allowed(REGISTRY)
        .may_be_empty()
        .example("[\"https://packages.example.com\"]"),
        Field::new(
            "identifiers",
            "list of texts",
            "The allowed packages, in any spelling that their ecosystem takes for the same.",
        )
        .allowed(IDENTIFIER)
        .may_be_empty()
        .example("[\"@example/*\", example-mcp]"),
    ],
    planned: &[],
};

pub(in crate::overlay) const REMOTES: Table = Table {
    heading: "conditions.remotes",
    intro: "An empty list allows nothing: then only entries without remotes meet the condition.",
    opening: "servers:\n  - name: \"*\"\n    conditions:\n      remotes:\n",
    fields: &[
        Field::new(
            "hosts",
            "list of texts",
            "The allowed hosts. A URL with a variable in its host does not meet the condition.",
        )
        .allowed(HOST)
        .may_be_empty()
        .example("[mcp.example.com, \"*.vendor.example\"]"),
        Field::new("transports", "list of words", "The allowed transports.")
            .allowed("`streamable-http`, `sse`")
            .may_be_empty()
            .example("[streamable-http]"),
    ],
    planned: &[],
};

/// The allowed names of tools, which are those in scan results.
pub(in crate::overlay) const TOOL: &str =
    "1 to 128 visible ASCII characters, the first a letter or digit";

pub(in crate::overlay) const SCAN: Table = Table {
    heading: "conditions.scan",
    intro: "Every tool needs a scan result about exactly the content, by its received digest. [Packages](packages.md#scan-results) \
            says which result of a tool decides.",
    opening: "servers:\n  - name: \"*\"\n    conditions:\n      scan:\n",
    fields: &[
        Field::new("tools", "list of texts", "The tools, by the names in their results.")
            .required()
            .allowed(TOOL)
            .example("[example-scanner]"),
        Field::new(
            "max_age",
            "duration",
            "The greatest age of a result; without it a result counts until it expires.",
        )
        .allowed(DURATION)
        .example("30d"),
        Field::new("verdict", "word", "The verdict that each result needs.")
            .required()
            .allowed("`pass`")
            .example("pass"),
    ],
    planned: &[],
};

pub(in crate::overlay) const WAIVE: Table = Table {
    heading: "waive",
    intro: "The entries that the rule selects do not have to meet one condition, of whichever rule, or are served \
            although one advisory concerns them, until the waiver ends. Several rules each waive one.",
    opening: "servers:\n  - name: com.example/wiki\n    waive:\n",
    fields: &[
        Field::new("condition", "word", "The condition. This key or `advisory` is required.")
            .allowed(
                "`packages`, `remotes`, `packages.types`, `packages.registries`, `packages.identifiers`, \
                 `remotes.hosts`, `remotes.transports`, `secrets`, `environment`, `runtimes`, `pinned_packages`, \
                 `ownership`, `scan`, `provenance`",
            )
            .example("pinned_packages"),
        Field::new("advisory", "text", "The id of an advisory, in place of `condition`.")
            .allowed("the id of one advisory, as `explain`, the alert and `vidimus advisories ID` write it"),
        Field::new("reason", "text", "Why the entries need not meet it.")
            .required()
            .example("the vendor publishes no digests yet"),
        Field::new("reviewer", "text", "The person who decided it.").required().example("alice"),
        Field::new("expires", "date", "The last moment at which it is waived.")
            .required()
            .allowed(EXPIRES)
            .example("2027-02-01"),
    ],
    planned: &[],
};
