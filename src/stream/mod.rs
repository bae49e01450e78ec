//! What happens to rows between PostgreSQL and the repository: digest, chunk, compress, encrypt; and back.
//!
//! Nothing in here knows a database or a repository: bytes in, [`Sealed`] objects out.

pub mod chunk;
pub mod cut;
pub mod digest;
pub mod format;
pub mod pairs;
pub mod recipient;
pub mod row_hash;
pub mod rows;
pub mod seal;
pub mod tally;

pub use chunk::{Chunker, Cut};
pub use digest::{Digest, DigestKey};
pub use format::RowFormat;
pub use recipient::{Identities, Recipient, RecipientError};
pub use row_hash::{Hashers, RowHash, RowHasher};
pub use rows::{MalformedRow, RowSplitter};
pub use seal::{ChunkKey, ChunkName, OpenError, Opener, SealError, Sealed, Sealer};
pub use tally::Tally;
