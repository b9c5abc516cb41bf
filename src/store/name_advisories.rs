//! Finds the advisories about the packages of one name.
//!
//! Rows name packages and feeds name advisories, and anyone writes rows: what is read for one name is limited. What a view
//! shows comes first, so that no other row hides it, and reports of malicious code come before other advisories. An entry
//! with a package that may have an unread report is not served.

use std::collections::BTreeSet;

use super::rows::after;
use super::{Snapshot, StoreError, codec};
use crate::advisory::{
    EcosystemPackage, FeedAdvisory, FoundAdvisories, MAX_PER_PACKAGE, is_malicious,
};
use crate::curation::Dossier;
use crate::model::Damage;

/// The advisories about one package: twice the limit of one feed, for each of some feeds.
const MAX_READ: usize = 10 * MAX_PER_PACKAGE as usize;
/// The bytes of stored advisories that are compared with one name.
const MAX_BYTES_READ: usize = 64 * 1024 * 1024;

/// The advisories that were read for a name so far.
pub(super) struct AdvisoryReader<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) bytes_left: usize,
    pub(super) found: FoundAdvisories,
    /// Feeds and ids of those that were read.
    known: BTreeSet<(String, String)>,
    damaged: Vec<Damage>,
}

impl Snapshot {
    /// Adds the advisories about the packages of the rows. One that does not decode is damage: it may hide what would be
    /// served without it. The ledger is in the dossier already.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub(super) fn add_advisories(&self, dossier: &mut Dossier) -> Result<(), StoreError> {
        let mut reader = AdvisoryReader::new(self);
        for key in packages(dossier) {
            if self.advised.contains(key.short_hash(), || self.advised_hashes())? {
                reader.read_about(&key)?;
            }
        }
        dossier.damaged.append(&mut reader.damaged);
        dossier.advisories = reader.found;
        Ok(())
    }

    /// Returns the feeds and ids of the advisories about a package, one more than are read at most.
    pub(super) fn about_package(
        &self,
        key: &EcosystemPackage,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let (ecosystem, package) = (key.ecosystem.as_str(), key.package.as_str());
        let end = after(package);
        let range = (ecosystem, package, "")..(ecosystem, end.as_str(), "");
        let mut found = Vec::new();
        for row in self.tables.advised_packages()?.range(range)?.take(MAX_READ + 1) {
            let (key, _) = row?;
            let by = key.value().2.split_once(' ');
            found.extend(by.map(|(feed, id)| (feed.to_owned(), id.to_owned())));
        }
        Ok(found)
    }
}

impl<'s> AdvisoryReader<'s> {
    pub(super) fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            bytes_left: MAX_BYTES_READ,
            found: FoundAdvisories::default(),
            known: BTreeSet::new(),
            damaged: Vec::new(),
        }
    }

    /// Reads the advisories about a package, and notes it if a report of malicious code may be left out.
    pub(super) fn read_about(&mut self, key: &EcosystemPackage) -> Result<(), StoreError> {
        let about = self.snapshot.about_package(key)?;
        if about.len() > MAX_READ {
            self.found.leave_out(key, true);
        }
        let (malicious, others): (Vec<_>, Vec<_>) =
            about.into_iter().partition(|(_, id)| is_malicious(id));
        for by in malicious.into_iter().chain(others) {
            if !self.known.contains(&by) && !self.read(&by)? {
                self.found.leave_out(key, is_malicious(&by.1));
            }
        }
        Ok(())
    }

    /// Reads one advisory; returns false if it is left out.
    fn read(&mut self, (feed, id): &(String, String)) -> Result<bool, StoreError> {
        if self.bytes_left == 0 {
            return Ok(false);
        }
        let value = self.snapshot.tables.advisories()?.get((feed.as_str(), id.as_str()))?;
        let Some(value) = value else { return Ok(true) };
        // From the first one on that finds no room none is read: it is the same for all that come after it.
        self.bytes_left = self.bytes_left.saturating_sub(value.value().len());
        if self.bytes_left == 0 {
            return Ok(false);
        }
        match codec::read_json(value.value(), "an advisory", id) {
            Ok(advisory) => {
                self.found.add(FeedAdvisory { feed: feed.into(), advisory });
            }
            Err(StoreError::Damaged(damage)) => self.damaged.push(damage),
            Err(error) => return Err(error),
        }
        self.known.insert((feed.clone(), id.clone()));
        Ok(true)
    }
}

/// Returns the packages of all contents, each once: first those of contents that a view shows.
fn packages(dossier: &Dossier) -> Vec<EcosystemPackage> {
    let contents = dossier.rows.iter().flat_map(|row| {
        let all = std::iter::once(&row.content).chain(&row.others);
        all.map(|content| (dossier.shows(&row.version, content.head.received), content))
    });
    let (shown, others): (Vec<_>, Vec<_>) = contents.partition(|(is_shown, _)| *is_shown);
    let mut known = BTreeSet::new();
    let mut packages = Vec::new();
    for (_, content) in shown.into_iter().chain(others) {
        for package in content.facts.iter().flat_map(|facts| &facts.packages) {
            if known.insert((&package.registry, &package.identifier)) {
                packages.extend(EcosystemPackage::of_entry(&package.registry, &package.identifier));
            }
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::read_osv;
    use crate::curation::ContentFacts;
    use crate::curation::tests::fixtures::{listed, visible};
    use crate::model::{Digest, Status, Timestamp, Version};
    use crate::store::Store;

    #[test]
    fn bytes_of_advisories_are_bounded_and_a_report_of_malicious_code_beyond_hides() {
        let store = Store::ephemeral(Timestamp::MIN).expect("a store");
        let all = ["A-1", "MAL-1", "MAL-2"].map(|id| {
            let json = format!(
                r#"{{"id":"{id}","affected":[{{"package":{{"ecosystem":"npm","name":"x"}},"versions":["1.0.0"]}}]}}"#
            );
            read_osv(json.as_bytes()).expect("an advisory")
        });
        store.store_advisories("feed", &all, Timestamp::MIN).expect("stored");
        let snapshot = store.snapshot().expect("a snapshot");
        let key = EcosystemPackage::of_entry("npm", "x").expect("a type");
        let read = |bytes_left| {
            let mut reader = AdvisoryReader { bytes_left, ..AdvisoryReader::new(&snapshot) };
            reader.read_about(&key).expect("read");
            let about = reader.found.about(&key).map(|(_, advisory, _)| advisory.id.to_string());
            (about.collect::<Vec<_>>(), reader.found.is_cut(), reader.found.is_unread(&key))
        };
        let size = codec::json(&all[1]).expect("encoded").len();
        let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
        assert_eq!(read(usize::MAX), (ids(&["MAL-1", "MAL-2", "A-1"]), false, false));
        assert_eq!(
            read(2 * size + 1),
            (ids(&["MAL-1", "MAL-2"]), true, false),
            "only alerts are lost"
        );
        assert_eq!(read(size + 1), (ids(&["MAL-1"]), true, true));
    }

    #[test]
    fn rows_that_no_view_shows_take_no_room_from_those_that_one_shows() {
        let content = |package: &str| {
            let server = format!(
                r#"{{"packages":[{{"registryType":"npm","identifier":"{package}","version":"1.0.0"}}]}}"#
            );
            Some(ContentFacts::of(&server))
        };
        let mut dossier = listed("com.example/tool", Status::Active);
        dossier.rows[0].content.facts = content("junk");
        let mut shown = dossier.rows[0].clone();
        shown.version = Version::parse("9.0.0").expect("a version");
        shown.content.head.received = Digest::of(b"shown");
        shown.content.facts = content("shown");
        dossier.rows.push(shown.clone());
        let order = |dossier: &Dossier| -> Vec<String> {
            packages(dossier).into_iter().map(|key| key.package).collect()
        };
        assert_eq!(order(&dossier), ["junk", "shown"]);
        let mut record = visible("9.0.0", Timestamp::MIN);
        record.record.approved.received = shown.content.head.received;
        dossier.ledger.push(record);
        assert_eq!(order(&dossier), ["shown", "junk"]);
    }
}
