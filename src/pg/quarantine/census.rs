//! Everything that is not inside, counted: so that a drop by which something else goes is seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::pg::Error;
use crate::pg::connect::Session;

/// For each system catalog its rows that are outside, as a number and a sum of their identities. Columns that were dropped do not count.
pub async fn outside(session: &Session, inside: &BTreeSet<(u32, u32)>) -> Result<BTreeMap<String, (i64, i64)>, Error> {
    let fault = |error| session.fault("counting objects outside the old schemas", error);
    let catalogs = "SELECT c.relname::text FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relisshared
          AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'oid') ORDER BY 1";
    let (classes, objects): (Vec<u32>, Vec<u32>) = inside.iter().copied().unzip();
    let mut counted = BTreeMap::new();
    let mut count = async |name: String, sql: String| {
        let row = session.client().query_one(&sql, &[&classes, &objects]).await.map_err(fault)?;
        counted.insert(name, (row.get(0), row.get(1)));
        Ok::<_, Error>(())
    };
    let gone = "ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) AS gone (classid, objid)";
    let sum = |column: &str| format!("coalesce(pg_catalog.sum(pg_catalog.hashint8({column}::bigint)), 0)::bigint");
    for row in session.client().query(catalogs, &[]).await.map_err(fault)? {
        let name: String = row.get(0);
        let sql = format!(
            "SELECT pg_catalog.count(*), {} FROM pg_catalog.{name} o WHERE NOT EXISTS (
                SELECT FROM {gone} WHERE gone.classid = 'pg_catalog.{name}'::pg_catalog.regclass AND gone.objid = o.oid)",
            sum("o.oid")
        );
        count(name, sql).await?;
    }
    let relation = "gone.classid = 'pg_catalog.pg_class'::pg_catalog.regclass";
    let columns = format!(
        "SELECT pg_catalog.count(*), {} FROM pg_catalog.pg_attribute o
        WHERE NOT o.attisdropped AND NOT EXISTS (SELECT FROM {gone} WHERE {relation} AND gone.objid = o.attrelid)",
        sum("o.attrelid::bigint * 2048 + o.attnum")
    );
    count("pg_attribute".into(), columns).await?;
    let inherits = format!(
        "SELECT pg_catalog.count(*), {} FROM pg_catalog.pg_inherits o
        WHERE NOT EXISTS (SELECT FROM {gone} WHERE {relation} AND gone.objid = o.inhrelid)",
        sum("o.inhrelid::bigint * 4096 + o.inhparent::bigint")
    );
    count("pg_inherits".into(), inherits).await?;
    let mapped = format!(
        "SELECT pg_catalog.count(*), {} FROM pg_catalog.pg_ts_config_map o
        WHERE NOT EXISTS (SELECT FROM {gone} WHERE gone.classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass AND gone.objid = o.mapcfg)",
        sum("o.mapdict::bigint * 1024 + o.maptokentype")
    );
    count("pg_ts_config_map".into(), mapped).await?;
    Ok(counted)
}
