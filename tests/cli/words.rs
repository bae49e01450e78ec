//! The English of errors and of the help: rules that keep out what nobody understands at once. `cargo test --release --test cli words -- --nocapture`
//! prints every text with its file or command.

use std::fs;
use std::path::Path;

use crate::pgkeep::{Said, pgkeep};

/// Turns of phrase that a reader has to read twice, and what is said instead.
const SAID_OTHERWISE: &[(&str, &str)] = &[
    ("not had in time", "could not get a lock"),
    ("cannot be had", "cannot be set, could not get"),
    ("came about", "could not connect"),
    ("was to get", "say whose value is missing"),
    ("is not understood", "cannot parse"),
    ("nothing follows", "say what is not done"),
    ("holds already", "already contains"),
    ("is there already", "already exists"),
    ("exists already", "already exists"),
    ("holds something already", "is not empty"),
    ("it says nothing", "is empty"),
    ("what was said", "the output"),
    ("the way back", "the rollback"),
    ("rows are against", "rows violate"),
    ("row is against", "row violates"),
    ("the old place", "the old database"),
    ("knows nothing of", "does not know"),
    ("besides", "also"),
    ("beside it", "in a new database"),
    ("anew", "again"),
    ("goes on with", "continues"),
    ("gone on with", "continued"),
    ("for ever", "forever"),
    ("thrown away", "temporary"),
    ("is none", "is not one"),
    ("holds no", "has no"),
    ("for want of", "because there is too little"),
    ("time-out", "timeout"),
    ("log-in", "login"),
    ("lies in", "is in"),
];

/// Where a sentence may begin with a capital: names, and what is written so.
const PROPER: &[&str] = &["PostgreSQL", "UTF-8", "SSH", "S3", "TLS", "SQL", "DSN", "Object Lock"];

struct Text {
    /// A file of `src/` with the line, or a command.
    place: String,
    text: String,
}

/// The texts of `#[error("...")]` in one file.
fn errors_in(place: &str, code: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    for (at, mark) in code.match_indices("#[error(") {
        let rest = &code[at + mark.len()..];
        // `#[error(transparent)]` has the words of its cause.
        let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
        let line = code[..at].matches('\n').count() + 1;
        texts.push(Text { place: format!("{place}:{line}"), text: unquoted(literal) });
    }
    texts
}

/// A string literal up to its closing quote, as the compiler reads it.
fn unquoted(literal: &str) -> String {
    let (mut text, mut letters) = (String::new(), literal.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                // The line goes on at the next word.
                Some('\n') => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
                Some(other) => text.push(other),
                None => break,
            },
            letter => text.push(letter),
        }
    }
    text
}

fn errors() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut texts) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let place = path.strip_prefix(&root).unwrap().display().to_string();
                texts.extend(errors_in(&place, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    texts.sort_by(|one, other| one.place.cmp(&other.place));
    texts
}

/// `pgkeep help ...` of a command and of every one below it.
fn helps(above: &[String]) -> Vec<Text> {
    let mut asked = pgkeep();
    asked.arg("help").args(above).env("COLUMNS", "4000");
    let said = Said::of(&mut asked);
    assert_eq!(said.code, 0, "{above:?}: {said:?}");
    let commands = said.stdout.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let below = commands.lines().take_while(|line| line.starts_with("  "));
    let names = below.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let deeper: Vec<Vec<String>> = names.map(|name| above.iter().cloned().chain([name.to_owned()]).collect()).collect();
    let place = ["pgkeep help".to_owned()].iter().chain(above).cloned().collect::<Vec<_>>().join(" ");
    let mut texts = vec![Text { place, text: said.stdout }];
    texts.extend(deeper.iter().flat_map(|command| helps(command)));
    texts
}

/// What is wrong with any text that somebody reads.
fn stilted(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut wrong = Vec::new();
    for (turn, better) in SAID_OTHERWISE {
        let whole = |(at, found): (usize, &str)| {
            let letter = |beside: Option<char>| beside.is_some_and(char::is_alphabetic);
            !letter(lower[..at].chars().next_back()) && !letter(lower[at + found.len()..].chars().next())
        };
        if lower.match_indices(turn).any(whole) {
            wrong.push(format!("`{turn}`: say `{better}`"));
        }
    }
    // "was not had", "are had".
    let words: Vec<&str> = lower.split(|letter: char| !letter.is_alphanumeric()).collect();
    let is_had = |words: &[&str]| {
        let is_passive = ["is", "are", "was", "were", "be", "been"].contains(&words[0]);
        is_passive && (words[1] == "had" || (words[1] == "not" && words.get(2) == Some(&"had")))
    };
    if words.windows(3).any(is_had) || words.windows(2).next_back().is_some_and(is_had) {
        wrong.push("`had` as a passive".to_owned());
    }
    wrong
}

/// What is wrong with the text of an error, which stands after `pgkeep: ` and `because: `.
fn wrong_with_error(text: &str) -> Vec<String> {
    let mut wrong = stilted(text);
    if text.ends_with('.') && !text.ends_with("...") {
        wrong.push("a full stop at the end".to_owned());
    }
    if text.contains("  ") {
        wrong.push("two spaces".to_owned());
    }
    let begins_with_capital = text.chars().next().is_some_and(char::is_uppercase);
    if begins_with_capital && !PROPER.iter().any(|name| text.starts_with(name)) {
        wrong.push("a capital at the beginning".to_owned());
    }
    wrong
}

fn held_to(texts: &[Text], rules: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for Text { place, text } in texts {
        println!("{place}: {text}");
        faults.extend(rules(text).into_iter().map(|wrong| format!("{place}: {wrong}: {text}")));
    }
    faults
}

#[test]
fn every_error_is_plain_english() {
    let texts = errors();
    assert!(texts.len() > 300, "{} texts: where are the others?", texts.len());
    let faults = held_to(&texts, wrong_with_error);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_help_is_plain_english() {
    let texts = helps(&[]);
    assert!(texts.len() > 20, "{} commands: where are the others?", texts.len());
    let faults = held_to(&texts, stilted);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Each rule finds what it is for, also behind a line's end, and lets plain words pass.
#[test]
fn the_rules_find_what_they_are_for() {
    let planted = "#[error(\"a lock was not had in time{}\", held)]\n#[error(\n    \"The file \\\n     is  open.\"\n)]\n\
                   #[error(transparent)]\n#[error(\"locks are had\")]\n#[error(\"PostgreSQL {major} could not get a lock within {} s\", 1)]";
    let texts = errors_in("planted.rs", planted);
    let faults: Vec<(&str, Vec<String>)> =
        texts.iter().map(|text| (text.place.as_str(), wrong_with_error(&text.text))).collect();
    let of = |wrong: &[&str]| wrong.iter().map(|wrong| (*wrong).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("planted.rs:1", of(&["`not had in time`: say `could not get a lock`", "`had` as a passive"])),
        ("planted.rs:2", of(&["a full stop at the end", "two spaces", "a capital at the beginning"])),
        ("planted.rs:7", of(&["`had` as a passive"])),
        ("planted.rs:8", of(&[])),
    ];
    assert_eq!(faults, expected);
}
