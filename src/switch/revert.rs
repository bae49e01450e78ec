//! The way back.

use std::fs;
use std::path::PathBuf;

use super::applied::{Applied, AppliedFile};
use super::file::{Original, failed, hash};
use super::locate::{is_compose, sites};
use super::site::{Site, with_tokens};
use super::{SwitchError, compose};

/// What is to be written into a file.
enum Return {
    /// It is as before.
    Nothing,
    /// Nobody has changed it: it gets its old bytes.
    Whole(String),
    /// Somebody has, elsewhere in it: only our values are set back.
    Values(String),
}

impl Applied {
    /// Files that hold a value of ours at this moment.
    pub fn switched(&self) -> Vec<PathBuf> {
        let holds_ours = |file: &&AppliedFile| match plan(file) {
            Ok((_, Return::Nothing)) | Err(_) => false,
            Ok((_, Return::Whole(_))) => true,
            Ok((now, Return::Values(text))) => now.text != text,
        };
        self.files.iter().filter(holds_ours).map(|file| file.path.clone()).collect()
    }

    /// Puts the files back, and may be called again after a kill, or for a switch that was never carried out. A file
    /// that nobody has changed gets its very bytes back, and its backup copy is removed. In one that was changed
    /// elsewhere only our values are set back, and the copy stays.
    ///
    /// # Errors
    /// One of our values was changed since, or a backup copy is missing or changed. All files are looked at before
    /// the first is written.
    pub fn revert(&self) -> Result<(), SwitchError> {
        let planned: Vec<(Original, Return)> = self.files.iter().map(plan).collect::<Result<_, _>>()?;
        for (file, (original, change)) in self.files.iter().zip(planned) {
            carry_out(file, &original, change)?;
        }
        Ok(())
    }
}

/// Puts these files back as far as that goes: which are as before again, and which are not.
pub(super) fn put_back(files: &[&AppliedFile]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for file in files.iter().rev() {
        match plan(file).and_then(|(original, change)| {
            let was_switched = !matches!(change, Return::Nothing);
            carry_out(file, &original, change).map(|()| was_switched)
        }) {
            Ok(true) => done.push(file.path.clone()),
            Ok(false) => {}
            // Changed by somebody before we came to it, so that we never did: not ours to put back.
            Err(_) if !file.backup.exists() => {}
            Err(_) => left.push(file.path.clone()),
        }
    }
    (done, left)
}

fn plan(file: &AppliedFile) -> Result<(Original, Return), SwitchError> {
    let now = Original::read(&file.path)?;
    let hash_now = hash(&now.text);
    if hash_now == file.hash_before {
        return Ok((now, Return::Nothing));
    }
    let before = backup(file)?;
    if hash_now == file.hash_after {
        return Ok((now, Return::Whole(before)));
    }
    let text = values_set_back(file, &now.text, &before)?;
    Ok((now, Return::Values(text)))
}

fn carry_out(file: &AppliedFile, original: &Original, change: Return) -> Result<(), SwitchError> {
    match change {
        Return::Values(text) => return original.replace(&text),
        Return::Whole(text) => original.replace(&text)?,
        Return::Nothing => {}
    }
    // It holds passwords and nothing that the file itself does not hold.
    match backup(file) {
        Ok(_) => fs::remove_file(&file.backup).map_err(failed("remove", &file.backup)),
        Err(_) => Ok(()),
    }
}

/// What the file held before, from its copy.
fn backup(file: &AppliedFile) -> Result<String, SwitchError> {
    let text = fs::read_to_string(&file.backup).map_err(failed("read", &file.backup))?;
    if hash(&text) != file.hash_before {
        return Err(SwitchError::Backup { path: file.path.clone(), backup: file.backup.clone() });
    }
    Ok(text)
}

fn values_set_back(file: &AppliedFile, now: &str, before: &str) -> Result<String, SwitchError> {
    let mut found: Vec<(Site, Site)> = Vec::new();
    for edit in &file.edits {
        let changed = || SwitchError::ChangedSince { path: file.path.clone(), key: edit.key.clone() };
        let at = |text: &str| -> Result<Site, SwitchError> {
            let sites = sites(&file.path, text, &edit.key).map_err(|_| changed())?;
            sites.into_iter().find(|site| site.path == edit.place).ok_or_else(changed)
        };
        let (site, old) = (at(now)?, at(before)?);
        let hash_now = hash(&now[site.token.clone()]);
        if hash_now == edit.hash_before {
            continue;
        }
        if hash_now != edit.hash_after {
            return Err(changed());
        }
        found.push((site, old));
    }
    let tokens: Vec<(&Site, &str)> = found.iter().map(|(site, old)| (site, &before[old.token.clone()])).collect();
    let text = with_tokens(now, &tokens);
    if is_compose(&file.path) {
        let mut meanings = Vec::new();
        for (site, old) in &found {
            meanings.push((site, compose::meaning(&file.path, before, old)?));
        }
        compose::differs_only_in(&file.path, now, &text, &meanings)?;
    }
    Ok(text)
}
