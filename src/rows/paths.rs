//! By which search paths the code of a database may have found names where its rows were written.

use std::collections::BTreeSet;

use super::cargo::Cargo;
use crate::schema::search_path::schemas;

/// The most probable first: the database's own, those of the roles that own something in it, those of other roles, and `reading`, which
/// the role that reads it has.
pub fn recorded(cargo: &Cargo, owners: &BTreeSet<&str>, reading: &[String]) -> Vec<Vec<String>> {
    let of_database = cargo.database.settings.iter().filter_map(|setting| path_in(setting));
    // `"$user"` is somebody else for each.
    let of_database = of_database.flat_map(|path| owners.iter().map(move |owner| schemas(path, owner)));
    let mut of_roles: Vec<_> = cargo.role_settings.iter().collect();
    of_roles.sort_by_key(|of| (!owners.contains(of.role.as_str()), !of.in_database, &of.role));
    let of_roles = of_roles.into_iter().flat_map(|of| {
        let path = of.settings.iter().filter_map(|setting| path_in(setting));
        path.map(|path| schemas(path, &of.role))
    });
    let mut paths: Vec<Vec<String>> = Vec::new();
    for path in of_database.chain(of_roles).chain([reading.to_vec()]) {
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
