use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::error::CliError;
use super::stopping::step;
use crate::api::Tls;
use crate::config::{Settings, Upstream, read_upstreams};
use crate::daemon::{check_trust, open_source, open_webhooks};
use crate::lint::Finding;
use crate::model::reason;
use crate::remote::OwnershipSources;
use crate::store::check_folder;

/// Makes the sources of ownership evidence. `demo` passes doubles; no setting does.
pub(super) type OpenSources =
    Arc<dyn Fn(&Settings) -> Result<OwnershipSources, CliError> + Send + Sync>;

/// Everything that a daemon needs besides its store. It is prepared beside a daemon that runs, which other settings then
/// replace.
#[derive(Debug)]
pub(super) struct Prepared {
    pub settings: Settings,
    pub upstreams: Vec<Upstream>,
    pub sources: OwnershipSources,
    pub tls: Option<Tls>,
    pub listeners: Listeners,
}

impl Prepared {
    /// Reads what the settings name, on a thread that may block, and listens. A socket of an earlier daemon stays open if
    /// its address is the same.
    ///
    /// # Errors
    /// When a daemon could not start.
    pub(super) async fn new(
        settings: Settings,
        earlier: Option<&Listeners>,
        open_sources: &OpenSources,
    ) -> Result<Self, CliError> {
        let open_sources = Arc::clone(open_sources);
        let read = step(move || {
            check_data(&settings).map_err(|found| CliError::Findings(vec![found]))?;
            let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
            for upstream in upstreams.iter().filter(|upstream| upstream.enabled) {
                open_source(upstream, &settings.egress)?;
            }
            let sources = open_sources(&settings)?;
            open_webhooks(&settings)?;
            check_trust(&settings)?;
            let tls = check_exposure(&settings)?;
            Ok((settings, upstreams, sources, tls))
        });
        let (settings, upstreams, sources, tls) = read.await?;
        let listeners = Listeners::open(&settings, earlier).await?;
        Ok(Self { settings, upstreams, sources, tls, listeners })
    }
}

/// The sockets that a daemon answers on.
#[derive(Debug)]
pub(super) struct Listeners {
    pub registry: Listening,
    pub operations: Listening,
}

impl Listeners {
    async fn open(settings: &Settings, earlier: Option<&Self>) -> Result<Self, CliError> {
        let registry = earlier.map(|earlier| &earlier.registry);
        let operations = earlier.map(|earlier| &earlier.operations);
        Ok(Self {
            registry: Listening::open(
                "the registry",
                settings.listen,
                &settings.origin("listen", "--listen"),
                registry,
            )
            .await?,
            operations: Listening::open(
                "operations",
                settings.ops_listen,
                &settings.origin("ops_listen", "--ops-listen"),
                operations,
            )
            .await?,
        })
    }

    /// Returns other handles of the same sockets.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn again(&self) -> Result<Self, CliError> {
        Ok(Self { registry: self.registry.again()?, operations: self.operations.again()? })
    }
}

/// A socket that listens. Connections wait in it while one daemon of the process ends and the next one starts.
#[derive(Debug)]
pub(super) struct Listening {
    pub asked: SocketAddr,
    socket: std::net::TcpListener,
}

impl Listening {
    /// Takes a socket that listens in place of the address that was asked for.
    pub(super) fn new(asked: SocketAddr, listener: TcpListener) -> Result<Self, CliError> {
        let socket = listener.into_std().map_err(|source| failed(asked, source))?;
        Ok(Self { asked, socket })
    }

    async fn open(
        what: &'static str,
        address: SocketAddr,
        setting: &str,
        earlier: Option<&Self>,
    ) -> Result<Self, CliError> {
        match earlier.filter(|earlier| earlier.asked == address) {
            Some(same) => same.again(),
            None => Self::new(address, listen(what, address, setting).await?),
        }
    }

    fn again(&self) -> Result<Self, CliError> {
        let socket = self.socket.try_clone().map_err(|source| failed(self.asked, source))?;
        Ok(Self { asked: self.asked, socket })
    }

    /// Returns the address that it has; the one that was asked for may leave the port to the system.
    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.asked)
    }

    /// Returns the socket for the runtime's workers.
    ///
    /// # Errors
    /// When the runtime cannot wait for it.
    pub(super) fn accept(self) -> Result<TcpListener, CliError> {
        TcpListener::from_std(self.socket).map_err(|source| failed(self.asked, source))
    }
}

fn failed(address: SocketAddr, source: std::io::Error) -> CliError {
    CliError::File { path: address.to_string().into(), source }
}

pub(super) async fn listen(
    what: &'static str,
    address: SocketAddr,
    setting: &str,
) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|source| CliError::Listen {
        what,
        address,
        setting: setting.to_owned(),
        source,
    })
}

/// Refuses addresses that would carry answers unprotected; returns the certificate of the registry.
pub(super) fn check_exposure(settings: &Settings) -> Result<Option<Tls>, CliError> {
    let public = &settings.public;
    if public.tls.is_none() && public.is_exposed(settings.listen) {
        return Err(CliError::Exposed { address: settings.listen });
    }
    if public.is_exposed(settings.ops_listen) {
        return Err(CliError::ExposedOperations { address: settings.ops_listen });
    }
    public.tls.as_ref().map(Tls::load).transpose().map_err(|error| {
        let place = settings.place(&format!("tls.{}", error.setting()));
        CliError::Findings(vec![Finding::error(&place, reason(&error), PEM_FILES)])
    })
}

/// Refuses a data folder that cannot be one; a folder that is absent is made later.
pub(super) fn check_data(settings: &Settings) -> Result<(), Finding> {
    check_folder(&settings.data).map_err(|error| {
        let found = format!("the data folder {} cannot be used: {error}", settings.data.display());
        Finding::error(&settings.place("data"), found, DATA_FOLDER)
    })
}

/// The allowed values of `data`.
pub(super) const DATA_FOLDER: &str =
    "`data`, or `--data`, is a folder that the daemon writes, and makes if it is absent";
/// The allowed values of `[tls]`.
const PEM_FILES: &str = "two PEM files that belong together, and that the daemon may read";
