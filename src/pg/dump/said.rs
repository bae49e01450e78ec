//! What pg_dump says on standard error while it succeeds: it leaves something out, or the server has something to tell.

/// Messages that are kept: the report stays one that can be read.
const MESSAGES_MAX: usize = 100;

/// How a line goes on with the message before it, in the program's words and in libpq's.
const GOING_ON: [&str; 6] = ["pg_dump: detail: ", "pg_dump: hint: ", "DETAIL: ", "HINT: ", "CONTEXT: ", "LINE "];

/// A warning for each message, each one line, with the details and hints that belong to it.
pub(super) fn warnings(stderr: &str) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    let mut others = 0;
    for line in stderr.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        let goes_on = GOING_ON.iter().any(|begin| line.starts_with(begin)) || line.starts_with([' ', '\t']);
        let text = plain(line);
        let kept = warnings.len();
        match warnings.last_mut() {
            Some(_) if goes_on && others > 0 => {}
            Some(warning) if goes_on => *warning += &format!("; {text}"),
            _ if kept < MESSAGES_MAX => warnings.push(format!("pg_dump says: {text}")),
            _ => others += 1,
        }
    }
    if others > 0 {
        warnings.push(format!("pg_dump says {others} more lines"));
    }
    warnings
}

/// Without the program's name and the word for how bad it is.
fn plain(line: &str) -> String {
    let line = line.trim();
    let line = line.strip_prefix("pg_dump: ").unwrap_or(line);
    let line = ["warning: ", "detail: ", "hint: "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    line.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_line_with_what_belongs_to_it() {
        let said = "pg_dump: warning: subscriptions not dumped because current user is not a superuser\n\
            pg_dump: warning: could not resolve dependency loop among these items:\n\
            pg_dump: detail:   FUNCTION a  (ID 1 OID 2)\n\
            WARNING:  database \"app\" has a collation version mismatch\n\
            DETAIL:  The database was created using 1.\n\
            HINT:  Rebuild all objects.\n";
        assert_eq!(
            warnings(said),
            [
                "pg_dump says: subscriptions not dumped because current user is not a superuser",
                "pg_dump says: could not resolve dependency loop among these items:; FUNCTION a  (ID 1 OID 2)",
                "pg_dump says: WARNING:  database \"app\" has a collation version mismatch; DETAIL:  The database was created using 1.; HINT:  Rebuild all objects.",
            ]
        );
        assert_eq!(warnings("\n"), Vec::<String>::new());
    }

    #[test]
    fn a_thousand_messages_are_counted() {
        let said: String = (0..1000).map(|n| format!("pg_dump: warning: {n}\npg_dump: hint: more\n")).collect();
        let told = warnings(&said);
        assert_eq!(
            (told.len(), told[99].as_str(), told[100].as_str()),
            (101, "pg_dump says: 99; more", "pg_dump says 900 more lines")
        );
    }
}
