//! Why bytes are no archive that can be used.

use super::DumpId;

/// Why an archive cannot be read. Offsets count bytes from the archive's start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("not a custom-format archive of pg_dump: it does not start with PGDMP")]
    NotAnArchive,
    #[error("archive format {major}.{minor}.{revision} is not supported")]
    UnsupportedVersion { major: u8, minor: u8, revision: u8 },
    #[error("the archive has pg_dump's format {format} instead of custom (1)")]
    NotCustomFormat { format: u8 },
    #[error("the archive claims integers of {bytes} bytes")]
    IntegerSize { bytes: u8 },
    #[error("the archive claims offsets of {bytes} bytes")]
    OffsetSize { bytes: u8 },
    #[error("the archive ends at byte {offset}, in the middle of its {field}")]
    Truncated { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} has the invalid value {value}")]
    OutOfRange { offset: usize, field: &'static str, value: i64 },
    #[error("the archive's {field} at byte {offset} is not UTF-8")]
    NotUtf8 { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} contains a zero byte")]
    ZeroByte { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} is missing")]
    Missing { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} is not a number")]
    NotANumber { offset: usize, field: &'static str },
    #[error("two entries of the archive have the number {dump_id}")]
    DuplicateDumpId { dump_id: DumpId },
}

impl ArchiveError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ArchiveError::UnsupportedVersion { .. } => {
                Some("use pg_dump 12 to 18, which write the supported formats 1.14 to 1.16".into())
            }
            ArchiveError::NotUtf8 { .. } => Some(
                "names must be UTF-8: dump with --encoding=UTF8, or a SQL_ASCII database with --encoding=SQL_ASCII"
                    .into(),
            ),
            ArchiveError::Truncated { .. } => Some("pg_dump did not finish: look at its standard error".into()),
            _ => None,
        }
    }
}
