//! An operator's template files: `<channel>/<event>.hbs` for a channel, and `<channel>/endpoints/<name>/` or
//! `<channel>/resources/<name>/` for one endpoint or resource.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::TemplatesError;
use super::kept::{Override, is_name};
use super::source::MAX_TEMPLATE;
use crate::approval::{EndpointName, ResourceName};
use crate::ids::TemplateId;
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// The endpoint or resource that a template file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileReach {
    /// All messages about a resource.
    Resource(ResourceName),
    /// All messages to an endpoint.
    Endpoint(EndpointName),
}

/// A template file for an endpoint or a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTemplate {
    pub channel: Channel,
    pub reach: FileReach,
    pub template: Override,
}

/// Rejects folders with other names; otherwise a typing mistake would go unnoticed.
pub(super) fn check_folders(folder: &Path, known: &[&str]) -> Result<(), TemplatesError> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let is_odd = |path: &PathBuf| !known.contains(&&*name(path)) && !name(path).starts_with('.');
    match folders(folder)?.into_iter().find(is_odd) {
        Some(path) => Err(TemplatesError::UnknownFolder { path, known: known.join(", ") }),
        None => Ok(()),
    }
}

/// Reads a channel's template files for endpoints and resources.
pub(super) fn read_reaches(folder: &Path, channel: Channel) -> Result<Vec<FileTemplate>, TemplatesError> {
    let mut found = Vec::new();
    check_folders(folder, &["endpoints", "resources"])?;
    for kind in ["endpoints", "resources"] {
        for place in folders(&folder.join(kind))? {
            let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let reach = match kind {
                "endpoints" => name.parse().ok().map(FileReach::Endpoint),
                _ => name.parse().ok().map(FileReach::Resource),
            };
            let reach = reach.ok_or_else(|| TemplatesError::UnknownPlace { path: place.clone() })?;
            for (name, text) in read_folder(&place)? {
                // Files do not change while the hub runs, so any unique id will do.
                let id = TemplateId::mint(Timestamp::from_micros(0));
                let template = Override { id, name, text: text.into(), strength: 0 };
                found.push(FileTemplate { channel, reach: reach.clone(), template });
            }
        }
    }
    Ok(found)
}

/// Lists the folders in a folder; none when it does not exist.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, TemplatesError> {
    let failed = |cause| TemplatesError::Io { path: folder.to_owned(), cause };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

/// Reads names and texts of a folder's templates, by name; none when the folder does not exist.
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
        // Checked before reading: the file may be of any size.
        if fs::metadata(&path).map_err(failed(&path))?.len() > MAX_TEMPLATE as u64 {
            return Err(failed(&path)(io::Error::other("a template may have at most 64 KiB")));
        }
        templates.push((name.to_owned(), fs::read_to_string(&path).map_err(failed(&path))?));
    }
    templates.sort();
    Ok(templates)
}
