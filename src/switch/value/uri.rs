//! `postgres://user:password@host:port/database?options`, taken apart as libpq does (manual, "Connection URIs"), and
//! refused where other programs take it apart otherwise.

use std::ops::Range;

use super::text::Text;
use super::{Scope, exchanged};
use crate::pg::conninfo::DEFAULT_PORT;
use crate::spelling::percent_decoded;
use crate::switch::{Part, ValueError};

struct Place {
    host: Range<usize>,
    /// Empty and behind the host where no port is written.
    port: Range<usize>,
}

pub(super) fn rewrite(text: &Text, scope: &Scope) -> Result<String, ValueError> {
    let raw = text.raw;
    let begin = raw.find("://").map_or(0, |at| at + 3);
    let authority_end = text.find(begin..raw.len(), &['/', '?']).unwrap_or(raw.len());
    let mut ats = text.all(begin..authority_end, &['@']);
    let places_begin = ats.next().map_or(begin, |at| at + 1);
    let places = places(text, places_begin..authority_end);
    let path = authority_end..text.find(authority_end..raw.len(), &['?']).unwrap_or(raw.len());
    // A raw "@", "/" or "?" in a password: libpq ends it at the first "@", a WHATWG URL at the last one.
    let is_port = |range: &Range<usize>| {
        text.is_interpolated(range.clone()) || raw[range.clone()].bytes().all(|byte| byte.is_ascii_digit())
    };
    if ats.next().is_some() || text.find(path.clone(), &['@']).is_some() || !places.iter().all(|p| is_port(&p.port)) {
        return Err(ValueError::Ambiguous);
    }
    let names_place = check_options(text, path.end)?;
    if names_place && scope.other_server().is_some() {
        return Err(ValueError::Keyword { keyword: "the options of the URI".into() });
    }

    let mut pieces = Vec::new();
    let name = (path.start + 1).min(path.end)..path.end;
    if name.is_empty() {
        return Err(ValueError::NoDatabase);
    }
    if scope.exchanges(text, Part::Database, &name)? {
        scope.check_database(&percent_decoded(&raw[name.clone()]).map_err(|_| ValueError::Unknown)?)?;
        pieces.push((name, encoded(&scope.change.to)));
    }
    match (&places[..], scope.other_server()) {
        ([place], Some((host, port))) => {
            let old = &raw[place.host.clone()];
            let host_changes = scope.exchanges(text, Part::Host, &place.host)?;
            if host_changes {
                scope.check_host(old, host)?;
                pieces.push((place.host.clone(), encoded_host(host)));
            }
            if place.port.is_empty() {
                // A variable in the host's place may hold the port as well.
                if host_changes {
                    pieces.push((place.port.clone(), format!(":{port}")));
                }
            } else if scope.exchanges(text, Part::Port, &place.port)? {
                pieces.push((place.port.clone(), port.to_string()));
            }
        }
        ([place], None) => {
            let host = place.host.clone();
            // Old entrypoints of TwentyCRM cut the URI at its colons and need a port.
            if place.port.is_empty() && !host.is_empty() && !text.is_interpolated(host) && !names_place {
                pieces.push((place.port.clone(), format!(":{DEFAULT_PORT}")));
            }
        }
        (_, Some(_)) => return Err(ValueError::SeveralServers),
        (_, None) => {}
    }
    // A colon without a port behind it is there already.
    for (range, piece) in &mut pieces {
        if piece.starts_with(':') && range.start == range.end && raw[..range.start].ends_with(':') {
            piece.remove(0);
        }
    }
    for (_, piece) in &pieces {
        scope.fits(Part::Value, piece)?;
    }
    Ok(exchanged(raw, pieces))
}

fn places(text: &Text, range: Range<usize>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut start = range.start;
    let ends: Vec<usize> = text.all(range.clone(), &[',']).chain([range.end]).collect();
    for end in ends {
        let bracket = text.raw[start..end].starts_with('[').then(|| text.find(start..end, &[']'])).flatten();
        let colon = text.find(bracket.unwrap_or(start)..end, &[':']);
        let host = start..colon.unwrap_or(end);
        places.push(Place { host, port: colon.map_or(end, |colon| colon + 1)..end });
        start = end + 1;
    }
    places
}

/// Whether the options name a server. One that names a database would count instead of the one in the path.
fn check_options(text: &Text, begin: usize) -> Result<bool, ValueError> {
    let mut names_place = false;
    let options = text.raw.get(begin + 1..).unwrap_or_default();
    for option in options.split('&') {
        match option.split('=').next().unwrap_or_default() {
            keyword @ ("dbname" | "database" | "service") => {
                return Err(ValueError::Keyword { keyword: keyword.to_owned() });
            }
            "host" | "hostaddr" | "port" => names_place = true,
            _ => {}
        }
    }
    Ok(names_place)
}

/// Only what RFC 3986 calls unreserved stands for itself.
pub(in crate::switch) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

pub(in crate::switch) fn encoded_host(host: &str) -> String {
    match host.contains(':') && !host.starts_with(['/', '@']) {
        true => format!("[{host}]"),
        false => encoded(host),
    }
}
