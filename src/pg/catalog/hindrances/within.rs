//! Questions that read rows, each for as long as a plan may take for it.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use super::{Error, Session, query};

/// How long each question may take, and all of them.
pub(super) struct Within {
    each: Duration,
    all: Duration,
    since: Instant,
}

impl Within {
    pub fn new(each: Duration, all: Duration) -> Self {
        Self { each, all, since: Instant::now() }
    }

    /// For the next one; none where the time is over.
    pub fn left(&self) -> Option<Duration> {
        Some(self.all.saturating_sub(self.since.elapsed()).min(self.each)).filter(|left| !left.is_zero())
    }
}

/// Asks, after `before`, whose settings last as long as the question. None: the server refused or ended it, or there was no time. The
/// session must be in a transaction, which goes on.
pub(super) async fn within(
    session: &Session,
    context: &str,
    before: &str,
    sql: &str,
    time: &Within,
) -> Result<Option<Vec<Row>>, Error> {
    let Some(left) = time.left() else { return Ok(None) };
    let begin = format!("SAVEPOINT pgkeep_within; SET LOCAL statement_timeout = {}; {before}", left.as_millis().max(1));
    let asked = match session.run(context, &begin).await {
        Ok(()) => query(session, context, sql).await,
        Err(error) => Err(error),
    };
    session.run(context, "ROLLBACK TO SAVEPOINT pgkeep_within; RELEASE SAVEPOINT pgkeep_within").await?;
    match asked {
        Ok(rows) => Ok(Some(rows)),
        Err(Error::Server { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
