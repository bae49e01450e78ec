//! Rows and large objects on their way into the target.

use super::super::framed::INSUFFICIENT_PRIVILEGE;
use super::super::quoted;
use super::{Lane, Rows, Worker};
use crate::command::Error;
use crate::command::proof;
use crate::pg;
use crate::pg::copy::{Freeze, copy_in_statement};
use crate::pg::frame::{Rights, SEARCH_PATH};
use crate::pg::loaded;
use crate::pg::staging::{STAGE, Staging};
use crate::pg::target::{LargeObjectLoader, WITHOUT_KEYS};
use crate::rows::loading::Loads;

/// Smaller tables are loaded without TRUNCATE and FREEZE.
const FREEZE_BYTES_MIN: u64 = 1 << 20;

impl Worker<'_, '_> {
    pub(super) fn load(&mut self, n: usize, label: &str, lane: &Lane) -> Result<(), Error> {
        if self.feed.is_empty(n) || self.is_there_already(n)? {
            return Ok(());
        }
        match self.work.job.as_owner.get(&n).map(String::as_str) {
            None => self.load_at_once(n, label, lane),
            Some(_) if !self.ability.temporary => self.load_at_once(n, label, lane),
            Some(owner) => match self.load_as(owner, Rights::Own, n, label, lane) {
                Err(Error::Target { source, .. }) if source.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) => {
                    self.roll_back(label)?;
                    if !self.ability.superuser {
                        return self.load_at_once(n, label, lane);
                    }
                    self.load_as(owner, Rights::AllOrdinary, n, label, lane)?;
                    self.work.lock().with_all_rights.push(label.to_owned());
                    Ok(())
                }
                loaded => loaded,
            },
        }
    }

    /// Rows of an extension's configuration table that whoever made the extension has put in as well. What cannot be read is loaded, and
    /// the server says what is wrong.
    fn is_there_already(&mut self, n: usize) -> Result<bool, Error> {
        let relation = &self.work.job.relations[n];
        if !self.work.job.may_be_there.contains(&relation.oid) {
            return Ok(false);
        }
        let encoding = &self.work.job.cargo.database.encoding;
        match proof::prove_relation(&mut self.wire, relation, encoding, &self.hasher, |_, _| {}) {
            Ok(mismatch) => Ok(mismatch.is_none()),
            Err(pg::Error::Server { .. }) => Ok(false),
            Err(error) => Err(Error::target_database("reading a configuration table")(error)),
        }
    }

    /// One table in one transaction, never half. A larger one is truncated first, so that its rows can be written frozen.
    fn load_at_once(&mut self, n: usize, label: &str, lane: &Lane) -> Result<(), Error> {
        let relation = &self.work.job.relations[n];
        let (own, root) = (quoted(relation), self.work.job.families.root(n));
        let name = root.as_ref().unwrap_or(&own);
        let mut begin = self.begin(n);
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
        self.pour(n, name, freeze, label, lane)?;
        let end = self.noted(n) + "COMMIT";
        self.execute(label, end.as_bytes())
    }

    /// The same for rows that run code, which has its owner's rights and no more.
    fn load_as(&mut self, owner: &str, rights: Rights, n: usize, label: &str, lane: &Lane) -> Result<(), Error> {
        let relation = &self.work.job.relations[n];
        let name = self.work.job.families.root(n).unwrap_or_else(|| quoted(relation));
        let staging = Staging::new(&mut self.wire, &name, owner, &relation.columns, relation.format);
        let staging = staging.map_err(Error::target_database(label))?;
        let begin = self.begin(n) + &staging.make();
        self.execute(label, begin.as_bytes())?;
        self.pour(n, STAGE, Freeze::No, label, lane)?;
        let noted = self.noted(n);
        let end = [
            &*staging.put(rights),
            &*staging.unmake(),
            &*self.settled(),
            SEARCH_PATH.as_bytes(),
            noted.as_bytes(),
            b"COMMIT",
        ]
        .concat();
        self.execute(label, &end)
    }

    /// How the transaction begins that a table is loaded in.
    fn begin(&self, n: usize) -> String {
        let keys = if self.work.in_circle.contains(&n) { WITHOUT_KEYS } else { "" };
        format!("BEGIN;\n{}{keys}", self.path)
    }

    /// What the table was poured with, for the end of its transaction.
    fn noted(&self, n: usize) -> String {
        let relation = &self.work.job.relations[n];
        match self.work.loading.loads {
            Loads::Untold => String::new(),
            Loads::Noted => loaded::note(&relation.schema, &relation.name, &self.work.lock().digests[n]),
        }
    }

    fn pour(&mut self, n: usize, into: &str, freeze: Freeze, label: &str, lane: &Lane) -> Result<(), Error> {
        let relation = &self.work.job.relations[n];
        let encoding = &self.work.job.cargo.database.encoding;
        let sql = copy_in_statement(into, &relation.columns, relation.format, encoding, freeze);
        let failed = || Error::target_database(label);
        let mut copy = self.wire.copy_in(label, sql.as_bytes(), relation.format).map_err(failed())?;
        let report = |bytes, rows| self.work.watch.progress.add(lane, bytes, rows);
        let digest = self.feed.pour(n, relation, &self.hasher, &mut copy, report, &self.work.watch.stop)?;
        copy.finish().map_err(failed())?;
        self.work.lock().digests[n] = digest;
        Ok(())
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
