use super::*;
use crate::schema::archive::{CatalogId, Section, SqlText};

fn entry(sql: &str) -> Entry {
    Entry {
        dump_id: 1,
        catalog_id: CatalogId::default(),
        tag: "f()".into(),
        desc: "FUNCTION".into(),
        kind: Kind::Function,
        section: Section::PreData,
        defn: SqlText::new(sql),
        drop_stmt: SqlText::default(),
        copy_stmt: SqlText::default(),
        namespace: Some("x".into()),
        tablespace: None,
        table_am: None,
        relkind: None,
        owner: None,
        dependencies: Vec::new(),
    }
}

/// `schema.name certainty` of all that has a schema.
fn found(sql: &str) -> Vec<String> {
    let body = body(&entry(sql)).unwrap();
    assert_eq!(body.unparsed, None, "{sql}");
    named(&body)
}

fn named(body: &Body) -> Vec<String> {
    let mut names: Vec<String> = body
        .mentions
        .iter()
        .filter_map(|m| Some(format!("{}.{} {:?}", m.schema.as_ref()?, m.name, m.certainty)))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn sql_bodies_are_parsed() {
    let sql = "CREATE FUNCTION x.f() RETURNS bigint LANGUAGE sql STABLE SET search_path TO 'core', 'pg_temp' AS $$
        WITH w AS (SELECT core.g(1)) SELECT count(*) FROM core.\"user\" u JOIN plain ON true JOIN w ON true
        WHERE 'erp.not a name' <> '' AND x::metadata.kind IS NULL -- FROM erp.commented\n $$;\n\nALTER FUNCTION x.f() OWNER TO a;";
    assert_eq!(found(sql), ["core.g Parsed", "core.user Parsed", "metadata.kind Parsed"]);
    let body = body(&entry(sql)).unwrap();
    assert_eq!(body.search_path, Some(vec!["core".to_owned(), "pg_temp".to_owned()]));
    let bare: Vec<&str> = body
        .mentions
        .iter()
        .filter(|m| m.schema.is_none() && m.noun == Noun::Relation)
        .map(|m| m.name.as_str())
        .collect();
    // `w` is a part of the statement itself.
    assert_eq!(bare, ["plain"]);
}

#[test]
fn plpgsql_bodies_are_parsed_statement_by_statement() {
    let sql = "CREATE PROCEDURE x.f(IN a core.thing, INOUT b timestamp with time zone) LANGUAGE plpgsql AS $_$
        DECLARE r record; t erp.typed; c CONSTANT erp.other.id%TYPE := (SELECT max(id) FROM erp.defaulted); cur CURSOR FOR SELECT * FROM erp.cursored;
        BEGIN
            t.x := (SELECT id FROM erp.assigned);
            IF EXISTS (SELECT FROM erp.asked) THEN UPDATE erp.updated SET a = 1 WHERE b = $1; END IF;
            FOR r IN SELECT * FROM erp.looped LOOP PERFORM erp.called(r); END LOOP;
            REFRESH MATERIALIZED VIEW erp.refreshed;
            CALL erp.proc(1);
            RAISE NOTICE 'erp.said %', 1;
        EXCEPTION WHEN OTHERS THEN DELETE FROM erp.handled;
        END $_$;";
    let expected = [
        "asked",
        "assigned",
        "called",
        "cursored",
        "defaulted",
        "handled",
        "looped",
        "other",
        "proc",
        "refreshed",
        "typed",
        "updated",
    ];
    assert_eq!(found(sql), expected.map(|name| format!("erp.{name} Parsed")));
}

#[test]
fn triggers_are_parsed() {
    let sql = "CREATE FUNCTION x.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.updated_at := now(); INSERT INTO erp.log VALUES (TG_OP, OLD.id, TG_ARGV[0]);
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$";
    assert_eq!(found(sql), ["erp.log Parsed"]);
    let sql = "CREATE FUNCTION x.f() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
        FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP INSERT INTO erp.log VALUES (tg_tag); END LOOP; END $$";
    assert_eq!(found(sql), ["erp.log Parsed"]);
}

#[test]
fn what_is_executed_dynamically_is_less_sure() {
    let sql = "CREATE FUNCTION x.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'DELETE FROM erp.whole WHERE true';
        EXECUTE format('INSERT INTO erp.filled (a) SELECT %L FROM %I.%I', 1, 'some', 'where');
        EXECUTE 'SELECT 1 FROM erp.piece WHERE ' || 'x = 1';
        PERFORM nextval('erp.counted'::regclass);
        PERFORM erp.sure();
    END $$";
    let dynamic = ["counted Dynamic", "filled Dynamic", "piece Dynamic", "sure Parsed", "whole Dynamic"];
    assert_eq!(found(sql), dynamic.map(|name| format!("erp.{name}")));
}

#[test]
fn what_cannot_be_parsed_is_read_as_text_and_says_so() {
    let python = body(&entry("CREATE FUNCTION x.f() RETURNS int LANGUAGE plpython3u AS $$ plpy.execute(\"\"\"select 1 from erp.runs\"\"\") $$")).unwrap();
    assert_eq!(python.unparsed.as_deref(), Some("it is written in plpython3u"));
    assert!(named(&python).contains(&"erp.runs Text".to_owned()));
    let broken = body(&entry("CREATE FUNCTION x.f() RETURNS int LANGUAGE sql AS $$ SELEC 1 FROM erp.runs $$")).unwrap();
    assert!(broken.unparsed.unwrap().contains("syntax error"));
}

#[test]
fn a_body_that_postgresql_parsed_itself_says_what_it_writes() {
    let sql = "CREATE PROCEDURE x.f(i integer)\n    LANGUAGE sql\n    BEGIN ATOMIC\n INSERT INTO core.log (id)\n   VALUES (f.i);
        DELETE FROM core.old WHERE (old.id = f.i);\n SELECT x.g(t.id) AS g\n    FROM core.t;\nEND;\n\n\nALTER PROCEDURE x.f(i integer) OWNER TO a;\n";
    let body = body(&Entry { kind: Kind::Procedure, ..entry(sql) }).unwrap();
    assert_eq!((body.language.as_str(), &body.unparsed), ("sql", &None));
    assert_eq!(named(&body), ["core.log Parsed", "core.old Parsed", "core.t Parsed", "x.g Parsed"]);
    let written = body.mentions.iter().filter(|mention| mention.noun == Noun::Written);
    assert_eq!(written.map(|mention| mention.name.as_str()).collect::<Vec<_>>(), ["log", "old"]);
}

#[test]
fn what_nobody_can_read_is_left_out() {
    assert_eq!(body(&entry("CREATE FUNCTION x.f() RETURNS int LANGUAGE c AS '$libdir/x', 'f';")), None);
    assert_eq!(body(&Entry { kind: Kind::Table, ..entry("CREATE TABLE t ();") }), None);
}
