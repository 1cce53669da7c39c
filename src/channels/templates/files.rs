//! An operator's templates in a folder: `<channel>/<event>.hbs`, and in `<channel>/endpoints/<name>/` or `<channel>/resources/<name>/`
//! those for one of them.

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

/// What a file's template is for, when that is not its whole channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileReach {
    /// What is told of a resource.
    Resource(ResourceName),
    /// An endpoint.
    Endpoint(EndpointName),
}

/// A template in a file for an endpoint or a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTemplate {
    /// Of which channel.
    pub channel: Channel,
    /// For what.
    pub reach: FileReach,
    /// What it says.
    pub template: Override,
}

/// Refuses folders that are called otherwise: a slip of the pen would go unnoticed.
pub(super) fn check_folders(folder: &Path, known: &[&str]) -> Result<(), TemplatesError> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let is_odd = |path: &PathBuf| !known.contains(&&*name(path)) && !name(path).starts_with('.');
    match folders(folder)?.into_iter().find(is_odd) {
        Some(path) => Err(TemplatesError::UnknownFolder { path, known: known.join(", ") }),
        None => Ok(()),
    }
}

/// Those of a channel that are for an endpoint or a resource.
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
                // Files do not change while the hub runs: any name of their own does.
                let id = TemplateId::mint(Timestamp::from_micros(0));
                let template = Override { id, name, text: text.into(), strength: 0 };
                found.push(FileTemplate { channel, reach: reach.clone(), template });
            }
        }
    }
    Ok(found)
}

/// The folders in a folder, if there is one.
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
