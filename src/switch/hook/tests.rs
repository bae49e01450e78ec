use std::time::Instant;

use super::*;
use crate::pg::conninfo::Environment;

fn occasion(dsn: &str) -> Occasion {
    Occasion::new(Phase::Switch, &Conninfo::resolve(Some(dsn), &Environment::default()).unwrap())
}

fn run(command: &str, timeout: Duration) -> (Result<(), HookError>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (hook, mut echo) = (Hook { command: command.to_owned(), timeout }, Vec::new());
    let occasion = occasion("postgres://twenty:hidden@db.example:5433/twenty");
    let result = runtime.block_on(hook.run(&occasion, &mut echo));
    (result, String::from_utf8(echo).unwrap())
}

/// Waits until a process has ended.
fn assert_ends(pid: i32) {
    let begun = Instant::now();
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(10), "process {pid} goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hook_is_told_what_happens_and_never_the_password() {
    let (result, echo) = run("env | grep ^PGKEEP_SPLIT | sort; echo done >&2", HOOK_TIMEOUT_DEFAULT);
    assert!(result.is_ok());
    let said: Vec<&str> = echo.lines().collect();
    let target = "PGKEEP_SPLIT_TARGET=postgresql://twenty@db.example:5433/twenty?sslmode=prefer";
    for line in ["PGKEEP_SPLIT_PHASE=switch", "PGKEEP_SPLIT_DATABASE=twenty", target, "done"] {
        assert!(said.contains(&line), "{line}: {echo}");
    }
    assert!(!echo.contains("hidden"));
    let socket = occasion("host=/run/pg user='a b' dbname=tw/x password=hidden");
    assert_eq!(socket.target(), "postgresql://a%20b@%2Frun%2Fpg:5432/tw%2Fx?sslmode=prefer");
}

#[test]
fn a_hook_that_fails_is_an_error_with_what_it_said_last() {
    let (result, echo) = run("echo fine; seq 100 >&2; exit 3", HOOK_TIMEOUT_DEFAULT);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("(exit status: 3)") && error.ends_with("\n99\n100"), "{error}");
    assert!(!error.contains("\n80\n") && error.contains("\n81\n"), "{error}");
    assert!(echo.starts_with("fine\n") || echo.contains("\nfine\n"), "{echo}");
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
    let begun = Instant::now();
    let (result, echo) = run("sleep 600 & echo $!; trap '' TERM; wait; sleep 600", Duration::from_millis(300));
    assert!(matches!(result, Err(HookError::TimedOut { .. })), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_ends(echo.trim().parse().unwrap());
}

#[test]
fn what_a_hook_leaves_running_holds_nobody_up() {
    let begun = Instant::now();
    let (result, echo) = run("sleep 60 & echo $!", HOOK_TIMEOUT_DEFAULT);
    assert!(result.is_ok());
    assert!(begun.elapsed() < Duration::from_secs(30));
    let pid = echo.trim().parse().unwrap();
    // It goes on; we end it.
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
}

#[test]
fn a_hook_nobody_waits_for_any_more_is_ended() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hook = Hook { command: "echo $$; exec sleep 600".into(), timeout: HOOK_TIMEOUT_DEFAULT };
    let (occasion, mut echo) = (occasion("postgres://u@h/d"), Vec::new());
    let waited = Duration::from_millis(300);
    let result = runtime.block_on(async { tokio::time::timeout(waited, hook.run(&occasion, &mut echo)).await });
    assert!(result.is_err());
    assert_ends(String::from_utf8(echo).unwrap().trim().parse().unwrap());
}
