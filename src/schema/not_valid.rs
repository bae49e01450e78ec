//! Foreign keys that a copy has unchecked, where the original has them checked.

use std::collections::BTreeSet;

use super::archive::{Archive, DumpId, Kind, SqlText};

/// The statement that makes a foreign key, as pg_dump writes it, without the check of the rows that are there. None where it is no such
/// statement, or is one that checks nothing already.
pub fn statement(sql: &SqlText) -> Option<SqlText> {
    let text = std::str::from_utf8(sql.as_bytes()).ok()?;
    let text = text.trim_end().strip_suffix(';')?;
    let adds_key = text.contains(" FOREIGN KEY ") && text.trim_start().starts_with("ALTER TABLE ");
    let unchecked = text.ends_with(" NOT VALID") || text.ends_with(" NOT ENFORCED");
    (adds_key && !unchecked).then(|| SqlText::new(format!("{text} NOT VALID;\n")))
}

/// The archive of a copy in which just these keys are unchecked.
pub fn expected(archive: Archive, keys: &BTreeSet<DumpId>) -> Archive {
    archive.with_definitions(|entry| {
        let named = entry.kind == Kind::FkConstraint && keys.contains(&entry.dump_id);
        if named { statement(&entry.defn) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sql: &str) -> Option<String> {
        statement(&SqlText::new(sql)).map(|sql| sql.to_display())
    }

    #[test]
    fn a_key_is_made_unchecked_by_two_words_at_its_end() {
        let key = "ALTER TABLE ONLY m.c\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES m.p(id) DEFERRABLE";
        assert_eq!(said(&format!("{key};\n\n\n")), Some(format!("{key} NOT VALID;\n")));
        assert_eq!(said(&format!("{key} NOT VALID;\n")), None);
        assert_eq!(said("ALTER TABLE ONLY m.c\n    ADD CONSTRAINT u UNIQUE (a);\n"), None);
        assert_eq!(said("SELECT ' FOREIGN KEY ';"), None);
    }
}
