//! What a newer pg_dump writes whatever the server that it reads, and an older server refuses: words for what is never otherwise there.

use super::{RestorePlan, Step};
use crate::schema::archive::SqlText;
use crate::schema::lexer::{Token, tokens};

/// The first server that knows locale providers, and sequences that are not logged.
const KNOWS_PROVIDERS_AND_UNLOGGED_SEQUENCES: u32 = 150_000;
/// The first whose subscriptions write with the rights of a table's owner. All that were before do it as their own.
const KNOWS_RUN_AS_OWNER: u32 = 160_000;

/// The creation for a server before 15, which knows no `LOCALE_PROVIDER`, and none but libc's.
pub fn without_libc_provider(sql: &SqlText) -> SqlText {
    let bytes = sql.as_bytes();
    let tokens = tokens(bytes);
    let is_named = |three: &&[Token<'_>]| three[0].is_word("LOCALE_PROVIDER") && three[2].is_word("libc");
    let Some(named) = tokens.windows(3).find(is_named) else { return sql.clone() };
    SqlText::new([&bytes[..named[0].range.start], &bytes[named[2].range.end..]].concat())
}

impl RestorePlan {
    /// Makes the steps such as the server takes them: without words for what it does anyway.
    pub fn suit(&mut self, server_version_num: u32) {
        for step in self.pre_data.iter_mut().chain(self.post_data.iter_mut().map(|post| &mut post.step)) {
            suit(step, server_version_num);
        }
    }
}

fn suit(step: &mut Step, server_version_num: u32) {
    let without: fn(&SqlText) -> SqlText = match step.label.split(' ').next() {
        Some("SEQUENCE") if server_version_num < KNOWS_PROVIDERS_AND_UNLOGGED_SEQUENCES => without_logged,
        Some("SUBSCRIPTION") if server_version_num < KNOWS_RUN_AS_OWNER => without_run_as_owner,
        _ => return,
    };
    for sql in &mut step.statements {
        *sql = without(sql);
    }
}

/// `LOGGED` among the options of an identity column's sequence, and `ALTER SEQUENCE ... SET LOGGED`: of an unlogged table, in which one
/// is logged.
fn without_logged(sql: &SqlText) -> SqlText {
    let bytes = sql.as_bytes();
    let (mut kept, mut copied, mut begin) = (Vec::with_capacity(bytes.len()), 0, 0);
    let tokens = tokens(bytes);
    for (n, token) in tokens.iter().enumerate() {
        if token.is_symbol(";") {
            begin = token.range.end;
        } else if token.is_word("LOGGED") {
            let is_statement = n > 0 && tokens[n - 1].is_word("SET");
            let end = tokens.get(n + 1).filter(|next| is_statement && next.is_symbol(";"));
            kept.extend_from_slice(&bytes[copied..if is_statement { begin } else { token.range.start }]);
            copied = end.unwrap_or(token).range.end;
        }
    }
    kept.extend_from_slice(&bytes[copied..]);
    SqlText::new(kept)
}

/// `run_as_owner = true`, which pg_dump lists last.
fn without_run_as_owner(sql: &SqlText) -> SqlText {
    let bytes = sql.as_bytes();
    let tokens = tokens(bytes);
    let is_named = |four: &&[Token<'_>]| {
        four[0].is_symbol(",") && four[1].is_word("run_as_owner") && four[2].is_symbol("=") && four[3].is_word("true")
    };
    let Some(named) = tokens.windows(4).find(is_named) else { return sql.clone() };
    SqlText::new([&bytes[..named[0].range.start], &bytes[named[3].range.end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::restore::Transaction;

    fn suited(label: &str, sql: &str, server_version_num: u32) -> String {
        let mut step = Step {
            dump_id: 1,
            label: label.into(),
            statements: vec![SqlText::new(sql)],
            transaction: Transaction::Allowed,
            acts_as: None,
        };
        suit(&mut step, server_version_num);
        step.statements[0].to_display()
    }

    #[test]
    fn a_sequence_is_logged_without_a_word_before_15_and_by_its_word_from_then_on() {
        let identity = "ALTER TABLE public.\"LOGGED\" ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME public.\"SET LOGGED;\"\n    LOGGED\n    START WITH 1\n);\n";
        let without = identity.replace("\n    LOGGED\n", "\n    \n");
        let altered = "CREATE SEQUENCE public.s;\nALTER SEQUENCE public.s SET LOGGED;\n\n";
        for (sql, before_15) in [(identity, without.as_str()), (altered, "CREATE SEQUENCE public.s;\n\n")] {
            assert_eq!(suited("SEQUENCE public.s", sql, 140_022).trim_end(), before_15.trim_end());
            assert_eq!(suited("SEQUENCE public.s", sql, 150_000), sql);
            assert_eq!(suited("TABLE public.s", sql, 140_022), sql);
        }
        // Of what the server cannot have, it says so itself.
        let unlogged = "ALTER SEQUENCE public.s SET UNLOGGED;\n";
        assert_eq!(suited("SEQUENCE public.s", unlogged, 140_022), unlogged);
    }

    #[test]
    fn a_subscription_runs_as_its_owner_without_a_word_before_16() {
        let made = |options: &str| {
            format!(
                "CREATE SUBSCRIPTION x CONNECTION ', run_as_owner = true' PUBLICATION p WITH (connect = false{options});"
            )
        };
        let dumped = made(", streaming = off, run_as_owner = true");
        assert_eq!(suited("SUBSCRIPTION x", &dumped, 150_004), made(", streaming = off"));
        assert_eq!(suited("SUBSCRIPTION x", &dumped, 160_000), dumped);
        // It would do otherwise there: the server refuses it.
        let otherwise = made(", run_as_owner = false");
        assert_eq!(suited("SUBSCRIPTION x", &otherwise, 150_004), otherwise);
    }
}
