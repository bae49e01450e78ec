//! Doing something as an ordinary role, so that code of that role which it calls gets no more than that role's rights.
//!
//! `SET ROLE` would not do: the code it is meant for could say RESET ROLE. Inside a function that is SECURITY DEFINER, PostgreSQL
//! refuses SET ROLE and SET SESSION AUTHORIZATION ("SET ROLE", Notes). The function is made for one call, because its owner could change
//! it, and goes in the same transaction.
//!
//! What the code leaves behind must not run as somebody else later: what it defines (a trigger on a table that is loaded next), what it
//! defers (a constraint trigger, a cursor WITH HOLD), what it sets for the session, and what it makes in the temporary schema, where
//! names of types are looked up first. So it may define nothing but what was asked for, what waits is run or closed, settings are as
//! before, and the temporary schema is looked up last from then on.

use super::connect::settings::PINNED;
use super::quoting::{do_block, quote_identifier, quote_literal};

const FUNCTION: &str = "pg_temp.pgkeep_act";
/// Of the list of settings: after the log-in, a session has another encoding than its start-up packet named where the database has none.
const OWN_ENCODING: &str =
    "('client_encoding', CASE pg_catalog.getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' END)";
/// For sessions in which there were frames: what code has left in the temporary schema is looked up last, not first.
pub const SEARCH_PATH: &str = "SET search_path = pg_catalog, pg_temp;\n";
const ALL_ORDINARY: &str = "pgkeep_all_ordinary";
/// Whether a role `r` is one of users' tables alone: it is no superuser, may do nothing at the server (run programs, read files), and gives
/// no role to anybody. Those of a bridge are pgkeep's: whoever is one of them can use or redirect every foreign table.
pub(super) const ORDINARY: &str = "NOT r.rolsuper AND NOT r.rolreplication AND r.rolname !~ '^(pg_|pgkeep_bridge(d|[0-9]+)?_)' AND r.rolname <> 'pgkeep_all_ordinary'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles p WHERE p.rolsuper AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER')
        OR p.rolname ~ '^pg_' AND p.rolname <> 'pg_database_owner' AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.admin_option AND pg_catalog.pg_has_role(r.oid, m.member, 'MEMBER'))";
/// What members of other roles could change for other databases, whose commands fire no event trigger.
const SHARED: &str = "(SELECT pg_catalog.md5(pg_catalog.string_agg(s.said, ' ' ORDER BY s.said)) FROM (
        SELECT pg_catalog.format('%L %s %s %s %s %s %s', d.oid, d.datname, d.datdba, d.datacl, d.datconnlimit, d.datallowconn, d.datistemplate) AS said FROM pg_catalog.pg_database d
        UNION ALL SELECT s.*::pg_catalog.text FROM pg_catalog.pg_db_role_setting s
        UNION ALL SELECT t.*::pg_catalog.text FROM pg_catalog.pg_tablespace t
        UNION ALL SELECT d.*::pg_catalog.text FROM pg_catalog.pg_shdescription d
        UNION ALL SELECT l.*::pg_catalog.text FROM pg_catalog.pg_shseclabel l
        UNION ALL SELECT r.*::pg_catalog.text FROM pg_catalog.pg_roles r WHERE r.rolname <> 'pgkeep_all_ordinary') s)";
/// Privileges of parameters, which PostgreSQL 14 does not have: a statement, in PL/pgSQL.
const PARAMETERS: &str = "CASE WHEN pg_catalog.to_regclass('pg_catalog.pg_parameter_acl') IS NULL THEN 'SELECT NULL::pg_catalog.text'
        ELSE 'SELECT pg_catalog.string_agg(p.*::pg_catalog.text, '' '' ORDER BY p.oid) FROM pg_catalog.pg_parameter_acl p' END";
/// Lends of several sessions would collide in the catalog. Only a superuser can lock a catalog that all databases share (the owner of a
/// database locks the others, by ANALYZE); an advisory lock (`pkfr`) could be kept by anybody, for ever, and by the code itself.
const LENDING: &str = "IF super THEN LOCK TABLE pg_catalog.pg_shseclabel IN SHARE UPDATE EXCLUSIVE MODE;
    ELSE PERFORM pg_catalog.pg_advisory_xact_lock(1886086770, 0); END IF;";
/// What no transaction takes back, in PL/pgSQL with a record `left_over`: locks of the session, for which the same code would wait in
/// another one, and prepared statements, which would be in the way of the driver's own, whose names are known. No session in which code of
/// users runs has such locks of pgkeep's.
const LEFT_OVER: &str = "PERFORM pg_catalog.pg_advisory_unlock_all();
    FOR left_over IN SELECT p.name FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql LOOP
        EXECUTE pg_catalog.format('DEALLOCATE %I', left_over.name);
    END LOOP;";

/// The same as a statement, for after a rollback.
pub fn clear_left_over() -> String {
    do_block(&format!("DECLARE left_over record; BEGIN {LEFT_OVER} END"))
}

/// A privilege, of whoever owns what it is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lend {
    /// To find names in a schema.
    Names(String),
    /// To make something in a schema.
    Make(String),
    /// The same, to another role than the frame's.
    NamesTo(String, String),
    /// To refer to a relation, by its quoted name.
    Reference(String),
    /// A foreign server.
    Server(String),
    /// To make triggers that call a function, by its quoted name; it must be one that nothing else can call.
    Trigger(String),
    Tablespace(String),
}

impl Lend {
    /// A row: privilege, kind, what SQL calls it, to whom, whether that role lacks what the session may give. `role` is a literal.
    fn lacking(&self, role: &str) -> String {
        let of_schema = |privilege, name| (privilege, "SCHEMA", "has_schema_privilege", "pg_namespace", "nsp", name);
        let (privilege, kind, function, catalog, prefix, name) = match self {
            Lend::Names(name) | Lend::NamesTo(name, _) => of_schema("USAGE", name),
            Lend::Make(name) => of_schema("CREATE", name),
            Lend::Server(name) => ("USAGE", "FOREIGN SERVER", "has_server_privilege", "pg_foreign_server", "srv", name),
            Lend::Tablespace(name) => {
                ("CREATE", "TABLESPACE", "has_tablespace_privilege", "pg_tablespace", "spc", name)
            }
            Lend::Reference(name) => ("REFERENCES", "TABLE", "has_table_privilege", "pg_class", "rel", name),
            Lend::Trigger(name) => ("EXECUTE", "FUNCTION", "has_function_privilege", "pg_proc", "pro", name),
        };
        let role = match self {
            Lend::NamesTo(_, other) => quote_literal(other),
            _ => role.to_owned(),
        };
        let (called, condition) = match self {
            Lend::Reference(_) => (name.clone(), format!("o.oid = pg_catalog.to_regclass({})", quote_literal(name))),
            Lend::Trigger(name) => (
                name.clone(),
                format!(
                    "o.oid = pg_catalog.to_regprocedure({}) AND o.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype",
                    quote_literal(name)
                ),
            ),
            _ => (quote_identifier(name), format!("o.{prefix}name = {}", quote_literal(name))),
        };
        format!(
            "('{privilege}', '{kind}', {}, {role}, (SELECT pg_catalog.pg_has_role(o.{prefix}owner, 'USAGE') AND NOT pg_catalog.{function}({role}, o.oid, '{privilege}')
                FROM pg_catalog.{catalog} o WHERE {condition}))",
            quote_literal(&called)
        )
    }
}

/// What a session can have of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ability {
    /// It can keep code from defining something, and act with the rights of all ordinary roles.
    pub superuser: bool,
    /// It can make a frame at all.
    pub temporary: bool,
}

impl Ability {
    /// A question with one row of two columns, for [`Ability::of`].
    pub const QUESTION: &str = "SELECT pg_catalog.current_setting('is_superuser') = 'on', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')";

    pub fn of(superuser: bool, temporary: bool) -> Self {
        Self { superuser, temporary }
    }
}

/// With how many rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// The role's own, and what is lent.
    Own,
    /// Those of all ordinary roles together: for what the role's own do not suffice for. It takes a superuser. What is made so becomes the
    /// role's.
    AllOrdinary,
}

/// What is done, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Where the session's role may not act as it, the session's role acts itself; so it does where there is none, for what the server
    /// itself runs as somebody else.
    pub role: Option<&'a str>,
    pub rights: Rights,
    /// What the role may use for as long as it takes, whatever it has been granted so far.
    pub lends: &'a [Lend],
    /// Tables of others, by their quoted names, that are the role's for as long as it takes; and their owners. Only a superuser gives
    /// them away: where the session's role is none, it acts itself.
    pub borrows: &'a [(String, String)],
    /// Run one after the other. None may end a transaction, or be COPY.
    pub statements: &'a [&'a [u8]],
    /// How many of the commands in `statements` define something: those for which PostgreSQL fires `ddl_command_start`.
    pub definitions: usize,
}

impl Frame<'_> {
    /// The frame as one message, for a transaction of its own or a larger one. The session has the settings of its log-in afterwards, but
    /// for its search path, which `SEARCH_PATH` must be the last to set. Dropping all of the temporary schema instead would take longer
    /// each time.
    ///
    /// # Errors
    /// The server's of the statements; 55000 where code that they call wants to define something.
    pub fn sql(&self) -> Vec<u8> {
        let body: Vec<Vec<u8>> =
            self.statements.iter().map(|sql| [b"EXECUTE ", &*literal(sql), b";\n"].concat()).collect();
        let body = [b"BEGIN\n", &*body.concat(), b"SET CONSTRAINTS ALL IMMEDIATE;\nEND"].concat();
        let act = [
            format!("CREATE FUNCTION {FUNCTION}() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS ").as_bytes(),
            &*literal(&body),
            b";\n",
        ]
        .concat();
        let block = [self.before().as_bytes(), &*act, self.around().as_bytes()].concat();
        [b"DO ", &*literal(&block), b";\n", nothing_deferred().as_bytes(), b"CLOSE ALL;\n"].concat()
    }

    /// Until the function is made.
    fn before(&self) -> String {
        let role = quote_literal(self.role.unwrap_or_default());
        let lacking: Vec<String> = self.lends.iter().map(|lend| lend.lacking(&role)).collect();
        let lend = match lacking.is_empty() || self.role.is_none() {
            true => String::new(),
            false => format!(
                "FOR lend IN SELECT w.privilege, w.kind, w.name, w.role FROM (VALUES {}) AS w (privilege, kind, name, role, lacking) WHERE w.lacking
                LOOP
                    {LENDING}
                    EXECUTE pg_catalog.format('GRANT %s ON %s %s TO %I', lend.privilege, lend.kind, lend.name, lend.role);
                    lent := lent || pg_catalog.format('REVOKE %s ON %s %s FROM %I', lend.privilege, lend.kind, lend.name, lend.role);
                END LOOP;\n",
                lacking.join(", ")
            ),
        };
        format!(
            "DECLARE
                super pg_catalog.bool := pg_catalog.current_setting('is_superuser') = 'on';
                guard pg_catalog.text := 'pgkeep_guard_' || pg_catalog.pg_backend_pid();
                lent pg_catalog.text[] := '{{}}';
                lend record;
                shared pg_catalog.text;
                parameters pg_catalog.text;
                back pg_catalog.text;
                setting record;
                left_over record;
                triggers pg_catalog.text := pg_catalog.current_setting('session_replication_role');
            BEGIN
            -- Event triggers of others are not meant for what follows.
            IF super THEN SET session_replication_role = replica; END IF;
            {lend}"
        )
    }

    /// The function's owner, the guard, the call, and the end of both. What comes directly after the call has no expression: the code
    /// may have set the path by which operators are found.
    fn around(&self) -> String {
        let role = self.role.map_or_else(|| "CURRENT_USER".to_owned(), quote_identifier);
        // It is never committed, so that nobody else ever sees it.
        let (join, leave) = match (self.rights, self.role) {
            (Rights::AllOrdinary, Some(_)) => (
                format!(
                    "{LENDING}
                    CREATE ROLE {ALL_ORDINARY} BYPASSRLS;
                    FOR lend IN SELECT r.rolname FROM pg_catalog.pg_roles r WHERE {ORDINARY} LOOP
                        EXECUTE pg_catalog.format('GRANT %I TO {ALL_ORDINARY}', lend.rolname);
                    END LOOP;
                    EXECUTE {PARAMETERS} INTO parameters;
                    shared := pg_catalog.concat({SHARED}, parameters);"
                ),
                format!(
                    "REASSIGN OWNED BY {ALL_ORDINARY} TO {role}; DROP OWNED BY {ALL_ORDINARY};
                    EXECUTE {PARAMETERS} INTO parameters;
                    IF shared IS DISTINCT FROM pg_catalog.concat({SHARED}, parameters) THEN
                        RAISE EXCEPTION 'code that is called here wants to change what other databases have as well';
                    END IF;
                    DROP ROLE {ALL_ORDINARY};"
                ),
            ),
            _ => (String::new(), String::new()),
        };
        let role = if join.is_empty() { role } else { ALL_ORDINARY.to_owned() };
        let owner = |table: &str, owner: &str| format!("ALTER TABLE {table} OWNER TO {owner};\n");
        let borrow: String = self.borrows.iter().map(|(table, _)| owner(table, &role)).collect();
        let bring_back: String = self.borrows.iter().map(|(table, own)| owner(table, &quote_identifier(own))).collect();
        let gives = if self.borrows.is_empty() { "true" } else { "super" };
        let permits = self.definitions + 1;
        // Not RESET ALL: not all of them can be given in the start-up packet.
        let pins = PINNED.iter().map(|pin| format!("('{}', {})", pin.name, quote_literal(pin.value)));
        let pins: Vec<String> = pins.chain([OWN_ENCODING.to_owned()]).collect();
        let pins = pins.join(", ");
        let permit = quote_literal(
            "BEGIN
                PERFORM pg_catalog.nextval('pg_temp.pgkeep_permits');
            EXCEPTION WHEN sequence_generator_limit_exceeded THEN
                RAISE EXCEPTION 'code that is called here wants to define something itself: %', tg_tag
                    USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'A function, or what it calls, has a command like CREATE or ALTER in it.';
            END",
        );
        format!(
            "{join}
            IF {gives} THEN
                BEGIN
                    ALTER FUNCTION {FUNCTION}() OWNER TO {role};
                EXCEPTION WHEN insufficient_privilege THEN NULL;
                END;
                {borrow}
            END IF;
            IF super THEN
                CREATE TEMPORARY SEQUENCE pgkeep_permits MINVALUE 0 MAXVALUE {permits};
                PERFORM pg_catalog.setval('pg_temp.pgkeep_permits', 1);
                CREATE FUNCTION pg_temp.pgkeep_permit() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {permit};
                IF pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 170000 THEN
                    SET event_triggers = on;
                END IF;
                EXECUTE pg_catalog.format('CREATE EVENT TRIGGER %I ON ddl_command_start EXECUTE FUNCTION pg_temp.pgkeep_permit()', guard);
                EXECUTE pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', guard);
            END IF;
            IF super THEN PERFORM pg_catalog.set_config('session_replication_role', triggers, false); END IF;
            PERFORM {FUNCTION}();
            SET search_path = pg_catalog, pg_temp;
            FOR setting IN SELECT s.name, p.value FROM pg_catalog.pg_settings s LEFT JOIN (VALUES {pins}) AS p (name, value) ON p.name = s.name
                WHERE s.source = 'session' AND s.name NOT IN ('role', 'session_authorization', 'search_path') AND s.name !~ '^transaction_' AND s.name !~ '[.]' LOOP
                IF setting.value IS NULL THEN
                    EXECUTE pg_catalog.format('RESET %I', setting.name);
                ELSE
                    PERFORM pg_catalog.set_config(setting.name, setting.value, false);
                END IF;
            END LOOP;
            RESET plpgsql.extra_errors; RESET plpgsql.extra_warnings; RESET plpgsql.check_asserts; RESET plpgsql.print_strict_params;
            {LEFT_OVER}
            IF super THEN
                SET session_replication_role = replica;
                EXECUTE pg_catalog.format('DROP EVENT TRIGGER %I', guard);
                IF (SELECT last_value <> {permits} FROM pg_temp.pgkeep_permits) THEN
                    RAISE EXCEPTION 'code that is called here has kept a definition from being counted';
                END IF;
                DROP SEQUENCE pg_temp.pgkeep_permits;
                DROP FUNCTION pg_temp.pgkeep_permit();
                {bring_back}
            END IF;
            DROP FUNCTION {FUNCTION}();
            {leave}
            FOREACH back IN ARRAY lent LOOP EXECUTE back; END LOOP;
            IF super THEN RESET session_replication_role; END IF;
            END"
        )
    }
}

/// A string literal of any bytes, whatever `standard_conforming_strings` says.
fn literal(text: &[u8]) -> Vec<u8> {
    let mut literal = b"E'".to_vec();
    for &byte in text {
        if matches!(byte, b'\'' | b'\\') {
            literal.push(byte);
        }
        literal.push(byte);
    }
    literal.push(b'\'');
    literal
}

/// Refuses to go on where one of the transaction's triggers waits for its end, which would run it as the operator (before PostgreSQL
/// 18). The function has run what was deferred; what defers itself once more is found by ALTER TABLE, which PostgreSQL refuses for a
/// table with waiting triggers. Nothing is altered: the constraint does not exist.
pub(super) fn nothing_deferred() -> String {
    do_block(
        "DECLARE t record; BEGIN
            IF pg_catalog.current_setting('is_superuser') = 'off' THEN RETURN; END IF;
            FOR t IN SELECT DISTINCT g.tgrelid::pg_catalog.regclass AS name FROM pg_catalog.pg_trigger g
                JOIN pg_catalog.pg_locks l ON l.relation = g.tgrelid AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
                    AND l.pid = pg_catalog.pg_backend_pid()
                    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                WHERE g.tgdeferrable
            LOOP
                BEGIN
                    EXECUTE pg_catalog.format('ALTER TABLE ONLY %s VALIDATE CONSTRAINT %I', t.name, pg_catalog.gen_random_uuid());
                EXCEPTION WHEN undefined_object THEN NULL;
                    WHEN object_in_use THEN RAISE EXCEPTION 'a trigger of % defers its work once more: at the end of the transaction it would run as %',
                        t.name, session_user;
                END;
            END LOOP;
        END",
    )
}
