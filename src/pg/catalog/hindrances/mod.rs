//! What could stand in a split's way. Every question can be asked in a transaction that only reads.

mod bridge_limits;
mod checks;
mod event_triggers;
mod generated;
mod key_rows;
mod locks;
mod members;
mod prepared;
mod registry;
mod rights;
mod settings;
mod within;
mod writing;

pub use bridge_limits::{key_uses, peculiar_uses, row_type_uses, values_of_defaults, values_of_readers, with_children};
pub use checks::{Whose, checked_rows};
pub use event_triggers::event_triggers;
pub use generated::generated_by_functions;
pub use key_rows::{KeyRows, key_rows, not_valid_keys, orphans};
pub use locks::{lock_table, locked};
pub use members::member_tables;
pub use prepared::prepared_transactions;
pub use registry::name_columns;
pub use rights::fence_rights;
pub use settings::{function_settings, refused_settings, refused_settings_apart};
pub use writing::writing;

use within::{Within, within};

use super::{Error, Session, query, quote_identifier, quote_relation};
