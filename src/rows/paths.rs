//! By which search paths the code of a database may have found names where its rows were written.

use super::cargo::Cargo;
use crate::schema::search_path::schemas;

/// For what this role owns, the most probable first: the database's own, the role's, and `reading`, which the role that reads it has. No
/// other role's: it can say itself what that is, and what is found by it would run with the owner's rights.
pub fn recorded(cargo: &Cargo, owner: Option<&str>, reading: &[String]) -> Vec<Vec<String>> {
    let path = |setting: &String| Some(schemas(path_in(setting)?, owner.unwrap_or_default()));
    let of_database = cargo.database.settings.iter().filter_map(path);
    let mut of_owner: Vec<_> = cargo.role_settings.iter().filter(|of| Some(of.role.as_str()) == owner).collect();
    of_owner.sort_by_key(|of| !of.in_database);
    let of_owner = of_owner.into_iter().flat_map(|of| of.settings.iter().filter_map(path));
    let mut paths: Vec<Vec<String>> = Vec::new();
    for path in of_database.chain(of_owner).chain([reading.to_vec()]) {
        if !path.is_empty() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn path_in(setting: &str) -> Option<&str> {
    let (name, path) = setting.split_once('=')?;
    name.eq_ignore_ascii_case("search_path").then_some(path)
}

/// `s1, public`; of several `s1, public; then s2`.
pub fn in_words(paths: &[Vec<String>]) -> String {
    paths.iter().map(|path| path.join(", ")).collect::<Vec<_>>().join("; then ")
}
