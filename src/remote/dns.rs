use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use thiserror::Error;

use crate::ownership::{KeyLookup, Resolved, agreed};

/// One try; hickory makes one more.
const TIMEOUT: Duration = Duration::from_secs(4);
const ATTEMPTS: usize = 1;
/// The longest time that an answer is cached, whatever the zone says.
const LONGEST_TTL: Duration = Duration::from_hours(24);
/// Further TXT records of a name are ignored.
const MAX_RECORDS: usize = 256;
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
            let found = match resolver.lookup_ip(name.clone()).await {
                Ok(found) => return Addresses::Found(found.iter().collect()),
                Err(error) => classify(&error),
            };
            absent = match found {
                Resolved::NoSuchName => Addresses::Absent("no such name"),
                Resolved::NoRecords | Resolved::Records(_) => Addresses::Absent("no address"),
                Resolved::Unclear(why) => {
                    return Addresses::Unclear(format!("{resolver_name}: {why}"));
                }
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

async fn txt(resolver: &TokioResolver, domain: &str) -> Resolved {
    let Ok(name) = fqdn(domain) else { return Resolved::NoSuchName };
    match resolver.txt_lookup(name).await {
        Ok(lookup) => Resolved::Records(texts(&lookup)),
        Err(error) => classify(&error),
    }
}

fn texts(lookup: &Lookup) -> Vec<String> {
    let texts = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    });
    texts.take(MAX_RECORDS).collect()
}

/// Classifies an error; only an explicit answer is a definite negative.
fn classify(error: &NetError) -> Resolved {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Resolved::NoSuchName,
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
