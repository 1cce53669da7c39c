//! How long a file may be.

use crate::tidy::{is_test, sources};

/// Lines of a product file; a file of tests may have a quarter more.
const FILE: usize = 400;
const TEST_FILE: usize = 500;
#[test]
fn no_file_is_too_long() {
    for (path, text) in sources() {
        let most = if is_test(&path) { TEST_FILE } else { FILE };
        assert!(text.lines().count() <= most, "{} has more than {most} lines: cut it by subject", path.display());
    }
}
