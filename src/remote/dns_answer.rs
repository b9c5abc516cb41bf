use std::net::IpAddr;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::ownership::{Resolved, Texts};

/// With more TXT records, an answer says nothing.
const MAX_RECORDS: usize = 256;
/// The aliases that are followed in an answer.
const MAX_ALIASES: usize = 8;

/// Returns the name that a name is an alias of in an answer, at the end of the chain, and the aliases on the way.
fn owner<'a>(name: &'a Name, answers: &'a [Record]) -> (&'a Name, Vec<String>) {
    let mut owner = name;
    let mut aliases = Vec::new();
    for _ in 0..MAX_ALIASES {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => Some(&target.0),
            _ => None,
        });
        match alias {
            Some(target) => {
                owner = target;
                aliases.push(target.to_ascii().trim_end_matches('.').to_owned());
            }
            None => break,
        }
    }
    (owner, aliases)
}

fn of_another() -> Resolved {
    Resolved::Unclear("the answer is about another name".into())
}

/// Returns the addresses of a name, or of the name that it is an alias of. An answer without any is about another name.
pub(super) fn addresses(name: &Name, answers: &[Record]) -> Result<Vec<IpAddr>, Resolved> {
    let (owner, _) = owner(name, answers);
    let of_owner = answers.iter().filter(|record| record.name == *owner);
    let found: Vec<IpAddr> = of_owner.filter_map(|record| record.data.ip_addr()).collect();
    if found.is_empty() { Err(of_another()) } else { Ok(found) }
}

/// Returns true for an answer that says of the name itself that it has no such record.
pub(super) fn is_empty_answer(answer: &Message) -> bool {
    let is_about_servers =
        answer.authorities.iter().any(|record| record.record_type() == RecordType::NS);
    answer.metadata.response_code == ResponseCode::NoError
        && !answer.metadata.truncation
        && answer.answers.is_empty()
        && !is_about_servers
}

/// Returns the texts of a name, or of the name that it is an alias of.
pub(super) fn texts(name: &Name, answers: &[Record]) -> Resolved {
    let (owner, aliases) = owner(name, answers);
    let of_owner = answers.iter().filter(|record| record.name == *owner);
    let texts: Vec<String> = of_owner
        .filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        })
        .collect();
    match texts.len() {
        0 => of_another(),
        // The order of arrival must not decide which of them count.
        found if found > MAX_RECORDS => {
            Resolved::Unclear(format!("more than {MAX_RECORDS} TXT records"))
        }
        _ => Resolved::Records(Texts { texts, aliases }),
    }
}

/// Returns true for an empty answer without the record that says who knows that it is empty (RFC 2308): also what is
/// left of an answer about another name.
pub(super) fn has_no_soa(error: &NetError) -> bool {
    matches!(error, NetError::Dns(DnsError::NoRecordsFound(none)) if none.soa.is_none())
}

/// Classifies an error; only an explicit answer is a definite negative.
pub(super) fn classify(error: &NetError) -> Resolved {
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
