use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Public;
use crate::daemon::try_blocking;

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer(pub(super) IpAddr);

/// The rate limit of requests per client.
#[derive(Debug)]
pub(super) struct Rates {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    /// True while so many clients are remembered that neighbours share a quota.
    is_crowded: AtomicBool,
}

/// Clients that are remembered one by one, about 20 MB of them. Beyond that the networks of new clients are: one party
/// may have more addresses than there is memory.
const MAX_CLIENTS: usize = 200_000;

/// The time between two removals of clients that are remembered and have a full quota. A removal looks at all of them,
/// so no request makes it.
const FORGET_EVERY: Duration = Duration::from_secs(10);

impl Rates {
    pub(super) fn per_minute(requests: u32) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(requests)?);
        Some(Self {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            is_crowded: AtomicBool::new(false),
        })
    }

    /// Removes clients that have a full quota.
    fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.is_crowded.store(self.limiter.len() >= MAX_CLIENTS, Ordering::Relaxed);
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// Returns the time that the client has to wait.
    pub(super) fn spend(&self, client: IpAddr) -> Result<(), Duration> {
        let mut key = household(client);
        if self.is_crowded.load(Ordering::Relaxed) {
            key = network(key);
        }
        let allowed = self.limiter.check_key(&key);
        allowed.map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// Removes idle clients at an interval, while requests are counted.
pub(super) async fn forget_idle_clients(rates: Weak<Rates>) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        let Some(rates) = rates.upgrade() else { return };
        // A panic is logged, and the next removal is another attempt.
        let _ = try_blocking(move || rates.forget_idle()).await;
    }
}

/// Returns the address to count: for IPv6 the network of 64 bits, because a client controls all of it.
pub(super) fn household(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Returns the network to count where there are too many clients: 24 bits of IPv4, and 32 of IPv6, which one provider
/// has.
fn network(household: IpAddr) -> IpAddr {
    match household {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() >> 8 << 8).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 96 << 96).into(),
    }
}

/// Returns the client behind a peer: of the addresses that trusted proxies forward, the last one that is
/// not a trusted proxy. Addresses that any other peer forwards are ignored.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, public: &Public) -> IpAddr {
    let mut client = peer;
    let forwarded = headers.get_all("x-forwarded-for").iter();
    let addresses: Vec<&str> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .collect();
    for address in addresses.iter().rev() {
        if !public.trusts(client) {
            break;
        }
        let address = address.trim();
        let with_port = || address.parse::<SocketAddr>().map(|address| address.ip());
        match address.parse().or_else(|_| with_port()) {
            Ok(address) => client = address,
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[rstest::rstest]
    #[case("192.0.2.1", "", "192.0.2.1")]
    #[case("192.0.2.1", "198.51.100.7", "192.0.2.1")]
    #[case("10.0.0.1", "198.51.100.7", "198.51.100.7")]
    #[case("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7")]
    #[case("::ffff:10.0.0.1", "198.51.100.7:4711", "198.51.100.7")]
    #[case("10.0.0.1", "garbage", "10.0.0.1")]
    #[case("10.0.0.1", "", "10.0.0.1")]
    fn only_a_trusted_proxy_may_forward_a_client_address(
        #[case] peer: &str,
        #[case] forwarded: &str,
        #[case] wanted: &str,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let public = Public { trusted_proxies, ..Public::default() };
        let peer = peer.parse().expect("an address");
        assert_eq!(client(peer, &headers, &public).to_string(), wanted);
    }

    /// The scan of all clients took 0.5 ms of a request with 150,000 of them.
    #[tokio::test(start_paused = true)]
    async fn idle_clients_are_removed_by_the_timer_and_by_no_request() {
        const CLIENTS: u32 = 100_100;
        // A quota is full again after 60 microseconds.
        let rates = Arc::new(Rates::per_minute(1_000_000).expect("a rate"));
        for client in 0..CLIENTS {
            assert!(rates.spend(IpAddr::V4(client.into())).is_ok());
        }
        assert_eq!(rates.limiter.len(), CLIENTS as usize, "requests remove none");
        let forgetting = tokio::spawn(forget_idle_clients(Arc::downgrade(&rates)));
        while !rates.limiter.is_empty() {
            tokio::time::sleep(FORGET_EVERY).await;
        }
        drop(rates);
        forgetting.await.expect("it ends with the registry");
    }

    #[test]
    fn addresses_of_one_network_do_not_fill_the_memory() {
        let rates = Rates::per_minute(1_000_000).expect("a rate");
        let client =
            |number: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 64));
        let most = MAX_CLIENTS as u128;
        for number in 0..most {
            assert!(rates.spend(client(number)).is_ok());
        }
        assert_eq!(rates.limiter.len(), MAX_CLIENTS);
        rates.is_crowded.store(true, Ordering::Relaxed);
        for number in most..most + 1_000 {
            assert!(rates.spend(client(number)).is_ok());
        }
        assert_eq!(rates.limiter.len(), MAX_CLIENTS, "network and first address are one key");
        assert!(rates.spend("192.0.2.1".parse().expect("an address")).is_ok());
        assert!(rates.spend("192.0.2.9".parse().expect("an address")).is_ok());
        assert_eq!(rates.limiter.len(), MAX_CLIENTS + 1);
        rates.limiter.retain_recent();
        rates.forget_idle();
        assert!(!rates.is_crowded.load(Ordering::Relaxed), "it ends with the crowd");
    }

    #[test]
    fn rate_limit_of_one_client_does_not_delay_others() {
        let rates = Rates::per_minute(2).expect("a rate");
        let (one, other) = ("2001:db8::1", "2001:db8:1::1");
        let spend = |client: &str| rates.spend(client.parse().expect("an address"));
        assert!(spend(one).is_ok() && spend("2001:db8::2").is_ok());
        assert!(spend(one).is_err_and(|wait| wait > Duration::from_secs(1)));
        assert!(spend(other).is_ok());
    }
}
