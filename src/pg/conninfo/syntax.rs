//! The two forms of a connection string, taken apart as libpq's `fe-connect.c` does (`conninfo_parse`,
//! `conninfo_uri_parse_options`).

use super::ConninfoError;
use crate::spelling::{Undecodable, percent_decoded};

/// Keywords and values in the order of the text; a later one overrides an earlier one.
pub(super) type Pairs = Vec<(String, String)>;

/// What `psql -d` and `pg_dump -d` accept: a URI, `keyword=value` pairs, or the bare name of a database.
pub(super) fn parse(dsn: &str) -> Result<Pairs, ConninfoError> {
    for prefix in ["postgresql://", "postgres://"] {
        if let Some(rest) = dsn.strip_prefix(prefix) {
            return parse_uri(rest);
        }
    }
    if dsn.contains('=') {
        return parse_pairs(dsn);
    }
    match dsn.trim() {
        "" => Ok(Vec::new()),
        _ => Ok(vec![("dbname".to_owned(), dsn.to_owned())]),
    }
}

fn malformed(what: impl Into<String>) -> ConninfoError {
    ConninfoError::Syntax { what: what.into() }
}

fn is_blank(c: char) -> bool {
    // C's isspace(): the vertical tab is one, for char::is_ascii_whitespace it is not.
    c.is_ascii_whitespace() || c == '\x0b'
}

fn parse_pairs(text: &str) -> Result<Pairs, ConninfoError> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let position = text.len() - rest.len() + 1;
        let end = rest.find(|c| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let keyword = &rest[..end];
        rest = rest[end..].trim_start_matches(is_blank);
        // The word is not repeated here: it may be the tail of a password with an unquoted space.
        rest = rest
            .strip_prefix('=')
            .ok_or_else(|| malformed(format!("the word at character {position} is not followed by \"=\"")))?
            .trim_start_matches(is_blank);
        let (value, after) = match rest.strip_prefix('\'') {
            Some(quoted) => take_quoted(quoted)
                .ok_or_else(|| malformed(format!("the quoted value of \"{keyword}\" has no closing quote")))?,
            None => take_plain(rest),
        };
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start_matches(is_blank);
    }
    Ok(pairs)
}

/// Reads up to the closing quote; a backslash makes the next character literal.
fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((value, &text[at + 1..])),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    None
}

fn take_plain(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ if is_blank(c) => return (value, &text[at..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

/// `rest` is what follows `postgresql://`.
fn parse_uri(rest: &str) -> Result<Pairs, ConninfoError> {
    let mut pairs = Pairs::new();
    let mut rest = rest;
    // Credentials end at the first "@", which must come before any "/".
    if let Some(at) = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@')) {
        let (user, password) = match rest[..at].split_once(':') {
            Some((user, password)) => (user, password),
            None => (&rest[..at], ""),
        };
        store_decoded(&mut pairs, "user", user)?;
        store_decoded(&mut pairs, "password", password)?;
        rest = &rest[at + 1..];
    }

    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    loop {
        let host;
        (host, rest) = take_host(rest)?;
        hosts.push(host);
        let port = match rest.strip_prefix(':') {
            None => "",
            Some(after) => {
                let end = after.find(['/', '?', ',']).unwrap_or(after.len());
                rest = &after[end..];
                &after[..end]
            }
        };
        ports.push(port);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    store_decoded(&mut pairs, "host", &hosts.join(","))?;
    store_decoded(&mut pairs, "port", &ports.join(","))?;

    if let Some(after) = rest.strip_prefix('/') {
        let end = after.find('?').unwrap_or(after.len());
        store_decoded(&mut pairs, "dbname", &after[..end])?;
        rest = &after[end..];
    }
    if let Some(parameters) = rest.strip_prefix('?') {
        parse_parameters(parameters, &mut pairs)?;
    }
    Ok(pairs)
}

fn take_host(text: &str) -> Result<(&str, &str), ConninfoError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let end = text.find([':', '/', '?', ',']).unwrap_or(text.len());
        return Ok(text.split_at(end));
    };
    let (address, after) =
        bracketed.split_once(']').ok_or_else(|| malformed("an IPv6 address in the URI has no closing bracket"))?;
    if address.is_empty() {
        return Err(malformed("an IPv6 address in the URI is empty"));
    }
    if !after.is_empty() && !after.starts_with([':', '/', '?', ',']) {
        return Err(malformed("an IPv6 address in the URI is followed by something other than \":\" or \"/\""));
    }
    Ok((address, after))
}

fn parse_parameters(text: &str, pairs: &mut Pairs) -> Result<(), ConninfoError> {
    // A trailing "&" ends the list, as an empty list does.
    for parameter in text.strip_suffix('&').unwrap_or(text).split('&').filter(|_| !text.is_empty()) {
        let (keyword, value) = parameter.split_once('=').ok_or_else(|| {
            malformed(format!("the URI's parameter \"{parameter}\" is not followed by \"=\" and a value"))
        })?;
        let keyword = percent_decode(keyword)?;
        if value.contains('=') {
            return Err(malformed(format!("the value of the URI's parameter \"{keyword}\" has a second \"=\"")));
        }
        let value = percent_decode(value)?;
        // JDBC's spelling, which libpq lets through.
        match (keyword.as_str(), value.as_str()) {
            ("ssl", "true") => pairs.push(("sslmode".to_owned(), "require".to_owned())),
            _ => pairs.push((keyword, value)),
        }
    }
    Ok(())
}

fn store_decoded(pairs: &mut Pairs, keyword: &str, value: &str) -> Result<(), ConninfoError> {
    if !value.is_empty() {
        pairs.push((keyword.to_owned(), percent_decode(value)?));
    }
    Ok(())
}

fn percent_decode(text: &str) -> Result<String, ConninfoError> {
    let decoded = percent_decoded(text).map_err(|error| match error {
        Undecodable::Digits => malformed("\"%\" in the URI is not followed by two hexadecimal digits"),
        Undecodable::NotUtf8 => malformed("a percent-encoded value of the URI is not valid UTF-8"),
    })?;
    if decoded.contains('\0') {
        return Err(malformed("%00 is forbidden in the URI"));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What `PQconninfoParse` of libpq 15.18 answers.
    const ACCEPTED: &[(&str, &[(&str, &str)])] = &[
        ("postgresql://", &[]),
        ("postgres://u:p@h:1/d", &[("user", "u"), ("password", "p"), ("dbname", "d"), ("host", "h"), ("port", "1")]),
        ("postgresql:///mydb?host=localhost&port=5433", &[("dbname", "mydb"), ("host", "localhost"), ("port", "5433")]),
        ("postgresql://%2Fvar%2Flib%2Fpostgresql/dbname", &[("dbname", "dbname"), ("host", "/var/lib/postgresql")]),
        (
            "postgresql://[2001:db8::1234]:5433/database",
            &[("dbname", "database"), ("host", "2001:db8::1234"), ("port", "5433")],
        ),
        ("postgresql://[::1]", &[("host", "::1")]),
        (
            "postgresql://h1:123,h2:456/somedb?target_session_attrs=any",
            &[("dbname", "somedb"), ("host", "h1,h2"), ("port", "123,456"), ("target_session_attrs", "any")],
        ),
        ("postgresql://h1,h2:456/somedb", &[("dbname", "somedb"), ("host", "h1,h2"), ("port", ",456")]),
        (
            "postgresql://user@localhost/d%20b?connect_timeout=10&application_name=my%26app",
            &[
                ("user", "user"),
                ("connect_timeout", "10"),
                ("dbname", "d b"),
                ("host", "localhost"),
                ("application_name", "my&app"),
            ],
        ),
        ("postgres://u:p%40ss%3Aw@h/d", &[("user", "u"), ("password", "p@ss:w"), ("dbname", "d"), ("host", "h")]),
        ("postgres://u:p/w@h/d", &[("dbname", "w@h/d"), ("host", "u"), ("port", "p")]),
        ("postgres://h?ssl=true", &[("host", "h"), ("sslmode", "require")]),
        ("postgres://u@h/d?", &[("user", "u"), ("dbname", "d"), ("host", "h")]),
        ("postgres://:pw@h", &[("password", "pw"), ("host", "h")]),
        ("postgres://u:@h", &[("user", "u"), ("host", "h")]),
        ("postgres://h:/d", &[("dbname", "d"), ("host", "h")]),
        ("postgres:///?host=/tmp/a,/tmp/b&port=1,2", &[("host", "/tmp/a,/tmp/b"), ("port", "1,2")]),
        ("postgresql://a@b@c/d", &[("user", "a"), ("dbname", "d"), ("host", "b@c")]),
        ("postgresql://u:p:q@h", &[("user", "u"), ("password", "p:q"), ("host", "h")]),
        ("postgres://h/d/e?user=x", &[("user", "x"), ("dbname", "d/e"), ("host", "h")]),
        ("postgres://h/d?host=x&host=y", &[("dbname", "d"), ("host", "y")]),
        ("host=localhost port=5432 dbname=d", &[("dbname", "d"), ("host", "localhost"), ("port", "5432")]),
        ("host = localhost  port= 5432", &[("host", "localhost"), ("port", "5432")]),
        (r"password='it\'s \\ x' user=a\ b", &[("user", "a b"), ("password", r"it's \ x")]),
        ("dbname=''", &[("dbname", "")]),
        ("user=", &[("user", "")]),
        ("user= dbname=y", &[("user", "dbname=y")]),
        ("user=a user=b", &[("user", "b")]),
        ("  ", &[]),
        (" host=a\tport=1\n", &[("host", "a"), ("port", "1")]),
        (r"password=a\", &[("password", "a")]),
        ("options='-c geqo=off'", &[("options", "-c geqo=off")]),
    ];

    #[test]
    fn connection_strings_are_read_as_libpq_reads_them() {
        for (dsn, expected) in ACCEPTED {
            let read: BTreeMap<String, String> = parse(dsn).unwrap().into_iter().collect();
            let expected: BTreeMap<String, String> =
                expected.iter().map(|(keyword, value)| ((*keyword).to_owned(), (*value).to_owned())).collect();
            // libpq stores an empty port list as nothing; a list of empty ports it keeps, and so do we.
            assert_eq!(read, expected, "{dsn}");
        }
    }

    #[test]
    fn what_libpq_refuses_is_refused() {
        for (dsn, part) in [
            ("postgresql://[::1", "no closing bracket"),
            ("postgresql://[]", "is empty"),
            ("postgresql://[::1]z", "followed by something other"),
            ("postgres://h/d?sslmode", "\"sslmode\" is not followed"),
            ("postgres://h/d?sslmode=a=b", "second \"=\""),
            ("postgres://h/d?user=%zz", "hexadecimal"),
            ("postgres://h/d?user=%0", "hexadecimal"),
            ("postgres://h/d?user=%00", "%00"),
            ("user='unterminated", "\"user\" has no closing quote"),
            ("host=h user", "at character 8"),
            ("user x=1", "at character 1"),
            ("host='a''b'", "at character 9"),
        ] {
            let error = parse(dsn).unwrap_err();
            assert!(error.to_string().contains(part), "{dsn}: {error}");
        }
    }

    #[test]
    fn text_without_an_equals_sign_is_the_name_of_a_database() {
        assert_eq!(parse("chronos").unwrap(), [("dbname".to_owned(), "chronos".to_owned())]);
    }

    #[test]
    fn a_malformed_string_does_not_repeat_the_password() {
        for dsn in ["password=my hidden", "postgres://u:hid%zzden@h/d", "password='hidden"] {
            let error = parse(dsn).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("hid"), "{error}");
        }
    }
}
