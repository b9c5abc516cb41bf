use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Phase};
use super::crowd::{Admission, Crowd, Id};
use crate::config::PublicLimits;
use crate::daemon::Pressure;

/// The interval at which connections that are silent for too long are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The open connections of a listener, and the means to end each of them.
#[derive(Debug)]
pub(super) struct Connections {
    table: Mutex<Table>,
    freed: Notify,
    start: Instant,
    /// `None` for connections of operators: the alert is about those of clients.
    pressure: Option<Arc<Pressure>>,
}

#[derive(Debug)]
struct Table {
    crowd: Crowd,
    ends: HashMap<Id, Arc<Notify>>,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: Id,
    activity: Arc<Activity>,
    end: Arc<Notify>,
}

impl Connections {
    pub(super) fn new(limits: PublicLimits, pressure: Option<Arc<Pressure>>) -> Arc<Self> {
        let crowd = Crowd::new(limits.connections, limits.connections_per_peer);
        let table = Mutex::new(Table { crowd, ends: HashMap::new() });
        Arc::new(Self { table, freed: Notify::new(), start: Instant::now(), pressure })
    }

    /// Returns a place for a connection, which waits if it has to; `None` if its client has its share. `peer` is `None`
    /// for a connection that does not count.
    pub(super) async fn place(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        loop {
            match self.admit(peer) {
                Ok(place) => return place,
                // A place that is freed before this wait begins is remembered.
                Err(Full) => self.freed.notified().await,
            }
        }
    }

    fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Option<Place>, Full> {
        let mut table = self.table();
        let admission = table.crowd.admit(peer, self.now());
        self.report(&table.crowd);
        match admission {
            Admission::Wait => Err(Full),
            Admission::Refused => Ok(None),
            Admission::Admitted { id, activity, instead_of } => {
                if let Some(end) = instead_of.and_then(|other| table.ends.remove(&other)) {
                    end.notify_one();
                }
                let end = Arc::new(Notify::new());
                table.ends.insert(id, Arc::clone(&end));
                Ok(Some(Place { connections: Arc::clone(self), id, activity, end }))
            }
        }
    }

    /// Ends connections that are silent for too long, until `stop`.
    pub(super) async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(SWEEP_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let mut table = self.table();
            self.report(&table.crowd);
            for id in table.crowd.overdue(self.now()) {
                if let Some(end) = table.ends.remove(&id) {
                    end.notify_one();
                }
            }
        }
    }

    fn report(&self, crowd: &Crowd) {
        if let Some(pressure) = self.pressure.as_ref().filter(|_| crowd.is_crowded()) {
            pressure.crowd();
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All places are taken by connections that give up none.
#[derive(Debug)]
struct Full;

impl Place {
    pub(super) fn note(&self, phase: Phase) {
        self.activity.note(phase, self.connections.now());
    }

    /// Returns when the connection has to end.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        table.crowd.end(self.id);
        table.ends.remove(&self.id);
        drop(table);
        self.connections.freed.notify_one();
    }
}

/// A stream that notes what its connection does.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    place: Arc<Place>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, place: Arc<Place>) -> Self {
        Self { stream, place }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.place.activity.received(self.place.connections.now());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.place.activity.sent(self.place.connections.now());
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.place.activity.sent(self.place.connections.now());
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
