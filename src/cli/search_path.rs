//! `--search-path-fix`, with a path or without.

use clap::Args;

use crate::command::restore::SearchPath;
use crate::schema::search_path::schemas;

#[derive(Args)]
pub struct SearchPathFix {
    /// Retry entries that fail to find a name with the source's search_path, or with this one; it is empty otherwise
    #[arg(long, value_name = "SCHEMA,...", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = parse)]
    pub search_path_fix: Option<Fix>,
}

/// As it was typed, and what it means.
#[derive(Clone, Debug)]
pub struct Fix {
    typed: String,
    path: SearchPath,
}

impl SearchPathFix {
    pub fn path(&self) -> Option<SearchPath> {
        self.search_path_fix.as_ref().map(|fix| fix.path.clone())
    }

    /// For a command that does the same.
    pub fn switch(&self) -> Option<String> {
        self.search_path_fix.as_ref().map(|fix| match fix.typed.as_str() {
            "" => "--search-path-fix".to_owned(),
            path => format!("--search-path-fix={path}"),
        })
    }
}

fn parse(typed: &str) -> Result<Fix, &'static str> {
    let path = match typed {
        "" => SearchPath::Fix,
        _ if typed.contains("$user") => return Err("\"$user\" is nobody's name here: write the schema's"),
        path => match schemas(path, "") {
            none if none.is_empty() => return Err("no schema is named"),
            schemas => SearchPath::Given(schemas),
        },
    };
    Ok(Fix { typed: typed.to_owned(), path })
}
