use std::fmt;

/// The version that a program of PostgreSQL says with `--version`.
///
/// From 10 on it has two parts, major and minor (manual, "Versioning Policy"). The older three-part versions are read as their first
/// two, which is enough to refuse them. A beta or development version counts as minor 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramVersion {
    pub major: u32,
    pub minor: u32,
}

impl ProgramVersion {
    /// Reads `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; `None` when it is not PostgreSQL's.
    pub(super) fn parse(said: &str) -> Option<Self> {
        let (_, after) = said.split_once("(PostgreSQL)")?;
        let version = after.split_whitespace().next()?;
        let (major, rest) = leading_number(version)?;
        let minor = rest.strip_prefix('.').and_then(leading_number).map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }
}

impl fmt::Display for ProgramVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_programs_say() {
        let read = |said| ProgramVersion::parse(said).map(|version| (version.major, version.minor));
        assert_eq!(read("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(read("postgres (PostgreSQL) 18.6\n"), Some((18, 6)));
        assert_eq!(read("pg_dump (PostgreSQL) 19devel\n"), Some((19, 0)));
        assert_eq!(read("pg_dump (PostgreSQL) 19beta2\n"), Some((19, 0)));
        assert_eq!(read("pg_dump (PostgreSQL) 9.6.24\n"), Some((9, 6)));
    }

    #[test]
    fn another_program_has_no_version() {
        assert_eq!(ProgramVersion::parse("mysqldump  Ver 8.0.36"), None);
        assert_eq!(ProgramVersion::parse(""), None);
        assert_eq!(ProgramVersion::parse("pg_dump (PostgreSQL) unknown"), None);
    }

    #[test]
    fn fifteen_is_older_than_sixteen_and_nine_older_than_ten() {
        let version = |major, minor| ProgramVersion { major, minor };
        assert!(version(15, 18) < version(16, 1));
        assert!(version(9, 24) < version(10, 0));
    }
}
