//! Why bytes are no archive that can be used.

use super::DumpId;

/// Why an archive cannot be read. Offsets count bytes from the archive's start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("this is no custom-format archive of pg_dump: it does not start with PGDMP")]
    NotAnArchive,
    #[error("archive format {major}.{minor}.{revision} is not known")]
    UnsupportedVersion { major: u8, minor: u8, revision: u8 },
    #[error("the archive is of pg_dump's format number {format}, wanted is custom (1)")]
    NotCustomFormat { format: u8 },
    #[error("the archive claims integers of {bytes} bytes")]
    IntegerSize { bytes: u8 },
    #[error("the archive claims offsets of {bytes} bytes")]
    OffsetSize { bytes: u8 },
    #[error("the archive ends at byte {offset}, inside its {field}")]
    Truncated { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} has the value {value}, which the format does not allow")]
    OutOfRange { offset: usize, field: &'static str, value: i64 },
    #[error("the archive's {field} at byte {offset} is not UTF-8")]
    NotUtf8 { offset: usize, field: &'static str },
    #[error("the archive's {field} at byte {offset} holds a zero byte")]
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
                Some("formats 1.14 to 1.16 are read, which pg_dump 12 to 18 write: use one of these versions".into())
            }
            ArchiveError::NotUtf8 { .. } => {
                Some("names must be UTF-8: dump with --encoding=UTF8; in a SQL_ASCII database rename the object".into())
            }
            ArchiveError::Truncated { .. } => {
                Some("pg_dump did not finish: look at what it wrote to its error output".into())
            }
            _ => None,
        }
    }
}
