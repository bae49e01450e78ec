//! Graphviz's language. Source: its page "The DOT Language": in a quoted string only `"` and `\` are special.

use super::{Drawing, Node, Side, drawing};
use crate::split::plan::SplitPlan;

/// The plan for `dot -Tpdf`.
pub fn dot(plan: &SplitPlan) -> String {
    let Drawing { nodes, arrows } = drawing(plan);
    let mut text = String::from(
        "digraph split {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    for (side, name, title) in [(Side::Moves, "cluster_moves", "moves"), (Side::Stays, "cluster_stays", "stays")] {
        text += &format!("  subgraph {name} {{\n    label={};\n", quoted(title));
        for (n, node) in nodes.iter().enumerate().filter(|(_, node)| node.side == side) {
            text += &format!("    n{n} [label={}];\n", quoted(&lines(node)));
        }
        text += "  }\n";
    }
    for arrow in &arrows {
        text += &format!("  n{} -> n{} [label={}];\n", arrow.from, arrow.to, quoted(&arrow.labels.join("\n")));
    }
    text + "}\n"
}

fn lines(node: &Node) -> String {
    std::iter::once(&node.name).chain(&node.lines).cloned().collect::<Vec<_>>().join("\n")
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    // Somebody may look at the file on a terminal.
    let escaped = escaped.replace(|c: char| c.is_control(), "\u{fffd}");
    format!("\"{escaped}\"")
}
