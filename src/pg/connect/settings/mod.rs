//! What is decided about each setting that a session may have: pinned to a value, or why it cannot matter.
//!
//! Roles, databases and servers have settings of their own, and so may the two ends of a copy. A session of ours has the values below
//! from its start on: they travel in the start-up packet, where they win over those of roles and databases before the first statement
//! runs, and are set once more after the log-in, for a pooler may refuse that packet's `options` or forget them.
//!
//! `tests/server/settings.rs` asks each version of PostgreSQL for its settings and fails for one that is not listed here.

mod left;

pub use left::LEFT;

use crate::pg::error::Error;
use crate::pg::quoting::quote_literal;

/// A setting that our sessions have in a value of ours.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    pub name: &'static str,
    pub value: &'static str,
    pub purpose: Purpose,
    pub known: Known,
}

/// What goes wrong without the pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It would end our sessions, or forbid what they are there for. Pinned also where a session stands for one of an application.
    Way,
    /// It shapes the text of values, as COPY sends it. A manifest records these.
    Rows,
    /// It decides what a statement, a name or a value that is read means, which rows are seen, or in which order.
    Meaning,
}

/// Which servers take it, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Every server of these versions, from every role.
    Always,
    /// Not every release: set after the log-in, where the server has it.
    BySome,
    /// Servers from this version (`server_version_num`) on. One that ended a session by it is told in the next start-up packet.
    Since(u32),
    /// A superuser alone may change it, so most sessions must find it as it has to be.
    BySuperuser,
}

const fn pin(name: &'static str, value: &'static str, purpose: Purpose, known: Known) -> Pin {
    Pin { name, value, purpose, known }
}

use Known::{Always, BySome, BySuperuser, Since};
use Purpose::{Meaning, Rows, Way};

/// `client_encoding` is UTF8 by the driver, or SQL_ASCII where the database has no encoding, and COPY names its own; `client_connection_check_interval` is set where the platform can do it.
pub const PINNED: &[Pin] = &[
    pin("statement_timeout", "0", Way, Always),
    pin("lock_timeout", "0", Way, Always),
    pin("idle_in_transaction_session_timeout", "0", Way, Always),
    pin("idle_session_timeout", "0", Way, Always),
    pin("transaction_timeout", "0", Way, Since(170_000)),
    pin("default_transaction_read_only", "off", Way, Always),
    pin("default_transaction_isolation", "read committed", Way, Always),
    pin("default_transaction_deferrable", "off", Way, Always),
    // An error that is expected would end the session.
    pin("exit_on_error", "off", Way, Always),
    // Somebody else than the operator named.
    pin("role", "none", Meaning, Always),
    pin("DateStyle", "ISO, MDY", Rows, Always),
    pin("IntervalStyle", "postgres", Rows, Always),
    pin("TimeZone", "UTC", Rows, Always),
    pin("extra_float_digits", "3", Rows, Always),
    pin("bytea_output", "hex", Rows, Always),
    // The number of decimals, and the currency's sign.
    pin("lc_monetary", "C", Rows, Always),
    // Names of tables, functions and types that are values (regclass) are written as identifiers.
    pin("quote_all_identifiers", "off", Rows, Always),
    pin("search_path", "", Rows, Always),
    // Policies must not thin out rows in silence: the server refuses instead.
    pin("row_security", "off", Meaning, Always),
    // A scan that begins where another one happens to be would read rows in another order each night.
    pin("synchronize_seqscans", "off", Meaning, Always),
    // Without it, each part of a large table is a scan of the whole.
    pin("enable_tidscan", "on", Meaning, Always),
    // Planning a query would compute the checks of the table, which call code of its owner.
    pin("constraint_exclusion", "off", Meaning, Always),
    // Compiling a question to the catalogs takes a hundred times as long as to answer it.
    pin("jit", "off", Meaning, Always),
    // A search that returns some of the rows, at random.
    pin("gin_fuzzy_search_limit", "0", Meaning, Always),
    pin("array_nulls", "on", Meaning, Always),
    pin("backslash_quote", "safe_encoding", Meaning, Always),
    pin("standard_conforming_strings", "on", Meaning, Always),
    pin("transform_null_equals", "off", Meaning, Always),
    pin("xmlbinary", "base64", Meaning, Always),
    pin("xmloption", "content", Meaning, Always),
    // A restore of definitions turns it off for its own sessions.
    pin("check_function_bodies", "on", Meaning, Always),
    pin("default_table_access_method", "heap", Meaning, Always),
    pin("default_tablespace", "", Meaning, Always),
    // More would be a flood, less would hide what a report tells.
    pin("client_min_messages", "notice", Meaning, Always),
    // Roles that a restore makes would be granted to the one who makes them.
    pin("createrole_self_grant", "", Meaning, BySome),
    pin("icu_validation_level", "warning", Meaning, BySome),
    // Views could not be read. Sessions that read nothing but tables set it themselves: `pg/tables_alone.rs`.
    pin("restrict_nonsystem_relation_kind", "", Meaning, BySome),
    // Damaged pages would be read as empty ones, or as they are.
    pin("zero_damaged_pages", "off", Meaning, BySuperuser),
    pin("ignore_checksum_failure", "off", Meaning, BySuperuser),
    // Triggers, those of the fence as well, would not fire.
    pin("session_replication_role", "origin", Meaning, BySuperuser),
];

/// For whom a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// For this program: everything is pinned.
    ForUs,
    /// For a user of the database, whose code and questions mean what they mean there. Only what would end the session is pinned.
    ForUser,
}

/// How a session gets its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Startup {
    /// With the start-up packet.
    Options,
    /// The same for a server of this version, whose time-outs end sessions before a statement can forbid it.
    OptionsOf(u32),
    /// By statements alone: something on the way refuses the packet's `options`.
    Statements,
}

impl Startup {
    /// How to begin the next session, where this one ended with an error that its beginning explains.
    pub fn instead(self, error: &Error) -> Option<Self> {
        if matches!(error, Error::Setting { .. }) {
            return None;
        }
        match (self, error.sqlstate()) {
            // A message that went out when the session had just ended keeps its last words from being read.
            (Self::Options, None) if matches!(error, Error::ConnectionLost { .. }) => Some(Self::OptionsOf(170_000)),
            // protocol_violation (pgbouncer), feature_not_supported, undefined_object, invalid_parameter_value, insufficient_privilege
            (Self::Options | Self::OptionsOf(_), Some("08P01" | "0A000" | "42704" | "22023" | "42501")) => {
                Some(Self::Statements)
            }
            // transaction_timeout, which came with PostgreSQL 17
            (Self::Options, Some("25P04")) => Some(Self::OptionsOf(170_000)),
            _ => None,
        }
    }
}

fn pins(stands: Stands) -> impl Iterator<Item = &'static Pin> {
    PINNED.iter().filter(move |pin| stands == Stands::ForUs || pin.purpose == Purpose::Way)
}

/// The operator's own choice of a role is no setting of others.
fn names_role(operators: Option<&str>) -> bool {
    operators.is_some_and(|options| options.contains("role="))
}

/// The `options` of a start-up packet or of `PGOPTIONS`: the operator's, and ours, which win. `heeded` are pins that the server is asked for as
/// it has them.
pub fn startup_options(operators: Option<&str>, stands: Stands, startup: Startup, heeded: &[&str]) -> Option<String> {
    let version = match startup {
        Startup::Statements => return operators.map(str::to_owned),
        Startup::Options => 0,
        Startup::OptionsOf(version) => version,
    };
    let travels = |pin: &&Pin| match pin.known {
        Always => !(heeded.contains(&pin.name) || pin.name == "role" && names_role(operators)),
        Since(since) => version >= since,
        BySome | BySuperuser => false,
    };
    let own = pins(stands).filter(travels).map(|pin| format!("-c {}={}", pin.name, escaped(pin.value)));
    Some(operators.map(str::to_owned).into_iter().chain(own).collect::<Vec<_>>().join(" "))
}

/// As `pg_split_opts` of the server reads it: spaces part, a backslash keeps what follows.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// The same as statements, and a question: each row with a column [`IN_THE_WAY`] names a setting that is not as it has to be.
pub fn statements(operators: Option<&str>, stands: Stands) -> String {
    let skips_role = names_role(operators);
    let of = |known: fn(Known) -> bool| {
        pins(stands).filter(move |pin| known(pin.known) && !(pin.name == "role" && skips_role)).collect::<Vec<_>>()
    };
    let rows = |pins: Vec<&Pin>| {
        let row = |pin: &&Pin| format!("({}, {})", quote_literal(pin.name), quote_literal(pin.value));
        format!("(VALUES {}) AS s (name, value)", pins.iter().map(row).collect::<Vec<_>>().join(", "))
    };
    // Not SET, to which an empty search_path is a schema without a name.
    let always = of(|known| known == Always);
    let set = |pin: &&Pin| set_config(pin.name, pin.value);
    let mut sql = format!("SELECT {};", always.iter().map(set).collect::<Vec<_>>().join(", "));
    sql.push_str(&format!(
        "SELECT pg_catalog.set_config(s.name, s.value, false) FROM {} WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL;",
        rows(of(|known| matches!(known, BySome | Since(_))))
    ));
    let to_find = of(|known| known == BySuperuser);
    if !to_find.is_empty() {
        sql.push_str(&format!(
            "SELECT s.name AS {IN_THE_WAY}, pg_catalog.current_setting(s.name, true) FROM {} WHERE pg_catalog.current_setting(s.name, true) <> s.value",
            rows(to_find)
        ));
    }
    sql
}

/// The column of [`statements`] that names a setting.
pub const IN_THE_WAY: &str = "pgkeep_in_the_way";

/// The call that sets a setting for the session.
pub fn set_config(name: &str, value: &str) -> String {
    format!("pg_catalog.set_config({}, {}, false)", quote_literal(name), quote_literal(value))
}

/// The pin of a setting.
pub fn pin_of(name: &str) -> Option<&'static Pin> {
    PINNED.iter().find(|pin| pin.name.eq_ignore_ascii_case(name))
}

/// What shapes the text of rows: names and values.
pub fn of_rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    PINNED.iter().filter(|pin| pin.purpose == Purpose::Rows).map(|pin| (pin.name, pin.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_decided_twice() {
        let pinned = PINNED.iter().map(|pin| pin.name);
        let mut names: Vec<String> =
            pinned.chain(LEFT.iter().flat_map(|(_, names)| names.iter().copied())).map(str::to_lowercase).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_operators_options_come_first_and_their_role_is_kept() {
        let options =
            startup_options(Some("-c role=owner -c TimeZone=Asia/Tokyo"), Stands::ForUs, Startup::Options, &[]);
        let options = options.unwrap();
        assert!(options.starts_with("-c role=owner -c TimeZone=Asia/Tokyo -c statement_timeout=0 "), "{options}");
        assert!(options.contains(" -c TimeZone=UTC ") && !options.contains("role=none"), "{options}");
        assert!(options.contains(" -c DateStyle=ISO,\\ MDY "), "{options}");
        assert!(
            !options.contains("transaction_timeout=0 -c default") && !options.contains("zero_damaged"),
            "{options}"
        );
        assert!(!statements(Some("-c role=owner"), Stands::ForUs).contains("'none'"));
        assert!(statements(None, Stands::ForUs).contains("set_config('role', 'none', false)"));
    }

    #[test]
    fn a_server_whose_time_outs_come_first_is_told_in_the_packet() {
        let options = startup_options(None, Stands::ForUs, Startup::OptionsOf(170_004), &[]).unwrap();
        assert!(options.contains("-c transaction_timeout=0"), "{options}");
        let options = startup_options(None, Stands::ForUs, Startup::OptionsOf(160_004), &[]).unwrap();
        assert!(!options.contains("-c transaction_timeout=0"), "{options}");
    }

    #[test]
    fn a_users_session_keeps_what_shapes_values() {
        let options = startup_options(None, Stands::ForUser, Startup::Options, &[]).unwrap();
        assert!(options.contains("idle_session_timeout=0") && !options.contains("TimeZone"), "{options}");
    }
}
