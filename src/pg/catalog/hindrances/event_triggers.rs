//! Event triggers that fire in ordinary sessions.

use super::{Error, Session, query};
use crate::split::facts::EventTrigger;

/// Those of the session's database; none where the server lets none fire (`event_triggers`, since 17).
pub async fn event_triggers(session: &Session) -> Result<Vec<EventTrigger>, Error> {
    let sql = "SELECT e.evtname::text, e.evtevent::text, coalesce(e.evttags, '{}'), pg_catalog.pg_get_userbyid(e.evtowner)::text,
            n.nspname::text || '.' || p.proname::text, l.lanname::text, coalesce(p.prosrc, '')
        FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE e.evtenabled IN ('O', 'A') AND coalesce(pg_catalog.current_setting('event_triggers', true), 'on') <> 'off' ORDER BY 1";
    let trigger = |row: tokio_postgres::Row| EventTrigger {
        name: row.get(0),
        event: row.get(1),
        tags: row.get::<_, Vec<String>>(2).into_iter().collect(),
        owner: row.get(3),
        function: row.get(4),
        language: row.get(5),
        body: row.get(6),
    };
    Ok(query(session, "the list of event triggers", sql).await?.into_iter().map(trigger).collect())
}
