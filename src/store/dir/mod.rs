//! A store in a local directory.
//!
//! An object is written to `tmp/`, fsynced, and given its name by a rename that fails if the name is taken; then the
//! folders on the way to it are fsynced. One thread does the waiting, so that those who read from PostgreSQL never wait for the disk
//! until [`IN_FLIGHT_MAX`] objects are under way.

mod place;
mod walk;

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

use super::{Access, NextName, ObjectKey, Put, Renamed, Sink, StoreError};
use crate::stream::Sealed;
pub use walk::Walk;

/// Objects that are written but not yet durable. Their bytes are in the page cache, not in our memory.
const IN_FLIGHT_MAX: usize = 64;
/// Leftovers in `tmp/` of a run that was killed are removed after this long: no run holds one for a day.
const TMP_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// What is held of an object that is read in pieces.
const PIECE_BYTES: usize = 64 << 10;

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
    thread: JoinHandle<Result<Vec<Renamed>, StoreError>>,
}

struct Job {
    tmp: PathBuf,
    file: File,
    key: ObjectKey,
    next: NextName,
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
            // What lies in it for a day is removed: it must be ours.
            place::check_folders(root, "tmp")?;
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

    pub fn put_later(&self, key: ObjectKey, object: Sealed, next: NextName) -> Result<(), StoreError> {
        self.check()?;
        let (tmp, file) = self.write_tmp(object.bytes())?;
        let mut guard = self.syncer.lock().unwrap_or_else(PoisonError::into_inner);
        let syncer = guard.get_or_insert_with(|| Syncer::start(self.root.clone(), self.failure.clone()));
        let jobs = syncer.jobs.clone();
        drop(guard);
        jobs.send(Job { tmp, file, key, next }).map_err(|mpsc::SendError(job)| {
            let _ = fs::remove_file(job.tmp);
            self.check().err().unwrap_or(StoreError::WriterGone)
        })
    }

    pub fn settle(&self) -> Result<Vec<Renamed>, StoreError> {
        let syncer = self.syncer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Syncer { jobs, thread }) = syncer else { return self.check().map(|()| Vec::new()) };
        drop(jobs);
        let renamed = thread.join().unwrap_or(Err(StoreError::WriterGone))?;
        // One that somebody else waited for may have failed.
        self.check().map(|()| renamed)
    }

    pub fn put(&self, key: &ObjectKey, object: &Sealed) -> Result<Put, StoreError> {
        let (tmp, file) = self.write_tmp(object.bytes())?;
        let put = file.sync_data().map_err(io_error("write", &tmp)).and_then(|()| name(&self.root, &tmp, key));
        if !matches!(put, Ok((Put::Stored, _))) {
            let _ = fs::remove_file(&tmp);
        }
        let (put, folder) = put?;
        way_to(&self.root, &folder).try_for_each(sync_folder)?;
        Ok(put)
    }

    pub fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let (path, file, metadata) = place::open(&self.root, key)?;
        let bytes = metadata.len();
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { key: key.clone(), bytes, bytes_max });
        }
        let mut content = Vec::with_capacity(bytes as usize);
        file.take(bytes_max).read_to_end(&mut content).map_err(io_error("read", &path))?;
        Ok(content)
    }

    pub fn read<S: Sink>(&self, key: &ObjectKey, bytes_max: u64, mut sink: S) -> Result<S, StoreError> {
        let (path, mut file, metadata) = place::open(&self.root, key)?;
        if metadata.len() > bytes_max {
            return Err(StoreError::TooLarge { key: key.clone(), bytes: metadata.len(), bytes_max });
        }
        let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0);
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => return Ok(sink),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_error("read", &path)(error)),
            };
            bytes += read as u64;
            if bytes > bytes_max {
                return Err(StoreError::TooLarge { key: key.clone(), bytes, bytes_max });
            }
            if sink.take(&piece[..read]).is_break() {
                return Ok(sink);
            }
        }
    }

    pub fn delete(&self, keys: &[ObjectKey]) -> Result<(), StoreError> {
        let mut folders = BTreeSet::new();
        for key in keys {
            let path = place::path(&self.root, key)?;
            match fs::remove_file(&path) {
                Ok(()) => folders.insert(path.parent().unwrap_or(&self.root).to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("remove", &path)(error)),
            };
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    pub fn walk(&self, prefix: &str) -> Result<Walk<'_>, StoreError> {
        Walk::begin(&self.root, prefix.trim_end_matches('/'))
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
                Ok(renamed) => return Ok(renamed),
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

fn run_syncer(root: &Path, queue: &Receiver<Job>) -> Result<Vec<Renamed>, StoreError> {
    let mut renamed = Vec::new();
    let mut folders = BTreeSet::new();
    for Job { tmp, file, key, next } in queue {
        let published = publish(root, &tmp, file, &key, next);
        if published.is_err() {
            let _ = fs::remove_file(&tmp);
        }
        let (stored, folder) = published?;
        folders.extend(way_to(root, &folder).map(Path::to_owned));
        if stored != key {
            renamed.push(Renamed { asked: key, stored });
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))?;
    Ok(renamed)
}

/// Makes a temporary file durable and gives it its name, or the first after it that is free. The folder is not fsynced yet.
fn publish(
    root: &Path,
    tmp: &Path,
    file: File,
    key: &ObjectKey,
    next: NextName,
) -> Result<(ObjectKey, PathBuf), StoreError> {
    file.sync_data().map_err(io_error("write", tmp))?;
    drop(file);
    let mut free = key.clone();
    loop {
        match name(root, tmp, &free)? {
            (Put::Stored, folder) => return Ok((free, folder)),
            (Put::Existed, _) => free = next(&free).ok_or_else(|| StoreError::NoName { key: key.clone() })?,
        }
    }
}

/// Gives a durable temporary file its name, unless that is taken. Returns the folder of the name, which is not fsynced yet.
fn name(root: &Path, tmp: &Path, key: &ObjectKey) -> Result<(Put, PathBuf), StoreError> {
    let path = place::path(root, key)?;
    let folder = path.parent().unwrap_or(root).to_owned();
    let put = match rename_new(tmp, &path) {
        Err(Errno::NOENT) => {
            fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
            rename_new(tmp, &path)
        }
        other => other,
    };
    put.map(|put| (put, folder)).map_err(|error| io_error("write", &path)(error.into()))
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
