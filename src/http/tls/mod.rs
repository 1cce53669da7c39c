//! HTTPS without a proxy: the hub's certificate, and the handshakes.

mod certificate;
mod files;
mod handshake;
mod validity;
mod waiting;

pub use self::certificate::{Tls, watch_certificate};
pub use self::files::TlsError;
pub use self::handshake::{HANDSHAKE_TIME, HANDSHAKES};
pub(super) use self::handshake::{STRICT_TRANSPORT, shake_hands};
pub(super) use self::waiting::Waiting;
