//! The keys of `evidence/**/*.yaml` and `evidence/**/*.json`.

use crate::lint::{Field, FileFormat, Language, Table};

/// The allowed values of `time`.
pub(super) const TIME: &str = "an RFC 3339 date and time, such as 2026-11-01T15:30:00Z";
/// The allowed values of `expires`.
pub(super) const EXPIRES: &str = "a date such as 2026-12-01, which means the end of that day in UTC, or an RFC 3339 date \
                                  and time, such as 2026-12-01T15:30:00Z";
/// The allowed names of tools.
pub(super) const NAME: &str = "1 to 128 visible ASCII characters, the first a letter or digit";
/// The allowed versions of tools, and ids of findings.
pub(super) const WORD: &str = "1 to 128 visible ASCII characters";

const WITH_FINDINGS: &str = "tool: {name: example-scanner, version: 1.4.2}\nsubject: {name: com.example/wiki, version: 1.2.0, \
                       digest: \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}\nverdict: fail\n\
                       time: 2026-11-01T15:30:00Z\nexpires: 2026-12-01\nfindings:\n  - ";

pub(super) const RESULT: Table = Table {
    heading: "A scan result",
    intro: "What one tool found in one content. A file has one result.",
    opening: "",
    fields: &[
        Field::new("tool", "mapping", "The scanner: see `tool`.")
            .required()
            .example("{name: example-scanner, version: 1.4.2}"),
        Field::new("subject", "mapping", "The content that it scanned: see `subject`.")
            .required()
            .example(
                "{name: com.example/wiki, version: 1.2.0, digest: \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}",
            ),
        Field::new("verdict", "word", "The result as a whole; `inconclusive` is no better than none.")
            .required()
            .allowed("`pass`, `fail`, `inconclusive`")
            .example("fail"),
        Field::new("time", "text", "The time of the scan.")
            .required()
            .allowed(TIME)
            .example("2026-11-01T15:30:00Z"),
        Field::new("expires", "date", "The last moment at which the result counts.")
            .required()
            .allowed(EXPIRES)
            .example("2026-12-01"),
        Field::new("findings", "list of mappings", "What was found: see `findings`. It may be empty.")
            .may_be_empty()
            .example("[{id: EX-1, severity: high, message: \"a tool deletes files\"}]"),
        Field::new(
            "sarif",
            "any",
            "A log of SARIF 2.1.0 in place of `findings`; its tool has to be that of the result. Only the numbers of its \
             results by level are read.",
        ),
    ],
    planned: &[],
};

pub(super) const TOOL: Table = Table {
    heading: "tool",
    intro: "",
    opening: "subject: {name: com.example/wiki, version: 1.2.0, digest: \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}\n\
              verdict: pass\ntime: 2026-11-01T15:30:00Z\nexpires: 2026-12-01\ntool:\n",
    fields: &[
        Field::new(
            "name",
            "text",
            "The name by which conditions demand its results, in this case.",
        )
        .required()
        .allowed(NAME)
        .example("example-scanner"),
        Field::new("version", "text", "Its version, for people.")
            .required()
            .allowed(WORD)
            .example("1.4.2"),
    ],
    planned: &[],
};

pub(super) const SUBJECT: Table = Table {
    heading: "subject",
    intro: "All three decide: the result counts for no other content.",
    opening: "tool: {name: example-scanner, version: 1.4.2}\nverdict: pass\ntime: 2026-11-01T15:30:00Z\n\
              expires: 2026-12-01\nsubject:\n",
    fields: &[
        Field::new("name", "name", "The name of the server, in its case.")
            .required()
            .allowed("the whole name of one server")
            .example("com.example/wiki"),
        Field::new("version", "text", "The version of the server.").required().example("1.2.0"),
        Field::new("digest", "digest", "The received digest, as `vidimus show` prints it.")
            .required()
            .allowed("`sha256:` and 64 lower-case hexadecimal digits")
            .example("\"sha256:0000000000000000000000000000000000000000000000000000000000000000\""),
    ],
    planned: &[],
};

pub(super) const FINDING: Table = Table {
    heading: "findings",
    intro: "For people: no decision follows from a finding.",
    opening: WITH_FINDINGS,
    fields: &[
        Field::new("id", "text", "The rule of the tool.").required().allowed(WORD).example("EX-1"),
        Field::new("severity", "word", "The severity.")
            .required()
            .allowed("`critical`, `high`, `medium`, `low`, `info`")
            .example("high"),
        Field::new("message", "text", "What was found.").example("a tool deletes files"),
    ],
    planned: &[],
};

/// Returns the file of a scan result with all its keys.
#[must_use]
pub fn file_format() -> FileFormat {
    FileFormat {
        name: "Scan results",
        language: Language::Yaml,
        intro: "Files `*.yaml` and `*.json` below the evidence folder, each with one scan result. A file with an error is \
                refused by itself: what it said before stays. [Packages](packages.md#scan-results) explains scan results.",
        tables: &[&RESULT, &TOOL, &SUBJECT, &FINDING],
    }
}
