//! What a split leaves for its operator: who is still connected to the old place, who may connect, and what was made on either side since.

use std::collections::BTreeSet;

use super::ends::End;
use super::holding::{at_source, at_target};
use super::promise::broken;
use super::proof::written_since;
use super::state::{NewTables, Phase, State};
use super::{Options, Report};
use crate::command::Error;
use crate::command::mismatch::{Difference, Mismatch};
use crate::command::watch::Watch;
use crate::pg::besides::{Known, besides};
use crate::pg::catalog::Scope;
use crate::pg::close_like::may_connect;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Gap};
use crate::pg::inventory::{Extent, inventory, made_since};
use crate::pg::loaded;
use crate::pg::losses::by_name;
use crate::pg::sealed::{self, Noted};
use crate::pg::sessions::{Connected, connected};
use crate::pg::split_state;
use crate::repo::manifest::Relation;
use crate::stream::Digest;

/// Sessions of the old database, which read the old rows.
pub async fn sessions_old(source: &Session) -> Result<Vec<Connected>, Error> {
    connected(source).await.map_err(at_source("looking for sessions"))
}

/// What of the old place's definitions is not as it was sealed. Nothing where an earlier program sealed it.
pub async fn changed_since(source: &Session, state: &State) -> Result<Vec<String>, Error> {
    match &state.sealed {
        Some(scope) => {
            let pg_class = 1259;
            let known = |class: u32, oid: u32| {
                let table = state.all_sealed().into_iter().find(|table| (pg_class, table.oid) == (class, oid));
                table.map(|table| format!("table {}.{}", table.schema, table.name))
            };
            let changed = sealed::changed(source, Noted::Sealed, scope, known).await;
            changed.map_err(at_source("looking for changes in the old database"))
        }
        None => Ok(Vec::new()),
    }
}

/// What of the old place's fence is not as the split left it. What was made there since has none of its triggers, and is told as made.
pub async fn fence_differs(source: &Session, state: &State) -> Result<Vec<String>, Error> {
    let mut differs = broken(state, source, End::Source).await.map_err(at_source("looking at the fence"))?;
    if !differs.is_empty() {
        let names = state.schemas.iter().chain(state.quarantined.iter().map(|(_, to)| to));
        let names: Vec<&str> = names.map(String::as_str).collect();
        let made = made_in_the_old_place(source, state, &names).await?;
        let is_made = |table: &str| made.contains(&format!("table {table}"));
        differs.retain(|differs| !matches!(differs, Gap::NoTrigger { table } if is_made(table)));
    }
    Ok(differs.iter().map(ToString::to_string).collect())
}

/// The report, with who is connected, who may connect, and what changed in the old place. The split is done by then: what cannot be asked is
/// a warning, and one side is asked where the other is out of reach.
pub async fn look_around(mut report: Report, state: &State, options: &Options) -> Report {
    match of_the_old_place(state, options).await {
        Ok((sessions, changed, may_connect)) => {
            (report.sessions_old, report.changed_since, report.may_connect_old) = (sessions, changed, may_connect);
        }
        Err(error) => {
            report.unread.extend(["sessions_old", "changed_since", "may_connect_old"]);
            report.warnings.push(format!(
                "could not read who is connected to the old database, who may connect, and what changed in it: {error}"
            ));
        }
    }
    match of_the_new_place(options).await {
        Ok((may_connect, stay)) => {
            report.may_connect_new = may_connect;
            report.warnings.extend(stay);
        }
        Err(error) => {
            report.unread.push("may_connect_new");
            report.warnings.push(format!("could not read who may connect to the new database: {error}"));
        }
    }
    report
}

async fn of_the_old_place(
    state: &State,
    options: &Options,
) -> Result<(Vec<Connected>, Vec<String>, Vec<String>), Error> {
    let source = connect(&options.plan.source, "pgkeep split").await.map_err(at_source("connecting"))?;
    let sessions = sessions_old(&source).await?;
    let changed = changed_since(&source, state).await?;
    let may_connect = may_connect(&source).await.map_err(at_source("reading who may connect"))?;
    source.close().await.map_err(at_source("closing the session"))?;
    Ok((sessions, changed, may_connect))
}

async fn of_the_new_place(options: &Options) -> Result<(Vec<String>, Option<String>), Error> {
    let target = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
    let may_connect = may_connect(&target).await.map_err(at_target("reading who may connect"))?;
    let stay = fence::stay(&target).await.map_err(at_target("looking for remains of a fence"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    Ok((may_connect, stay))
}

/// Takes stock of both sides when they hold the same: what comes later was made later.
pub async fn take_stock(state: &mut State, source: &Session, target: &Session) -> Result<(), Error> {
    let schemas: Vec<&str> = state.schemas.iter().map(String::as_str).collect();
    let there =
        inventory(source, Extent::Schemas(&schemas)).await.map_err(at_source("the inventory of the schemas"))?;
    let here = inventory(target, Extent::Database).await.map_err(at_target("the inventory of the new database"))?;
    (state.source_inventory, state.target_inventory) = (Some(there), Some(here));
    let failed = || at_target("the list of the new tables");
    let mut tables = by_name(target, state.all_sealed()).await.map_err(failed())?;
    tables.retain(|table| table.oid != 0);
    state.new_tables = Some(NewTables { record: split_state::table(target).await.map_err(failed())?, tables });
    let spaces = fence::schemas(target).await.map_err(at_target("the list of schemas"))?;
    let scope = Scope::new(&spaces, &[]);
    sealed::note(target, Noted::Proven, &scope)
        .await
        .map_err(at_target("recording the identity of the new database"))?;
    state.proven = Some(scope);
    Ok(())
}

/// Takes stock of the new database when its definitions are made and nobody waits yet: what of them is changed until rows come, was changed by
/// others.
pub async fn note_definitions(state: &mut State, target: &Session) -> Result<(), Error> {
    let here = inventory(target, Extent::Database).await.map_err(at_target("the inventory of the new database"))?;
    let spaces = fence::schemas(target).await.map_err(at_target("the list of schemas"))?;
    let scope = Scope::new(&spaces, &[]);
    let noted = sealed::note(target, Noted::Proven, &scope).await;
    noted.map_err(at_target("recording the identity of the new database"))?;
    (state.target_inventory, state.proven) = (Some(here), Some(scope));
    state.save(target).await
}

/// What others have made or changed in the new database before the seal. What the split makes is known by name from before it was made.
///
/// # Errors
/// The connection. Where an earlier program began it, and wrote nothing down, whatever is there is told.
pub async fn made_by_others(state: &State, target: &Session) -> Result<Vec<String>, Error> {
    let failed = || at_target("looking for objects created in the new database");
    if state.phase >= Phase::Proven {
        return made_in_the_new_place(target, state).await;
    }
    let Some(making) = &state.making else { return split_state::contents(target).await.map_err(failed()) };
    let known: Vec<&Known> = making.objects.iter().collect();
    let mut made = BTreeSet::from_iter(besides(target, &known).await.map_err(failed())?);
    if state.target_inventory.is_some() {
        let since = made_in_the_new_place(target, state).await?;
        // Indexes, constraints and the rest come with the rows, and are the split's.
        made.extend(since.into_iter().filter(|what| state.phase < Phase::Copying || what.starts_with("column ")));
    }
    Ok(made.into_iter().collect())
}

/// The tables whose rows the split knows before the seal.
pub fn tables_known(state: &State) -> &[Relation] {
    match &state.making {
        Some(making) if state.phase < Phase::Proven => &making.tables,
        None if state.phase < Phase::Proven => &[],
        _ => &state.tables,
    }
}

/// Tables with other rows than the split has loaded, by what was written down in the transaction that loaded them.
pub async fn written_by_others(
    state: &State,
    target: &Session,
    info: &Conninfo,
    jobs: usize,
    watch: &Watch,
) -> Result<Vec<Mismatch>, Error> {
    let tables = tables_known(state);
    if state.phase >= Phase::Proven {
        return written_since(info, state, tables, jobs, watch);
    }
    let failed = || at_target("looking for rows of others in the new database");
    let loaded = loaded::loaded(target).await.map_err(failed())?;
    let with = |table: &Relation| {
        let digest = loaded.iter().find(|loaded| (&loaded.schema, &loaded.name) == (&table.schema, &table.name));
        Relation { digest: digest.map_or_else(Digest::default, |loaded| loaded.digest), ..table.clone() }
    };
    let tables: Vec<Relation> = tables.iter().map(with).collect();
    let mut written = written_since(info, state, &tables, jobs, watch)?;
    // The run may not have come to make it.
    written.retain(|mismatch| {
        !matches!(
            mismatch.what,
            Difference::MissingTable | Difference::MissingPartition { .. } | Difference::Detached { .. }
        )
    });
    Ok(written)
}

/// What is in the new database and was not copied, and what is not as it was copied: a way back would leave it behind. The record of an older
/// version does not know.
pub async fn made_in_the_new_place(target: &Session, state: &State) -> Result<Vec<String>, Error> {
    let failed = || at_target("looking for objects created in the new database");
    let mut made = BTreeSet::new();
    if let Some(then) = &state.target_inventory {
        made.extend(made_since(target, Extent::Database, then).await.map_err(failed())?);
    }
    if let Some(scope) = &state.proven {
        made.extend(sealed::changed(target, Noted::Proven, scope, |_, _| None).await.map_err(failed())?);
    }
    Ok(made.into_iter().collect())
}

/// What is in the old schemas and was not moved: it was made there after the copy. `names` are those that the schemas have now.
pub async fn made_in_the_old_place(source: &Session, state: &State, names: &[&str]) -> Result<Vec<String>, Error> {
    let failed = || at_source("looking for objects created in the old schemas");
    if let Some(then) = &state.source_inventory {
        return made_since(source, Extent::Schemas(names), then).await.map_err(failed());
    }
    // The record of an older version knows tables alone.
    let schemas: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let now = fence::tables(source, &schemas).await.map_err(failed())?;
    let before = |schema: &str| {
        let aside = state.quarantined.iter().find(|(_, to)| to == schema);
        aside.map_or_else(|| schema.to_owned(), |(from, _)| from.clone())
    };
    let spans = || state.ties.bridge.iter().flat_map(|works| &works.spans);
    let known: BTreeSet<(&str, &str)> = state.tables.iter().map(|t| (t.schema.as_str(), t.name.as_str())).collect();
    let asides: BTreeSet<(&str, &str)> = spans().map(|s| (s.schema.as_str(), s.aside.as_str())).collect();
    let new = now.iter().filter(|(schema, name)| {
        let was = before(schema);
        let was = (was.as_str(), name.as_str());
        !known.contains(&was) && !asides.contains(&was)
    });
    Ok(new.map(|(schema, name)| format!("table {schema}.{name}")).collect())
}
