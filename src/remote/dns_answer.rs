use std::net::IpAddr;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::ownership::{Resolved, Texts};

/// With more TXT records, an answer says nothing.
const MAX_RECORDS: usize = 256;
/// The aliases that are followed in an answer.
pub(super) const MAX_ALIASES: usize = 8;
/// The type of an alias for a whole domain (RFC 6672).
const DNAME: u16 = 39;

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

/// The meaning of an answer without the wanted record for the name that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Emptiness {
    NoRecords,
    NoSuchName,
    /// Aliases lead to another name, which has to be asked by itself.
    AliasOf(Name),
    /// It is about something else.
    Other,
}

/// Reads an answer that should be empty: nothing, or a chain of aliases without a loop that starts at the name.
pub(super) fn emptiness(name: &Name, answer: &Message) -> Emptiness {
    let has = |kind| answer.authorities.iter().any(|record| record.record_type() == kind);
    // A server that does not recurse names others, and says nothing itself (RFC 2308, section 2.2).
    let is_referral = has(RecordType::NS) && !has(RecordType::SOA);
    let empty = match answer.metadata.response_code {
        ResponseCode::NoError if is_referral => Emptiness::Other,
        ResponseCode::NoError => Emptiness::NoRecords,
        ResponseCode::NXDomain => Emptiness::NoSuchName,
        _ => return Emptiness::Other,
    };
    // An alias that stands for a whole domain comes with the one that follows from it.
    let is_rule = |record: &&Record| u16::from(record.record_type()) == DNAME;
    let mut left: Vec<&Record> = answer.answers.iter().filter(|one| !is_rule(one)).collect();
    let mut end = name;
    while let Some(next) = left.iter().position(|record| record.name == *end) {
        let RData::CNAME(target) = &left.swap_remove(next).data else { return Emptiness::Other };
        end = &target.0;
    }
    if answer.answers.is_empty() {
        empty
    } else if left.is_empty() && end != name {
        Emptiness::AliasOf(end.clone())
    } else {
        Emptiness::Other
    }
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
