//! The hub's certificate, and its reload when its files change.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::files::{self, TlsError};
use crate::config::TlsFiles;
use crate::file_stamp::FileStamp;
use crate::time::SharedClock;

/// How often to check the files.
const INTERVAL: Duration = Duration::from_secs(5);

type Stamps = [Option<FileStamp>; 2];

/// The hub's certificate and key, as their files hold them now.
pub struct Tls {
    files: TlsFiles,
    seen: Mutex<Stamps>,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        // Before they are read, so that a later change is noticed.
        let seen = stamps(files);
        let config = files::load(files)?;
        Ok(Self { files: files.clone(), seen: Mutex::new(seen), current: RwLock::new(Arc::new(config)) })
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again if they have changed. Those that cannot be used change nothing.
    fn refresh(&self) {
        let stamps = stamps(&self.files);
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), stamps);
        if before == stamps {
            return;
        }
        match files::load(&self.files) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the TLS certificate was reloaded");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the TLS certificate or its key was changed and cannot be used: the hub keeps the pair that it has read"
            ),
        }
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [FileStamp::of(&files.cert), FileStamp::of(&files.key)]
}

/// Reloads the certificate when its files change, until stopped.
pub async fn watch_certificate(tls: Option<Arc<Tls>>, clock: SharedClock, stop: CancellationToken) {
    let Some(tls) = tls else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + INTERVAL, INTERVAL) => tls.refresh(),
        }
    }
}
