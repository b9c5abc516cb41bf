use crate::lint::{Field, SIZE, Table};

pub(in crate::config) const SETTINGS: Table = Table {
    heading: "Top level",
    intro: "",
    opening: "",
    fields: &[
        Field::new("data", "path", "The folder of the store, and of the socket and the token of operations. It cannot change while the daemon runs.")
            .default("\"data\"")
            .example("\"/var/lib/vidimus\""),
        Field::new("upstreams", "path", "The folder of upstream files.")
            .default("\"upstreams\"")
            .example("\"/etc/vidimus/upstreams\""),
        Field::new("overlays", "path", "The folder of overlays.")
            .default("\"overlays\"")
            .example("\"/etc/vidimus/overlays\""),
        Field::new(
            "overlays_poll",
            "duration",
            "The interval at which the overlay folder is looked at where the file system does not notify of \
             changes.",
        )
        .default("\"2s\"")
        .allowed("a whole number and a unit, from 100ms to 366d, such as 500ms, 90s, 5m, 24h or 7d")
        .example("\"5s\""),
        Field::new(
            "advisories",
            "path",
            "The folder of the organisation's own advisories, which may be absent.",
        )
        .default("\"advisories\"")
        .example("\"/etc/vidimus/advisories\""),
        Field::new("evidence", "path", "The folder of scan results, which may be absent.")
            .default("\"evidence\"")
            .example("\"/etc/vidimus/evidence\""),
        Field::new("listen", "address", "The address on which the registry is served.")
            .default("\"127.0.0.1:8080\"")
            .allowed("an address and a port, such as 127.0.0.1:8080")
            .example("\"10.0.0.5:8080\""),
        Field::new("ops_listen", "address", "The address on which operations are served.")
            .default("\"127.0.0.1:8081\"")
            .allowed("an address and a port, such as 127.0.0.1:8080")
            .example("\"127.0.0.1:9081\""),
        Field::new(
            "ops_socket",
            "path",
            "The Unix socket on which the commands reach the daemon; without it `ops.sock` in the folder `data`.",
        )
        .example("\"/run/vidimus/ops.sock\""),
        Field::new(
            "ops_hosts",
            "list of texts",
            "Values of the header `Host` that the operations address accepts in addition to loopback.",
        )
        .example("[\"vidimus-ops.example\"]"),
        Field::new(
            "namespace",
            "text",
            "The namespace of this registry, the key of its block in `_meta`.",
        )
        .default("\"local.vidimus\"")
        .allowed("a reverse-DNS namespace, such as com.example.registry")
        .example("\"com.example.registry\""),
        Field::new(
            "contact",
            "text",
            "The team to ask for a server that is not served. Answers of 404, lists and the document of the API say so.",
        )
        .allowed("the name or address of a team: one line of at most 200 characters")
        .example("\"Platform security\""),
        Field::new(
            "request_url",
            "text",
            "The page or address at which a server is asked for, said in the same places.",
        )
        .allowed("an https or mailto URL of at most 2000 characters, such as https://example.com/request-a-server")
        .example("\"https://portal.example.com/request-a-server\""),
        Field::new(
            "cors_origins",
            "list of texts",
            "The origins of web pages that may read responses of the registry.",
        )
        .default("[\"*\"]")
        .allowed("`*`, or an origin such as https://editor.example")
        .example("[\"https://editor.example\"]"),
        Field::new(
            "behind_tls_proxy",
            "boolean",
            "A proxy terminates TLS. Without it and without `[tls]`, `serve` refuses an address beyond \
             loopback.",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new(
            "trusted_proxies",
            "list of texts",
            "Proxies that are trusted to name the client in `X-Forwarded-For`.",
        )
        .allowed("an address or network, such as 10.0.0.0/8")
        .example("[\"10.0.0.0/8\"]"),
        Field::new(
            "ready_requires_store",
            "boolean",
            "`/readyz` answers 503 while the store cannot be written. Denials are enforced and everything is served in \
             any case.",
        )
        .default("false")
        .allowed("`true` or `false`")
        .example("true"),
        Field::new(
            "expiry_alerts",
            "list of integers",
            "The times before the end of an approval, a waiver or an allowed URL at which an alert is raised. An empty \
             list raises none.",
        )
        .unit("days")
        .default("[30, 7, 1]")
        .allowed("a whole number from 1 to 366")
        .may_be_empty()
        .example("[60, 14, 2]"),
        Field::new("tls", "table", "The certificate and the key: see `[tls]`."),
        Field::new("limits", "table", "Limits of the registry: see `[limits]`."),
        Field::new("store", "table", "Limits of the store: see `[store]`."),
        Field::new("tracks", "table", "The terms of approvals: see `[tracks]`."),
        Field::new("views", "list of tables", "Further registries: see `[[views]]`."),
        Field::new("ownership", "table", "The verification of owners: see `[ownership]`."),
        Field::new("github", "table", "The API of GitHub: see `[github]`."),
        Field::new("packages", "table", "Package registries: see `[packages]`."),
        Field::new("provenance", "table", "The trust in attestations of packages: see `[provenance]`."),
        Field::new("package_urls", "table", "The package registries that entries may name: see `[package_urls]`."),
        Field::new("lookalikes", "table", "Names that resemble protected ones: see `[lookalikes]`."),
        Field::new("advisory_feeds", "list of tables", "Sources of advisories: see `[[advisory_feeds]]`."),
        Field::new("webhooks", "list of tables", "The recipients of alerts: see `[[webhooks]]`."),
        Field::new("egress", "table", "Outgoing connections: see `[egress]`."),
    ],
    planned: &[],
};

pub(in crate::config) const TRACKS: Table = Table {
    heading: "[tracks]",
    intro: "How long an approval without `expires` lasts after `reviewed`, by its `track`.",
    opening: "[tracks]\n",
    fields: &[
        Field::new("fast", "integer", "The term of approvals on the track `fast`.")
            .unit("days")
            .default("365")
            .allowed("1 to 3660")
            .example("180"),
        Field::new("standard", "integer", "The term of approvals on the track `standard`.")
            .unit("days")
            .default("180")
            .allowed("1 to 3660")
            .example("90"),
        Field::new("heavy", "integer", "The term of approvals on the track `heavy`.")
            .unit("days")
            .default("90")
            .allowed("1 to 3660")
            .example("30"),
    ],
    planned: &[],
};

pub(in crate::config) const STORE: Table = Table {
    heading: "[store]",
    intro: "How much of the disk the content of upstreams may take. New content beyond a limit is left out, with an \
            alert; what is served stays, and deletions, denials, decisions and alerts are stored in any case. \
            [Operations](operations.md#room-on-the-disk) says what to do when a limit is reached.",
    opening: "[store]\n",
    fields: &[
        Field::new("max_size", "size", "The size of the stored content of all upstreams.")
            .unit("KiB, MiB, GiB, TiB")
            .default("\"10GiB\"")
            .allowed(SIZE)
            .example("\"20GiB\""),
        Field::new(
            "min_free",
            "size",
            "The room that new content leaves free on the disk of the folder `data`.",
        )
        .unit("KiB, MiB, GiB, TiB")
        .default("\"512MiB\"")
        .allowed(SIZE)
        .example("\"2GiB\""),
    ],
    planned: &[],
};

pub(in crate::config) const LOOKALIKES: Table = Table {
    heading: "[lookalikes]",
    intro: "[Lookalikes](lookalikes.md) explains the alerts.",
    opening: "[lookalikes]\n",
    fields: &[Field::new(
        "withhold",
        "boolean",
        "A name that resembles a protected one is withheld from wildcard approvals until a review. \
         Alerts are raised in any case.",
    )
    .default("true")
    .allowed("`true` or `false`")
    .example("false")],
    planned: &[],
};

pub(in crate::config) const PACKAGE_URLS: Table = Table {
    heading: "[package_urls]",
    intro: "The registries that a package may name in `registryBaseUrl`, by `registryType`: list the public ones that \
            you use. An entry that names another is not served, unless an overlay allows the URL or the upstream is \
            internal.",
    opening: "[package_urls]\n",
    fields: &[
        of_packages("npm"),
        of_packages("pypi"),
        of_packages("nuget"),
        of_packages("oci"),
        of_packages("mcpb").default("[\"https://github.com\", \"https://gitlab.com\"]"),
        of_packages("cargo"),
        of_packages("go"),
    ],
    planned: &[],
};

const fn of_packages(kind: &'static str) -> Field {
    Field::new(kind, "list of texts", "The registries of this kind of package.")
        .allowed("an https or http URL, as the entries have it")
        .example("[\"https://packages.example/mirror\"]")
}

pub(in crate::config) const EGRESS: Table = Table {
    heading: "[egress]",
    intro: "Settings of all outgoing HTTP connections. Proxy variables of the environment are ignored; \
            DNS does not go through the proxy.",
    opening: "[egress]\n",
    fields: &[
        Field::new("proxy", "URL", "The proxy of all outgoing HTTP connections.")
            .allowed("a URL with its scheme, such as http://proxy.example:3128")
            .example("\"http://proxy.example:3128\""),
        Field::new(
            "ca_file",
            "path",
            "Certificates in PEM that are trusted in addition to those of the system.",
        )
        .example("\"/etc/ssl/private-ca.pem\""),
        Field::new(
            "internal_domains",
            "list of texts",
            "Domains that a claim never sends to the proxy, with all below them, in addition to names that only a \
             private network can have.",
        )
        .allowed("a domain without a wildcard, in lower case")
        .example("[\"corp.example\"]"),
    ],
    planned: &[],
};
