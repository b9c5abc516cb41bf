//! What of the real registry strict clients can read, after repairs.

mod support;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use vidimus::curation::Sanitized;

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    server: &'a RawValue,
}

/// Of 6,395 real entries nearly all are served, most of them byte for byte.
#[test]
fn nearly_every_real_entry_is_servable() {
    let Some(items) = support::corpus::items() else { return };
    let (mut untouched, mut repairs, mut flaws) = (0, BTreeMap::new(), Vec::new());
    for item in &items {
        let Item { server } = serde_json::from_str(item).expect("an item");
        match Sanitized::of(server.get()) {
            Ok(served) if served.omissions.is_empty() => {
                assert_eq!(&*served.server, server.get());
                untouched += 1;
            }
            Ok(served) => {
                served
                    .omissions
                    .iter()
                    .for_each(|repair| *repairs.entry(*repair).or_insert(0) += 1);
            }
            Err(flaw) => flaws.push(flaw.to_string()),
        }
    }
    println!("{untouched} untouched, {repairs:?}, {} refused: {flaws:#?}", flaws.len());
    assert!(flaws.len() <= 10, "{flaws:#?}");
    assert_eq!(repairs["empty-repository"], 290);
}
