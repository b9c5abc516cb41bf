use core::net::IpAddr;

use super::lookup::{KeyLookup, Resolved};

/// The addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    Found {
        addresses: Vec<IpAddr>,
        /// True if no question is open, and no resolver gave entirely other ones.
        is_certain: bool,
    },
    Absent(&'static str),
    Unclear(String),
}

impl Addresses {
    /// Merges the answers of one resolver for both types of addresses, each asked by itself: one that fails leaves open
    /// what the other does not have.
    #[must_use]
    pub fn of_types(answers: [Result<Vec<IpAddr>, Resolved>; 2]) -> Self {
        let (mut addresses, mut absent) = (Vec::new(), Self::Absent("no such name"));
        for answer in answers {
            match answer {
                Ok(found) => addresses.extend(found),
                Err(Resolved::Unclear(why)) => absent = Self::Unclear(why),
                Err(Resolved::NoRecords | Resolved::Records(_)) => {
                    if matches!(absent, Self::Absent(_)) {
                        absent = Self::Absent("no address");
                    }
                }
                Err(Resolved::NoSuchName) => {}
            }
        }
        let is_certain = !matches!(absent, Self::Unclear(_));
        if addresses.is_empty() { absent } else { Self::Found { addresses, is_certain } }
    }

    /// Merges the answers of several resolvers: the addresses of the first that has any; none only if all agree.
    #[must_use]
    pub fn agreed(answers: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut absent = Self::Absent("no such name");
        let mut first: Option<Vec<IpAddr>> = None;
        let mut all_certain = true;
        for (resolver, answer) in answers {
            match answer {
                Self::Found { addresses, is_certain } => {
                    let first = first.get_or_insert_with(|| addresses.clone());
                    all_certain &=
                        is_certain && first.iter().any(|address| addresses.contains(address));
                }
                Self::Unclear(why) => {
                    all_certain = false;
                    absent = Self::Unclear(format!("{resolver}: {why}"));
                }
                Self::Absent(what) if matches!(absent, Self::Absent(_)) => {
                    absent = Self::Absent(what);
                }
                Self::Absent(_) => {}
            }
        }
        match first {
            Some(addresses) => Self::Found { addresses, is_certain: all_certain },
            None => absent,
        }
    }
}

impl KeyLookup {
    /// Returns what the file at some addresses says, if they are not certain: another address might have it.
    #[must_use]
    pub fn at_uncertain_addresses(self) -> Self {
        match self {
            Self::Absent(what) | Self::Invalid(what, _) | Self::Withheld(what) => {
                Self::Unclear(format!(
                    "{what}; a question about its addresses is open, or the resolvers disagree"
                ))
            }
            lookup @ (Self::Shown(_) | Self::Unclear(_)) => lookup,
        }
    }
}
