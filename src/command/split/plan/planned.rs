//! What a plan has read and decided.

use super::rate::Estimate;
use crate::schema::archive::Archive;
use crate::schema::facts::Facts;
use crate::schema::selection::Selection;
use crate::split::facts::{SourceFacts, TargetFacts};
use crate::split::{SchemaNames, SplitPlan};

/// Everything that was read and decided: what a run starts from.
pub struct Planned {
    pub plan: SplitPlan,
    pub names: SchemaNames,
    pub archive: Archive,
    pub facts: Facts,
    pub selection: Selection,
    pub source: SourceFacts,
    pub target: TargetFacts,
    pub estimate: Estimate,
}
