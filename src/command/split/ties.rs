//! What ties the two halves together across the line, and what becomes of it: when the source is sealed, and on the way back.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::loose::LooseKey;
use super::plan::Planned;
use crate::pg;
use crate::pg::bridge::{Refresh, Works};
use crate::pg::connect::Session;
use crate::pg::fence::{self, Again, By, KeyEnd, KeyItself, Twin};
use crate::schema::archive::{Entry, Kind};
use crate::split::facts::ForeignKey;

/// Decided by the plan, remembered by the split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ties {
    /// Foreign keys that cross, in either direction. None of them stays at the source: one that leads to a table that moves would lead to
    /// rows that are no longer kept up, and one that leads from there would keep rows of the other table from being deleted.
    #[serde(default)]
    pub given_up: Vec<GivenUp>,
    /// Foreign tables in the old place.
    #[serde(default)]
    pub bridge: Option<Works>,
    /// Those of them that become loose.
    #[serde(default)]
    pub loose: Vec<LooseKey>,
}

/// A foreign key across the line: pg_dump's statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    pub key: String,
    pub drop: String,
    pub make: String,
    /// What is said of it.
    #[serde(default)]
    pub comment: String,
    /// The tables at both ends: schema and name.
    #[serde(default)]
    pub ends: Vec<(String, String)>,
    /// None in the record of an earlier program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub itself: Option<KeyItself>,
}

impl GivenUp {
    /// The statement that makes it again. Rows written meanwhile are not checked, so that going back never fails for them. A key of a
    /// partitioned table cannot be made so before PostgreSQL 18: there it is checked, and left out where rows are against it, which
    /// [`Ties::missing`] finds. One that is there already was made before a kill.
    async fn again(&self, source: &Session, bridge: Option<&Works>, twin: Twin) -> Result<String, pg::Error> {
        let by = self.by(source, bridge).await?;
        let (make, comment) = (self.make.trim_end().trim_end_matches(';'), &*self.comment);
        Ok(fence::key_again(Again { make, comment, itself: self.itself.as_ref(), twin }, &by))
    }

    /// Whether the source has it: on its own tables, where those are known.
    fn is(&self, there: &ForeignKey) -> bool {
        name(there) == self.key
            && self.itself.as_ref().is_none_or(|own| (own.table, own.referenced) == (there.relation, there.referenced))
    }

    /// By whom it is made. A table that a foreign table stands in for is looked at where it lies.
    async fn by(&self, source: &Session, bridge: Option<&Works>) -> Result<By, pg::Error> {
        // An early record does not say.
        let [from, to] = &*self.ends else { return Ok(By::Session) };
        let end = |(schema, name)| {
            let mut spans = bridge.iter().flat_map(|works| &works.spans);
            let span = spans.find(|span| (&span.schema, &span.name) == (schema, name));
            KeyEnd { schema, name, aside: span.map(|span| span.aside.as_str()) }
        };
        fence::by(source, (&end((&from.0, &from.1)), &end((&to.0, &to.1)))).await
    }
}

/// The foreign keys that the plan gives up.
pub fn given_up(planned: &Planned) -> Vec<GivenUp> {
    let mut given_up = Vec::new();
    for crossing in planned.plan.crossing_keys() {
        if let Some(entry) = planned.archive.entry(crossing.entry) {
            let (drop, make) = (entry.drop_stmt.to_display(), entry.defn.to_display());
            let of_it =
                |comment: &&Entry| comment.kind == Kind::Comment && comment.dependencies.contains(&crossing.entry);
            let comment = planned.archive.entries().iter().find(of_it);
            let comment = comment.map(|comment| comment.defn.to_display()).unwrap_or_default();
            let known = planned.source.foreign_keys.iter().find(|key| Some(key.oid) == crossing.constraint);
            let itself = known.map(|key| KeyItself {
                name: key.name.clone(),
                constraint: key.oid,
                table: key.relation,
                referenced: key.referenced,
            });
            let ends = known
                .into_iter()
                .flat_map(|key| [(&key.schema, &key.table), (&key.referenced_schema, &key.referenced_table)]);
            let ends = ends.map(|(schema, name)| (schema.clone(), name.clone())).collect();
            given_up.push(GivenUp { key: crossing.key.clone(), drop, make, comment, ends, itself });
        }
    }
    given_up
}

impl Ties {
    /// Relations that moved and have a foreign table in their old place.
    pub fn bridged(&self) -> Vec<String> {
        let spans = self.bridge.iter().flat_map(|works| &works.spans);
        spans.map(|span| format!("{}.{}", span.schema, span.name)).collect()
    }

    /// Foreign keys across the line that nothing keeps any more, in the order of their names: those that became loose are followed.
    pub fn kept_by_nothing(&self) -> Vec<String> {
        let is_loose = |key: &&GivenUp| self.loose.iter().any(|loose| loose.key.name == key.key);
        let keys: BTreeSet<_> = self.given_up.iter().filter(|key| !is_loose(key)).map(|key| key.key.clone()).collect();
        keys.into_iter().collect()
    }

    /// The tables at both ends of the foreign keys: schema and name.
    pub fn ends(&self) -> Vec<(String, String)> {
        let ends: BTreeSet<_> = self.given_up.iter().flat_map(|key| &key.ends).cloned().collect();
        ends.into_iter().collect()
    }

    /// Relations that nobody may use while the source is sealed.
    pub fn locked(&self) -> Vec<(String, String)> {
        let spans = self.bridge.iter().flat_map(|works| &works.spans);
        let spans = spans.map(|span| (span.schema.clone(), span.name.clone()));
        let locked: BTreeSet<_> = self.ends().into_iter().chain(spans).collect();
        locked.into_iter().collect()
    }

    /// Statements for the source, in the transaction that seals it. Those with a password are no part of what is remembered.
    pub fn at_seal(&self) -> String {
        let drop = |key: &GivenUp| key.drop.clone() + &key.itself.as_ref().map(KeyItself::is_gone).unwrap_or_default();
        self.given_up.iter().map(drop).collect()
    }

    /// Of the keys that were to come back, those that the source has not.
    pub fn missing(&self, there: &[ForeignKey]) -> Vec<String> {
        let is_missing = |key: &&GivenUp| !there.iter().any(|there| key.is(there));
        self.given_up.iter().filter(is_missing).map(|key| key.key.clone()).collect()
    }

    /// Of the keys that are missing, those that were not tried, with the reason and the statement that makes them.
    pub async fn left(&self, source: &Session, missing: &[String]) -> Result<Vec<String>, pg::Error> {
        let mut left = Vec::new();
        for key in self.given_up.iter().filter(|key| missing.contains(&key.key)) {
            if let By::Nobody { .. } = key.by(source, None).await? {
                let statement = key.make.split_whitespace().collect::<Vec<_>>().join(" ");
                left.push(format!("{}: {} {statement}", key.key, fence::LEFT_ALONE));
            }
        }
        Ok(left)
    }

    /// Of the keys that came back, those that had been checked before they were given up.
    pub fn to_check<'a>(&self, there: &'a [ForeignKey]) -> Vec<&'a ForeignKey> {
        // What is not enforced cannot be checked either.
        let ends = [" NOT VALID;", " NOT ENFORCED;"];
        let checked = |key: &&GivenUp| !ends.iter().any(|end| key.make.trim_end().ends_with(end));
        let keys: Vec<&GivenUp> = self.given_up.iter().filter(checked).collect();
        there.iter().filter(|there| keys.iter().any(|key| key.is(there))).collect()
    }

    /// Statements for the source, in the transaction that opens it again.
    pub async fn at_return(&self, source: &Session, twin: Twin) -> Result<String, pg::Error> {
        let mut sql = self.bridge.as_ref().map(|works| works.tear_down(Refresh::Now)).unwrap_or_default();
        // A key leads to the table that has its name again.
        for key in &self.given_up {
            sql += &key.again(source, self.bridge.as_ref(), twin).await?;
        }
        Ok(sql)
    }
}

/// As a plan and a boundary file write it.
fn name(key: &ForeignKey) -> String {
    format!("{}.{}.{}", key.schema, key.table, key.name)
}
