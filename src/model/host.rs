use url::Host;

/// Last labels of names that only a private network resolves (RFC 6761, RFC 6762, and ICANN's name collisions).
const PRIVATE_LABELS: [&str; 12] = [
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

/// A reserved top-level domain (RFC 2606): documentation uses it.
const EXAMPLE: &str = "example";
/// A top-level domain of infrastructure (RFC 3172), with names of home networks (RFC 8375) and of addresses.
const INFRASTRUCTURE: &str = "arpa";

/// Returns true for a name below a top-level domain that the public suffix list knows: others exist in private networks
/// only.
#[must_use]
pub fn is_public_name(name: &str) -> bool {
    let Some((_, last)) = name.trim_end_matches('.').rsplit_once('.') else { return false };
    let is_known = || psl::suffix(last.as_bytes()).is_some_and(|suffix| suffix.is_known());
    last != INFRASTRUCTURE && !PRIVATE_LABELS.contains(&last) && (last == EXAMPLE || is_known())
}

/// Returns true if traffic to a host does not leave this machine.
#[must_use]
pub fn is_loopback(host: &Host<impl AsRef<str>>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
