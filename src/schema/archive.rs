//! `pg_dump`'s custom archive: its header and its table of contents.
//!
//! Read are the versions 1.14 (PostgreSQL 12 to 15), 1.15 (16) and 1.16 (17 and 18) of what `pg_dump --schema-only -Fc` writes.
//! The format has no manual page; its authority is PostgreSQL's `src/bin/pg_dump/pg_backup_archiver.c` (`ReadHead`, `ReadToc`),
//! and the judge of this reader is `pg_restore -l`.
//!
//! `pg_dump --encoding=UTF8` makes names (tags, schemas, owners) UTF-8, and one that is not is an error that says where. A database of
//! encoding SQL_ASCII may hold anything: where the archive says that it is of that one, names and SQL are spelled
//! ([`bytes`](crate::spelling::bytes)), and whoever sends them to a server takes that away.

mod error;
mod kind;
mod options;
mod read;

use std::collections::HashMap;
use std::fmt;

pub use error::ArchiveError;
pub use kind::Kind;

use super::lexer::{TokenKind, tokens};
use crate::spelling::bytes::is_spelled;

/// The number by which entries of one archive refer to each other. Always positive.
pub type DumpId = i32;

/// An object's identifier in the catalog of the database that was dumped.
pub type Oid = u32;

/// SQL as `pg_dump` wrote it, in the archive's encoding ([`Archive::encoding`]).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct SqlText(Vec<u8>);

impl SqlText {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        SqlText(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For messages and logs: what is not UTF-8 is replaced, so never run the result.
    pub fn to_display(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl fmt::Debug for SqlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_display())
    }
}

/// When `pg_restore` would run an entry, relative to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Comments, grants and security labels: wherever the object that they describe is.
    None,
    PreData,
    Data,
    PostData,
}

/// What the catalog calls the object: the system catalog's own OID, and the object's. Zero where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CatalogId {
    pub tableoid: Oid,
    pub oid: Oid,
}

/// The archive's first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version of the archive format, such as (1, 14, 0).
    pub version: (u8, u8, u8),
    /// The dumped database's name.
    pub database: Option<String>,
    /// The server's version as it calls itself.
    pub server_version: Option<String>,
    /// The version of the `pg_dump` that wrote the archive.
    pub dump_version: Option<String>,
}

/// One entry of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub dump_id: DumpId,
    pub catalog_id: CatalogId,
    /// The object's name, unquoted; for what belongs to a table often `table name`, for comments and grants `KIND name`.
    pub tag: String,
    /// The kind as the archive spells it.
    pub desc: String,
    /// The kind as far as this program treats it specially.
    pub kind: Kind,
    pub section: Section,
    /// The SQL that makes the object: any number of statements, none in entries that only hold rows.
    pub defn: SqlText,
    pub drop_stmt: SqlText,
    pub copy_stmt: SqlText,
    /// The schema, unquoted. `None` for what lives in no schema.
    pub namespace: Option<String>,
    /// `Some("")` is the database's default tablespace, `None` means that the object has no storage.
    pub tablespace: Option<String>,
    /// Table access method, of tables and materialized views.
    pub table_am: Option<String>,
    /// `pg_class.relkind`, from version 1.16 on.
    pub relkind: Option<char>,
    /// The role that shall own the object. `None` where PostgreSQL knows no owner.
    pub owner: Option<String>,
    /// The entries that must be there first. May name entries that the archive does not hold.
    pub dependencies: Vec<DumpId>,
}

impl Entry {
    /// `INDEX core.user_email_idx`: how a message names the entry.
    pub fn label(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {}.{}", self.desc, namespace, self.tag),
            // Its tag says its kind.
            None if self.kind == Kind::UserMapping => self.tag.clone(),
            None => format!("{} {}", self.desc, self.tag),
        }
    }

    /// The object of this kind that a comment, a grant or a security label is about, unquoted: `uuid-ossp` of `EXTENSION "uuid-ossp"`.
    /// The tags of such entries quote what the object's own tag does not.
    pub fn remarks_on(&self, kind: &str) -> Option<String> {
        let name = self.tag.strip_prefix(kind)?.strip_prefix(' ').filter(|_| self.kind.is_remark())?;
        match tokens(name.as_bytes()).as_slice() {
            [token] if token.kind == TokenKind::Quoted => token.name(),
            _ => Some(name.to_owned()),
        }
    }

    /// The remark on the session of a dump whose texts have no encoding.
    fn is_of_no_encoding(&self) -> bool {
        self.kind == Kind::Encoding && self.defn.as_bytes().windows(11).any(|part| part == b"'SQL_ASCII'")
    }

    fn has_bytes(&self) -> bool {
        let texts = [&self.defn, &self.drop_stmt, &self.copy_stmt];
        is_spelled(&self.tag) || texts.iter().any(|sql| str::from_utf8(sql.as_bytes()).is_ok_and(is_spelled))
    }

    /// What a comment or a security label says: `COMMENT ON ... IS 'text';`
    pub fn remark(&self) -> Option<String> {
        let tokens = tokens(self.defn.as_bytes());
        let last = tokens.iter().rev().find(|token| token.kind == TokenKind::Literal)?;
        String::from_utf8(last.literal()?.into_owned()).ok()
    }

    /// Of a security label: `SECURITY LABEL FOR provider ON ...`
    pub fn provider(&self) -> Option<String> {
        tokens(self.defn.as_bytes()).windows(2).find(|two| two[0].is_word("FOR"))?[1].name()
    }
}

/// Header and table of contents, in the archive's order: sorted by dependencies, which `pg_dump` promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    header: Header,
    entries: Vec<Entry>,
    by_id: HashMap<DumpId, usize>,
}

impl Archive {
    /// Reads header and table of contents. Whatever follows them (rows) is not looked at. Column options that the server wrote for itself
    /// are left out, whichever pg_dump made the archive.
    ///
    /// # Errors
    /// Anything that is not such an archive, ends too early, or holds a value that the format does not allow.
    pub fn parse(bytes: &[u8]) -> Result<Archive, ArchiveError> {
        let (header, mut entries) = read::archive(bytes)?;
        entries.iter_mut().for_each(options::forget_own);
        let mut by_id = HashMap::with_capacity(entries.len());
        for (position, entry) in entries.iter().enumerate() {
            if by_id.insert(entry.dump_id, position).is_some() {
                return Err(ArchiveError::DuplicateDumpId { dump_id: entry.dump_id });
            }
        }
        Ok(Archive { header, entries, by_id })
    }

    /// The archive as it would be had the database never held the entries for which `is_foreign` answers yes.
    pub fn without(mut self, is_foreign: impl Fn(&Entry) -> bool) -> Archive {
        self.entries.retain(|entry| !is_foreign(entry));
        self.by_id = self.entries.iter().enumerate().map(|(position, entry)| (entry.dump_id, position)).collect();
        self
    }

    /// The archive with entries at its end, whose numbers no other has.
    pub fn with(mut self, entries: Vec<Entry>) -> Archive {
        for entry in entries {
            self.by_id.insert(entry.dump_id, self.entries.len());
            self.entries.push(entry);
        }
        self
    }

    /// The archive with other SQL for the entries for which `definition` has some.
    pub fn with_definitions(mut self, definition: impl Fn(&Entry) -> Option<SqlText>) -> Archive {
        for entry in &mut self.entries {
            if let Some(defn) = definition(entry) {
                entry.defn = defn;
            }
        }
        self
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether characters stand for bytes in it.
    pub fn has_bytes(&self) -> bool {
        let mut entries = self.entries.iter();
        let of_no_encoding = entries.any(Entry::is_of_no_encoding);
        of_no_encoding && entries.any(Entry::has_bytes)
    }

    /// All entries in the order in which a serial restore runs them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[cfg(test)]
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    pub fn entry(&self, dump_id: DumpId) -> Option<&Entry> {
        self.position(dump_id).map(|position| &self.entries[position])
    }

    /// Where in [`Archive::entries`] the entry stands.
    pub fn position(&self, dump_id: DumpId) -> Option<usize> {
        self.by_id.get(&dump_id).copied()
    }

    /// The encoding of names and SQL, as PostgreSQL spells it (`UTF8`), from the entry `ENCODING`.
    pub fn encoding(&self) -> Option<String> {
        let entry = self.entries.iter().find(|entry| entry.kind == Kind::Encoding)?;
        let text = std::str::from_utf8(entry.defn.as_bytes()).ok()?;
        text.split('\'').nth(1).map(str::to_owned)
    }
}

/// Puts 1 January 2000 in the place of the time at which the archive was made, the one thing in which two archives of the same
/// definitions differ. `pg_restore` shows this time in its list, and does nothing else with it.
///
/// # Errors
/// What is not the header of such an archive is left as it is.
pub fn forget_creation_time(archive: &mut [u8]) -> Result<(), ArchiveError> {
    read::forget_creation_time(archive)
}

#[cfg(test)]
mod tests;
