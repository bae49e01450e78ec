//! What roles may do at their server, by themselves or as members of others: no more than the source's of that name, or more.

use std::collections::{BTreeMap, BTreeSet};

use super::restore::RoleMap;

/// With it a role may do everything.
const SUPERUSER: &str = "SUPERUSER";
const CREATEROLE: &str = "CREATEROLE";

/// How a member gets at what the role has: it has its privileges, may become it (and so has its attributes), or may say who is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Inherit,
    Set,
    Admin,
}

/// `member` belongs to `role`. Before PostgreSQL 16 every member may become what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    pub member: String,
    pub role: String,
    pub ways: BTreeSet<Way>,
}

/// Whom CREATEROLE makes a member, and of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreateRole {
    /// Since PostgreSQL 16: of the roles that it has the admin option on.
    #[default]
    OfItsOwn,
    /// Before: itself as well, of every role that is no superuser, the server's own among them.
    OfAny,
}

impl CreateRole {
    pub fn of_server(version_num: u32) -> Self {
        if version_num < 160_000 { CreateRole::OfAny } else { CreateRole::OfItsOwn }
    }
}

/// Roles of one server: their attributes, in the words of `CREATE ROLE`, and what they are members of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    create_role: CreateRole,
    attributes: BTreeMap<String, BTreeSet<&'static str>>,
    above: BTreeMap<String, Vec<Bond>>,
}

/// Roles that one role gets at, itself among them.
struct Reach {
    /// Those that it may become, or make itself a member of.
    acting: BTreeSet<String>,
    /// Those whose privileges it has, as itself or as one that it may become.
    having: BTreeSet<String>,
    /// Those whose privileges it has as itself, and so has whoever only inherits from it.
    inherited: BTreeSet<String>,
    /// Those that it may make others members of.
    giving: BTreeSet<String>,
}

impl Rights {
    /// A role that is not named has no attributes.
    pub fn new(
        create_role: CreateRole,
        attributes: impl IntoIterator<Item = (String, BTreeSet<&'static str>)>,
        memberships: impl IntoIterator<Item = Bond>,
    ) -> Rights {
        let mut above: BTreeMap<String, Vec<Bond>> = BTreeMap::new();
        for bond in memberships {
            above.entry(bond.member.clone()).or_default().push(bond);
        }
        Rights { create_role, attributes: attributes.into_iter().collect(), above }
    }

    /// What the role `name` at the source lacks and the one in its place here has: attributes, its own or of a role that it may become, and
    /// memberships that give something (`membership in payroll`). Nothing where the source's is a superuser, and no more than that where
    /// the one here is.
    ///
    /// What a role owns, or was granted, in other databases is not compared.
    pub fn beyond(&self, source: &Rights, name: &str, map: &RoleMap) -> Vec<String> {
        let (here, there) = (self.reach(map.name(name)), source.reach(name));
        let (can_here, can_there) = (self.attributes_of(&here.acting), source.attributes_of(&there.acting));
        if can_there.contains(SUPERUSER) {
            return Vec::new();
        }
        if can_here.contains(SUPERUSER) {
            return vec![SUPERUSER.to_owned()];
        }
        let mut views =
            vec![(&here.having, &there.having, ""), (&here.acting, &there.acting, " that it may become (SET)")];
        // Before PostgreSQL 16 nobody is a member who only inherits.
        if self.create_role == CreateRole::OfItsOwn {
            views.push((&here.inherited, &there.inherited, " that it inherits from"));
        }
        let mut gained = BTreeSet::new();
        for (here, there, _) in &views {
            gained.extend(&self.attributes_of(here) - &source.attributes_of(there));
        }
        let mut told: Vec<String> = gained.into_iter().map(str::to_owned).collect();
        let any = self.create_role == CreateRole::OfAny && source.create_role == CreateRole::OfItsOwn;
        if any && can_here.contains(CREATEROLE) && can_there.contains(CREATEROLE) {
            told.push(format!("{CREATEROLE} as before PostgreSQL 16, over every role that is no superuser"));
        }
        views.push((&here.giving, &there.giving, " with the admin option"));
        let mut named = BTreeSet::new();
        for (here, there, how) in views {
            let there: BTreeSet<&str> = there.iter().map(|role| map.name(role)).collect();
            let joined = here.iter().filter(|role| !there.contains(role.as_str()));
            told.extend(joined.filter(|role| named.insert(*role)).map(|role| format!("membership in {role}{how}")));
        }
        told
    }

    fn attributes_of(&self, roles: &BTreeSet<String>) -> BTreeSet<&'static str> {
        roles.iter().filter_map(|role| self.attributes.get(role)).flatten().copied().collect()
    }

    fn reach(&self, name: &str) -> Reach {
        let itself = BTreeSet::from([name.to_owned()]);
        let mut acting = self.closure(itself.clone(), Way::Set);
        loop {
            let having = self.closure(acting.clone(), Way::Inherit);
            let giving = self.above(&having, Way::Admin);
            // Nobody but a superuser makes members of a superuser.
            let own = giving
                .iter()
                .filter(|role| !self.attributes_of(&BTreeSet::from([(*role).clone()])).contains(SUPERUSER));
            let more = self.closure(acting.iter().chain(own).cloned().collect(), Way::Set);
            if more == acting {
                let inherited = match self.create_role {
                    CreateRole::OfItsOwn => self.closure(itself, Way::Inherit),
                    CreateRole::OfAny => having.clone(),
                };
                return Reach { acting, having, inherited, giving };
            }
            acting = more;
        }
    }

    /// The roles, and those that chains of this kind alone lead to.
    fn closure(&self, mut roles: BTreeSet<String>, way: Way) -> BTreeSet<String> {
        loop {
            let more = &roles | &self.above(&roles, way);
            if more == roles {
                return roles;
            }
            roles = more;
        }
    }

    fn above(&self, roles: &BTreeSet<String>, way: Way) -> BTreeSet<String> {
        let bonds = roles.iter().filter_map(|role| self.above.get(role)).flatten();
        bonds.filter(|bond| bond.ways.contains(&way)).map(|bond| bond.role.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
