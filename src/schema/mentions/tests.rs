use super::*;
use crate::schema::archive::SqlText;
use crate::schema::shop;

/// The labels of what a function in `namespace` mentions whose body is this text.
fn mentioned(namespace: &str, language: &str, body: &str) -> Vec<String> {
    let archive = shop::archive();
    let mentions = Mentions::new(&archive, &shop::facts(&archive));
    let mut function = archive.entry(shop::id(&archive, "FUNCTION public.plain(text)")).unwrap().clone();
    function.namespace = Some(namespace.into());
    let defn = format!(
        "CREATE FUNCTION {namespace}.f() RETURNS text\n    LANGUAGE {language} IMMUTABLE\n    AS $_$ {body} $_$;\n"
    );
    function.defn = SqlText::new(defn);
    mentions.of(&function).into_iter().map(|position| archive.entries()[position].label()).collect()
}

const UNACCENT: &str = "EXTENSION unaccent";
const HSTORE: &str = "EXTENSION hstore";

#[test]
fn an_extension_is_found_by_its_functions_types_and_dictionaries() {
    assert_eq!(mentioned("core", "sql", "SELECT public.unaccent($1)"), [UNACCENT]);
    assert_eq!(mentioned("core", "sql", "SELECT UNACCENT ($1)"), [UNACCENT]);
    assert_eq!(mentioned("core", "sql", "SELECT ts_lexize('public.unaccent', $1)"), [UNACCENT]);
    assert_eq!(mentioned("core", "sql", "SELECT $1::hstore"), [HSTORE]);
    assert_eq!(mentioned("core", "plpgsql", "DECLARE x public.hstore; BEGIN END"), [HSTORE]);
}

#[test]
fn what_only_looks_like_a_name_is_not_one() {
    for body in [
        "-- unaccent(x)\n SELECT 1 /* unaccent(x) */",
        "SELECT 'unaccent(x)'",
        "DELETE FROM shop.item",
        "SELECT unaccent FROM t",
        "SELECT other.unaccent(x)",
        "SELECT \"UNACCENT\"(x)",
        "SELECT hstore FROM t WHERE hstore > 1",
    ] {
        assert_eq!(mentioned("core", "sql", body), Vec::<String>::new(), "{body}");
    }
    assert_eq!(mentioned("core", "c", "unaccent("), Vec::<String>::new());
}

#[test]
fn an_unqualified_function_is_looked_for_nearby_first() {
    assert_eq!(mentioned("depot", "sql", "SELECT outer_name(x)"), ["FUNCTION depot.outer_name(text)"]);
    assert_eq!(mentioned("core", "sql", "SELECT outer_name(x)"), ["FUNCTION depot.outer_name(text)"]);
    assert_eq!(mentioned("core", "sql", "SELECT depot.outer_name(x)"), ["FUNCTION depot.outer_name(text)"]);
}
