use url::Host;

/// Last labels of names that only a private network resolves (RFC 6761, RFC 6762, and ICANN's name collisions).
pub const PRIVATE_LABELS: [&str; 12] = [
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Returns true if traffic to a host does not leave this machine.
#[must_use]
pub fn is_loopback(host: &Host<impl AsRef<str>>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
