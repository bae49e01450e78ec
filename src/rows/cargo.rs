//! What is moved, from wherever it comes: what its rows, its roles and its settings were where it was.

use crate::repo::manifest::{Database, LargeObject, Membership, Role, RoleSetting, Settings};
use crate::stream::{DigestKey, RowHash, RowHasher};

pub struct Cargo {
    /// The database that it is of.
    pub database: Database,
    /// Of the server that it is of, as `server_version_num`: what its roles may do hangs on it.
    pub server_version_num: u32,
    pub roles: Vec<Role>,
    pub memberships: Vec<Membership>,
    pub role_settings: Vec<RoleSetting>,
    /// Under which rows were written and code ran; none where nobody wrote that down.
    pub settings: Option<Settings>,
    pub row_hash: RowHash,
    pub digest_key: DigestKey,
    /// Those that come along.
    pub large_objects: Vec<LargeObject>,
}

impl Cargo {
    /// Whether it says what this role may do.
    pub fn knows(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known.name == role)
    }

    /// Whatever is compared with digests of this cargo is hashed by this.
    pub fn row_hasher(&self) -> RowHasher {
        RowHasher::new(self.row_hash, &self.digest_key)
    }
}
