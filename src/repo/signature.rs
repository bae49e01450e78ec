//! A line of plain text in front of an object: who signed it, and the signature.

use std::ops::ControlFlow;
use std::sync::Arc;

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

use crate::store::{ObjectKey, Sink};
use crate::stream::Sealed;

/// What is signed. The two never pass for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    Manifest,
    Record,
}

impl Signed {
    fn word(self) -> &'static str {
        match self {
            Signed::Manifest => "pgkeep-manifest/1",
            Signed::Record => "pgkeep-record/1",
        }
    }

    fn context(self) -> &'static str {
        match self {
            Signed::Manifest => "pgkeep manifest 1",
            Signed::Record => "pgkeep record 1",
        }
    }

    /// Bytes of the line, with its newline: the word, 64 and 128 hexadecimal digits.
    fn line_bytes(self) -> usize {
        self.word().len() + 1 + 64 + 1 + 128 + 1
    }

    /// Of an object with a signature: the line and one byte.
    pub fn bytes_min(self) -> u64 {
        self.line_bytes() as u64 + 1
    }

    fn message(self, key: &ObjectKey, content: &blake3::Hash) -> Vec<u8> {
        let mut message = format!("{}\n{key}\n", self.context()).into_bytes();
        message.extend_from_slice(content.as_bytes());
        message
    }
}

/// The content with its signature line, for the object called `key` and no other.
pub fn sign(what: Signed, key: &ObjectKey, content: Sealed, signing: &SigningKey) -> Sealed {
    let signature = signing.sign(&what.message(key, &blake3::hash(content.bytes())));
    let signer = hex::encode(signing.verifying_key().to_bytes());
    content.with_header(&format!("{} {signer} {}\n", what.word(), hex::encode(signature.to_bytes())))
}

/// Why something is not trusted that may be the work of a newer key than this one knows.
pub const UNKNOWN: &str = "an unknown key signed it";
const DAMAGED: &str = "its first line is damaged";

/// Checks an object that comes in pieces: first whether the line names somebody who is trusted, and only then the rest, which is
/// hashed as it comes. Whoever can write to the store can put anything of any size under a name, so no more than `keep_max` bytes are
/// held of what is not known to be genuine.
#[derive(Clone)]
pub struct SignedCheck {
    what: Signed,
    key: ObjectKey,
    whose: Whose,
    line: Vec<u8>,
    signer: Option<(VerifyingKey, Signature)>,
    refused: Option<&'static str>,
    content: blake3::Hasher,
    whole: blake3::Hasher,
    bytes: u64,
    keep_max: usize,
    kept: Vec<u8>,
}

/// Whose signature is looked for.
#[derive(Clone)]
enum Whose {
    Trusted(Arc<[VerifyingKey]>),
    AnybodyBut(VerifyingKey),
}

/// What follows the signature line, whoever signed it.
pub fn content(what: Signed, stored: &[u8]) -> Option<&[u8]> {
    let (line, content) = stored.split_at_checked(what.line_bytes())?;
    line.ends_with(b"\n").then_some(content)
}

fn named(signer: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(signer, &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// What was signed, by whom, and how much there is of it.
#[derive(Clone, Debug)]
pub struct Genuine {
    pub signer: VerifyingKey,
    /// BLAKE3 of the whole object, the line included.
    pub whole: blake3::Hash,
    /// Of the whole object.
    pub bytes: u64,
    /// What follows the line, if there is no more than was to be kept.
    pub content: Option<Vec<u8>>,
}

impl SignedCheck {
    pub fn new(what: Signed, key: &ObjectKey, trusted: Arc<[VerifyingKey]>, keep_max: usize) -> Self {
        Self::of(Whose::Trusted(trusted), what, key, keep_max)
    }

    /// Only that whoever the line names has signed the rest. It makes nothing trusted. What `except` has signed is not read.
    pub fn of_anybody_but(except: VerifyingKey, what: Signed, key: &ObjectKey, keep_max: usize) -> Self {
        Self::of(Whose::AnybodyBut(except), what, key, keep_max)
    }

    fn of(whose: Whose, what: Signed, key: &ObjectKey, keep_max: usize) -> Self {
        let (line, signer, refused, kept) = Default::default();
        let (content, whole) = (blake3::Hasher::new(), blake3::Hasher::new());
        Self { what, key: key.clone(), whose, line, signer, refused, content, whole, bytes: 0, keep_max, kept }
    }

    fn read_line(&self) -> Result<(VerifyingKey, Signature), &'static str> {
        let line = std::str::from_utf8(&self.line).map_err(|_| DAMAGED)?.strip_suffix('\n').ok_or(DAMAGED)?;
        let words: Vec<&str> = line.split(' ').collect();
        let [word, signer, signature] = words[..] else { return Err(DAMAGED) };
        if word != self.what.word() {
            return Err(DAMAGED);
        }
        let known = match &self.whose {
            Whose::Trusted(trusted) => trusted.iter().find(|known| hex::encode(known.to_bytes()) == signer).copied(),
            Whose::AnybodyBut(except) => named(signer).filter(|signer| signer != except),
        };
        let known = known.ok_or(UNKNOWN)?;
        let mut bytes = [0; 64];
        hex::decode_to_slice(signature, &mut bytes).map_err(|_| DAMAGED)?;
        Ok((known, Signature::from_bytes(&bytes)))
    }

    /// The verdict, when the object has come to its end or no more of it was wanted.
    pub fn finish(self) -> Result<Genuine, &'static str> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let (signer, signature) = self.signer.ok_or("it is too short")?;
        let message = self.what.message(&self.key, &self.content.finalize());
        signer.verify(&message, &signature).map_err(|_| "its content or name was changed")?;
        let content_bytes = self.bytes - self.line.len() as u64;
        let content = (content_bytes <= self.keep_max as u64).then_some(self.kept);
        Ok(Genuine { signer, whole: self.whole.finalize(), bytes: self.bytes, content })
    }
}

impl Sink for SignedCheck {
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        self.bytes += piece.len() as u64;
        self.whole.update(piece);
        let missing = self.what.line_bytes() - self.line.len();
        let (line, content) = piece.split_at(missing.min(piece.len()));
        self.line.extend_from_slice(line);
        if missing > 0 && line.len() == missing {
            match self.read_line() {
                Ok(signer) => self.signer = Some(signer),
                Err(refused) => {
                    self.refused = Some(refused);
                    return ControlFlow::Break(());
                }
            }
        }
        self.content.update(content);
        if self.kept.len() + content.len() <= self.keep_max {
            self.kept.extend_from_slice(content);
        } else {
            self.kept = Vec::new();
            self.keep_max = 0;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::seal::PublicRecord;

    /// In pieces of so many bytes.
    fn check(
        what: Signed,
        key: &ObjectKey,
        stored: &[u8],
        trusted: &[VerifyingKey],
        piece: usize,
    ) -> Result<Genuine, &'static str> {
        let mut check = SignedCheck::new(what, key, trusted.into(), 1000);
        let _ = stored.chunks(piece).try_for_each(|piece| check.take(piece));
        check.finish()
    }

    #[derive(serde::Serialize)]
    struct Word(&'static str);

    impl PublicRecord for Word {}

    #[test]
    fn a_signature_holds_for_one_content_one_name_and_one_kind() {
        let (signing, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let trusted = [other.verifying_key(), signing.verifying_key()];
        let key = |name: &str| ObjectKey::new(name).unwrap();
        let signed = sign(Signed::Record, &key("records/a"), Sealed::public(&Word("yes")).unwrap(), &signing);
        for piece in [1, 7, 209, 210, 211, 1000] {
            let genuine = check(Signed::Record, &key("records/a"), signed.bytes(), &trusted, piece).unwrap();
            assert_eq!((genuine.signer, genuine.content.unwrap()), (signing.verifying_key(), b"\"yes\"\n".to_vec()));
            assert_eq!((genuine.whole, genuine.bytes), (blake3::hash(signed.bytes()), signed.bytes().len() as u64));
            assert!(check(Signed::Record, &key("records/b"), signed.bytes(), &trusted, piece).is_err());
            assert!(check(Signed::Manifest, &key("records/a"), signed.bytes(), &trusted, piece).is_err());
            assert!(check(Signed::Record, &key("records/a"), signed.bytes(), &trusted[..1], piece).is_err());
        }
        for n in 0..signed.bytes().len() {
            let mut changed = signed.bytes().to_vec();
            changed[n] ^= 1;
            assert!(check(Signed::Record, &key("records/a"), &changed, &trusted, 64).is_err(), "byte {n}");
            assert!(check(Signed::Record, &key("records/a"), &changed[..n], &trusted, 64).is_err(), "cut at {n}");
        }
    }

    #[test]
    fn of_what_nobody_trusted_has_signed_nothing_is_read_and_of_what_is_large_nothing_is_kept() {
        let signing = SigningKey::from_bytes(&[1; 32]);
        let key = ObjectKey::new("records/a").unwrap();
        let mut signed = sign(Signed::Record, &key, Sealed::public(&Word("yes")).unwrap(), &signing).bytes().to_vec();
        let check =
            |trusted: &SigningKey, keep| SignedCheck::new(Signed::Record, &key, [trusted.verifying_key()].into(), keep);
        let mut stranger = check(&SigningKey::from_bytes(&[2; 32]), 1000);
        assert!(stranger.take(&signed[..210]).is_break(), "the rest is not wanted");
        let mut genuine = check(&signing, 5);
        assert!(genuine.take(&signed).is_continue());
        assert_eq!(genuine.finish().unwrap().content, None, "6 bytes of content are more than 5");
        // The line of a genuine one before anything of any length.
        signed.resize(1 << 20, 0);
        let mut copied = check(&signing, 1000);
        assert!(signed.chunks(100).all(|piece| copied.take(piece).is_continue() && copied.kept.capacity() <= 2000));
        assert_eq!(copied.finish().unwrap_err(), "its content or name was changed");
    }
}
