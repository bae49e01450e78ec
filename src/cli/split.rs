//! `pgkeep split`: its arguments, and what it says.

mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::args::Programs;
use super::run::{FOUND_SOMETHING_WRONG, Outcome, conninfo};
use crate::command::Error;
use crate::command::progress::Progress;
use crate::command::split::plan::{self, Choices, Options};
use crate::policy::LOCK_WAIT_TIMEOUT_DEFAULT;
use crate::split::picture::PictureForm;
use crate::split::{Boundary, BoundaryFile};
use crate::stop::Stop;

/// --plan reads both databases, changes nothing, and says what a split would do; exit code 3 where something blocks it.
///
/// What crosses the line between the schemas that move and those that stay is decided by --boundary: refuse stops the split;
/// drop gives it up and reports it; loose keeps a foreign key by a delete log and `split reap`; bridge leaves foreign tables in
/// the old place. docs/split.md explains each finding.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Split {
    #[command(subcommand)]
    pub verb: Option<SplitVerb>,
    /// The schemas that move, as patterns: core,metadata,'workspace_*'
    #[arg(long, value_name = "PATTERN,...")]
    pub schemas: Option<String>,
    /// The database that they are in
    #[arg(long, value_name = "DSN")]
    pub from: Option<String>,
    /// The database that takes them: it does not exist yet, or is empty
    #[arg(long, value_name = "DSN")]
    pub to: Option<String>,
    /// Say what would be done, and touch nothing
    #[arg(long)]
    pub plan: bool,
    /// What becomes of everything that crosses the line: refuse (the default), drop, loose or bridge
    #[arg(long, value_name = "WORD", value_parser = parse_boundary)]
    pub boundary: Option<Boundary>,
    /// A file that says it one by one
    #[arg(long, value_name = "FILE.toml")]
    pub boundary_file: Option<PathBuf>,
    /// Schemas that stay, although they seem to belong to what moves (patterns, may be repeated)
    #[arg(long, value_name = "PATTERN,...")]
    pub leave: Vec<String>,
    /// Draw the plan: .dot for Graphviz, .svg for a browser
    #[arg(long, value_name = "FILE.dot|FILE.svg", value_parser = parse_picture)]
    pub picture: Option<PathBuf>,
    /// How long to wait for a lock on a table, in seconds; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT)]
    pub lock_wait_timeout: u32,
    #[command(flatten)]
    pub programs: Programs,
}

/// What goes on with a split that has begun. None is built yet.
#[derive(Subcommand)]
pub enum SplitVerb {}

pub(super) async fn run(args: &Split, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    if let Some(verb) = &args.verb {
        match *verb {}
    }
    let options = options(args)?;
    if !args.plan {
        return Err(usage("a split without --plan is not built yet", "Add --plan to see what it would do."));
    }
    let report = plan::run(&options, progress, stop).await?;
    if let Some((path, form)) = args.picture.as_deref().and_then(|path| Some((path, form(path)?))) {
        std::fs::write(path, form.draw(&report.plan)).map_err(|error| {
            usage(&format!("{} cannot be written: {error}", path.display()), "Name a file in a folder that exists.")
        })?;
    }
    let outcome = Outcome::new(&report, text::plan(&report))?;
    Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

fn options(args: &Split) -> Result<Options, Error> {
    let needed = |given: &Option<String>, switch: &str| {
        given.clone().ok_or_else(|| {
            usage(&format!("{switch} was not given"), "pgkeep split --schemas core,metadata --from DSN --to DSN --plan")
        })
    };
    let schemas = needed(&args.schemas, "--schemas")?;
    Ok(Options {
        source: conninfo(Some(&needed(&args.from, "--from")?))?,
        target: conninfo(Some(&needed(&args.to, "--to")?))?,
        schemas: patterns(&schemas),
        leave: args.leave.iter().flat_map(|list| patterns(list)).collect(),
        boundary: args.boundary,
        choices: args.boundary_file.as_deref().map(read_choices).transpose()?.unwrap_or_default(),
        lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
        pg_bin: args.programs.pg_bin.clone(),
    })
}

fn usage(what: &str, hint: &str) -> Error {
    Error::Usage { what: what.to_owned(), hint: Some(hint.to_owned()) }
}

/// Cuts at commas, which inside double quotes belong to a name.
fn patterns(list: &str) -> Vec<String> {
    let mut patterns = vec![String::new()];
    let mut quoted = false;
    for c in list.chars() {
        quoted ^= c == '"';
        match patterns.last_mut() {
            Some(last) if c != ',' || quoted => last.push(c),
            _ => patterns.push(String::new()),
        }
    }
    patterns.iter().map(|pattern| pattern.trim().to_owned()).filter(|pattern| !pattern.is_empty()).collect()
}

fn read_choices(path: &Path) -> Result<Choices, Error> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        usage(
            &format!("the boundary file {name} cannot be read: {error}"),
            "It is TOML in UTF-8; docs/split.md shows one.",
        )
    })?;
    let file = BoundaryFile::parse(&text)
        .map_err(|error| Error::Usage { what: format!("{name}: {error}"), hint: error.hint() })?;
    Ok(Choices { name, file })
}

fn parse_boundary(word: &str) -> Result<Boundary, String> {
    word.parse().map_err(|error: crate::split::boundary::NoBoundary| error.to_string())
}

fn form(path: &Path) -> Option<PictureForm> {
    PictureForm::of_ending(&path.extension()?.to_string_lossy().to_ascii_lowercase())
}

fn parse_picture(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    form(&path).map(|_| path).ok_or("a picture's name ends in .dot or .svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_commas_outside_quotes() {
        assert_eq!(patterns("core, metadata,workspace_*"), ["core", "metadata", "workspace_*"]);
        assert_eq!(patterns("\"a,b\",,\"c\"\"d\""), ["\"a,b\"", "\"c\"\"d\""]);
        assert_eq!(patterns(""), [""; 0]);
    }
}
