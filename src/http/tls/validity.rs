//! Until when a certificate is valid: the one field of X.509 that the TLS library does not show.

use std::time::Duration;

use crate::time::Timestamp;

/// From so long before its end on, a certificate is warned of.
pub(super) const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3_600);

// Tags of DER (ITU-T X.690).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which the first one lacks.
const VERSION: u8 = 0xa0;

/// What is left of a DER encoding.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The next element: tag and content.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// When the certificate ends; none if it is no certificate (RFC 5280 §4.1).
pub(super) fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = Der(certificate).expect(SEQUENCE)?;
    let mut fields = Der(Der(certificate).expect(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    fields.expect(INTEGER)?;
    // The algorithm and the issuer.
    fields.expect(SEQUENCE)?;
    fields.expect(SEQUENCE)?;
    let mut validity = Der(fields.expect(SEQUENCE)?);
    validity.next()?;
    let (tag, text) = validity.next()?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        // Two digits of the year: from 1950 to 2049.
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |range| text.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    (text.get(14..)? == "Z").then(|| format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn certificate(text: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(text.as_bytes()).unwrap().to_vec()
    }

    fn ending() -> Vec<u8> {
        certificate(include_str!("../../../tests/egress/certs/ending.pem"))
    }

    #[test]
    fn the_end_of_a_certificate_is_found() {
        // As `openssl x509 -enddate` says; the other one ends after 2049, which is written in another way.
        assert_eq!(valid_until(&ending()).unwrap().to_string(), "2026-12-09T00:00:00.000000Z");
        let late = certificate(include_str!("../../../tests/egress/certs/server.pem"));
        assert_eq!(valid_until(&late).unwrap().to_string(), "2126-11-05T14:50:07.000000Z");
        assert_eq!(valid_until(b""), None);
        assert_eq!(valid_until(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    proptest! {
        #[test]
        fn damaged_certificates_are_read_or_not(at in 0_usize..1_000, byte in any::<u8>(), length in 0_usize..1_000) {
            let mut bytes = ending();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(length);
            let _read = valid_until(&bytes);
        }
    }
}
