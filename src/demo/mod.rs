//! The product without a network: `vidimus demo` runs the daemon beside doubles of its own.
//!
//! The doubles (an upstream, a DNS server, a clock) are values that the command passes to the daemon. No setting
//! gives them to `serve`.

mod dns;
mod upstream;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use dns::answer_queries;
use upstream::DemoUpstream;

use crate::daemon::Clock;

pub use world::{FILES, START};

/// The doubles while they run.
#[derive(Debug)]
pub struct Doubles {
    /// The root of the upstream.
    pub upstream: String,
    /// The server versions that it lists.
    pub rows: usize,
    pub resolver: SocketAddr,
}

impl Doubles {
    /// Starts the doubles on ports of loopback that are free. They stop with `stop`.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn start(clock: &Arc<Clock>, stop: &CancellationToken) -> io::Result<Self> {
        let rows = world::rows();
        let count = rows.len();
        let upstream = DemoUpstream::new(rows, world::rewrite(), Arc::clone(clock));
        let upstream = upstream.listen(stop.clone()).await?;
        let resolver = answer_queries(world::records(), stop.clone()).await?;
        Ok(Self { upstream, rows: count, resolver })
    }
}
