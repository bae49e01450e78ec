//! How a verb ends: what it has to say, and the exit code.

use serde::Serialize;

use super::visible;
use crate::command::Error;

/// The exit code of a command that did what was asked, and found something wrong.
pub const FOUND_SOMETHING_WRONG: u8 = 3;

/// What a verb has to say.
pub struct Outcome {
    pub text: String,
    pub json: String,
    /// What goes to standard error where `text` goes to standard output: an error after something was done.
    pub complaint: String,
    pub exit_code: u8,
}

impl Outcome {
    pub fn new(report: &impl Serialize, text: String) -> Result<Self, Error> {
        let failed =
            |source| Error::Internal { what: "the report cannot be encoded".into(), source: Some(Box::new(source)) };
        let json = serde_json::to_string(report).map_err(failed)?;
        let text = visible::report(text, &serde_json::to_value(report).map_err(failed)?);
        Ok(Self { text, json, complaint: String::new(), exit_code: 0 })
    }
}

/// What a verb's text is to whoever keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// What was done: lines of a log.
    Log,
    /// What was asked for: a table, a list, a plan.
    Answer,
}
