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
    /// Of `server_version_num`, such as 150018.
    pub fn of_server(version_num: u32) -> Self {
        Self { major: version_num / 10_000, minor: version_num % 10_000 }
    }

    /// Whether a client of this version was made with all in view that a server of that one may hold: the same minor release or a later
    /// one of its major, or a later major that came out on the same day or after it.
    pub fn knows(self, server: Self) -> bool {
        if self.major == server.major {
            return self.minor >= server.minor;
        }
        self.major > server.major && self.release() >= server.release()
    }

    /// A number that grows with the day of the release, and is equal for what came out on one day: the minor of PostgreSQL 15 of that day.
    /// Minor releases of all majors are made together: 14.23, 15.18, 16.14, 17.10 and 18.4 on 14 May 2026, 15.19, 16.15, 17.11 and 18.6 in
    /// August, and so on in steps of one; 18.5 was never announced. Of majors that are newer than this program nothing is known: they count
    /// as new enough.
    fn release(self) -> u32 {
        match self.major {
            0..=13 => self.minor.saturating_sub(8),
            14 => self.minor.saturating_sub(5),
            15 => self.minor,
            16 => self.minor + 4,
            17 => self.minor + 8,
            18 if self.minor <= 4 => self.minor + 14,
            18 => self.minor + 13,
            _ => u32::MAX,
        }
    }

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
    fn a_client_knows_what_came_out_before_it_and_on_its_day() {
        let version = |(major, minor)| ProgramVersion { major, minor };
        let knows = |client, server| version(client).knows(version(server));
        for day in
            [[(14, 23), (15, 18), (16, 14), (17, 10), (18, 4)], [(14, 24), (15, 19), (16, 15), (17, 11), (18, 6)]]
        {
            for (n, client) in day.into_iter().enumerate() {
                for server in &day[..=n] {
                    assert!(knows(client, *server), "{client:?} {server:?}");
                    assert!(!knows(client, (server.0, server.1 + 1)), "{client:?} and a later {server:?}");
                }
                assert!(day[n + 1..].iter().all(|server| !knows(client, *server)), "an older major knows nothing");
            }
        }
        // Debian's 15.20 is of November 2026, 18.6 of August.
        assert!(
            !knows((15, 18), (15, 20))
                && !knows((18, 6), (15, 20))
                && knows((15, 20), (15, 20))
                && knows((18, 7), (15, 20))
        );
        assert!(knows((19, 0), (15, 20)));
        assert_eq!(ProgramVersion::of_server(150_020), version((15, 20)));
    }

    #[test]
    fn fifteen_is_older_than_sixteen_and_nine_older_than_ten() {
        let version = |major, minor| ProgramVersion { major, minor };
        assert!(version(15, 18) < version(16, 1));
        assert!(version(9, 24) < version(10, 0));
    }
}
