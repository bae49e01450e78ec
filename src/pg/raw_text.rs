//! Text as the server sends it. Names of roles and databases belong to all databases of a server, so those made in a database of another
//! encoding, and comments on them, come as bytes that are no UTF-8.

use std::error::Error as StdError;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::spelling::bytes::escaped;

/// One value, or none, whatever its bytes are.
pub struct RawText(Vec<u8>);

impl RawText {
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// For people: what is no UTF-8 as `\xe9`.
    pub fn shown(&self) -> String {
        escaped(&self.0)
    }
}

impl From<Vec<u8>> for RawText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl<'a> FromSql<'a> for RawText {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(of: &Type) -> bool {
        [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN].contains(of)
    }
}

/// The first value of the rows that is no UTF-8, for people.
pub fn no_text(rows: &[Row]) -> Option<String> {
    let of_row = |row: &Row| {
        row.columns().iter().enumerate().find_map(|(n, column)| {
            let of_array = matches!(column.type_().kind(), Kind::Array(of) if RawText::accepts(of));
            let values = if of_array {
                row.get::<_, Option<Vec<Option<RawText>>>>(n).unwrap_or_default()
            } else if RawText::accepts(column.type_()) {
                vec![row.get(n)]
            } else {
                return None;
            };
            values.into_iter().flatten().find(|value| value.text().is_none()).map(|value| value.shown())
        })
    };
    rows.iter().find_map(of_row)
}

#[cfg(test)]
mod tests {
    use super::RawText;

    #[test]
    fn what_is_no_utf_8_is_escaped_and_the_rest_stays() {
        let raw = RawText::from(b"public.caf\xe9 \xc3\xa9".to_vec());
        assert_eq!((raw.text(), raw.shown().as_str()), (None, "public.caf\\xe9 \u{e9}"));
        assert_eq!(RawText::from(b"caf\xc3\xa9".to_vec()).text(), Some("caf\u{e9}"));
    }
}
