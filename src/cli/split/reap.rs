//! `pgkeep split reap`: its arguments, and what it says.

use std::time::Duration;

use clap::Args;

use crate::cli::common::lock_wait_timeout;
use crate::cli::database::conninfo;
use crate::cli::display::count;
use crate::cli::outcome::{FOUND_SOMETHING_WRONG, Outcome};
use crate::command::Error;
use crate::command::split::host::Folder;
use crate::command::split::{self, Progressed, ReapOptions, Reaped};
use crate::command::watch::Watch;

/// Reads the deletions in referenced tables, and does in the other database what the foreign key would have done: CASCADE, SET NULL,
/// SET DEFAULT. Run it regularly, by cron or a timer; it may be killed, and two may run at the same time. Exit code 3 if rows refer to
/// missing rows, or something could not be done.
#[derive(Args)]
pub struct ReapArgs {
    /// The old database
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// How many log entries to process in one transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,
    /// How long to wait for a lock on a row or a table, in seconds, before the rest is left for the next run; 0 waits forever
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = lock_wait_timeout())]
    pub lock_wait_timeout: u32,
    /// How long one key may be worked on, in seconds, before its sessions are ended and the rest of it is left for the next run; 0 sets
    /// no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub key_timeout: u32,
    /// Confirm that these are the databases of the split, although one was moved, restored or promoted
    #[arg(long)]
    pub moved: bool,
}

pub async fn run(args: &ReapArgs, state: Folder, watch: &Watch) -> Result<Outcome, Error> {
    let options = ReapOptions {
        source: conninfo(args.from.as_deref())?,
        target: conninfo(args.to.as_deref())?,
        batch: args.batch,
        lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
        key_timeout: (args.key_timeout > 0).then(|| Duration::from_secs(args.key_timeout.into())),
        state,
        moved: super::moved(args.moved),
    };
    let reaped = split::reap(&options, watch).await?;
    let outcome = Outcome::new(&reaped, text(&reaped))?;
    Ok(Outcome { exit_code: if reaped.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

fn text(reaped: &Reaped) -> String {
    let mut text = String::new();
    for key in &reaped.keys {
        text += &format!("{}: {} read", key.key, count(key.entries, "gone key"));
        let numbers = [(key.deleted, "row", "deleted"), (key.updated, "row", "updated")];
        for (number, noun, done) in numbers.into_iter().filter(|(number, ..)| *number > 0) {
            text += &format!(", {} {done}", count(number, noun));
        }
        if key.back > 0 {
            text += &format!(", {} skipped because the foreign key exists again", key.back);
        }
        text += match key.progress {
            Progressed::Done | Progressed::Unwatched | Progressed::Failed | Progressed::Held => "\n",
            Progressed::Taken => "; another reap is working on it\n",
            Progressed::Postponed => "; could not get the locks in time, the rest is left for the next run\n",
        };
        if let Some(why) = &key.reason {
            text += &format!("  NOT DONE for {}: {why}\n", key.child);
        }
        if let Some(to_do) = &key.to_do {
            text += &format!("  {to_do}\n");
        }
        if let Some(why) = &key.unwatched {
            text += &format!("  NOT ALL DELETIONS ARE APPLIED ANY MORE: {why}\n");
        }
        if key.orphans > 0 {
            text += &format!(
                "  {} to nothing\n",
                match key.orphans {
                    1 => "1 row refers".to_owned(),
                    rows => format!("{rows} rows refer"),
                }
            );
        }
        for refusal in &key.refused {
            let gone: Vec<&str> = refusal.gone.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
            text += &format!("  refused for ({}): {}\n", gone.join(", "), refusal.error);
        }
        if key.refused_more > 0 {
            text += &format!("  refused for {}\n", count(key.refused_more, "more gone key"));
        }
    }
    for other in &reaped.elsewhere {
        text += &format!("not between these databases: {other}\n");
    }
    text
}
