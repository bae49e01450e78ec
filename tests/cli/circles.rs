//! The files of `src/` as a graph: which one names what another defines. No file is in a circle.
//!
//! What a module defines its own parts may name: they are inside it. Everything else counts, wherever a name is handed on by `pub use`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// `pg::catalog::sizes` by its segments.
type Module = Vec<String>;

#[derive(Default)]
struct House {
    code: BTreeMap<Module, Vec<Token>>,
    /// By a module and a name that it hands on: where the name comes from.
    handed_on: BTreeMap<(Module, String), Module>,
}

#[derive(Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

impl House {
    fn new(files: impl IntoIterator<Item = (Module, String)>) -> Self {
        let code = files.into_iter().map(|(module, text)| (module, tokens(&text))).collect();
        let mut house = Self { code, ..Self::default() };
        for module in house.code.keys().cloned().collect::<Vec<_>>() {
            for taken in taken(&house.code[&module]).into_iter().filter(|taken| taken.is_public) {
                if let Some(path) = house.absolute(&module, &taken.path) {
                    house.handed_on.insert((module.clone(), taken.name), path);
                }
            }
        }
        house
    }

    fn of_this_crate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut folders, mut files) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    let path = entry.strip_prefix(&root).unwrap().with_extension("");
                    let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                    module.pop_if(|last| last == "mod");
                    // Tests look at everything from inside.
                    if !module.iter().any(|part| ["tests", "lib", "main"].contains(&part.as_str())) {
                        files.push((module, fs::read_to_string(&entry).unwrap()));
                    }
                }
            }
        }
        Self::new(files)
    }

    /// A path from the crate's root; none for one that leads outside.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let below = |base: &[String], rest: &[String]| [base, rest].concat();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(below(module, rest)),
            "super" => {
                let climbs = path.iter().take_while(|part| *part == "super").count();
                Some(below(&module[..module.len().checked_sub(climbs)?], &path[climbs..]))
            }
            _ => self.code.contains_key(&below(module, std::slice::from_ref(first))).then(|| below(module, path)),
        }
    }

    /// The module that defines what a path names; none for a module itself.
    fn home(&self, path: &[String]) -> Option<Module> {
        let length = (1..=path.len()).rev().find(|length| self.code.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        let name = rest.first()?;
        match self.handed_on.get(&(module.to_vec(), name.clone())) {
            Some(origin) => self.home(&[origin.as_slice(), &rest[1..]].concat()),
            None => Some(module.to_vec()),
        }
    }

    /// Which modules each names, its own and those that it is in apart.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let arrows_of = |module: &Module| {
            let code = &self.code[module];
            let taken = taken(code);
            let local: BTreeMap<&str, Module> = taken
                .iter()
                .filter_map(|taken| Some((taken.name.as_str(), self.absolute(module, &taken.path)?)))
                .collect();
            let spelled = paths(code).into_iter().filter_map(|path| match local.get(path[0].as_str()) {
                Some(base) => Some([base.as_slice(), &path[1..]].concat()),
                None => self.absolute(module, &path),
            });
            let named: BTreeSet<Module> =
                spelled.chain(local.values().cloned()).filter_map(|path| self.home(&path)).collect();
            named.into_iter().filter(|home| !module.starts_with(home)).collect()
        };
        self.code.keys().map(|module| (module, arrows_of(module))).collect()
    }

    /// The files that reach themselves, each with those that it shares a circle with.
    fn circles(&self) -> BTreeSet<BTreeSet<Module>> {
        let arrows = self.arrows();
        let reach = |from: &Module| {
            let (mut reached, mut queue) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = queue.pop() {
                let further = arrows.get(&module).into_iter().flatten();
                queue.extend(further.filter(|next| reached.insert((*next).clone())).cloned());
            }
            reached
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            arrows.keys().map(|module| (*module, reach(module))).collect();
        let circle_of = |module: &Module| -> BTreeSet<Module> {
            reached[module].iter().filter(|other| reached[*other].contains(module)).cloned().collect()
        };
        reached.keys().map(|module| circle_of(module)).filter(|circle| !circle.is_empty()).collect()
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default()) {
        let mut word = String::new();
        for sign in line.chars().chain([' ']) {
            if sign.is_alphanumeric() || sign == '_' {
                word.push(sign);
                continue;
            }
            if !word.is_empty() {
                tokens.push(Token::Word(std::mem::take(&mut word)));
            }
            if !sign.is_whitespace() {
                tokens.push(Token::Sign(sign));
            }
        }
    }
    tokens
}

/// One name that a `use` brings in.
struct Taken {
    path: Module,
    name: String,
    is_public: bool,
}

fn taken(code: &[Token]) -> Vec<Taken> {
    let mut all = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if *token == Token::Word("use".into()) {
            let before = at.checked_sub(1).map(|before| &code[before]);
            let is_public =
                before.is_some_and(|token| *token == Token::Word("pub".into()) || *token == Token::Sign(')'));
            let mut rest = code[at + 1..].iter().peekable();
            let mut names = Vec::new();
            branch(&mut rest, &[], &mut names);
            all.extend(names.into_iter().map(|(path, name)| Taken { path, name, is_public }));
        }
    }
    all
}

/// One path of a `use`, or several in braces.
fn branch<'a>(
    code: &mut std::iter::Peekable<impl Iterator<Item = &'a Token>>,
    prefix: &[String],
    found: &mut Vec<(Module, String)>,
) {
    let mut path = prefix.to_vec();
    let mut alias = None;
    while let Some(token) = code.peek() {
        match token {
            Token::Word(word) if word == "as" => {
                code.next();
                alias = code.next();
            }
            Token::Word(word) => {
                path.push(word.clone());
                code.next();
            }
            Token::Sign('*') => {
                path.push("*".into());
                code.next();
            }
            Token::Sign(':') => {
                code.next();
            }
            Token::Sign('{') => {
                while matches!(code.next(), Some(Token::Sign('{' | ','))) {
                    branch(code, &path, found);
                }
                return;
            }
            Token::Sign(_) => break,
        }
    }
    // `self` in braces is the module itself.
    path.pop_if(|last| last == "self" && !prefix.is_empty());
    let name = match alias {
        Some(Token::Word(alias)) => Some(alias.clone()),
        _ => path.last().cloned(),
    };
    if path.len() > prefix.len() || alias.is_some() || !prefix.is_empty() {
        found.extend(name.map(|name| (path, name)));
    }
}

/// Every `a::b::c` outside of `use`.
fn paths(code: &[Token]) -> Vec<Module> {
    let (mut paths, mut path, mut in_use) = (Vec::new(), Module::new(), false);
    let mut colons = 0;
    for token in code.iter().chain([&Token::Sign(';')]) {
        match token {
            Token::Word(word) if word == "use" => in_use = true,
            Token::Word(word) if colons == 2 && !path.is_empty() => path.push(word.clone()),
            Token::Word(word) => {
                paths.push(std::mem::replace(&mut path, vec![word.clone()]));
            }
            Token::Sign(':') => {
                colons += 1;
                continue;
            }
            Token::Sign(sign) => {
                paths.push(std::mem::take(&mut path));
                in_use &= *sign != ';';
            }
        }
        colons = 0;
        if in_use {
            path.clear();
        }
    }
    paths.retain(|path| path.len() > 1);
    paths
}

#[test]
fn no_file_is_in_a_circle() {
    let house = House::of_this_crate();
    assert!(house.code.len() > 100, "{} files", house.code.len());
    let (circles, arrows) = (house.circles(), house.arrows());
    let told = circles.iter().flat_map(|circle| {
        circle.iter().map(|module| {
            let named: Vec<String> = arrows[module].intersection(circle).map(|other| other.join("::")).collect();
            format!("{} names {}", module.join("::"), named.join(", "))
        })
    });
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{} circles:\n{}", circles.len(), told.join("\n"));
}

#[test]
fn a_planted_circle_is_found_through_whatever_spelling() {
    let house = |files: &[(&str, &str)]| {
        let module = |path: &str| path.split("::").map(str::to_owned).collect();
        House::new(files.iter().map(|(path, text)| (module(path), (*text).to_owned())))
    };
    let circles = |files: &[(&str, &str)]| house(files).circles().len();
    let one = ("a::one", "use super::two::{Thing, other::*};");
    // By a path in the code, by a name that is handed on, by a module's name, from three steps away.
    let first = ("a", "pub use one::First; pub mod one; mod two;");
    for (also, back) in [
        (None, "fn f() -> super::one::First {}"),
        (Some(first), "use crate::a::First;"),
        (None, "use super::one as first;\nfn f(_: first::First) {}"),
        (None, "use crate::a::{one::{self}};\nfn f() { one::make() }"),
        (Some(("a::three", "use super::one::First;")), "use super::three::Third;"),
    ] {
        let a = ("a", "mod one; mod two; mod three;");
        let also =
            also.filter(|also| also.0 != "a").into_iter().chain([also.filter(|also| also.0 == "a").unwrap_or(a)]);
        let files: Vec<_> = also.chain([one, ("a::two", back)]).collect();
        assert_eq!(circles(&files), 1, "{back}");
        let without: Vec<_> = files.iter().copied().filter(|file| file.0 != "a::two").chain([("a::two", "")]).collect();
        assert_eq!(circles(&without), 0, "without {back}");
    }
    // What is inside a module may name what the module defines; and comments are no arrows.
    let inside =
        [("a", "pub struct Thing; mod one; use one::make;"), ("a::one", "use super::Thing; // super::super::b::B")];
    assert_eq!(circles(&inside), 0);
}
