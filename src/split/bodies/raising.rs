//! Whether a function raises an exception, as far as its text says.

use serde_json::Value;

use crate::schema::lexer::tokens;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raising {
    Never,
    /// Under a condition, or what it calls does.
    Perhaps,
    /// In every call.
    Always,
    /// Its language is none that is read here.
    Unread,
}

/// PostgreSQL's ERROR, which RAISE EXCEPTION has in a parsed body.
const ERROR: i64 = 21;

/// Of the body of an event trigger's function.
pub fn raising(language: &str, body: &str) -> Raising {
    if language != "plpgsql" {
        return Raising::Unread;
    }
    let words = tokens(body.as_bytes());
    // Conditions are not evaluated, and neither are strings that are executed.
    let mentioned = words.windows(2).any(|pair| {
        pair[0].is_word("RAISE")
            && !["NOTICE", "LOG", "INFO", "DEBUG", "WARNING"].iter().any(|level| pair[1].is_word(level))
    }) || words.iter().any(|word| word.is_word("ASSERT"));
    if !mentioned {
        return Raising::Never;
    }
    match top_level(body) {
        Some(statements) if always(&statements) => Raising::Always,
        _ => Raising::Perhaps,
    }
}

/// The statements of the outermost block; none where the parser does not read it.
fn top_level(body: &str) -> Option<Vec<Value>> {
    let mut tag = "$pgkeep$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    let header = "CREATE FUNCTION f(tg_event text, tg_tag text) RETURNS void LANGUAGE plpgsql";
    let tree = pg_query::parse_plpgsql(&format!("{header} AS {tag}{body}{tag}")).ok()?;
    block(tree.get(0)?.get("PLpgSQL_function")?.get("action")?.get("PLpgSQL_stmt_block")?)
}

/// A block that catches exceptions may end well.
fn block(block: &Value) -> Option<Vec<Value>> {
    if block.get("exceptions").is_some() {
        return None;
    }
    block.get("body")?.as_array().cloned()
}

fn always(statements: &[Value]) -> bool {
    for statement in statements {
        if statement.get("PLpgSQL_stmt_return").is_some() {
            return false;
        }
        if let Some(raise) = statement.get("PLpgSQL_stmt_raise") {
            if raise.get("elog_level").and_then(Value::as_i64) == Some(ERROR) {
                return true;
            }
            continue;
        }
        if let Some(inner) = statement.get("PLpgSQL_stmt_block").and_then(block) {
            if always(&inner) {
                return true;
            }
            continue;
        }
        // Whatever else there is may return before what follows.
        if holds_return(statement) {
            return false;
        }
    }
    false
}

fn holds_return(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name == "PLpgSQL_stmt_return" || holds_return(value))
        }
        Value::Array(items) => items.iter().any(holds_return),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_in_every_call_is_told_from_one_under_a_condition() {
        let cases = [
            ("BEGIN RAISE EXCEPTION 'no DDL here'; END", Raising::Always),
            ("BEGIN RAISE NOTICE 'x'; BEGIN RAISE 'no'; END; END", Raising::Always),
            ("BEGIN IF tg_tag = 'CREATE SCHEMA' THEN RAISE EXCEPTION 'no'; END IF; END", Raising::Perhaps),
            ("BEGIN IF current_user = 'admin' THEN RETURN; END IF; RAISE EXCEPTION 'no'; END", Raising::Perhaps),
            ("BEGIN RETURN; RAISE EXCEPTION 'no'; END", Raising::Perhaps),
            ("BEGIN RAISE EXCEPTION 'no'; EXCEPTION WHEN OTHERS THEN NULL; END", Raising::Perhaps),
            ("BEGIN RAISE LOG 'RAISE EXCEPTION'; INSERT INTO l VALUES (tg_tag); END", Raising::Never),
            ("not a body: RAISE EXCEPTION 'no'", Raising::Perhaps),
        ];
        for (body, expected) in cases {
            assert_eq!(raising("plpgsql", body), expected, "{body}");
        }
        assert_eq!(raising("c", "raise"), Raising::Unread);
    }
}
