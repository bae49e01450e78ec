//! What the files are to become, before any of them is touched.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::applied::{Applied, AppliedEdit, AppliedFile};
use super::edit::{Edit, edit, wanted_meaning};
use super::file::{Original, hash};
use super::locate::{is_compose, sites};
use super::rewrite::{Change, Rewrite};
use super::site::{Site, with_tokens};
use super::value::Scope;
use super::{SwitchError, compose, diff, revert};

/// All edits of all files. Holds the files' text, so it is neither stored nor shown; [`diff`](Self::diff) and
/// [`edits`](Self::edits) are.
pub struct Plan {
    files: Vec<PlannedFile>,
    kept: Vec<Kept>,
}

struct PlannedFile {
    original: Original,
    text: String,
    edits: Vec<Edit>,
}

/// One value that will be exchanged, without its passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedEdit {
    /// The real file.
    pub file: PathBuf,
    pub key: String,
    /// The Compose services that take the value from this place; none for an `.env` file.
    pub services: Vec<String>,
    pub line: usize,
    pub before: String,
    pub after: String,
}

/// A place that was named and needs no edit: it names the new database already, or the same server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub file: PathBuf,
    pub key: String,
    pub services: Vec<String>,
    pub line: usize,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("edits", &self.edits()).field("kept", &self.kept).finish()
    }
}

impl Plan {
    /// Reads the files and works out every edit. Touches nothing.
    ///
    /// # Errors
    /// A file cannot be read or replaced, a key is missing or set twice, or a value cannot be made to name the new
    /// database with certainty. There is a plan for all rewrites, or none.
    pub fn read(rewrites: &[Rewrite], change: &Change) -> Result<Self, SwitchError> {
        let set_elsewhere: Vec<String> =
            rewrites.iter().filter(|rewrite| !is_compose(&rewrite.file)).map(|rewrite| rewrite.key.clone()).collect();
        let mut by_file: BTreeMap<PathBuf, (Original, Vec<&Rewrite>)> = BTreeMap::new();
        let mut order = Vec::new();
        for rewrite in rewrites {
            let original = Original::read(&rewrite.file)?;
            let path = original.path.clone();
            let (_, of_file) = by_file.entry(path.clone()).or_insert_with(|| {
                order.push(path.clone());
                (original, Vec::new())
            });
            if of_file.iter().any(|other| other.key == rewrite.key) {
                return Err(SwitchError::NamedTwice { path, key: rewrite.key.clone() });
            }
            of_file.push(rewrite);
        }
        let mut plan = Self { files: Vec::new(), kept: Vec::new() };
        for path in order {
            if let Some((original, rewrites)) = by_file.remove(&path) {
                plan.add(original, &rewrites, change, &set_elsewhere)?;
            }
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        original: Original,
        rewrites: &[&Rewrite],
        change: &Change,
        set_elsewhere: &[String],
    ) -> Result<(), SwitchError> {
        let mut edits = Vec::new();
        for rewrite in rewrites {
            for site in sites(&original.path, &original.text, &rewrite.key)? {
                let scope = Scope { change, style: site.style, dollar: site.dollar, set_elsewhere };
                let edit = edit(&original, rewrite, site, &scope)?;
                if edit.new_token == original.text[edit.site.token.clone()] {
                    let Edit { key, site, .. } = edit;
                    let file = original.path.clone();
                    self.kept.push(Kept { file, key, services: site.services, line: site.line });
                } else {
                    edits.push(edit);
                }
            }
        }
        if edits.is_empty() {
            return Ok(());
        }
        edits.sort_by_key(|edit| edit.site.token.start);
        let tokens: Vec<(&Site, &str)> = edits.iter().map(|edit| (&edit.site, edit.new_token.as_str())).collect();
        let text = with_tokens(&original.text, &tokens);
        if is_compose(&original.path) {
            let mut meanings = Vec::new();
            for edit in &edits {
                let scope = Scope { change, style: edit.site.style, dollar: edit.site.dollar, set_elsewhere };
                meanings.push((&edit.site, wanted_meaning(&original, rewrites, edit, &scope)?));
            }
            compose::differs_only_in(&original.path, &original.text, &text, &meanings)?;
        }
        self.files.push(PlannedFile { original, text, edits });
        Ok(())
    }

    /// The edits in the order of the rewrites' files and of their lines.
    pub fn edits(&self) -> Vec<PlannedEdit> {
        let of_file = |file: &PlannedFile| {
            let path = file.original.path.clone();
            file.edits
                .iter()
                .map(move |edit| PlannedEdit {
                    file: path.clone(),
                    key: edit.key.clone(),
                    services: edit.site.services.clone(),
                    line: edit.site.line,
                    before: edit.before.clone(),
                    after: edit.after.clone(),
                })
                .collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of_file).collect()
    }

    /// What was named and needs no edit.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// A unified diff without context, for people. Passwords are `***`, and what stands on a line beside the value is
    /// left out, so it is no patch.
    pub fn diff(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let name = file.original.path.display();
            text += &format!("--- {name}\n+++ {name}\n");
            for edit in &file.edits {
                text +=
                    &diff::hunk(&file.original.text, &edit.key, &edit.site, &edit.before, &edit.new_token, &edit.after);
            }
        }
        text
    }

    /// What [`apply`](Self::apply) will do, to be kept *before* it does: with it [`Applied::revert`] undoes whatever
    /// part was done, also after a kill. Touches nothing. `at` names the backup copies.
    pub fn record(&self, at: DateTime<Utc>) -> Applied {
        let files = self.files.iter().map(|file| {
            let edits = file.edits.iter().map(|edit| AppliedEdit {
                key: edit.key.clone(),
                place: edit.site.path.clone(),
                services: edit.site.services.clone(),
                before: edit.before.clone(),
                after: edit.after.clone(),
                hash_before: hash(&file.original.text[edit.site.token.clone()]),
                hash_after: hash(&edit.new_token),
            });
            AppliedFile {
                path: file.original.path.clone(),
                backup: free_name(&file.original.path, at),
                hash_before: hash(&file.original.text),
                hash_after: hash(&file.text),
                edits: edits.collect(),
            }
        });
        Applied { files: files.collect() }
    }

    /// Switches the files one by one: a backup copy beside each, then the new content in its place, both durable.
    ///
    /// # Errors
    /// A file is not what it was when this plan (or `record`) was made, or cannot be written. Files that were
    /// switched before it are put back; the error says which.
    pub fn apply(&self, record: &Applied) -> Result<(), SwitchError> {
        let mut tried: Vec<&AppliedFile> = Vec::new();
        for file in &self.files {
            let planned = record.files.iter().find(|recorded| recorded.path == file.original.path);
            let switched = match planned.filter(|recorded| recorded.hash_after == hash(&file.text)) {
                Some(recorded) => {
                    tried.push(recorded);
                    switch(file, recorded)
                }
                None => Err(SwitchError::Changed { path: file.original.path.clone() }),
            };
            if let Err(source) = switched {
                let (put_back, left) = revert::put_back(&tried);
                let path = file.original.path.clone();
                return Err(SwitchError::NotApplied { path, put_back, left, source: Box::new(source) });
            }
        }
        Ok(())
    }
}

fn switch(file: &PlannedFile, recorded: &AppliedFile) -> Result<(), SwitchError> {
    let now = Original::read(&file.original.path)?;
    if now.text != file.original.text || hash(&now.text) != recorded.hash_before {
        return Err(SwitchError::Changed { path: now.path });
    }
    now.back_up(&recorded.backup)?;
    now.replace(&file.text)
}

/// `NAME.pgkeep-YYYYMMDDTHHMMSSZ` beside the file, with a number behind it where that is taken.
fn free_name(path: &Path, at: DateTime<Utc>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".pgkeep-{}", at.format("%Y%m%dT%H%M%SZ")));
    let numbered = |number: u32| {
        let mut numbered = name.clone();
        if number > 1 {
            numbered.push(format!("-{number}"));
        }
        PathBuf::from(numbered)
    };
    let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
    (1..1000).map(numbered).find(is_free).unwrap_or_else(|| numbered(1000))
}
