use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, Query};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use super::dns_answer::{Emptiness, MAX_ALIASES, addresses, classify, emptiness, texts};
use super::health::Health;
use super::watched::Watched;
use crate::files::read_regular_file;
use crate::ownership::{Addresses, KeyLookup, Resolved, agreed};

/// One try; hickory makes one more.
const TIMEOUT: Duration = Duration::from_secs(4);
const ATTEMPTS: usize = 1;
/// The limit of one question, whatever is tried.
const QUESTION: Duration = Duration::from_secs(9);
/// No answer is used twice: what was there before some content came says nothing about it.
const LONGEST_TTL: Duration = Duration::ZERO;
/// An empty answer over UDP is never larger.
const RAW_BYTES: usize = 4096;
/// The file in which the system names its resolvers, and how many of them the system itself uses.
const SYSTEM: &str = "/etc/resolv.conf";
const MAX_SYSTEM: usize = 3;
const PORT: u16 = 53;

/// The resolvers, each queried on its own.
pub(super) struct Resolvers {
    each: Watched<Vec<Arc<Resolver>>>,
}

struct Resolver {
    name: String,
    address: SocketAddr,
    client: TokioResolver,
    health: Mutex<Health>,
}

/// The reason why resolvers cannot be queried.
#[derive(Debug, Error)]
pub enum ResolverError {
    #[error("the resolver {address} cannot be used")]
    Unusable { address: SocketAddr, source: Box<NetError> },
    #[error("the file {file} names no resolver")]
    Unnamed { file: PathBuf },
}

/// A resolver that gives no answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailingResolver {
    pub address: String,
    pub why: String,
    /// True if the other resolvers decide without it.
    pub is_set_aside: bool,
}

impl Resolvers {
    /// Uses the configured resolvers, or those of the system.
    pub(super) fn new(configured: &[SocketAddr]) -> Result<Self, ResolverError> {
        if configured.is_empty() {
            return Self::of_file(Path::new(SYSTEM));
        }
        let configured = configured.to_vec();
        let each = Watched::open(Vec::new(), move |before| open_each(&configured, before))?;
        Ok(Self { each })
    }

    /// Uses the resolvers that a file of the system names, and those that it names later.
    fn of_file(file: &Path) -> Result<Self, ResolverError> {
        let path = file.to_owned();
        let open = move |before: Option<&Vec<Arc<Resolver>>>| {
            let mut named = of_system(&path);
            if named.is_empty() && before.is_some() {
                return Err(ResolverError::Unnamed { file: path.clone() });
            }
            if named.is_empty() {
                // As the system does it.
                named.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
            }
            open_each(&named, before)
        };
        Ok(Self { each: Watched::open(vec![file.to_owned()], open)? })
    }

    /// Takes up the resolvers that the system names now.
    pub(super) fn look(&self) -> Result<bool, String> {
        self.each.look()
    }

    /// Returns the keys at a domain on which all resolvers agree that are not set aside.
    pub(super) async fn keys(&self, domain: &str) -> KeyLookup {
        let Ok(name) = fqdn(domain) else { return KeyLookup::Absent("no valid DNS name".into()) };
        let each = self.in_use();
        let answers = join_all(each.iter().map(|resolver| resolver.txt(&name))).await;
        let answers: Vec<(String, Resolved)> =
            each.iter().map(|resolver| resolver.name.clone()).zip(answers).collect();
        record(domain, &each, &answers);
        match (each.len(), agreed(&answers)) {
            (count @ 2.., shown @ KeyLookup::Shown(_)) => {
                shown.with_note(&format!("{count} resolvers agree"))
            }
            (_, lookup) => lookup,
        }
    }

    /// Returns the addresses of a domain from the resolvers that have any; none only if all agree.
    pub(super) async fn addresses(&self, domain: &str) -> Addresses {
        let Ok(name) = fqdn(domain) else { return Addresses::Absent("no valid DNS name") };
        let each = self.in_use();
        let answers = join_all(each.iter().map(|resolver| resolver.addresses(&name))).await;
        Addresses::agreed(each.iter().map(|resolver| resolver.name.clone()).zip(answers))
    }

    /// Asks each resolver about the root, which nearly every one of them knows, so that one that fails is noticed also
    /// while nothing else is asked; and again about what it did not answer.
    pub(super) async fn probe(&self) {
        let each = self.each.current();
        join_all(each.iter().map(|resolver| resolver.probe())).await;
    }

    pub(super) fn failing(&self) -> Vec<FailingResolver> {
        let now = Instant::now();
        let (each, used) = (self.each.current(), self.in_use().len());
        let failing = |resolver: &Arc<Resolver>| {
            let health = resolver.health();
            let is_set_aside = used < each.len() && health.is_set_aside(now);
            let address = resolver.name.clone();
            Some(FailingResolver { address, why: health.failure(now)?, is_set_aside })
        };
        each.iter().filter_map(failing).collect()
    }

    /// Returns true if a resolver is set aside: the others take nothing away.
    pub(super) fn are_partial(&self) -> bool {
        self.in_use().len() < self.each.current().len()
    }

    pub(super) fn forget(&self) {
        self.each.current().iter().for_each(|resolver| resolver.client.clear_cache());
    }

    /// Returns true if no second resolver could contradict the answers.
    pub(super) fn is_single(&self) -> bool {
        self.each.current().len() < 2
    }

    /// Returns the resolvers that are not set aside; all, when none is left.
    fn in_use(&self) -> Vec<Arc<Resolver>> {
        let (each, now) = (self.each.current(), Instant::now());
        let is_used = |resolver: &&Arc<Resolver>| !resolver.health().is_set_aside(now);
        let used: Vec<_> = each.iter().filter(is_used).cloned().collect();
        if used.is_empty() { each.to_vec() } else { used }
    }
}

/// Opens the resolvers at these addresses; one that was there before keeps what is known of its health.
fn open_each(
    addresses: &[SocketAddr],
    before: Option<&Vec<Arc<Resolver>>>,
) -> Result<Vec<Arc<Resolver>>, ResolverError> {
    let before = before.map(Vec::as_slice).unwrap_or_default();
    let open = |address: &SocketAddr| {
        let known = before.iter().find(|resolver| resolver.address == *address);
        known.map_or_else(|| Resolver::new(*address).map(Arc::new), |known| Ok(Arc::clone(known)))
    };
    addresses.iter().map(open).collect()
}

/// Records which resolvers answered about a domain.
fn record(domain: &str, each: &[Arc<Resolver>], answers: &[(String, Resolved)]) {
    let is_answer = |answer: &Resolved| !matches!(answer, Resolved::Unclear(_));
    let is_answered = answers.iter().any(|(_, answer)| is_answer(answer));
    let registrable = psl::domain_str(domain).unwrap_or(domain);
    let now = Instant::now();
    for (resolver, (_, answer)) in each.iter().zip(answers) {
        let failure = match answer {
            Resolved::Unclear(why) => Some(why.as_str()),
            _ => None,
        };
        resolver.health().record(registrable, failure, is_answered, now);
    }
}

impl Resolver {
    fn new(address: SocketAddr) -> Result<Self, ResolverError> {
        let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
        (udp.port, tcp.port) = (address.port(), address.port());
        let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.cache_size = 1;
        options.positive_max_ttl = Some(LONGEST_TTL);
        options.negative_max_ttl = Some(LONGEST_TTL);
        // A local hosts file is not evidence.
        options.use_hosts_file = ResolveHosts::Never;
        options.try_tcp_on_error = true;
        let failed = |error| ResolverError::Unusable { address, source: Box::new(error) };
        let client = builder.build().map_err(failed)?;
        let health = Mutex::new(Health::new(Instant::now()));
        Ok(Self { name: address.to_string(), address, client, health })
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn txt(&self, name: &Name) -> Resolved {
        match self.ask(name, RecordType::TXT).await {
            Ok(answers) => texts(name, &answers),
            Err(answer) => answer,
        }
    }

    /// Asks for both types of addresses, each by itself: one that fails leaves open what the other does not have.
    async fn addresses(&self, name: &Name) -> Addresses {
        let (four, six) =
            tokio::join!(self.ask(name, RecordType::A), self.ask(name, RecordType::AAAA));
        let read = |answer: Result<Vec<Record>, _>| addresses(name, &answer?);
        Addresses::of_types([read(four), read(six)])
    }

    /// Returns the records of an answer. That there is none is definite only if the answer itself says it.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, Resolved> {
        let lookup = timeout(QUESTION, self.client.lookup(name.clone(), kind)).await;
        match lookup.unwrap_or(Err(NetError::Timeout)) {
            Ok(lookup) => Ok(lookup.answers().to_vec()),
            Err(error) => Err(match classify(&error) {
                Resolved::NoRecords | Resolved::NoSuchName => self.confirm_empty(name, kind).await,
                answer => answer,
            }),
        }
    }

    async fn probe(&self) {
        let answer = timeout(QUESTION, self.client.lookup(Name::root(), RecordType::NS)).await;
        let failure =
            match answer.unwrap_or(Err(NetError::Timeout)).map_err(|error| classify(&error)) {
                Err(Resolved::Unclear(why)) => Some(why),
                _ => None,
            };
        self.health().record_root(failure.as_deref(), Instant::now());
        let again = self.health().to_ask_again();
        for domain in again {
            let Ok(name) = fqdn(&domain) else { continue };
            if !matches!(self.txt(&name).await, Resolved::Unclear(_)) {
                self.health().record(&domain, None, false, Instant::now());
                return;
            }
        }
    }

    /// Asks again, and reads the answer itself: hickory takes one about another name, a loop of aliases or the address of
    /// a server for an empty one, whatever stands beside it. Without an answer to this question, nothing is definite. The
    /// name at the end of aliases is asked too: a server that does not follow them gives an answer without its records.
    async fn confirm_empty(&self, name: &Name, kind: RecordType) -> Resolved {
        let confirm = async {
            let mut name = name.clone();
            for _ in 0..=MAX_ALIASES {
                match emptiness(&name, &self.ask_raw(&name, kind).await?) {
                    Emptiness::NoRecords => return Ok(Resolved::NoRecords),
                    Emptiness::NoSuchName => return Ok(Resolved::NoSuchName),
                    Emptiness::AliasOf(target) => name = target,
                    Emptiness::Other => break,
                }
            }
            Ok::<_, std::io::Error>(Resolved::Unclear("the answer is about another name".into()))
        };
        match timeout(QUESTION, confirm).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => {
                Resolved::Unclear("no answer in time that confirms that nothing is there".into())
            }
        }
    }

    /// Asks over UDP, and over TCP if that gives no whole answer.
    async fn ask_raw(&self, name: &Name, kind: RecordType) -> std::io::Result<Message> {
        let mut id = [0; 2];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| ErrorKind::Other)?;
        let mut message = Message::query();
        message.metadata.id = u16::from_be_bytes(id);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name.clone(), kind));
        let question = message.to_vec().map_err(|_| ErrorKind::Other)?;
        let read = |answer: Vec<u8>| {
            let answer = Message::from_vec(&answer).map_err(|_| ErrorKind::InvalidData)?;
            let is_answer =
                answer.metadata.id == message.metadata.id && answer.queries == message.queries;
            if is_answer { Ok(answer) } else { Err(ErrorKind::InvalidData.into()) }
        };
        let first = timeout(TIMEOUT, over_udp(self.address, &question)).await;
        match first.map(|answer| answer.and_then(read)) {
            Ok(Ok(answer)) if !answer.metadata.truncation => Ok(answer),
            _ => read(timeout(TIMEOUT, over_tcp(self.address, &question)).await??),
        }
    }
}

async fn over_udp(resolver: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let local: IpAddr = match resolver.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((local, 0)).await?;
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut answer = vec![0; RAW_BYTES];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn over_tcp(resolver: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let length = u16::try_from(question.len()).map_err(|_| ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The bytes of the system's file that are read.
const MOST_BYTES: u64 = 64 * 1024;

/// Returns the resolvers of the system. Only their lines are read: no other line can be wrong.
fn of_system(file: &Path) -> Vec<SocketAddr> {
    let text = read_regular_file(file, MOST_BYTES).unwrap_or_default();
    name_servers(&String::from_utf8_lossy(&text))
}

fn name_servers(text: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().filter(|word| *word == "nameserver").and(words.next())
        else {
            continue;
        };
        let Ok(address) = address.parse::<IpAddr>() else { continue };
        let address = SocketAddr::new(address, PORT);
        if !found.contains(&address) && found.len() < MAX_SYSTEM {
            found.push(address);
        }
    }
    found
}

/// Returns the name with its final dot: search domains must not apply.
fn fqdn(domain: &str) -> Result<Name, String> {
    Name::from_ascii(format!("{domain}.")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", &["192.0.2.1:53", "[2001:db8::1]:53"])]
    #[case("search _odd..domain%\noptions ndots:x\n\tnameserver\t192.0.2.1 # ours", &["192.0.2.1:53"])]
    #[case("nameserver one.example\nnameserver\nnameserver 192.0.2.1\nnameserver 192.0.2.1", &["192.0.2.1:53"])]
    #[case("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4", &["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"])]
    #[case("", &[])]
    fn each_line_of_the_system_with_a_resolver_counts_and_no_other_does(
        #[case] text: &str,
        #[case] wanted: &[&str],
    ) {
        let found: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted);
    }

    fn names(resolvers: &Resolvers) -> Vec<String> {
        resolvers.in_use().iter().map(|resolver| resolver.name.clone()).collect()
    }

    #[tokio::test]
    async fn system_without_resolvers_asks_this_machine() {
        let resolvers = Resolvers::of_file(Path::new("/nonexistent/resolv.conf"));
        assert_eq!(names(&resolvers.expect("resolvers")), ["127.0.0.1:53"]);
    }

    /// P90: the resolvers of the system were read once; after a change of the network nothing was verified any more.
    #[tokio::test]
    async fn resolvers_that_the_system_names_later_are_taken_up_and_an_empty_file_keeps_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("resolv.conf");
        std::fs::write(&file, "nameserver 192.0.2.1\nsearch _odd..domain%\n").expect("a file");
        let resolvers = Resolvers::of_file(&file).expect("resolvers");
        let kept = resolvers.in_use()[0].clone();
        std::fs::write(&file, "nameserver 192.0.2.2\nnameserver 192.0.2.1\n").expect("a file");
        assert_eq!([resolvers.look(), resolvers.look()], [Ok(false), Ok(true)]);
        assert_eq!(names(&resolvers), ["192.0.2.2:53", "192.0.2.1:53"]);
        assert!(Arc::ptr_eq(&resolvers.in_use()[1], &kept), "what is known of its health stays");
        std::fs::write(&file, "search example.com\n").expect("a file");
        resolvers.look().expect("a first reading");
        assert!(resolvers.look().expect_err("a reason").ends_with("names no resolver"));
        std::fs::remove_file(&file).expect("removed");
        resolvers.look().expect_err("a reason");
        assert_eq!(names(&resolvers), ["192.0.2.2:53", "192.0.2.1:53"]);
    }
}
