use super::claim::Claim;
use super::holding::{Holding, Shown};
use super::verdict::{Pins, Verdict};

/// What the owner of a namespace has to publish, and where, ready to be pasted.
#[must_use]
pub fn advice(claim: &Claim) -> Vec<String> {
    let lines: Vec<String> = match claim {
        Claim::Unprovable { .. } => {
            vec!["nothing can be published for it; an overlay may waive the proof".into()]
        }
        Claim::GitHub { login } => vec![
            format!("the account {login} must exist; that it does is all that holds the namespace"),
            "to declare an entry, put its server.json, with this name, its packages and its remote \
             hosts, into the default branch of the public repository that the entry names"
                .into(),
        ],
        Claim::Domain { domain, .. } => vec![
            "openssl genpkey -algorithm ed25519 -out key.pem".into(),
            format!(
                "echo \"{domain}. IN TXT \\\"v=MCPv1; k=ed25519; p=$(openssl pkey -in key.pem -pubout -outform DER | tail -c 32 | base64)\\\"\""
            ),
            format!(
                "the printed record goes into the zone at {domain} itself, under no selector; or its text, without the quotes, goes to https://{domain}/.well-known/mcp-registry-auth"
            ),
        ],
    };
    lines
}

/// The item of an overlay that pins what a namespace shows now; with a remark where that is not what was
/// trusted so far.
#[must_use]
pub fn pin(namespace: &str, holding: &Holding, pins: &Pins) -> Option<String> {
    let shown = match holding.shown.as_ref()? {
        Shown::Account(account) => format!("github: {}", account.id),
        Shown::Keys { keys, .. } => {
            let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            format!("keys: [{}]", keys.join(", "))
        }
    };
    let remark = match holding.verdict(pins) {
        (Verdict::Held | Verdict::Waived, _) => String::new(),
        (_, why) => format!("# This accepts another owner than before: {why}\n"),
    };
    Some(format!("{remark}namespaces:\n- name: {namespace}\n  ownership: {{{shown}}}\n"))
}
