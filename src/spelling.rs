//! What somebody typed: which word a mistyped one most likely meant, and what percent-encoding stands for. And a text as SQL writes it.

pub mod bytes;

/// The nearest of the words, where one is near enough: at most two characters, or a fifth of the word, off, and less than half of it.
/// Two letters that changed places are one.
pub fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    words
        .into_iter()
        .map(|word| (strsim::osa_distance(&typed, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 5).max(2) && distance * 2 < word.len().max(typed.len()))
        .min()
        .map(|(_, word)| word)
}

/// A string literal, whatever `standard_conforming_strings` says.
pub fn sql_text(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// Why a text in an address cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// A `%` without two hexadecimal digits behind it.
    Digits,
    NotUtf8,
}

/// Takes percent-encoding away (RFC 3986, section 2.1).
pub fn percent_decoded(text: &str) -> Result<String, Undecodable> {
    let begins_with_digits =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(begins_with_digits) {
        return Err(Undecodable::Digits);
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| Undecodable::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_wins_and_a_far_one_is_none() {
        let words = ["jobs", "level", "lock_wait_timeout"];
        for (typed, meant) in [
            ("jbos", Some("jobs")),
            ("JOBS", Some("jobs")),
            ("levle", Some("level")),
            ("lock_timeout", None),
            ("lock_wait_timout", Some("lock_wait_timeout")),
            ("compression", None),
            ("jo", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
        // One letter and its neighbour changed places, against two letters that are others.
        assert_eq!(nearest("lsit", ["init", "list"]), Some("list"));
        assert_eq!(nearest("rm", ["run", "key"]), None, "half of it is wrong");
    }

    #[test]
    fn percent_encoding_is_whole_or_refused() {
        assert_eq!(percent_decoded("a%20b%C3%A9%25"), Ok("a b\u{e9}%".into()));
        for half in ["%", "%2", "%+f", "%zz", "a%C3%A", "%\u{e9}\u{e9}"] {
            assert_eq!(percent_decoded(half), Err(Undecodable::Digits), "{half}");
        }
        assert_eq!(percent_decoded("%ff"), Err(Undecodable::NotUtf8));
    }
}
