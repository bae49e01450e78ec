//! `pgkeep split --plan`: what a split would do, and touches nothing.

mod hindrances;
mod options;
mod planned;
mod rate;
mod report;
mod source;
mod switch;
mod target;

pub use options::{Bridging, Choices, Options, Timing};
pub use planned::Planned;
pub use rate::Estimate;
pub use report::{Report, Side};
pub use switch::{hook, run};

use crate::command::error::Error;
use crate::command::instant;
use crate::command::user_code;
use crate::command::watch::Watch;
use crate::pg::catalog::ThroughRoot;
use crate::pg::connect::Session;
use crate::pg::dump;
use crate::rows::loading::SearchPath;
use crate::schema::pattern::{Pattern, PatternKind};
use crate::schema::selection::{self, Request};
use crate::split::facts::{Cluster, Searching};
use crate::split::{self, Finding, FindingKind, Inputs, SchemaNames, Severity};

/// Reads both sides, in transactions that cannot write, and decides.
///
/// # Errors
/// Source and target are one database; a schema that is not there; a boundary file that names what does not cross; either
/// database cannot be read.
pub async fn make(options: &Options, timing: Timing, watch: &Watch) -> Result<Planned, Error> {
    instant::again(options.lock_timeout_ms, &watch.stop, async || make_once(options, timing, watch).await).await
}

async fn make_once(options: &Options, timing: Timing, watch: &Watch) -> Result<Planned, Error> {
    let patterns = parse(&options.schemas)?;
    let leave = parse(&options.leave)?;
    if patterns.is_empty() {
        return Err(Error::Usage {
            what: "no schema was named".into(),
            hint: Some("Name those that move: --schemas core,metadata.".into()),
        });
    }

    watch.set_phase("looking at the target");
    let visit = target::Visit::begin(&options.target).await?;

    watch.set_phase("reading the source's schema");
    let read = source::Read::begin(options, &patterns, timing, &watch.stop).await?;
    let cluster = cluster(options, &read, &visit)?;
    let mut programs = Vec::from_iter(outdated(read.session(), options)?);
    let source::Schema { archive, facts, said } = read.schema(options, &patterns, &watch.stop).await?;
    programs.extend(said.into_iter().map(left_by_pg_dump));
    let names = SchemaNames::resolve(&archive, &facts, &patterns)
        .map_err(|error| Error::Usage { what: error.to_string(), hint: error.hint() })?;
    let request = Request { schemas: patterns, ..Request::default() };
    let selection = selection::select(&archive, &facts, &request)
        .map_err(|error| Error::Usage { what: error.to_string(), hint: error.hint() })?;

    watch.set_phase("counting what crosses");
    let source = read.facts(&archive, &selection, &names, timing).await?;
    let estimate = match timing {
        Timing::Measured => {
            watch.set_phase("measuring");
            read.estimate(&selection, &source, &watch.stop)?
        }
        Timing::LeftOut => Estimate::default(),
    };
    let moving: Vec<String> = names.moving.iter().cloned().collect();
    let called = user_code::of_others(read.session(), Some(&moving), ThroughRoot::WhereNeeded).await;
    let called = called.map_err(Error::source_database("looking for code that rows run"))?;
    read.end().await?;
    programs.extend(outdated(visit.session(), options).map_err(Error::TargetDump)?);
    let target = visit.facts(options, cluster, &source).await?;

    let inputs = Inputs {
        archive: &archive,
        facts: &facts,
        selection: &selection,
        names: &names,
        source: &source,
        target: &target,
        boundary: options.boundary,
        choices: &options.choices.file,
        leave: &leave,
        traffic: options.bridging.traffic,
        searching: searching(&options.search_path),
    };
    let mut plan = split::plan(&inputs)
        .map_err(|error| Error::Usage { what: format!("{}: {error}", options.choices.name), hint: error.hint() })?;
    programs.extend(called.map(code_of_others));
    plan.add(programs);
    Ok(Planned { plan, names, archive, facts, selection, source, target, estimate })
}

fn searching(path: &SearchPath) -> Searching {
    match path {
        SearchPath::Empty => Searching::WithoutPath,
        SearchPath::Fix | SearchPath::Given(_) => Searching::WithPath,
    }
}

/// # Errors
/// Both ends are one database.
fn cluster(options: &Options, read: &source::Read, visit: &target::Visit) -> Result<Cluster, Error> {
    if read.cluster != visit.cluster {
        return Ok(Cluster::Another);
    }
    if options.target.database() == read.session().conninfo().database() {
        return Err(Error::Usage {
            what: format!("--from and --to are the same database, {}", options.target.database()),
            hint: Some("Name a database that does not exist yet with --to: the split creates it.".into()),
        });
    }
    Ok(Cluster::Same)
}

/// Where it runs as its owner, it does what it did when the rows were written.
fn code_of_others(called: String) -> Finding {
    Finding::new(
        Severity::Warning,
        FindingKind::UserCode,
        "code of ordinary roles",
        format!("a superuser loads the rows, which run {called}"),
        "it runs with the privileges of that role: check it if you do not trust its owner",
    )
}

/// That the best pg_dump for a server is older than it is.
fn outdated(session: &Session, options: &Options) -> Result<Option<Finding>, dump::DumpError> {
    let outdated = dump::outdated(session, &dump::find(session, options.pg_bin.as_deref())?);
    Ok(outdated.map(|outdated| {
        let (name, reason, advice) = (outdated.name(), outdated.reason(), outdated.advice());
        Finding::new(Severity::Warning, FindingKind::PgDump, name, reason, advice)
    }))
}

/// What pg_dump said of the source's definitions.
fn left_by_pg_dump(said: String) -> Finding {
    let action = "moves as pg_dump wrote it: check what it refers to";
    Finding::new(Severity::Warning, FindingKind::PgDumpSays, "pg_dump", said, action)
}

fn parse(patterns: &[String]) -> Result<Vec<Pattern>, Error> {
    Ok(patterns.iter().map(|text| Pattern::parse(text, PatternKind::Schema)).collect::<Result<_, _>>()?)
}
