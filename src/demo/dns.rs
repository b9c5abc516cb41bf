use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use hickory_proto::op::{Message, Metadata, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

/// The largest query that is read (RFC 1035, section 4.2.1).
const MAX_QUERY: usize = 512;
/// Seconds. Someone who edits nothing waits for no cache either.
const TTL: u32 = 1;

/// Answers TXT queries over UDP from `records`, by domain. Every other domain does not exist.
///
/// # Errors
/// When loopback has no free port.
pub(super) async fn answer_queries(
    records: BTreeMap<&'static str, String>,
    stop: CancellationToken,
) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        let mut buffer = [0; MAX_QUERY];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut buffer) => received,
                () = stop.cancelled() => return,
            };
            let Ok((length, from)) = received else { continue };
            if let Some(response) = respond(&buffer[..length], &records) {
                // A response that is lost is asked for again.
                let _ = socket.send_to(&response, from).await;
            }
        }
    });
    Ok(address)
}

/// Returns the response to one query; `None` to what is not a query.
fn respond(query: &[u8], records: &BTreeMap<&str, String>) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?;
    let domain = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let mut response = query.clone();
    response.metadata = Metadata::response_from_request(&query.metadata);
    response.metadata.authoritative = true;
    match records.get(domain.as_str()) {
        None => response.metadata.response_code = ResponseCode::NXDomain,
        Some(text) if question.query_type() == RecordType::TXT => {
            let data = RData::TXT(TXT::new(vec![text.clone()]));
            response.add_answer(Record::from_rdata(question.name().clone(), TTL, data));
        }
        Some(_) => {}
    }
    response.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;
    use hickory_proto::rr::Name;

    use super::*;

    fn ask(domain: &str, kind: RecordType) -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(domain).expect("a name"), kind));
        let records = BTreeMap::from([("a.example", "v=MCPv1".to_owned())]);
        let response = respond(&query.to_vec().expect("a query"), &records).expect("a response");
        let response = Message::from_vec(&response).expect("a message");
        assert_eq!(response.metadata.id, query.metadata.id);
        response
    }

    #[test]
    fn known_domain_answers_with_its_record_and_others_do_not_exist() {
        assert_eq!(ask("a.example.", RecordType::TXT).answers.len(), 1);
        assert_eq!(ask("A.example.", RecordType::TXT).answers.len(), 1);
        let other_type = ask("a.example.", RecordType::A);
        assert_eq!(
            (other_type.answers.len(), other_type.metadata.response_code),
            (0, ResponseCode::NoError)
        );
        let absent = ask("b.example.", RecordType::TXT);
        assert_eq!(absent.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(respond(b"no query", &BTreeMap::new()), None);
    }
}
