//! Rows and large objects on their way into the target.

use super::super::{Creation, Owners, quoted};
use super::{Lane, Rights, Rows, Task, Worker};
use crate::command::Error;
use crate::command::proof;
use crate::pg;
use crate::pg::copy::{Freeze, copy_in_statement};
use crate::pg::target::{LargeObjectLoader, WITHOUT_KEYS, as_owner_of};

/// Smaller tables are loaded without TRUNCATE and FREEZE.
const FREEZE_BYTES_MIN: u64 = 1 << 20;

impl Worker<'_, '_> {
    pub(super) fn load(&mut self, n: usize, label: &str, lane: &Lane) -> Result<(), Error> {
        if self.feed.is_empty(n) || self.is_there_already(n)? {
            return Ok(());
        }
        if self.work.options.owners == Owners::Restorer {
            return self.load_as(n, label, lane, Rights::Operator);
        }
        self.as_owner(Task::Load(n), |worker, rights| worker.load_as(n, label, lane, rights))
    }

    /// Rows of an extension's configuration table that whoever made the extension has put in as well. What cannot be read is loaded, and
    /// the server says what is wrong.
    fn is_there_already(&mut self, n: usize) -> Result<bool, Error> {
        let relation = &self.work.job.relations[n];
        let may_be = relation.configuration.is_some() && self.work.options.creation == Creation::Exists;
        if !may_be || !matches!(self.work.rows, Rows::Stored { .. }) {
            return Ok(false);
        }
        let encoding = &self.work.job.manifest.database.encoding;
        match proof::prove_relation(&mut self.wire, relation, encoding, &self.hasher, |_, _| {}) {
            Ok(mismatch) => Ok(mismatch.is_none()),
            Err(pg::Error::Server { .. }) => Ok(false),
            Err(error) => Err(Error::target_database("reading a configuration table")(error)),
        }
    }

    /// One table in one transaction, never half. A larger one is truncated first, so that its rows can be written frozen.
    fn load_as(&mut self, n: usize, label: &str, lane: &Lane, rights: Rights) -> Result<(), Error> {
        let relation = &self.work.job.relations[n];
        let (own, root) = (quoted(relation), self.work.job.families.root(n));
        let name = root.as_ref().unwrap_or(&own);
        let mut begin = format!("BEGIN;\n{}", self.path);
        if self.work.in_circle.contains(&n) {
            begin += WITHOUT_KEYS;
        }
        if rights == Rights::Owner {
            begin += &as_owner_of(name);
        }
        let freeze = match &relation.configuration {
            // An extension's own rows are in its configuration table already, and stay.
            Some(_) => Freeze::No,
            // A new file for the table costs more than freezing a few pages later.
            // Nor is a table emptied into which others' rows go.
            None if relation.digest.bytes < FREEZE_BYTES_MIN || root.is_some() => Freeze::No,
            None => {
                begin += &format!("TRUNCATE ONLY {name}");
                Freeze::Yes
            }
        };
        self.execute(label, begin.as_bytes())?;
        let sql = copy_in_statement(
            name,
            &relation.columns,
            relation.format,
            &self.work.job.manifest.database.encoding,
            freeze,
        );
        let failed = || Error::target_database(label);
        let mut copy = self.wire.copy_in(label, sql.as_bytes(), relation.format).map_err(failed())?;
        let report = |bytes, rows| self.work.progress.add(lane, bytes, rows);
        let digest = self.feed.pour(n, relation, &self.hasher, &mut copy, report, self.work.stop)?;
        copy.finish().map_err(failed())?;
        self.work.lock().digests[n] = digest;
        self.execute(label, &self.settled())
    }

    pub(super) fn load_large_objects(&mut self) -> Result<(), Error> {
        let Rows::Stored { large_objects, .. } = self.work.rows else { return Ok(()) };
        if large_objects.is_empty() {
            return Ok(());
        }
        let failed = || Error::target_database("restoring large objects");
        let mut loader = LargeObjectLoader::new(&mut self.wire).map_err(failed())?;
        self.feed.pour_large_objects(large_objects, |rows| loader.write(rows).map_err(failed()))?;
        loader.finish().map_err(failed())
    }
}
