//! What is kept of a text that a server says. Code of users may raise errors and warnings of any length, and each is copied on its way.

/// More than a person reads.
const BYTES_MAX: usize = 64 << 10;

/// The text, cut at 64 KiB; what is no UTF-8 (an SQL_ASCII database, a server that has not yet heard of the client's encoding) is shown with
/// replacement characters.
pub(super) fn kept(said: &[u8]) -> String {
    if said.len() <= BYTES_MAX {
        return String::from_utf8_lossy(said).into_owned();
    }
    // Between characters, where there are any: a character has four bytes at most.
    let is_boundary = |at: &usize| said[*at] & 0xc0 != 0x80;
    let end = (BYTES_MAX - 3..=BYTES_MAX).rev().find(is_boundary).unwrap_or(BYTES_MAX);
    format!("{}... ({} bytes more)", String::from_utf8_lossy(&said[..end]), said.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_much_is_left_out() {
        let full = "x".repeat(BYTES_MAX);
        assert_eq!(kept(full.as_bytes()), full);
        assert_eq!(kept(format!("{full}yz").as_bytes()), format!("{full}... (2 bytes more)"));
        for (n, character) in ["é", "€", "😀"].iter().enumerate() {
            let text = format!("x{}", character.repeat(BYTES_MAX));
            let told = kept(text.as_bytes());
            let (begin, more) = told.split_once("... (").unwrap_or_else(|| panic!("{n}: not cut"));
            assert!(text.starts_with(begin) && begin.len() > BYTES_MAX - 4, "{n}: {}", begin.len());
            assert_eq!(more, format!("{} bytes more)", text.len() - begin.len()));
        }
        let odd = kept(&vec![0x80; 2 * BYTES_MAX]);
        assert!(odd.starts_with('\u{fffd}') && odd.ends_with("... (65536 bytes more)"), "{}", odd.len());
    }
}
