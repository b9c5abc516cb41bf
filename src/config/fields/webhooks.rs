use crate::lint::{Field, Table};

pub(in crate::config) const WEBHOOK: Table = Table {
    heading: "[[webhooks]]",
    intro: "One item for each recipient of alerts. URLs and secrets stand in files or environment \
            variables, each as one line of visible characters. [Webhooks](webhooks.md) explains the \
            deliveries.",
    opening: "[[webhooks]]\n",
    fields: &[
        Field::new("name", "text", "The unique name.")
            .required()
            .allowed("lower-case letters, digits and '-', 64 at most")
            .example("\"security\""),
        Field::new("url_file", "path", "The file with the URL. This key or `url_variable` is required.")
            .example("\"/etc/vidimus/security.url\""),
        Field::new("url_variable", "text", "The environment variable with the URL.")
            .allowed("capital letters, digits and '_'"),
        Field::new("url", "refused", "Refused: set `url_file` or `url_variable`."),
        Field::new(
            "secret_file",
            "path",
            "The file with the key that signs deliveries, of at least 16 bytes. This key or \
             `secret_variable` is required for the format `json`.",
        )
        .example("\"/etc/vidimus/security.secret\""),
        Field::new("secret_variable", "text", "The environment variable with that key.")
            .allowed("capital letters, digits and '_'"),
        Field::new("secret", "refused", "Refused: set `secret_file` or `secret_variable`."),
        Field::new("format", "word", "The format of the body.")
            .default("\"json\"")
            .allowed("`json`, `slack`")
            .example("\"json\""),
        Field::new(
            "kinds",
            "list of words",
            "The kinds of alert to deliver, as in [Alerts](alerts.md); all by default. `flood` is always \
             delivered.",
        )
        .example("[\"drift\", \"lookalike\"]"),
        Field::new("timeout", "duration", "The time after which one attempt has failed.")
            .unit("ms, s, m, h, d")
            .default("\"15s\"")
            .allowed("100ms to 366d")
            .example("\"10s\""),
        Field::new(
            "give_up_after",
            "duration",
            "The age at which a delivery becomes a dead letter, after three attempts at least.",
        )
        .unit("ms, s, m, h, d")
        .default("\"24h\"")
        .allowed("100ms to 366d")
        .example("\"48h\""),
        Field::new("allow_http", "boolean", "Allows `http` beyond loopback.")
            .default("false")
            .allowed("`true` or `false`")
            .example("false"),
    ],
    planned: &[],
};
