//! The databases that the arguments name.

use super::progress::undisturbed;
use super::{output, visible};
use crate::command::Error;
use crate::pg::conninfo::{Conninfo, DatabaseChoice, Environment};

/// A database that is written into: whichever the environment happens to name may be the one that must not be touched.
pub fn target(dsn: Option<&str>, switch: &str) -> Result<Conninfo, Error> {
    let info = conninfo(dsn)?;
    match info.database_choice() {
        DatabaseChoice::Named => Ok(info),
        DatabaseChoice::Surroundings => Err(Error::Usage {
            what: format!("{switch} does not name the database to write into"),
            hint: Some(format!(
                "Write {switch} NAME, or add dbname=NAME. PGDATABASE and the user name, which mean {} here, are not used for this.",
                info.database()
            )),
        }),
    }
}

/// A database that is read. Where nothing names one, libpq takes the one that is called as the user: rarely the one that is meant.
pub fn source(dsn: Option<&str>) -> Result<Conninfo, Error> {
    let info = conninfo(dsn)?;
    let is_named = std::env::var_os("PGDATABASE").is_some_and(|name| !name.is_empty());
    if info.database_choice() == DatabaseChoice::Surroundings && !is_named {
        let _undisturbed = undisturbed();
        let database = visible::line(info.database());
        output::to_stderr(&format!(
            "pgkeep: note: no database was named, so the one with the user's name is taken: {database}; -d NAME names another one\n"
        ));
    }
    Ok(info)
}

pub fn conninfo(dsn: Option<&str>) -> Result<Conninfo, Error> {
    let info = Conninfo::resolve(dsn, &Environment::from_process())?;
    for warning in info.warnings() {
        let _undisturbed = undisturbed();
        output::to_stderr(&format!("pgkeep: warning: {}\n", visible::line(&warning.to_string())));
    }
    Ok(info)
}
