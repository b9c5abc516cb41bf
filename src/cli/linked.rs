//! Overlay files that are symbolic links: they are read, and a decision is not written through them.

use std::path::Path;

use super::decide_args::Output;
use super::error::CliError;
use crate::config::refuse_link;
use crate::lint::Finding;
use crate::overlay::edit::Decision;

/// Returns true if a file is a symbolic link.
pub(super) fn is_link(file: &str) -> bool {
    refuse_link(Path::new(file)).is_err()
}

/// Demands that a file can take a denial that is written; a text that is printed is for the place where the file is.
pub(super) fn takes(decision: &Decision, output: &Output, file: &str) -> Result<(), CliError> {
    if decision.approval.state.hides() && !output.stdout {
        refuse_link(Path::new(file))?;
    }
    Ok(())
}

/// Splits off the findings that changed files contradict a symbolic link. The set is refused until a person corrects the
/// file behind it, and what is denied in a refused set stays hidden.
pub(super) fn against_links(
    findings: Vec<Finding>,
    is_changed: impl Fn(&str) -> bool,
) -> (Vec<Finding>, Vec<Finding>) {
    findings.into_iter().partition(|finding| {
        let Some(other) = &finding.other else { return false };
        let (one, other) = (&finding.place.source.file, &other.source.file);
        (is_changed(one) && !is_changed(other) && is_link(other))
            || (is_changed(other) && !is_changed(one) && is_link(one))
    })
}

/// Returns the warning about a rule behind a link that contradicts a denial.
pub(super) fn warning(contradiction: &Finding) -> String {
    format!(
        "a symbolic link has another rule with this selection: the denial applies, and the set is refused until the rule is \
         removed where the file really is: {contradiction}"
    )
}
