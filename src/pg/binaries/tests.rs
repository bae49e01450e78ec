//! Stand-ins written as scripts say a version: what is tested is the choice between programs, not PostgreSQL.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn stand_in(folder: &Path, program: &str, script: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(program);
    // A shell writes it: were it open for writing in this process, a child that another test forks at that moment
    // would inherit it, and running it would fail with "text file busy".
    let written = Command::new("sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1""#, "sh"])
        .args([path.as_os_str(), script.as_ref()])
        .status();
    assert!(written.unwrap().success());
    path
}

fn saying(version: &str) -> String {
    format!("echo 'pg_dump (PostgreSQL) {version}'")
}

fn server(major: u32, minor: u32) -> ProgramVersion {
    ProgramVersion { major, minor }
}

/// Of these programs, each in a folder of its own and in this order, the version that is taken for the server.
fn chosen(programs: &[&str], for_server: ProgramVersion) -> String {
    let root = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = programs.iter().map(|version| root.path().join(version)).collect();
    for (folder, version) in folders.iter().zip(programs) {
        stand_in(folder, "pg_dump", &saying(version));
    }
    best_client("pg_dump", for_server, &folders).unwrap().unwrap().version.to_string()
}

#[test]
fn the_client_that_knows_the_server_is_taken() {
    // The same or a later minor of the server's own major, the latest of them, in whatever order the folders come.
    assert_eq!(chosen(&["15.18", "15.19", "18.6"], server(15, 18)), "15.19");
    assert_eq!(chosen(&["18.6", "15.18"], server(15, 18)), "15.18");
    // Where none of its own major does, a later major of that day or after.
    assert_eq!(chosen(&["15.18", "18.6", "17.11"], server(15, 19)), "18.6");
    assert_eq!(chosen(&["15.18", "18.4", "17.11"], server(15, 19)), "17.11");
    // Where none does, the newest of what there is.
    assert_eq!(chosen(&["15.18", "18.6", "17.11"], server(15, 20)), "18.6");
    assert_eq!(chosen(&["14.23", "15.18", "15.19"], server(15, 20)), "15.19");
}

#[test]
fn debians_wrapper_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let wrapper = stand_in(&root.path().join("share"), "pg_wrapper", &saying("99.0"));
    let bin = root.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(wrapper, bin.join("pg_dump")).unwrap();
    assert_eq!(best_client("pg_dump", server(15, 0), &[bin]).unwrap(), None);
}

#[test]
fn one_that_does_not_run_does_not_hide_another() {
    let root = tempfile::tempdir().unwrap();
    let (broken, sound) = (root.path().join("a"), root.path().join("b"));
    stand_in(&broken, "pg_dump", "echo 'libpq.so.5: cannot open shared object file' >&2; exit 127");
    assert!(matches!(
        best_client("pg_dump", server(15, 0), std::slice::from_ref(&broken)),
        Err(BinariesError::NoVersion { output, .. }) if output.contains("libpq.so.5")
    ));
    stand_in(&sound, "pg_dump", &saying("16.15"));
    assert_eq!(best_client("pg_dump", server(15, 0), &[broken, sound]).unwrap().unwrap().version.major, 16);
}

#[test]
fn a_server_newer_than_the_configured_client_is_refused_with_the_package_to_install() {
    let root = tempfile::tempdir().unwrap();
    stand_in(root.path(), "pg_dump", &saying("15.18"));
    assert_eq!(find_client("pg_dump", server(15, 18), Some(root.path())).unwrap().version.major, 15);
    let error = find_client("pg_dump", server(16, 0), Some(root.path())).unwrap_err();
    assert!(matches!(error, BinariesError::TooOld { server_major: 16, .. }));
    let text = error.to_string();
    assert!(text.contains("PostgreSQL 16") && text.contains("pg_dump 15.18"), "{text}");
    assert!(error.hint().unwrap().contains("postgresql-client-16"));
}

#[test]
fn a_configured_folder_without_the_program_is_an_error_and_not_a_suggestion() {
    let root = tempfile::tempdir().unwrap();
    let error = find_client("pg_dump", server(14, 0), Some(root.path())).unwrap_err();
    assert!(matches!(error, BinariesError::NotInFolder { .. }));
    assert!(error.to_string().contains(&root.path().display().to_string()));
}

#[test]
fn a_relocated_installation_runs_with_its_own_libraries() {
    let root = tempfile::tempdir().unwrap();
    let program = stand_in(&root.path().join("bin"), "pg_dump", r#"echo "pg_dump (PostgreSQL) 18.6 $LD_LIBRARY_PATH""#);
    let libraries = |binary: &Binary| {
        let said = binary.command().arg("--version").output().unwrap().stdout;
        String::from_utf8(said).unwrap()
    };
    let own = root.path().canonicalize().unwrap().join("lib").display().to_string();
    let binary = find_client("pg_dump", server(18, 0), program.parent()).unwrap();
    assert!(!libraries(&binary).contains(&own));
    fs::create_dir(root.path().join("lib")).unwrap();
    fs::write(root.path().join("lib/libpq.so.5"), "").unwrap();
    assert!(libraries(&binary).contains(&own));
}

#[test]
fn a_folder_is_a_server_only_with_all_three_programs() {
    let root = tempfile::tempdir().unwrap();
    stand_in(root.path(), "postgres", "echo 'postgres (PostgreSQL) 17.11'");
    stand_in(root.path(), "initdb", "");
    assert!(find_servers(Some(root.path())).is_empty());
    assert!(matches!(
        ServerBinaries::in_folder(root.path()),
        Err(BinariesError::NotInFolder { program, .. }) if program == "pg_ctl"
    ));
    stand_in(root.path(), "pg_ctl", "");
    assert_eq!(server_for(17, Some(root.path())).unwrap().version.to_string(), "17.11");
    let error = server_for(16, Some(root.path())).unwrap_err();
    assert_eq!(error.to_string(), "the PostgreSQL 16 server programs are not installed on this machine (found: 17.11)");
}
