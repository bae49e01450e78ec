-- What scripts/sample/writer works on; see there for the invariants.
-- DROP ... CASCADE first, so that a writer that was killed can start again.
DROP SCHEMA IF EXISTS ledger CASCADE;
DROP SCHEMA IF EXISTS churn CASCADE;
CREATE SCHEMA ledger;
CREATE SCHEMA churn;

-- The two sides sort first and last in most orders of reading, so that a reader without one snapshot is caught.
CREATE TABLE ledger.accounts_a (id integer PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE ledger.accounts_z (id integer PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE ledger.heartbeat_a (only_row boolean PRIMARY KEY DEFAULT true, beat bigint NOT NULL);
CREATE TABLE ledger.heartbeat_z (only_row boolean PRIMARY KEY DEFAULT true, beat bigint NOT NULL);
CREATE TABLE ledger.transfers_a (beat bigint PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL);
CREATE TABLE ledger.transfers_z (beat bigint PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL);
INSERT INTO ledger.accounts_a SELECT i, 1000, repeat('a', i % 200) FROM generate_series(1, 2000) i;
INSERT INTO ledger.accounts_z SELECT i, 1000, repeat('z', i % 200) FROM generate_series(1, 2000) i;
INSERT INTO ledger.heartbeat_a (beat) VALUES (0);
INSERT INTO ledger.heartbeat_z (beat) VALUES (0);

-- One committed transaction for each transfer. The account follows from the beat: nothing is random.
CREATE PROCEDURE ledger.transfer(times integer) LANGUAGE plpgsql AS $$
DECLARE
    now_beat bigint;
    picked integer;
    moved bigint;
BEGIN
    FOR i IN 1..times LOOP
        UPDATE ledger.heartbeat_a SET beat = beat + 1 RETURNING beat INTO now_beat;
        picked := 1 + (hashint8(now_beat) & 1073741823) % 2000;
        moved := now_beat % 91 - 45;
        UPDATE ledger.accounts_a SET balance = balance - moved WHERE id = picked;
        INSERT INTO ledger.transfers_a VALUES (now_beat, picked, -moved);
        DELETE FROM ledger.transfers_a WHERE beat = now_beat - 5000;
        UPDATE ledger.accounts_z SET balance = balance + moved WHERE id = 2001 - picked;
        INSERT INTO ledger.transfers_z VALUES (now_beat, 2001 - picked, moved);
        DELETE FROM ledger.transfers_z WHERE beat = now_beat - 5000;
        UPDATE ledger.heartbeat_z SET beat = now_beat;
        COMMIT;
    END LOOP;
END
$$;
CREATE FUNCTION ledger.broken_rules() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT 'balances sum to ' || total FROM (SELECT (SELECT sum(balance) FROM ledger.accounts_a) + (SELECT sum(balance) FROM ledger.accounts_z) AS total) s WHERE total IS DISTINCT FROM 4000000
    UNION ALL
    SELECT 'heartbeats differ: ' || a.beat || ' and ' || z.beat FROM ledger.heartbeat_a a, ledger.heartbeat_z z WHERE a.beat <> z.beat
    UNION ALL
    SELECT side || ' holds transfers ' || first || ' to ' || last || ', ' || rows || ' rows, at beat ' || beat
    FROM (SELECT 'transfers_a' AS side, min(beat) AS first, max(beat) AS last, count(*) AS rows FROM ledger.transfers_a UNION ALL SELECT 'transfers_z', min(beat), max(beat), count(*) FROM ledger.transfers_z) t, ledger.heartbeat_a h
    WHERE h.beat > 0 AND (last, rows) IS DISTINCT FROM (h.beat, least(h.beat, 5000))
    UNION ALL
    SELECT 'beat ' || a.beat || ' moved ' || a.amount || ' and ' || z.amount FROM ledger.transfers_a a FULL JOIN ledger.transfers_z z USING (beat) WHERE a.amount + z.amount IS DISTINCT FROM 0
    UNION ALL
    SELECT 'a table of heartbeats has ' || count(*) || ' rows' FROM (SELECT beat FROM ledger.heartbeat_a UNION ALL SELECT beat FROM ledger.heartbeat_z) h HAVING count(*) <> 2
$$;
