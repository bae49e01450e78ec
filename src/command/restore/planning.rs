//! What a restore will do, decided before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::families::Families;
use super::{Creation, Job, Options, Planned, Proofs, Tablespaces, mapped, roles, roles_before, target};
use crate::command::Error;
use crate::command::not_given;
use crate::command::rights::joined;
use crate::command::selecting::{self, Owned, Patterns};
use crate::command::surroundings::Surroundings;
use crate::command::whole_rows::{self, Part};
use crate::repo::Repository;
use crate::repo::manifest::{LeftOut, Manifest, Relation};
use crate::rows::cargo::Cargo;
use crate::schema::archive::Archive;
use crate::schema::detaching::detaching;
use crate::schema::facts::{Detaching, Facts, Membership};
use crate::schema::restore::{
    RestoreOptions, RestorePlan, RoleMap, SETTINGS, Step, There, objects_made, tablespaces_named,
};
use crate::schema::selection::{Reason, Request, Selection};
use crate::stream::DigestKey;

/// Where tablespaces go: as asked, and to the default one where the target has none of a name. Also what is to be said of it.
fn tablespaces(
    asked: &Tablespaces,
    named: &BTreeSet<String>,
    missing: &BTreeSet<String>,
) -> Result<(Tablespaces, Vec<String>), Error> {
    let mut map = match asked {
        Tablespaces::Default => return Ok((Tablespaces::Default, Vec::new())),
        Tablespaces::Keep => BTreeMap::new(),
        Tablespaces::Elsewhere(map) => map.clone(),
    };
    if let Some((from, to)) =
        map.iter().find_map(|(from, to)| Some((from, to.as_ref().filter(|to| missing.contains(*to))?)))
    {
        return Err(Error::Usage {
            what: format!("the target has no tablespace {to}, to which --map-tablespace maps {from}"),
            hint: Some(
                "Create it with CREATE TABLESPACE, or use --no-tablespaces to put everything into the default tablespace.".into(),
            ),
        });
    }
    let mut warnings = Vec::new();
    for name in
        named.iter().filter(|name| missing.contains(*name) && !map.contains_key(*name)).cloned().collect::<Vec<_>>()
    {
        warnings.push(format!(
            "the target has no tablespace {name}: its tables are in the default tablespace (--map-tablespace {name}=OTHER uses another one)"
        ));
        map.insert(name, None);
    }
    Ok((if map.is_empty() { Tablespaces::Keep } else { Tablespaces::Elsewhere(map) }, warnings))
}

/// Reads the schema from the repository and decides what to do, before anything is touched.
pub async fn plan(repository: &Repository, options: &Options, manifest: &Manifest) -> Result<Planned, Error> {
    let facts = facts(repository, manifest).await?;
    let archive = Archive::parse(&repository.metadata(manifest, &manifest.archive).await?)?.with_access(&facts);
    let taken = Patterns::from(manifest.request.clone());
    let held = selecting::select(&archive, &facts, &taken.parse()?)?;
    let request = options.patterns.parse()?;
    mapped::check(options, manifest, &archive, &held)?;
    let with_rows = held.relations_with_rows.clone();
    let selection = asked(options, manifest, (&archive, &facts), &request, held)?;
    let part = Part { archive: &archive, facts: &facts, request: &request, selection: &selection, held: &with_rows };
    let rows_missing = part.check()?;
    let role_map = RoleMap::new(options.roles.iter().cloned());
    let named = tablespaces_asked(&options.tablespaces, &archive);
    let (there, missing) = there(options, &named, &taken, (&facts, &role_map)).await?;
    let (tablespaces, mut warnings) = tablespaces(&options.tablespaces, &named, &missing)?;
    let cargo = cargo(manifest, options);
    let more_here = roles_before::beyond(options, &cargo, (&archive, &selection), &role_map).await?;
    let mut plan = RestorePlan::new(
        &archive,
        &facts,
        &selection,
        &RestoreOptions {
            owners: options.loading.owners,
            grants: options.loading.grants,
            roles: role_map.clone(),
            database: Some(options.loading.target.database().to_owned()),
            populated: manifest.populated.iter().copied().collect(),
            tablespaces,
            there,
            more_here: more_here.clone(),
        },
    );
    if options.creation == Creation::Create {
        plan.leave_public_out(&facts);
    }
    let relations = relations(manifest, &selection);
    let sequences = manifest.sequences.iter().filter(|s| selection.sequences.contains(&s.oid)).cloned().collect();
    let of_database = match options.creation {
        Creation::Create => roles::of_the_database(&archive, &plan, &cargo, options.loading.owners),
        Creation::Exists => BTreeSet::new(),
    };
    let roles_needed = roles::needed(&archive, &plan, &cargo, &options.loading, of_database, &role_map);
    let left_out = left_out(manifest, &archive, &selection, &plan, options);
    let taken_along = whole_rows::along(&archive, &facts, &request, &selection);
    let of_extensions = selection.sequences.iter().copied().filter(|oid| is_configuration(&facts, *oid));
    warnings.extend(rows_missing);
    warnings.extend(detaching(&archive, &facts, &selection).iter().map(comes_back_attached));
    warnings.extend(otherwise(&plan, options.creation));
    let job = Job {
        may_be_there: may_be_there(&relations, options.creation),
        cargo,
        plan,
        relations,
        sequences,
        sequences_of_extensions: of_extensions.collect(),
        role_map,
        roles_needed,
        more_here,
        search_path: facts.search_path,
        owned: Owned::of(&archive, &selection),
        surroundings: Surroundings::default(),
        families: Families::default(),
        as_owner: BTreeMap::new(),
        unmade: BTreeMap::new(),
        proofs: Proofs::Early,
    };
    Ok(Planned { job, objects: objects_made(&archive, &selection), left_out, taken_along, warnings })
}

/// What the target has, and which of the tablespaces it does not have.
async fn there(
    options: &Options,
    named: &BTreeSet<String>,
    taken: &Patterns,
    (facts, role_map): (&Facts, &RoleMap),
) -> Result<(There, BTreeSet<String>), Error> {
    let (mut there, missing) = target::look(&options.loading.target, options.creation, named).await?;
    // Whoever asks for a part does not ask for another `public`.
    there.takes_public &= taken.is_empty() && options.patterns.is_empty();
    there.compare_public(facts, options.loading.owners, role_map);
    Ok((there, missing))
}

/// What the patterns of a restore mean, all of which the snapshot must have; without patterns, all that it holds.
fn asked(
    options: &Options,
    manifest: &Manifest,
    (archive, facts): (&Archive, &Facts),
    request: &Request,
    held: Selection,
) -> Result<Selection, Error> {
    if options.patterns.is_empty() {
        return Ok(held);
    }
    let asked = selecting::select(archive, facts, request)?;
    check_held(manifest, facts, &asked, &held)?;
    Ok(asked)
}

/// What the target has otherwise, and what is not set on its roles. A database that is there gets no settings.
fn otherwise(plan: &RestorePlan, creation: Creation) -> impl Iterator<Item = String> {
    let withheld = plan.withheld.iter().filter(move |one| creation == Creation::Create || one.what != SETTINGS);
    plan.there_otherwise.iter().cloned().chain(withheld.map(ToString::to_string))
}

async fn facts(repository: &Repository, manifest: &Manifest) -> Result<Facts, Error> {
    let facts = repository.metadata(manifest, &manifest.facts).await?;
    serde_json::from_slice(&facts).map_err(|source| Error::Internal {
        what: "the snapshot's facts cannot be read".into(),
        source: Some(Box::new(source)),
    })
}

/// Those that the target is asked for.
fn tablespaces_asked(wanted: &Tablespaces, archive: &Archive) -> BTreeSet<String> {
    match wanted {
        Tablespaces::Default => BTreeSet::new(),
        Tablespaces::Keep => tablespaces_named(archive),
        Tablespaces::Elsewhere(map) => {
            tablespaces_named(archive).into_iter().chain(map.values().flatten().cloned()).collect()
        }
    }
}

/// Beside what the snapshot itself could not hold.
fn left_out(
    manifest: &Manifest,
    archive: &Archive,
    selection: &Selection,
    plan: &RestorePlan,
    options: &Options,
) -> Vec<LeftOut> {
    let mut left_out = selecting::describe_left_out(archive, selection);
    left_out.extend(not_given::of_restore(&manifest.left_out, &left_out, archive, selection, &options.patterns));
    left_out.extend(of_the_database(plan, selection, options.creation));
    left_out
}

fn comes_back_attached(pending: &Detaching) -> String {
    let (name, parent) = (pending.name(), pending.parent_name());
    format!(
        "DETACH PARTITION of {name} from {parent} did not finish at the source, and it is restored attached; to detach it: {}",
        pending.detach()
    )
}

fn relations(manifest: &Manifest, selection: &Selection) -> Vec<Relation> {
    let with_rows = &selection.relations_with_rows;
    manifest.relations.iter().filter(|relation| with_rows.contains(&relation.oid)).cloned().collect()
}

/// By oid. In a database that is made here, nobody else has made an extension.
fn may_be_there(relations: &[Relation], creation: Creation) -> BTreeSet<u32> {
    let configuration = relations.iter().filter(|relation| relation.configuration.is_some());
    configuration.filter(|_| creation == Creation::Exists).map(|relation| relation.oid).collect()
}

/// What the snapshot holds of what is asked for.
fn cargo(manifest: &Manifest, options: &Options) -> Cargo {
    let large_objects = options.large_objects(manifest);
    Cargo {
        database: manifest.database.clone(),
        server_version_num: manifest.server.version_num,
        roles: manifest.roles.clone(),
        // Earlier programs wrote one for each grantor.
        memberships: joined(&manifest.memberships),
        role_settings: manifest.role_settings.clone(),
        settings: manifest.settings.clone(),
        row_hash: manifest.row_hash(),
        digest_key: DigestKey(manifest.digest_key),
        large_objects: large_objects.map_or_else(Vec::new, |large_objects| large_objects.objects.clone()),
    }
}

/// What the source's database has of its own, where all of it was asked for and it is not made anew.
fn of_the_database(plan: &RestorePlan, selection: &Selection, creation: Creation) -> Vec<LeftOut> {
    let asked = |step: &Step| selection.entries.get(&step.dump_id).is_some_and(|reason| *reason != Reason::Setting);
    let steps = plan.database.iter().enumerate().filter(|(_, step)| creation == Creation::Exists && asked(step));
    let left = steps.filter_map(|(n, step)| {
        // The first is the creation itself, with the owner.
        let reason = match (n, &plan.other_owner) {
            (0, None) => return None,
            (0, Some((is, was))) => format!("the database already existed, and its owner is {is} instead of {was}"),
            _ => "the database already existed: --create creates one that has it".into(),
        };
        Some(LeftOut { entry: step.label.clone(), reason })
    });
    left.collect()
}

fn is_configuration(facts: &Facts, oid: u32) -> bool {
    facts.relations.get(&oid).is_some_and(|relation| matches!(relation.membership, Membership::Configuration { .. }))
}

/// What is asked for must be in the snapshot, which may be a selection itself.
fn check_held(manifest: &Manifest, facts: &Facts, asked: &Selection, held: &Selection) -> Result<(), Error> {
    let name =
        |oid: &u32| facts.relations.get(oid).map_or_else(|| oid.to_string(), |r| format!("{}.{}", r.schema, r.name));
    let missing = asked.relations_with_rows.difference(&held.relations_with_rows);
    let missing: Vec<String> = missing.chain(asked.sequences.difference(&held.sequences)).map(name).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::NotInSnapshot { snapshot: manifest.snapshot.short().to_owned(), relations: missing })
    }
}
