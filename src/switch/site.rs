//! Where a key's value stands in the text of a file.

use std::ops::Range;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// Without quotes where a word such as `true` or `12` would not be a string.
    Typed,
    Single,
    Double,
}

/// What a `$` in a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dollar {
    /// Itself.
    Literal,
    /// The beginning of a variable's name.
    Interpolates,
}

/// One value of one key.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The key of an `.env` file, or `services.server.environment.KEY`: the same before and after an edit.
    pub path: String,
    /// The Compose services that read the value.
    pub services: Vec<String>,
    /// Counted from 1.
    pub line: usize,
    /// Bytes of the value with its quotes, and with `KEY=` where that stands inside them.
    pub token: Range<usize>,
    /// Bytes of the value alone.
    pub value: Range<usize>,
    pub style: Style,
    pub dollar: Dollar,
    /// What stands before the value within its quotes: `KEY=` in a Compose list.
    pub lead: String,
}

impl Site {
    /// What replaces the token for this value: within the quotes that are there, or within others that can hold it.
    pub fn enclose(&self, value: &str, fits: impl Fn(Style) -> bool) -> Option<String> {
        let style = [self.style, Style::Single, Style::Double].into_iter().find(|style| fits(*style))?;
        let quote = match style {
            Style::Plain | Style::Typed => "",
            Style::Single => "'",
            Style::Double => "\"",
        };
        Some(format!("{quote}{}{value}{quote}", self.lead))
    }

    pub fn token_with(&self, text: &str, value: &str) -> String {
        let (token, inner) = (&self.token, &self.value);
        format!("{}{value}{}", &text[token.start..inner.start], &text[inner.end..token.end])
    }
}

impl Style {
    /// Whether a piece of text can stand within a value of this style as it is, in every dialect that reads such files.
    pub fn holds(self, piece: &str, dollar: Dollar) -> bool {
        let forbidden: &[char] = match self {
            Self::Plain | Self::Typed => &['\'', '"', '`', '\\', '#', ';', '|', '<', '>', '(', ')'],
            Self::Single => &['\''],
            Self::Double => &['"', '\\', '`'],
        };
        let spaced = matches!(self, Self::Plain | Self::Typed) && piece.contains(char::is_whitespace);
        let dollars = dollar == Dollar::Interpolates && piece.contains('$');
        !spaced && !dollars && !piece.contains(forbidden) && !piece.contains(char::is_control)
    }

    /// Whether a piece can be a whole value of this style, and stays a string.
    pub fn holds_whole(self, piece: &str, dollar: Dollar) -> bool {
        let begins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '$');
        let word = match self {
            Self::Plain => piece.is_empty() || piece.starts_with(begins),
            Self::Typed => {
                let number = piece.starts_with(|c: char| c.is_ascii_digit())
                    && piece.parse::<u16>().map_or(true, |port| port.to_string() != piece);
                let lower = piece.to_ascii_lowercase();
                let keyword = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&lower.as_str());
                piece.starts_with(begins) && !piece.ends_with(':') && !number && !keyword
            }
            Self::Single | Self::Double => true,
        };
        word && self.holds(piece, dollar)
    }
}

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The text with these tokens in the places of those at the sites.
pub(super) fn with_tokens(text: &str, tokens: &[(&Site, &str)]) -> String {
    let mut tokens = tokens.to_vec();
    tokens.sort_by_key(|(site, _)| site.token.start);
    let mut new = text.to_owned();
    for (site, token) in tokens.into_iter().rev() {
        new.replace_range(site.token.clone(), token);
    }
    new
}
