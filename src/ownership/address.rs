use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns true if an address belongs to the public internet and is not reserved (the registries of RFC 6890).
/// Key records are fetched from no other address: a claim must not send requests into our own network.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// First address and length of each reserved network.
const RESERVED_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !RESERVED_V4.iter().any(|(net, length)| {
        let shift = 32 - length;
        u32::from(address) >> shift == u32::from(Ipv4Addr::from(*net)) >> shift
    })
}

/// Reserved networks inside `2000::/3`, by their leading bits; everything outside of it is reserved, except
/// translated IPv4.
const RESERVED_V6: [(u128, u32); 4] = [
    // IETF protocol assignments, Teredo and ORCHID among them.
    (0x2001_0000 << 96, 23),
    // Documentation.
    (0x2001_0db8 << 96, 32),
    (0x3fff_0000 << 96, 20),
    // 6to4 is deprecated (RFC 7526); it would reach the embedded IPv4 address.
    (0x2002_0000 << 96, 16),
];
/// `64:ff9b::/96`, through which a network without IPv4 reaches it (RFC 6052).
const TRANSLATED: u128 = 0x0064_ff9b << 96;

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = u128::from(address);
    let within = |net: u128, length: u32| bits >> (128 - length) == net >> (128 - length);
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if within(TRANSLATED, 96) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(0x2000 << 112, 3) && !RESERVED_V6.iter().any(|(net, length)| within(*net, *length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("1.1.1.1", true)]
    #[case("100.63.255.255", true)]
    #[case("100.64.0.1", false)]
    #[case("127.0.0.1", false)]
    #[case("0.0.0.0", false)]
    #[case("10.1.2.3", false)]
    #[case("169.254.169.254", false)]
    #[case("172.15.255.255", true)]
    #[case("172.16.0.0", false)]
    #[case("172.31.255.255", false)]
    #[case("192.168.1.1", false)]
    #[case("198.19.0.1", false)]
    #[case("224.0.0.1", false)]
    #[case("255.255.255.255", false)]
    #[case("2606:4700::1111", true)]
    #[case("::", false)]
    #[case("::1", false)]
    #[case("::127.0.0.1", false)]
    #[case("::ffff:10.0.0.1", false)]
    #[case("::ffff:1.1.1.1", true)]
    #[case("64:ff9b::7f00:1", false)]
    #[case("64:ff9b::a9fe:a9fe", false)]
    #[case("64:ff9b::101:101", true)]
    #[case("64:ff9b:1::101:101", false)]
    #[case("2002:7f00:1::", false)]
    #[case("2002:101:101::", false)]
    #[case("2001:0:1::", false)]
    #[case("2001:db8::1", false)]
    #[case("3fff:1::", false)]
    #[case("100::1", false)]
    #[case("fc00::1", false)]
    #[case("fe80::1", false)]
    #[case("ff02::1", false)]
    #[case("5f00::1", false)]
    fn only_public_addresses_are_allowed(#[case] address: &str, #[case] public: bool) {
        assert_eq!(is_public(address.parse().expect("an address")), public);
    }
}
