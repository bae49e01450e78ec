-- portfolio: grants and row-level security as PostgREST's users meet them.
SET ROLE portfolio;
GRANT USAGE ON SCHEMA erp, agent TO web_anon, app_user, app_auditor;
GRANT SELECT ON erp.products, erp.warehouses, erp.run_overview TO web_anon;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA erp, agent TO app_user;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA erp, agent TO app_user;
GRANT SELECT ON ALL TABLES IN SCHEMA erp, agent TO app_auditor;
GRANT SELECT (id, name), UPDATE (name) ON erp.customers TO web_anon;
REVOKE EXECUTE ON FUNCTION erp.session_cost(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erp.session_cost(uuid) TO app_user;
REVOKE USAGE ON TYPE erp.money_amount FROM PUBLIC;
GRANT USAGE ON TYPE erp.money_amount TO app_user;
ALTER DEFAULT PRIVILEGES IN SCHEMA erp GRANT SELECT ON TABLES TO web_anon;
ALTER DEFAULT PRIVILEGES IN SCHEMA agent GRANT EXECUTE ON FUNCTIONS TO app_user;

ALTER TABLE erp.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent.messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_customers ON erp.customers FOR ALL TO app_user, web_anon USING (owner_name = CURRENT_USER) WITH CHECK (owner_name = CURRENT_USER);
CREATE POLICY own_sessions ON agent.sessions USING (owner_name = current_setting('request.jwt.claims', true)::json ->> 'role');
CREATE POLICY own_messages ON agent.messages FOR SELECT TO app_user USING (EXISTS (SELECT FROM agent.sessions s WHERE s.id = session_id));
CREATE POLICY no_system ON agent.messages AS RESTRICTIVE FOR SELECT USING (speaker <> 'system');
