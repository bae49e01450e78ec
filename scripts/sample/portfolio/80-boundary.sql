-- portfolio: what joins erp and agent. The foreign key that crosses the line, a view over both, functions of one that
-- read the other, and a procedure.
\ir ../chronos/generate.psql
SELECT count(*) AS sessions FROM agent.sessions \gset
SELECT greatest(50, (60000 * :scale)::bigint) AS runs \gset
SET ROLE portfolio;
INSERT INTO erp.execution_runs (global_id, session_id, project_id, status, started_at, took, result)
    SELECT erp.global_id('run', i), CASE WHEN i % 4 > 0 THEN pg_temp.key('session', 1 + h % :sessions) END, 1 + h % 20, (enum_range(NULL::erp.run_status))[1 + h % 4], pg_temp.moment(i, '9 minutes'), (h % 100000) * interval '1 ms', jsonb_build_object('rows', h % 1000, 'log', E'line\nline')
    FROM (SELECT i, pg_temp.hash(i, 41) AS h FROM generate_series(1, :runs) i) AS row_hash;
ALTER TABLE erp.execution_runs ADD CONSTRAINT execution_runs_session_id_fkey FOREIGN KEY (session_id) REFERENCES agent.sessions (id) ON DELETE SET NULL, ADD CONSTRAINT execution_runs_project FOREIGN KEY (project_id) REFERENCES erp.projects (id);
CREATE INDEX execution_runs_session_id ON erp.execution_runs (session_id);

SELECT :SERVER_VERSION_NUM >= 150000 AS at_least_15 \gset
\if :at_least_15
CREATE VIEW erp.run_overview WITH (security_invoker = true) AS SELECT r.id, r.status, s.owner_name, s.started_at FROM erp.execution_runs r LEFT JOIN agent.sessions s ON s.id = r.session_id;
\else
CREATE VIEW erp.run_overview AS SELECT r.id, r.status, s.owner_name, s.started_at FROM erp.execution_runs r LEFT JOIN agent.sessions s ON s.id = r.session_id;
\endif
CREATE FUNCTION erp.session_cost(session uuid) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(tokens) * 0.0001 FROM agent.messages WHERE session_id = session);
END
$$;
CREATE PROCEDURE agent.close_sessions(older_than timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agent.sessions SET ended_at = older_than WHERE ended_at IS NULL AND started_at < older_than;
    UPDATE erp.execution_runs SET status = 'failed' WHERE status = 'running' AND started_at < older_than;
END
$$;
COMMENT ON CONSTRAINT execution_runs_session_id_fkey ON erp.execution_runs IS 'crosses from erp to agent';
