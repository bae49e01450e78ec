//! What each verb does with its arguments, where that takes a few lines: from them to a command's options, and from its report to an outcome.

use std::collections::BTreeMap;

use super::again;
use super::args::{Backup, Init, Restore, Selection, Show, Verify};
use super::common::Common;
use super::database::{conninfo, source, target};
use super::keys;
use super::outcome::{FOUND_SOMETHING_WRONG, Outcome};
use super::policy::{self, Run};
use super::prune;
use super::texts;
use crate::command::restore::{
    Creation, Grants, Loading, Loads, Order, Owners, Proof, SearchPath, Tablespaces, ThroughRoot,
};
use crate::command::selecting::Patterns;
use crate::command::suspicion::Shrink;
use crate::command::watch::Watch;
use crate::command::{self, Error};
use crate::pg::catalog::Passwords;
use crate::repo::WriterKey;
use crate::repo::keys::KeyKind;
use crate::repo::keys::file::Protection;

pub async fn init(common: &Common, args: &Init) -> Result<Outcome, Error> {
    let path = args.keys.join(KeyKind::Restore.file_name());
    if common.passphrase_file.is_some() && !args.passphrase {
        return Err(Error::Usage {
            what: "--passphrase-file (or PGKEEP_PASSPHRASE_FILE) is given, but not --passphrase".into(),
            hint: Some("Add --passphrase to protect restore.key with it, or leave the file out.".into()),
        });
    }
    let protection = match args.passphrase {
        true => keys::new_protection(common, &path).await?,
        false => Protection::Plain,
    };
    let report = command::init::run(common.repo_url()?, &args.keys, &protection).await?;
    let text = format!(
        "created the repository {}\n\n\
         Keep {} on the host that takes backups: it can write and list snapshots, but cannot read rows.\n\
         Move {} to two safe places off this host: without it nobody can read a backup, with it anybody can.\n",
        report.repository,
        report.writer_key.display(),
        report.restore_key.display(),
    );
    let text = text + &texts::warnings(&report.warnings);
    Outcome::new(&report, text)
}

pub async fn backup(common: &Common, args: &Backup, watch: &Watch) -> Result<Outcome, Error> {
    let key = keys::writer_key(common)?;
    let repository = keys::open_to_write(common.repo_url()?, keys::writer_path(common)?, &key).await?;
    let options = command::backup::Options {
        source: source(args.database.dbname.as_deref())?,
        patterns: patterns(&args.selection),
        jobs: usize::from(args.jobs),
        level: args.level,
        lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
        passwords: if args.role_passwords { Passwords::Read } else { Passwords::Leave },
        shrink: if args.accept_shrink { Shrink::Accept } else { Shrink::Suspect },
        pg_bin: args.programs.pg_bin.clone(),
        tags: args.tags.clone(),
        time: args.time,
    };
    let report = command::backup::run(&repository, &key, &options, watch).await?;
    backup_outcome(&report)
}

pub async fn list(common: &Common) -> Result<Outcome, Error> {
    let repository = keys::open_to_read(common).await?;
    let entries = command::list::list(&repository).await?;
    let mut text = texts::list(&entries);
    if entries.is_empty() && command::list::holds_rows(&repository).await? {
        text += texts::ROWS_WITHOUT_SNAPSHOTS;
    }
    let outcome = Outcome::new(&entries, text)?;
    let is_damaged = entries.iter().any(command::list::Entry::is_damaged);
    Ok(Outcome { exit_code: if is_damaged { FOUND_SOMETHING_WRONG } else { 0 }, ..outcome })
}

pub async fn show(common: &Common, args: &Show) -> Result<Outcome, Error> {
    let repository = keys::open_to_read(common).await?;
    let details = command::list::show(&repository, &args.snapshot).await?;
    let outcome = Outcome::new(&details, texts::show(&details))?;
    let is_hurt = !details.line.hurt.is_empty();
    Ok(Outcome { exit_code: if is_hurt { FOUND_SOMETHING_WRONG } else { 0 }, ..outcome })
}

pub async fn restore(common: &Common, args: &Restore, watch: &Watch) -> Result<Outcome, Error> {
    let repository = keys::open_with_restore_key(common).await?;
    let loading = Loading {
        target: target(args.database.dbname.as_deref(), "-d")?,
        owners: if args.no_owner { Owners::Restorer } else { Owners::Keep },
        grants: if args.no_acl { Grants::Omit } else { Grants::Keep },
        search_path: args.search_path.path().unwrap_or(SearchPath::Empty),
        through_root: if args.load_via_partition_root { ThroughRoot::All } else { ThroughRoot::WhereNeeded },
        proof: if args.no_proof { Proof::Leave } else { Proof::Make },
        order: Order::LargestFirst,
        loads: Loads::Untold,
        jobs: usize::from(args.jobs),
    };
    let options = command::restore::Options {
        snapshot: args.snapshot.clone(),
        creation: if args.create { Creation::Create } else { Creation::Exists },
        patterns: patterns(&args.selection),
        roles: args.map_role.iter().map(|text| pair("--map-role", "role", text)).collect::<Result<_, _>>()?,
        tablespaces: tablespaces(args)?,
        typed: Some(again::restore(common, args)),
        loading,
    };
    let report = command::restore::run(&repository, &options, watch).await?;
    let mut outcome = Outcome::new(&report, texts::restore(&report))?;
    if !report.mismatches.is_empty() {
        outcome.exit_code = FOUND_SOMETHING_WRONG;
    }
    Ok(outcome)
}

pub async fn verify(common: &Common, args: &Verify, watch: &Watch) -> Result<Outcome, Error> {
    let options = command::verify::Options {
        snapshot: args.snapshot.clone(),
        depth: match (args.budget, args.read_data) {
            (Some(budget), _) => command::verify::Depth::Budget(budget),
            (None, true) => command::verify::Depth::Data,
            (None, false) => command::verify::Depth::Listing,
        },
        against: args.against.as_deref().map(|dsn| conninfo(Some(dsn))).transpose()?,
        jobs: usize::from(args.jobs),
    };
    let repository = keys::open_to_read(common).await?;
    let report = command::verify::run(&repository, &options, watch).await?;
    let outcome = Outcome::new(&report, texts::verify(&report))?;
    Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

pub async fn run_policy(common: &Common, args: &Run, watch: &Watch) -> Result<Outcome, Error> {
    let plan = policy::Plan::read(common, args)?;
    if args.check {
        let outline = plan.outline().await;
        let outcome = Outcome::new(&outline, texts::outline(&outline))?;
        let exit_code = if outline.problems.is_empty() { 0 } else { FOUND_SOMETHING_WRONG };
        return Ok(Outcome { exit_code, ..outcome });
    }
    let key = WriterKey::read(plan.writer_key())?;
    let repository = keys::open_to_write(plan.repository(), plan.writer_key(), &key).await?;
    let report = command::backup::run(&repository, &key, &plan.options().await?, watch).await?;
    let outcome = backup_outcome(&report)?;
    match plan.prune_options(&report) {
        None => Ok(outcome),
        Some(options) => {
            let pruned = prune::after_backup(&repository, &options, watch).await;
            prune::join(&report, outcome, pruned)
        }
    }
}

/// A suspicious snapshot is there, and somebody should look at it.
fn backup_outcome(report: &command::backup::Report) -> Result<Outcome, Error> {
    let mut outcome = Outcome::new(report, texts::backup(report))?;
    if !report.suspicious.is_empty() {
        outcome.exit_code = FOUND_SOMETHING_WRONG;
    }
    Ok(outcome)
}

fn tablespaces(args: &Restore) -> Result<Tablespaces, Error> {
    if args.no_tablespaces {
        return Ok(Tablespaces::Default);
    }
    let pairs = args.map_tablespace.iter().map(|text| pair("--map-tablespace", "tablespace", text));
    let map = pairs.map(|pair| pair.map(|(from, to)| (from, Some(to)))).collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(if map.is_empty() { Tablespaces::Keep } else { Tablespaces::Elsewhere(map) })
}

fn pair(switch: &str, what: &str, text: &str) -> Result<(String, String), Error> {
    let parts = text.split_once('=').filter(|(from, to)| !from.is_empty() && !to.is_empty());
    parts.map(|(from, to)| (from.to_owned(), to.to_owned())).ok_or_else(|| Error::Usage {
        what: format!("{switch} {text} does not name two {what}s"),
        hint: Some(format!("Write {switch} OLD=NEW.")),
    })
}

fn patterns(selection: &Selection) -> Patterns {
    Patterns {
        schemas: selection.schemas.clone(),
        exclude_schemas: selection.exclude_schemas.clone(),
        tables: selection.tables.clone(),
        exclude_tables: selection.exclude_tables.clone(),
    }
}
