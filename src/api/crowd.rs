//! Decides which connections a listener keeps. It is pure: time is an argument, and the driver closes what it names.
//!
//! While there is room, every client has as many connections as it likes: an office may stand behind one address. Above
//! three quarters of the places the listener is *crowded*. Then a client has a share, silence is short, and for a new
//! connection the client with the most connections gives up its idlest one. The last tenth of the places is for clients
//! that have none. So the places of a few clients, or of many that do nothing, are those of the next honest one.
//!
//! A client is an IPv4 address, or an IPv6 network of 64 bits, whose addresses one machine chooses among. A trusted proxy
//! brings all its clients, so it has no share and gives up nothing; it waits for a place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::activity::{Activity, Phase};
use super::peer::household;

/// The pause between two requests: longer than that of the load balancers in front, so that they close first and send
/// no request into a closing connection.
pub(super) const IDLE: Duration = Duration::from_secs(75);
/// The time for the head of a request, from its first byte.
const HEAD: Duration = Duration::from_secs(15);
/// Both of them while the listener is crowded.
const CROWDED: Duration = Duration::from_secs(5);
/// The connections that gave up their places and may not have ended yet: each still has its descriptor.
const MOST_ENDING: usize = 16;
/// The shares of a network of 64 bits, in those of an address.
const SHARES_OF_NETWORK: usize = 2;

/// The number of a connection; a later one is greater.
pub(super) type Id = u64;

/// The open connections of a listener.
#[derive(Debug)]
pub(super) struct Crowd {
    /// The connections that may be open.
    most: usize,
    /// The connections of one address while it is crowded.
    share: usize,
    next: Id,
    open: BTreeMap<Id, Open>,
    /// Those that gave up their places and have not ended.
    ending: BTreeSet<Id>,
    addresses: HashMap<IpAddr, usize>,
    /// The connections of each client.
    clients: HashMap<IpAddr, BTreeSet<Id>>,
}

#[derive(Debug)]
struct Open {
    /// `None` for a trusted proxy, or a user of this machine.
    peer: Option<IpAddr>,
    activity: Arc<Activity>,
}

/// The decision about a new connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// It has a place, which may be that of another one.
    Admitted { id: Id, activity: Arc<Activity>, instead_of: Option<Id> },
    /// Its client has its share.
    Refused,
    /// It waits until a connection ends.
    Wait,
}

impl Crowd {
    pub(super) fn new(most: usize, share: usize) -> Self {
        let (open, ending) = (BTreeMap::new(), BTreeSet::new());
        let (addresses, clients) = (HashMap::new(), HashMap::new());
        Self { most, share, next: 0, open, ending, addresses, clients }
    }

    /// Returns true if three quarters of the places are taken, so that the next connection is above them.
    pub(super) fn is_crowded(&self) -> bool {
        self.open.len() * 4 >= self.most * 3
    }

    /// Decides about a new connection; `peer` is `None` for one that does not count.
    pub(super) fn admit(&mut self, peer: Option<IpAddr>, now: Duration) -> Admission {
        if !self.is_crowded() {
            return self.admitted(peer, now, None);
        }
        let is_full = self.open.len() >= self.most;
        let largest = self.largest();
        let is_over = largest.is_some_and(|(client, count)| count > self.share_of(client));
        let Some(address) = peer else {
            let instead_of =
                largest.filter(|_| is_over).and_then(|(client, _)| self.idlest(client));
            if is_full && instead_of.is_none() {
                return Admission::Wait;
            }
            return self.admitted(peer, now, instead_of);
        };
        let client = household(address);
        let own = self.clients.get(&client).map_or(0, BTreeSet::len);
        let of_address = self.addresses.get(&address.to_canonical()).copied().unwrap_or_default();
        if of_address >= self.share || own >= self.share_of(client) {
            return Admission::Refused;
        }
        let is_reserved = (self.open.len() + 1) * 10 > self.most * 9;
        if !is_over && !is_full && (own == 0 || !is_reserved) {
            return self.admitted(peer, now, None);
        }
        // Places move to the clients that have fewer, never back.
        let larger = largest.filter(|(_, count)| *count > own + usize::from(own > 0));
        match larger.and_then(|(client, _)| self.idlest(client)) {
            Some(idlest) => self.admitted(peer, now, Some(idlest)),
            None if is_full && largest.is_none() => Admission::Wait,
            None => Admission::Refused,
        }
    }

    fn admitted(
        &mut self,
        peer: Option<IpAddr>,
        now: Duration,
        instead_of: Option<Id>,
    ) -> Admission {
        if let Some(other) = instead_of {
            if self.ending.len() >= MOST_ENDING {
                return Admission::Wait;
            }
            self.forget(other);
            self.ending.insert(other);
        }
        let id = self.next;
        self.next += 1;
        let activity = Arc::new(Activity::begun(now));
        self.open.insert(id, Open { peer, activity: Arc::clone(&activity) });
        if let Some(peer) = peer {
            *self.addresses.entry(peer.to_canonical()).or_default() += 1;
            self.clients.entry(household(peer)).or_default().insert(id);
        }
        Admission::Admitted { id, activity, instead_of }
    }

    /// Records that a connection has ended, so that its descriptor is free.
    pub(super) fn end(&mut self, id: Id) {
        if !self.ending.remove(&id) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: Id) {
        let Some(peer) = self.open.remove(&id).and_then(|open| open.peer) else { return };
        if let Some(count) = self.addresses.get_mut(&peer.to_canonical()) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&peer.to_canonical());
            }
        }
        let client = household(peer);
        if let Some(ids) = self.clients.get_mut(&client) {
            ids.remove(&id);
            if ids.is_empty() {
                self.clients.remove(&client);
            }
        }
    }

    /// Returns the connections that are silent for too long, or send a head for too long.
    pub(super) fn overdue(&self, now: Duration) -> Vec<Id> {
        let is_crowded = self.is_crowded();
        let is_overdue = |open: &Open| {
            let (phase, since) = open.activity.phase();
            let longest = match phase {
                Phase::Busy => return false,
                Phase::Idle => IDLE,
                Phase::Head => HEAD,
            };
            let longest = if is_crowded { longest.min(CROWDED) } else { longest };
            now.saturating_sub(since) >= longest
        };
        self.open.iter().filter(|(_, open)| is_overdue(open)).map(|(id, _)| *id).collect()
    }

    fn share_of(&self, client: IpAddr) -> usize {
        match client {
            IpAddr::V4(_) => self.share,
            IpAddr::V6(_) => self.share * SHARES_OF_NETWORK,
        }
    }

    /// Returns the client with the most connections.
    fn largest(&self) -> Option<(IpAddr, usize)> {
        let counts = self.clients.iter().map(|(client, ids)| (*client, ids.len()));
        counts.max_by_key(|(_, count)| *count)
    }

    /// Returns the connection of a client for which nothing happened for the longest time.
    fn idlest(&self, client: IpAddr) -> Option<Id> {
        let ids = self.clients.get(&client)?.iter().copied();
        ids.min_by_key(|id| (self.open.get(id).map(|open| open.activity.phase().1), *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn attacker(number: usize) -> IpAddr {
        address(&format!("192.0.{}.{}", number / 250, number % 250))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn is_admitted(admission: &Admission) -> bool {
        matches!(admission, Admission::Admitted { .. })
    }

    /// Admits a connection; one that gives up its place ends at once.
    fn admit(crowd: &mut Crowd, peer: Option<IpAddr>) -> Admission {
        let admission = crowd.admit(peer, START);
        if let Admission::Admitted { instead_of: Some(other), .. } = admission {
            crowd.end(other);
        }
        admission
    }

    /// With TLS, connections that had given up their places kept their descriptors for the handshake.
    #[test]
    fn connections_that_gave_up_their_places_are_few_until_they_end() {
        let mut crowd = Crowd::new(64, 32);
        let mut ending = Vec::new();
        let mut admitted = 0;
        for number in 0..600 {
            match crowd.admit(Some(attacker(number)), START) {
                Admission::Admitted { instead_of, .. } => {
                    admitted += 1;
                    ending.extend(instead_of);
                }
                admission => assert!(matches!(admission, Admission::Wait), "{admission:?}"),
            }
        }
        assert_eq!((admitted, ending.len()), (64 + MOST_ENDING, MOST_ENDING));
        crowd.end(ending[0]);
        assert!(is_admitted(&crowd.admit(Some(attacker(600)), START)));
        assert!(matches!(crowd.admit(Some(attacker(601)), START), Admission::Wait));
    }

    /// Admits connections until the first that is not; returns their number.
    fn take_all(crowd: &mut Crowd, peer: Option<IpAddr>, attempts: usize) -> usize {
        (0..attempts).filter(|_| is_admitted(&admit(crowd, peer))).count()
    }

    #[test]
    fn office_behind_one_address_has_an_idle_server_for_itself() {
        let mut crowd = Crowd::new(400, 32);
        assert_eq!(take_all(&mut crowd, Some(address("198.51.100.1")), 299), 299);
        assert!(!crowd.is_crowded());
        assert_eq!(take_all(&mut crowd, Some(address("198.51.100.1")), 2), 1);
        assert!(matches!(crowd.admit(Some(address("198.51.100.1")), START), Admission::Refused));
    }

    /// P87.
    #[test]
    fn four_addresses_that_take_all_they_can_lock_no_client_out() {
        let mut crowd = Crowd::new(400, 32);
        for number in 0..4 {
            take_all(&mut crowd, Some(attacker(number)), 400);
        }
        assert_eq!(crowd.open.len(), 300);
        for number in 0..250 {
            let honest = address(&format!("198.51.100.{number}"));
            assert!(is_admitted(&admit(&mut crowd, Some(honest))), "{number}");
        }
        let attackers = (0..4).map(attacker);
        let left: Vec<usize> = attackers
            .map(|attacker| crowd.clients.get(&attacker).map_or(0, BTreeSet::len))
            .collect();
        assert!(left.iter().all(|left| *left <= 32), "{left:?}");
        assert!(crowd.open.len() <= 400);
    }

    /// P87.
    #[test]
    fn thousand_addresses_within_their_shares_leave_a_place_for_the_next() {
        let mut crowd = Crowd::new(400, 32);
        let taken: usize =
            (0..100).map(|number| take_all(&mut crowd, Some(attacker(number)), 4)).sum();
        assert!(taken >= 360, "{taken}");
        for number in 0..100 {
            let honest = address(&format!("198.51.100.{number}"));
            assert!(is_admitted(&admit(&mut crowd, Some(honest))), "{number}");
        }
        assert!(crowd.open.len() <= 400);
    }

    #[test]
    fn last_tenth_of_the_places_is_for_clients_without_a_connection() {
        let mut crowd = Crowd::new(100, 32);
        for number in 0..90 {
            assert!(is_admitted(&crowd.admit(Some(attacker(number)), START)));
        }
        assert!(matches!(crowd.admit(Some(attacker(1)), START), Admission::Refused));
        for number in 100..110 {
            assert!(is_admitted(&crowd.admit(Some(attacker(number)), START)));
        }
        // All have one, and the idlest of them gives way.
        let late = crowd.admit(Some(attacker(200)), START);
        assert!(matches!(late, Admission::Admitted { instead_of: Some(_), .. }), "{late:?}");
    }

    #[test]
    fn network_of_64_bits_has_two_shares_and_its_addresses_one() {
        let mut crowd = Crowd::new(1_000, 32);
        assert_eq!(take_all(&mut crowd, Some(address("198.51.100.1")), 750), 750);
        let of_network = |host: usize| address(&format!("2001:db8::{host}"));
        assert_eq!(take_all(&mut crowd, Some(of_network(1)), 100), 32);
        assert_eq!(take_all(&mut crowd, Some(of_network(2)), 100), 32);
        assert_eq!(take_all(&mut crowd, Some(of_network(3)), 100), 0);
        assert_eq!(take_all(&mut crowd, Some(address("2001:db8:0:1::1")), 100), 32);
    }

    #[test]
    fn largest_client_loses_the_connection_that_is_idle_for_the_longest_time() {
        let mut crowd = Crowd::new(8, 2);
        for _ in 0..6 {
            assert!(is_admitted(&crowd.admit(Some(attacker(1)), START)));
        }
        for id in [0, 1, 3, 4, 5] {
            crowd.open[&id].activity.note(Phase::Busy, seconds(1));
        }
        let admitted = crowd.admit(Some(attacker(2)), seconds(2));
        assert!(
            matches!(admitted, Admission::Admitted { instead_of: Some(2), .. }),
            "{admitted:?}"
        );
    }

    /// P87: a byte every five seconds is no head.
    #[rstest::rstest]
    #[case::idle(Phase::Idle, 1, 75)]
    #[case::head(Phase::Head, 1, 15)]
    #[case::idle_in_a_crowd(Phase::Idle, 4, 5)]
    #[case::head_in_a_crowd(Phase::Head, 4, 5)]
    #[case::request_in_a_crowd(Phase::Busy, 4, 600)]
    fn silence_and_slow_heads_end_sooner_in_a_crowd(
        #[case] phase: Phase,
        #[case] open: usize,
        #[case] ended: u64,
    ) {
        let mut crowd = Crowd::new(5, 32);
        for number in 0..open {
            assert!(is_admitted(&crowd.admit(Some(attacker(number)), START)));
        }
        for id in 1..open as Id {
            crowd.open[&id].activity.note(Phase::Busy, START);
        }
        let activity = &crowd.open[&0].activity;
        activity.note(phase, START);
        if phase == Phase::Head {
            activity.received(seconds(ended - 1));
        }
        assert!(crowd.overdue(seconds(ended - 1)).is_empty());
        let overdue: &[Id] = if phase == Phase::Busy { &[] } else { &[0] };
        assert_eq!(crowd.overdue(seconds(ended)), overdue, "others are worked on");
    }

    #[test]
    fn proxy_has_no_share_and_waits_for_a_place() {
        let mut crowd = Crowd::new(10, 2);
        assert_eq!(take_all(&mut crowd, None, 20), 10);
        assert!(matches!(crowd.admit(None, START), Admission::Wait));
        assert!(matches!(crowd.admit(Some(attacker(1)), START), Admission::Wait));
        crowd.end(3);
        crowd.end(3);
        assert_eq!(crowd.open.len(), 9);
        assert!(is_admitted(&crowd.admit(Some(attacker(1)), START)));
    }
}
