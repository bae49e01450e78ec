//! The databases that the arguments name.

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

pub fn conninfo(dsn: Option<&str>) -> Result<Conninfo, Error> {
    let info = Conninfo::resolve(dsn, &Environment::from_process())?;
    for warning in info.warnings() {
        output::to_stderr(&format!("pgkeep: warning: {}\n", visible::line(&warning.to_string())));
    }
    Ok(info)
}
