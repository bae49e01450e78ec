//! The messages of a session with a database without an encoding: bytes of the server become text on their way in, and text becomes bytes
//! on its way out, each where a message holds text. What is spelled how: [`bytes`](crate::spelling::bytes).
//!
//! tokio-postgres asks for values in binary format and describes them once for each statement. So which of them are text is remembered by
//! the statement's name ("Message Formats" and "Extended Query" in the manual of PostgreSQL).

use std::collections::{HashMap, VecDeque};

use tokio_postgres::types::Type;

use crate::spelling::bytes::{spelled, unspelled};

const HEADER: usize = 5;

/// What of a value is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    /// An array whose elements are text, in binary format.
    Texts,
    Other,
}

/// The values that a statement takes and returns, in binary format.
#[derive(Default)]
struct Statement {
    takes: Vec<Shape>,
    returns: Vec<Shape>,
}

/// What the server is still to answer, in the order in which it was sent.
enum Awaited {
    Description(Vec<u8>),
    Bind(Vec<u8>),
    /// ReadyForQuery. What was awaited before it does not come any more.
    Ready,
}

/// Both directions of one session, from a moment on at which neither side is in the middle of a message.
#[derive(Default)]
pub(super) struct Frames {
    statements: HashMap<Vec<u8>, Statement>,
    awaited: VecDeque<Awaited>,
    /// The statement whose description has begun to come.
    described: Option<Vec<u8>>,
    /// Of the rows that come.
    columns: Vec<Shape>,
    from_server: Vec<u8>,
    from_client: Vec<u8>,
}

impl Frames {
    /// Takes what the server has sent, and appends to `whole` the messages that are complete by now.
    pub fn receive(&mut self, bytes: &[u8], whole: &mut Vec<u8>) {
        self.from_server.extend_from_slice(bytes);
        let mut held = std::mem::take(&mut self.from_server);
        let mut rest = &held[..];
        while let Some((message, after)) = first(rest) {
            self.received(message[0], message, whole);
            rest = after;
        }
        let taken = held.len() - rest.len();
        held.drain(..taken);
        self.from_server = held;
    }

    /// The same for what is sent to the server.
    pub fn send(&mut self, bytes: &[u8], whole: &mut Vec<u8>) {
        self.from_client.extend_from_slice(bytes);
        let mut held = std::mem::take(&mut self.from_client);
        let mut rest = &held[..];
        while let Some((message, after)) = first(rest) {
            self.sent(message[0], message, whole);
            rest = after;
        }
        let taken = held.len() - rest.len();
        held.drain(..taken);
        self.from_client = held;
    }

    fn received(&mut self, tag: u8, message: &[u8], whole: &mut Vec<u8>) {
        let body = &message[HEADER..];
        match tag {
            b'D' => match row(body, &self.columns, inward) {
                Some(row) => put(tag, &row, whole),
                None => whole.extend_from_slice(message),
            },
            b'T' => match columns(body) {
                Some((shapes, named)) => {
                    self.is_described(shapes);
                    put(tag, &named, whole);
                }
                None => whole.extend_from_slice(message),
            },
            // Codes, numbers of one character and zero bytes are themselves.
            b'E' | b'N' | b'S' | b'C' => put(tag, &inward(body), whole),
            _ => {
                self.noted(tag, body);
                whole.extend_from_slice(message);
            }
        }
    }

    fn noted(&mut self, tag: u8, body: &[u8]) {
        match tag {
            b't' => {
                if let Some(Awaited::Description(name)) = self.awaited.pop_front() {
                    let takes = oids(body.get(2..).unwrap_or_default()).map(shape_of).collect();
                    self.statements.insert(name.clone(), Statement { takes, returns: Vec::new() });
                    self.described = Some(name);
                }
            }
            b'n' => self.described = None,
            b'2' => {
                if let Some(Awaited::Bind(name)) = self.awaited.pop_front() {
                    self.columns = self.statements.get(&name).map(|known| known.returns.clone()).unwrap_or_default();
                }
            }
            b'Z' => {
                self.described = None;
                while !matches!(self.awaited.pop_front(), None | Some(Awaited::Ready)) {}
            }
            _ => {}
        }
    }

    /// Of a statement, or of rows that come at once: those are all text, as the simple protocol has it.
    fn is_described(&mut self, shapes: Vec<Shape>) {
        match self.described.take().and_then(|name| self.statements.get_mut(&name)) {
            Some(statement) => statement.returns = shapes,
            None => self.columns = vec![Shape::Text; shapes.len()],
        }
    }

    fn sent(&mut self, tag: u8, message: &[u8], whole: &mut Vec<u8>) {
        let body = &message[HEADER..];
        match tag {
            b'Q' => {
                self.awaited.push_back(Awaited::Ready);
                return put(tag, &unspelled(body), whole);
            }
            b'P' => {
                if let Some((text, types)) = parse(body) {
                    return put(tag, &[&*unspelled(text), types].concat(), whole);
                }
            }
            b'B' => {
                if let Some(bound) = self.bind(body) {
                    return put(tag, &bound, whole);
                }
            }
            b'D' if body.first() == Some(&b'S') => self.awaited.push_back(Awaited::Description(name(&body[1..]))),
            b'C' if body.first() == Some(&b'S') => drop(self.statements.remove(&name(&body[1..]))),
            b'S' => self.awaited.push_back(Awaited::Ready),
            _ => {}
        }
        whole.extend_from_slice(message);
    }

    /// Portal, statement, formats of the parameters, parameters, formats of the results.
    fn bind(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let (portal, rest) = until_zero(body)?;
        let (statement, rest) = until_zero(rest)?;
        self.awaited.push_back(Awaited::Bind(name(statement)));
        let formats = 2 + 2 * usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        let (formats, values) = rest.split_at_checked(formats)?;
        let shapes = self.statements.get(&name(statement)).map(|known| &known.takes[..]).unwrap_or_default();
        let values = row(values, shapes, |text| unspelled(text).into_owned())?;
        Some([portal, statement, formats, &values].concat())
    }
}

/// The first message, where it is complete, and what follows it.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_be_bytes(*bytes.get(1..)?.first_chunk()?);
    // What is no length is for the reader to refuse.
    bytes.split_at_checked(1 + usize::try_from(length).ok()?.max(4))
}

fn put(tag: u8, body: &[u8], whole: &mut Vec<u8>) {
    whole.push(tag);
    whole.extend_from_slice(&length(body.len() + 4));
    whole.extend_from_slice(body);
}

/// Nothing that fits into memory and a message's own length is longer.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

fn inward(text: &[u8]) -> Vec<u8> {
    spelled(text).into_owned().into_bytes()
}

/// With its zero byte.
fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some(bytes.split_at(end + 1))
}

fn name(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// Name and text of a statement, and the types of its parameters.
fn parse(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = until_zero(body)?;
    let (text, _) = until_zero(rest)?;
    Some(body.split_at(name.len() + text.len()))
}

fn oids(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(|oid| u32::from_be_bytes(*oid))
}

/// The columns of rows, and the same with their names spelled. Behind each name are its table, its number there, its type, and the type's
/// length, modifier and format.
fn columns(body: &[u8]) -> Option<(Vec<Shape>, Vec<u8>)> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let (mut shapes, mut named) = (Vec::new(), count.to_vec());
    while !rest.is_empty() {
        let (name, after) = until_zero(rest)?;
        let (more, after) = after.split_at_checked(18)?;
        named.extend(inward(name));
        named.extend_from_slice(more);
        shapes.push(shape_of(oids(&more[6..10]).next()?));
        rest = after;
    }
    Some((shapes, named))
}

/// Values with what is text in them made anew, and whatever follows them.
fn row(body: &[u8], shapes: &[Shape], make: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let mut made = Vec::with_capacity(body.len() + 16);
    made.extend_from_slice(count);
    for n in 0..usize::from(u16::from_be_bytes(*count.first_chunk()?)) {
        let (found, after) = value(rest)?;
        let new = found.map(|bytes| match shapes.get(n) {
            Some(Shape::Text) => Some(make(bytes)),
            Some(Shape::Texts) => array(bytes, &make),
            Some(Shape::Other) | None => Some(bytes.to_vec()),
        });
        put_value(new.map_or(Some(None), |new| new.map(Some))?.as_deref(), &mut made);
        rest = after;
    }
    made.extend_from_slice(rest);
    Some(made)
}

/// Number of dimensions, a flag, the elements' type, each dimension's length and first index, the elements.
fn array(bytes: &[u8], make: &impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let dimensions = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
    let (head, mut rest) = bytes.split_at_checked(dimensions.checked_mul(8)?.checked_add(12)?)?;
    let mut made = head.to_vec();
    while !rest.is_empty() {
        let (element, after) = value(rest)?;
        put_value(element.map(make).as_deref(), &mut made);
        rest = after;
    }
    Some(made)
}

/// A value, or none where it is null, and what follows it.
fn value(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    match usize::try_from(i32::from_be_bytes(*length.first_chunk()?)) {
        Err(_) => Some((None, rest)),
        Ok(length) => rest.split_at_checked(length).map(|(value, rest)| (Some(value), rest)),
    }
}

fn put_value(value: Option<&[u8]>, made: &mut Vec<u8>) {
    match value {
        None => made.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(value) => {
            made.extend_from_slice(&length(value.len()));
            made.extend_from_slice(value);
        }
    }
}

/// `"char"` is one byte and read as a number. `jsonb` is a text behind a byte below 0x80.
fn shape_of(oid: u32) -> Shape {
    const TEXT: [Type; 9] = [
        Type::TEXT,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::NAME,
        Type::UNKNOWN,
        Type::CSTRING,
        Type::JSON,
        Type::JSONB,
        Type::XML,
    ];
    const TEXTS: [Type; 7] = [
        Type::TEXT_ARRAY,
        Type::VARCHAR_ARRAY,
        Type::BPCHAR_ARRAY,
        Type::NAME_ARRAY,
        Type::CSTRING_ARRAY,
        Type::JSON_ARRAY,
        Type::JSONB_ARRAY,
    ];
    let is = |of: &Type| of.oid() == oid;
    match (TEXT.iter().any(is), TEXTS.iter().any(is)) {
        (true, _) => Shape::Text,
        (_, true) => Shape::Texts,
        _ if oid == Type::PG_NODE_TREE.oid() => Shape::Text,
        _ => Shape::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        put(tag, body, &mut whole);
        whole
    }

    fn column(oid: u32) -> Vec<u8> {
        [b"c\xe9\0\0\0\0\0\0\0".as_slice(), &oid.to_be_bytes(), &[0; 8]].concat()
    }

    fn values(values: &[&[u8]]) -> Vec<u8> {
        let mut row = (values.len() as u16).to_be_bytes().to_vec();
        values.iter().for_each(|value| put_value(Some(value), &mut row));
        row
    }

    /// Each byte by itself, as a network may bring them.
    fn received(frames: &mut Frames, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut whole = Vec::new();
        messages.concat().chunks(1).for_each(|byte| frames.receive(byte, &mut whole));
        whole
    }

    fn sent(frames: &mut Frames, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut whole = Vec::new();
        messages.concat().chunks(1).for_each(|byte| frames.send(byte, &mut whole));
        whole
    }

    const SPELLED: &str = "\u{10ffe9}";

    #[test]
    fn values_are_spelled_by_the_type_that_the_statement_has() {
        let mut frames = Frames::default();
        let asked = [b"s1\0SELECT '".as_slice(), SPELLED.as_bytes(), b"'\0\0\x01\0\0\0\x19"].concat();
        let out = sent(&mut frames, &[message(b'P', &asked), message(b'D', b"Ss1\0"), message(b'S', b"")]);
        let plain = message(b'P', b"s1\0SELECT '\xe9'\0\0\x01\0\0\0\x19");
        assert_eq!(out, [plain, message(b'D', b"Ss1\0"), message(b'S', b"")].concat());

        let described = [&[0, 3][..], &column(25), &column(17), &column(1003)].concat();
        let takes = [&[0, 2][..], &25_u32.to_be_bytes(), &26_u32.to_be_bytes()].concat();
        let ready = || message(b'Z', b"I");
        received(&mut frames, &[message(b'1', b""), message(b't', &takes), message(b'T', &described), ready()]);

        // An oid of the same four bytes stays one.
        let oid = SPELLED.as_bytes();
        let bind = |text: &[u8]| [b"\0s1\0\0\x01\0\x01".as_slice(), &values(&[text, oid]), b"\0\x01\0\x01"].concat();
        let out = sent(&mut frames, &[message(b'B', &bind(SPELLED.as_bytes())), message(b'S', b"")]);
        assert_eq!(out, [message(b'B', &bind(b"\xe9")), message(b'S', b"")].concat());

        let array = |text: &[u8]| {
            let head = [1_u32, 0, 19, 1, 1].map(u32::to_be_bytes).concat();
            [head, length(text.len()).to_vec(), text.to_vec()].concat()
        };
        let row = |text: &[u8]| message(b'D', &values(&[text, b"\xe9", &array(text)]));
        let came = received(&mut frames, &[message(b'2', b""), row(b"\xe9"), message(b'C', b"SELECT 1\0"), ready()]);
        assert_eq!(came, [message(b'2', b""), row(SPELLED.as_bytes()), message(b'C', b"SELECT 1\0"), ready()].concat());

        // What the simple protocol returns is text of whatever type.
        sent(&mut frames, &[message(b'Q', b"SELECT\0")]);
        let rows = message(b'D', &values(&[b"\xe9"]));
        let came = received(&mut frames, &[message(b'T', &[&[0, 1][..], &column(17)].concat()), rows, ready()]);
        assert!(came.ends_with(&[message(b'D', &values(&[SPELLED.as_bytes()])), ready()].concat()), "{came:?}");
    }

    #[test]
    fn a_refused_statement_awaits_nothing_any_more() {
        let mut frames = Frames::default();
        sent(&mut frames, &[message(b'D', b"Sgone\0"), message(b'S', b""), message(b'D', b"Ss\0"), message(b'S', b"")]);
        let told = received(&mut frames, &[message(b'E', b"Mno \xe9\0\0"), message(b'Z', b"I")]);
        assert!(told.windows(4).any(|four| four == SPELLED.as_bytes()), "{told:?}");
        received(&mut frames, &[message(b't', &[0, 1, 0, 0, 0, 25]), message(b'n', b""), message(b'Z', b"I")]);
        assert!(frames.statements.contains_key(&b"s"[..]) && frames.statements.len() == 1);
        assert!(frames.awaited.is_empty());
    }

    #[test]
    fn rows_of_a_copy_and_what_is_no_message_of_ours_stay_as_they_are() {
        let mut frames = Frames::default();
        let messages = [message(b'd', b"\xe9\xf4\x8f\xbf\xa9"), message(b'D', b"\0\x09short"), message(b'T', b"\0")];
        assert_eq!(received(&mut frames, &messages), messages.concat());
        let messages = [message(b'd', SPELLED.as_bytes()), message(b'B', b"no zero"), message(b'X', b"")];
        assert_eq!(sent(&mut frames, &messages), messages.concat());
    }
}
