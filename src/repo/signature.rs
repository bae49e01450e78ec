//! A line of plain text in front of an object: who signed it, and the signature.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

use crate::store::ObjectKey;
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

    fn message(self, key: &ObjectKey, content: &[u8]) -> Vec<u8> {
        let mut message = format!("{}\n{key}\n", self.context()).into_bytes();
        message.extend_from_slice(blake3::hash(content).as_bytes());
        message
    }
}

/// The content with its signature line, for the object called `key` and no other.
pub fn sign(what: Signed, key: &ObjectKey, content: Sealed, signing: &SigningKey) -> Sealed {
    let signature = signing.sign(&what.message(key, content.bytes()));
    let signer = hex::encode(signing.verifying_key().to_bytes());
    content.with_header(&format!("{} {signer} {}\n", what.word(), hex::encode(signature.to_bytes())))
}

/// The content of a stored object, if one of `trusted` signed it under this name; otherwise what is wrong with it.
pub fn check<'a>(
    what: Signed,
    key: &ObjectKey,
    stored: &'a [u8],
    trusted: &[VerifyingKey],
) -> Result<(VerifyingKey, &'a [u8]), &'static str> {
    const DAMAGED: &str = "its first line is damaged";
    let (line, content) = stored.split_at_checked(what.line_bytes()).ok_or("it is too short")?;
    let line = std::str::from_utf8(line).map_err(|_| DAMAGED)?.strip_suffix('\n').ok_or(DAMAGED)?;
    let words: Vec<&str> = line.split(' ').collect();
    let [word, signer, signature] = words[..] else { return Err(DAMAGED) };
    if word != what.word() {
        return Err(DAMAGED);
    }
    let known = trusted.iter().find(|known| hex::encode(known.to_bytes()) == signer);
    let known = known.ok_or("an unknown key signed it")?;
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes).map_err(|_| DAMAGED)?;
    known
        .verify(&what.message(key, content), &Signature::from_bytes(&bytes))
        .map_err(|_| "its content or its name was changed")?;
    Ok((*known, content))
}

/// What follows the signature line, whoever signed it.
pub fn content(what: Signed, stored: &[u8]) -> Option<&[u8]> {
    let (line, content) = stored.split_at_checked(what.line_bytes())?;
    line.ends_with(b"\n").then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::seal::PublicRecord;

    #[derive(serde::Serialize)]
    struct Word(&'static str);

    impl PublicRecord for Word {}

    #[test]
    fn a_signature_holds_for_one_content_one_name_and_one_kind() {
        let (signing, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let trusted = [other.verifying_key(), signing.verifying_key()];
        let key = |name: &str| ObjectKey::new(name).unwrap();
        let signed = sign(Signed::Record, &key("records/a"), Sealed::public(&Word("yes")).unwrap(), &signing);
        let (signer, content) = check(Signed::Record, &key("records/a"), signed.bytes(), &trusted).unwrap();
        assert_eq!((signer, content), (signing.verifying_key(), &b"\"yes\"\n"[..]));
        assert!(check(Signed::Record, &key("records/b"), signed.bytes(), &trusted).is_err());
        assert!(check(Signed::Manifest, &key("records/a"), signed.bytes(), &trusted).is_err());
        assert!(check(Signed::Record, &key("records/a"), signed.bytes(), &trusted[..1]).is_err());
        for n in 0..signed.bytes().len() {
            let mut changed = signed.bytes().to_vec();
            changed[n] ^= 1;
            assert!(check(Signed::Record, &key("records/a"), &changed, &trusted).is_err(), "byte {n}");
            assert!(check(Signed::Record, &key("records/a"), &changed[..n], &trusted).is_err(), "cut at {n}");
        }
    }
}
