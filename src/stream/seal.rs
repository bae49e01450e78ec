//! Compress and encrypt a chunk, and the way back. The only maker of what a store takes.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use age::plugin::RecipientPluginV1;
use age::{DecryptError, Decryptor, Encryptor, NoCallbacks};
use serde::{Deserialize, Serialize};

use super::chunk::CHUNK_BYTES_MAX;
use super::recipient::{Identities, Recipient};

/// 32 secret bytes that make chunk names unpredictable: without it nobody can ask whether a known plaintext is stored.
#[derive(Clone)]
pub struct ChunkKey(pub [u8; 32]);

/// Keyed BLAKE3 of a chunk's plaintext.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkName(pub [u8; 32]);

impl ChunkName {
    pub fn of(key: &ChunkKey, plaintext: &[u8]) -> Self {
        Self(*blake3::keyed_hash(&key.0, plaintext).as_bytes())
    }

    /// The first half, enough to find a slice again (2^-64 for a collision among 2^32 slices).
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChunkName {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut name = [0; 32];
        hex::decode_to_slice(text, &mut name)?;
        Ok(Self(name))
    }
}

impl Serialize for ChunkName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChunkName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes that may be stored: encrypted, or said to be public by their type.
///
/// There is no constructor from bytes outside this module, so that plaintext cannot reach a store by mistake.
#[derive(Clone, Debug)]
pub struct Sealed(Vec<u8>);

/// A record that is meant to be readable by anyone. Implemented by the few types that are.
pub trait PublicRecord: Serialize {}

impl Sealed {
    pub fn public<R: PublicRecord>(record: &R) -> Result<Self, SealError> {
        let mut bytes = serde_json::to_vec_pretty(record).map_err(|source| SealError::Encode { source })?;
        bytes.push(b'\n');
        Ok(Self(bytes))
    }

    /// Puts a line of plain text, a signature, in front of an encrypted object.
    pub fn with_header(self, header: &str) -> Self {
        let mut bytes = Vec::with_capacity(header.len() + self.0.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&self.0);
        Self(bytes)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// BLAKE3 of the stored bytes, first 16 bytes, in hexadecimal: what a check without any key can compare.
    pub fn checksum(&self) -> Checksum {
        Checksum::of(&self.0)
    }
}

/// BLAKE3 of an object's stored bytes, shortened to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    pub fn of(stored: &[u8]) -> Self {
        let mut sum = [0; 16];
        sum.copy_from_slice(&blake3::hash(stored).as_bytes()[..16]);
        Self(sum)
    }
}

impl Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sum = [0; 16];
        hex::decode_to_slice(std::borrow::Cow::<str>::deserialize(deserializer)?.as_bytes(), &mut sum)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(sum))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("cannot encode a record")]
    Encode {
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot compress a chunk")]
    Compress {
        #[source]
        source: std::io::Error,
    },
    #[error("cannot encrypt to the recipients of the writer key")]
    Recipients {
        #[source]
        source: age::EncryptError,
    },
    #[error("the program {program}, which a recipient of the writer key needs, is not installed on this machine")]
    NoPlugin { program: String },
    #[error("cannot encrypt a chunk")]
    Encrypt {
        #[source]
        source: std::io::Error,
    },
}

/// Compresses and encrypts, one chunk after another, with buffers that are kept.
pub struct Sealer {
    compressor: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
    recipients: Vec<Box<dyn age::Recipient + Send>>,
}

impl Sealer {
    /// `level` is zstd's compression level, 1 to 19, or negative for faster.
    pub fn new(level: i32, recipients: impl IntoIterator<Item = impl Into<Recipient>>) -> Result<Self, SealError> {
        let recipients = recipients.into_iter().map(|r| file_key_wrapper(r.into())).collect::<Result<_, _>>()?;
        let compressor = zstd::bulk::Compressor::new(level).map_err(|source| SealError::Compress { source })?;
        Ok(Self { compressor, compressed: Vec::new(), recipients })
    }

    pub fn seal(&mut self, plaintext: &[u8]) -> Result<Sealed, SealError> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(plaintext.len()));
        self.compressor
            .compress_to_buffer(plaintext, &mut self.compressed)
            .map_err(|source| SealError::Compress { source })?;
        let encryptor = Encryptor::with_recipients(self.recipients.iter().map(|r| &**r as &dyn age::Recipient))
            .map_err(|source| SealError::Recipients { source })?;
        // The header takes under 800 bytes for each recipient, and each 64 KiB has a tag of 16.
        let bound = self.compressed.len() + self.compressed.len() / 4096 + 800 * (1 + self.recipients.len());
        let mut out = Vec::with_capacity(bound);
        let mut writer = encryptor.wrap_output(&mut out).map_err(|source| SealError::Encrypt { source })?;
        writer.write_all(&self.compressed).map_err(|source| SealError::Encrypt { source })?;
        writer.finish().map_err(|source| SealError::Encrypt { source })?;
        Ok(Sealed(out))
    }
}

/// A plugin's program is looked for on `PATH`, and run anew for each object.
fn file_key_wrapper(recipient: Recipient) -> Result<Box<dyn age::Recipient + Send>, SealError> {
    Ok(match recipient {
        Recipient::X25519(recipient) => Box::new(recipient),
        Recipient::Ssh(recipient) => Box::new(recipient),
        Recipient::Plugin(recipient) => {
            let name = recipient.plugin().to_owned();
            let plugin = RecipientPluginV1::new(&name, &[recipient], &[], NoCallbacks);
            Box::new(plugin.map_err(|_| SealError::NoPlugin { program: format!("age-plugin-{name}") })?)
        }
    })
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the key does not decrypt it")]
    WrongKey,
    /// The fault of the identity, not of what it should open: a plugin that is missing or refused.
    #[error("the identity cannot be used")]
    Identity {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("it is not an age file, or it was changed")]
    Damaged {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("it cannot be decompressed")]
    Decompress {
        #[source]
        source: std::io::Error,
    },
    #[error("its content does not match its name")]
    NotItsName,
}

/// Decrypts and decompresses objects with one set of identities.
pub struct Opener {
    identities: Identities,
    decompressor: zstd::bulk::Decompressor<'static>,
}

impl Opener {
    pub fn new(identities: impl Into<Identities>) -> Result<Self, OpenError> {
        let decompressor = zstd::bulk::Decompressor::new().map_err(|source| OpenError::Decompress { source })?;
        Ok(Self { identities: identities.into(), decompressor })
    }

    /// The plaintext of one stored chunk, which must be what `name` says; at most `plain_bytes_max` bytes.
    pub fn open_chunk(&mut self, stored: &[u8], name: &ChunkName, key: &ChunkKey) -> Result<Vec<u8>, OpenError> {
        let plaintext = self.open(stored, CHUNK_BYTES_MAX)?;
        if ChunkName::of(key, &plaintext) == *name { Ok(plaintext) } else { Err(OpenError::NotItsName) }
    }

    /// The plaintext of any sealed object, of at most `plain_bytes_max` bytes, so that a hostile object cannot take all memory.
    pub fn open(&mut self, stored: &[u8], plain_bytes_max: usize) -> Result<Vec<u8>, OpenError> {
        let decryptor = Decryptor::new_buffered(stored).map_err(damaged)?;
        let mut reader = decryptor.decrypt(self.identities.iter()).map_err(|error| match error {
            DecryptError::NoMatchingKeys => OpenError::WrongKey,
            // The header is in memory: what cannot be read is a plugin's answer.
            DecryptError::Io(_)
            | DecryptError::KeyDecryptionFailed
            | DecryptError::Plugin(_)
            | DecryptError::PluginResolve(_) => OpenError::Identity { source: Box::new(error) },
            other => damaged(other),
        })?;
        let mut compressed = Vec::with_capacity(stored.len());
        reader.read_to_end(&mut compressed).map_err(damaged)?;
        let size = zstd::zstd_safe::get_frame_content_size(&compressed).ok().flatten().unwrap_or(u64::MAX);
        if size > plain_bytes_max as u64 {
            return Err(OpenError::Decompress {
                source: std::io::Error::other("the frame has no size, or a size that is too large"),
            });
        }
        self.decompressor.decompress(&compressed, size as usize).map_err(|source| OpenError::Decompress { source })
    }
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Damaged { source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_right_key_alone() {
        let identity = age::x25519::Identity::generate();
        let stranger = age::x25519::Identity::generate();
        let key = ChunkKey([3; 32]);
        let plaintext = b"1\tone\n2\ttwo\n".repeat(1000);
        let sealed = Sealer::new(1, vec![identity.to_public()]).unwrap().seal(&plaintext).unwrap();
        let name = ChunkName::of(&key, &plaintext);
        let opened = Opener::new(vec![identity.clone()]).unwrap().open_chunk(sealed.bytes(), &name, &key).unwrap();
        assert_eq!(opened, plaintext);
        let refused = Opener::new(vec![stranger]).unwrap().open_chunk(sealed.bytes(), &name, &key);
        assert!(matches!(refused, Err(OpenError::WrongKey)));
        let other = ChunkName::of(&key, b"other");
        let renamed = Opener::new(vec![identity]).unwrap().open_chunk(sealed.bytes(), &other, &key);
        assert!(matches!(renamed, Err(OpenError::NotItsName)));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let identity = age::x25519::Identity::generate();
        let sealed = Sealer::new(1, vec![identity.to_public()]).unwrap().seal(b"rows").unwrap();
        let mut opener = Opener::new(vec![identity]).unwrap();
        for at in 0..sealed.bytes().len() {
            let mut flipped = sealed.bytes().to_vec();
            flipped[at] ^= 1;
            assert!(opener.open(&flipped, 1 << 20).is_err(), "a flipped bit in byte {at} went unnoticed");
        }
    }
}
