//! The nodes of a YAML document and the bytes where they stand.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use saphyr_parser::{Event, Parser};

pub(super) use saphyr_parser::ScalarStyle;

use crate::switch::SwitchError;
use crate::switch::site::Site;

pub(super) type NodeId = usize;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar {
        value: String,
        style: ScalarStyle,
    },
    List(Vec<NodeId>),
    /// Keys and values.
    Map(Vec<(NodeId, NodeId)>),
    /// Of an anchor.
    Alias(usize),
}

struct Node {
    kind: Kind,
    /// The anchor that it bears; 0 is none.
    anchor: usize,
    tag: Option<String>,
    line: usize,
    bytes: Range<usize>,
}

/// One document, its nodes in the order of the text.
pub(super) struct Document {
    nodes: Vec<Node>,
    anchors: HashMap<usize, NodeId>,
    parents: HashMap<NodeId, NodeId>,
    /// Of the values of maps.
    names: HashMap<NodeId, String>,
    key_lines: HashMap<NodeId, usize>,
}

impl Document {
    pub fn read(path: &Path, text: &str) -> Result<Self, SwitchError> {
        let refused =
            |line, message: &str| SwitchError::Yaml { path: path.to_owned(), line, message: message.to_owned() };
        // The parser counts characters.
        let content = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - content.len();
        let mut offsets: Vec<usize> = content.char_indices().map(|(at, _)| skipped + at).collect();
        offsets.push(text.len());
        let byte = |index: usize| offsets.get(index).copied().unwrap_or(text.len());

        let mut nodes: Vec<Node> = Vec::new();
        let mut open: Vec<(NodeId, Vec<NodeId>)> = Vec::new();
        let mut documents = 0;
        for event in Parser::new_from_str(content) {
            let (event, span) = event.map_err(|error| refused(error.marker().line(), error.info()))?;
            let (kind, anchor, tag) = match event {
                Event::Scalar(value, style, anchor, tag) => {
                    (Kind::Scalar { value: value.into_owned(), style }, anchor, tag)
                }
                Event::Alias(anchor) => (Kind::Alias(anchor), 0, None),
                Event::SequenceStart(anchor, tag) => (Kind::List(Vec::new()), anchor, tag),
                Event::MappingStart(anchor, tag) => (Kind::Map(Vec::new()), anchor, tag),
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some((id, children)) = open.pop() {
                        nodes[id].kind = match nodes[id].kind {
                            Kind::Map(_) => {
                                Kind::Map(children.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
                            }
                            _ => Kind::List(children),
                        };
                    }
                    continue;
                }
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(refused(span.start.line(), "a second document begins"));
                    }
                    continue;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            };
            let id = nodes.len();
            if let Some((_, siblings)) = open.last_mut() {
                siblings.push(id);
            }
            let start = byte(span.start.index());
            let end = match kind {
                // The parser counts a comment behind a quoted scalar as part of it.
                Kind::Scalar { style: ScalarStyle::SingleQuoted, .. } => closing_quote(text, start, '\''),
                Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => closing_quote(text, start, '"'),
                _ => byte(span.end.index()),
            };
            let bytes = start..end;
            let tag = tag.map(|tag| tag.to_string());
            if matches!(kind, Kind::List(_) | Kind::Map(_)) {
                open.push((id, Vec::new()));
            }
            nodes.push(Node { kind, anchor, tag, line: span.start.line(), bytes });
        }
        Ok(Self::linked(nodes))
    }

    fn linked(nodes: Vec<Node>) -> Self {
        let (mut anchors, mut parents, mut names) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut key_lines = HashMap::new();
        for (id, node) in nodes.iter().enumerate() {
            if node.anchor != 0 {
                anchors.insert(node.anchor, id);
            }
            match &node.kind {
                Kind::List(items) => items.iter().for_each(|item| {
                    parents.insert(*item, id);
                }),
                Kind::Map(pairs) => {
                    for (key, value) in pairs {
                        parents.insert(*value, id);
                        key_lines.insert(*value, nodes[*key].line);
                        if let Kind::Scalar { value: name, .. } = &nodes[*key].kind {
                            names.insert(*value, name.clone());
                        }
                    }
                }
                Kind::Scalar { .. } | Kind::Alias(_) => {}
            }
        }
        Self { nodes, anchors, parents, names, key_lines }
    }

    pub fn root(&self) -> Option<NodeId> {
        (!self.nodes.is_empty()).then_some(0)
    }

    pub fn kind(&self, node: NodeId) -> &Kind {
        &self.nodes[node].kind
    }

    /// The line of a node, or of the key that it is the value of.
    pub fn line(&self, node: NodeId) -> usize {
        self.key_lines.get(&node).copied().unwrap_or(self.nodes[node].line)
    }

    pub fn bytes(&self, node: NodeId) -> Range<usize> {
        self.nodes[node].bytes.clone()
    }

    pub fn is_anchored(&self, node: NodeId) -> bool {
        self.nodes[node].anchor != 0
    }

    /// Whether a node stands in a list.
    pub fn is_item(&self, node: NodeId) -> bool {
        self.parents.get(&node).is_some_and(|parent| matches!(self.kind(*parent), Kind::List(_)))
    }

    /// The names on the way from the root, joined with dots. Places in lists have none.
    pub fn path(&self, node: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at {
            names.extend(self.names.get(&node).map(String::as_str));
            at = self.parents.get(&node).copied();
        }
        names.reverse();
        names.join(".")
    }

    fn text(&self, node: NodeId) -> Option<&str> {
        match self.kind(node) {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    fn resolved(&self, node: NodeId) -> NodeId {
        match self.kind(node) {
            Kind::Alias(anchor) => self.anchors.get(anchor).copied().unwrap_or(node),
            _ => node,
        }
    }

    /// The entries of a map, those that a merge key (`<<`) brings in behind its own.
    pub fn pairs(&self, map: NodeId, references_left: usize) -> Vec<(String, NodeId)> {
        let Kind::Map(pairs) = self.kind(self.resolved(map)) else { return Vec::new() };
        let own = pairs.iter().filter_map(|(key, value)| Some((self.text(*key)?.to_owned(), *value)));
        let mut all: Vec<(String, NodeId)> = own.filter(|(name, _)| name != "<<").collect();
        let merged = pairs.iter().filter(|(key, _)| self.text(*key) == Some("<<")).map(|(_, value)| *value);
        for source in merged.filter(|_| references_left > 0) {
            let sources = match self.kind(self.resolved(source)) {
                Kind::List(items) => items.clone(),
                _ => vec![source],
            };
            for entry in sources.into_iter().flat_map(|source| self.pairs(source, references_left - 1)) {
                if all.iter().all(|(name, _)| *name != entry.0) {
                    all.push(entry);
                }
            }
        }
        all
    }

    /// The value of a map's key, an alias followed.
    pub fn entry(&self, map: NodeId, key: &str, references_left: usize) -> Option<NodeId> {
        let pairs = self.pairs(map, references_left);
        pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| self.resolved(value))
    }

    /// Where an environment sets a key: the value in a map, the item `KEY=value` in a list.
    pub fn setting(&self, environment: NodeId, key: &str, references_left: usize) -> Option<NodeId> {
        self.settings(environment, references_left).into_iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub fn names(&self, environment: NodeId, references_left: usize) -> Vec<String> {
        self.settings(environment, references_left).into_iter().map(|(name, _)| name).collect()
    }

    /// Two places of one environment that set the same key, merges aside: there the nearer one counts.
    pub fn set_twice(&self, environment: NodeId, key: &str, references_left: usize) -> Option<(NodeId, NodeId)> {
        let settings = self.settings(environment, references_left);
        let mut found = settings.into_iter().filter(|(name, _)| name == key).map(|(_, node)| node);
        Some((found.next()?, found.next()?))
    }

    fn settings(&self, environment: NodeId, references_left: usize) -> Vec<(String, NodeId)> {
        match self.kind(environment) {
            Kind::List(items) => items
                .iter()
                .filter_map(|item| {
                    let text = self.text(self.resolved(*item))?;
                    Some((text.split('=').next().unwrap_or(text).to_owned(), *item))
                })
                .collect(),
            _ => self.pairs(environment, references_left),
        }
    }

    /// The value of the scalar that begins at a byte.
    pub fn scalar_at(&self, byte: usize) -> Option<&str> {
        let node = self.nodes.iter().find(|node| {
            node.bytes.start == byte && !node.bytes.is_empty() && matches!(node.kind, Kind::Scalar { .. })
        })?;
        match &node.kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Whether another document has the same nodes, but for the scalars at these sites, which have these values.
    pub fn equals_but_for(&self, other: &Self, values: &[(&Site, String)]) -> bool {
        let mut met = 0;
        let equal = self.nodes.len() == other.nodes.len()
            && self.nodes.iter().zip(&other.nodes).all(|(old, new)| {
                if (old.anchor, &old.tag) != (new.anchor, &new.tag) {
                    return false;
                }
                let site = values.iter().find(|(site, _)| site.token == old.bytes);
                match (&old.kind, &new.kind, site) {
                    (Kind::Scalar { .. }, Kind::Scalar { value, .. }, Some((site, wanted))) => {
                        met += 1;
                        value.strip_prefix(site.lead.as_str()) == Some(wanted)
                    }
                    (old, new, _) => old == new,
                }
            });
        equal && met == values.len()
    }
}

/// Where a quoted scalar ends that begins here, behind its closing quote.
fn closing_quote(text: &str, start: usize, quote: char) -> usize {
    let mut chars = text[start..].char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            c if c == quote => {
                // Two single quotes are one.
                if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    return start + at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}
