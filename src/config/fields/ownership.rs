use crate::lint::{Field, Table};

const PROVENANCES: &str = "`when_available`, `required`";
const REQUIREMENTS: &str = "`not-revoked`, `verified`, `declared`";

pub(in crate::config) const OWNERSHIP: Table = Table {
    heading: "[ownership]",
    intro: "[Ownership](ownership.md#what-an-approval-requires) explains the requirements.",
    opening: "[ownership]\n",
    fields: &[
        Field::new(
            "enabled",
            "boolean",
            "Owners of namespaces are verified. With `false` nothing is required, and only `vidimus ownership` makes lookups.",
        )
        .default("true")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new("exact", "word", "The verdict that an approval of an exact name requires.")
            .default("\"not-revoked\"")
            .allowed(REQUIREMENTS)
            .example("\"not-revoked\""),
        Field::new("wildcard", "word", "The verdict that an approval by a wildcard requires.")
            .default("\"verified\"")
            .allowed(REQUIREMENTS)
            .example("\"verified\""),
        Field::new(
            "resolvers",
            "list of texts",
            "The DNS resolvers, which all must agree; those of the system by default. None may appear \
             twice.",
        )
        .allowed("an IP address, with a port if it is not 53; not a host name")
        .example("[\"192.0.2.53\", \"198.51.100.53:5353\"]"),
        Field::new("tiers", "table", "Requirements of single tiers: see `[ownership.tiers]`."),
    ],
    planned: &[],
};

pub(in crate::config) const OWNERSHIP_TIERS: Table = Table {
    heading: "[ownership.tiers]",
    intro: "Requirements that replace those of `[ownership]` for entries of one tier.",
    opening: "",
    fields: &[
        Field::new("1", "table", "Tier 1: see `[ownership.tiers.1]`."),
        Field::new("2", "table", "Tier 2, with the same keys.").like("1"),
        Field::new("3", "table", "Tier 3, with the same keys.").like("1"),
    ],
    planned: &[],
};

pub(in crate::config) const OWNERSHIP_TIER: Table = Table {
    heading: "[ownership.tiers.1]",
    intro: "The same keys apply to `[ownership.tiers.2]` and `[ownership.tiers.3]`.",
    opening: "[ownership.tiers.1]\n",
    fields: &[
        Field::new(
            "exact",
            "word",
            "The verdict that an approval of an exact name requires; as in `[ownership]` by default.",
        )
        .allowed(REQUIREMENTS)
        .example("\"verified\""),
        Field::new(
            "wildcard",
            "word",
            "The verdict that an approval by a wildcard requires; as in `[ownership]` by default.",
        )
        .allowed(REQUIREMENTS)
        .example("\"declared\""),
    ],
    planned: &[],
};

pub(in crate::config) const GITHUB: Table = Table {
    heading: "[github]",
    intro: "",
    opening: "[github]\n",
    fields: &[
        Field::new("url", "URL", "The API of GitHub, or of your own GitHub Enterprise Server.")
            .default("\"https://api.github.com\"")
            .allowed("an https URL without user, query and fragment; http on loopback only")
            .example("\"https://api.github.com\""),
        Field::new(
            "token_file",
            "path",
            "A file with a token, which needs no scope. Without it the variable `GITHUB_TOKEN` is used; \
             without a token GitHub answers 60 requests an hour.",
        )
        .example("\"/run/secrets/github-token\""),
    ],
    planned: &[],
};

pub(in crate::config) const PACKAGES: Table = Table {
    heading: "[packages]",
    intro: "Package registries that are asked which server a package belongs to, and which files it consists of. \
            Without them no package is looked up. [Packages](packages.md) says what is recorded.",
    opening: "[packages]\n",
    fields: &[
        Field::new("npm", "table", "The registry of npm packages: see `[packages.npm]`."),
        Field::new("pypi", "table", "The registry of Python packages, with the same key.")
            .like("npm"),
        Field::new("oci", "table", "The registry of images, with the same key.").like("npm"),
        Field::new(
            "bundles",
            "boolean",
            "MCP bundles below the URLs of `[package_urls] mcpb` are downloaded once a week to compute their digest, up \
             to 512 MiB each; nothing of them is kept.",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new(
            "daily_requests",
            "integer",
            "The requests about the files of packages in one day, in UTC, without redirects; further packages wait.",
        )
        .default("5000")
        .allowed("1 to 1000000")
        .example("20000"),
    ],
    planned: &[],
};

pub(in crate::config) const PROVENANCE: Table = Table {
    heading: "[provenance]",
    intro: "The trust under which attestations of packages are verified, and the provenance that is demanded of packages: \
            [Packages](packages.md#demand-provenance). Without files the trust root of the public Sigstore instance and \
            npm's keys apply, which are part of the program. Both files have at most 1 MiB; one that cannot be used stops \
            the start. Other trust verifies every package again.",
    opening: "[provenance]\n",
    fields: &[
        Field::new(
            "trusted_root",
            "path",
            "A trusted root of Sigstore in JSON, which replaces the public one.",
        )
        .example("\"/etc/vidimus/trusted_root.json\""),
        Field::new(
            "npm_keys",
            "path",
            "The keys of an npm registry in JSON, as `@sigstore/tuf` distributes them.",
        )
        .example("\"/etc/vidimus/npm_keys.json\""),
        Field::new(
            "require",
            "table",
            "The provenance that packages must have, by type: see `[provenance.require]`.",
        ),
        Field::new("tiers", "table", "Demands of single tiers: see `[provenance.tiers]`."),
    ],
    planned: &[],
};

pub(in crate::config) const PROVENANCE_REQUIRE: Table = Table {
    heading: "[provenance.require]",
    intro: "A package of a type without a key needs no provenance, unless the condition `provenance` of an overlay demands \
            it.",
    opening: "[provenance.require]\n",
    fields: &[
        Field::new(
            "npm",
            "word",
            "With `required` a package has to be verified; with `when_available` it may be unsigned too.",
        )
        .allowed(PROVENANCES)
        .example("\"required\""),
        Field::new("pypi", "word", "The same for Python packages.")
            .allowed(PROVENANCES)
            .example("\"when_available\""),
        Field::new("oci", "word", "The same for images.")
            .allowed(PROVENANCES)
            .example("\"when_available\""),
    ],
    planned: &[],
};

pub(in crate::config) const PROVENANCE_TIERS: Table = Table {
    heading: "[provenance.tiers]",
    intro: "Demands that replace those of `[provenance.require]` for entries of one tier.",
    opening: "",
    fields: &[
        Field::new("1", "table", "Tier 1: see `[provenance.tiers.1]`."),
        Field::new("2", "table", "Tier 2, with the same keys.").like("1"),
        Field::new("3", "table", "Tier 3, with the same keys.").like("1"),
    ],
    planned: &[],
};

pub(in crate::config) const PROVENANCE_TIER: Table = Table {
    heading: "[provenance.tiers.1]",
    intro: "The same keys apply to `[provenance.tiers.2]` and `[provenance.tiers.3]`.",
    opening: "[provenance.tiers.1]\n",
    fields: &[
        Field::new(
            "npm",
            "word",
            "The demand on npm packages; as in `[provenance.require]` by default.",
        )
        .allowed(PROVENANCES)
        .example("\"required\""),
        Field::new(
            "pypi",
            "word",
            "The demand on Python packages; as in `[provenance.require]` by default.",
        )
        .allowed(PROVENANCES)
        .example("\"required\""),
        Field::new("oci", "word", "The demand on images; as in `[provenance.require]` by default.")
            .allowed(PROVENANCES)
            .example("\"required\""),
    ],
    planned: &[],
};

pub(in crate::config) const PACKAGE_REGISTRY: Table = Table {
    heading: "[packages.npm]",
    intro: "The same key applies to `[packages.pypi]` and `[packages.oci]`.",
    opening: "[packages.npm]\n",
    fields: &[Field::new("url", "URL", "The URL of the package registry.")
        .required()
        .allowed("an https URL without user, query and fragment; http on loopback only")
        .example("\"https://npm.packages.example\"")],
    planned: &[],
};
