//! Under which settings rows were read, and under which code of a database runs.

use std::collections::BTreeMap;

use crate::pg;
use crate::pg::ambience::{self, HEEDED_BY_CODE, SHAPES_ROWS};
use crate::pg::connect::Session;
use crate::pg::connect::settings::{self, Purpose};
use crate::pg::conninfo::Conninfo;
use crate::repo::Manifest;
use crate::repo::manifest::Settings;
use crate::rows::cargo::Cargo;

/// What PostgreSQL calls the encoding of a database that knows none.
const NO_ENCODING: &str = "SQL_ASCII";

type Pairs = Vec<(String, String)>;

/// What a manifest records of a source.
pub(super) async fn of_source(source: &Conninfo) -> Result<Settings, pg::Error> {
    let mut sessions = ambience::of(source).await?;
    sessions.retain(|name, _| HEEDED_BY_CODE.contains(&name.as_str()));
    let rows = settings::of_rows().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Settings { rows, sessions })
}

/// Under which settings the digests of rows were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadUnder {
    /// Those that all our sessions have, but for these.
    Known(Pairs),
    /// Nobody wrote it down: those of a session of its time. It may have been in one of these time zones.
    Unknown { zones: Vec<String> },
}

impl From<&Manifest> for ReadUnder {
    fn from(manifest: &Manifest) -> Self {
        match &manifest.settings {
            Some(settings) => ReadUnder::Known(beyond_pins(&settings.rows)),
            None => ReadUnder::Unknown { zones: recorded_zones(manifest) },
        }
    }
}

/// What a program that pinned other values wrote. A name that is none of these is not obeyed.
fn beyond_pins(rows: &BTreeMap<String, String>) -> Pairs {
    let differs = |(name, value): &(&String, &String)| {
        settings::pin_of(name).is_some_and(|pin| pin.purpose == Purpose::Rows && pin.value != value.as_str())
    };
    rows.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Time zones that the database or one of its roles was given.
fn recorded_zones(manifest: &Manifest) -> Vec<String> {
    let of_roles = manifest.role_settings.iter().flat_map(|setting| &setting.settings);
    let zone = |setting: &String| {
        let (name, value) = setting.split_once('=')?;
        name.eq_ignore_ascii_case("timezone").then(|| value.to_owned())
    };
    distinct(manifest.database.settings.iter().chain(of_roles).filter_map(zone))
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

impl ReadUnder {
    /// What to set before rows are read, the most probable first. Asks the database where nothing was recorded.
    pub(super) async fn candidates(&self, database: &Conninfo) -> Result<Vec<Pairs>, pg::Error> {
        let zones = match self {
            ReadUnder::Known(pairs) => return Ok(vec![pairs.clone()]),
            ReadUnder::Unknown { zones } => zones,
        };
        let own = ambience::of(database).await?;
        let first = own.get("TimeZone").cloned();
        let money = own.get_key_value("lc_monetary").map(|(name, value)| (name.clone(), value.clone()));
        let under = |zone: String| {
            let pairs: Pairs = [("TimeZone".to_owned(), zone)].into_iter().chain(money.clone()).collect();
            pairs
        };
        let all = first.into_iter().chain(zones.iter().cloned()).chain(["UTC".to_owned()]);
        Ok(distinct(all).into_iter().map(under).collect())
    }
}

/// What the sessions of a restore are set to, beside what all of ours are.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    /// As rows were written, and as code of the database expects it; in this order.
    all: Pairs,
    /// For proofs: what of `all` digests were not taken under.
    rows: Pairs,
}

impl Surroundings {
    /// What cannot be had in this database is left as it is, and told. The session keeps nothing of it.
    pub async fn of(cargo: &Cargo, session: &Session) -> Result<(Self, Vec<String>), pg::Error> {
        let (mut surroundings, told) = Self::of_settings(cargo, session).await?;
        if (cargo.database.encoding.as_str(), session.server_encoding()) == (NO_ENCODING, NO_ENCODING) {
            // Values are bytes of no encoding; under another they would have to be text of it.
            surroundings.all.push(("client_encoding".to_owned(), NO_ENCODING.to_owned()));
        }
        Ok((surroundings, told))
    }

    async fn of_settings(cargo: &Cargo, session: &Session) -> Result<(Self, Vec<String>), pg::Error> {
        let Some(settings) = &cargo.settings else {
            // As it was when such snapshots were written: sessions had what the target gave them.
            let own = ambience::of(session.conninfo()).await?;
            let all = own.into_iter().collect();
            return Ok((Self { all, rows: Vec::new() }, Vec::new()));
        };
        let beyond = beyond_pins(&settings.rows);
        let (mut all, mut rows, mut told) = (beyond.clone(), Vec::new(), Vec::new());
        for name in HEEDED_BY_CODE {
            let Some(value) = settings.sessions.get(name) else { continue };
            let pair = [(name.to_owned(), value.clone())];
            let sql = format!("BEGIN; {} ROLLBACK", ambience::statement(&pair).unwrap_or_default());
            match session.run("a setting", &sql).await {
                Ok(()) => {}
                Err(error @ pg::Error::Server { .. }) => {
                    session.run("a rollback", "ROLLBACK").await?;
                    let reason = error.server_message().map_or(String::new(), |message| message.message.clone());
                    told.push(format!(
                        "the source's sessions have {name} = {value}, which cannot be set here ({reason}): values that the database's code computed during the restore may differ"
                    ));
                    continue;
                }
                Err(error) => return Err(error),
            }
            let [pair] = pair;
            all.push(pair);
            if SHAPES_ROWS.contains(&name) {
                let of_rows = beyond.iter().find(|(beyond, _)| beyond == name).cloned();
                let pinned = || settings::pin_of(name).map(|pin| (name.to_owned(), pin.value.to_owned()));
                rows.extend(of_rows.or_else(pinned).filter(|(_, of_rows)| of_rows != value));
            }
        }
        Ok((Self { all, rows }, told))
    }

    /// For rows that are written, and code that runs.
    pub fn statement(&self) -> String {
        ambience::statement(&self.all).unwrap_or_default()
    }

    /// For rows that are read, where that differs.
    pub fn for_proof(&self) -> Option<String> {
        ambience::statement(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_shape_rows_are_obeyed_and_only_where_they_differ() {
        let recorded = [
            ("TimeZone", "Asia/Tokyo"),
            ("DateStyle", "ISO, MDY"),
            ("session_preload_libraries", "evil"),
            ("role", "postgres"),
        ];
        let recorded = recorded.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        assert_eq!(beyond_pins(&recorded), [("TimeZone".to_owned(), "Asia/Tokyo".to_owned())]);
    }
}
