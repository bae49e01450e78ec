//! Definitions and rows of one instant.

use super::{Error, Options};
use crate::command::rows::{self, Unsettled};
use crate::command::selecting;
use crate::command::source_facts::has_rows_here;
use crate::command::watch::Watch;
use crate::command::whole_rows;
use crate::pg;
use crate::pg::binaries::Binary;
use crate::pg::catalog::{self, TableFacts};
use crate::pg::dump::{self, DumpError, Dumped, Untouched};
use crate::pg::snapshot::SourceSnapshot;
use crate::repo::manifest::LargeObject;
use crate::schema::archive::{Archive, ArchiveError, forget_creation_time};
use crate::schema::facts::Facts;
use crate::schema::selection::{Request, Selection};

/// What is read, and as of when.
pub struct Taking<'a> {
    pub options: &'a Options,
    pub request: &'a Request,
    pub snapshot: &'a SourceSnapshot,
    pub pg_dump: &'a Binary,
    /// Without what this role may not read, which pg_dump leaves alone.
    pub facts: &'a Facts,
    pub untouched: &'a Untouched,
    /// With it: rows may lie there.
    pub all_facts: &'a Facts,
    pub watch: &'a Watch,
}

/// What was read.
pub struct Read {
    pub archive_bytes: Vec<u8>,
    pub archive: Archive,
    /// What pg_dump had to say.
    pub said: Vec<String>,
    pub selection: Selection,
    pub large_objects: Vec<LargeObject>,
    pub plan: rows::Plan,
    /// Stored, and not known to be durable yet.
    pub unsettled: Unsettled,
}

impl Taking<'_> {
    /// `read_rows` reads what a plan names.
    ///
    /// # Errors
    /// The server, pg_dump, the repository; a selection that would leave rows behind.
    pub async fn read(&self, read_rows: impl FnMut(&rows::Plan) -> Result<Unsettled, Error>) -> Result<Read, Error> {
        if !self.request.is_everything() {
            return self.selected(read_rows);
        }
        let large_objects = catalog::large_objects(&self.snapshot.session).await;
        self.everything(large_objects.map_err(Error::source_database("reading the catalog"))?, read_rows)
    }

    /// Everything is read anyway, so the rows need not wait for pg_dump.
    fn everything(
        &self,
        large_objects: Vec<LargeObject>,
        mut read_rows: impl FnMut(&rows::Plan) -> Result<Unsettled, Error>,
    ) -> Result<Read, Error> {
        let tables: Vec<&TableFacts> = self.snapshot.tables.iter().filter(has_rows_here).collect();
        let ids: Vec<u32> = large_objects.iter().map(|object| object.oid).collect();
        let plan = rows::Plan::new(&tables, &ids);
        let (dumped, rows) = std::thread::scope(|scope| {
            let dump = scope.spawn(|| self.archive().inspect_err(|_| self.watch.stop.trigger()));
            let rows = read_rows(&plan);
            (dump.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), rows)
        });
        // Whoever failed first stopped the other, whose connection was then lost: that is no cause.
        let unsettled = match rows {
            Err(Error::Source { source: pg::Error::ConnectionLost { .. }, .. }) if matches!(&dumped, Err(error) if !matches!(error, DumpError::Stopped)) =>
            {
                return dumped.map_err(Error::from).and(Err(Error::Interrupted));
            }
            rows => rows?,
        };
        let dumped = dumped?;
        let (archive_bytes, said) = (timeless(dumped.archive)?, dumped.said);
        let archive = Archive::parse(&archive_bytes)?.with_access(self.facts);
        let selection = selecting::select(&archive, self.facts, self.request)?;
        selecting::check_covers(&selection, &self.snapshot.tables)?;
        Ok(Read { archive_bytes, archive, said, selection, large_objects, plan, unsettled })
    }

    fn selected(&self, mut read_rows: impl FnMut(&rows::Plan) -> Result<Unsettled, Error>) -> Result<Read, Error> {
        let dumped = self.archive()?;
        let (archive_bytes, said) = (timeless(dumped.archive)?, dumped.said);
        let archive = Archive::parse(&archive_bytes)?.with_access(self.facts);
        let selection = selecting::select(&archive, self.facts, self.request)?;
        whole_rows::check(&archive, self.all_facts, &selection)?;
        let tables = self.snapshot.tables.iter().filter(|table| selection.relations_with_rows.contains(&table.oid));
        let plan = rows::Plan::new(&tables.filter(has_rows_here).collect::<Vec<_>>(), &[]);
        let unsettled = read_rows(&plan)?;
        Ok(Read { archive_bytes, archive, said, selection, large_objects: Vec::new(), plan, unsettled })
    }

    fn archive(&self) -> Result<Dumped, DumpError> {
        let SourceSnapshot { session, id, .. } = self.snapshot;
        let lock_timeout_ms = self.options.lock_timeout_ms;
        dump::schema_archive(self.pg_dump, session, Some(id), lock_timeout_ms, self.untouched, &self.watch.stop)
    }
}

/// So that an unchanged schema is stored once: pg_dump writes into its archive when it was made.
fn timeless(mut archive: Vec<u8>) -> Result<Vec<u8>, ArchiveError> {
    forget_creation_time(&mut archive)?;
    Ok(archive)
}
