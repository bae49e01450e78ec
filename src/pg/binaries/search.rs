use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where distributions keep one major version beside another: parent folder, the start of the versioned folder's name
/// and the way from there to the programs.
const VERSIONED: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
];

/// Every folder that may hold programs of PostgreSQL: PATH in its order, then the versioned folders.
pub(super) fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    for (parent, prefix, way) in VERSIONED {
        folders.extend(versioned(Path::new(parent), prefix, way));
    }
    folders
}

/// The program in this folder with links resolved, if it is there, may be run and is the program itself.
///
/// Debian's /usr/bin/pg_dump is a link to `pg_wrapper`, which chooses a version by cluster. A resolved name that
/// differs is how one tells; Red Hat's links through /etc/alternatives keep the name.
pub(super) fn executable(folder: &Path, program: &str) -> Option<PathBuf> {
    let path = folder.join(program).canonicalize().ok()?;
    let metadata = path.metadata().ok()?;
    let runs = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    (runs && path.file_name()? == program).then_some(path)
}

/// The `lib` folder beside the program's `bin`, when the installation brings its own libpq.
///
/// /usr/lib is the loader's own place already; naming it would push other entries of its search order back.
pub(super) fn own_libraries(program: &Path) -> Option<PathBuf> {
    let program = program.canonicalize().ok()?;
    let prefix = program.parent()?.parent()?;
    if prefix == Path::new("/") || prefix == Path::new("/usr") {
        return None;
    }
    let libraries = prefix.join("lib");
    libraries.join("libpq.so.5").exists().then_some(libraries)
}

fn versioned(parent: &Path, prefix: &str, way: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(way))
        .filter(|folder| folder.is_dir())
        .collect();
    // The order of a directory is arbitrary, and of two equal versions the first found wins.
    folders.sort();
    folders
}
