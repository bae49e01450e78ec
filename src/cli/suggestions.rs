//! What a word that the grammar does not know may have meant: the nearest one, or what other tools call it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Cli;
use crate::command::typed::word;
use crate::spelling::nearest;

/// What other tools and people call a verb.
const VERBS: &[(&[&str], &str)] = &[
    (&["snapshots", "ls", "archives", "info"], "list"),
    (&["check", "fsck", "scrub"], "verify"),
    (&["forget", "expire", "gc", "purge", "rm", "remove", "delete", "cleanup", "compact"], "prune"),
    (&["dump", "save", "create", "pg_dump", "snapshot", "archive"], "backup"),
    (&["load", "recover", "pg_restore", "extract"], "restore"),
    (&["inspect", "describe", "cat"], "show"),
    (&["test", "rehearse"], "drill"),
    (&["keys", "recipients", "rekey"], "key"),
    (&["move", "migrate", "cutover", "rollback", "finish", "reap"], "split"),
    (&["policy", "cron", "nightly"], "run"),
    (&["setup", "initialize", "new"], "init"),
];

/// What other tools call a switch, and what to say of it.
const SWITCHES: &[(&[&str], &str)] = &[
    (
        &["--clean", "-c", "--if-exists", "--overwrite"],
        "pgkeep never overwrites: restore into an empty database; --create creates one",
    ),
    (&["--database", "--db", "--target", "--dsn", "--to"], "-d names the database"),
    (&["--no-privileges", "-x"], "--no-acl leaves grants out"),
    (&["-O"], "--no-owner leaves owners out"),
    (&["--role"], "--map-role OLD=NEW maps roles"),
    (&["--repository", "-r"], "--repo names the repository"),
    (&["--key", "--key-file"], "--writer-key and --restore-key name the keys"),
    (&["--password", "-W", "--password-file"], "passwords come from ~/.pgpass, PGPASSWORD, or a policy"),
    (&["--verbose", "-v"], "progress is shown unless --quiet hides it"),
    (&["--parallel", "--threads"], "-j sets the number of sessions"),
    (&["--compress", "-Z"], "--level sets the zstd level"),
    (
        &["--host", "-h", "-p", "--port", "-U", "--username"],
        "-d takes a connection string: -d \"host=... port=... user=... dbname=...\"",
    ),
];

/// One line of advice; none where there is nothing that helps: a wrong guess is worse.
pub fn of(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(ContextKind::InvalidSubcommand)?;
            let usage = match error.get(ContextKind::Usage) {
                Some(ContextValue::StyledStr(usage)) => usage.to_string(),
                _ => String::new(),
            };
            let above = verbs_above(&usage);
            let elsewhere = called(VERBS, typed).filter(|_| above.is_empty());
            match elsewhere {
                Some(verb) => Some(format!("that is '{verb}' here: pgkeep {verb} --help")),
                None => nearest(typed, Cli::verbs(&above).iter().map(String::as_str))
                    .map(|verb| format!("Did you mean '{verb}'?")),
            }
        }
        ErrorKind::UnknownArgument => {
            let typed = text(ContextKind::InvalidArg)?;
            let guessed = match error.get(ContextKind::SuggestedArg) {
                Some(ContextValue::String(guessed)) => Some(guessed.as_str()),
                _ => None,
            };
            // clap's guess counts where it is near: it takes --clean for --schema.
            match guessed.filter(|guessed| nearest(typed, [*guessed]).is_some()) {
                Some(switch) => Some(format!("Did you mean '{switch}'?")),
                None => a_switch(error, typed).or_else(|| a_database(error, typed)),
            }
        }
        _ => None,
    }
}

/// What another tool's switch is called here, where the verb has it.
fn a_switch(error: &clap::Error, typed: &str) -> Option<String> {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let above = verbs_above(&usage);
    let meant = called(SWITCHES, typed)?;
    let ours = meant.split(' ').next().filter(|word| word.starts_with('-'));
    match ours {
        Some("-d") if above == ["list"] => {
            Some("list shows the snapshots of all databases, each with its database".into())
        }
        Some(ours) if !Cli::takes(&above, ours) => None,
        _ => Some(meant.to_owned()),
    }
}

/// A word where the verb takes no further one: whoever knows pg_dump names the database so.
fn a_database(error: &clap::Error, typed: &str) -> Option<String> {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => return None,
    };
    let takes_one = matches!(verbs_above(&usage)[..], ["backup" | "restore"]);
    (takes_one && !typed.starts_with('-')).then(|| format!("-d {} names the database", word(typed)))
}

/// Of `Usage: pgkeep split [OPTIONS] [COMMAND]`, what stands between the program and its arguments.
fn verbs_above(usage: &str) -> Vec<&str> {
    let words = usage.split_whitespace().skip_while(|word| word.ends_with(':')).skip(1);
    words.take_while(|word| !word.starts_with(['[', '<', '-'])).collect()
}

fn called(table: &[(&[&str], &'static str)], typed: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&typed)).map(|(_, meant)| *meant)
}
