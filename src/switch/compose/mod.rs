//! Docker Compose files: `services.*.environment`, as a map or as a list. saphyr-parser finds where a value stands and,
//! after the edit, that nothing else has changed in meaning.

mod document;

use std::path::Path;

use super::SwitchError;
use super::site::{Dollar, Site, Style, line_of};
use document::{Document, Kind, NodeId, ScalarStyle};

/// How deep aliases and merge keys may refer to each other.
const REFERENCES_MAX: usize = 16;

/// Every place from which a service takes the key, each once. Aliases and merge keys are followed, and never edited.
///
/// # Errors
/// No service has the key, one has it twice, or its value is not on one line of its own.
pub(super) fn locate(path: &Path, text: &str, key: &str) -> Result<Vec<Site>, SwitchError> {
    let document = Document::read(path, text)?;
    let mut found: Vec<(NodeId, Vec<String>)> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    let mut env_files = Vec::new();
    for (name, service) in services(&document) {
        if let Some(files) = document.entry(service, "env_file", REFERENCES_MAX) {
            env_files.extend(env_file_paths(&document, files));
        }
        let Some(environment) = document.entry(service, "environment", REFERENCES_MAX) else { continue };
        keys.extend(document.names(environment, REFERENCES_MAX));
        let twice = document.set_twice(environment, key, REFERENCES_MAX);
        if let Some((first, second)) = twice {
            let (first, second) = (document.line(first), document.line(second));
            return Err(SwitchError::Twice { path: path.to_owned(), key: key.to_owned(), first, second });
        }
        let Some(value) = document.setting(environment, key, REFERENCES_MAX) else { continue };
        match found.iter_mut().find(|(node, _)| *node == value) {
            Some((_, names)) => names.push(name),
            None => found.push((value, vec![name])),
        }
    }
    if found.is_empty() {
        env_files.sort();
        env_files.dedup();
        return Err(SwitchError::no_key(path, key, keys.iter().map(String::as_str), env_files));
    }
    found.into_iter().map(|(node, services)| site(&document, path, text, key, node, services)).collect()
}

/// Whether two texts mean the same, but for values at these sites of the old one, which mean `values`.
pub(super) fn differs_only_in(
    path: &Path,
    old: &str,
    new: &str,
    values: &[(&Site, String)],
) -> Result<(), SwitchError> {
    let (before, after) = (Document::read(path, old)?, Document::read(path, new)?);
    if before.equals_but_for(&after, values) { Ok(()) } else { Err(SwitchError::Misread { path: path.to_owned() }) }
}

/// What the value at a site means: the text without its quotes and escapes.
pub(super) fn meaning(path: &Path, text: &str, site: &Site) -> Result<String, SwitchError> {
    Document::read(path, text)?
        .scalar_at(site.token.start)
        .and_then(|value| value.strip_prefix(site.lead.as_str()).map(str::to_owned))
        .ok_or_else(|| SwitchError::Misread { path: path.to_owned() })
}

fn services(document: &Document) -> Vec<(String, NodeId)> {
    let services = document.root().and_then(|root| document.entry(root, "services", REFERENCES_MAX));
    services.map_or_else(Vec::new, |services| document.pairs(services, REFERENCES_MAX))
}

fn env_file_paths(document: &Document, files: NodeId) -> Vec<String> {
    let text = |node: NodeId| match document.kind(node) {
        Kind::Scalar { value, .. } => Some(value.clone()),
        // `- path: .env`
        Kind::Map(_) => document.entry(node, "path", REFERENCES_MAX).and_then(|node| match document.kind(node) {
            Kind::Scalar { value, .. } => Some(value.clone()),
            _ => None,
        }),
        _ => None,
    };
    match document.kind(files) {
        Kind::List(items) => items.iter().filter_map(|item| text(*item)).collect(),
        _ => text(files).into_iter().collect(),
    }
}

fn site(
    document: &Document,
    path: &Path,
    text: &str,
    key: &str,
    node: NodeId,
    services: Vec<String>,
) -> Result<Site, SwitchError> {
    let line = document.line(node);
    let unwritable = |what| Err(SwitchError::Unwritable { path: path.to_owned(), line, key: key.to_owned(), what });
    let token = document.bytes(node);
    let (value, style) = match document.kind(node) {
        Kind::Scalar { value, style } => (value, *style),
        Kind::Alias(_) => return unwritable("is an alias (*) of a value in another place"),
        Kind::List(_) | Kind::Map(_) => return unwritable("is not a single value"),
    };
    if document.is_anchored(node) {
        return unwritable("has an anchor (&), so other keys may share its value");
    }
    let raw = &text[token.clone()];
    let (style, quote) = match style {
        ScalarStyle::Literal | ScalarStyle::Folded => return unwritable("has a value in a block (| or >)"),
        // An empty value of a map has no bytes either: Compose takes it from its own environment.
        ScalarStyle::Plain if raw.trim().is_empty() => {
            return unwritable("has no value here: Compose takes it from its own environment or its .env file");
        }
        ScalarStyle::Plain if value == raw => (Style::Plain, ""),
        ScalarStyle::SingleQuoted => (Style::Single, "'"),
        ScalarStyle::DoubleQuoted => (Style::Double, "\""),
        ScalarStyle::Plain => return unwritable("has a value of several lines"),
    };
    let enclosed = raw.len() >= 2 * quote.len() && raw.starts_with(quote) && raw.ends_with(quote);
    if !enclosed || raw.contains('\n') {
        return unwritable("has a value of several lines");
    }
    let mut inner = token.start + quote.len()..token.end - quote.len();
    let mut lead = String::new();
    if document.is_item(node) {
        lead = format!("{key}=");
        if value == key {
            return unwritable("has no value here: Compose takes it from its own environment or its .env file");
        }
        if !text[inner.clone()].starts_with(&lead) {
            return unwritable("is written with escapes");
        }
        inner.start += lead.len();
    }
    let style = if style == Style::Plain && lead.is_empty() { Style::Typed } else { style };
    let place = document.path(node);
    let path = if lead.is_empty() { place } else { format!("{place}.{key}") };
    let line = line_of(text, token.start);
    Ok(Site { path, services, line, token, value: inner, style, dollar: Dollar::Interpolates, lead })
}

#[cfg(test)]
mod tests;
