use super::*;
use crate::schema::archive::Entry;
use crate::schema::lexer::{Token, tokens};
use crate::schema::selection::{Request, select};
use crate::schema::shop;

fn everything(options: &RestoreOptions) -> (Archive, RestorePlan) {
    let archive = shop::archive();
    let facts = shop::facts(&archive);
    let selection = select(&archive, &facts, &Request::default()).unwrap();
    let plan = RestorePlan::new(&archive, &facts, &selection, options);
    (archive, plan)
}

/// All SQL, in the plan's order.
fn sql(plan: &RestorePlan) -> String {
    let steps = plan.pre_data.iter().chain(plan.post_data.iter().map(|post| &post.step));
    steps.flat_map(|step| &step.statements).map(|text| text.to_display() + "\n").collect()
}

fn oid(archive: &Archive, label: &str) -> Oid {
    archive.entry(shop::id(archive, label)).unwrap().catalog_id.oid
}

fn with_all_populated() -> RestoreOptions {
    let archive = shop::archive();
    let views = ["MATERIALIZED VIEW shop.totals", "MATERIALIZED VIEW shop.grand"];
    RestoreOptions { populated: views.iter().map(|view| oid(&archive, view)).collect(), ..RestoreOptions::default() }
}

fn position(plan: &RestorePlan, label: &str) -> usize {
    plan.post_data.iter().position(|post| post.step.label == label).unwrap_or_else(|| panic!("no step {label}"))
}

/// The statements one by one, needless double quotes removed, sorted.
fn statements(sql: &str) -> Vec<String> {
    let plain = |token: &Token<'_>| {
        let simple = |body: &[u8]| body.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let text = if token.text.starts_with(b"\"") && simple(token.body) { token.body } else { token.text };
        String::from_utf8_lossy(text).into_owned()
    };
    let tokens = tokens(sql.as_bytes());
    let statements = tokens.split(|token| token.is_symbol(";"));
    let mut statements: Vec<String> =
        statements.map(|statement| statement.iter().map(plain).collect::<Vec<_>>().join(" ")).collect();
    statements.retain(|statement| !statement.is_empty());
    statements.sort();
    statements
}

#[test]
fn the_statements_are_pg_restores_statements() {
    let archive = Archive::parse(include_bytes!("../../../tests/data/archives/shop-18.dump")).unwrap();
    let facts = shop::facts(&archive);
    let selection = select(&archive, &facts, &Request::default()).unwrap();
    let plan = RestorePlan::new(&archive, &facts, &selection, &RestoreOptions::default());
    let session: String = plan.session.iter().map(|text| text.to_display() + "\n").collect();
    let ours = statements(&(session + &sql(&plan)));
    let theirs = statements(include_str!("../../../tests/data/archives/shop-18.sql"));
    // What is said once more, as soon as it can be.
    let said_early = |statement: &&String| !statement.starts_with("DO E'BEGIN EXECUTE E''");
    let beyond = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(said_early).filter(|statement| !those.contains(statement)).cloned().collect()
    };
    // The encoding is the session's own: what it sends is not in that of the archive.
    let left_to_sessions =
        ["SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "SET transaction_timeout = 0"];
    assert_eq!(beyond(&theirs, &ours), left_to_sessions);
    assert_eq!(beyond(&ours, &theirs), ["SET standard_conforming_strings = 'on'"]);
    let repeated = |statements: &[String]| {
        statements.windows(2).filter(|pair| pair[0] == pair[1] && !pair[0].starts_with("SET ")).count()
    };
    assert_eq!(repeated(&ours), repeated(&theirs));
}

#[test]
fn pre_data_keeps_the_archives_order() {
    let (archive, plan) = everything(&RestoreOptions::default());
    let positions: Vec<_> = plan.pre_data.iter().map(|step| archive.position(step.dump_id).unwrap()).collect();
    assert!(positions.is_sorted());
    assert!(plan.pre_data.iter().any(|step| step.label == "TABLE ATTACH shop.sale_2025"));
    assert!(plan.pre_data.iter().any(|step| step.label == "COMMENT shop.COLUMN item.code"));
    assert!(!plan.pre_data.iter().any(|step| step.label.contains("DATABASE") || step.label.contains("ENCODING")));
    assert_eq!(plan.data.len(), 8);
}

#[test]
fn waves_come_in_order_and_steps_wait_backwards_only() {
    let (_, plan) = everything(&with_all_populated());
    assert!(plan.post_data.is_sorted_by_key(|post| post.wave));
    for (position, post) in plan.post_data.iter().enumerate() {
        assert!(post.after.iter().all(|before| *before < position), "{}", post.step.label);
        assert!(post.chain > 0 || post.followers == 0);
    }
    let wave = |label: &str| plan.post_data[position(&plan, label)].wave;
    assert_eq!(wave("INDEX shop.item_search"), Wave::Main);
    assert_eq!(wave("ACL shop.TABLE item"), Wave::Grants);
    assert_eq!(wave("DEFAULT ACL shop.DEFAULT PRIVILEGES FOR TABLES"), Wave::Grants);
    assert_eq!(wave("REFRESH MATERIALIZED VIEW shop.totals"), Wave::Refresh);
    assert_eq!(wave("INDEX shop.totals_item"), Wave::Refresh);
    assert_eq!(wave("EVENT TRIGGER watch"), Wave::Last);
    assert_eq!(wave("COMMENT EVENT TRIGGER watch"), Wave::Last);
}

#[test]
fn refreshes_follow_what_they_read_and_indexes_follow_them() {
    let (archive, plan) = everything(&with_all_populated());
    let totals = position(&plan, "REFRESH MATERIALIZED VIEW shop.totals");
    let grand = position(&plan, "REFRESH MATERIALIZED VIEW shop.grand");
    assert_eq!(plan.post_data[grand].after, [totals], "grand reads totals through a view");
    assert_eq!(plan.post_data[position(&plan, "INDEX shop.totals_item")].after, [totals]);
    assert_eq!(plan.post_data[totals].step.statements[1].to_display(), r#"REFRESH MATERIALIZED VIEW "shop"."totals";"#);
    assert_eq!(plan.post_data[totals].followers, 2);

    let only_grand = BTreeSet::from([oid(&archive, "MATERIALIZED VIEW shop.grand")]);
    let (_, plan) = everything(&RestoreOptions { populated: only_grand, ..RestoreOptions::default() });
    assert_eq!(plan.not_refreshable, ["MATERIALIZED VIEW shop.grand"]);
    assert!(!plan.post_data.iter().any(|post| post.step.label.starts_with("REFRESH")));
}

#[test]
fn a_foreign_key_waits_for_the_rows_of_every_partition() {
    let (archive, plan) = everything(&RestoreOptions::default());
    let key = &plan.post_data[position(&plan, "FK CONSTRAINT shop.sale sale_item_fkey")];
    let mut rows =
        ["TABLE shop.item", "TABLE shop.sale_2025", "TABLE depot.sale_rest"].map(|label| oid(&archive, label));
    rows.sort();
    assert_eq!(key.after_rows, rows);
    assert!(key.after.contains(&position(&plan, "CONSTRAINT shop.item item_pkey")));
    assert!(key.locks.contains(&Lock { object: oid(&archive, "TABLE shop.sale"), mode: LockMode::Exclusive }));
    assert!(key.locks.contains(&Lock { object: oid(&archive, "TABLE shop.item"), mode: LockMode::Exclusive }));
}

/// Side by side, two of them can leave the index at the top invalid for ever.
#[test]
fn indexes_of_one_tree_are_attached_one_at_a_time() {
    let archive = shop::archive();
    let mut facts = shop::facts(&archive);
    // As if the partitioned table were itself a partition of two further ones.
    let tree = ["TABLE shop.item", "TABLE shop.pick", "TABLE shop.sale"].map(|label| oid(&archive, label));
    for above in tree.windows(2) {
        facts.relations.get_mut(&above[1]).unwrap().part_of = Some(above[0]);
    }
    let selection = select(&archive, &facts, &Request::default()).unwrap();
    let plan = RestorePlan::new(&archive, &facts, &selection, &RestoreOptions::default());
    let attached: Vec<_> = plan.post_data.iter().filter(|post| post.step.label.starts_with("INDEX ATTACH")).collect();
    assert!(attached.len() > 1);
    for post in attached {
        for table in tree {
            let lock = Lock { object: table, mode: LockMode::Exclusive };
            assert!(post.locks.contains(&lock), "{}: {:?}", post.step.label, post.locks);
        }
    }
}

#[test]
fn only_plain_index_builds_share_a_table() {
    let (archive, plan) = everything(&RestoreOptions::default());
    let table = oid(&archive, "TABLE shop.item");
    let lock = |label: &str| plan.post_data[position(&plan, label)].locks.clone();
    assert_eq!(lock("INDEX shop.item_search"), [Lock { object: table, mode: LockMode::Shared }]);
    let exclusive = ["CONSTRAINT shop.item item_pkey", "TRIGGER shop.item item_touch", "POLICY shop.item item_read"];
    for label in exclusive {
        assert_eq!(lock(label), [Lock { object: table, mode: LockMode::Exclusive }], "{label}");
    }
    let parent = &plan.post_data[position(&plan, "INDEX shop.sale_day")];
    assert!(parent.after_rows.is_empty(), "an index of the partitioned table alone reads no rows");
    let child = &plan.post_data[position(&plan, "INDEX shop.sale_2025_day_idx")];
    assert_eq!(child.after_rows, [oid(&archive, "TABLE shop.sale_2025")]);
}

#[test]
fn b_trees_are_told_from_what_does_not_sort() {
    let (_, plan) = everything(&RestoreOptions::default());
    let sorts = |label: &str| plan.post_data[position(&plan, label)].sorts;
    assert!(
        ["CONSTRAINT shop.item item_pkey", "CONSTRAINT shop.item item_code_key", "INDEX shop.sale_day"].map(sorts)
            == [true; 3]
    );
    let others = ["INDEX shop.item_search", "FK CONSTRAINT shop.sale sale_item_fkey", "TRIGGER shop.item item_touch"];
    assert!(others.map(sorts) == [false; 3]);
}

#[test]
fn owners_and_grants_can_stay_behind() {
    let options = RestoreOptions { owners: Owners::Restorer, grants: Grants::Omit, ..RestoreOptions::default() };
    let (_, plan) = everything(&options);
    let sql = sql(&plan);
    assert!(!sql.contains("OWNER TO"));
    assert!(!sql.contains("GRANT ") && !sql.contains("DEFAULT PRIVILEGES"));
    assert!(sql.contains("CREATE POLICY"));
}

#[test]
fn roles_are_mapped_wherever_sql_names_them() {
    let map = [("keeper", "New \"Keeper\""), ("Clerk 1", "clerk"), ("public", "wrong")];
    let roles = RoleMap::new(map.map(|(from, to)| (from.to_owned(), to.to_owned())));
    let (_, plan) = everything(&RestoreOptions { roles, ..RestoreOptions::default() });
    let statements_of = |label: &str| {
        let post = plan.post_data.iter().map(|post| &post.step);
        let step = plan.pre_data.iter().chain(post).chain(&plan.database).find(|step| step.label == label);
        step.unwrap().statements.iter().map(|text| text.to_display()).collect::<String>()
    };
    let new = r#""New ""Keeper""""#;
    assert!(statements_of("TABLE shop.item").ends_with(&format!(r#"ALTER TABLE "shop"."item" OWNER TO {new};"#)));
    assert_eq!(
        statements_of("ACL shop.TABLE item").trim_end(),
        "GRANT SELECT ON TABLE shop.item TO \"clerk\";\nGRANT SELECT ON TABLE shop.item TO PUBLIC;"
    );
    assert_eq!(
        statements_of("ACL shop.COLUMN item.code").trim_end(),
        "GRANT UPDATE(code) ON TABLE shop.item TO \"clerk\" WITH GRANT OPTION;"
    );
    assert_eq!(
        statements_of("DEFAULT ACL shop.DEFAULT PRIVILEGES FOR TABLES").trim_end(),
        format!("ALTER DEFAULT PRIVILEGES FOR ROLE {new} IN SCHEMA shop GRANT SELECT ON TABLES  TO \"clerk\";")
    );
    assert_eq!(
        statements_of("POLICY shop.item item_read").trim_end(),
        format!(
            "CREATE POLICY item_read ON shop.item FOR SELECT TO {new}, \"clerk\" USING ((state = 'new'::depot.state));"
        )
    );
    assert!(statements_of("USER MAPPING keeper SERVER far").contains(&format!("FOR {new} SERVER")));
    let settings = statements_of("DATABASE PROPERTIES shop");
    assert!(settings.contains(&format!("ALTER ROLE {new} IN DATABASE shop SET search_path TO 'shop', 'public';")));
}

#[test]
fn grants_by_others_are_mapped_too() {
    let map = RoleMap::new([("a".to_owned(), "z".to_owned())]);
    let mapped = |sql: &str| roles::with_roles_mapped(Kind::Acl, SqlText::new(sql), &map).to_display();
    assert_eq!(
        mapped("SET SESSION AUTHORIZATION a;\nGRANT ALL ON FUNCTION s.a(a a) TO b,a;\nRESET SESSION AUTHORIZATION;\n"),
        "SET SESSION AUTHORIZATION \"z\";\nGRANT ALL ON FUNCTION s.a(a a) TO \"b\",\"z\";\nRESET SESSION AUTHORIZATION;\n"
    );
    assert_eq!(
        mapped("REVOKE ALL ON SCHEMA a FROM PUBLIC, a GRANTED BY a;"),
        "REVOKE ALL ON SCHEMA a FROM PUBLIC, \"z\" GRANTED BY \"z\";"
    );
    assert_eq!(mapped("GRANT ALL ON TABLE s.\"to\" TO CURRENT_USER;"), "GRANT ALL ON TABLE s.\"to\" TO CURRENT_USER;");
}

#[test]
fn the_roles_that_a_selection_needs_are_named() {
    let archive = shop::archive();
    let facts = shop::facts(&archive);
    let roles = |request: &Request| {
        let selection = select(&archive, &facts, request).unwrap();
        roles_named(&archive, &selection).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(roles(&Request::default()), ["Clerk 1", "keeper", "postgres"]);
    let kind = crate::schema::pattern::PatternKind::Schema;
    let odd = crate::schema::pattern::Pattern::parse("\"Odd.Name\"", kind).unwrap();
    assert_eq!(roles(&Request { schemas: vec![odd], ..Request::default() }), ["postgres"]);
}

#[test]
fn the_databases_own_steps_stand_apart_and_take_another_name() {
    let (_, plan) = everything(&RestoreOptions { database: Some("New Shop".into()), ..RestoreOptions::default() });
    let labels: Vec<_> = plan.database.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(labels, ["DATABASE shop", "COMMENT DATABASE shop", "DATABASE PROPERTIES shop"]);
    let sql: String = plan.database.iter().flat_map(|step| &step.statements).map(|text| text.to_display()).collect();
    assert!(sql.starts_with("CREATE DATABASE \"New Shop\" WITH TEMPLATE = template0"));
    assert!(sql.contains("ALTER DATABASE \"New Shop\" OWNER TO \"postgres\";"));
    assert!(sql.contains("COMMENT ON DATABASE \"New Shop\" IS 'a sample';"));
    assert!(sql.contains("IN DATABASE \"New Shop\" SET search_path"));
    assert_eq!(plan.database[0].transaction, Transaction::Forbidden);
}

#[test]
fn every_object_names_its_tablespace_once_one_of_them_is_elsewhere() {
    let mut table = shop::archive().entry(shop::id(&shop::archive(), "TABLE shop.item")).unwrap().clone();
    let heads = |table: &Entry, tablespaces, archive: &Archive| {
        let options = RestoreOptions { tablespaces, ..RestoreOptions::default() };
        let statements = statements::Writer::new(archive, &options).step(table, there::Left::All).statements;
        statements.iter().map(|text| text.to_display()).filter(|text| text.starts_with("SET")).collect::<Vec<_>>()
    };
    let plain = shop::archive();
    assert!(heads(&table, Tablespaces::Keep, &plain).is_empty());
    let elsewhere = shop::archive_with(|entry| {
        if entry.tag == "pick" {
            entry.tablespace = Some("Fast".into());
            entry.table_am = Some("column".into());
        }
    });
    let set = ["SET default_tablespace = '';", "SET default_table_access_method = \"heap\";"];
    assert_eq!(heads(&table, Tablespaces::Keep, &elsewhere), set);
    assert_eq!(heads(&table, Tablespaces::Default, &elsewhere), set[1..]);
    table.tablespace = Some("Fast".into());
    assert_eq!(heads(&table, Tablespaces::Keep, &elsewhere)[0], "SET default_tablespace = \"Fast\";");
    let mapped = |to: Option<&str>| Tablespaces::Elsewhere([("Fast".to_owned(), to.map(str::to_owned))].into());
    assert_eq!(heads(&table, mapped(Some("slow")), &elsewhere)[0], "SET default_tablespace = \"slow\";");
    assert_eq!(heads(&table, mapped(None), &elsewhere), set[1..], "nothing is elsewhere any more");
}

/// What an administrator has made, and is as the source's, is left alone; so is a schema that is otherwise, and that is told.
#[test]
fn what_the_target_has_already_is_not_made_again() {
    let extension = |schema: &str| ExtensionThere {
        schema: schema.into(),
        comment: Some("data type for storing sets of (key, value) pairs".into()),
    };
    let schema = |owner: &str| SchemaThere { owner: owner.into(), ..SchemaThere::default() };
    let labels = |there: There, owners| {
        let (_, plan) = everything(&RestoreOptions { there, owners, ..RestoreOptions::default() });
        let steps = plan.pre_data.iter().map(|step| step.label.clone()).collect::<Vec<_>>();
        (steps, plan)
    };
    let (all, _) = labels(There::default(), Owners::Keep);
    for step in ["EXTENSION hstore", "COMMENT EXTENSION hstore", "SCHEMA shop", "SCHEMA depot"] {
        assert!(all.contains(&step.to_owned()), "{step}: {all:?}");
    }
    let grant = |role: &str| Grant { role: Some(role.into()), privilege: "USAGE".into(), grantable: false };
    let select = Grant { privilege: "SELECT".into(), ..grant("Clerk 1") };
    let default = DefaultGrant { owner: "keeper".into(), objects: "TABLES".into(), grant: select };
    let shop = SchemaThere {
        comment: Some("what we sell".into()),
        grants: [grant("Clerk 1")].into(),
        defaults: [default].into(),
        ..schema("keeper")
    };
    let there = There {
        extensions: [("hstore".to_owned(), extension("public"))].into(),
        schemas: [("shop".to_owned(), shop), ("depot".to_owned(), schema("another"))].into(),
        takes_public: false,
        ..There::default()
    };
    let (left, plan) = labels(there.clone(), Owners::Keep);
    let gone: Vec<_> = all.iter().filter(|label| !left.contains(label)).cloned().collect();
    assert_eq!(
        gone,
        ["SCHEMA depot", "SCHEMA shop", "COMMENT SCHEMA shop", "EXTENSION hstore", "COMMENT EXTENSION hstore"]
    );
    let otherwise = "schema depot already exists and is not changed: its owner is another instead of postgres";
    assert_eq!(plan.there_otherwise, [otherwise]);
    let (_, plan) = labels(there.clone(), Owners::Restorer);
    assert!(plan.there_otherwise.is_empty(), "{:?}", plan.there_otherwise);
    let steps = |there: &There| labels(there.clone(), Owners::Keep).1.post_data.into_iter().map(|post| post.step.label);
    for grants in ["ACL SCHEMA shop", "DEFAULT ACL shop.DEFAULT PRIVILEGES FOR TABLES"] {
        assert!(steps(&There::default()).any(|label| label == grants));
        assert!(!steps(&there).any(|label| label == grants));
    }
    let mut labelled = there.clone();
    let shop = labelled.schemas.get_mut("shop").unwrap();
    *shop = SchemaThere { labels: [("selinux".to_owned(), "system_u".to_owned())].into(), ..schema("keeper") };
    let otherwise = "schema shop already exists and is not changed: its comment differs; grants are missing: USAGE to Clerk 1; \
        default privileges are missing: SELECT to Clerk 1 on TABLES of keeper; its security labels differ";
    assert_eq!(labels(labelled, Owners::Keep).1.there_otherwise[1], otherwise);
    let moved = There { extensions: [("hstore".to_owned(), extension("ext"))].into(), ..there };
    let (_, plan) = labels(moved, Owners::Restorer);
    assert_eq!(plan.there_otherwise, ["the extension hstore already exists in the schema ext, but was in public"]);
}
