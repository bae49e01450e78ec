//! Work that calls code of others, which may keep it for ever, or end its session: it has a session of its own, and an end.

use std::error::Error as StdError;
use std::iter::successors;
use std::time::Duration;

use crate::pg;
use crate::pg::connect::Session;
use crate::pg::sessions;
use crate::stop::Stop;

/// What came first.
pub enum Came<T> {
    Done(T),
    TooLate,
    Stopped,
}

/// Waits for the work, which is done by these sessions alone, at most so long. None: without end. Where it does not come to its end, the
/// sessions are ended: no code can refuse that, as it can refuse to be cancelled.
pub async fn within<T>(
    limit: Option<Duration>,
    stop: &Stop,
    own: &[&Session],
    work: impl Future<Output = T>,
) -> Came<T> {
    let timed = async {
        match limit {
            Some(limit) => tokio::time::timeout(limit, work).await.ok(),
            None => Some(work.await),
        }
    };
    let came = match stop.or_stop(timed).await {
        Some(Some(done)) => return Came::Done(done),
        Some(None) => Came::TooLate,
        None => Came::Stopped,
    };
    for session in own {
        sessions::end(session.conninfo(), &[session.backend_pid()]);
    }
    came
}

/// Why it failed, in the server's words where it said some.
pub fn reason(error: &(dyn StdError + 'static)) -> String {
    let chain = || successors(Some(error), |error: &&'_ (dyn StdError + 'static)| StdError::source(*error));
    let said = chain().filter_map(|cause| cause.downcast_ref::<pg::Error>()).find_map(pg::Error::server_message);
    match said {
        Some(message) => {
            [Some(message.message.clone()), message.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ")
        }
        None => chain().map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}
