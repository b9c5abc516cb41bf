//! An authoritative DNS server on loopback that can misbehave.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

/// The answer to a query.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// Each record with its character strings.
    Txt(Vec<Vec<String>>),
    /// Truncated over UDP, complete over TCP.
    OverTcp(Vec<Vec<String>>),
    Nothing,
    NoSuchName,
    Failure,
    Refusal,
    Silence,
    /// No answer but the servers of the zone, as from a server that does not recurse.
    Referral,
    /// As a referral, with an address of the name itself as the one of a server.
    ReferralWithGlue,
    /// A text of another name, or an address of it.
    OfAnother(String),
    /// The same at the first question, and silence afterwards.
    OfAnotherOnce(String),
    /// An address of the name, not in the answer but among additional records.
    Stray,
    /// Truncated over UDP, and a text of another name over TCP.
    OfAnotherOverTcp(String),
    /// A text of another name, or an address of it, and who knows that the name has no record.
    OfAnotherWithSoa(String),
    /// A text of another name, or an address of it, and that the name does not exist.
    OfAnotherAndNoSuchName(String),
    /// Nothing, who knows that, and the servers of the zone: no referral.
    NothingWithServers,
    /// The name is an alias of itself.
    Loop,
    /// The name is an alias of another one, about which the answer says nothing: not even who knows that.
    AliasOf(String),
}

#[derive(Debug, Default, Clone)]
struct Zone {
    txt: Option<Say>,
    /// The answers in order; the last one repeats.
    addresses: Vec<Vec<IpAddr>>,
    /// The answer to questions for addresses, instead of these.
    instead: Option<Say>,
    /// True if questions for IPv4 addresses fail.
    fails_four: bool,
    asked: usize,
}

/// The test double; dropping it stops the server.
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zones: Zones,
    server: Server<Handler>,
}

type Zones = Arc<Mutex<HashMap<String, Zone>>>;

struct Handler(Zones);

impl Dns {
    pub(crate) async fn start() -> Self {
        let (udp, tcp, address) = sockets().await;
        let zones = Zones::default();
        let mut server = Server::new(Handler(Arc::clone(&zones)));
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 16);
        Self { address, zones, server }
    }

    /// Sets the answer to TXT queries for a name; other names do not exist.
    pub(crate) fn txt(&self, name: &str, say: Say) {
        self.zones.lock().expect("unpoisoned").entry(name.to_owned()).or_default().txt = Some(say);
    }

    /// Sets one TXT record with one character string.
    pub(crate) fn record(&self, name: &str, text: &str) {
        self.txt(name, Say::Txt(vec![vec![text.to_owned()]]));
    }

    /// Lets questions for the IPv4 addresses of a name fail; it has no others.
    pub(crate) fn fails_four(&self, name: &str) {
        let mut zones = self.zones.lock().expect("unpoisoned");
        zones.entry(name.to_owned()).or_default().fails_four = true;
    }

    /// Sets another answer to questions for the addresses of a name.
    pub(crate) fn misdirects(&self, name: &str, say: Say) {
        let mut zones = self.zones.lock().expect("unpoisoned");
        zones.entry(name.to_owned()).or_default().instead = Some(say);
    }

    /// Sets the addresses of a name, one set for each lookup.
    pub(crate) fn resolves(&self, name: &str, addresses: &[&[&str]]) {
        let parse = |text: &&str| text.parse().expect("an address");
        let addresses = addresses.iter().map(|all| all.iter().map(parse).collect()).collect();
        let mut zones = self.zones.lock().expect("unpoisoned");
        zones.entry(name.to_owned()).or_default().addresses = addresses;
    }
}

/// Binds one port for UDP and TCP; retries, since a port that is free for one may be taken for the other.
async fn sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    for _ in 0..100 {
        let udp = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = udp.local_addr().expect("an address");
        if let Ok(tcp) = TcpListener::bind(address).await {
            return (udp, tcp, address);
        }
    }
    panic!("no port is free for both");
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.server.shutdown_token().cancel();
    }
}

impl Handler {
    fn answer(&self, name: &str, kind: RecordType) -> (Say, Vec<IpAddr>) {
        let mut zones = self.0.lock().expect("unpoisoned");
        let Some(zone) = zones.get_mut(name) else { return (Say::NoSuchName, Vec::new()) };
        if kind == RecordType::A && zone.fails_four {
            return (Say::Failure, Vec::new());
        }
        if kind == RecordType::TXT {
            let say = zone.txt.clone().unwrap_or(Say::Nothing);
            if matches!(say, Say::OfAnotherOnce(_)) {
                zone.txt = Some(Say::Silence);
            }
            return (say, Vec::new());
        }
        if let Some(say) = &zone.instead {
            return (say.clone(), Vec::new());
        }
        let of_kind = |address: &IpAddr| address.is_ipv4() == (kind == RecordType::A);
        // A lookup asks for A and AAAA; both get the same set.
        let step = zone.asked / 2;
        zone.asked += 1;
        let answers = zone.addresses.get(step).or(zone.addresses.last());
        (
            Say::Nothing,
            answers.into_iter().flatten().filter(|address| of_kind(address)).copied().collect(),
        )
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        let silent = ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() });
        let Ok(info) = request.request_info() else { return silent };
        let is_udp = info.protocol == hickory_server::net::xfer::Protocol::Udp;
        let name = info.query.name().to_string().trim_end_matches('.').to_ascii_lowercase();
        let (say, addresses) = self.answer(&name, info.query.query_type());
        let owner = Name::from(info.query.name());
        let kind = info.query.query_type();
        let (mut texts, mut servers, mut answered) = (Vec::new(), Vec::new(), owner.clone());
        let (mut aliases, mut glue, mut addresses) = (Vec::new(), Vec::new(), addresses);
        let address = IpAddr::from([127, 0, 0, 1]);
        let authority = Name::from_ascii("ns1.example.net.").expect("a name");
        // An empty answer about addresses says who knows that, as most servers do; one about texts does not.
        let has_authority = match say {
            Say::Nothing => kind != RecordType::TXT && addresses.is_empty(),
            Say::OfAnotherWithSoa(_) | Say::NothingWithServers => true,
            _ => false,
        };
        let soa = has_authority.then(|| {
            let soa = SOA::new(authority.clone(), authority.clone(), 1, 60, 60, 60, 0);
            Record::from_rdata(owner.clone(), 0, RData::SOA(soa))
        });
        if matches!(say, Say::OfAnotherAndNoSuchName(_)) {
            metadata.response_code = ResponseCode::NXDomain;
        }
        match say {
            Say::Txt(records) => texts = records,
            Say::OverTcp(_) | Say::OfAnotherOverTcp(_) if is_udp => metadata.truncation = true,
            Say::OverTcp(records) => texts = records,
            Say::Nothing => {}
            Say::NoSuchName => metadata.response_code = ResponseCode::NXDomain,
            Say::Failure => metadata.response_code = ResponseCode::ServFail,
            Say::Refusal => metadata.response_code = ResponseCode::Refused,
            Say::Silence => return silent,
            Say::Referral | Say::ReferralWithGlue => {
                metadata.authoritative = false;
                servers.push(Record::from_rdata(owner.clone(), 60, RData::NS(NS(authority))));
                if matches!(say, Say::ReferralWithGlue) {
                    glue.push(Record::from_rdata(owner.clone(), 60, data_of(address)));
                }
            }
            Say::NothingWithServers => {
                servers.push(Record::from_rdata(owner.clone(), 60, RData::NS(NS(authority))));
            }
            Say::Stray => glue.push(Record::from_rdata(owner.clone(), 60, data_of(address))),
            Say::OfAnother(text)
            | Say::OfAnotherOnce(text)
            | Say::OfAnotherOverTcp(text)
            | Say::OfAnotherWithSoa(text)
            | Say::OfAnotherAndNoSuchName(text) => {
                answered = Name::from_ascii("other.example.").expect("a name");
                if kind == RecordType::TXT {
                    texts = vec![vec![text]];
                } else {
                    addresses.push(address);
                }
            }
            Say::AliasOf(target) => {
                let target = Name::from_ascii(format!("{target}.")).expect("a name");
                aliases.push(Record::from_rdata(owner.clone(), 0, RData::CNAME(CNAME(target))));
            }
            Say::Loop => {
                let alias = RData::CNAME(CNAME(owner.clone()));
                aliases.push(Record::from_rdata(owner.clone(), 0, alias));
            }
        }
        let texts = texts.into_iter().map(|pieces| RData::TXT(TXT::new(pieces)));
        let addresses = addresses.into_iter().map(data_of);
        // A TTL of 0: the next lookup asks again.
        let records: Vec<Record> = texts
            .chain(addresses)
            .map(|data| Record::from_rdata(answered.clone(), 0, data))
            .chain(aliases)
            .collect();
        let response = MessageResponseBuilder::from_message_request(request);
        let response =
            response.build(metadata, records.iter(), servers.iter(), soa.iter(), glue.iter());
        handle.send_response(response).await.unwrap_or(silent)
    }
}

fn data_of(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(address.into()),
        IpAddr::V6(address) => RData::AAAA(address.into()),
    }
}
