//! `pgkeep key`: its grammar, and what it says.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::common::Common;
use super::display::{count, table};
use super::outcome::Outcome;
use super::{keys, moment, texts};
use crate::command::Error;
use crate::command::key::RestoreKeyFile;
use crate::command::key::recipients::{RestoreRecipient, StoredChunks};
use crate::command::key::{list, passphrase, reader, recipients, rotate, writers};
use crate::command::typed::word;
use crate::repo::keys::file::Protection;
use crate::repo::{KeyError, WriterKey};

#[derive(Args)]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the writers, the recipients of the writer key, and whether the restore key has a passphrase
    List,
    /// Also encrypt to another recipient; the next backup stores all rows again
    AddRecipient(AddRecipient),
    /// Stop encrypting to a recipient; the next backup stores all rows again
    RemoveRecipient(RemoveRecipient),
    /// Make a reading key: a restore key without its identity, to be used with --identity
    Reader(Out),
    /// Add, change or remove the passphrase of the restore key's file
    Passphrase(Passphrase),
    /// Make a writer key for another host
    AddWriter(AddWriter),
    /// Refuse what a writer signs from now on; its snapshots stay readable
    RevokeWriter(RevokeWriter),
    /// Replace a writer key that may have leaked, and revoke the old one
    Rotate(Rotate),
    /// Make a new restore key, which opens what the old one opens; then rotate every writer key with it
    RotateRestore(Out),
}

#[derive(Args)]
struct AddRecipient {
    /// age1..., ssh-ed25519 ..., ssh-rsa ..., a plugin's age1NAME1..., or @FILE with one per line
    #[arg(value_name = "RECIPIENT|@FILE", required = true)]
    recipients: Vec<String>,
}

#[derive(Args)]
struct RemoveRecipient {
    /// As `pgkeep key list` shows it, or @FILE with one per line
    #[arg(value_name = "RECIPIENT|@FILE", required = true)]
    recipients: Vec<String>,
    /// Also remove the restore key's own recipient: the restore key cannot open later backups
    #[arg(long)]
    force: bool,
    /// Continue to use stored rows, which the removed recipient can read; only if this is the repository's only writer
    #[arg(long)]
    keep_chunks: bool,
}

#[derive(Args)]
struct Out {
    /// The file to make
    #[arg(long, short = 'o', value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
struct Passphrase {
    /// Remove the passphrase
    #[arg(long, conflicts_with = "new_passphrase_file")]
    remove: bool,
    /// The file with the new passphrase; otherwise it is typed twice
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

#[derive(Args)]
struct AddWriter {
    /// The writer's name; the host name is a good choice
    #[arg(value_name = "NAME")]
    name: String,
    /// The writer key to make
    #[arg(long, short = 'o', value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
struct RevokeWriter {
    /// The writer's name, its id, or the beginning of one
    #[arg(value_name = "NAME|ID")]
    writer: String,
    /// Also refuse this snapshot of the writer (may be repeated)
    #[arg(long, value_name = "SNAPSHOT")]
    distrust: Vec<String>,
}

#[derive(Args)]
struct Rotate {
    /// A writer key that was rotated before: share chunks and metadata with it
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
}

pub async fn run(common: &Common, key: &Key) -> Result<Outcome, Error> {
    match &key.action {
        Action::List => {
            let writer = common.writer_key.as_deref().map(WriterKey::read).transpose()?;
            let repository = match (common.reading_restore_key(), &writer) {
                // Asks for no passphrase where the writer key can tell as well.
                (Some(path), Some(key)) if key.root.is_some() && keys::is_protected(path)? => {
                    keys::open_with_writer_key(common).await?
                }
                _ => keys::open_to_read(common).await?,
            };
            let report = list::run(&repository, writer.as_ref(), common.restore_key.as_deref()).await?;
            Outcome::new(&report, list_text(&report))
        }
        Action::AddRecipient(args) => {
            let report = recipients::add(keys::writer_path(common)?, &recipients::parse(&args.recipients)?)?;
            Outcome::new(&report, recipients_text(&report))
        }
        Action::RemoveRecipient(args) => {
            let own = if args.force { RestoreRecipient::MayGo } else { RestoreRecipient::Keep };
            let chunks = if args.keep_chunks { StoredChunks::Reuse } else { StoredChunks::Leave };
            let gone = recipients::parse(&args.recipients)?;
            let report = recipients::remove(keys::writer_path(common)?, &gone, own, chunks)?;
            Outcome::new(&report, recipients_text(&report))
        }
        Action::Reader(args) => {
            let report = reader::run(&keys::restore_key(common).await?.key, &args.output)?;
            let text = format!(
                "created {}: it cannot sign, and cannot read by itself; with --identity FILE it reads what is encrypted to that identity\n",
                report.reader_key.display()
            );
            Outcome::new(&report, text)
        }
        Action::Passphrase(args) => {
            let path = keys::restore_path(common)?;
            let old = keys::protection(common, path).await?;
            let new = match (&old, args.remove, &args.new_passphrase_file) {
                (Protection::Plain, true, _) => {
                    return Err(KeyError::NotProtected { path: path.to_owned() }.into());
                }
                (Protection::Passphrase(_), true, _) => Protection::Plain,
                (_, false, Some(file)) => Protection::Passphrase(keys::passphrase_from_file(file)?),
                (Protection::Plain, false, None) => keys::new_protection(common, path).await?,
                (Protection::Passphrase(_), false, None) => {
                    // A wrong old one is told before a new one is asked for.
                    RestoreKeyFile::open(path, old.clone())?;
                    keys::typed_twice(path)?
                }
            };
            let report = passphrase::run(path, &old, &new)?;
            let text = match report.protected {
                true => format!("{} now needs the passphrase; protect every copy of it as well\n", path.display()),
                false => {
                    format!("{} has no passphrase: whoever can read the file can read every backup\n", path.display())
                }
            };
            Outcome::new(&report, text)
        }
        Action::AddWriter(args) => {
            let model = keys::writer_key(common)?;
            let mut restore = keys::restore_key(common).await?;
            let repository = keys::open_to_sign(common, &restore).await?;
            let report = writers::add(&repository, &mut restore, &model, &args.name, &args.output).await?;
            let text = format!(
                "created {} for the writer {} ({}); keyring {}\nMove it to that host; keep no copy here.\n",
                report.writer_key.display(),
                report.name,
                report.id,
                report.keyring
            );
            Outcome::new(&report, text)
        }
        Action::RevokeWriter(args) => {
            let mut restore = keys::restore_key(common).await?;
            let repository = keys::open_to_sign(common, &restore).await?;
            let report = writers::revoke(&repository, &mut restore, &args.writer, &args.distrust).await?;
            Outcome::new(&report, revoked_text(&report))
        }
        Action::Rotate(args) => {
            let like = args.like.as_deref().map(WriterKey::read).transpose()?;
            let path = keys::writer_path(common)?;
            let mut restore = keys::restore_key(common).await?;
            let repository = keys::open_to_sign(common, &restore).await?;
            let report = rotate::writer(&repository, &mut restore, path, like.as_ref()).await?;
            Outcome::new(&report, rotated_text(&report))
        }
        Action::RotateRestore(args) => {
            let restore = keys::restore_key(common).await?;
            let repository = keys::open_to_replace(common, &restore).await?;
            let report = rotate::restore(&repository, &restore, &args.output, &restore.protection).await?;
            let text = format!(
                "created {new}, which opens old and new backups; keyring {}\n\
                 Backups are still encrypted to the old one until every writer key is rotated with it:\n  \
                 pgkeep key rotate --repo {} --writer-key {} --restore-key {}\n\
                 The old restore key can always open what was encrypted to it. It changes nothing any more.\n",
                report.keyring,
                word(common.repo_url()?),
                word(&common.writer_key.as_deref().unwrap_or(Path::new("writer.key")).to_string_lossy()),
                word(&report.restore_key.to_string_lossy()),
                new = report.restore_key.display(),
            );
            Outcome::new(&report, text)
        }
    }
}

fn when(time: Option<DateTime<Utc>>) -> String {
    time.map_or("-".into(), moment::local)
}

fn list_text(report: &list::Report) -> String {
    let row = |writer: &list::WriterLine| {
        let note = match (writer.trusted_snapshots, writer.given) {
            (Some(trusted), _) => count(trusted, "snapshot") + " trusted",
            (None, true) => "this key".into(),
            (None, false) => String::new(),
        };
        let name = writer.name.clone().unwrap_or_else(|| "-".into());
        vec![writer.id.clone(), name, when(writer.added), when(writer.revoked), note]
    };
    let rows: Vec<_> = report.writers.iter().map(row).collect();
    let mut text = table(&["writer", "name", "added", "revoked", ""], &[], &rows);
    if let Some(recipients) = &report.recipients {
        let row = |recipient: &list::RecipientLine| {
            let note = if recipient.restore_key { "the restore key" } else { "" };
            vec![recipient.recipient.clone(), recipient.kind.clone(), note.into()]
        };
        text.push('\n');
        text += &table(&["recipient", "kind", ""], &[], &recipients.iter().map(row).collect::<Vec<_>>());
    }
    if let Some(protected) = report.restore_key_protected {
        text += match protected {
            true => "\nthe restore key has a passphrase\n",
            false => "\nthe restore key has no passphrase\n",
        };
    }
    if let Some(replaced) = &report.replaced {
        text += &format!(
            "warning: the restore key of this list was replaced on {} (keyring {} names another one). The list is of before: see \
             today's with the newest restore key, or with a writer key that was rotated with it\n",
            moment::local(replaced.time),
            replaced.keyring,
        );
    }
    text + &texts::warnings(&report.warnings)
}

fn recipients_text(report: &recipients::Report) -> String {
    let mut text = String::new();
    report.added.iter().for_each(|recipient| text += &format!("added {recipient}\n"));
    report.removed.iter().for_each(|recipient| text += &format!("removed {recipient}\n"));
    text += &format!(
        "{} encrypts to {}\n",
        report.writer_key.display(),
        count(report.recipients.len() as u64, "recipient")
    );
    let (they, open) = if report.added.len() == 1 { ("It", "opens") } else { ("They", "open") };
    let gone = report.removed.join(", ");
    text + &match (report.added.is_empty(), report.new_chunk_key) {
        (false, _) => {
            format!("{they} {open} snapshots from now on, but not older ones. The next backup stores all rows again.\n")
        }
        (true, true) => {
            format!("The next backup stores all rows again. {gone} can still read what is already stored.\n")
        }
        (true, false) => format!("{gone} can still read what is already stored, also where later snapshots use it.\n"),
    }
}

fn revoked_text(report: &writers::Revoked) -> String {
    let mut text = format!("revoked the writer {} ({}); keyring {}\n", report.name, report.id, report.keyring);
    let line = |what: &str, line: &writers::SnapshotLine| {
        format!("{what} {} of {}\n", line.snapshot.short(), when(Some(line.time)))
    };
    report.trusted.iter().for_each(|snapshot| text += &line("still trusted:", snapshot));
    report.distrusted.iter().for_each(|snapshot| text += &line("refused:", snapshot));
    text += "pgkeep refuses what it signs from now on. Also remove its access to the repository's storage, and replace copies of \
             the restore key: they do not know of this.\n";
    text
}

fn rotated_text(report: &rotate::Rotated) -> String {
    format!(
        "{} has a new key of the writer {} ({}); keyring {}\n\
         pgkeep refuses new signatures of the old key {}; {} of it {} trusted. The next backup stores all rows again.\n\
         Whoever has the old key can still read the definitions and names in older snapshots, and test whether guessed rows are in \
         them, but cannot read rows.\n",
        report.writer_key.display(),
        report.name,
        report.id,
        report.keyring,
        report.old_id,
        count(report.trusted, "snapshot"),
        if report.trusted == 1 { "stays" } else { "stay" },
    )
}
