//! What is to happen to the applications' configuration when the split is switched, whichever run comes to it: a run that goes on with a split
//! does what the one that began it was told, and one that comes too late says so.

use super::host::Wanted;
use super::state::{Phase, State};
use super::{Options, SplitError};
use crate::switch::{Plan, Rewrite};

/// The options, with what an earlier run was told and this one was not.
///
/// # Errors
/// A value that was to be written is not remembered.
pub fn completed(options: &Options, before: Option<&State>) -> Result<Options, SplitError> {
    let mut completed = options.clone();
    let Some(state) = before.filter(|state| state.phase < Phase::Switched) else { return Ok(completed) };
    if completed.hook.is_none() {
        completed.hook.clone_from(&state.hook);
    }
    let wanted = state.memory.iter().flat_map(|memory| &memory.split.wanted);
    if completed.rewrites.is_empty() {
        if let Some(unknown) = wanted.clone().find(|wanted| wanted.had_value) {
            return Err(SplitError::ValueForgotten { what: format!("{}:{}", unknown.file.display(), unknown.key) });
        }
        let again = |wanted: &Wanted| Rewrite { file: wanted.file.clone(), key: wanted.key.clone(), literal: None };
        completed.rewrites = wanted.map(again).collect();
    }
    Ok(completed)
}

/// What the host is to remember of them.
pub fn wanted(options: &Options) -> Vec<Wanted> {
    let absolute = |file: &std::path::Path| std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let kept = |rewrite: &Rewrite| Wanted {
        file: absolute(&rewrite.file),
        key: rewrite.key.clone(),
        had_value: rewrite.literal.is_some(),
    };
    options.rewrites.iter().map(kept).collect()
}

/// # Errors
/// The split is switched already, and something is asked for that a switch would have done.
pub fn in_time(options: &Options, files: &Plan, state: &State) -> Result<(), SplitError> {
    if state.phase != Phase::Switched {
        return Ok(());
    }
    let mut late: Vec<String> =
        files.edits().iter().map(|edit| format!("--rewrite {}:{}", edit.file.display(), edit.key)).collect();
    if options.hook.is_some() && options.hook != state.hook {
        late.push("--hook".into());
    }
    if late.is_empty() { Ok(()) } else { Err(SplitError::TooLate { late }) }
}
