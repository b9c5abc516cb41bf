use crate::lint::{Field, Table};

pub(in crate::config) const VIEW: Table = Table {
    heading: "[[views]]",
    intro: "One item for each view. An entry is inside when it satisfies every limit that is present. \
            Without an item named `default`, the default view has no limits. [Views](views.md) explains \
            them.",
    opening: "[[views]]\n",
    fields: &[
        Field::new("name", "text", "The unique name, part of the URL `/views/NAME`.")
            .required()
            .allowed("1 to 64 lower-case letters, digits and hyphens")
            .example("\"finance\""),
        Field::new("tiers", "list of integers", "The tier is one of these.")
            .allowed("1 to 3")
            .example("[1, 2]"),
        Field::new("classifications", "list of words", "The classification is one of these.")
            .allowed("`public`, `internal`, `confidential`, `regulated`")
            .example("[\"public\", \"internal\"]"),
        Field::new("labels", "list of texts", "At least one label is one of these.")
            .example("[\"payments\"]"),
        Field::new(
            "upstreams",
            "list of texts",
            "The entry comes from one of these upstreams, by id.",
        )
        .example("[\"official\"]"),
        Field::new("names", "list of selectors", "One of these selectors selects the name.")
            .allowed("`NS/leaf`, `NS/*`, `NS.*/*` or `*`")
            .example("[\"com.example.*/*\", \"com.vendor/tool\"]"),
        Field::new("latest_only", "boolean", "Lists have the latest version of each name only.")
            .default("false")
            .allowed("`true` or `false`")
            .example("true"),
        Field::new("icons", "word", "Lists have the icons of servers, or leave them out.")
            .default("\"keep\"")
            .allowed("`keep`, `drop`")
            .example("\"drop\""),
    ],
    planned: &[],
};
