//! The hub's certificate, and its reload when its files change.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::files::{self, Loaded, TlsError};
use super::validity::WARN_BEFORE;
use crate::config::TlsFiles;
use crate::file_stamp::FileStamp;
use crate::time::{SharedClock, Timestamp};

/// How often to check the files.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often the log warns of a certificate that ends soon.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3_600);

type Stamps = [Option<FileStamp>; 2];

/// The hub's certificate and key, as their files hold them now.
pub struct Tls {
    files: TlsFiles,
    seen: Mutex<Stamps>,
    current: RwLock<Loaded>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        // Before they are read, so that a later change is noticed.
        let seen = stamps(files);
        let loaded = files::load(files)?;
        Ok(Self { files: files.clone(), seen: Mutex::new(seen), current: RwLock::new(loaded) })
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// What an operator should know about the certificate: that it ends within two weeks, or has ended.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let ends_at = self.current.read().unwrap_or_else(PoisonError::into_inner).ends_at?;
        let verb = if ends_at <= now { "ended" } else { "ends" };
        let is_due = ends_at <= now + WARN_BEFORE;
        is_due.then(|| format!("the hub's TLS certificate {verb} at {ends_at}: renew it (tls_cert)"))
    }

    /// Reads the files again if they have changed. Those that cannot be used change nothing.
    fn refresh(&self) {
        let stamps = stamps(&self.files);
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), stamps);
        if before == stamps {
            return;
        }
        match files::load(&self.files) {
            Ok(loaded) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
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

/// Reloads the certificate when its files change, and warns before it ends, until stopped.
pub async fn watch_certificate(tls: Option<Arc<Tls>>, clock: SharedClock, stop: CancellationToken) {
    let Some(tls) = tls else { return };
    let mut warned: Option<Timestamp> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + INTERVAL, INTERVAL) => tls.refresh(),
        }
        let now = clock.now();
        let is_due = warned.is_none_or(|at| now.since(at) >= WARN_EVERY);
        if let Some(warning) = tls.warning(now).filter(|_| is_due) {
            warned = Some(now);
            tracing::warn!("{warning}");
        }
    }
}
