//! Tags that are to be kept and that no snapshot has: not used yet, or mistyped. The second loses what was meant to be kept.

use super::{Decision, Rules, Scope, Snapshot};
use crate::spelling::nearest;

/// Why nothing is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistyped {
    #[error("no snapshot has the tag {tag}, and prune would forget the snapshots with the tag {near}")]
    Near { tag: String, near: String },
    #[error("no snapshot has the tag {}, and there is no other rule", tags.join(", "))]
    NothingElse {
        tags: Vec<String>,
        /// Those that there are.
        there: Vec<String>,
    },
}

impl Mistyped {
    pub fn hint(&self) -> String {
        match self {
            Mistyped::Near { tag, near } => format!(
                "Nothing was pruned. If you mean {near}, write that (--keep-tag, or keep_tags in a policy); if not, leave {tag} out until a snapshot has it."
            ),
            Mistyped::NothingElse { there, .. } if there.is_empty() => {
                "Nothing was pruned. No snapshot has a tag: `pgkeep backup --tag` gives one. Add a rule such as --keep-daily 7.".into()
            }
            Mistyped::NothingElse { there, .. } => {
                format!("Nothing was pruned. Existing tags: {}. Or add a rule such as --keep-daily 7.", there.join(", "))
            }
        }
    }
}

/// The tags of the rules that no snapshot in their scope has, and all tags that there are. A tag may be for a day that has not come, so
/// that this alone is no error.
///
/// # Errors
/// Something would be forgotten, and either its tag is nearly the one that no snapshot has, or nothing but such tags says what is kept.
pub fn untaken(
    snapshots: &[Snapshot],
    rules: &Rules,
    scope: &Scope,
    decisions: &[Decision],
) -> Result<Untaken, Mistyped> {
    let in_scope = |snapshot: &&Snapshot| !matches!(scope, Scope::Only(group) if *group != snapshot.group);
    let mut there: Vec<String> = snapshots.iter().filter(in_scope).flat_map(|s| s.tags.clone()).collect();
    there.sort_unstable();
    there.dedup();
    let asked = rules.tags.iter().map(|tag| tag.as_str().to_owned());
    let tags: Vec<String> = asked.filter(|tag| !there.contains(tag)).collect();
    let forgotten: Vec<&Snapshot> =
        snapshots.iter().zip(decisions).filter(|(_, decision)| !decision.is_kept()).map(|(s, _)| s).collect();
    for tag in &tags {
        if let Some(near) = nearest(tag, forgotten.iter().flat_map(|s| &s.tags).map(String::as_str)) {
            return Err(Mistyped::Near { tag: tag.clone(), near: near.to_owned() });
        }
    }
    let nothing_else = Rules { tags: Vec::new(), ..rules.clone() }.is_empty() && tags.len() == rules.tags.len();
    if nothing_else && !forgotten.is_empty() {
        return Err(Mistyped::NothingElse { tags, there });
    }
    Ok(Untaken { tags, there })
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untaken {
    pub tags: Vec<String>,
    pub there: Vec<String>,
}
