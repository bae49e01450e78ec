//! The two forms in which PostgreSQL gives rows.

use serde::{Deserialize, Serialize};

/// COPY's format of a relation's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    Binary,
    Text,
}

impl RowFormat {
    /// As COPY's FORMAT option names it.
    pub fn name(self) -> &'static str {
        match self {
            RowFormat::Binary => "binary",
            RowFormat::Text => "text",
        }
    }
}
