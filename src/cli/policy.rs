//! `pgkeep run`: the policy, the switches and the environment together.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::common::{Common, Given};
use super::database::conninfo;
use super::report;
use crate::command::selecting::Patterns;
use crate::command::suspicion::Shrink;
use crate::command::{Error, backup, password, policy_file, prune};
use crate::pg::catalog::Passwords;
use crate::pg::conninfo::Conninfo;
use crate::policy::{PasswordSource, Policy};
use crate::repo::keys::KeyKind;
use crate::repo::{KeyError, ReadingKey, Repository, WriterKey};
use crate::retention::Scope;
use crate::store::Access;

/// --repo and --writer-key come before what the policy says, and the policy before the environment.
#[derive(Args)]
pub struct Run {
    /// The policy file; other users must not be able to write it
    #[arg(value_name = "POLICY.toml")]
    pub policy: PathBuf,
    /// Show what the run would do; connect to nothing and write nothing
    #[arg(long)]
    pub check: bool,
    /// For this run, accept that there is much less data than in the last snapshot, or none, whatever the policy says
    #[arg(long)]
    pub accept_shrink: bool,
}

/// What one run of a policy does.
pub struct Plan {
    path: PathBuf,
    policy: Policy,
    source: Conninfo,
    repository: String,
    writer_key: PathBuf,
    pg_bin: Option<PathBuf>,
    shrink: Shrink,
}

/// What `run --check` prints.
#[derive(Serialize)]
pub struct Outline {
    pub policy: PathBuf,
    pub database: String,
    pub servers: Vec<String>,
    pub user: String,
    /// `password_file PATH`, `password_command PROGRAM`, or null: where libpq looks.
    pub password: Option<String>,
    pub schemas: Vec<String>,
    pub exclude_schemas: Vec<String>,
    pub tables: Vec<String>,
    pub exclude_tables: Vec<String>,
    pub repository: String,
    pub writer_key: PathBuf,
    pub jobs: u16,
    pub level: i32,
    /// Seconds.
    pub lock_wait_timeout: u32,
    pub role_passwords: bool,
    pub accept_shrink: bool,
    pub pg_bin: Option<PathBuf>,
    pub tags: Vec<String>,
    /// Null: nothing is forgotten.
    pub retention: Option<RetentionOutline>,
    /// What keeps the policy from being run as it stands, as far as files of this host tell.
    pub problems: Vec<Problem>,
}

/// A file or key that the policy names and that will not do.
#[derive(Debug, Serialize)]
pub struct Problem {
    pub what: String,
    pub hint: Option<String>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let what = [error.to_string()].into_iter().chain(report::causes(&error)).collect::<Vec<_>>().join(": ");
        Self { what, hint: error.hint() }
    }
}

/// What is forgotten after the backup.
#[derive(Serialize)]
pub struct RetentionOutline {
    /// As people read it: `7 daily, 4 weekly`.
    pub keep: String,
    pub grace_hours: u64,
    pub time_zone: String,
}

impl Plan {
    /// Reads the policy and the connection settings. A switch comes before the policy, the policy before the environment.
    pub fn read(common: &Common, args: &Run) -> Result<Self, Error> {
        let path = &args.policy;
        let policy = policy_file::read(path)?;
        let repository = match common.repo_given {
            Given::Typed => common.repo.clone(),
            Given::Otherwise => policy.repository.clone().or_else(|| common.repo.clone()),
        };
        let writer_key = match common.writer_key_given {
            Given::Typed => common.writer_key.clone(),
            Given::Otherwise => policy.writer_key.clone().or_else(|| common.writer_key.clone()),
        };
        let pg_bin = policy.pg_bin.clone().or_else(|| std::env::var_os("PGKEEP_PG_BIN").map(PathBuf::from));
        Ok(Self {
            path: path.to_owned(),
            source: conninfo(Some(&policy.dsn))?,
            repository: repository.ok_or_else(|| Error::Usage {
                what: format!("the policy {} has no repository", path.display()),
                hint: Some(
                    "Write url = \"file:///path\" or \"s3://bucket/prefix\" under [repository], or use --repo URL or PGKEEP_REPO."
                        .into(),
                ),
            })?,
            writer_key: writer_key.ok_or(KeyError::NotGiven { kind: KeyKind::Writer })?,
            pg_bin,
            shrink: if args.accept_shrink || policy.accept_shrink { Shrink::Accept } else { Shrink::Suspect },
            policy,
        })
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn writer_key(&self) -> &Path {
        &self.writer_key
    }

    /// Fetches the password, which may run the policy's program.
    pub async fn options(&self) -> Result<backup::Options, Error> {
        let policy = &self.policy;
        let password = match &policy.password {
            PasswordSource::Libpq => None,
            PasswordSource::File(path) => Some(password::from_file(path)?),
            PasswordSource::Command { program, arguments } => {
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
                Some(password::from_command(program, arguments, folder.unwrap_or(Path::new("."))).await?)
            }
        };
        let source = match password {
            None => self.source.clone(),
            Some((secret, origin)) => self.source.clone().with_password(secret, &origin),
        };
        Ok(backup::Options {
            source,
            patterns: self.patterns(),
            jobs: usize::from(policy.jobs),
            level: policy.level,
            lock_timeout_ms: u64::from(policy.lock_wait_timeout) * 1000,
            passwords: if policy.role_passwords { Passwords::Read } else { Passwords::Leave },
            shrink: self.shrink,
            pg_bin: self.pg_bin.clone(),
            tags: policy.tags.clone(),
            time: None,
        })
    }

    /// What is forgotten after the backup; none where the policy has no [retention]. Another policy's snapshots are left to it.
    pub fn prune_options(&self, backup: &backup::Report) -> Option<prune::Options> {
        let retention = self.policy.retention.as_ref()?;
        Some(prune::Options {
            rules: retention.rules.clone(),
            scope: Scope::Only(prune::group(&backup.database, &self.patterns().into())),
            zone: retention.time_zone,
            grace: retention.grace,
            action: prune::Action::Prune,
        })
    }

    /// Looks at the files that the policy names. Nothing is connected to, run or written.
    pub async fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        match WriterKey::read(&self.writer_key) {
            Err(error) => problems.push(Error::from(error).into()),
            // A bucket is somewhere else.
            Ok(_) if self.repository.starts_with("s3://") => {}
            Ok(key) => {
                let opened = Repository::open(&self.repository, ReadingKey::from(&key), Access::Read).await;
                problems.extend(opened.err().map(|error| Error::from(error).into()));
            }
        }
        let looked_at = match &self.policy.password {
            PasswordSource::Libpq => Ok(()),
            PasswordSource::File(path) => password::from_file(path).map(drop),
            PasswordSource::Command { program, .. } => password::find_program(program),
        };
        problems.extend(looked_at.err().map(|error| Error::from(error).into()));
        let pg_dump = self.pg_bin.as_ref().map(|folder| folder.join("pg_dump")).filter(|pg_dump| !pg_dump.exists());
        problems.extend(pg_dump.map(|pg_dump| Problem {
            what: format!("{} does not exist", pg_dump.display()),
            hint: Some(
                "pg_bin names the folder of pg_dump; without it, pgkeep uses a suitable one on this machine.".into(),
            ),
        }));
        problems
    }

    fn patterns(&self) -> Patterns {
        let policy = &self.policy;
        Patterns {
            schemas: policy.schemas.clone(),
            exclude_schemas: policy.exclude_schemas.clone(),
            tables: policy.tables.clone(),
            exclude_tables: policy.exclude_tables.clone(),
        }
    }

    pub async fn outline(&self) -> Outline {
        let problems = self.problems().await;
        let policy = self.policy.clone();
        Outline {
            policy: self.path.clone(),
            database: self.source.database().to_owned(),
            servers: self.source.endpoints().iter().map(ToString::to_string).collect(),
            user: self.source.user().to_owned(),
            password: match policy.password {
                PasswordSource::Libpq => None,
                PasswordSource::File(path) => Some(format!("password_file {}", path.display())),
                PasswordSource::Command { program, .. } => Some(format!("password_command {}", program.display())),
            },
            schemas: policy.schemas,
            exclude_schemas: policy.exclude_schemas,
            tables: policy.tables,
            exclude_tables: policy.exclude_tables,
            repository: self.repository.clone(),
            writer_key: self.writer_key.clone(),
            jobs: policy.jobs,
            level: policy.level,
            lock_wait_timeout: policy.lock_wait_timeout,
            role_passwords: policy.role_passwords,
            accept_shrink: self.shrink == Shrink::Accept,
            pg_bin: self.pg_bin.clone(),
            tags: policy.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            retention: policy.retention.map(|retention| RetentionOutline {
                keep: retention.rules.to_string(),
                grace_hours: retention.grace.duration().as_secs() / 3600,
                time_zone: retention.time_zone.to_string(),
            }),
            problems,
        }
    }
}
