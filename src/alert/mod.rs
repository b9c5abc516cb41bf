//! What a person should look at: raised once, updated while it lasts, closed when it is over.
//!
//! An alert is a condition, not an event. A *source*, such as one upstream or the overlays, reports at each look all
//! that is the case now, and [`reconcile`] turns that into the alerts to store. So an alert cannot be forgotten open,
//! and a restart raises nothing twice. Nothing is kept here: the store holds the alerts.
//!
//! # Identity
//! (kind, subject, suspect namespace), compared whole. Where several upstreams could see the same, the subject names
//! the upstream. What else changes is evidence or a figure of the same alert. The source only says which alerts end
//! when a look does not find them.
//!
//! # Evidence and acknowledgement
//! An alert rests on [`Evidence`], a list of items that are data. Acknowledging stores the SHA-256 of each item that
//! was shown, and demands the digest of all of them ([`Alert::shown`]), so that it covers nothing that came in between.
//! An alert is quiet when each of its items is covered; an item that is not opens it again. Prose is made of the items
//! where it is shown, and compared nowhere.
//!
//! # Flood
//! One publisher must not be able to bury an alert under many: at most [`MAX_OPEN`] of a source are open for one
//! suspect namespace; the rest is one alert whose items are their identities. Alerts about what is served now do not
//! count, and neither do acknowledged ones.
//!
//! # Notices
//! What is worth reporting of a change is a [`Notice`]; on its way to one receiver it is a [`Letter`], which is stored
//! with the alert and goes when it was taken.

mod evidence;
mod history;
mod identity;
mod kind;
mod letter;
mod notice;
mod reconcile;
mod record;
mod report;

pub use evidence::{Evidence, Figure, Refutation};
pub use history::{Difference, NotAcknowledged};
pub use identity::{AlertIdentity, UnresolvedId, resolve};
pub use kind::AlertKind;
pub use letter::{Fate, Letter, RECEIVERS, Receiver, Reception, Refusal, Whose};
pub use notice::{Change, Format, Notice};
pub use reconcile::{MAX_OPEN, reconcile};
pub use record::{Acknowledged, Alert, Observation, State};
pub use report::{AlertReport, Item, parse_seen};

#[cfg(test)]
mod letter_tests;
#[cfg(test)]
mod tests;
