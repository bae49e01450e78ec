//! The password file ("The Password File", manual of PostgreSQL, chapter libpq).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::opening;

/// A password file that may be read: a plain file that neither group nor others can open.
pub(super) struct PasswordFile {
    pub path: PathBuf,
    text: SecretString,
}

/// What became of looking for a password file. `Ignored` says why, in the words for the operator: libpq, too, goes on
/// without such a file, and a server that asks for no password does not miss it.
pub(super) enum Opened {
    Absent,
    Ignored(String),
    Usable(PasswordFile),
}

/// The four fields that a line is matched with.
pub(super) struct Wanted<'a> {
    pub host: &'a str,
    pub port: &'a str,
    pub database: &'a str,
    pub user: &'a str,
}

pub(super) fn open(path: &Path) -> Opened {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Opened::Absent,
        Err(error) => return Opened::Ignored(format!("password file {shown} is ignored: {error}")),
    };
    if !metadata.is_file() {
        return Opened::Ignored(format!("password file {shown} is ignored: it is not a plain file"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Opened::Ignored(format!(
            "password file {shown} is ignored: it has group or world access; run chmod 0600 {shown}"
        ));
    }
    match opening::read_to_string(path) {
        Ok(text) => Opened::Usable(PasswordFile { path: path.to_owned(), text: text.into() }),
        Err(error) => Opened::Ignored(format!("password file {shown} is ignored: {error}")),
    }
}

impl PasswordFile {
    /// The password of the first line that matches.
    pub fn look_up(&self, wanted: &Wanted<'_>) -> Option<SecretString> {
        use secrecy::ExposeSecret;
        self.text.expose_secret().lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let mut rest = line;
            for value in [wanted.host, wanted.port, wanted.database, wanted.user] {
                let (field, after) = take_field(rest)?;
                if !field.matches(value) {
                    return None;
                }
                rest = after?;
            }
            let (password, _) = take_field(rest)?;
            (!password.text.is_empty()).then(|| password.text.into())
        })
    }
}

struct Field {
    text: String,
    is_wildcard: bool,
}

impl Field {
    fn matches(&self, value: &str) -> bool {
        self.is_wildcard || self.text == value
    }
}

/// One field up to an unescaped colon, without its backslashes, and what follows that colon.
fn take_field(line: &str) -> Option<(Field, Option<&str>)> {
    let mut text = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return Some((Field { text, is_wildcard: &line[..at] == "*" }, Some(&line[at + 1..]))),
            '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => text.push(c),
        }
    }
    Some((Field { text, is_wildcard: line == "*" }, None))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn look_up(text: &str, host: &str, port: &str, database: &str, user: &str) -> Option<String> {
        let file = PasswordFile { path: PathBuf::from("f"), text: text.to_owned().into() };
        file.look_up(&Wanted { host, port, database, user }).map(|found| found.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_that_matches_wins() {
        let text = "# h:*:*:*:commented\nh:5432:d:u:exact\nh:*:*:u:any\n*:*:*:*:last\n";
        assert_eq!(look_up(text, "h", "5432", "d", "u").as_deref(), Some("exact"));
        assert_eq!(look_up(text, "h", "5433", "d", "u").as_deref(), Some("any"));
        assert_eq!(look_up(text, "x", "1", "d", "v").as_deref(), Some("last"));
        assert_eq!(look_up("h:5432:d:u:exact", "h", "5432", "d", "v"), None);
    }

    #[test]
    fn backslashes_escape_colons_and_themselves() {
        assert_eq!(look_up(r"\:\:1:*:*:u:p\:w\\d", "::1", "1", "d", "u").as_deref(), Some(r"p:w\d"));
        assert_eq!(look_up(r"\*:*:*:u:p", "h", "1", "d", "u"), None);
    }

    #[test]
    fn a_short_line_is_passed_over() {
        assert_eq!(look_up("h:1:d:u\nh:1:d:u:p\n", "h", "1", "d", "u").as_deref(), Some("p"));
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored_with_a_reason() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".pgpass");
        assert!(matches!(open(&path), Opened::Absent));
        fs::write(&path, "*:*:*:*:p\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        match open(&path) {
            Opened::Ignored(why) => assert!(why.contains("group or world access"), "{why}"),
            _ => panic!("a file with mode 0640 was read"),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(open(&path), Opened::Usable(_)));
        assert!(matches!(open(folder.path()), Opened::Ignored(_)));
    }
}
