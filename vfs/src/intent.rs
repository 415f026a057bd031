//! What is about to be made under its name before its owner can be on record: written down first,
//! so that the next start can finish it.
//!
//! That is needed only where new objects can't be made elsewhere and moved: when the records are on
//! another disk than the tree.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, OpenError};
use crate::file_system::FileSystem;
use crate::node::Node;
use crate::owner_record::number;
use crate::ownership::Initial;
use crate::shadow::{Shadow, working_mode};
use crate::stat::file_type;
use crate::sys;
use crate::table::failed;

/// The name of the directory of intents among the records.
pub(crate) const INTENTS: &str = "intents";
const HEAD: usize = 13;

/// An intent that is written down. Taken back when dropped: the object is on record then, or
/// wasn't made.
pub(crate) struct Intent {
    path: PathBuf,
}

impl Intent {
    /// Writes down that `name` is about to be made.
    pub(crate) fn declare(
        path: PathBuf,
        directory: &Node,
        name: &[u8],
        initial: Initial,
    ) -> Result<Self, Error> {
        let handle = directory.handle();
        let mut bytes = Vec::with_capacity(HEAD + handle.len() + name.len());
        bytes.extend(initial.uid.to_le_bytes());
        bytes.extend(initial.gid.to_le_bytes());
        bytes.extend(initial.mode.to_le_bytes());
        bytes.push(u8::try_from(handle.len()).unwrap_or(u8::MAX));
        bytes.extend(handle);
        bytes.extend(name);
        let intent = Self { path };
        std::fs::write(&intent.path, bytes).map_err(|error| failed(&error))?;
        Ok(intent)
    }
}

impl Drop for Intent {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an intent stays behind");
        }
    }
}

impl FileSystem {
    /// Gives what an earlier life had just made the owner that it was made for.
    pub(crate) fn finish_intents(&self, records: &Path) -> Result<(), OpenError> {
        let Some(shadow) = &self.shadow else {
            return Ok(());
        };
        let directory = records.join(INTENTS);
        let unusable = |error: io::Error| OpenError::Inaccessible {
            path: directory.clone(),
            error: io::Error::new(
                error.kind(),
                format!(
                    "{error}; it says whose those files are that were being made when the server \
                     ended: move it away and start again, and they belong to the outside owner"
                ),
            ),
        };
        for entry in std::fs::read_dir(&directory).map_err(unusable)? {
            let path = entry.map_err(unusable)?.path();
            let bytes = std::fs::read(&path).map_err(unusable)?;
            match self.finish(shadow, &bytes) {
                // Cut short before anything was made, or made and gone again.
                Ok(()) | Err(Error::NoEnt | Error::Stale | Error::BadHandle) => {}
                Err(error) => return Err(unusable(io::Error::other(error))),
            }
            std::fs::remove_file(&path).map_err(unusable)?;
        }
        Ok(())
    }

    fn finish(&self, shadow: &Shadow, bytes: &[u8]) -> Result<(), Error> {
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or(Error::NoEnt)?;
        let (handle, name) = rest
            .split_at_checked(usize::from(head[12]))
            .ok_or(Error::NoEnt)?;
        let id = |at: usize| u32::try_from(number(&head[at..at + 4])).unwrap_or(0);
        let initial = Initial {
            uid: id(0),
            gid: id(4),
            mode: id(8),
        };
        let directory = loop {
            match self.resolve(handle) {
                // The index of names is lost, too.
                Err(Error::Delay) => std::thread::sleep(Duration::from_millis(1)),
                result => break result?,
            }
        };
        let object = sys::find(self.reach(&directory)?.as_fd(), name)?;
        let stat = sys::stat(object.as_fd())?;
        let (_, mark) = self.identify.mark(object.as_fd(), &stat)?;
        shadow.put(mark, initial)?;
        let mode = working_mode(file_type(&stat));
        Ok(sys::touch(self.descriptors(), object.as_fd(), mode)?)
    }
}
