use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use thiserror::Error;

use crate::ownership::{KeyLookup, Resolved, agreed};

/// One try; hickory makes one more.
const TIMEOUT: Duration = Duration::from_secs(4);
const ATTEMPTS: usize = 1;
/// The longest time that an answer is cached, whatever the zone says.
const LONGEST_TTL: Duration = Duration::from_hours(24);
/// With more TXT records, an answer says nothing.
const MAX_RECORDS: usize = 256;
/// The aliases that are followed in an answer.
const MAX_ALIASES: usize = 8;
const CACHED: u64 = 4096;

/// The resolvers, each queried on its own.
pub(super) struct Resolvers {
    each: Vec<(String, TokioResolver)>,
}

/// The reason why no resolver can be queried.
#[derive(Debug, Error)]
pub enum ResolverError {
    #[error("the system's resolvers cannot be read; name some in `[ownership] resolvers`")]
    System { source: Box<NetError> },
    #[error("the resolver {address} cannot be used")]
    Resolver { address: SocketAddr, source: Box<NetError> },
}

/// The addresses of a name.
#[derive(Debug)]
pub(super) enum Addresses {
    Found(Vec<IpAddr>),
    Absent(&'static str),
    Unclear(String),
}

impl Resolvers {
    /// Uses the configured resolvers, or those of the system as a single one.
    pub(super) fn new(configured: &[SocketAddr]) -> Result<Self, ResolverError> {
        if configured.is_empty() {
            let builder = TokioResolver::builder_tokio();
            let builder =
                builder.map_err(|error| ResolverError::System { source: Box::new(error) })?;
            let built = built(builder)
                .map_err(|error| ResolverError::System { source: Box::new(error) })?;
            return Ok(Self { each: vec![("the system's resolvers".to_owned(), built)] });
        }
        let each = configured.iter().map(|address| {
            let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
            (udp.port, tcp.port) = (address.port(), address.port());
            let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
            let config = ResolverConfig::from_name_servers(vec![server]);
            let provider = TokioRuntimeProvider::default();
            let resolver =
                built(TokioResolver::builder_with_config(config, provider)).map_err(|error| {
                    ResolverError::Resolver { address: *address, source: Box::new(error) }
                })?;
            Ok((address.to_string(), resolver))
        });
        Ok(Self { each: each.collect::<Result<_, _>>()? })
    }

    /// Returns the keys at a domain on which all resolvers agree.
    pub(super) async fn keys(&self, domain: &str) -> KeyLookup {
        let mut answers = Vec::with_capacity(self.each.len());
        for (name, resolver) in &self.each {
            answers.push((name.clone(), txt(resolver, domain).await));
        }
        match self.each.len() {
            0 | 1 => agreed(&answers),
            count => match agreed(&answers) {
                shown @ KeyLookup::Shown(..) => {
                    shown.with_note(&format!("{count} resolvers agree"))
                }
                other => other,
            },
        }
    }

    pub(super) fn forget(&self) {
        self.each.iter().for_each(|(_, resolver)| resolver.clear_cache());
    }

    /// Returns true if no second resolver could contradict the answers.
    pub(super) fn is_single(&self) -> bool {
        self.each.len() < 2
    }

    /// Returns the addresses of a domain from the first resolver that has any; none only if all agree.
    pub(super) async fn addresses(&self, domain: &str) -> Addresses {
        let Ok(name) = fqdn(domain) else { return Addresses::Absent("not a valid DNS name") };
        let mut absent = Addresses::Unclear("no resolver is configured".into());
        for (resolver_name, resolver) in &self.each {
            absent = match addresses(resolver, &name).await {
                Addresses::Absent(what) => Addresses::Absent(what),
                Addresses::Unclear(why) => {
                    return Addresses::Unclear(format!("{resolver_name}: {why}"));
                }
                found @ Addresses::Found(_) => return found,
            };
        }
        absent
    }
}

fn built(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(LONGEST_TTL);
    options.negative_max_ttl = Some(Duration::from_hours(1));
    // A local hosts file is not evidence.
    options.use_hosts_file = ResolveHosts::Never;
    options.try_tcp_on_error = true;
    builder.build()
}

/// Returns the name with its final dot: search domains must not apply.
fn fqdn(domain: &str) -> Result<Name, String> {
    Name::from_ascii(format!("{domain}.")).map_err(|error| error.to_string())
}

/// Asks for both types of addresses, each by itself: one that fails leaves open what the other does not have.
async fn addresses(resolver: &TokioResolver, name: &Name) -> Addresses {
    let (four, six) = tokio::join!(
        resolver.lookup(name.clone(), RecordType::A),
        resolver.lookup(name.clone(), RecordType::AAAA)
    );
    let (mut found, mut absent) = (Vec::new(), Addresses::Absent("no such name"));
    for answer in [four, six] {
        match answer.map_err(|error| classify(&error)) {
            Ok(lookup) => {
                let data = lookup.answers().iter().map(|record| &record.data);
                found.extend(data.filter_map(RData::ip_addr));
            }
            Err(Resolved::Unclear(why)) => absent = Addresses::Unclear(why),
            Err(Resolved::NoRecords | Resolved::Records(_)) => {
                if matches!(absent, Addresses::Absent(_)) {
                    absent = Addresses::Absent("no address");
                }
            }
            Err(Resolved::NoSuchName) => {}
        }
    }
    if found.is_empty() { absent } else { Addresses::Found(found) }
}

async fn txt(resolver: &TokioResolver, domain: &str) -> Resolved {
    let Ok(name) = fqdn(domain) else { return Resolved::NoSuchName };
    match resolver.txt_lookup(name.clone()).await {
        Ok(lookup) => texts(&name, lookup.answers()),
        Err(error) => classify(&error),
    }
}

/// Returns the texts of a name, or of the name that it is an alias of.
fn texts(name: &Name, answers: &[Record]) -> Resolved {
    let mut owner = name;
    for _ in 0..MAX_ALIASES {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => Some(&target.0),
            _ => None,
        });
        match alias {
            Some(target) => owner = target,
            None => break,
        }
    }
    let of_owner = answers.iter().filter(|record| record.name == *owner);
    let texts: Vec<String> = of_owner
        .filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        })
        .collect();
    match texts.len() {
        0 => Resolved::Unclear("the answer is about another name".into()),
        // The order of arrival must not decide which of them count.
        found if found > MAX_RECORDS => {
            Resolved::Unclear(format!("more than {MAX_RECORDS} TXT records"))
        }
        _ => Resolved::Records(texts),
    }
}

/// Classifies an error; only an explicit answer is a definite negative.
fn classify(error: &NetError) -> Resolved {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Resolved::NoSuchName,
            // A server that does not recurse names others, and says nothing itself.
            ResponseCode::NoError if none.ns.is_some() && none.soa.is_none() => {
                Resolved::Unclear("the answer is a referral to other servers".into())
            }
            ResponseCode::NoError => Resolved::NoRecords,
            other => Resolved::Unclear(format!("the answer is {other}")),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Resolved::Unclear(format!("the answer is {code}"))
        }
        NetError::Timeout => Resolved::Unclear("no answer in time".into()),
        other => Resolved::Unclear(other.to_string()),
    }
}
