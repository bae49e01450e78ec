//! What code of one loose key's child does during a rollback keeps nothing of others from coming back: neither what it leaves in the session,
//! nor what it does in the opening alone, when it was good in the rehearsal.

use pgkeep::pg::cluster::ClusterOptions;

use crate::postgres::Server;
use crate::reap_alone::Halves;

/// Beside those of `reap_alone`: a partitioned child of another role, whose foreign key is made in a frame before PostgreSQL 18.
const PARTITIONED: &str = "
    CREATE TABLE kid.zz (id int, p int REFERENCES par.p ON DELETE CASCADE) PARTITION BY RANGE (id);
    CREATE TABLE kid.zz1 PARTITION OF kid.zz FOR VALUES FROM (0) TO (100); INSERT INTO kid.zz SELECT * FROM kid.a;
    ALTER TABLE kid.zz OWNER TO other; ALTER TABLE kid.zz1 OWNER TO other;";

/// Each name is one that a frame has.
const LEFT: &[&str] = &[
    "EXECUTE 'CREATE FUNCTION pg_temp.pgkeep_act() RETURNS void LANGUAGE sql AS ''SELECT'''",
    "EXECUTE 'CREATE TEMPORARY TABLE pgkeep_permits ()'",
    "EXECUTE 'CREATE FUNCTION pg_temp.pgkeep_permit() RETURNS void LANGUAGE sql AS ''SELECT'''",
    "PERFORM set_config('plpgsql.extra_errors', 'all', false)",
];

fn server(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    for role in ["mal", "other"] {
        server.ask(&format!("CREATE ROLE {role} LOGIN"));
    }
    server
}

const VALID: &str = "SELECT string_agg(format('%s %s', conname, convalidated), ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";

fn left_on(major: u32) {
    let server = server(major);
    for (n, left) in LEFT.iter().enumerate() {
        let deed = format!("BEGIN {left}; EXCEPTION WHEN duplicate_function OR duplicate_table THEN NULL; END");
        let halves = Halves::moved_with(&server, format!("left_{n}"), &deed, PARTITIONED);
        let old = halves.name.clone();
        halves.sql(&old, "DELETE FROM par.p WHERE id <= 3");
        let back = halves.split(&["rollback"]);
        assert_eq!((back.code, &*halves.rows(&old)), (0, "6 6 6"), "{major}, {left}: {back:?}");
        assert_eq!(halves.sql(&old, "SELECT count(*) FROM kid.zz"), "6", "{left}");
        assert_eq!(halves.sql(&old, VALID), "a_p_fkey t, m_p_fkey t, z_p_fkey t, zz_p_fkey t", "{left}");
    }
}

#[test]
fn what_code_of_a_child_leaves_keeps_no_key_of_others_from_coming_back_15() {
    left_on(15);
}

#[test]
fn what_code_of_a_child_leaves_keeps_no_key_of_others_from_coming_back_18() {
    left_on(18);
}
