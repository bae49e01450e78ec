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

/// Counted by the rows of three deletions: the rehearsal's are good.
const COUNTED: &str =
    "CREATE SEQUENCE par.calls; GRANT USAGE ON SCHEMA par TO mal; GRANT ALL ON SEQUENCE par.calls TO mal;";

/// What is done in the opening, and since which version it can be.
const LATER: &[(&str, u32)] = &[
    ("RAISE EXCEPTION 'not now'", 14),
    ("RAISE EXCEPTION USING ERRCODE = '55P03', MESSAGE = 'not now'", 14),
    ("RAISE EXCEPTION USING ERRCODE = 'PKG01', MESSAGE = 'not now'", 14),
    ("PERFORM set_config('transaction_timeout', '1', false); PERFORM pg_sleep(1)", 17),
    ("LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP", 14),
];

fn later_on(major: u32) {
    let server = server(major);
    for (n, (deed, _)) in LATER.iter().enumerate().filter(|(_, (_, since))| *since <= major) {
        let deed = format!("IF nextval(('par.' || 'calls')::regclass) > 3 THEN {deed}; END IF");
        let halves = Halves::moved_with(&server, format!("later_{n}"), &deed, COUNTED);
        let old = halves.name.clone();
        halves.sql(&old, "DELETE FROM par.p WHERE id <= 3");
        let back = halves.split(&["rollback", "--fence-wait", "2", "--replay-timeout", "10"]);
        assert_eq!((back.code, &*halves.rows(&old)), (3, "6 9 6"), "{major}, {deed}: {back:?}");
        let document = back.document();
        let left: Vec<_> = document["keys_not_replayed"].as_array().unwrap().iter().map(|key| &key["key"]).collect();
        assert_eq!(left, ["kid.m.m_p_fkey"], "{deed}: {document}");
        assert_eq!(halves.sql(&old, VALID), "a_p_fkey t, m_p_fkey f, z_p_fkey t", "{deed}");
        // The log of the others is done with.
        assert_eq!(
            halves.sql(
                &old,
                "SELECT string_agg(DISTINCT name, ' ') FROM pgkeep_loose.log JOIN pgkeep_loose.keys USING (key)"
            ),
            "kid.m.m_p_fkey"
        );
        halves.sql(&old, "INSERT INTO kid.z VALUES (10, 9)");
    }
}

#[test]
fn a_key_that_is_good_in_the_rehearsal_alone_takes_no_other_with_it_15() {
    later_on(15);
}

#[test]
fn a_key_that_is_good_in_the_rehearsal_alone_takes_no_other_with_it_18() {
    later_on(18);
}
