use super::claim::Claim;
use super::record::VerificationRecord;
use super::shown::Shown;
use super::verdict::{Pins, Verdict};

/// Returns what the owner of a namespace has to publish, and where, ready to be pasted.
#[must_use]
pub fn advice(claim: &Claim) -> Vec<String> {
    match claim {
        Claim::Unverifiable { .. } => {
            vec!["no record can verify it; a reviewer may waive verification in an overlay".into()]
        }
        Claim::GitHub { login } => vec![
            format!("the account {login} must exist; nothing else is needed to verify the namespace"),
            "to declare an entry, put its server.json, with this name, its packages and its remote \
             hosts, into the default branch of the public repository that the entry names"
                .into(),
        ],
        Claim::Domain { domain, .. } => vec![
            // Without overwriting a key that exists, and for no other eyes.
            format!("(umask 077; set -C; openssl genpkey -algorithm ed25519 > {domain}.pem)"),
            format!(
                "echo \"{domain}. IN TXT \\\"v=MCPv1; k=ed25519; p=$(openssl pkey -in {domain}.pem -pubout -outform DER | tail -c 32 | base64)\\\"\""
            ),
            format!(
                "add the printed record to the zone at {domain} itself, without a selector; or publish its text, without the quotes, at https://{domain}/.well-known/mcp-registry-auth"
            ),
        ],
    }
}

/// Returns the overlay rule that pins what a namespace shows now, with a comment if that was not trusted so
/// far; `None` if the last lookup did not show it.
#[must_use]
pub fn pin(namespace: &str, record: &VerificationRecord, pins: &Pins) -> Option<String> {
    if record.shown_at != record.checked_at && record.returned_at.is_none() {
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
        (_, why) => format!("# This accepts a different owner than before: {why}\n"),
    };
    Some(format!("{comment}namespaces:\n- name: {namespace}\n  ownership: {{{shown}}}\n"))
}
