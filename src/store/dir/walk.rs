//! The names below a folder, as they come.

use std::fs::{self, ReadDir};
use std::io;
use std::path::Path;

use super::{io_error, place};
use crate::store::{Listed, ObjectKey, StoreError};

/// Names in one page of a listing, at most.
const PAGE_NAMES_MAX: usize = 1000;
/// Folders deeper than this are not entered: no object of ours is so deep, and each folder on the way is held open.
const DEPTH_MAX: usize = 8;

pub struct Walk<'a> {
    root: &'a Path,
    /// The folders that are being read, the innermost last.
    open: Vec<(String, ReadDir)>,
}

impl<'a> Walk<'a> {
    /// None of the names where the folder is not there.
    pub fn begin(root: &'a Path, folder: &str) -> Result<Self, StoreError> {
        let mut walk = Self { root, open: Vec::new() };
        place::check_folders(root, folder)?;
        walk.enter(folder.to_owned())?;
        Ok(walk)
    }

    fn enter(&mut self, folder: String) -> Result<(), StoreError> {
        let path = self.root.join(&folder);
        match fs::read_dir(&path) {
            Ok(entries) => self.open.push((folder, entries)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("list", &path)(error)),
        }
        Ok(())
    }

    pub fn next_page(&mut self) -> Result<Option<Vec<Listed>>, StoreError> {
        let mut page = Vec::new();
        while page.len() < PAGE_NAMES_MAX {
            let Some((folder, entries)) = self.open.last_mut() else { break };
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            let entry = entry.map_err(io_error("list", &self.root.join(&*folder)))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed by another run since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("list", &entry.path())(error)),
            };
            if metadata.is_dir() {
                if self.open.len() < DEPTH_MAX {
                    self.enter(name)?;
                }
            } else if let Some(key) = ObjectKey::new(name) {
                let modified = metadata.modified().map_err(io_error("list", &entry.path()))?;
                // A link's own length, or a device's, says nothing of an object.
                let bytes = if metadata.is_file() { metadata.len() } else { 0 };
                page.push(Listed { key, bytes, modified });
            }
        }
        Ok((!page.is_empty()).then_some(page))
    }
}
