//! An operator's templates in a folder: `<channel>/<event>.hbs`.

use std::fs;
use std::io;
use std::path::Path;

use super::error::TemplatesError;
use super::source::MAX_TEMPLATE;
use super::is_name;

/// The names and texts of a channel's templates, in the order of names. None when there is no such folder.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, TemplatesError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| TemplatesError::Io { path, cause }
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder)(error)),
    };
    let mut templates = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".hbs"))
        else {
            continue;
        };
        if !is_name(name) {
            return Err(TemplatesError::UnknownEvent { path });
        }
        // Before it is read: it may be anything.
        if fs::metadata(&path).map_err(failed(&path))?.len() > MAX_TEMPLATE as u64 {
            return Err(failed(&path)(io::Error::other("a template has at most 64 KiB")));
        }
        templates.push((name.to_owned(), fs::read_to_string(&path).map_err(failed(&path))?));
    }
    templates.sort();
    Ok(templates)
}
