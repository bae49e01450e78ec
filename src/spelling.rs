//! Which word a mistyped one most likely meant.

/// The nearest of the words, where one is near enough: at most two characters, or a fifth of the word, off.
pub fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    words
        .into_iter()
        .map(|word| (edit_distance(&typed, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 5).max(2))
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }
}
