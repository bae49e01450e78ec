//! Roles that a restore has made, beside those of the source: as pg_dumpall writes them.

use std::collections::BTreeSet;

use crate::judge;
use crate::postgres::Server;

/// What the source's server says of roles that are here as well, and this one does not.
pub fn lost(source: &Server, place: &Server) -> Vec<String> {
    if source.cluster.port() == place.cluster.port() && source.cluster.socket_dir() == place.cluster.socket_dir() {
        return Vec::new();
    }
    let of = |server: &Server| judge::roles(server, &["--no-role-passwords"]);
    let (there, here) = (of(source), of(place));
    let here: BTreeSet<&str> = here.lines().collect();
    let names: BTreeSet<&str> = here.iter().filter_map(|line| line.strip_prefix("CREATE ROLE ")).collect();
    let is_of_one = |line: &&str| {
        names.iter().map(|name| name.trim_end_matches(';')).any(|name| {
            let of_it = [format!("ALTER ROLE {name} "), format!("COMMENT ON ROLE {name} ")];
            // Who is a member of what is said of the member.
            of_it.iter().any(|start| line.starts_with(start))
                || (line.starts_with("GRANT ") && line.contains(&format!(" TO {name} ")))
        })
    };
    there.lines().filter(is_of_one).filter(|line| !here.contains(line)).map(str::to_owned).collect()
}

/// Takes away what restores have made.
pub fn forget(place: &Server) {
    let names = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user";
    for name in place.ask(names).lines() {
        place.ask(&format!("DROP ROLE {name}"));
    }
}
