//! A planned edit as a hunk of a unified diff, without passwords.

use super::site::Site;

/// The line of a value before and after, with both values masked. What else stands on the line is left out: another
/// value of a YAML flow map, or a comment that remembers an old password.
pub(super) fn hunk(text: &str, key: &str, site: &Site, before: &str, new_token: &str, after: &str) -> String {
    let line_start = text[..site.token.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[site.token.end..].find('\n').map_or(text.len(), |at| site.token.end + at);
    let old = &text[site.token.clone()];
    let lead = shown_lead(&text[line_start..site.token.start], key);
    let tail = match text[site.token.end..line_end].trim_end_matches('\r').trim_end() {
        "" => "",
        _ => " …",
    };
    let inner = site.value.start - site.token.start;
    let outer = site.token.end - site.value.end;
    let old_shown = format!("{}{before}{}", &old[..inner], &old[old.len() - outer..]);
    // The new token may have other quotes than the old one.
    let quote = new_token.chars().next().filter(|c| matches!(c, '\'' | '"')).map(String::from).unwrap_or_default();
    let new_shown = format!("{quote}{}{after}{quote}", site.lead);
    let place = site.path.strip_suffix(key).unwrap_or(&site.path).trim_end_matches('.');
    let header = if place.is_empty() { String::new() } else { format!(" {place}") };
    let line = site.line;
    format!("@@ -{line} +{line} @@{header}\n-{lead}{old_shown}{tail}\n+{lead}{new_shown}{tail}\n")
}

/// What stands before a value, if that is nothing but its own key.
fn shown_lead(lead: &str, key: &str) -> String {
    let lead = lead.trim_start_matches('\u{feff}');
    let words = lead.trim_start().trim_start_matches("- ").trim_start();
    let words = words.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(words);
    let rest = words.trim().trim_end_matches(['=', ':']).trim().trim_matches(['"', '\'']);
    if rest == key || rest.is_empty() { lead.to_owned() } else { format!("… {key}: ") }
}
