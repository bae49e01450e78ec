//! Foreign keys that rows were against in the source, and that are `NOT VALID` in the copy.

use std::collections::BTreeSet;
use std::time::Duration;

use super::capture::Drawn;
use super::holding::{at_source, at_target};
use crate::command::Error;
use crate::command::error::{Failure, FirstFailure};
use crate::pg::catalog::{self, hindrances};
use crate::pg::connect::Session;
use crate::schema::archive::{Archive, DumpId};
use crate::schema::not_valid;
use crate::split::facts::{ForeignKey, Orphans};

/// What the copy may differ in.
#[derive(Default)]
pub struct Unchecked {
    entries: BTreeSet<DumpId>,
    keys: Vec<ForeignKey>,
    /// For the report, each with its rows.
    pub told: Vec<String>,
}

impl Unchecked {
    /// `steps` of the copy were made unchecked. The source, asked in the snapshot of `session`, must have the same rows against the same keys.
    ///
    /// # Errors
    /// It has none: then the copy's rows are not the source's.
    pub async fn confirm(session: &Session, drawn: &Drawn, steps: &[usize]) -> Result<Unchecked, Error> {
        if steps.is_empty() {
            return Ok(Unchecked::default());
        }
        let failed = || at_source("counting rows that violate foreign keys");
        let all = catalog::foreign_keys(session).await.map_err(failed())?;
        let mut unchecked = Unchecked::default();
        for step in steps.iter().map(|n| &drawn.job.plan.post_data[*n].step) {
            let oid = drawn.archive.entry(step.dump_id).map(|entry| entry.catalog_id.oid);
            let Some(key) = all.iter().find(|key| Some(key.oid) == oid) else { return Err(unknown(&step.label)) };
            let name = format!("{}.{}.{}", key.schema, key.table, key.name);
            let rows = hindrances::key_rows(session, std::slice::from_ref(key)).await.map_err(failed())?;
            let Some(rows) = rows.first() else { return Err(unknown(&step.label)) };
            // 0: without end. The copy of the rows has taken longer.
            unchecked.told.push(match hindrances::orphans(session, rows, Duration::ZERO).await.map_err(failed())? {
                Orphans::Counted(0) => return Err(unknown(&step.label)),
                Orphans::Counted(1) => format!("{name} (1 row violates it)"),
                Orphans::Counted(rows) => format!("{name} ({rows} rows violate it)"),
                Orphans::NotCounted => format!("{name} (rows violate it)"),
            });
            unchecked.entries.insert(step.dump_id);
            unchecked.keys.push(key.clone());
        }
        Ok(unchecked)
    }

    /// The source's definitions as the copy must have them.
    pub fn expected(&self, archive: Archive) -> Archive {
        if self.entries.is_empty() { archive } else { not_valid::expected(archive, &self.entries) }
    }

    /// `invalid` without those that are told already.
    pub async fn besides(&self, mut invalid: Vec<String>, target: &Session) -> Result<Vec<String>, Error> {
        if !self.keys.is_empty() {
            let names: Vec<(String, String, String)> =
                self.keys.iter().map(|key| (key.schema.clone(), key.table.clone(), key.name.clone())).collect();
            let failed = at_target("looking for invalid objects");
            let expected = hindrances::not_valid_keys(target, &names).await.map_err(failed)?;
            invalid.retain(|object| !expected.contains(object));
        }
        Ok(invalid)
    }
}

fn unknown(label: &str) -> Error {
    let failure = Failure {
        entry: label.to_owned(),
        message: "rows of the copy violate it, but no row of the source does".into(),
        sqlstate: None,
        hint: None,
    };
    Error::Entries {
        failures: vec![failure.clone()],
        skipped: Vec::new(),
        warnings: Vec::new(),
        first: FirstFailure(vec![failure]),
    }
}
