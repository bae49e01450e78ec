//! What roles may do at their server, by themselves or as members of others: no more than the source's of that name, or more.

use std::collections::{BTreeMap, BTreeSet};

use super::restore::RoleMap;

/// With it a role may do everything.
const SUPERUSER: &str = "SUPERUSER";

/// Roles of one server: their attributes, in the words of `CREATE ROLE`, and what they are members of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    attributes: BTreeMap<String, BTreeSet<&'static str>>,
    above: BTreeMap<String, BTreeSet<String>>,
}

impl Rights {
    /// `memberships`: member, and what it is a member of. A role that is not named has no attributes.
    pub fn new(
        attributes: impl IntoIterator<Item = (String, BTreeSet<&'static str>)>,
        memberships: impl IntoIterator<Item = (String, String)>,
    ) -> Rights {
        let mut above: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (member, role) in memberships {
            above.entry(member).or_default().insert(role);
        }
        Rights { attributes: attributes.into_iter().collect(), above }
    }

    /// What the role `name` at the source lacks and the one in its place here has: attributes, its own or of a role that it is a member
    /// of, and memberships (`membership in payroll`). Nothing where the source's is a superuser, and no more than that where the one here is.
    ///
    /// What a role owns, or was granted, in other databases is not compared.
    pub fn beyond(&self, source: &Rights, name: &str, map: &RoleMap) -> Vec<String> {
        let (roles, attributes) = self.of(map.name(name));
        let (roles_there, attributes_there) = source.of(name);
        if attributes_there.contains(SUPERUSER) {
            return Vec::new();
        }
        if attributes.contains(SUPERUSER) {
            return vec![SUPERUSER.to_owned()];
        }
        let roles_there: BTreeSet<&str> = roles_there.iter().map(|role| map.name(role)).collect();
        let gained = attributes.difference(&attributes_there).map(|word| (*word).to_owned());
        let joined = roles.iter().filter(|role| !roles_there.contains(role.as_str()));
        gained.chain(joined.map(|role| format!("membership in {role}"))).collect()
    }

    /// The role with all that it is a member of, directly or not, and the attributes of all of them.
    fn of(&self, name: &str) -> (BTreeSet<String>, BTreeSet<&'static str>) {
        let (mut roles, mut attributes, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![name.to_owned()]);
        while let Some(role) = next.pop() {
            attributes.extend(self.attributes.get(&role).into_iter().flatten());
            next.extend(self.above.get(&role).into_iter().flatten().filter(|above| !roles.contains(*above)).cloned());
            roles.insert(role);
        }
        (roles, attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(attributes: &[(&str, &[&'static str])], memberships: &[(&str, &str)]) -> Rights {
        Rights::new(
            attributes.iter().map(|(role, words)| ((*role).to_owned(), words.iter().copied().collect())),
            memberships.iter().map(|(member, role)| ((*member).to_owned(), (*role).to_owned())),
        )
    }

    #[test]
    fn what_a_role_has_beyond_the_sources_is_found_however_it_has_it() {
        let source = rights(&[("boss", &["CREATEDB"]), ("root", &["SUPERUSER"])], &[("boss", "team")]);
        let same = RoleMap::default();
        let beyond = |here: Rights| here.beyond(&source, "boss", &same);
        assert_eq!(beyond(source.clone()), Vec::<String>::new());
        assert_eq!(beyond(rights(&[("boss", &[])], &[])), Vec::<String>::new());
        assert_eq!(beyond(rights(&[("boss", &["CREATEDB", "SUPERUSER"])], &[])), ["SUPERUSER"]);
        assert_eq!(beyond(rights(&[], &[("boss", "pg_write_server_files")])), ["membership in pg_write_server_files"]);
        // By a role that both are members of, and in a circle, which no server has.
        let through = rights(&[("root", &["SUPERUSER"])], &[("boss", "team"), ("team", "root"), ("root", "boss")]);
        assert_eq!(beyond(through), ["SUPERUSER"]);
        // Whoever could do everything has no more now.
        let of_root = rights(&[("root", &["SUPERUSER", "BYPASSRLS"])], &[("root", "team")]);
        assert_eq!(of_root.beyond(&source, "root", &same), Vec::<String>::new());
        // Of one that the source does not know, everything is more.
        assert_eq!(
            rights(&[("new", &["LOGIN"])], &[("new", "team")]).beyond(&source, "new", &same),
            ["LOGIN", "membership in team"]
        );
    }

    #[test]
    fn a_role_in_the_place_of_another_is_compared_with_that_one() {
        let source = rights(&[("app", &[]), ("root", &["SUPERUSER"])], &[("app", "team")]);
        let here = rights(&[("mine", &[]), ("postgres", &["SUPERUSER"])], &[("mine", "ours")]);
        let map = |pairs: &[(&str, &str)]| RoleMap::new(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())));
        assert_eq!(here.beyond(&source, "app", &map(&[("app", "mine"), ("team", "ours")])), Vec::<String>::new());
        assert_eq!(here.beyond(&source, "app", &map(&[("app", "mine")])), ["membership in ours"]);
        assert_eq!(here.beyond(&source, "app", &map(&[("app", "postgres")])), ["SUPERUSER"]);
        assert_eq!(here.beyond(&source, "root", &map(&[("root", "postgres")])), Vec::<String>::new());
    }
}
