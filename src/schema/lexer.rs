//! SQL cut into tokens, as far as finding and replacing names needs it.
//!
//! Source: PostgreSQL's manual, section "Lexical Structure". Input is what `pg_dump` writes, with standard-conforming strings;
//! on anything else the lexer stays total: whatever the bytes, it returns tokens and never fails.

use std::borrow::Cow;
use std::ops::Range;

/// What a token is. Blanks and comments are no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A key word or an unquoted name.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string constant of any spelling; [`Token::body`] is what stands between its marks.
    Literal,
    Number,
    /// One byte of anything else, except `::`, which is one token.
    Symbol,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub kind: TokenKind,
    pub text: &'a [u8],
    /// The token's place in the bytes that were cut.
    pub range: Range<usize>,
    /// What stands between the marks of a literal or a quoted name, as written.
    pub body: &'a [u8],
}

impl Token<'_> {
    /// Whether this is the key word, in any case of letters.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol.as_bytes()
    }

    /// The name that the token means: folded when unquoted, its quotes undone otherwise.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            TokenKind::Word => Some(String::from_utf8_lossy(self.text).to_ascii_lowercase()),
            TokenKind::Quoted => Some(String::from_utf8_lossy(self.body).replace("\"\"", "\"")),
            TokenKind::Literal | TokenKind::Number | TokenKind::Symbol => None,
        }
    }

    /// What the string constant says. Escapes of `E''` are left as they are: no name needs them.
    pub fn literal(&self) -> Option<Cow<'_, [u8]>> {
        let dollar_quoted = self.text.first() == Some(&b'$');
        match self.kind {
            TokenKind::Literal if dollar_quoted || !self.body.contains(&b'\'') => Some(Cow::Borrowed(self.body)),
            TokenKind::Literal => {
                let mut said = Vec::with_capacity(self.body.len());
                let mut after_quote = false;
                for &byte in self.body {
                    after_quote = byte == b'\'' && !after_quote;
                    if !after_quote {
                        said.push(byte);
                    }
                }
                Some(Cow::Owned(said))
            }
            _ => None,
        }
    }
}

/// An identifier that PostgreSQL reads back as this name: always in double quotes, so that no list of key words can be out of date.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tokens of the text.
pub(crate) fn tokens(text: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut position = 0;
    while position < text.len() {
        let start = position;
        let rest = &text[start..];
        let (kind, length, body) = match rest[0] {
            byte if byte.is_ascii_whitespace() => {
                position += 1;
                continue;
            }
            b'-' if rest.starts_with(b"--") => {
                position += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with(b"/*") => {
                position += block_comment(rest);
                continue;
            }
            b'"' => quoted_run(rest, b'"', Escapes::None, TokenKind::Quoted),
            b'\'' => quoted_run(rest, b'\'', Escapes::None, TokenKind::Literal),
            b'e' | b'E' if rest.get(1) == Some(&b'\'') => prefixed(rest, Escapes::Backslash),
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if rest.get(1) == Some(&b'\'') => prefixed(rest, Escapes::None),
            b'$' => dollar_quoted(rest).unwrap_or((TokenKind::Symbol, 1, 0..0)),
            b':' if rest.starts_with(b"::") => (TokenKind::Symbol, 2, 0..0),
            byte if byte.is_ascii_digit() => (TokenKind::Number, run(rest, is_word_byte), 0..0),
            byte if is_word_start(byte) => (TokenKind::Word, run(rest, is_word_byte), 0..0),
            _ => (TokenKind::Symbol, 1, 0..0),
        };
        position = start + length;
        tokens.push(Token { kind, text: &rest[..length], range: start..position, body: &rest[body] });
    }
    tokens
}

#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    None,
    Backslash,
}

/// A token's kind, its length and where its body stands in it.
type Cut = (TokenKind, usize, Range<usize>);

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_byte(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn run(text: &[u8], accept: fn(u8) -> bool) -> usize {
    text.iter().position(|byte| !accept(*byte)).unwrap_or(text.len())
}

/// From one mark to the next that is not doubled; to the end of the text when there is none.
fn quoted_run(text: &[u8], mark: u8, escapes: Escapes, kind: TokenKind) -> Cut {
    let mut position = 1;
    while position < text.len() {
        if text[position] == b'\\' && escapes == Escapes::Backslash {
            position += 2;
        } else if text[position] != mark {
            position += 1;
        } else if text.get(position + 1) == Some(&mark) {
            position += 2;
        } else {
            return (kind, position + 1, 1..position);
        }
    }
    (kind, text.len(), 1..text.len())
}

/// A string constant behind one letter.
fn prefixed(text: &[u8], escapes: Escapes) -> Cut {
    let (kind, length, body) = quoted_run(&text[1..], b'\'', escapes, TokenKind::Literal);
    (kind, length + 1, body.start + 1..body.end + 1)
}

fn dollar_quoted(text: &[u8]) -> Option<Cut> {
    let tag_bytes = text[1..].iter().position(|byte| *byte == b'$')? + 2;
    let tag = &text[..tag_bytes];
    let name = &tag[1..tag_bytes - 1];
    if !name.iter().all(|byte| is_word_byte(*byte)) || name.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let body_bytes = text[tag_bytes..].windows(tag_bytes).position(|window| window == tag)?;
    Some((TokenKind::Literal, body_bytes + 2 * tag_bytes, tag_bytes..tag_bytes + body_bytes))
}

/// The length of a comment at the text's start. Comments nest.
fn block_comment(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut position = 0;
    while position < text.len() {
        if text[position..].starts_with(b"/*") {
            depth += 1;
            position += 2;
        } else if text[position..].starts_with(b"*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<(TokenKind, String)> {
        tokens(text.as_bytes())
            .into_iter()
            .map(|token| (token.kind, String::from_utf8_lossy(token.text).into_owned()))
            .collect()
    }

    #[test]
    fn comments_and_strings_hide_what_they_hold() {
        let texts = cut("a--b\n/* c /* d */ e */ 'f ''g' $x$h $y$ i$x$ \"j \"\"k\" E'l\\'m' x::n $1");
        let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let expected = ["a", "'f ''g'", "$x$h $y$ i$x$", "\"j \"\"k\"", "E'l\\'m'", "x", "::", "n", "$", "1"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn names_are_folded_or_unquoted() {
        let names: Vec<_> = tokens(b"Core \"Order \"\"x\"\"\" 'it''s' 5").iter().map(Token::name).collect();
        assert_eq!(names, [Some("core".into()), Some("Order \"x\"".into()), None, None]);
        assert_eq!(tokens(b"'it''s'''")[0].literal().unwrap().as_ref(), b"it's'");
        assert_eq!(tokens(b"$a$it''s$a$")[0].literal().unwrap().as_ref(), b"it''s");
    }

    proptest! {
        /// Whatever the bytes, the tokens come in order and do not overlap.
        #[test]
        fn tokens_are_in_order(text in prop::collection::vec(prop::sample::select(b"a$\"'/*-\\:\n \xff9E".to_vec()), 0..60)) {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.range.start >= end && token.range.end > token.range.start);
                prop_assert_eq!(&text[token.range.clone()], token.text);
                end = token.range.end;
            }
        }
    }
}
