//! Functions whose text reaches across the line, which no catalog knows.

use std::collections::{BTreeMap, BTreeSet};

use super::bodies::{Body, Certainty, Mention, Noun, body};
use super::crossing::{Across, Crossing, CrossingKind, Direction, Effect, Place, Rules, Sides, writes};
use super::finding::{Finding, FindingKind, Severity};
use crate::schema::archive::{Archive, Kind};

/// Which entries a name can mean.
struct Named {
    relations: BTreeMap<(String, String), usize>,
    functions: BTreeMap<(String, String), usize>,
    types: BTreeMap<(String, String), usize>,
}

impl Named {
    fn new(archive: &Archive) -> Named {
        let mut named = Named { relations: BTreeMap::new(), functions: BTreeMap::new(), types: BTreeMap::new() };
        for (position, entry) in archive.entries().iter().enumerate() {
            let Some(schema) = &entry.namespace else { continue };
            let (map, name) = match entry.kind {
                kind if kind.is_relation() || kind == Kind::Sequence => (&mut named.relations, entry.tag.as_str()),
                Kind::Function | Kind::Procedure | Kind::Aggregate => {
                    // The tag is `name(types)`.
                    (&mut named.functions, entry.tag.rsplit_once('(').map_or(entry.tag.as_str(), |(name, _)| name))
                }
                Kind::Type | Kind::Domain => (&mut named.types, entry.tag.as_str()),
                _ => continue,
            };
            map.insert((schema.clone(), name.to_owned()), position);
        }
        named
    }

    /// The entry that the mention means, seen from a session with this search path.
    fn find(&self, mention: &Mention, search_path: &[String]) -> Option<usize> {
        let maps: &[&BTreeMap<_, _>] = match mention.noun {
            Noun::Relation | Noun::Written => &[&self.relations],
            Noun::Function => &[&self.functions],
            // A table's name is the name of its row type, too.
            Noun::Type => &[&self.types, &self.relations],
            Noun::Anything => &[&self.relations, &self.functions],
        };
        let schemas = match &mention.schema {
            Some(schema) => std::slice::from_ref(schema),
            None => search_path,
        };
        let mut places = schemas.iter().flat_map(|schema| maps.iter().map(move |map| (schema, map)));
        places.find_map(|(schema, map)| map.get(&(schema.clone(), mention.name.clone())).copied())
    }
}

/// Which functions call which.
struct Callers(BTreeMap<usize, BTreeSet<usize>>);

impl Callers {
    fn new(named: &Named, bodies: &[(usize, Body)], search_path: &[String]) -> Callers {
        let mut callers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (position, body) in bodies {
            let path = body.search_path.as_deref().unwrap_or(search_path);
            for mention in body.mentions.iter().filter(|mention| mention.noun == Noun::Function) {
                if let Some(called) = named.find(mention, path) {
                    callers.entry(called).or_default().insert(*position);
                }
            }
        }
        Callers(callers)
    }

    /// The triggers that call the function, themselves or through others, of tables on the side that it needs the other from.
    fn triggers(&self, sides: &Sides<'_>, function: usize, direction: Direction) -> Vec<String> {
        let (mut calling, mut queue) = (BTreeSet::from([function]), vec![function]);
        while let Some(called) = queue.pop() {
            let more = self.0.get(&called).into_iter().flatten();
            queue.extend(more.filter(|caller| calling.insert(**caller)));
        }
        let triggers = calling.iter().flat_map(|function| sides.graph.needed_by(*function));
        let triggers = triggers.filter(|by| sides.archive.entries()[**by].kind == Kind::Trigger);
        let here = triggers.filter(|trigger| match direction {
            Direction::MovingNeedsStaying => sides.moves(sides.root(**trigger)),
            Direction::StayingNeedsMoving => sides.place(sides.root(**trigger)) == Place::Stays,
        });
        let names: BTreeSet<String> = here.map(|trigger| sides.name(*trigger)).collect();
        names.into_iter().collect()
    }
}

/// The crossings that the catalog does not know, and the functions that the parser could not read. Of those that it knows, `known`, it is
/// said which write. `search_path` is that of a new session.
pub(super) fn mentions(
    sides: &Sides<'_>,
    search_path: &[String],
    known: &mut [Crossing],
    rules: &Rules<'_>,
) -> (Vec<Crossing>, Vec<Finding>) {
    let named = Named::new(sides.archive);
    let mut known: BTreeMap<(i32, String), &mut Crossing> =
        known.iter_mut().map(|crossing| ((crossing.entry, crossing.to.clone()), crossing)).collect();
    let (mut crossings, mut findings) = (Vec::new(), Vec::new());
    let entries = sides.archive.entries().iter().enumerate();
    let bodies: Vec<(usize, Body)> = entries.filter_map(|(position, entry)| Some((position, body(entry)?))).collect();
    let callers = Callers::new(&named, &bodies, search_path);
    for (position, body) in &bodies {
        let (position, entry) = (*position, &sides.archive.entries()[*position]);
        let kind = if entry.kind == Kind::Procedure { CrossingKind::Procedure } else { CrossingKind::Function };
        let path = body.search_path.as_deref().unwrap_or(search_path);
        let own = sides.place(position);
        // What is copied lives on both sides, and each copy may reach across.
        let directions = match own {
            _ if sides.is_left_behind(position) => continue,
            Place::Moves => &[Direction::MovingNeedsStaying][..],
            Place::Stays => &[Direction::StayingNeedsMoving][..],
            Place::Copied => &[Direction::MovingNeedsStaying, Direction::StayingNeedsMoving][..],
        };
        let mut surest: BTreeMap<(usize, Direction), Certainty> = BTreeMap::new();
        let mut written = BTreeSet::new();
        for mention in &body.mentions {
            let Some(found) = named.find(mention, path) else { continue };
            for &direction in directions {
                let across = match direction {
                    Direction::MovingNeedsStaying => sides.place(found) == Place::Stays,
                    Direction::StayingNeedsMoving => sides.place(found) == Place::Moves,
                };
                if across && mention.noun == Noun::Written {
                    written.insert((found, direction));
                }
                if across {
                    let certainty = surest.entry((found, direction)).or_insert(mention.certainty);
                    *certainty = mention.certainty.min(*certainty);
                }
            }
        }
        for ((found, direction), certainty) in surest {
            let to = sides.name(found);
            let effect = if written.contains(&(found, direction)) { Effect::Writes } else { Effect::Reads };
            let triggers = callers.triggers(sides, position, direction);
            match known.get_mut(&(entry.dump_id, to.clone())) {
                Some(crossing) if effect == Effect::Writes && crossing.direction == direction => {
                    writes(crossing, &triggers);
                }
                Some(_) => {}
                None => {
                    let name = sides.name(position);
                    let (entry, to_kind) = (entry.dump_id, sides.archive.entries()[found].kind);
                    let across = Across { kind, name, to, to_kind, direction, certainty, entry, effect, triggers };
                    crossings.push(rules.mention(&across));
                }
            }
        }
        if let (Some(why), true) = (&body.unparsed, own != Place::Stays) {
            let name = format!("{} {}", kind.label(), sides.name(position));
            let reason = format!("its body could not be parsed, only its words were read ({why})");
            let action = "check whether it refers to objects on the other side";
            findings.push(Finding::new(Severity::Note, FindingKind::UnparsedBody, name, reason, action));
        }
    }
    (crossings, findings)
}
