//! A verb reads as a table of contents: no function of one is longer than a screen, and none takes a `bool` last.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a function, its signature and braces among them.
const LINES_MAX: usize = 60;

/// Functions of verbs that are longer, with their lines. What is here may get shorter and goes when it is short enough; nothing is added.
const LONGER: &[(&str, &str, usize)] = &[
    ("src/command/error.rs", "hint", 62),
    ("src/command/restore/planning.rs", "plan", 68),
    ("src/command/split/hint.rs", "of", 167),
    ("src/command/split/loose/batch.rs", "try_batch", 86),
    ("src/command/verify.rs", "run", 66),
];

struct Function {
    file: String,
    name: String,
    lines: usize,
    signature: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.extend((path.extension().is_some_and(|end| end == "rs")).then_some(path)),
        }
    }
}

/// As rustfmt writes them: the closing brace stands under the first word. Tests in the file end the looking.
fn functions(file: &str, text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| *line == "#[cfg(test)]").unwrap_or(lines.len());
    let begins = |line: &str| {
        let words = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        let words = words.trim_start_matches("const ").trim_start_matches("async ");
        Some(words.strip_prefix("fn ")?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?.to_owned())
    };
    let mut found = Vec::new();
    for (at, line) in lines[..end].iter().enumerate() {
        let Some(name) = begins(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let close = format!("{indent}}}");
        let Some(after) = lines[at..].iter().position(|line| *line == close) else { continue };
        let body = lines[at..].iter().position(|line| line.ends_with('{')).unwrap_or(0);
        let signature = lines[at..=at + body].join(" ");
        found.push(Function { file: file.to_owned(), name, lines: after + 1, signature });
    }
    found
}

fn of_verbs() -> Vec<Function> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src/command"), &mut files);
    files.sort();
    let of = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        functions(&name, &fs::read_to_string(path).unwrap())
    };
    let found: Vec<Function> = files.iter().flat_map(of).collect();
    assert!(found.len() > 500, "{} functions: the source is read otherwise", found.len());
    found
}

#[test]
fn no_function_of_a_verb_is_longer_than_a_screen() {
    let found = of_verbs();
    let allowed = |function: &Function| {
        let known = LONGER.iter().find(|(file, name, _)| (*file, *name) == (&*function.file, &*function.name));
        known.map_or(LINES_MAX, |(_, _, lines)| *lines)
    };
    let long: Vec<String> = found
        .iter()
        .filter(|function| function.lines > allowed(function))
        .map(|function| format!("{} {}: {} lines", function.file, function.name, function.lines))
        .collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines, or than they were: {long:#?}");
    let short = LONGER.iter().filter(|(file, name, lines)| {
        let named = found.iter().filter(|function| (*file, *name) == (&*function.file, &*function.name));
        let now = named.map(|function| function.lines).max();
        now.is_none_or(|now| now <= LINES_MAX || now < *lines)
    });
    let short: Vec<_> = short.collect();
    assert!(short.is_empty(), "shorter than they were, so this list is too: {short:#?}");
}

#[test]
fn no_function_of_a_verb_takes_a_bool_last() {
    let takes = |function: &&Function| {
        let arguments = function.signature.split("->").next().unwrap_or_default();
        arguments.trim_end().trim_end_matches(['{', ' ', ')', ',']).ends_with(": bool")
    };
    let found = of_verbs();
    let found: Vec<String> =
        found.iter().filter(takes).map(|function| format!("{} {}", function.file, function.name)).collect();
    assert!(found.is_empty(), "say what it means by a type of its own: {found:#?}");
}

#[test]
fn what_is_too_long_is_found() {
    let body = "    let a = 1;\n".repeat(LINES_MAX);
    let text = format!(
        "impl A {{\n    pub async fn long(\n        a: u8,\n        b: bool,\n    ) -> u8 {{\n{body}    }}\n}}\n\nfn short() {{\n    1;\n}}\n"
    );
    let found = functions("a.rs", &text);
    let found: Vec<(&str, usize)> = found.iter().map(|function| (function.name.as_str(), function.lines)).collect();
    assert_eq!(found, [("long", LINES_MAX + 5), ("short", 3)]);
}
