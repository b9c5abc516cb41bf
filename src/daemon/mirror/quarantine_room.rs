//! The room of the quarantine of one upstream: many bad rows of one publisher do not take that of all others.

use std::collections::BTreeMap;

use crate::model::Name;
use crate::ownership::Claim;

/// The rows of one name, and of one party, that are kept in quarantine. A party has as many namespaces as it likes.
const OF_NAME: u64 = 100;
const OF_PARTY: u64 = 1_000;

/// The rows in quarantine, by whom they are from.
pub(super) struct QuarantineRoom {
    max: u64,
    all: u64,
    of_names: BTreeMap<String, u64>,
    of_parties: BTreeMap<String, u64>,
}

/// The limit that leaves a row out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FullQuarantine {
    /// Other rows of its name are there, so that the name is known.
    Name(Name),
    /// Names of the party may be unknown.
    Party(String),
    /// Any name may be unknown.
    Upstream { found: u64, allowed: u64 },
}

impl QuarantineRoom {
    /// Returns the room beside rows that are there, by name.
    pub(super) fn new(max: u64, of_names: BTreeMap<String, u64>) -> Self {
        let mut room =
            Self { max, all: of_names.values().sum(), of_names, of_parties: BTreeMap::new() };
        for (name, rows) in &room.of_names {
            let Ok(name) = Name::parse(name) else { continue };
            *room.of_parties.entry(Claim::party_of(name.namespace())).or_default() += rows;
        }
        room
    }

    /// Takes room for a row. Rows without a valid name are those of no publisher.
    pub(super) fn take(&mut self, name: &str) -> Result<(), FullQuarantine> {
        let parsed = Name::parse(name).ok();
        let party = parsed.as_ref().map(|name| Claim::party_of(name.namespace()));
        if let (Some(name), Some(party)) = (&parsed, &party) {
            let rows = |of: &BTreeMap<String, u64>, key: &str| of.get(key).copied().unwrap_or(0);
            if rows(&self.of_names, name.as_str()) >= OF_NAME {
                return Err(FullQuarantine::Name(name.clone()));
            }
            if rows(&self.of_parties, party) >= OF_PARTY {
                return Err(FullQuarantine::Party(party.clone()));
            }
        }
        if self.all >= self.max {
            return Err(FullQuarantine::Upstream { found: self.all, allowed: self.max });
        }
        self.all += 1;
        if let (Some(name), Some(party)) = (parsed, party) {
            *self.of_names.entry(name.as_str().to_owned()).or_default() += 1;
            *self.of_parties.entry(party).or_default() += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_publisher_leave_room_for_those_of_others() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let mut room = QuarantineRoom::new(1_200, BTreeMap::from([("com.bad/a".into(), 99)]));
        assert_eq!(room.take("com.bad/a"), Ok(()));
        assert_eq!(room.take("com.bad/a"), Err(FullQuarantine::Name(name("com.bad/a"))));
        for index in 0..900 {
            assert_eq!(room.take(&format!("com.bad.s{index}/n")), Ok(()), "sub-domains of one");
        }
        for other in ["com.bad/z", "com.BAD.other/z"] {
            assert_eq!(room.take(other), Err(FullQuarantine::Party("bad.com".into())));
        }
        for _ in 0..200 {
            assert_eq!(room.take(""), Ok(()), "rows without a name");
        }
        let full = FullQuarantine::Upstream { found: 1_200, allowed: 1_200 };
        assert_eq!(room.take("com.good/a"), Err(full));
    }
}
