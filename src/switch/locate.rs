//! Where a key is set in a file, whichever kind it is of.

use std::path::Path;

use super::site::Site;
use super::{SwitchError, compose, env_file};

/// Where a key is set in a file.
pub(super) fn sites(path: &Path, text: &str, key: &str) -> Result<Vec<Site>, SwitchError> {
    if is_compose(path) { compose::locate(path, text, key) } else { env_file::locate(path, text, key).map(|s| vec![s]) }
}

pub(super) fn is_compose(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("yml") || end.eq_ignore_ascii_case("yaml"))
}
