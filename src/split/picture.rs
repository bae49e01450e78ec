//! The plan as a picture: schemas as boxes, what crosses as arrows with labels. Every name is escaped for the form it stands in.

mod dot;
mod svg;

use std::collections::BTreeMap;

pub use dot::dot;
pub use svg::svg;

use super::crossing::{Crossing, Direction};
use super::plan::SplitPlan;

/// A picture's file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureForm {
    /// Graphviz's language.
    Dot,
    /// A page of its own: no font, script or style from elsewhere.
    Svg,
}

impl PictureForm {
    /// By the ending of a file's name.
    pub fn of_ending(ending: &str) -> Option<PictureForm> {
        match ending {
            "dot" | "gv" => Some(PictureForm::Dot),
            "svg" => Some(PictureForm::Svg),
            _ => None,
        }
    }

    pub fn draw(self, plan: &SplitPlan) -> String {
        match self {
            PictureForm::Dot => dot(plan),
            PictureForm::Svg => svg(plan),
        }
    }
}

/// A box.
struct Node {
    name: String,
    lines: Vec<String>,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Moves,
    Stays,
}

/// What crosses between two boxes, together.
struct Arrow {
    from: usize,
    to: usize,
    labels: Vec<String>,
}

struct Drawing {
    nodes: Vec<Node>,
    arrows: Vec<Arrow>,
}

/// So many labels an arrow carries; the rest is counted.
const LABELS_MAX: usize = 6;

fn drawing(plan: &SplitPlan) -> Drawing {
    let mut nodes: Vec<Node> = plan
        .moves
        .iter()
        .map(|schema| Node {
            name: schema.schema.clone(),
            lines: vec![format!("{} tables, about {} rows", schema.tables, schema.rows_estimated)],
            side: Side::Moves,
        })
        .collect();
    let mut at: BTreeMap<String, usize> = nodes.iter().enumerate().map(|(n, node)| (node.name.clone(), n)).collect();
    let mut arrows: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for crossing in &plan.boundary {
        let (moving, staying) = match crossing.direction {
            Direction::MovingNeedsStaying => (&crossing.from, &crossing.to),
            Direction::StayingNeedsMoving => (&crossing.to, &crossing.from),
        };
        let moving = schema_of(moving, plan);
        let staying = staying_schema(staying);
        let mut node = |name: String, side: Side| {
            *at.entry(name.clone()).or_insert_with(|| {
                nodes.push(Node { name, lines: Vec::new(), side });
                nodes.len() - 1
            })
        };
        let (moving, staying) = (node(moving, Side::Moves), node(staying, Side::Stays));
        let arrow = match crossing.direction {
            Direction::MovingNeedsStaying => (moving, staying),
            Direction::StayingNeedsMoving => (staying, moving),
        };
        let labels = arrows.entry(arrow).or_default();
        let label = label(crossing);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let shorten = |mut labels: Vec<String>| {
        let more = labels.len().saturating_sub(LABELS_MAX);
        labels.truncate(LABELS_MAX);
        if more > 0 {
            labels.push(format!("and {more} more"));
        }
        labels
    };
    let arrows = arrows.into_iter().map(|((from, to), labels)| Arrow { from, to, labels: shorten(labels) }).collect();
    Drawing { nodes, arrows }
}

fn label(crossing: &Crossing) -> String {
    let orphans = match crossing.orphans {
        Some(rows) => format!(" ({rows} rows)"),
        None => String::new(),
    };
    let name = crossing.name.split_once('.').map_or(crossing.name.as_str(), |(_, name)| name);
    format!("{} {name}{orphans}", crossing.kind.label().to_lowercase())
}

/// The moving schema that the name begins with: a schema's name may hold a dot.
fn schema_of(name: &str, plan: &SplitPlan) -> String {
    let within = |schema: &&super::MovingSchema| {
        name.strip_prefix(schema.schema.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found = plan.moves.iter().filter(within).max_by_key(|schema| schema.schema.len());
    found.map_or_else(|| staying_schema(name), |schema| schema.schema.clone())
}

fn staying_schema(name: &str) -> String {
    name.split_once('.').map_or_else(|| "the database".to_owned(), |(schema, _)| schema.to_owned())
}
