//! The connection service file ("The Connection Service File", manual of PostgreSQL, chapter libpq).

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::{ConninfoError, keyword};
use crate::opening;

/// The settings of a service, and the file that defines it.
pub(super) struct Service {
    pub path: PathBuf,
    pub settings: Vec<(String, String)>,
}

/// Looks in the user's file, then in the system's. `file` is the value of `servicefile` or `PGSERVICEFILE`, which
/// stands in for the user's file and must exist.
pub(super) fn look_up(service: &str, file: Option<&str>, env: &Environment) -> Result<Service, ConninfoError> {
    let mut looked_in = Vec::new();
    let user_file = match file {
        Some(path) => Some(PathBuf::from(path)),
        None => env.home_file(".pg_service.conf").filter(|path| path.exists()),
    };
    let system_folders = match env.variable("PGSYSCONFDIR")? {
        Some(folder) => vec![PathBuf::from(folder)],
        None => env.sysconf_directories.clone(),
    };
    let system_files = system_folders.iter().map(|folder| folder.join("pg_service.conf")).filter(|path| path.exists());
    for path in user_file.into_iter().chain(system_files) {
        let text =
            opening::read_to_string(&path).map_err(|source| ConninfoError::ReadFile { path: path.clone(), source })?;
        if let Some(settings) = section(&text, service, &path)? {
            return Ok(Service { path, settings });
        }
        looked_in.push(path);
    }
    Err(ConninfoError::ServiceNotFound { service: service.to_owned(), looked_in })
}

/// The settings under `[service]`: of several sections with that name the first, of repeated settings the first.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Vec<(String, String)>>, ConninfoError> {
    let mut found: Option<Vec<(String, String)>> = None;
    for (index, line) in text.lines().enumerate() {
        let malformed = |what| ConninfoError::ServiceSyntax { path: path.to_owned(), line: index + 1, what };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if header.strip_prefix(service).is_some_and(|after| after.starts_with(']')) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(settings) = found.as_mut() else { continue };
        if line.starts_with("ldap") {
            return Err(malformed("settings from an LDAP server are not supported"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| malformed("there is no \"=\""))?;
        match name {
            "service" | "servicefile" => return Err(malformed("a service cannot refer to another")),
            _ if keyword::find(name).is_none() => return Err(malformed("the setting is unknown")),
            _ if settings.iter().any(|(earlier, _)| earlier == name) => {}
            _ => settings.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\n[other]\nhost=elsewhere\n\n  [chronos]  \n host=db.example\nport=5433\nport=1\n\
                        dbname=a b\npassword= x=y\n[chronos]\nuser=late\n";

    #[test]
    fn a_section_gives_its_settings_and_ends_at_the_next() {
        let settings = section(FILE, "chronos", Path::new("f")).unwrap().unwrap();
        let expected = [("host", "db.example"), ("port", "5433"), ("dbname", "a b"), ("password", " x=y")]
            .map(|(keyword, value)| (keyword.to_owned(), value.to_owned()));
        assert_eq!(settings, expected);
        assert!(section(FILE, "chron", Path::new("f")).unwrap().is_none());
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        for (text, expected_line) in
            [("[s]\nhost\n", 2), ("[s]\n\nhsot=x\n", 3), ("[s]\nservice=t\n", 2), ("[s]\nhost = x\n", 2)]
        {
            match section(text, "s", Path::new("f")) {
                Err(ConninfoError::ServiceSyntax { line, .. }) => assert_eq!(line, expected_line),
                other => panic!("{other:?}"),
            }
        }
        assert!(section("[t]\nnonsense\n[s]\nhost=x\n", "s", Path::new("f")).unwrap().is_some());
    }
}
