use super::*;
use crate::schema::shop;

fn forgotten(kind: &str, sql: &str) -> String {
    let archive = shop::archive();
    let mut entry = archive.entries().iter().find(|entry| entry.desc == kind).unwrap().clone();
    entry.defn = SqlText::new(sql);
    forget_own(&mut entry);
    entry.defn.to_display()
}

/// What 15.18's pg_dump writes of a table on a 15.20 server, and what 15.20's writes.
#[test]
fn a_table_is_as_the_pg_dump_of_its_server_writes_it() {
    let head = "CREATE TABLE m.t (\n    id integer NOT NULL,\n    s character varying(10) DEFAULT 'SET (pg_attver=1);'::character varying,\n    \"Odd Na,me\" text\n);\n";
    let own = "ALTER TABLE ONLY m.t ALTER COLUMN id SET (pg_attver=22160144);\n\
         ALTER TABLE ONLY m.t ALTER COLUMN s SET (pg_attver=22160144, n_distinct=5);\n\
         ALTER TABLE ONLY m.t ALTER COLUMN \"Odd Na,me\" SET (n_distinct=-0.5, pg_attver=22160144);\n";
    let expected = "ALTER TABLE ONLY m.t ALTER COLUMN s SET (n_distinct=5);\n\
         ALTER TABLE ONLY m.t ALTER COLUMN \"Odd Na,me\" SET (n_distinct=-0.5);\n";
    assert_eq!(forgotten("TABLE", &format!("{head}{own}\n\n")), format!("{head}{expected}\n\n"));
}

#[test]
fn a_materialized_view_has_such_options_and_a_function_only_text() {
    let view = "CREATE MATERIALIZED VIEW m.mv AS\n SELECT t.id\n   FROM m.t\n  WITH NO DATA;\n";
    let own = "ALTER TABLE ONLY m.mv ALTER COLUMN id SET (pg_attver=22296440);\n";
    assert_eq!(forgotten("MATERIALIZED VIEW", &format!("{view}{own}")), view);
    let body = format!("CREATE FUNCTION m.f() RETURNS void LANGUAGE sql AS $$\n{own}$$;\n");
    assert_eq!(forgotten("FUNCTION", &body), body);
}

#[test]
fn what_only_looks_like_it_stays() {
    for sql in [
        "CREATE TABLE m.pg_attver (\n    pg_attver integer\n);\n",
        "ALTER TABLE ONLY m.t ALTER COLUMN pg_attver SET (n_distinct=5);\n",
        "ALTER TABLE ONLY m.pg_attver ALTER COLUMN a SET STATISTICS 5;\n",
    ] {
        assert_eq!(forgotten("TABLE", sql), sql);
    }
}
