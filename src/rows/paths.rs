//! By which search paths the code of a database may have found names where its rows were written.

use super::cargo::Cargo;
use crate::schema::search_path::schemas;

/// For what this role owns, the most probable first: the one that it has in the database, which is its own where it has one, as
/// PostgreSQL decides; then `reading`, which the role that reads the source has. No other role's: it can say itself what that is, and what is found by it would run with the
/// owner's rights. Nor, for what a superuser owns, the database's, where its owner is none: he can say what that is.
pub fn recorded(cargo: &Cargo, owner: Option<&str>, reading: &[String]) -> Vec<Vec<String>> {
    let path = |setting: &String| Some(schemas(path_in(setting)?, owner.unwrap_or_default()));
    let of_database = cargo.database.settings.iter().find_map(path);
    let mut of_owner: Vec<_> = cargo.role_settings.iter().filter(|of| Some(of.role.as_str()) == owner).collect();
    of_owner.sort_by_key(|of| !of.in_database);
    let of_owner = of_owner.into_iter().find_map(|of| of.settings.iter().find_map(path));
    // Of a role that is not known the worst is supposed.
    let may_be_superuser = is_superuser(cargo, owner).unwrap_or(true);
    let is_trusted = !may_be_superuser || is_superuser(cargo, Some(&cargo.database.owner)) == Some(true);
    let of_database_is_meant = of_owner.is_none() && is_trusted;
    let has_reading = of_database_is_meant || of_database.as_deref() != Some(reading);
    let meant = of_owner.or(of_database.filter(|_| of_database_is_meant));
    let mut paths: Vec<Vec<String>> = Vec::new();
    for path in meant.into_iter().chain(has_reading.then(|| reading.to_vec())) {
        if !path.is_empty() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn is_superuser(cargo: &Cargo, role: Option<&str>) -> Option<bool> {
    cargo.roles.iter().find(|known| Some(known.name.as_str()) == role).map(|known| known.superuser)
}

fn path_in(setting: &str) -> Option<&str> {
    let (name, path) = setting.split_once('=')?;
    name.eq_ignore_ascii_case("search_path").then_some(path)
}

/// `s1, public`; of several `s1, public; then s2`.
pub fn in_words(paths: &[Vec<String>]) -> String {
    paths.iter().map(|path| path.join(", ")).collect::<Vec<_>>().join("; then ")
}
