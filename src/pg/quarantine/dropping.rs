//! Schemas and all that is in them, dropped without CASCADE: what nothing else inside needs goes first, and PostgreSQL itself refuses
//! where something outside still needs what is to go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::census;
use super::inside::inside;
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::quoting::quote_identifier;

/// Catalog and oid.
type Address = (u32, u32);

/// A thing that is dropped by a statement of its own, parts and all.
struct Unit {
    /// `MATERIALIZED VIEW`
    kind: &'static str,
    /// As the statement takes it.
    name: String,
}

/// One statement drops any number of these.
const TOGETHER: &[&str] = &[
    "TABLE",
    "VIEW",
    "MATERIALIZED VIEW",
    "FOREIGN TABLE",
    "SEQUENCE",
    "ROUTINE",
    "TYPE",
    "OPERATOR",
    "EXTENSION",
    "STATISTICS",
    "COLLATION",
];

/// Drops the schemas within the session's transaction. What PostgreSQL says is in the way comes back, and then the transaction has failed
/// or must not be committed.
pub async fn drop_all(session: &Session, schemas: &[&str]) -> Result<Vec<String>, Error> {
    session.run("a setting", "SET jit = off").await?;
    let addresses = addresses(session, schemas).await?;
    let mut graph = Graph::read(session, schemas, &addresses).await?;
    loop {
        let mut moved = false;
        for kind in graph.kinds() {
            let free = graph.free(kind);
            for sql in statements(kind, &free.iter().map(|unit| graph.units[unit].name.as_str()).collect::<Vec<_>>()) {
                if let Some(refused) = refused(session.run("dropping what is in the old schemas", &sql).await)? {
                    return Ok(refused);
                }
            }
            moved |= !free.is_empty();
            graph.take(&free);
        }
        if !moved {
            break;
        }
    }
    let names: Vec<String> = schemas.iter().map(|name| quote_identifier(name)).collect();
    let sql = format!("DROP SCHEMA IF EXISTS {}", names.join(", "));
    if graph.units.is_empty() {
        if let Some(refused) = refused(session.run("dropping the old schemas", &sql).await)? {
            return Ok(refused);
        }
    } else {
        // What is left needs one another across kinds (a type and its functions): no order is right, so the rest is counted.
        let before = census::outside(session, &addresses).await?;
        session.run("dropping the old schemas", &format!("{sql} CASCADE")).await?;
        let after = census::outside(session, &addresses).await?;
        if before != after {
            let differs = before.iter().filter(|(catalog, count)| after.get(*catalog) != Some(count));
            return Ok(differs
                .map(|(catalog, _)| format!("something outside that would go along (in {catalog})"))
                .collect());
        }
    }
    let missed = missed(session, &addresses).await?;
    if missed.is_empty() { dangling(session, &addresses).await } else { Ok(missed) }
}

/// What PostgreSQL names as depending; none where the statement did what it should.
fn refused(done: Result<(), Error>) -> Result<Option<Vec<String>>, Error> {
    match done {
        Ok(()) => Ok(None),
        // dependent_objects_still_exist
        Err(error) if error.sqlstate() == Some("2BP01") => {
            let said = error.server_message();
            let lines = said.and_then(|said| said.detail.clone().or_else(|| Some(said.message.clone())));
            Ok(Some(lines.unwrap_or_default().lines().map(str::to_owned).collect()))
        }
        Err(error) => Err(error),
    }
}

fn statements(kind: &str, names: &[&str]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    match TOGETHER.contains(&kind) {
        true => vec![format!("DROP {kind} {}", names.join(", "))],
        false => names.iter().map(|name| format!("DROP {kind} {name}")).collect(),
    }
}

async fn addresses(session: &Session, schemas: &[&str]) -> Result<BTreeSet<Address>, Error> {
    let sql = format!("WITH RECURSIVE {} SELECT classid, objid FROM inside", inside(session.server_version_num()));
    let rows = session.rows("what the old schemas hold", &sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What was to be dropped and is still there: something else had its name by then.
async fn missed(session: &Session, listed: &BTreeSet<Address>) -> Result<Vec<String>, Error> {
    let (classes, objects): (Vec<u32>, Vec<u32>) = listed.iter().copied().unzip();
    let sql = "SELECT DISTINCT pg_catalog.format('%s %s (another object was in its place)', who.type, who.identity)
        FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) AS listed (classid, objid)
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(listed.classid, listed.objid, 0) AS who WHERE who.identity IS NOT NULL ORDER BY 1";
    let rows = session.rows("what of the old schemas is still there", sql, &[&classes, &objects]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Objects that by now refer to what is gone: somebody made them meanwhile.
async fn dangling(session: &Session, gone: &BTreeSet<Address>) -> Result<Vec<String>, Error> {
    let (classes, objects): (Vec<u32>, Vec<u32>) = gone.iter().copied().unzip();
    let sql = "SELECT DISTINCT pg_catalog.format('%s %s', who.type, who.identity) FROM pg_catalog.pg_depend d
        JOIN ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) AS gone (classid, objid)
            ON gone.classid = d.refclassid AND gone.objid = d.refobjid
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS who ORDER BY 1";
    let rows = session.rows("what needs what is gone", sql, &[&classes, &objects]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What is still there, and who must go before whom.
struct Graph {
    units: BTreeMap<Address, Unit>,
    /// Those that a unit needs.
    needs: HashMap<Address, HashSet<Address>>,
    needed_by: HashMap<Address, HashSet<Address>>,
}

impl Graph {
    async fn read(session: &Session, schemas: &[&str], addresses: &BTreeSet<Address>) -> Result<Self, Error> {
        let mut units = BTreeMap::new();
        let fault = |error| session.fault("what the old schemas hold", error);
        for (kind, from, name, which) in UNITS {
            let catalog = from.split(' ').next().unwrap_or_default();
            let sql = format!(
                "WITH RECURSIVE {} SELECT i.classid, i.objid, pg_catalog.format({name}) FROM pg_catalog.{from}
                JOIN inside i ON i.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND i.objid = o.oid WHERE {which}",
                inside(session.server_version_num())
            );
            for row in session.client().query(&sql, &[&schemas]).await.map_err(fault)? {
                units.insert((row.get(0), row.get(1)), Unit { kind, name: row.get(2) });
            }
        }
        let sql = format!(
            "WITH RECURSIVE {} SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.deptype::text
            FROM pg_catalog.pg_depend d JOIN inside a ON a.classid = d.classid AND a.objid = d.objid
            JOIN inside b ON b.classid = d.refclassid AND b.objid = d.refobjid
            WHERE d.refclassid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass AND (d.classid, d.objid) <> (d.refclassid, d.refobjid)",
            inside(session.server_version_num())
        );
        let mut edges = Vec::new();
        let mut whole: HashMap<Address, Address> = HashMap::new();
        for row in session.client().query(&sql, &[&schemas]).await.map_err(fault)? {
            let (from, to): (Address, Address) = ((row.get(0), row.get(1)), (row.get(3), row.get(4)));
            let (part, deptype): (i32, String) = (row.get(2), row.get(5));
            if part == 0 && matches!(deptype.as_str(), "i" | "e" | "P" | "S" | "a") {
                whole.insert(from, to);
            }
            edges.push((from, to));
        }
        let unit_of = |address: Address| {
            let mut at = address;
            // The catalog has no circles, a damaged one might.
            for _ in 0..100 {
                match whole.get(&at) {
                    Some(up) => at = *up,
                    None => break,
                }
            }
            at
        };
        let tops: HashSet<Address> = addresses.iter().map(|address| unit_of(*address)).collect();
        units.retain(|address, _| tops.contains(address));
        let (mut needs, mut needed_by): (HashMap<_, HashSet<_>>, HashMap<_, HashSet<_>>) = Default::default();
        for (from, to) in edges {
            let (from, to) = (unit_of(from), unit_of(to));
            if from != to && units.contains_key(&from) && units.contains_key(&to) {
                needs.entry(from).or_default().insert(to);
                needed_by.entry(to).or_default().insert(from);
            }
        }
        Ok(Self { units, needs, needed_by })
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.units.values().map(|unit| unit.kind).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The units of one kind that can go together now: whatever needs one of them is among them.
    fn free(&self, kind: &str) -> BTreeSet<Address> {
        let of_kind = self.units.iter().filter(|(_, unit)| unit.kind == kind).map(|(address, _)| *address);
        let mut free: BTreeSet<Address> = of_kind.collect();
        if !TOGETHER.contains(&kind) {
            free.retain(|unit| self.needed_by.get(unit).is_none_or(HashSet::is_empty));
            return free;
        }
        let outside = |unit: &Address, free: &BTreeSet<Address>| {
            self.needed_by.get(unit).is_some_and(|by| by.iter().any(|by| !free.contains(by)))
        };
        let mut held: Vec<Address> = free.iter().filter(|unit| outside(unit, &free)).copied().collect();
        while let Some(unit) = held.pop() {
            if free.remove(&unit) {
                held.extend(self.needs.get(&unit).into_iter().flatten().filter(|needed| free.contains(needed)));
            }
        }
        free
    }

    fn take(&mut self, gone: &BTreeSet<Address>) {
        for unit in gone {
            self.units.remove(unit);
            self.needed_by.remove(unit);
            for needed in self.needs.remove(unit).into_iter().flatten() {
                if let Some(by) = self.needed_by.get_mut(&needed) {
                    by.remove(unit);
                }
            }
        }
    }
}

/// What can be dropped by itself: its kind; the catalog; how a statement names a row `o` of it, in the schema `n`; which rows.
const UNITS: &[(&str, &str, &str, &str)] = &[
    (
        "TABLE",
        "pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        "'%I.%I', n.nspname, o.relname",
        "o.relkind IN ('r', 'p')",
    ),
    (
        "VIEW",
        "pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        "'%I.%I', n.nspname, o.relname",
        "o.relkind = 'v'",
    ),
    (
        "MATERIALIZED VIEW",
        "pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        "'%I.%I', n.nspname, o.relname",
        "o.relkind = 'm'",
    ),
    (
        "FOREIGN TABLE",
        "pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        "'%I.%I', n.nspname, o.relname",
        "o.relkind = 'f'",
    ),
    (
        "SEQUENCE",
        "pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace",
        "'%I.%I', n.nspname, o.relname",
        "o.relkind = 'S'",
    ),
    ("ROUTINE", "pg_proc o", "'%s', o.oid::pg_catalog.regprocedure", "true"),
    (
        "TYPE",
        "pg_type o JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace",
        "'%I.%I', n.nspname, o.typname",
        "true",
    ),
    ("OPERATOR", "pg_operator o", "'%s', o.oid::pg_catalog.regoperator", "true"),
    (
        "OPERATOR CLASS",
        "pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod",
        "'%I.%I USING %I', n.nspname, o.opcname, a.amname",
        "true",
    ),
    (
        "OPERATOR FAMILY",
        "pg_opfamily o JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod",
        "'%I.%I USING %I', n.nspname, o.opfname, a.amname",
        "true",
    ),
    (
        "COLLATION",
        "pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace",
        "'%I.%I', n.nspname, o.collname",
        "true",
    ),
    (
        "CONVERSION",
        "pg_conversion o JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace",
        "'%I.%I', n.nspname, o.conname",
        "true",
    ),
    (
        "STATISTICS",
        "pg_statistic_ext o JOIN pg_catalog.pg_namespace n ON n.oid = o.stxnamespace",
        "'%I.%I', n.nspname, o.stxname",
        "true",
    ),
    (
        "TEXT SEARCH CONFIGURATION",
        "pg_ts_config o JOIN pg_catalog.pg_namespace n ON n.oid = o.cfgnamespace",
        "'%I.%I', n.nspname, o.cfgname",
        "true",
    ),
    (
        "TEXT SEARCH DICTIONARY",
        "pg_ts_dict o JOIN pg_catalog.pg_namespace n ON n.oid = o.dictnamespace",
        "'%I.%I', n.nspname, o.dictname",
        "true",
    ),
    (
        "TEXT SEARCH PARSER",
        "pg_ts_parser o JOIN pg_catalog.pg_namespace n ON n.oid = o.prsnamespace",
        "'%I.%I', n.nspname, o.prsname",
        "true",
    ),
    (
        "TEXT SEARCH TEMPLATE",
        "pg_ts_template o JOIN pg_catalog.pg_namespace n ON n.oid = o.tmplnamespace",
        "'%I.%I', n.nspname, o.tmplname",
        "true",
    ),
    ("EXTENSION", "pg_extension o", "'%I', o.extname", "true"),
    ("CAST", "pg_cast o", "'(%s AS %s)', o.castsource::pg_catalog.regtype, o.casttarget::pg_catalog.regtype", "true"),
    (
        "TRANSFORM",
        "pg_transform o JOIN pg_catalog.pg_language l ON l.oid = o.trflang",
        "'FOR %s LANGUAGE %I', o.trftype::pg_catalog.regtype, l.lanname",
        "true",
    ),
];
