//! The target before rows come: the database, that it is empty, the definitions.

use super::{Job, Options, roles, session_settings};
use crate::command::Error;
use crate::command::error::{Failure, FirstFailure};
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::target;
use crate::schema::restore::{Step, Transaction};

/// Definitions that share a transaction: all of them in most databases, and fewer locks than a server has by default.
const STEPS_IN_TRANSACTION: usize = 1500;
/// Definitions that go to the server in one message. A message for each would take longer than many of them do.
const STEPS_IN_MESSAGE: usize = 100;
const BYTES_IN_MESSAGE: usize = 256 << 10;
const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// Makes the database, owned and set up as the snapshot's was, under the name of the target.
pub async fn create_database(options: &Options, job: &Job) -> Result<(), Error> {
    let database = options.target.database().to_owned();
    let session = connect_for_maintenance(&options.target).await?;
    let failed = |what: &str| Error::target_database(what.to_owned());
    if target::database_exists(&session, &database).await.map_err(failed("reading the list of databases"))? {
        return Err(Error::DatabaseExists { database });
    }
    roles::provide(&session, job, options).await?;
    for step in &job.plan.database {
        for sql in &step.statements {
            // CREATE DATABASE stands alone in its message; the session's settings are in it already.
            let run = session.client().batch_execute(&sql.to_display()).await;
            let run = run.map_err(|e| session.fault(format!("the step {}", step.label), e));
            if run.as_ref().is_err_and(target::is_made_already) {
                return Err(Error::DatabaseExists { database });
            }
            run.map_err(failed("creating the database"))?;
        }
    }
    session.close().await.map_err(failed("the end of the session"))
}

/// Drops the database that this run has made, when nothing came of it.
pub async fn drop_database(target: &Conninfo) -> Result<(), Error> {
    let session = connect_for_maintenance(target).await?;
    let dropped = target::drop_database(&session, target.database()).await;
    dropped.map_err(Error::target_database("dropping the database that was made for the restore"))?;
    session.close().await.map_err(Error::target_database("the end of the session"))
}

/// A session in a database of the server that is not the target.
pub async fn connect_for_maintenance(target: &Conninfo) -> Result<Session, Error> {
    for maintenance in MAINTENANCE_DATABASES {
        match connect(&target.with_database(maintenance), "pgkeep restore").await {
            Err(pg::Error::NoSuchDatabase { .. }) => {}
            connected => return connected.map_err(Error::target_database("connecting")),
        }
    }
    Err(Error::Usage {
        what: "the server has neither a database postgres nor template1 to connect to".into(),
        hint: Some("Create the database yourself and leave --create out.".into()),
    })
}

/// Refuses a target that holds any of what would be restored.
pub async fn check_empty(session: &Session, job: &Job) -> Result<(), Error> {
    let failed = || Error::target_database("looking for what is there already");
    let relations: Vec<(String, String)> = job.relations.iter().map(|r| (r.schema.clone(), r.name.clone())).collect();
    // An extension's configuration tables are there as soon as the extension is, which template databases may have.
    let own: Vec<_> = relations
        .iter()
        .zip(&job.relations)
        .filter(|(_, r)| r.configuration.is_none())
        .map(|(n, _)| n.clone())
        .collect();
    let sequences = job.sequences.iter().map(|s| (s.schema.clone(), s.name.clone()));
    let wanted: Vec<_> = own.into_iter().chain(sequences).collect();
    let mut objects = target::existing_relations(session, &wanted).await.map_err(failed())?;
    if let Some(large_objects) = job.manifest.large_objects.as_ref().filter(|_| job.large_objects) {
        let oids: Vec<u32> = large_objects.objects.iter().map(|object| object.oid).collect();
        objects.extend(target::existing_large_objects(session, &oids).await.map_err(failed())?);
    }
    if objects.is_empty() {
        Ok(())
    } else {
        Err(Error::TargetNotEmpty { database: session.conninfo().database().to_owned(), objects })
    }
}

/// Definitions, sequences and large objects' shells. In one transaction where that is possible: what fails leaves nothing.
pub async fn run_pre_data(session: &Session, job: &Job, options: &Options) -> Result<(), Error> {
    let failed = |what: &str| Error::target_database(what.to_owned());
    let run = async |label: &str, sql: &str| {
        session.client().batch_execute(sql).await.map_err(|error| session.fault(format!("the step {label}"), error))
    };
    let settings = session_settings(job);
    run("session settings", &String::from_utf8_lossy(&settings)).await.map_err(failed("preparing the session"))?;
    for batch in job.plan.pre_data.chunk_by(|a, b| a.transaction == b.transaction) {
        for batch in batch.chunks(STEPS_IN_TRANSACTION) {
            let together = batch[0].transaction == Transaction::Allowed;
            if together {
                run("BEGIN", "BEGIN").await.map_err(failed("restoring definitions"))?;
            }
            for steps in if together { messages(batch) } else { batch.chunks(1).collect() } {
                run_steps(session, steps).await?;
            }
            if together {
                run("COMMIT", "COMMIT").await.map_err(failed("restoring definitions"))?;
            }
        }
    }
    let sequences: Vec<_> = job.sequences.iter().collect();
    let mut sql = target::sequence_statements(&sequences);
    if let Some(large_objects) = job.manifest.large_objects.as_ref().filter(|_| job.large_objects) {
        sql += &target::large_object_statements(&large_objects.objects, options.owners, options.grants, &job.role_map);
    }
    if !sql.is_empty() {
        run("sequences and large objects", &sql).await.map_err(failed("restoring sequences and large objects"))?;
    }
    Ok(())
}

/// Steps of one transaction, cut into messages.
fn messages(steps: &[Step]) -> Vec<&[Step]> {
    let (mut messages, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (n, step) in steps.iter().enumerate() {
        let more: usize = step.statements.iter().map(|sql| sql.as_bytes().len()).sum();
        if n > start && (n - start == STEPS_IN_MESSAGE || bytes + more > BYTES_IN_MESSAGE) {
            messages.push(&steps[start..n]);
            (start, bytes) = (n, 0);
        }
        bytes += more;
    }
    messages.push(&steps[start..]);
    messages
}

/// One message for all; where the server refuses it, one by one, to learn which step it is. The session ends with the error, and
/// with it the transaction.
async fn run_steps(session: &Session, steps: &[Step]) -> Result<(), Error> {
    if let (2.., Some(sql)) = (steps.len(), as_one_text(steps)) {
        // A message of its own: the server parses all of a message before it runs any of it.
        let made = session.client().batch_execute(&format!("SAVEPOINT {SAVEPOINT}")).await;
        made.map_err(|error| session.fault("a savepoint", error))
            .map_err(Error::target_database("restoring definitions"))?;
        match session.client().batch_execute(&sql).await.map_err(|error| session.fault("definitions", error)) {
            Ok(()) => return Ok(()),
            Err(pg::Error::Server { .. }) => {
                let back = session.client().batch_execute(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await;
                back.map_err(|error| session.fault("a savepoint", error))
                    .map_err(Error::target_database("restoring definitions"))?;
            }
            Err(error) => return Err(Error::target_database("restoring definitions")(error)),
        }
    }
    for step in steps {
        run_step(session, step).await.map_err(|error| entry_failed(step, &error))?;
    }
    Ok(())
}

const SAVEPOINT: &str = "pgkeep_definitions";

/// None where the text is not UTF-8; the step that is to blame says so by itself.
fn as_one_text(steps: &[Step]) -> Option<String> {
    let mut sql = String::new();
    for statement in steps.iter().flat_map(|step| &step.statements) {
        sql += std::str::from_utf8(statement.as_bytes()).ok()?;
        // Whatever it ends with: a comment ends with the line, and an empty statement is none.
        sql += "\n;\n";
    }
    Some(sql + &format!("RELEASE SAVEPOINT {SAVEPOINT}"))
}

async fn run_step(session: &Session, step: &Step) -> Result<(), pg::Error> {
    for sql in &step.statements {
        let text = std::str::from_utf8(sql.as_bytes()).map_err(|source| pg::Error::Protocol {
            context: format!("the step {}", step.label),
            source: Box::new(source),
        })?;
        session
            .client()
            .batch_execute(text)
            .await
            .map_err(|error| session.fault(format!("the step {}", step.label), error))?;
    }
    Ok(())
}

fn entry_failed(step: &Step, error: &pg::Error) -> Error {
    let failures = vec![failure(&step.label, error)];
    Error::Entries { first: FirstFailure(failures.clone()), failures, skipped: Vec::new() }
}

/// An entry's failure as it is reported.
pub fn failure(entry: &str, error: &pg::Error) -> Failure {
    let message =
        error.server_message().map_or_else(|| error.to_string(), |m| format!("{}: {}", m.severity, m.message));
    Failure {
        entry: entry.to_owned(),
        message,
        sqlstate: error.sqlstate().map(str::to_owned),
        hint: entry_hint(error).or_else(|| error.hint()),
    }
}

fn entry_hint(error: &pg::Error) -> Option<String> {
    let hint = match error.sqlstate()? {
        "58P01" | "0A000" if error.server_message()?.message.contains("extension") => {
            "Install the extension's package on the target's server (Debian: postgresql-contrib, postgresql-NN-NAME)."
        }
        "42501" => {
            "Restore as a superuser, or as an ordinary role with --no-owner --no-acl where the objects permit it."
        }
        "42704" => {
            "Something that the entry names is not there: a role (--map-role, --no-owner), a type, or an extension's object."
        }
        "23503" => {
            "Rows refer to rows that are not there: the source was inconsistent, or the selection left the other table out."
        }
        _ => return None,
    };
    Some(hint.into())
}
