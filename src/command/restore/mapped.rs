//! Whether what is mapped is in the snapshot: a name that is mistyped would map nothing, without a word.

use std::collections::BTreeSet;

use super::{Options, Tablespaces};
use crate::command::Error;
use crate::repo::manifest::Manifest;
use crate::schema::archive::Archive;
use crate::schema::restore::{roles_named, roles_of_the_database, tablespaces_named};
use crate::schema::selection::Selection;
use crate::spelling::nearest;

/// `held` is all that the snapshot has.
///
/// # Errors
/// An OLD that the snapshot does not have.
pub fn check(options: &Options, manifest: &Manifest, archive: &Archive, held: &Selection) -> Result<(), Error> {
    if !options.roles.is_empty() {
        let olds = options.roles.iter().map(|(old, _)| old.as_str());
        all_known("--map-role", "role", olds, &roles(manifest, archive, held))?;
    }
    match &options.tablespaces {
        Tablespaces::Elsewhere(map) => {
            let olds = map.keys().map(String::as_str);
            all_known("--map-tablespace", "tablespace", olds, &tablespaces_named(archive))
        }
        Tablespaces::Keep | Tablespaces::Default => Ok(()),
    }
}

/// All that the snapshot names, whatever of it is restored.
fn roles(manifest: &Manifest, archive: &Archive, held: &Selection) -> BTreeSet<String> {
    let mut names = roles_named(archive, held);
    names.extend(roles_of_the_database(archive, held));
    names.insert(manifest.database.owner.clone());
    names.extend(manifest.roles.iter().map(|role| role.name.clone()));
    names.extend(manifest.role_settings.iter().map(|setting| setting.role.clone()));
    for membership in &manifest.memberships {
        names.extend([membership.role.clone(), membership.member.clone()]);
    }
    for object in manifest.large_objects.iter().flat_map(|large_objects| &large_objects.objects) {
        names.insert(object.owner.clone());
        names.extend(object.grants.iter().flatten().map(|grant| grant.grantee.clone()));
    }
    names.remove("");
    names
}

fn all_known<'a>(
    switch: &str,
    what: &str,
    mut olds: impl Iterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> Result<(), Error> {
    let Some(old) = olds.find(|old| !known.contains(*old)) else { return Ok(()) };
    let hint = match nearest(old, known.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean {near}?"),
        None if known.is_empty() => format!("The snapshot names no {what}: leave {switch} out."),
        None => {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("The {what}s of the snapshot: {}.", names.join(", "))
        }
    };
    Err(Error::Usage { what: format!("the snapshot has no {what} {old}, which {switch} maps"), hint: Some(hint) })
}
