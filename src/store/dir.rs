//! A store in a local directory.
//!
//! An object is written to `tmp/`, fsynced, and given its name by a rename that fails if the name is taken; then the
//! folders on the way to it are fsynced. One thread does the waiting, so that those who read from PostgreSQL never wait for the disk
//! until [`IN_FLIGHT_MAX`] objects are under way.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::{Access, Listed, ObjectKey, Put, StoreError};
use crate::stream::Sealed;

/// Objects that are written but not yet durable. Their bytes are in the page cache, not in our memory.
const IN_FLIGHT_MAX: usize = 64;
/// Leftovers in `tmp/` of a run that was killed are removed after this long: no run holds one for a day.
const TMP_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

pub struct DirStore {
    root: PathBuf,
    tmp_prefix: String,
    tmp_count: AtomicU64,
    syncer: Mutex<Option<Syncer>>,
    failure: Failure,
}

/// Why an object that was handed over could not be made durable: told to everyone who comes after.
type Failure = Arc<OnceLock<Arc<StoreError>>>;

struct Syncer {
    jobs: SyncSender<Job>,
    thread: JoinHandle<Result<Vec<ObjectKey>, StoreError>>,
}

struct Job {
    tmp: PathBuf,
    file: File,
    key: ObjectKey,
}

impl DirStore {
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let new: Vec<PathBuf> = root.ancestors().take_while(is_new).map(Path::to_owned).collect();
        fs::create_dir_all(root).map_err(io_error("create", root))?;
        for folder in new {
            sync_folder(folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        // An empty `tmp` is what an init leaves that failed after this: it must not stand in the way of the next.
        let _ = fs::remove_dir(root.join("tmp"));
        if fs::read_dir(root).map_err(io_error("read", root))?.next().is_some() {
            return Err(StoreError::NotEmpty { path: root.to_owned() });
        }
        Self::open_any(root, Access::Write)
    }

    /// A folder with something in it: what lies under a mount point must not be written to.
    pub fn open(root: &Path, access: Access) -> Result<Self, StoreError> {
        if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none()) {
            return Err(StoreError::EmptyFolder { path: root.to_owned() });
        }
        Self::open_any(root, access)
    }

    fn open_any(root: &Path, access: Access) -> Result<Self, StoreError> {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(io_error("open", root)(io::Error::from(io::ErrorKind::NotADirectory))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: root.to_owned() });
            }
            Err(error) => return Err(io_error("open", root)(error)),
        }
        let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let store = Self {
            root: root.to_owned(),
            tmp_prefix: format!("{}-{unique:x}", std::process::id()),
            tmp_count: AtomicU64::new(0),
            syncer: Mutex::new(None),
            failure: Failure::default(),
        };
        if access == Access::Write {
            store.make_folder(&root.join("tmp"))?;
            store.sweep_tmp()?;
            // Better now than after a long time of reading: can anything be written at all?
            let (probe, _) = store.write_tmp(&[])?;
            fs::remove_file(&probe).map_err(io_error("remove", &probe))?;
        }
        Ok(store)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failure.get().map_or(Ok(()), |error| Err(StoreError::Earlier(error.clone())))
    }

    pub fn put_later(&self, key: ObjectKey, object: Sealed) -> Result<(), StoreError> {
        self.check()?;
        let (tmp, file) = self.write_tmp(object.bytes())?;
        let mut guard = self.syncer.lock().unwrap_or_else(PoisonError::into_inner);
        let syncer = guard.get_or_insert_with(|| Syncer::start(self.root.clone(), self.failure.clone()));
        let jobs = syncer.jobs.clone();
        drop(guard);
        jobs.send(Job { tmp, file, key }).map_err(|mpsc::SendError(job)| {
            let _ = fs::remove_file(job.tmp);
            self.check().err().unwrap_or(StoreError::WriterGone)
        })
    }

    pub fn settle(&self) -> Result<Vec<ObjectKey>, StoreError> {
        let syncer = self.syncer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Syncer { jobs, thread }) = syncer else { return self.check().map(|()| Vec::new()) };
        drop(jobs);
        let existed = thread.join().unwrap_or(Err(StoreError::WriterGone))?;
        // One that somebody else waited for may have failed.
        self.check().map(|()| existed)
    }

    pub fn put(&self, key: &ObjectKey, object: &Sealed) -> Result<Put, StoreError> {
        let (tmp, file) = self.write_tmp(object.bytes())?;
        let (put, folder) = publish(&self.root, &tmp, file, key)?;
        way_to(&self.root, &folder).try_for_each(sync_folder)?;
        Ok(put)
    }

    pub fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join(key.as_str());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NoObject { key: key.clone() });
            }
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let bytes = file.metadata().map_err(io_error("read", &path))?.len();
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { key: key.clone(), bytes, bytes_max });
        }
        let mut content = Vec::with_capacity(bytes as usize);
        file.take(bytes_max).read_to_end(&mut content).map_err(io_error("read", &path))?;
        Ok(content)
    }

    pub fn delete(&self, keys: &[ObjectKey]) -> Result<(), StoreError> {
        let mut folders = BTreeSet::new();
        for key in keys {
            let path = self.root.join(key.as_str());
            match fs::remove_file(&path) {
                Ok(()) => folders.insert(path.parent().unwrap_or(&self.root).to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("remove", &path)(error)),
            };
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        self.list_folder(prefix.trim_end_matches('/'), &mut listed)?;
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listed)
    }

    fn list_folder(&self, folder: &str, listed: &mut Vec<Listed>) -> Result<(), StoreError> {
        let path = self.root.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_error("list", &path)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(io_error("list", &path))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed by another run since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("list", &entry.path())(error)),
            };
            if metadata.is_dir() {
                self.list_folder(&name, listed)?;
            } else if let Some(key) = ObjectKey::new(name) {
                let modified = metadata.modified().map_err(io_error("list", &entry.path()))?;
                listed.push(Listed { key, bytes: metadata.len(), modified });
            }
        }
        Ok(())
    }

    fn write_tmp(&self, bytes: &[u8]) -> Result<(PathBuf, File), StoreError> {
        let count = self.tmp_count.fetch_add(1, Ordering::Relaxed);
        let tmp = self.root.join(format!("tmp/{}-{count}", self.tmp_prefix));
        let written = File::create_new(&tmp).and_then(|mut file| file.write_all(bytes).map(|()| file));
        match written {
            Ok(file) => Ok((tmp, file)),
            Err(error) => {
                let _ = fs::remove_file(&tmp);
                Err(io_error("write", &tmp)(error))
            }
        }
    }

    fn make_folder(&self, folder: &Path) -> Result<(), StoreError> {
        fs::create_dir_all(folder).map_err(io_error("create", folder))
    }

    fn sweep_tmp(&self) -> Result<(), StoreError> {
        let tmp = self.root.join("tmp");
        let now = SystemTime::now();
        for entry in fs::read_dir(&tmp).map_err(io_error("list", &tmp))?.flatten() {
            let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|at| now.duration_since(at).ok());
            if age.is_some_and(|age| age > TMP_AGE_MAX) {
                // Another run may have removed it first.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

impl Drop for DirStore {
    fn drop(&mut self) {
        // What was handed over and never settled stays harmless: no manifest names it.
        let _ = self.settle();
    }
}

impl Syncer {
    fn start(root: PathBuf, failure: Failure) -> Self {
        let (jobs, queue) = mpsc::sync_channel(IN_FLIGHT_MAX);
        let thread = std::thread::spawn(move || {
            let error = match run_syncer(&root, &queue) {
                Ok(existed) => return Ok(existed),
                Err(error) => Arc::new(error),
            };
            // Said before the queue ends, so that nobody whom it refuses is left without the cause.
            let _ = failure.set(error.clone());
            queue.try_iter().for_each(|job| drop(fs::remove_file(job.tmp)));
            Err(StoreError::Earlier(error))
        });
        Self { jobs, thread }
    }
}

fn run_syncer(root: &Path, queue: &Receiver<Job>) -> Result<Vec<ObjectKey>, StoreError> {
    let mut existed = Vec::new();
    let mut folders = BTreeSet::new();
    for Job { tmp, file, key } in queue {
        let (put, folder) = publish(root, &tmp, file, &key)?;
        folders.extend(way_to(root, &folder).map(Path::to_owned));
        if put == Put::Existed {
            existed.push(key);
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))?;
    Ok(existed)
}

/// Makes a temporary file durable and gives it its name, unless that is taken. The folder is not fsynced yet.
fn publish(root: &Path, tmp: &Path, file: File, key: &ObjectKey) -> Result<(Put, PathBuf), StoreError> {
    let path = root.join(key.as_str());
    let folder = path.parent().unwrap_or(root).to_owned();
    let result = file.sync_data().map_err(io_error("write", tmp)).and_then(|()| {
        drop(file);
        match rename_new(tmp, &path) {
            Err(Errno::NOENT) => {
                fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
                rename_new(tmp, &path).map_err(|e| io_error("write", &path)(e.into()))
            }
            other => other.map_err(|e| io_error("write", &path)(e.into())),
        }
    });
    if !matches!(result, Ok(Put::Stored)) {
        let _ = fs::remove_file(tmp);
    }
    Ok((result?, folder))
}

/// A folder and those above it, to the root: the names of folders must last as well. Whether another run has made one, and
/// has not come to its fsync yet, cannot be seen, so all of them are synced, each once in a run.
fn way_to<'a>(root: &'a Path, folder: &'a Path) -> impl Iterator<Item = &'a Path> {
    folder.ancestors().take_while(move |above| above.starts_with(root))
}

/// A rename that leaves an existing target alone.
fn rename_new(from: &Path, to: &Path) -> Result<Put, Errno> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Put::Stored),
        Err(Errno::EXIST) => Ok(Put::Existed),
        // Network file systems without RENAME_NOREPLACE: a hard link fails on an existing name as well.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match rustix::fs::link(from, to) {
            Ok(()) => rustix::fs::unlink(from).map(|()| Put::Stored),
            Err(Errno::EXIST) => Ok(Put::Existed),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(io_error("write", folder))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}
