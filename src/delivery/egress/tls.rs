//! Explains failed TLS handshakes to operators. The library's own messages contain names of constants, and times in
//! seconds since 1970.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

use crate::time::Timestamp;

/// Returns what went wrong in a TLS handshake with a target, and what to do about it. `ca_certificate` and
/// `client_certificate` are fields of the endpoint.
pub(super) fn explain_tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => format!("{error}: does the server speak https:// at this port?"),
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the server requires a client certificate: set the endpoint's client_certificate".to_owned()
            }
            AlertDescription::ProtocolVersion => {
                "the server supports no secure version of TLS: it needs TLS 1.2 or 1.3".to_owned()
            }
            AlertDescription::UnrecognisedName => {
                "the server does not serve this host name: check the host in the URL".to_owned()
            }
            AlertDescription::HandshakeFailure => {
                "the server refuses the handshake: it may need newer algorithms, or a client certificate".to_owned()
            }
            _ => format!("the server refuses the handshake: {error}"),
        },
        Error::PeerIncompatible(_) => format!("{error}: the server needs TLS 1.2 or 1.3 with current algorithms"),
        _ => error.to_string(),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "this machine does not trust the issuer of the server's certificate: add the issuer's certificate to the machine's, \
             or to an endpoint's ca_certificate"
                .to_owned()
        }
        CertificateError::Expired => "the server's certificate has expired: it must be renewed".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the server's certificate expired at {}, and it is {} now: it must be renewed, unless this machine's clock is wrong",
            text(*not_after),
            text(*time)
        ),
        CertificateError::NotValidYet => "the server's certificate is not valid yet: check this machine's clock".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is valid from {}, and it is {} now: check this machine's clock",
            text(*not_before),
            text(*time)
        ),
        CertificateError::NotValidForName => {
            "the server's certificate is not for the host in the URL".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => format!(
            "the server's certificate is not for the host in the URL: it is for {}",
            presented.join(", ")
        ),
        CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate contains no host name: it needs the host of the URL as a subject alternative name".to_owned()
        }
        CertificateError::Revoked => "the server's certificate was revoked: it must be replaced".to_owned(),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server presents the certificate of a certificate authority: it needs one for its host, signed by that authority"
                .to_owned()
        }
        _ => format!("the server's certificate cannot be used: {error}"),
    }
}

fn text(time: UnixTime) -> String {
    let micros = i64::try_from(time.as_secs()).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    micros.map_or_else(|| "an unknown time".to_owned(), |micros| Timestamp::from_micros(micros).to_string())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_dates() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: at(1_800_000_000), not_after: at(1_700_000_000) };
        let text = explain_tls(&Error::InvalidCertificate(expired));
        assert!(text.contains("2023-11-14T22:13:20") && text.contains("2027-01-15T08:00:00"), "{text}");
        assert!(!text.contains("UNIX") && !text.contains("1700000000"), "{text}");
    }

    #[test]
    fn certificate_errors_are_explained() {
        for error in [
            CertificateError::UnknownIssuer,
            CertificateError::Expired,
            CertificateError::NotValidForName,
            CertificateError::Revoked,
            CertificateError::BadSignature,
            CertificateError::Other(rustls::OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity")))),
        ] {
            let text = explain_tls(&Error::InvalidCertificate(error));
            assert!(text.contains("certificate") && !text.contains("Error") && !text.contains("EndEntity"), "{text}");
        }
    }
}
