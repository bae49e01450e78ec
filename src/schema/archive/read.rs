//! The bytes of header and table of contents.

use std::borrow::Cow;

use super::{ArchiveError, CatalogId, DumpId, Entry, Header, Kind, Oid, Section, SqlText};
use crate::spelling::bytes::spelled;

const MAGIC: &[u8] = b"PGDMP";
const FORMAT_CUSTOM: u8 = 1;
/// The version that added the table access method; older ones come from servers that nobody supports any more.
const OLDEST: (u8, u8, u8) = (1, 14, 0);
/// The version in which the compression's algorithm replaced its level.
const COMPRESSION_ALGORITHM: (u8, u8, u8) = (1, 15, 0);
/// The version that added `relkind`.
const RELKIND: (u8, u8, u8) = (1, 16, 0);

/// What stands for the time of creation: 1 January 2000, PostgreSQL's own epoch, as C's `struct tm` counts (from January = 0 and
/// 1900): second, minute, hour, day, month, year, daylight saving.
const NO_TIME: [u8; 7] = [0, 0, 0, 1, 0, 100, 0];

/// Writes what [`super::forget_creation_time`] promises.
pub(super) fn forget_creation_time(bytes: &mut [u8]) -> Result<(), ArchiveError> {
    let mut reader = Reader::new(bytes);
    before_creation_time(&mut reader)?;
    let (start, int_bytes) = (reader.offset, usize::from(reader.int_bytes));
    creation_time(&mut reader)?;
    let end = reader.offset;
    for (int, value) in bytes[start..end].chunks_mut(1 + int_bytes).zip(NO_TIME) {
        int.fill(0);
        int[1] = value;
    }
    Ok(())
}

/// Reads what [`super::Archive::parse`] promises.
pub(super) fn archive(bytes: &[u8]) -> Result<(Header, Vec<Entry>), ArchiveError> {
    let mut reader = Reader::new(bytes);
    let header = header(&mut reader)?;
    let count = reader.int("number of entries")?;
    if count < 0 {
        return Err(reader.out_of_range("number of entries", count.into()));
    }
    // Not reserved in advance: a hostile count must not ask for memory.
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = entry(&mut reader, header.version)?;
        // It comes before every entry that has a name.
        reader.spells |= entry.is_of_no_encoding();
        entries.push(entry);
    }
    Ok((header, entries))
}

fn header(reader: &mut Reader<'_>) -> Result<Header, ArchiveError> {
    let version = before_creation_time(reader)?;
    creation_time(reader)?;
    Ok(Header {
        version,
        database: reader.text("database name")?.map(|name| spelled(name).into_owned()),
        server_version: reader.name("server version")?,
        dump_version: reader.name("pg_dump version")?,
    })
}

/// Second, minute, hour, day, month, year and daylight saving of the writer's clock: the snapshot has its own time.
fn creation_time(reader: &mut Reader<'_>) -> Result<(), ArchiveError> {
    (0..7).try_for_each(|_| reader.int("creation time").map(drop))
}

/// Leaves the reader at the time of creation, and returns the archive's version.
fn before_creation_time(reader: &mut Reader<'_>) -> Result<(u8, u8, u8), ArchiveError> {
    if !reader.bytes.starts_with(MAGIC) {
        return Err(ArchiveError::NotAnArchive);
    }
    reader.offset = MAGIC.len();
    let (major, minor, revision) = (reader.byte("version")?, reader.byte("version")?, reader.byte("version")?);
    let version = (major, minor, revision);
    if version < OLDEST || (major, minor) > (RELKIND.0, RELKIND.1) {
        return Err(ArchiveError::UnsupportedVersion { major, minor, revision });
    }
    reader.int_bytes = reader.byte("integer size")?;
    if !matches!(reader.int_bytes, 4 | 8) {
        return Err(ArchiveError::IntegerSize { bytes: reader.int_bytes });
    }
    reader.offset_bytes = reader.byte("offset size")?;
    if !matches!(reader.offset_bytes, 4 | 8) {
        return Err(ArchiveError::OffsetSize { bytes: reader.offset_bytes });
    }
    let format = reader.byte("format")?;
    if format != FORMAT_CUSTOM {
        return Err(ArchiveError::NotCustomFormat { format });
    }
    if version >= COMPRESSION_ALGORITHM {
        reader.byte("compression")?;
    } else {
        reader.int("compression")?;
    }
    Ok(version)
}

fn entry(reader: &mut Reader<'_>, version: (u8, u8, u8)) -> Result<Entry, ArchiveError> {
    let dump_id: DumpId = reader.int("entry number")?;
    if dump_id <= 0 {
        return Err(reader.out_of_range("entry number", dump_id.into()));
    }
    reader.int("data flag")?;
    let catalog_id = CatalogId { tableoid: reader.oid("catalog")?, oid: reader.oid("object's OID")? };
    let tag = reader.required_name("tag")?;
    let desc = reader.required_name("kind")?;
    let section = section(reader)?;
    let defn = reader.sql("definition")?;
    let drop_stmt = reader.sql("DROP statement")?;
    let copy_stmt = reader.sql("COPY statement")?;
    let namespace = reader.name("schema")?.filter(|name| !name.is_empty());
    let tablespace = reader.name("tablespace")?;
    let table_am = reader.name("access method")?;
    let relkind = if version >= RELKIND { relkind(reader)? } else { None };
    let owner = reader.name("owner")?.filter(|name| !name.is_empty());
    // Whether the table had OIDs as a column, which no supported server knows.
    reader.text("WITH OIDS flag")?;
    let dependencies = dependencies(reader)?;
    reader.data_position()?;
    Ok(Entry {
        dump_id,
        catalog_id,
        kind: Kind::from_desc(&desc),
        tag,
        desc,
        section,
        defn,
        drop_stmt,
        copy_stmt,
        namespace,
        tablespace,
        table_am,
        relkind,
        owner,
        dependencies,
    })
}

fn section(reader: &mut Reader<'_>) -> Result<Section, ArchiveError> {
    match reader.int("section")? {
        1 => Ok(Section::None),
        2 => Ok(Section::PreData),
        3 => Ok(Section::Data),
        4 => Ok(Section::PostData),
        other => Err(reader.out_of_range("section", other.into())),
    }
}

fn relkind(reader: &mut Reader<'_>) -> Result<Option<char>, ArchiveError> {
    let value = reader.int("relkind")?;
    match u8::try_from(value) {
        Ok(0) => Ok(None),
        Ok(byte) if byte.is_ascii_alphabetic() => Ok(Some(char::from(byte))),
        _ => Err(reader.out_of_range("relkind", value.into())),
    }
}

/// A list of decimal numbers as text, ended by an absent one.
fn dependencies(reader: &mut Reader<'_>) -> Result<Vec<DumpId>, ArchiveError> {
    let mut dependencies = Vec::new();
    loop {
        let offset = reader.offset;
        let Some(text) = reader.name("dependency")? else { return Ok(dependencies) };
        let field = "dependency";
        dependencies.push(text.parse().map_err(|_| ArchiveError::NotANumber { offset, field })?);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    int_bytes: u8,
    offset_bytes: u8,
    /// Texts are of no encoding, and come spelled.
    spells: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, offset: 0, int_bytes: 4, offset_bytes: 8, spells: false }
    }

    fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], ArchiveError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some(taken) = rest.get(..count) else {
            return Err(ArchiveError::Truncated { offset: self.bytes.len(), field });
        };
        self.offset += count;
        Ok(taken)
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, ArchiveError> {
        self.take(1, field).map(|byte| byte[0])
    }

    /// A sign byte, then the magnitude, least significant byte first.
    fn int(&mut self, field: &'static str) -> Result<i32, ArchiveError> {
        let offset = self.offset;
        let negative = self.byte(field)? != 0;
        let magnitude = self.take(self.int_bytes.into(), field)?;
        let magnitude = magnitude.iter().rev().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
        let value = i64::try_from(magnitude).unwrap_or(i64::MAX);
        let value = if negative { -value } else { value };
        i32::try_from(value).map_err(|_| ArchiveError::OutOfRange { offset, field, value })
    }

    /// Length, then bytes; a negative length is an absent text.
    fn text(&mut self, field: &'static str) -> Result<Option<&'a [u8]>, ArchiveError> {
        let Ok(length) = usize::try_from(self.int(field)?) else { return Ok(None) };
        let offset = self.offset;
        let text = self.take(length, field)?;
        if text.contains(&0) {
            return Err(ArchiveError::ZeroByte { offset, field });
        }
        Ok(Some(text))
    }

    fn sql(&mut self, field: &'static str) -> Result<SqlText, ArchiveError> {
        let text = self.text(field)?.unwrap_or_default();
        Ok(if self.spells { SqlText::new(spelled(text).as_bytes()) } else { SqlText::new(text) })
    }

    fn name(&mut self, field: &'static str) -> Result<Option<String>, ArchiveError> {
        let offset = self.offset;
        let spells = self.spells;
        match self.text(field)?.map(|text| if spells { Ok(spelled(text)) } else { str::from_utf8(text).map(Cow::from) })
        {
            None => Ok(None),
            Some(Ok(name)) => Ok(Some(name.into_owned())),
            Some(Err(_)) => Err(ArchiveError::NotUtf8 { offset, field }),
        }
    }

    fn required_name(&mut self, field: &'static str) -> Result<String, ArchiveError> {
        let offset = self.offset;
        self.name(field)?.ok_or(ArchiveError::Missing { offset, field })
    }

    fn oid(&mut self, field: &'static str) -> Result<Oid, ArchiveError> {
        let offset = self.offset;
        self.required_name(field)?.parse().map_err(|_| ArchiveError::NotANumber { offset, field })
    }

    /// Where the entry's rows stand in the file: a flag and an offset.
    fn data_position(&mut self) -> Result<(), ArchiveError> {
        self.take(1 + usize::from(self.offset_bytes), "data position").map(|_| ())
    }

    fn out_of_range(&self, field: &'static str, value: i64) -> ArchiveError {
        ArchiveError::OutOfRange { offset: self.offset, field, value }
    }
}
