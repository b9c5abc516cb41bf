use crate::lint::{Field, Table};

pub(in crate::config) const ADVISORY_FEED: Table = Table {
    heading: "[[advisory_feeds]]",
    intro: "One item for each source of advisories in the format of OSV 1.x. [Packages](packages.md) explains \
            advisories.",
    opening: "[[advisory_feeds]]\n",
    fields: &[
        Field::new("name", "text", "The unique name.")
            .required()
            .allowed("1 to 64 lower-case letters, digits and hyphens")
            .example("\"npm\""),
        Field::new(
            "from",
            "text",
            "The https URL or the path of an archive with all advisories of an ecosystem, or the path of a folder of \
             documents `*.json`. A URL is asked with the `ETag` of the last answer.",
        )
        .required()
        .example("\"https://osv.example/npm/all.zip\""),
        Field::new("every", "duration", "The interval at which it is read.")
            .default("\"1h\"")
            .allowed("100ms to 366d")
            .example("\"15m\""),
        Field::new(
            "stale_after",
            "duration",
            "The age of the last reading at which the alert `advisories-stale` is raised.",
        )
        .default("\"3d\"")
        .allowed("100ms to 366d")
        .example("\"1d\""),
    ],
    planned: &[],
};
