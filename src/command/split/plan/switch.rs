//! What a run would do to the operator's files, and whether its command is there. Files are read, and nothing is run.

use super::{Planned, Report, Timing, make};
use crate::command::error::Error;
use crate::command::split::switching::Files;
use crate::command::split::{Options, switching, trial};
use crate::command::watch::Watch;
use crate::split::{Finding, FindingKind, Severity};
use crate::switch::{HOOK_TIMEOUT_DEFAULT, Hook, Program};

/// The plan with what `--rewrite` and `--hook` add to it. The definitions were tried at the target's server, and nothing is left of that.
///
/// # Errors
/// Those of a plan, and a file or a key that would end a run.
pub async fn run(options: &Options, watch: &Watch) -> Result<Report, Error> {
    let mut planned = make(&options.plan, Timing::Measured, watch).await?;
    let files = files(options, &planned)?;
    planned.plan.add(hook(options));
    let tried = trial::findings(&options.plan, &planned, watch).await?;
    planned.plan.add(tried);
    Ok(Report { files, ..Report::of(planned) })
}

fn files(options: &Options, planned: &Planned) -> Result<Files, Error> {
    if options.rewrites.is_empty() {
        return Ok(Files::default());
    }
    let plan = switching::plan_for(options, planned.target.cluster)?;
    Ok(Files { diff: plan.diff(), edits: plan.edits(), kept: plan.kept().to_vec() })
}

/// A hook that cannot be run: a run that finds it out at the switch has copied for nothing, while writers were refused.
pub fn hook(options: &Options) -> Option<Finding> {
    let command = options.hook.clone()?;
    let hook = Hook { command: command.clone(), timeout: HOOK_TIMEOUT_DEFAULT };
    let (reason, action) = match hook.program() {
        Program::Found | Program::OfTheShell => return None,
        Program::Missing(word) => (
            format!("{word} does not exist: the run would be rolled back right after the switch"),
            "give its full path, or run the split where it exists",
        ),
        Program::NotExecutable(path) => (
            format!("{} is not executable: the run would be rolled back right after the switch", path.display()),
            "chmod +x, or name a program that runs it",
        ),
    };
    Some(Finding::new(Severity::Blocker, FindingKind::Hook, command, reason, action))
}
