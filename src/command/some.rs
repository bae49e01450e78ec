//! Lists of names in a sentence.

/// The first so many names, and how many more there are; none where there is none.
pub fn some_of(names: &[String], at_most: usize) -> Option<String> {
    let listed = names.iter().take(at_most).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(at_most) {
        0 => (!names.is_empty()).then_some(listed),
        more => Some(format!("{listed} and {more} more")),
    }
}
