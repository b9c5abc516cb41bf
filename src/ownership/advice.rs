use super::basis::Basis;
use super::claim::Claim;
use super::record::VerificationRecord;
use super::shown::Shown;
use super::txt::Key;
use super::verdict::{Pins, Verdict};

/// Returns the steps of the owner of a namespace, ready to be pasted. An owner who showed a key before restores that one:
/// another key would be another owner.
#[must_use]
pub fn advice(claim: &Claim, record: &VerificationRecord, pins: &Pins) -> Vec<String> {
    match (claim, record.basis(pins)) {
        (Claim::Unverifiable { .. }, _) => {
            vec!["no record can verify it; a reviewer may waive verification in an overlay".into()]
        }
        (Claim::Domain { .. }, Basis::Gone { .. } | Basis::KeyShown { missing: Some(_), .. }) => {
            restore("one of the keys of before", record.pinned_keys.iter())
        }
        (Claim::Domain { .. }, Basis::PinNotShown { .. }) => {
            restore("one of the keys that an overlay pins", pins.keys.iter())
        }
        (Claim::Domain { domain, .. }, Basis::NeverShown) if is_empty_zone(record) => {
            make_key(domain)
        }
        (Claim::GitHub { login }, Basis::NeverShown) => vec![format!(
            "no account {login} exists, and anybody may register the login; an overlay may pin the expected account"
        )],
        _ => Vec::new(),
    }
}

/// Returns true if a definite lookup found no attempt at a record: one that is there is corrected or moved.
fn is_empty_zone(record: &VerificationRecord) -> bool {
    record.blank_at.is_some() && record.blank_at == record.concluded_at
}

fn restore<'k>(which: &str, keys: impl Iterator<Item = &'k Key>) -> Vec<String> {
    let records = keys.filter_map(|key| {
        let text = key.to_string();
        let (kind, point) = text.split_once(':')?;
        Some(format!("v=MCPv1; k={kind}; p={point}"))
    });
    std::iter::once(format!("{which}, where it was, unchanged:")).chain(records).collect()
}

fn make_key(domain: &str) -> Vec<String> {
    vec![
        // Without overwriting a key that exists, and for no other eyes.
        format!("(umask 077; set -C; openssl genpkey -algorithm ed25519 > {domain}.pem)"),
        format!(
            "echo \"{domain}. IN TXT \\\"v=MCPv1; k=ed25519; p=$(openssl pkey -in {domain}.pem -pubout -outform DER | tail -c 32 | base64)\\\"\""
        ),
        format!(
            "add the printed record to the zone at {domain} itself, without a selector; or publish its text, without the quotes, at https://{domain}/.well-known/mcp-registry-auth"
        ),
    ]
}

/// Returns the overlay rule that pins the keys or the account that a namespace shows now, with a comment if they were not
/// trusted so far; `None` if the last lookup did not show them.
#[must_use]
pub fn pin(namespace: &str, record: &VerificationRecord, pins: &Pins) -> Option<String> {
    let is_returning = record.returned_at.is_some() && record.concluded_at == record.checked_at;
    if record.shown_at != record.checked_at && !is_returning {
        return None;
    }
    let shown = match record.shown.as_ref()? {
        Shown::Account(account) => format!("github: {}", account.id),
        Shown::Keys { keys, .. } => {
            let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            format!("keys: [{}]", keys.join(", "))
        }
    };
    let comment = match record.verdict(pins) {
        (Verdict::Verified | Verdict::Waived, _) => String::new(),
        (_, why) => format!("# This accepts an owner that is not trusted so far: {why}\n"),
    };
    Some(format!("{comment}namespaces:\n- name: {namespace}\n  ownership: {{{shown}}}\n"))
}
