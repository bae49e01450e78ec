//! Text of a database without an encoding (`SQL_ASCII`), which may be bytes of no encoding, spelled as a text that every part of this program
//! can hold, compare and write down.
//!
//! A byte that is no part of valid UTF-8 is one character of Unicode's last private plane: U+10FF00 and the byte, so U+10FF80 to U+10FFFF.
//! Such a character that the database itself has is spelled by its four bytes, as if they were no UTF-8: so each text has one spelling, and
//! each spelling is of one text. Only what comes from such a database is spelled, and only what goes to one is unspelled.

use std::borrow::Cow;

const FIRST: char = '\u{10ff80}';
const LAST: char = '\u{10ffff}';
const BEFORE: u32 = 0x10_ff00;

/// Text for what the server has sent.
pub fn spelled(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !is_spelled(text) => return Cow::Borrowed(text),
        _ => {}
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                FIRST..=LAST => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push(of_byte(byte))),
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push(of_byte(*byte)));
    }
    Cow::Owned(text)
}

/// What to send for a text: bytes for what stands for bytes.
pub fn unspelled(text: &[u8]) -> Cow<'_, [u8]> {
    if find(text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, byte)) = find(rest) {
        bytes.extend_from_slice(&rest[..at]);
        bytes.push(byte);
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest);
    Cow::Owned(bytes)
}

/// Whether a text has characters that stand for bytes.
pub fn is_spelled(text: &str) -> bool {
    find(text.as_bytes()).is_some()
}

/// The byte that a character stands for.
pub fn byte_of(c: char) -> Option<u8> {
    matches!(c, FIRST..=LAST).then(|| (u32::from(c) & 0xff) as u8)
}

/// For people: bytes as `\xe9`, those of a spelling and those of no encoding.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for c in spelled(&unspelled(bytes)).chars() {
        match byte_of(c) {
            Some(byte) => text += &format!("\\x{byte:02x}"),
            None => text.push(c),
        }
    }
    text
}

/// A byte that is at least 0x80: a smaller one is a character by itself.
fn of_byte(byte: u8) -> char {
    char::from_u32(BEFORE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Where the first such character begins, and the byte that it stands for: F4 8F BE 80 is U+10FF80, F4 8F BF BF is U+10FFFF.
fn find(text: &[u8]) -> Option<(usize, u8)> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == 0xf4).map(|at| from + at) {
        match text[at + 1..] {
            [0x8f, 0xbe, byte @ 0x80..=0xbf, ..] => return Some((at, byte)),
            [0x8f, 0xbf, byte @ 0x80..=0xbf, ..] => return Some((at, byte + 0x40)),
            _ => from = at + 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_that_are_no_utf_8_are_characters_and_come_back() {
        let text = spelled(b"caf\xe9 \xc3\xa9");
        assert_eq!(text, "caf\u{10ffe9} \u{e9}");
        assert!(is_spelled(&text) && !is_spelled("caf\u{e9} \u{10ff7f}"));
        assert_eq!(&*unspelled(text.as_bytes()), b"caf\xe9 \xc3\xa9");
        assert_eq!(escaped(text.as_bytes()), "caf\\xe9 \u{e9}");
        assert_eq!(escaped(b"caf\xe9"), "caf\\xe9");
        // What the database has of these characters itself.
        let own = spelled("\u{10ffe9}".as_bytes());
        assert_eq!(own, "\u{10fff4}\u{10ff8f}\u{10ffbf}\u{10ffa9}");
        assert_eq!(&*unspelled(own.as_bytes()), "\u{10ffe9}".as_bytes());
    }

    /// Bytes among which those of the private characters are frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let often = prop::sample::select(vec![0xf4, 0x8f, 0xbe, 0xbf, 0x80, 0xa9, 0xc3, b'a']);
        prop::collection::vec(prop_oneof![3 => often, 1 => any::<u8>()], 0..40)
    }

    proptest! {
        #[test]
        fn each_text_has_one_spelling_and_each_spelling_is_of_one_text(one in bytes(), other in bytes()) {
            let (a, b) = (spelled(&one), spelled(&other));
            prop_assert_eq!(&*unspelled(a.as_bytes()), &*one);
            prop_assert_eq!(one == other, a == b);
        }

        #[test]
        fn what_has_no_such_character_is_itself(text in "\\PC*") {
            prop_assume!(!text.chars().any(|c| byte_of(c).is_some()));
            prop_assert!(matches!(spelled(text.as_bytes()), Cow::Borrowed(same) if same == text));
            prop_assert!(matches!(unspelled(text.as_bytes()), Cow::Borrowed(same) if same == text.as_bytes()));
        }
    }
}
