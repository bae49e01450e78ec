//! Everything that speaks to PostgreSQL: connections, the catalog, row streams, `pg_dump`, private clusters.

pub mod binaries;
pub mod cluster;
pub mod connect;
pub mod conninfo;
pub mod error;
pub mod tls;

pub use error::Error;
