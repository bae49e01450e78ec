//! Reading what somebody must have signed: manifests and records.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use super::signature::{Genuine, Signed, SignedCheck};
use crate::store::{ObjectKey, Store, StoreError};

/// What is held of an object before its signature is known to be right.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The content of an object of at most `bytes_max` bytes, with who signed it, or what is wrong with it. An object that is not
/// genuine takes no more memory than a small one, whatever its size.
pub(super) async fn content(
    store: &Store,
    what: Signed,
    key: &ObjectKey,
    bytes_max: u64,
    trusted: &Arc<[VerifyingKey]>,
) -> Result<Result<(Genuine, Vec<u8>), &'static str>, StoreError> {
    let check = |keep| SignedCheck::new(what, key, trusted.clone(), keep);
    let mut genuine = match store.read(key, bytes_max, check(KEPT_BYTES_MAX)).await?.finish() {
        Ok(genuine) => genuine,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(content) = genuine.content.take() {
        return Ok(Ok((genuine, content)));
    }
    // A large one is read once more, now that somebody answers for its size. It may have been exchanged in between.
    let again = store.read(key, genuine.bytes, check(usize::try_from(genuine.bytes).unwrap_or(usize::MAX))).await?;
    match again.finish() {
        Ok(Genuine { content: Some(content), whole, .. }) if whole == genuine.whole => Ok(Ok((genuine, content))),
        Ok(_) => Ok(Err("its content or name was changed")),
        Err(refused) => Ok(Err(refused)),
    }
}

/// The same without its content: whoever has signed it, it is not held.
pub(super) async fn check(
    store: &Store,
    what: Signed,
    key: &ObjectKey,
    bytes_max: u64,
    trusted: &Arc<[VerifyingKey]>,
) -> Result<Result<Genuine, &'static str>, StoreError> {
    Ok(store.read(key, bytes_max, SignedCheck::new(what, key, trusted.clone(), 0)).await?.finish())
}

/// The content of an object that whoever it names has signed, unless that is `except`. Nobody answers for him: what he says can only
/// make more careful.
pub(super) async fn claimed(
    store: &Store,
    what: Signed,
    key: &ObjectKey,
    bytes_max: u64,
    except: VerifyingKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    let keep = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let read = store.read(key, bytes_max, SignedCheck::of_anybody_but(except, what, key, keep)).await?;
    Ok(read.finish().ok().and_then(|genuine| genuine.content))
}
