//! Every link of the documentation that stays inside the project leads somewhere: to a file, and to a heading in it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A link that leads nowhere, and why.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    page: String,
    line: usize,
    link: String,
    why: &'static str,
}

/// All pages, by their path in the project.
type Pages = BTreeMap<PathBuf, String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `folder`; of the project's own folder those alone that lie in it.
fn pages_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

fn pages() -> Pages {
    let folders = ["", "docs", "policies", "tests", "tests/data/archives", "tests/data/repositories"];
    let read = |page: PathBuf| {
        let text = std::fs::read_to_string(root().join(&page)).unwrap();
        (page, text)
    };
    folders.iter().flat_map(|folder| pages_in(folder)).map(read).collect()
}

/// The lines that are text, with their numbers: not those of code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(n, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((n + 1, line))
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where the links of a line lead: `[text](here)`.
fn links(line: &str) -> Vec<String> {
    let line = without_code(line);
    let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(link, _)| link.to_owned()).collect()
}

/// As GitHub names a heading: lower case, words joined by dashes, without the marks between them.
fn anchor(heading: &str) -> String {
    let mut text = String::new();
    // Of a link, the text.
    for (n, part) in heading.split("](").enumerate() {
        text += if n == 0 { part } else { part.split_once(')').map_or(part, |(_, after)| after) };
    }
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a page. A heading that comes again has a number.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let heading = |line: &str| {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        line[level..].strip_prefix(' ').filter(|_| (1..=6).contains(&level)).map(str::trim).map(anchor)
    };
    let number = |anchor: String| {
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    };
    prose(text).filter_map(|(_, line)| heading(line)).map(number).collect()
}

/// `docs/../policies` is `policies`. None: it leaves the project.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

fn fault(page: &Path, link: &str, pages: &Pages) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let target = match path {
        "" => page.to_owned(),
        path => match plain(&page.parent().unwrap_or(Path::new("")).join(path)) {
            Some(target) => target,
            None => return Some("it leaves the project"),
        },
    };
    if !root().join(&target).exists() {
        return Some("there is no such file");
    }
    let is_there = |heading: &str| pages.get(&target).is_some_and(|text| anchors(text).iter().any(|a| a == heading));
    heading.filter(|heading| !is_there(heading)).map(|_| "there is no such heading")
}

fn broken(pages: &Pages) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (page, text) in pages {
        for (line, link) in prose(text).flat_map(|(n, line)| links(line).into_iter().map(move |link| (n, link))) {
            if let Some(why) = fault(page, &link, pages) {
                broken.push(Broken { page: page.display().to_string(), line, link, why });
            }
        }
    }
    broken
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let pages = pages();
    let count: usize = pages.values().flat_map(|text| prose(text)).map(|(_, line)| links(line).len()).sum();
    // Were links not found, none would be broken.
    assert!(pages.len() > 20 && count > 150, "{} pages, {count} links", pages.len());
    assert_eq!(broken(&pages), []);
}

/// What a page says to be there is asked for by name, so that the test above is not blind.
#[test]
fn a_link_to_what_is_not_there_is_found() {
    let text = "# One\n## S3, and `more`\n## One\nSee [a](docs/none.md), [b](#two), [c](#one-1), [d](README.md#s3-and-more),\n\
                [e](../out.md), `[f](no.md)`, [g](https://example.org/none), [h](LICENSE-MIT#text).\n```sh\n[i](no.md)\n```\n";
    let pages = Pages::from([(PathBuf::from("README.md"), text.to_owned())]);
    let found: Vec<(usize, String)> = broken(&pages).into_iter().map(|broken| (broken.line, broken.link)).collect();
    let expected = [(4, "docs/none.md"), (4, "#two"), (5, "../out.md"), (5, "LICENSE-MIT#text")];
    assert_eq!(found, expected.map(|(line, link)| (line, link.to_owned())));
}

/// A page that messages and comments of the program name is there.
#[test]
fn every_page_that_the_program_names_is_there() {
    let (mut folders, mut named) = (vec![root().join("src"), root().join("policies")], 0);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (_, rest) in text.match_indices("docs/").map(|(at, found)| (at, &text[at + found.len()..])) {
                let name = rest.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or_default();
                assert!(root().join(format!("docs/{name}.md")).exists(), "{}: docs/{name}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 10, "{named}");
}

/// A section that a message names is a heading of its page.
#[test]
fn the_sections_that_messages_name_are_there() {
    let anchors = anchors(&std::fs::read_to_string(root().join("docs/operations.md")).unwrap());
    assert!(["keys", "s3"].iter().all(|section| anchors.iter().any(|anchor| anchor == section)), "{anchors:?}");
}

/// `split --help` says that each finding is explained.
#[test]
fn every_kind_of_finding_is_explained() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (source, page) = (read("src/split/finding.rs"), read("docs/split-reference.md"));
    let body = source.split_once("pub enum FindingKind {").unwrap().1.split_once("\n}").unwrap().0;
    let kinds = body.lines().filter_map(|line| line.trim().strip_suffix(','));
    let in_snake_case = |kind: &str| {
        let parted = |(n, c): (usize, char)| [(n > 0 && c.is_uppercase()).then_some('_'), Some(c.to_ascii_lowercase())];
        kind.char_indices().flat_map(parted).flatten().collect::<String>()
    };
    let kinds: Vec<String> = kinds.filter(|kind| !kind.contains(' ')).map(in_snake_case).collect();
    assert!(kinds.len() > 30 && kinds.contains(&"forgotten_schema".to_owned()), "{kinds:?}");
    let missing: Vec<&String> = kinds.iter().filter(|kind| !page.contains(&format!("`{kind}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
