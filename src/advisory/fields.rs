//! The keys of `advisories/*.yaml`: those of OSV 1.x, and what the organisation adds under `vidimus`.

use crate::lint::{Field, FileFormat, Language, Table};

const ID: &str = "1 to 128 visible characters, the first a letter or digit";
const TIME: &str = "a date and a time, such as 2026-11-01T15:30:00Z";

pub(super) const ADVISORY: Table = Table {
    heading: "An advisory",
    intro: "The keys of OSV 1.x; those that no decision needs are accepted and not read.",
    opening: "",
    fields: &[
        Field::new("id", "text", "The id, which no other file of the folder has.")
            .required()
            .allowed(ID)
            .example("EXAMPLE-2026-7"),
        Field::new("schema_version", "text", "The version of OSV.").example("1.7.0"),
        Field::new("modified", "text", "The time of the last change.").allowed(TIME),
        Field::new("published", "text", "The time of the publication.").allowed(TIME),
        Field::new("withdrawn", "text", "The time since which the advisory does not apply.")
            .allowed(TIME),
        Field::new("aliases", "list of texts", "Ids of the same matter elsewhere."),
        Field::new("related", "list of texts", "Ids of related matters.").may_be_empty(),
        Field::new("upstream", "list of texts", "Ids of the matters that it was derived from.")
            .may_be_empty(),
        Field::new("summary", "text", "One line for people; the first 200 characters are shown.")
            .example("the maintainer's account was taken over"),
        Field::new("details", "text", "More text for people."),
        Field::new("severity", "list of mappings", "Scores: see `severity`."),
        Field::new(
            "affected",
            "list of mappings",
            "The packages that are affected: see `affected`.",
        ),
        Field::new("references", "any", "Addresses for people."),
        Field::new("credits", "any", "The people who found it."),
        Field::new("database_specific", "any", "Further data; of it, `severity` is read."),
        Field::new(
            "vidimus",
            "mapping",
            "The action, and what is concerned besides packages: see `vidimus`.",
        ),
    ],
    planned: &[],
};

pub(super) const SEVERITY: Table = Table {
    heading: "severity",
    intro: "",
    opening: "id: EXAMPLE-2026-7\nvidimus: {servers: [com.example/wiki]}\nseverity:\n  - ",
    fields: &[
        Field::new("type", "text", "The kind of score; CVSS of version 3 is read.")
            .required()
            .example("CVSS_V3"),
        Field::new("score", "text", "The vector.")
            .required()
            .example("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
    ],
    planned: &[],
};

pub(super) const AFFECTED: Table = Table {
    heading: "affected",
    intro: "Without `ranges` and `versions` every version is affected.",
    opening: "id: EXAMPLE-2026-7\naffected:\n  - ",
    fields: &[
        Field::new("package", "mapping", "The package: see `package`.")
            .required()
            .example("{ecosystem: npm, name: left-pad}"),
        Field::new("ranges", "list of mappings", "Ranges of versions: see `ranges`."),
        Field::new("versions", "list of texts", "Exact versions.").example("[1.3.0, 1.3.1]"),
        Field::new("severity", "list of mappings", "Scores for this package: see `severity`."),
        Field::new("ecosystem_specific", "any", "Not read."),
        Field::new("database_specific", "any", "Not read."),
    ],
    planned: &[],
};

pub(super) const PACKAGE: Table = Table {
    heading: "affected.package",
    intro: "",
    opening: "id: EXAMPLE-2026-7\naffected:\n  - package:\n",
    fields: &[
        Field::new("ecosystem", "word", "The ecosystem of the package.")
            .required()
            .allowed("`npm`, `PyPI`, `NuGet`, `crates.io`, `Go`, `OCI`, `MCPB`")
            .example("PyPI"),
        Field::new("name", "text", "The name; of an image the reference without tag and digest.")
            .required()
            .example("requests"),
        Field::new("purl", "text", "Not read."),
    ],
    planned: &[],
};

pub(super) const RANGE: Table = Table {
    heading: "affected.ranges",
    intro: "",
    opening: "id: EXAMPLE-2026-7\naffected:\n  - package: {ecosystem: npm, name: left-pad}\n    ranges:\n      - ",
    fields: &[
        Field::new("type", "word", "The kind of range.")
            .required()
            .allowed("`SEMVER`, `ECOSYSTEM`")
            .example("SEMVER"),
        Field::new("events", "list of mappings", "The bounds: each has one key of `events`.")
            .required()
            .example("[{introduced: \"0\"}, {fixed: 1.3.2}]"),
        Field::new("database_specific", "any", "Not read."),
    ],
    planned: &[],
};

pub(super) const EVENT: Table = Table {
    heading: "affected.ranges.events",
    intro: "One of these keys; `introduced: \"0\"` means from the first version.",
    opening: "",
    fields: &[
        Field::new("introduced", "text", "The first version that is affected."),
        Field::new("fixed", "text", "The first version that is not affected any more."),
        Field::new("last_affected", "text", "The last version that is affected."),
    ],
    planned: &[],
};

pub(super) const VIDIMUS: Table = Table {
    heading: "vidimus",
    intro: "What the organisation decides, and what is concerned whatever its packages are.",
    opening: "id: EXAMPLE-2026-7\nvidimus:\n",
    fields: &[
        Field::new(
            "action",
            "word",
            "`hide` hides what is concerned at once, `alert` raises alerts.",
        )
        .default("alert")
        .allowed("`hide`, `alert`")
        .example("hide"),
        Field::new("servers", "list of texts", "Selectors of servers, in any case.")
            .allowed("`NS/leaf`, `NS/*`, `NS.*/*` or `*`")
            .example("[com.example/wiki]"),
        Field::new("hosts", "list of texts", "Hosts of remotes and websites.")
            .allowed("a host, or `*.` and a domain for all below it")
            .example("[mcp.example.com, \"*.example.net\"]"),
        Field::new("repositories", "list of texts", "Repositories of source code.")
            .allowed("an https URL of a repository")
            .example("[\"https://github.com/example/wiki\"]"),
    ],
    planned: &[],
};

/// Returns the advisory file with all its keys.
#[must_use]
pub fn file_format() -> FileFormat {
    FileFormat {
        name: "Advisory files",
        language: Language::Yaml,
        intro: "YAML files `*.yaml` below the advisory folder; a file may hold several documents, each one advisory. \
                A file with an error is refused by itself: what it said before stays. [Packages](packages.md) \
                explains advisories.",
        tables: &[&ADVISORY, &SEVERITY, &AFFECTED, &PACKAGE, &RANGE, &EVENT, &VIDIMUS],
    }
}
