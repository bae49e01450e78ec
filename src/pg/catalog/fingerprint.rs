//! Whether the definitions of some schemas are still what they were: a hash of the catalogs' own rows, object by object.
//!
//! Cheap where pg_dump is dear: one query, a second for ten thousand tables. It compares one database with itself. Two databases never
//! have the same rows, for these hold OIDs.

use std::collections::BTreeMap;

use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};

use super::{Error, Session, query};

/// A catalog, which of its rows belong to which object, and which rows count.
struct Catalog {
    name: &'static str,
    /// The object that a row says something of: an expression for its `classid` and one for its `objid`, of the row `c`.
    object: (&'static str, &'static str),
    rows: &'static str,
}

const fn own(name: &'static str, rows: &'static str) -> Catalog {
    Catalog { name, object: ("c.tableoid", "c.oid"), rows }
}

const fn of_relation(name: &'static str, column: &'static str, rows: &'static str) -> Catalog {
    Catalog { name, object: ("'pg_catalog.pg_class'::pg_catalog.regclass", column), rows }
}

/// Columns that change without anybody changing a definition: statistics, what VACUUM, TRUNCATE and a rewrite leave behind, hints.
const VOLATILE: &[&str] = &[
    "pg_class.relfilenode",
    "pg_class.relpages",
    "pg_class.reltuples",
    "pg_class.relallvisible",
    "pg_class.relallfrozen",
    "pg_class.relhasindex",
    "pg_class.relhasrules",
    "pg_class.relhastriggers",
    "pg_class.relhassubclass",
    // A column that was made and dropped again has left its number there.
    "pg_class.relnatts",
    "pg_class.relfrozenxid",
    "pg_class.relminmxid",
    "pg_class.reltoastrelid",
    "pg_class.relrewrite",
    "pg_attribute.attcacheoff",
    "pg_attribute.atthasmissing",
    "pg_attribute.attmissingval",
    "pg_index.indcheckxmin",
];

/// Every catalog that definitions are made of; row types and arrays go with what they are of. `spaces` are the schemas, `single` the objects elsewhere, `rel`, `typ`, `proc` and their
/// kind what lies in either.
const CATALOGS: &[Catalog] = &[
    own("pg_namespace", "c.oid IN (SELECT oid FROM spaces)"),
    own("pg_class", "c.oid IN (SELECT oid FROM rel)"),
    of_relation("pg_attribute", "c.attrelid", "c.attnum > 0 AND NOT c.attisdropped AND c.attrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_attrdef", "c.adrelid", "c.adrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_index", "c.indexrelid", "c.indrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_inherits", "c.inhrelid", "c.inhrelid IN (SELECT oid FROM rel) OR c.inhparent IN (SELECT oid FROM rel)"),
    of_relation("pg_partitioned_table", "c.partrelid", "c.partrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_sequence", "c.seqrelid", "c.seqrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_foreign_table", "c.ftrelid", "c.ftrelid IN (SELECT oid FROM rel)"),
    of_relation("pg_publication_rel", "c.prrelid", "c.prrelid IN (SELECT oid FROM rel)"),
    own("pg_publication_namespace", "c.pnnspid IN (SELECT oid FROM spaces)"),
    own("pg_constraint", "c.connamespace IN (SELECT oid FROM spaces) OR c.conrelid IN (SELECT oid FROM rel) OR c.oid = ANY ($2)"),
    // Those of the fence and of loose keys come and go with a split.
    own(
        "pg_trigger",
        "c.tgrelid IN (SELECT oid FROM rel) AND c.tgfoid NOT IN (SELECT p.oid FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('pgkeep_split', 'pgkeep_loose'))",
    ),
    own("pg_rewrite", "c.ev_class IN (SELECT oid FROM rel)"),
    own("pg_policy", "c.polrelid IN (SELECT oid FROM rel)"),
    own("pg_statistic_ext", "c.stxnamespace IN (SELECT oid FROM spaces) OR c.stxrelid IN (SELECT oid FROM rel)"),
    own("pg_type", "c.oid IN (SELECT oid FROM typ)"),
    Catalog {
        name: "pg_enum",
        object: ("'pg_catalog.pg_type'::pg_catalog.regclass", "c.enumtypid"),
        rows: "c.enumtypid IN (SELECT oid FROM typ)",
    },
    Catalog {
        name: "pg_range",
        object: ("'pg_catalog.pg_type'::pg_catalog.regclass", "c.rngtypid"),
        rows: "c.rngtypid IN (SELECT oid FROM typ)",
    },
    own("pg_proc", "c.oid IN (SELECT oid FROM proc)"),
    Catalog {
        name: "pg_aggregate",
        object: ("'pg_catalog.pg_proc'::pg_catalog.regclass", "c.aggfnoid::pg_catalog.oid"),
        rows: "c.aggfnoid::pg_catalog.oid IN (SELECT oid FROM proc)",
    },
    own("pg_operator", "c.oprnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_opclass", "c.opcnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_opfamily", "c.opfnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_amop", "c.amopfamily IN (SELECT oid FROM pg_catalog.pg_opfamily WHERE opfnamespace IN (SELECT oid FROM spaces) OR oid = ANY ($2))"),
    own(
        "pg_amproc",
        "c.amprocfamily IN (SELECT oid FROM pg_catalog.pg_opfamily WHERE opfnamespace IN (SELECT oid FROM spaces) OR oid = ANY ($2))",
    ),
    own("pg_cast", "c.castsource IN (SELECT oid FROM typ) OR c.casttarget IN (SELECT oid FROM typ) OR c.oid = ANY ($2)"),
    own("pg_transform", "c.trftype IN (SELECT oid FROM typ) OR c.oid = ANY ($2)"),
    own("pg_collation", "c.collnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_conversion", "c.connamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_ts_config", "c.cfgnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    Catalog {
        name: "pg_ts_config_map",
        object: ("'pg_catalog.pg_ts_config'::pg_catalog.regclass", "c.mapcfg"),
        rows: "c.mapcfg IN (SELECT oid FROM pg_catalog.pg_ts_config WHERE cfgnamespace IN (SELECT oid FROM spaces) OR oid = ANY ($2))",
    },
    own("pg_ts_dict", "c.dictnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_ts_parser", "c.prsnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_ts_template", "c.tmplnamespace IN (SELECT oid FROM spaces) OR c.oid = ANY ($2)"),
    own("pg_default_acl", "c.defaclnamespace IN (SELECT oid FROM spaces)"),
    own("pg_extension", "c.oid = ANY ($2) OR c.extnamespace IN (SELECT oid FROM spaces)"),
    own("pg_foreign_data_wrapper", "c.oid = ANY ($2)"),
    own("pg_foreign_server", "c.oid = ANY ($2)"),
    own("pg_language", "c.oid = ANY ($2)"),
    own("pg_am", "c.oid = ANY ($2)"),
    own("pg_publication", "c.oid = ANY ($2)"),
    // A sequence's column, and the extension that a function goes with.
    Catalog {
        name: "pg_depend",
        object: ("c.classid", "c.objid"),
        rows: "c.deptype IN ('a', 'x') AND (c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.objid IN (SELECT oid FROM rel)
            OR c.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.objid IN (SELECT oid FROM proc))",
    },
    // What reads the schemas from elsewhere: it would go on reading the old place.
    Catalog {
        name: "pg_depend",
        object: ("c.classid", "c.objid"),
        rows: "c.deptype IN ('n', 'a') AND c.classid <> 'pg_catalog.pg_trigger'::pg_catalog.regclass
            AND (c.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.refobjid IN (SELECT oid FROM rel)
            OR c.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND c.refobjid IN (SELECT oid FROM typ)
            OR c.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.refobjid IN (SELECT oid FROM proc))",
    },
    Catalog {
        name: "pg_description",
        object: ("c.classoid", "c.objoid"),
        rows: "c.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM rel)
            OR c.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM proc)
            OR c.classoid = 'pg_catalog.pg_type'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM typ)
            OR c.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM spaces)
            OR c.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM pg_catalog.pg_constraint
                WHERE connamespace IN (SELECT oid FROM spaces))
            OR c.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM pg_catalog.pg_policy
                WHERE polrelid IN (SELECT oid FROM rel))
            OR c.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM pg_catalog.pg_trigger
                WHERE tgrelid IN (SELECT oid FROM rel) AND tgname NOT LIKE 'pgkeep\\_%')",
    },
    Catalog {
        name: "pg_seclabel",
        object: ("c.classoid", "c.objoid"),
        rows: "c.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM rel)
            OR c.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM proc)
            OR c.classoid = 'pg_catalog.pg_type'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM typ)
            OR c.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND c.objoid IN (SELECT oid FROM spaces)",
    },
];

/// `catalog, classid, objid`: which catalog speaks of which object.
type Object = (i16, u32, u32);

/// What a fingerprint is taken of, and with which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Two of PostgreSQL's 64-bit hashes with a seed each: a chance match is out of the question (2^-128). They are no message authentication
    /// code, and say nothing against somebody who makes a definition for the sake of an equal hash.
    pub seeds: [i64; 2],
    /// Names of schemas.
    pub spaces: Vec<String>,
    /// OIDs of objects elsewhere.
    pub single: Vec<u32>,
}

/// What some schemas were at an instant.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    scope: Scope,
    objects: BTreeMap<Object, (i64, i64)>,
}

/// Reads it as the session's transaction sees it: everything in the schemas, and the `single` objects elsewhere, by their OIDs.
pub async fn fingerprint(session: &Session, schemas: &[String], single: &[u32]) -> Result<Fingerprint, Error> {
    let scope = Scope::new(schemas, single);
    let objects = scope.read(session).await?;
    Ok(Fingerprint { scope, objects })
}

impl Fingerprint {
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What is not as it was, in words, sorted; `name` knows objects that are gone, by `classid` and `objid`.
    pub async fn changed(
        &self,
        session: &Session,
        name: impl Fn(u32, u32) -> Option<String>,
    ) -> Result<Vec<String>, Error> {
        let now = self.scope.read(session).await?;
        let differs = |object: &&Object| self.objects.get(object) != now.get(object);
        let mut changed: Vec<(u32, u32)> =
            self.objects.keys().chain(now.keys()).filter(differs).map(|object| (object.1, object.2)).collect();
        changed.sort_unstable();
        changed.dedup();
        in_words(session, &changed, name).await
    }
}

impl Scope {
    /// With seeds of its own.
    pub fn new(schemas: &[String], single: &[u32]) -> Scope {
        Scope {
            seeds: [OsRng.next_u64() as i64, OsRng.next_u64() as i64],
            spaces: schemas.to_vec(),
            single: single.to_vec(),
        }
    }

    async fn read(&self, session: &Session) -> Result<BTreeMap<Object, (i64, i64)>, Error> {
        let sql = rows(session).await?;
        let [one, other] = self.seeds;
        let rows =
            session.rows("a fingerprint of the definitions", &sql, &[&self.spaces, &self.single, &one, &other]).await?;
        Ok(rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), (row.get(3), row.get(4)))).collect())
    }
}

/// What the objects are, by `classid` and `objid`, sorted; `name` knows those that are gone.
async fn in_words(
    session: &Session,
    objects: &[(u32, u32)],
    name: impl Fn(u32, u32) -> Option<String>,
) -> Result<Vec<String>, Error> {
    let described = describe(session, objects).await?;
    let told = objects.iter().zip(described).map(|((class, oid), (catalog, now))| {
        let now = now.map(|text| text.strip_prefix("rule _RETURN on ").map_or(text.clone(), str::to_owned));
        now.or_else(|| name(*class, *oid))
            .unwrap_or_else(|| format!("an entry of {catalog} (OID {oid}), which is gone"))
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told.dedup();
    Ok(told)
}

/// A query for the rows of a fingerprint: catalog, classid, objid and two hashes. Its parameters are the schemas, the single objects and the two seeds of a [`Scope`].
pub async fn rows(session: &Session) -> Result<String, Error> {
    let columns = columns(session).await?;
    let one = |(n, catalog): (usize, &Catalog)| {
        let columns = columns.get(catalog.name)?;
        let Catalog { name, object: (class, oid), rows } = catalog;
        Some(format!(
                "SELECT {n}::int2, class, object, pg_catalog.bit_xor(pg_catalog.hashtextextended(r, $3)), pg_catalog.bit_xor(pg_catalog.hashtextextended(r, $4))
                FROM (SELECT ({class})::oid AS class, {oid} AS object, ROW({columns})::text AS r FROM pg_catalog.{name} c WHERE {rows}) AS said
                GROUP BY class, object",
                columns = columns.join(", "),
            ))
    };
    let parts: Vec<String> = CATALOGS.iter().enumerate().filter_map(one).collect();
    Ok(format!(
            "WITH spaces AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1)),
            rel AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM spaces) OR oid = ANY ($2)),
            typ AS MATERIALIZED (SELECT t.oid FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class r ON r.oid = t.typrelid
                WHERE (t.typnamespace IN (SELECT oid FROM spaces) OR t.oid = ANY ($2))
                    AND coalesce(r.relkind = 'c', true) AND t.oid NOT IN (SELECT typarray FROM pg_catalog.pg_type)),
            proc AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM spaces) OR oid = ANY ($2))
            {}",
            parts.join("\nUNION ALL ")
        ))
}

/// The columns of each catalog that this server has, but for the volatile ones: a newer server's are taken along.
async fn columns(session: &Session) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY c.relname, a.attnum";
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in query(session, "the columns of the catalogs", sql).await? {
        let (catalog, column): (String, String) = (row.get(0), row.get(1));
        if !VOLATILE.contains(&format!("{catalog}.{column}").as_str()) {
            columns.entry(catalog).or_default().push(format!("c.{column}"));
        }
    }
    Ok(columns)
}

/// The catalogs, and what is in them as the server names it; none for those that are gone.
async fn describe(session: &Session, objects: &[(u32, u32)]) -> Result<Vec<(String, Option<String>)>, Error> {
    let (classes, oids): (Vec<u32>, Vec<u32>) = objects.iter().copied().unzip();
    // Null for what is gone.
    let sql = "SELECT o.class::pg_catalog.regclass::text, pg_catalog.pg_describe_object(o.class, o.id, 0)
        FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) WITH ORDINALITY AS o (class, id, place) ORDER BY place";
    let rows = session.rows("the names of objects", sql, &[&classes, &oids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
