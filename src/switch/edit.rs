//! The new value of one place, as it is to stand there.

use super::file::Original;
use super::rewrite::Rewrite;
use super::site::{Dollar, Site, Style};
use super::value::{self, Rewritten, Scope, Shown, masked};
use super::{Part, SwitchError, ValueError, compose};

/// One value and what takes its place.
pub(super) struct Edit {
    pub key: String,
    pub site: Site,
    /// With its quotes.
    pub new_token: String,
    /// Masked.
    pub before: String,
    /// Masked.
    pub after: String,
}

/// # Errors
/// The value cannot be made to name the new database, or cannot be written there.
pub(super) fn edit(original: &Original, rewrite: &Rewrite, site: Site, scope: &Scope) -> Result<Edit, SwitchError> {
    let raw = &original.text[site.value.clone()];
    let refused =
        |source| SwitchError::Value { path: original.path.clone(), line: site.line, key: rewrite.key.clone(), source };
    let (value, new_token, shown) = match &rewrite.literal {
        Some(literal) => (literal.clone(), literal_token(&site, raw, literal).map_err(refused)?, Shown::Unknown),
        None => match value::rewrite(&rewrite.key, raw, scope).map_err(refused)? {
            Rewritten::Within(value) => {
                let token = site.token_with(&original.text, &value);
                (value, token, Shown::Known)
            }
            Rewritten::Whole(value) if value == raw => {
                (value, original.text[site.token.clone()].to_owned(), Shown::Known)
            }
            Rewritten::Whole(value) => {
                let fits = |style: Style| style.holds_whole(&value, dollar_in(&site, style));
                let token = site.enclose(&value, fits).ok_or(ValueError::Unfit { part: Part::Value });
                let token = token.map_err(refused)?;
                (value, token, Shown::Known)
            }
        },
    };
    let before = masked(raw, site.dollar, shown);
    let after = masked(&value, site.dollar, shown);
    Ok(Edit { key: rewrite.key.clone(), site, new_token, before, after })
}

/// Single quotes keep a `$` in an `.env` file, not in a Compose file.
fn dollar_in(site: &Site, style: Style) -> Dollar {
    let is_env = site.services.is_empty();
    if is_env && style == Style::Single { Dollar::Literal } else { Dollar::Interpolates }
}

/// A value that the operator gave: a `$` in it means what it means in that file.
fn literal_token(site: &Site, old: &str, literal: &str) -> Result<String, ValueError> {
    let fits = |style: Style| {
        // A value with blanks and without quotes has a reader that takes it so; some keep quotes as they are.
        let spaced = style == site.style && old.contains(' ');
        let text = if spaced { literal.replace(' ', "_") } else { literal.to_owned() };
        let keeps_variables = style != Style::Single || site.style == Style::Single || !literal.contains('$');
        style.holds_whole(&text, Dollar::Literal) && keeps_variables
    };
    site.enclose(literal, fits).ok_or(ValueError::Unfit { part: Part::Value })
}

/// What the value must mean after the edit, made from what it means and not from how it is written.
pub(super) fn wanted_meaning(
    original: &Original,
    rewrites: &[&Rewrite],
    edit: &Edit,
    scope: &Scope,
) -> Result<String, SwitchError> {
    let literal = rewrites.iter().find(|rewrite| rewrite.key == edit.key).and_then(|rewrite| rewrite.literal.clone());
    if let Some(literal) = literal {
        return Ok(literal);
    }
    let meaning = compose::meaning(&original.path, &original.text, &edit.site)?;
    match value::rewrite(&edit.key, &meaning, scope) {
        Ok(Rewritten::Within(value) | Rewritten::Whole(value)) => Ok(value),
        Err(_) => Err(SwitchError::Misread { path: original.path.clone() }),
    }
}
