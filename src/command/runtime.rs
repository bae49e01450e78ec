//! The runtime that each worker of rows makes for its connection.

use std::sync::Arc;

use super::Error;

/// # Errors
/// The system gives no more threads or files.
pub fn worker_runtime() -> Result<Arc<tokio::runtime::Runtime>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map(Arc::new)
        .map_err(|source| Error::Internal { what: "cannot start a worker".into(), source: Some(Box::new(source)) })
}
