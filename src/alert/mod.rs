//! Conditions that a person should look at: raised once, updated while they last, resolved when they end.
//!
//! An alert is a condition, not an event. A *source*, such as one upstream or the overlays, always reports everything
//! that is the case now, and [`reconcile`] turns that into the alerts to store. So no alert stays open by mistake, and
//! a restart raises nothing twice. This module keeps no state: the store has the alerts.
//!
//! # Identity
//! (kind, subject, suspect namespace), compared as a whole. Where several upstreams could report the same, the subject
//! names the upstream. Every other change is evidence or a figure of the same alert. The source only decides which
//! alerts are resolved when a report does not contain them.
//!
//! # Evidence and acknowledgement
//! An alert rests on [`Evidence`], a list of items that are data. An acknowledgement stores the SHA-256 of each item
//! that was shown, and requires the digest of all of them ([`Alert::shown`]), so that it covers no item that was added
//! in between. An alert is acknowledged while each of its items is covered; an item that is not covered reopens it.
//! Text for people is generated from the items and never compared. An alert lists [`MAX_ITEMS`] at most; nothing covers
//! what exceeds them.
//!
//! # Lack of knowledge
//! A source that could not read or compare something says so in its [`Report`]. What rests on it then stays as stored.
//!
//! # Flood
//! One publisher must not be able to bury an alert under many: at most [`MAX_OPEN`] of a source are open for one
//! suspect namespace, the heaviest; the rest is one alert, and its items are their identities. An alert that heavier ones
//! displace is counted there: it keeps its acknowledgement, and is not resolved. Alerts about what is served now do not
//! count, and neither do acknowledged ones.
//!
//! # Notices
//! A change that is worth reporting is a [`Notice`]; on its way to one recipient it is a [`Delivery`], which is stored
//! with the alert and removed when the recipient has accepted it.

mod delivery;
mod evidence;
mod figure;
mod history;
mod identity;
mod key_set;
mod kind;
mod lifecycle;
mod listing;
mod notice;
mod owner;
mod package;
mod reconcile;
mod record;
mod remedy;
mod report;
mod wording;

pub use delivery::{Delivery, DeliveryHistory, Fate, RECIPIENTS, Recipient, Refusal, RefusalScope};
pub use evidence::{Evidence, Revocation};
pub use figure::Figure;
pub use history::NotAcknowledged;
pub use identity::{AlertIdentity, UnresolvedId, resolve};
pub use key_set::InvalidRecords;
pub use kind::AlertKind;
pub use listing::MAX_ITEMS;
pub use notice::{Change, Format, Notice};
pub use reconcile::{MAX_OPEN, Report, reconcile};
pub use record::{Acknowledged, Alert, Reopened, ReportedAlert, State};
pub use report::{AlertReport, Item, parse_seen};

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;
