//! Access to the outside: HTTP and DNS clients with a limit on everything, and the APIs read through them.
//!
//! Nothing here decides or stores. It turns a request into bytes within bounds or into a
//! [`FetchFailure`](crate::sync::FetchFailure) with the reason, and it is the only place that names an
//! HTTP library.

mod archive;
mod budget;
mod dns;
mod dns_answer;
mod feed_client;
mod feed_content;
mod files;
mod github;
mod health;
mod http;
mod ownership;
mod packages;
mod paging;
mod registry;
mod retry;
mod source_settings;
mod watched;
mod webhook;
mod well_known;

pub use archive::{Archive, FeedError};
pub use dns::FailingResolver;
pub use feed_client::{DownloadError, Downloaded, FeedClient};
pub use feed_content::FeedContent;
pub use files::Files;
pub use github::Trouble;
pub use http::{Access, AccessError};
pub use ownership::{Asking, OwnershipSources};
pub use packages::{AttestationAnswer, Packages};
pub use registry::RegistryApi;
pub use source_settings::{Reach, SourceSettings};
pub use watched::{Seen, Watched};
pub use webhook::{Address, WebhookClient};

#[cfg(test)]
mod archive_tests;
