//! An address as a QR code, drawn as one path.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around the code, as the standard demands.
const BORDER: i32 = 4;

/// A QR code.
pub(super) struct Matrix {
    /// Modules on a side, with the border.
    pub(super) side: i32,
    /// The dark modules, as the data of a path.
    pub(super) path: String,
}

impl Matrix {
    /// The code of a text; none if it is too long.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let places = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = places.filter(|(x, y)| code.get_module(*x, *y));
        let path = dark.map(|(x, y)| format!("M{} {}h1v1h-1z", x + BORDER, y + BORDER)).collect();
        Some(Self { side: code.size() + 2 * BORDER, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_border_and_its_corner_marks() {
        let code = Matrix::of("https://hub.example.com/requests/req_1").expect("it fits");
        assert!(code.path.starts_with("M4 4h1v1h-1zM5 4h1v1h-1z"), "the corner begins behind the border");
        assert!(code.side >= 21 + 2 * BORDER && code.side % 4 == 1, "{}", code.side);
        assert!(Matrix::of(&"x".repeat(5_000)).is_none());
    }
}
