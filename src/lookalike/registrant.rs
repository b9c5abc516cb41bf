use super::text::Words;
use crate::ownership::{Claim, SharedHosts};

/// The registrant of a namespace: the domain that was registered, or the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registrant {
    /// The namespace in lower case.
    pub(super) namespace: String,
    pub(super) id: String,
    /// The core of its login, or of the first label of its domain.
    pub(super) label: String,
    pub(super) words: Vec<String>,
}

impl Registrant {
    /// Reads a namespace.
    pub(super) fn of(namespace: &str, shared: &SharedHosts) -> Self {
        let namespace = namespace.to_ascii_lowercase();
        let id = id(&Claim::of(&namespace, shared), &namespace);
        let Words { core, all, .. } = label(&id);
        Self { label: core, words: all, id, namespace }
    }

    /// Returns the id for a domain in reverse order; `None` if such a domain cannot be registered.
    pub(super) fn id_of(namespace: &str, shared: &SharedHosts) -> Option<String> {
        match Claim::of(namespace, shared) {
            Claim::Unverifiable { .. } => None,
            claim => Some(id(&claim, namespace)),
        }
    }

    /// Returns the login when the registrant is an account.
    pub(super) fn login(&self) -> Option<&str> {
        self.id.strip_prefix(ACCOUNT)
    }
}

/// The prefix of the ids of accounts.
pub(super) const ACCOUNT: &str = "github:";

fn id(claim: &Claim, namespace: &str) -> String {
    match claim {
        Claim::GitHub { login } => format!("{ACCOUNT}{login}"),
        Claim::Domain { .. } => claim.registrable().unwrap_or(namespace).to_owned(),
        Claim::Unverifiable { .. } => namespace.to_ascii_lowercase(),
    }
}

/// Returns the words of a registrant's login, or of the first label of its domain.
pub(super) fn label(id: &str) -> Words {
    let label = id.strip_prefix(ACCOUNT).or_else(|| id.split('.').next());
    Words::of(label.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.Stripe.pay", "stripe.com", "stripe")]
    #[case("io.github.Stripe-Labs", "github:stripe-labs", "stripelabs")]
    #[case("uk.co.acme", "acme.co.uk", "acme")]
    #[case("localhost", "localhost", "localhost")]
    fn registrant_is_the_account_or_registered_domain(
        #[case] namespace: &str,
        #[case] id: &str,
        #[case] label: &str,
    ) {
        let registrant = Registrant::of(namespace, &SharedHosts::default());
        assert_eq!((registrant.id.as_str(), registrant.label.as_str()), (id, label));
    }
}
