//! Every system call of this crate.
//!
//! Objects are reached through descriptors and single names, never through paths, and no symbolic
//! link is followed: names are looked up with `O_NOFOLLOW`, and what an `O_PATH` descriptor holds
//! is opened through `/proc/self/fd`, which leads to that very object.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use arrayvec::ArrayVec;
use bytes::BytesMut;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RawDir, RenameFlags, ResolveFlags, SeekFrom, StatVfs, Statx,
    StatxAttributes, StatxFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::{Errno, Result};

use crate::attributes::{SetTime, Timestamp};
use crate::draft::Newborn;
use crate::ownership::MODE_BITS;

/// The longest kernel handle that is taken: what fits beside the rest in 128 bytes.
pub(crate) const MAX_KERNEL_HANDLE: usize = 96;

/// A handle as the kernel's file system makes it (`name_to_handle_at(2)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KernelHandle {
    pub kind: i32,
    pub bytes: ArrayVec<u8, MAX_KERNEL_HANDLE>,
}

#[repr(C)]
struct RawHandle {
    length: u32,
    kind: i32,
    bytes: [u8; MAX_KERNEL_HANDLE],
}

/// Opens the directory to serve, following symbolic links as the user who names it expects.
pub(crate) fn open_root(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Opens the directory that holds this process's descriptors.
pub(crate) fn open_descriptors() -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/self/fd", flags, Mode::empty())
}

/// The user that this process acts as.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What the kernel gives to an object that this process makes.
pub(crate) fn newborn() -> Newborn {
    Newborn {
        uid: user(),
        gid: rustix::process::getegid().as_raw(),
        umask: umask().unwrap_or(MODE_BITS),
        own_user: AtomicBool::new(false),
        own_group: AtomicBool::new(false),
    }
}

/// umask(2) would change it to tell it, for all threads.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(mask.trim(), 8).ok()
}

/// Finds one name in a directory without following it, and without leaving the mount.
pub(crate) fn find(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    if name == b".." || name.contains(&b'/') {
        return Err(Errno::XDEV);
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Of a single name it adds only that nothing is entered that is mounted there. BENEATH would
    // refuse what is just being moved to another directory, as if it were mounted.
    match rustix::fs::openat2(directory, name, flags, Mode::empty(), ResolveFlags::NO_XDEV) {
        Err(Errno::NOSYS) => {
            let found = rustix::fs::openat(directory, name, flags, Mode::empty())?;
            must_not_be_mounted(found.as_fd())?;
            Ok(found)
        }
        result => result,
    }
}

/// `XDEV` for the root of a mount, also where the kernel doesn't say.
fn must_not_be_mounted(object: BorrowedFd<'_>) -> Result<()> {
    let stat = stat(object)?;
    if stat
        .stx_attributes_mask
        .contains(StatxAttributes::MOUNT_ROOT)
        && !stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
    {
        Ok(())
    } else {
        Err(Errno::XDEV)
    }
}

/// The directory above this one, wherever it lies; the caller checks that it may be seen.
pub(crate) fn find_parent(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (mode, resolve) = (Mode::empty(), ResolveFlags::NO_XDEV);
    match rustix::fs::openat2(directory, c"..", flags, mode, resolve) {
        Err(Errno::NOSYS) => {
            must_not_be_mounted(directory)?;
            rustix::fs::openat(directory, c"..", flags, mode)
        }
        result => result,
    }
}

/// Opens the object that an `O_PATH` descriptor holds.
pub(crate) fn reopen(
    descriptors: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    flags: OFlags,
) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let name = decimal(object);
    quietly(flags, |flags| {
        rustix::fs::openat(descriptors, name.as_str(), flags, Mode::empty())
    })
}

/// Only the owner and root may keep the time of access from moving.
fn quietly(flags: OFlags, open: impl Fn(OFlags) -> Result<OwnedFd>) -> Result<OwnedFd> {
    match open(flags) {
        Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => open(flags - OFlags::NOATIME),
        result => result,
    }
}

/// Opens a directory for listing, at its start.
pub(crate) fn open_directory(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::CLOEXEC;
    quietly(flags, |flags| {
        rustix::fs::openat(directory, c".", flags, Mode::empty())
    })
}

const STAT: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

pub(crate) fn stat(object: BorrowedFd<'_>) -> Result<Statx> {
    rustix::fs::statx(object, c"", AtFlags::EMPTY_PATH, STAT)
}

pub(crate) fn stat_at(directory: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(directory, name, flags, STAT)
}

/// Makes a regular file without a name. `OPNOTSUPP` where the disk has no such thing.
pub(crate) fn create_unnamed(directory: BorrowedFd<'_>, mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::NOATIME | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(mode);
    rustix::fs::openat(directory, c".", flags, mode).map_err(|errno| match errno {
        // What kernels and file systems say that don't know the flag (open(2)).
        Errno::ISDIR | Errno::INVAL => Errno::OPNOTSUPP,
        other => other,
    })
}

/// Makes a regular file under a name that must not exist.
pub(crate) fn create_named(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::CREATE
        | OFlags::EXCL
        | OFlags::NOFOLLOW
        | OFlags::RDWR
        | OFlags::NOATIME
        | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode))
}

/// Gives an object that a descriptor holds a (further) name.
pub(crate) fn link(
    descriptors: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    directory: BorrowedFd<'_>,
    name: &[u8],
) -> Result<()> {
    match rustix::fs::linkat(object, c"", directory, name, AtFlags::EMPTY_PATH) {
        // What it says without CAP_DAC_READ_SEARCH, if it is not that a directory is gone.
        Err(Errno::NOENT | Errno::PERM) => {
            let flags = AtFlags::SYMLINK_FOLLOW;
            rustix::fs::linkat(
                descriptors,
                decimal(object).as_str(),
                directory,
                name,
                flags,
            )
        }
        result => result,
    }
}

pub(crate) fn make_directory(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<()> {
    rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(mode))
}

pub(crate) fn make_symlink(directory: BorrowedFd<'_>, name: &[u8], target: &[u8]) -> Result<()> {
    rustix::fs::symlinkat(target, directory, name)
}

pub(crate) fn make_node(
    directory: BorrowedFd<'_>,
    name: &[u8],
    file_type: rustix::fs::FileType,
    mode: u32,
) -> Result<()> {
    rustix::fs::mknodat(directory, name, file_type, Mode::from_raw_mode(mode), 0)
}

pub(crate) fn remove(directory: BorrowedFd<'_>, name: &[u8], is_directory: bool) -> Result<()> {
    let flags = if is_directory {
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    rustix::fs::unlinkat(directory, name, flags)
}

pub(crate) fn rename(
    from: BorrowedFd<'_>,
    from_name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<()> {
    rustix::fs::renameat_with(from, from_name, to, to_name, RenameFlags::empty())
}

/// Moves a new object to a name that must not exist.
pub(crate) fn place(
    from: BorrowedFd<'_>,
    from_name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<()> {
    match rustix::fs::renameat_with(from, from_name, to, to_name, RenameFlags::NOREPLACE) {
        // Not every disk has the flag.
        Err(Errno::INVAL) => match stat_at(to, to_name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => rename(from, from_name, to, to_name),
            Err(errno) => Err(errno),
        },
        result => result,
    }
}

/// Moves ctime to now, and changes nothing else.
pub(crate) fn touch(
    descriptors: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    mode: Option<u32>,
) -> Result<()> {
    match mode {
        Some(mode) => change_mode(descriptors, object, mode),
        None => change_owner(object, None, None),
    }
}

/// Where the next written part of a sparse file begins, at or after `offset`; `None` beyond the
/// last one.
pub(crate) fn next_data(file: BorrowedFd<'_>, offset: u64) -> Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Where the written part of a sparse file ends that `offset` is in.
pub(crate) fn next_hole(file: BorrowedFd<'_>, offset: u64) -> Result<u64> {
    rustix::fs::seek(file, SeekFrom::Hole(offset))
}

/// The path of an open object as this process sees it. `NAMETOOLONG` if that has 4096 bytes.
pub(crate) fn path(descriptors: BorrowedFd<'_>, object: BorrowedFd<'_>) -> Result<CString> {
    let name = decimal(object);
    rustix::fs::readlinkat(descriptors, name.as_str(), Vec::with_capacity(256))
}

pub(crate) fn read_link(object: BorrowedFd<'_>) -> Result<CString> {
    rustix::fs::readlinkat(object, c"", Vec::with_capacity(256))
}

pub(crate) fn change_owner(
    object: BorrowedFd<'_>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<()> {
    let uid = uid.map(Uid::from_raw_unchecked);
    let gid = gid.map(Gid::from_raw_unchecked);
    rustix::fs::chownat(object, c"", uid, gid, AtFlags::EMPTY_PATH)
}

pub(crate) fn change_mode(
    descriptors: BorrowedFd<'_>,
    object: BorrowedFd<'_>,
    mode: u32,
) -> Result<()> {
    let mode = Mode::from_raw_mode(mode);
    rustix::fs::chmodat(
        descriptors,
        decimal(object).as_str(),
        mode,
        AtFlags::empty(),
    )
}

pub(crate) fn change_times(
    object: BorrowedFd<'_>,
    accessed: Option<SetTime>,
    modified: Option<SetTime>,
) -> Result<()> {
    let times = Timestamps {
        last_access: timespec(accessed),
        last_modification: timespec(modified),
    };
    rustix::fs::utimensat(object, c"", &times, AtFlags::EMPTY_PATH)
}

fn timespec(time: Option<SetTime>) -> Timespec {
    match time {
        None => Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT,
        },
        Some(SetTime::Server) => Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_NOW,
        },
        Some(SetTime::Client(Timestamp {
            seconds,
            nanoseconds,
        })) => Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds.into(),
        },
    }
}

pub(crate) fn set_length(file: BorrowedFd<'_>, size: u64) -> Result<()> {
    rustix::fs::ftruncate(file, size)
}

pub(crate) fn sync(file: BorrowedFd<'_>) -> Result<()> {
    rustix::fs::fsync(file)
}

pub(crate) fn sync_data(file: BorrowedFd<'_>) -> Result<()> {
    rustix::fs::fdatasync(file)
}

/// Brings everything on a disk there.
pub(crate) fn sync_disk(object: BorrowedFd<'_>) -> Result<()> {
    rustix::fs::syncfs(object)
}

pub(crate) fn usage(object: BorrowedFd<'_>) -> Result<StatVfs> {
    rustix::fs::fstatvfs(object)
}

/// Whether a file system is tmpfs, which has no disk.
pub(crate) fn is_in_memory(object: BorrowedFd<'_>) -> Result<bool> {
    // TMPFS_MAGIC, statfs(2).
    Ok(rustix::fs::fstatfs(object)?.f_type == 0x0102_1994)
}

pub(crate) fn write(file: BorrowedFd<'_>, data: &[u8], offset: u64) -> Result<usize> {
    rustix::io::pwrite(file, data, offset)
}

pub(crate) fn set_note(file: BorrowedFd<'_>, name: &str, value: &[u8]) -> Result<()> {
    rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())
}

/// The first bytes of an extended attribute of a file; `None` if it has none of this name.
pub(crate) fn note(file: BorrowedFd<'_>, name: &str) -> Result<Option<ArrayVec<u8, 64>>> {
    let mut value = [0u8; 64];
    match rustix::fs::fgetxattr(file, name, &mut value[..]) {
        Ok(length) => Ok(Some(value[..length].iter().copied().collect())),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Whether a directory gives an access control list (`acl(5)`) to what is made in it; also if the
/// kernel doesn't say.
pub(crate) fn has_default_acl(directory: BorrowedFd<'_>) -> bool {
    const DEFAULT: &CStr = c"system.posix_acl_default";
    let length = match attribute_length_at(directory, DEFAULT) {
        // Before Linux 6.13, and where something that does not know the call stands before it.
        Err(Errno::NOSYS | Errno::PERM) => open_directory(directory)
            .and_then(|opened| rustix::fs::fgetxattr(opened, DEFAULT, &mut [0u8; 0][..])),
        length => length,
    };
    !matches!(length, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// The length of an extended attribute of a directory, which may be an `O_PATH` descriptor
/// (`getxattrat(2)`).
fn attribute_length_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<usize> {
    const GETXATTRAT: libc::c_long = 464;
    /// `struct xattr_args`
    #[repr(C)]
    struct Arguments {
        value: u64,
        size: u32,
        flags: u32,
    }
    let mut arguments = Arguments {
        value: 0,
        size: 0,
        flags: 0,
    };
    // SAFETY: both names are NUL-terminated strings, and the arguments have the layout and the
    // size that are said; with room for no octets the kernel writes none.
    let length = unsafe {
        libc::syscall(
            GETXATTRAT,
            directory.as_raw_fd(),
            c".".as_ptr(),
            0,
            name.as_ptr(),
            &raw mut arguments,
            size_of::<Arguments>(),
        )
    };
    usize::try_from(length).map_err(|_| last_errno())
}

pub(crate) fn seek(directory: BorrowedFd<'_>, position: u64) -> Result<()> {
    rustix::fs::seek(directory, SeekFrom::Start(position)).map(|_| ())
}

/// Iterates over a directory from where its descriptor stands.
pub(crate) fn entries<'a>(
    directory: BorrowedFd<'a>,
    buffer: &'a mut [MaybeUninit<u8>],
) -> RawDir<'a, BorrowedFd<'a>> {
    RawDir::new(directory, buffer)
}

/// Appends at most `count` bytes, read at `offset`, to `buffer`; how many is returned.
///
/// Without `may_block`, what is not in the page cache is left out, and `AGAIN` says that nothing
/// of it is there.
pub(crate) fn read(
    file: BorrowedFd<'_>,
    offset: i64,
    buffer: &mut BytesMut,
    count: usize,
    may_block: bool,
) -> Result<usize> {
    buffer.reserve(count);
    let spare = &mut buffer.spare_capacity_mut()[..count];
    let part = libc::iovec {
        iov_base: spare.as_mut_ptr().cast(),
        iov_len: spare.len(),
    };
    let flags = if may_block { 0 } else { libc::RWF_NOWAIT };
    loop {
        // SAFETY: `part` describes `count` bytes of spare capacity, borrowed for the call, which
        // the kernel may write to; the descriptor is open for as long as `file` lives.
        let read = unsafe { libc::preadv2(file.as_raw_fd(), &raw const part, 1, offset, flags) };
        let Ok(read) = usize::try_from(read) else {
            match last_errno() {
                Errno::INTR => continue,
                errno => return Err(errno),
            }
        };
        // SAFETY: the kernel has initialized the first `read` bytes of the spare capacity, and
        // reports no more than `count`.
        unsafe { buffer.set_len(buffer.len() + read) };
        return Ok(read);
    }
}

/// What a kernel handle has to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandleUse {
    /// To open the object by it.
    Opening,
    /// To tell the object from others only (`AT_HANDLE_FID`, since Linux 6.5).
    Telling,
}

/// The kernel's handle of an object. `OVERFLOW` if it is longer than is taken here.
pub(crate) fn handle_of(object: BorrowedFd<'_>, purpose: HandleUse) -> Result<KernelHandle> {
    const AT_HANDLE_FID: i32 = 0x200;
    let flags = match purpose {
        HandleUse::Opening => libc::AT_EMPTY_PATH,
        HandleUse::Telling => libc::AT_EMPTY_PATH | AT_HANDLE_FID,
    };
    name_to_handle(object, c"", flags)
}

/// The kernel's handle of what an entry of a directory names, to open it by; symbolic links are
/// not followed. Where something is mounted, it is that of the mounted directory.
pub(crate) fn handle_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<KernelHandle> {
    name_to_handle(directory, name, 0)
}

fn name_to_handle(at: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<KernelHandle> {
    let length = u32::try_from(MAX_KERNEL_HANDLE).map_err(|_| Errno::OVERFLOW)?;
    let mut raw = RawHandle {
        length,
        kind: 0,
        bytes: [0; MAX_KERNEL_HANDLE],
    };
    let mut mount = 0;
    // SAFETY: `raw` has the layout of `struct file_handle` with room for `length` bytes, the path
    // is a NUL-terminated string, and all pointers are valid for the call.
    let result = unsafe {
        libc::name_to_handle_at(
            at.as_raw_fd(),
            name.as_ptr(),
            (&raw mut raw).cast(),
            &raw mut mount,
            flags,
        )
    };
    if result != 0 {
        return Err(last_errno());
    }
    let bytes = raw
        .bytes
        .get(..raw.length as usize)
        .ok_or(Errno::OVERFLOW)?;
    Ok(KernelHandle {
        kind: raw.kind,
        bytes: bytes.iter().copied().collect(),
    })
}

/// Opens the object that a handle of [`handle_of`] names, on the mount of `root`.
pub(crate) fn open_handle(
    root: BorrowedFd<'_>,
    handle: &KernelHandle,
    flags: OFlags,
) -> Result<OwnedFd> {
    quietly(flags, |flags| open_handle_once(root, handle, flags))
}

fn open_handle_once(root: BorrowedFd<'_>, handle: &KernelHandle, flags: OFlags) -> Result<OwnedFd> {
    let length = u32::try_from(handle.bytes.len()).map_err(|_| Errno::OVERFLOW)?;
    let mut raw = RawHandle {
        length,
        kind: handle.kind,
        bytes: [0; MAX_KERNEL_HANDLE],
    };
    raw.bytes[..handle.bytes.len()].copy_from_slice(&handle.bytes);
    let flags = (flags | OFlags::CLOEXEC).bits().cast_signed();
    // SAFETY: `raw` has the layout of `struct file_handle` and `length` valid bytes; the
    // descriptor is open for as long as `root` lives.
    let fd = unsafe { libc::open_by_handle_at(root.as_raw_fd(), (&raw mut raw).cast(), flags) };
    if fd < 0 {
        return Err(last_errno());
    }
    // SAFETY: the call has just returned this descriptor, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn last_errno() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// The name of a descriptor in `/proc/self/fd`.
fn decimal(fd: BorrowedFd<'_>) -> rustix::path::DecInt {
    rustix::path::DecInt::from_fd(fd.as_fd())
}

/// How often this thread has given its processor away in order to wait, for anything but a
/// processor (`ru_nvcsw`, getrusage(2)).
#[must_use]
pub fn waits_of_this_thread() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is writable for the length of the call, and all its bits may be 0.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    u64::try_from(usage.ru_nvcsw).unwrap_or_default()
}
