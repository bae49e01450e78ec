//! What one role may do beyond another of that name.

use super::*;

fn rights(attributes: &[(&str, &[&'static str])], memberships: &[(&str, &str)]) -> Rights {
    since_16(attributes, &memberships.iter().map(|(member, role)| (*member, *role, "is")).collect::<Vec<_>>())
}

/// `memberships`: member, what it is (inherits and may become), inherits, becomes or gives, and of what.
fn since_16(attributes: &[(&str, &[&'static str])], memberships: &[(&str, &str, &str)]) -> Rights {
    let ways = |how: &str| {
        let all = [("inherits", Way::Inherit), ("becomes", Way::Set), ("gives", Way::Admin)];
        let is = |word: &str| how.contains(word) || how == "is" && word != "gives";
        all.into_iter().filter(|(word, _)| is(word)).map(|(_, way)| way).collect()
    };
    Rights::new(
        CreateRole::OfItsOwn,
        attributes.iter().map(|(role, words)| ((*role).to_owned(), words.iter().copied().collect())),
        memberships.iter().map(|(member, role, how)| Bond {
            member: (*member).to_owned(),
            role: (*role).to_owned(),
            ways: ways(how),
        }),
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

/// What a source's or this server's `boss` has by the superuser `root`, for each way of being its member.
#[test]
fn what_a_membership_does_not_let_through_nobody_has_by_it() {
    let bound = |how: &str| since_16(&[("root", &["SUPERUSER"])], &[("boss", "root", how)]);
    let beyond = |here: &Rights, source: &Rights| here.beyond(source, "boss", &RoleMap::default());
    let superuser = rights(&[("boss", &["SUPERUSER"])], &[]);
    for how in ["inherits", "gives", "inherits gives", "nothing"] {
        assert_eq!(beyond(&superuser, &bound(how)), ["SUPERUSER"], "{how}");
        assert_eq!(beyond(&bound("becomes"), &bound(how)), ["SUPERUSER"], "{how}");
        assert_eq!(beyond(&bound(how), &bound(how)), Vec::<String>::new(), "{how}");
        assert_eq!(beyond(&bound(how), &bound("becomes")), Vec::<String>::new(), "{how}");
    }
    assert_eq!(beyond(&superuser, &bound("becomes")), Vec::<String>::new());
    assert_eq!(beyond(&bound("nothing"), &rights(&[], &[])), Vec::<String>::new());
    assert_eq!(beyond(&bound("inherits"), &rights(&[], &[])), ["SUPERUSER", "membership in root"]);
    // One link that may not be SET is enough, wherever it is.
    for (first, second) in [("is", "inherits"), ("inherits", "is")] {
        let chain = since_16(&[("root", &["SUPERUSER"])], &[("boss", "team", first), ("team", "root", second)]);
        assert_eq!(beyond(&superuser, &chain), ["SUPERUSER"]);
    }
}

#[test]
fn each_way_into_a_predefined_role_is_compared() {
    let bound = |how: &str| since_16(&[], &[("boss", "pg_files", how)]);
    let beyond = |here: &str, source: &str| bound(here).beyond(&bound(source), "boss", &RoleMap::default());
    for how in ["inherits", "becomes", "is"] {
        assert_eq!(beyond(how, "nothing"), ["membership in pg_files"], "{how}");
    }
    assert_eq!(beyond("is", "inherits"), ["membership in pg_files that it may become (SET)"]);
    assert_eq!(beyond("is", "becomes"), ["membership in pg_files that it inherits from"]);
    assert_eq!(beyond("is gives becomes inherits", "is"), ["membership in pg_files with the admin option"]);
    assert_eq!(beyond("gives", "nothing"), ["membership in pg_files"]);
    // Who gives it may take it.
    assert_eq!(beyond("becomes", "gives"), Vec::<String>::new());
    // Two rows of two grantors are both.
    let two = since_16(&[], &[("boss", "pg_files", "inherits"), ("boss", "pg_files", "becomes")]);
    assert_eq!(two.beyond(&bound("is"), "boss", &RoleMap::default()), Vec::<String>::new());
}

#[test]
fn createrole_of_before_16_is_more_than_that_since() {
    let of = |create_role| Rights { create_role, ..rights(&[("boss", &["CREATEROLE"])], &[]) };
    let (any, own) = (of(CreateRole::OfAny), of(CreateRole::OfItsOwn));
    let more = ["CREATEROLE as before PostgreSQL 16, over every role that is no superuser"];
    assert_eq!(any.beyond(&own, "boss", &RoleMap::default()), more);
    for (here, source) in [(&any, &any), (&own, &own), (&own, &any)] {
        assert_eq!(here.beyond(source, "boss", &RoleMap::default()), Vec::<String>::new());
    }
    assert_eq!(any.beyond(&rights(&[], &[]), "boss", &RoleMap::default()), ["CREATEROLE"]);
    let root = rights(&[("boss", &["SUPERUSER"])], &[]);
    assert_eq!(any.beyond(&root, "boss", &RoleMap::default()), Vec::<String>::new());
    assert_eq!([159_999, 160_000].map(CreateRole::of_server), [CreateRole::OfAny, CreateRole::OfItsOwn]);
}
