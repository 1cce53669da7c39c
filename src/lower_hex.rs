//! Bytes as lower-case hexadecimal digits.

use std::fmt;

/// Bytes that are formatted at a time.
const PART: usize = 32;

/// Writes bytes, two digits each. Each request writes several digests, so this writes a chunk at a time and not a byte
/// at a time.
///
/// # Errors
/// When the formatter fails.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let mut digits = [0; 2 * PART];
    for part in bytes.chunks(PART) {
        let digits = digits.get_mut(..2 * part.len()).ok_or(fmt::Error)?;
        hex::encode_to_slice(part, digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(digits).map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt;

    #[test]
    fn any_length_is_written() {
        struct Bytes(Vec<u8>);
        impl fmt::Display for Bytes {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                super::write(f, &self.0)
            }
        }
        for length in [0, 1, 16, 31, 32, 33, 64, 100] {
            let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(7)).collect();
            let one_by_one: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(Bytes(bytes).to_string(), one_by_one);
        }
    }
}
