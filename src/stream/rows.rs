//! Finding the rows in stored bytes again, to recompute their digest.

use super::row_hash::RowPieces;
use super::{Digest, RowFormat, RowHasher, Tally};

/// Bytes that are no rows of the format, whatever follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row} has a field with an invalid length")]
pub struct MalformedRow {
    /// Counted from 1, from where the reading began.
    pub row: u64,
}

/// Splits a stream of bytes into rows and digests them. The stream may be handed over in pieces that end anywhere.
pub struct RowSplitter<'a> {
    format: RowFormat,
    tally: Tally<'a>,
    open: Option<OpenRow>,
}

/// A row whose end has not come yet.
struct OpenRow {
    scan: Scan,
    hash: RowPieces,
    bytes: usize,
}

impl<'a> RowSplitter<'a> {
    pub fn new(hasher: &'a RowHasher, format: RowFormat) -> Self {
        Self { format, tally: Tally::new(hasher), open: None }
    }

    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), MalformedRow> {
        while !bytes.is_empty() {
            let malformed = MalformedRow { row: self.tally.rows() + 1 };
            match self.open.take() {
                None => {
                    let mut scan = Scan::new(self.format);
                    match scan.advance(bytes).ok_or(malformed)? {
                        Reached::RowEnd { consumed } => {
                            self.tally.add(&bytes[..consumed]);
                            bytes = &bytes[consumed..];
                        }
                        Reached::InputEnd => {
                            let mut hash = self.tally.pieces();
                            hash.update(bytes);
                            self.open = Some(OpenRow { scan, hash, bytes: bytes.len() });
                            return Ok(());
                        }
                    }
                }
                Some(mut row) => match row.scan.advance(bytes).ok_or(malformed)? {
                    Reached::RowEnd { consumed } => {
                        row.hash.update(&bytes[..consumed]);
                        self.tally.add_pieces(row.bytes + consumed, row.hash);
                        bytes = &bytes[consumed..];
                    }
                    Reached::InputEnd => {
                        row.hash.update(bytes);
                        row.bytes += bytes.len();
                        self.open = Some(row);
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }

    /// Of the rows that have ended.
    pub fn digest(&self) -> Digest {
        self.tally.digest()
    }

    /// Whether what was fed ends where a row ends.
    pub fn is_at_row_end(&self) -> bool {
        self.open.is_none()
    }
}

enum Reached {
    RowEnd { consumed: usize },
    InputEnd,
}

/// Where in a row we are.
enum Scan {
    Text,
    Binary(Tuple),
}

impl Scan {
    fn new(format: RowFormat) -> Self {
        match format {
            RowFormat::Text => Scan::Text,
            RowFormat::Binary => Scan::Binary(Tuple::default()),
        }
    }

    /// None if the bytes cannot be a row.
    fn advance(&mut self, bytes: &[u8]) -> Option<Reached> {
        match self {
            // COPY writes a newline in a value as `\n`, and no encoding of a server has the byte within a character.
            Scan::Text => Some(match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => Reached::RowEnd { consumed: at + 1 },
                None => Reached::InputEnd,
            }),
            Scan::Binary(tuple) => tuple.advance(bytes),
        }
    }
}

/// A tuple of the binary format: a 16-bit count of fields, and for each a 32-bit length, -1 for NULL, and its bytes.
#[derive(Default)]
struct Tuple {
    fields_left: Option<u16>,
    /// Bytes of the current field that are still to come.
    value_left: usize,
    word: [u8; 4],
    word_bytes: usize,
}

impl Tuple {
    fn advance(&mut self, bytes: &[u8]) -> Option<Reached> {
        let mut at = 0;
        loop {
            let step = self.value_left.min(bytes.len() - at);
            self.value_left -= step;
            at += step;
            if self.value_left > 0 {
                return Some(Reached::InputEnd);
            }
            if self.fields_left == Some(0) {
                return Some(Reached::RowEnd { consumed: at });
            }
            let wanted = if self.fields_left.is_none() { 2 } else { 4 };
            while self.word_bytes < wanted {
                let Some(byte) = bytes.get(at) else { return Some(Reached::InputEnd) };
                self.word[self.word_bytes] = *byte;
                self.word_bytes += 1;
                at += 1;
            }
            self.word_bytes = 0;
            match self.fields_left {
                None => {
                    let fields = i16::from_be_bytes([self.word[0], self.word[1]]);
                    self.fields_left = Some(u16::try_from(fields).ok()?);
                }
                Some(fields) => {
                    self.fields_left = Some(fields - 1);
                    self.value_left = match i32::from_be_bytes(self.word) {
                        -1 => 0,
                        length => usize::try_from(length).ok()?,
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{DigestKey, RowHash};
    use proptest::prelude::*;

    fn tuple(fields: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut row = (fields.len() as u16).to_be_bytes().to_vec();
        for field in fields {
            match field {
                None => row.extend_from_slice(&(-1i32).to_be_bytes()),
                Some(value) => {
                    row.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    row.extend_from_slice(value);
                }
            }
        }
        row
    }

    fn expected(hasher: &RowHasher, rows: &[Vec<u8>]) -> Digest {
        let mut digest = Digest::default();
        rows.iter().for_each(|row| digest.add_row(row.len(), hasher.hash(row)));
        digest
    }

    proptest! {
        #[test]
        fn rows_are_found_wherever_the_pieces_end(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 0..5), 0..20),
            piece in 1usize..100,
        ) {
            let hasher = RowHasher::new(RowHash::Prf, &DigestKey([5; 32]));
            let binary: Vec<Vec<u8>> = rows.iter().map(|fields| tuple(fields)).collect();
            let text: Vec<Vec<u8>> = rows.iter().map(|fields| format!("{}\n", hex::encode(tuple(fields))).into_bytes()).collect();
            for (format, rows) in [(RowFormat::Binary, binary), (RowFormat::Text, text)] {
                let mut splitter = RowSplitter::new(&hasher, format);
                for bytes in rows.concat().chunks(piece) {
                    splitter.feed(bytes).unwrap();
                }
                prop_assert!(splitter.is_at_row_end());
                prop_assert_eq!(splitter.digest(), expected(&hasher, &rows));
            }
        }
    }

    #[test]
    fn what_cannot_be_a_row_is_refused() {
        let hasher = RowHasher::new(RowHash::Prf, &DigestKey([5; 32]));
        let feed = |bytes: &[u8]| RowSplitter::new(&hasher, RowFormat::Binary).feed(bytes);
        assert_eq!(feed(b"\xff\xff"), Err(MalformedRow { row: 1 }));
        assert_eq!(feed(b"\0\x01\xff\xff\xff\xfe"), Err(MalformedRow { row: 1 }));
        let mut cut = RowSplitter::new(&hasher, RowFormat::Binary);
        cut.feed(b"\0\x01\0\0\0\x04abc").unwrap();
        assert!(!cut.is_at_row_end());
    }
}
