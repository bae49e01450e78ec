//! SVG 1.1, drawn by hand: what moves to the left, what stays to the right, arrows between.

use std::fmt::Write;

use super::{Drawing, Side, drawing};
use crate::split::plan::SplitPlan;

const BOX_WIDTH: usize = 260;
const GAP: usize = 420;
const MARGIN: usize = 30;
const LINE: usize = 16;
const TOP: usize = 60;
const BETWEEN: usize = 24;

/// The plan as a page that any browser shows.
pub fn svg(plan: &SplitPlan) -> String {
    let Drawing { nodes, arrows } = drawing(plan);
    // A box is as high as the labels that leave or reach it need.
    let height_of = |n: usize| {
        let labels: usize =
            arrows.iter().filter(|arrow| arrow.from == n || arrow.to == n).map(|arrow| arrow.labels.len() + 1).sum();
        (nodes[n].lines.len() + 2).max(labels + 1) * LINE
    };
    let mut next = [TOP, TOP];
    let mut places = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        let side = usize::from(node.side == Side::Stays);
        let height = height_of(n);
        places.push((MARGIN + side * (BOX_WIDTH + GAP), next[side], height));
        next[side] += height + BETWEEN;
    }
    let width = 2 * (MARGIN + BOX_WIDTH) + GAP;
    let height = next[0].max(next[1]) + MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>what moves, what stays, and what crosses</title>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"10\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"#555\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (side, title) in [(0, "moves"), (1, "stays")] {
        let x = MARGIN + side * (BOX_WIDTH + GAP);
        let _ =
            writeln!(text, "<text x=\"{x}\" y=\"{}\" font-size=\"16\" font-weight=\"bold\">{title}</text>", TOP - 20);
    }
    for (node, (x, y, height)) in nodes.iter().zip(&places) {
        let fill = if node.side == Side::Moves { "#e3f0e3" } else { "#eee" };
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"{fill}\" stroke=\"#555\"/>"
        );
        for (n, line) in std::iter::once(&node.name).chain(&node.lines).enumerate() {
            let weight = if n == 0 { " font-weight=\"bold\"" } else { "" };
            let line_y = y + LINE * (n + 1) + 2;
            let _ = writeln!(text, "<text x=\"{}\" y=\"{line_y}\"{weight}>{}</text>", x + 10, escaped(line));
        }
    }
    let mut used = vec![0; nodes.len()];
    for arrow in &arrows {
        let mut end = |n: usize| {
            let (x, y, _) = places[n];
            let offset = LINE + used[n] * LINE;
            used[n] += arrow.labels.len() + 1;
            let x = if nodes[n].side == Side::Moves { x + BOX_WIDTH } else { x };
            (x, y + offset)
        };
        let ((x1, y1), (x2, y2)) = (end(arrow.from), end(arrow.to));
        let _ = writeln!(
            text,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#555\" marker-end=\"url(#tip)\"/>"
        );
        let (x, y) = ((x1 + x2) / 2, (y1 + y2) / 2);
        for (n, label) in arrow.labels.iter().enumerate() {
            let line_y = y + LINE * (n + 1);
            let _ = writeln!(
                text,
                "<text x=\"{x}\" y=\"{line_y}\" text-anchor=\"middle\" font-size=\"11\">{}</text>",
                escaped(label)
            );
        }
    }
    text + "</svg>\n"
}

/// For text between tags. Control characters, which XML cannot hold even escaped, become their pictures.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{0}'..='\u{1f}' => escaped.push(char::from_u32(0x2400 + c as u32).unwrap_or('?')),
            c if c.is_control() => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
