//! Judges the results of scanners that rules demand, and says which of them a person reads.

use crate::model::Timestamp;
use crate::overlay::{EffectivePolicy, ScanDemand};
use crate::scan::{Judged, Lack, ScanState};

/// Results of one version that are shown; those that count come first.
const MAX_SHOWN: usize = 20;

/// Returns the end of the results that a rule demands.
///
/// # Errors
/// The first tool that has no result with the demanded verdict.
pub(super) fn demanded<'a>(
    demand: &'a ScanDemand,
    about: &[Judged<'_>],
    now: Timestamp,
) -> Result<Option<Timestamp>, (&'a str, Lack)> {
    let mut end: Option<Timestamp> = None;
    for tool in &demand.tools {
        match Judged::demand(about, tool, demand.max_age, now) {
            Ok(until) => end = Some(end.map_or(until, |end| end.min(until))),
            Err(lack) => return Err((tool, lack)),
        }
    }
    Ok(end)
}

/// Returns the last moments before the use of a result changes.
pub(super) fn last_moments<'j>(
    about: &'j [Judged<'_>],
    rules: &'j EffectivePolicy<'_>,
) -> impl Iterator<Item = Timestamp> + 'j {
    about.iter().flat_map(|judged| {
        let conditions = rules.conditions.iter().filter_map(|rule| rule.conditions.as_ref());
        let demands = conditions.filter_map(|conditions| conditions.scan.as_ref());
        judged.last_moments(demands.filter_map(|demand| demand.max_age))
    })
}

/// Returns the results in words, those that count first.
pub(super) fn shown(about: &[Judged<'_>]) -> Vec<String> {
    let mut ordered: Vec<&Judged<'_>> = about.iter().collect();
    ordered.sort_by_key(|judged| {
        let result = judged.result;
        (judged.state != ScanState::Counts, std::cmp::Reverse(result.time), &result.file)
    });
    let more = ordered.len().saturating_sub(MAX_SHOWN);
    let listed = ordered.iter().take(MAX_SHOWN).map(ToString::to_string);
    listed.chain((more > 0).then(|| format!("and {more} more"))).collect()
}
