//! What an object is, and what may be set of it.

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device. Never created here; the host may have put one there.
    BlockDevice,
    /// A character device. Never created here; the host may have put one there.
    CharDevice,
}

/// A point in time since the epoch of POSIX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds past `seconds`, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// The attributes of an object, read at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The kind of object.
    pub file_type: FileType,
    /// The permission bits with set-uid, set-gid and sticky: at most 07777.
    pub mode: u32,
    /// The number of names; of a directory 2 and one for each subdirectory.
    pub links: u32,
    /// The owning user.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Bytes: of a file its length, of a symbolic link its target's, of a directory what EFS shows.
    pub size: u64,
    /// Bytes occupied as Amazon EFS meters them (EFS user guide, "Metering").
    pub space_used: u64,
    /// The inode number.
    pub fileid: u64,
    /// The change attribute (RFC 8881 §5.8.1.4): another value for every state of the object.
    pub change: u64,
    /// The last access as EFS has it: that of the last change, unless a client has set another
    /// since; reading does not move it.
    pub accessed: Timestamp,
    /// The last change of the data.
    pub modified: Timestamp,
    /// The last change of data or attributes.
    pub changed: Timestamp,
    /// Major and minor device number, of devices.
    pub rdev: (u32, u32),
}

/// How a time is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// To the time of this machine.
    Server,
    /// To this time, which only the owner and root may ask for.
    Client(Timestamp),
}

/// The attributes to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// The permission bits, at most 07777; higher bits are ignored.
    pub mode: Option<u32>,
    /// The owning user.
    pub uid: Option<u32>,
    /// The owning group.
    pub gid: Option<u32>,
    /// The length in bytes, of regular files.
    pub size: Option<u64>,
    /// The time of the last access.
    pub accessed: Option<SetTime>,
    /// The time of the last modification.
    pub modified: Option<SetTime>,
}

impl SetAttributes {
    /// Whether nothing is to be set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
