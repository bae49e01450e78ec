//! What an operator asks to be kept.

use std::fmt;
use std::str::FromStr;

use super::calendar::Period;
use super::span::Span;

/// How many of each kind are kept; 0: the rule is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub last: u32,
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
    /// Everything that is not older than this, counted from the newest snapshot of the group.
    pub within: Option<Span>,
    pub tags: Vec<Tag>,
}

impl Rules {
    /// No rule at all: that nothing is worth keeping is never meant.
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }

    pub(super) fn periods(&self) -> [(Period, u32); 5] {
        [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
    }
}

/// As in `--keep-daily 7 --keep-tag release`, without the dashes: `7 daily, tag release`.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = Vec::new();
        if self.last > 0 {
            rules.push(format!("the last {}", self.last));
        }
        rules.extend(
            self.periods().iter().filter(|(_, n)| *n > 0).map(|(period, n)| format!("{n} {}", period.adverb())),
        );
        rules.extend(self.within.iter().map(|span| format!("all within {span}")));
        rules.extend(self.tags.iter().map(|tag| format!("tag {}", tag.as_str())));
        f.write_str(&rules.join(", "))
    }
}

/// A word that marks a snapshot: 1 to 64 characters without white space, commas or control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tag is a word of 1 to 64 characters, without white space and commas")]
pub struct BadTag;

impl Tag {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != ',';
        let valid = (1..=64).contains(&text.chars().count()) && text.chars().all(plain);
        if valid { Ok(Self(text.to_owned())) } else { Err(BadTag) }
    }
}
