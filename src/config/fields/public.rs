use crate::lint::{Field, Table};

pub(in crate::config) const TLS: Table = Table {
    heading: "[tls]",
    intro: "The daemon checks both files every five seconds and takes up a new pair while it runs.",
    opening: "[tls]\n",
    fields: &[
        Field::new("cert_file", "path", "The certificate with its chain, in PEM.")
            .required()
            .example("\"/etc/vidimus/cert.pem\""),
        Field::new("key_file", "path", "The private key, in PEM.")
            .required()
            .example("\"/etc/vidimus/key.pem\""),
    ],
    planned: &[],
};

pub(in crate::config) const LIMITS: Table = Table {
    heading: "[limits]",
    intro: "Limits of the address of the registry.",
    opening: "[limits]\n",
    fields: &[
        Field::new("connections", "integer", "Concurrent connections, as far as the limit of open files allows.")
            .default("4096")
            .allowed("1 to 1000000")
            .example("8192"),
        Field::new(
            "connections_per_peer",
            "integer",
            "Concurrent connections of one address that is not a trusted proxy, while more than three quarters \
             of `connections` are open; an IPv6 network of 64 bits has twice as many. Below that nothing is \
             limited by client.",
        )
        .default("32")
        .allowed("1 to 1000000")
        .example("64"),
        Field::new(
            "requests_per_minute",
            "integer",
            "Requests of one client; not limited by default. It never applies to requests for single \
             versions.",
        )
        .unit("requests per minute")
        .allowed("1 to 1000000")
        .example("600"),
        Field::new("cache_mib", "integer", "The size of the cache of pages and compressed responses.")
            .unit("MiB")
            .default("64")
            .allowed("1 to 1000000")
            .example("128"),
    ],
    planned: &[],
};
