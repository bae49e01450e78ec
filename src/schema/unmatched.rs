//! What a pattern that matches nothing was probably meant to be.

use crate::spelling;

/// The name that was probably meant, as a pattern is written.
pub fn near<'a>(pattern: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let bare = pattern.replace('"', "");
    // The spelling compares in lower case.
    let names: Vec<(String, &str)> = names.into_iter().map(|name| (name.to_ascii_lowercase(), name)).collect();
    let near = spelling::nearest(&bare, names.iter().map(|(lower, _)| lower.as_str()))?;
    names.iter().find(|(lower, _)| lower == near).map(|(_, name)| written(name))
}

/// The same for a relation; a pattern without a schema may mean one that is not on the search path.
pub fn near_relation<'a>(pattern: &str, names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let bare = pattern.replace('"', "");
    let names = names.map(|(schema, name)| {
        let compared = if bare.contains('.') { format!("{schema}.{name}") } else { name.to_owned() };
        (compared.to_ascii_lowercase(), schema, name)
    });
    let names: Vec<(String, &str, &str)> = names.collect();
    let near = spelling::nearest(&bare, names.iter().map(|(lower, ..)| lower.as_str()))?;
    let found = names.iter().find(|(lower, ..)| lower == near);
    found.map(|(_, schema, name)| format!("{}.{}", written(schema), written(name)))
}

/// The parts of what was meant as a list, which no switch takes: a comma is a part of the pattern.
pub fn listed(pattern: &str) -> Option<Vec<&str>> {
    // There it belongs to a name, or to a regular expression.
    if pattern.contains(['"', '{', '[', '(']) {
        return None;
    }
    let parts: Vec<&str> = pattern.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    (parts.len() > 1).then_some(parts)
}

/// What to write instead of a list.
pub fn instead_of_a_list(switch: &str, parts: &[&str]) -> String {
    let plain = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let quoted =
        |part: &&str| if plain(part) { (*part).to_owned() } else { format!("'{}'", part.replace('\'', r"'\''")) };
    let each: Vec<String> = parts.iter().map(|part| format!("{switch} {}", quoted(part))).collect();
    format!(
        "{switch} takes one pattern, as in pg_dump, and a comma is part of it: write {} (in a policy, one string each)",
        each.join(" ")
    )
}

/// A name as the pattern that means it alone.
fn written(name: &str) -> String {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_plain = begins && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_from_a_pattern_with_a_comma() {
        assert_eq!(listed("core, other"), Some(vec!["core", "other"]));
        for no_list in ["core", "core,", "\"a,b\"", "x{1,2}", "[a,b]"] {
            assert_eq!(listed(no_list), None, "{no_list}");
        }
        let told = instead_of_a_list("-n", &["core", "w*"]);
        assert!(told.contains("write -n core -n 'w*' (in a policy"), "{told}");
    }
}
