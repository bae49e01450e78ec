//! A search path as a setting has it: `"$user", public`.

/// The schemas that it names for this role, first one first. Names without quotes are folded as the server folds them.
pub fn schemas(path: &str, user: &str) -> Vec<String> {
    let mut is_quoted = false;
    let parts = path.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    let name = |part: &str| {
        let part = part.trim();
        match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
            Some("$user") => user.to_owned(),
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => part.to_lowercase(),
        }
    };
    parts.map(name).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::schemas;

    #[test]
    fn names_are_as_the_server_reads_them() {
        assert_eq!(schemas("\"$user\", public", "app"), ["app", "public"]);
        assert_eq!(schemas("\"a,b\",C, \"D\"\"e\" ,,", "app"), ["a,b", "c", "D\"e"]);
        assert_eq!(schemas("", "app"), [""; 0]);
        assert_eq!(schemas("\"\"", "app"), [""; 0]);
    }
}
