# Work in a directory by one process that is its only writer, with a model of what was
# acknowledged; and a comparison of a directory with such a model, from anywhere.
import collections, errno, fcntl, hashlib, json, os, random, stat, time

SIZES = (0, 10, 5_000, 70_000, 300_000)
RANGES, LENGTH = 16, 100
SILLY = ".nfs"


def difference(found, wanted):
    """Where two contents part, for who has to find out why."""
    pairs = zip(found, wanted)
    first = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    zeros = None if first is None else not any(found[first : first + 4096])
    return f"{len(found)} octets instead of {len(wanted)}, {first=}, {zeros=}"


class File:
    """A file as it must be; its names count its links."""

    def __init__(self, mode):
        self.data, self.names = bytearray(), set()
        self.mode, self.uid, self.gid = mode, 0, 0
        self.history = collections.deque(maxlen=30)  # what was done with it, for who asks why


class Workload:
    """`repeated`: a request may be executed twice, and fail for that the second time, as the
    server may be killed before its reply. `errors`: names of errors of a disk that an operation
    may end with; what it was about is then given up."""

    def __init__(self, top, number, seed, repeated, errors=()):
        self.top, self.number, self.chance = top, number, random.Random(seed)
        self.repeated, self.errors = repeated, {getattr(errno, name) for name in errors}
        self.files, self.symlinks, self.directories = {}, {}, {top: 0o755}
        self.unlinked, self.held = [], {}
        self.count, self.again, self.failed, self.slowest = 0, 0, 0, [0, ""]
        self.kinds, self.added, self.refused = {}, 0, 0
        self.orphans = 0
        self.once(lambda: os.mkdir(top, 0o755), errno.EEXIST)
        self.locks = os.open(f"{top}/locks", os.O_CREAT | os.O_RDWR, 0o644)
        self.lock_file = File(0o644)
        self.name_file(f"{top}/locks", self.lock_file)

    def once(self, operation, *done):
        """Something that fails if it is executed twice."""
        try:
            operation()
            return True
        except OSError as error:
            if error.errno not in done or not self.repeated:
                raise
            self.again += 1
            return False

    def name_file(self, path, file):
        self.files[path] = file
        file.names.add(path)
        self.note(file, "is", path)

    def forget(self, path):
        file = self.files.pop(path)
        file.names.discard(path)
        self.note(file, "no longer", path)

    def note(self, file, *what):
        """When and by which step something was done with a file, and whether it was repeated."""
        file.history.append((round(time.time(), 3), self.count, self.again, *what))

    def place(self, kind):
        return f"{self.chance.choice(sorted(self.directories))}/{kind}-{self.count}"

    def some(self):
        return self.chance.choice(sorted(set(self.files) - {f"{self.top}/locks"}))

    # Operations. Each one changes the model after what it did was acknowledged.

    def create(self):
        path, mode = self.place("file"), self.chance.choice((0o600, 0o644, 0o750))
        size = self.chance.choice(SIZES)
        self.touched = [path]
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        try:
            descriptor = os.open(path, flags, mode)
        except FileExistsError:
            # O_EXCL too: after an error of the grace period the kernel takes a new verifier.
            if not self.repeated:
                raise
            self.again += 1
            descriptor = os.open(path, os.O_WRONLY)
        file = File(mode)
        self.name_file(path, file)
        self.fill(descriptor, file, 0, size)

    def fill(self, descriptor, file, offset, size):
        data = self.chance.randbytes(size)
        try:
            done = 0
            while done < size:
                done += os.pwrite(descriptor, data[done:], offset + done)
            if self.chance.random() < 0.3:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if size:
            file.data.extend(bytes(max(0, offset - len(file.data))))
            file.data[offset : offset + size] = data
        self.note(file, "written", offset, size)

    def overwrite(self):
        path = self.some()
        file = self.files[path]
        self.touched = sorted(file.names)
        offset = self.chance.randrange(len(file.data) + 3000)
        self.fill(os.open(path, os.O_WRONLY), file, offset, self.chance.choice(SIZES))

    def append(self):
        path = self.some()
        file = self.files[path]
        self.touched = sorted(file.names)
        data = self.chance.randbytes(self.chance.choice((1, 700, 9000)))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            assert os.write(descriptor, data) == len(data) or self.errors, path
            os.fsync(descriptor) if self.chance.random() < 0.3 else None
        finally:
            os.close(descriptor)
        file.data.extend(data)
        self.note(file, "appended", len(data))

    def truncate(self):
        path = self.some()
        file = self.files[path]
        self.touched = sorted(file.names)
        size = self.chance.randrange(len(file.data) + 5000)
        os.truncate(path, size)
        del file.data[size:]
        file.data.extend(bytes(size - len(file.data)))
        self.note(file, "truncated", size)

    def link(self):
        old, new = self.some(), self.place("link")
        if len(self.files[old].names) < 20:
            self.once(lambda: os.link(old, new), errno.EEXIST)
            self.name_file(new, self.files[old])

    def symlink(self):
        path, target = self.place("symlink"), self.place("nowhere")
        self.once(lambda: os.symlink(target, path), errno.EEXIST)
        self.symlinks[path] = target

    def rename(self):
        old, new = self.some(), self.place("moved")
        if self.chance.random() < 0.4:
            new = self.some()
        if self.files[old] is self.files.get(new):
            # Two names of one file: POSIX has nothing happen.
            os.rename(old, new)
            return
        if not self.once(lambda: os.rename(old, new), errno.ENOENT):
            self.look_again(new)
        if new in self.files:
            self.forget(new)
        file = self.files[old]
        self.forget(old)
        self.name_file(new, file)

    def look_again(self, path):
        """Linux takes a rename that was refused to have changed nothing: until it hears that the
        directory has changed, it uses the file that was replaced, which may have other names."""
        probe = f"{os.path.dirname(path)}/again-{self.count}"
        self.once(lambda: os.mkdir(probe), errno.EEXIST)
        self.once(lambda: os.rmdir(probe), errno.ENOENT)

    def rename_directory(self):
        old, new = self.chance.choice(sorted(self.directories)), f"{self.top}/renamed-{self.count}"
        if old == self.top:
            return
        if not self.once(lambda: os.rename(old, new), errno.ENOENT):
            self.look_again(new)
        for table in (self.files, self.symlinks, self.directories):
            for path in [path for path in table if path == old or path.startswith(old + "/")]:
                value = table.pop(path)
                table[new + path[len(old) :]] = value
                if table is self.files:
                    value.names.discard(path)
                    value.names.add(new + path[len(old) :])

    def unlink(self):
        path = self.some()
        self.once(lambda: os.unlink(path), errno.ENOENT)
        self.forget(path)

    def unlink_symlink(self):
        if self.symlinks:
            path = self.chance.choice(sorted(self.symlinks))
            assert os.readlink(path) == self.symlinks[path], path
            self.once(lambda: os.unlink(path), errno.ENOENT)
            del self.symlinks[path]

    def unlink_open(self):
        """A file that goes on being used without a name."""
        if len(self.unlinked) >= 4:
            descriptor, data = self.unlinked.pop(0)
            try:
                assert os.pread(descriptor, 1 << 20, 0) == data, "an unlinked file"
            finally:
                os.close(descriptor)
            return
        path = f"{self.top}/unlinked-{self.count}"
        self.touched = [path]
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            data = self.chance.randbytes(3000)
            assert os.pwrite(descriptor, data, 0) == len(data)
            os.fsync(descriptor)
            # Else its name would have been taken away, and not given to the client's own.
            self.orphans += not self.once(lambda: os.unlink(path), errno.ENOENT)
        except BaseException:
            os.close(descriptor)
            raise
        self.unlinked.append((descriptor, data))

    def mkdir(self):
        path = self.place("directory")
        if path.count("/") < 6 and len(self.directories) < 30:
            self.once(lambda: os.mkdir(path, 0o755), errno.EEXIST)
            self.directories[path] = 0o755

    def rmdir(self):
        path = self.chance.choice(sorted(self.directories))
        inside = path + "/"
        if any(p.startswith(inside) for t in (self.files, self.symlinks, self.directories) for p in t):
            try:
                os.rmdir(path)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
            else:
                raise AssertionError(f"{path} is gone, and was not empty")
        else:
            self.once(lambda: os.rmdir(path), errno.ENOENT)
            del self.directories[path]

    def chmod(self):
        path, mode = self.some(), self.chance.choice((0o400, 0o640, 0o777, 0o1644))
        os.chmod(path, mode)
        self.files[path].mode = mode

    def chown(self):
        path = self.some()
        uid, gid = self.chance.randrange(5000), self.chance.randrange(5000)
        os.chown(path, uid, gid)
        self.files[path].uid, self.files[path].gid = uid, gid

    def read(self):
        path = self.some()
        file = self.files[path]
        with open(path, "rb") as opened:
            found = opened.read()
            inode = os.fstat(opened.fileno()).st_ino
        assert found == file.data, (
            f"{path}, {inode=}: {difference(found, file.data)}; at {time.time():.3f} "
            f"after {list(file.history)}"
        )
        assert os.stat(path).st_nlink == len(file.names), f"{path}: links; {list(file.history)}"

    def exist(self):
        """What is there can't be made again."""
        path = self.some()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return
        raise AssertionError(f"{path} was made again")

    def lock(self):
        """Ranges of a file that nobody else locks: they are held over the faults."""
        place, kind = self.chance.randrange(RANGES), self.chance.choice("rw-")
        command = {"r": fcntl.LOCK_SH, "w": fcntl.LOCK_EX, "-": fcntl.LOCK_UN}[kind]
        nonblocking = 0 if kind == "-" else fcntl.LOCK_NB
        fcntl.lockf(self.locks, command | nonblocking, LENGTH, place * LENGTH)
        self.held.pop(place, None)
        if kind != "-":
            self.held[place] = kind
        if kind == "w" and self.lock_file.data is not None:
            data = self.chance.randbytes(LENGTH)
            self.touched = None
            assert os.pwrite(self.locks, data, place * LENGTH) == LENGTH
            os.fsync(self.locks)
            contents = self.lock_file.data
            contents.extend(bytes(max(0, (place + 1) * LENGTH - len(contents))))
            contents[place * LENGTH : (place + 1) * LENGTH] = data

    def add(self):
        """A number that all workers of all clients add to under a lock, and a place where the
        one that holds it finds nobody else."""
        file = os.open(os.path.dirname(self.top) + "/contended", os.O_RDWR)
        try:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 64, 0)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                self.refused += 1
                return
            value = int(os.pread(file, 20, 0) or b"0")
            mark = b"%020d" % self.number
            os.pwrite(file, mark, 32)
            os.fsync(file)
            assert os.pread(file, 20, 32) == mark, "somebody else holds the lock, too"
            os.pwrite(file, b"%020d" % (value + 1), 0)
            os.fsync(file)
            self.added += 1
            fcntl.lockf(file, fcntl.LOCK_UN, 64, 0)
        finally:
            os.close(file)

    WEIGHTS = {
        create: 14, overwrite: 8, append: 6, truncate: 4, link: 6, symlink: 3, rename: 10,
        rename_directory: 2, unlink: 7, unlink_symlink: 2, unlink_open: 4, mkdir: 4, rmdir: 3,
        chmod: 3, chown: 3, read: 8, exist: 3, lock: 6, add: 4,
    }  # fmt: skip

    def step(self):
        begin = time.time()
        self.count += 1
        kinds = list(self.WEIGHTS)
        kind = self.chance.choices(kinds, list(self.WEIGHTS.values()))[0]
        if self.errors and kind is Workload.add:
            return  # After an error nobody knows what the number is.
        if len(self.files) < 6:
            kind = Workload.create
        elif len(self.files) > 60 and kind in (Workload.create, Workload.link):
            kind = Workload.unlink
        self.touched = []
        try:
            kind(self)
        except OSError as error:
            if error.errno not in self.errors:
                raise AssertionError(f"{kind.__name__} {self.count} of {self.top}") from error
            self.failed += 1
            self.give_up()
        taken = time.time() - begin
        self.kinds[kind.__name__] = self.kinds.get(kind.__name__, 0) + 1
        if taken > self.slowest[0]:
            self.slowest = [taken, kind.__name__]

    def give_up(self):
        """The disk failed: nobody knows what became of these files; so they are removed."""
        if self.touched is None:
            self.touched = []
            self.lock_file.data = None
        for path in self.touched:
            for attempt in range(100):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno not in self.errors or attempt == 99:
                        raise
                    time.sleep(0.01)
                    continue
                break
            if path in self.files:
                self.forget(path)

    def work(self, stop):
        """Works until a file named `stop` appears."""
        while not os.path.exists(stop):
            self.step()

    def steps(self, count):
        for _ in range(count):
            self.step()

    def settle(self):
        """Ends what only this process can see, and gives the model."""
        for descriptor, data in self.unlinked:
            assert os.pread(descriptor, 1 << 20, 0) == data, "an unlinked file"
            os.close(descriptor)
        self.unlinked.clear()
        inside = len(self.top) + 1
        orphans = self.orphans
        if errno.EIO in self.errors:
            # The client removes what it renamed behind the caller's back, and tries only once.
            orphans += self.kinds.get("unlink_open", 0)
        files = {}
        for number, file in enumerate({id(file): file for file in self.files.values()}.values()):
            unknown = file.data is None
            for path in file.names:
                files[path[inside:]] = {
                    "file": number,
                    "size": None if unknown else len(file.data),
                    "digest": None if unknown else hashlib.sha256(file.data).hexdigest(),
                    "attributes": [file.mode, file.uid, file.gid, len(file.names)],
                }
        return {
            "files": files,
            "symlinks": {path[inside:]: target for path, target in self.symlinks.items()},
            "directories": {path[inside:]: mode for path, mode in self.directories.items()},
            "orphans": orphans,
            "held": {str(place): kind for place, kind in self.held.items()},
        }

    def report(self):
        return {
            "operations": self.count, "repeated": self.again, "failed": self.failed,
            "added": self.added, "refused": self.refused, "kinds": self.kinds,
            "slowest": self.slowest,
        }  # fmt: skip


def compare(top, model, owners=True):
    """Compares all below `top` with a model; how many files and octets that were."""
    files, symlinks, directories, silly = {}, {}, {}, 0
    inodes, octets = {}, 0

    def walk(path, inside):
        nonlocal silly, octets
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            symlinks[inside] = os.readlink(path)
        elif stat.S_ISDIR(status.st_mode):
            directories[inside] = stat.S_IMODE(status.st_mode)
            below = 0
            for entry in sorted(os.listdir(path)):
                if entry.startswith(SILLY):
                    silly += 1
                    continue
                below += walk(f"{path}/{entry}", f"{inside}/{entry}" if inside else entry)
            assert status.st_nlink == 2 + below, f"{path}: {status.st_nlink} links, {below} inside"
            return 1
        else:
            assert stat.S_ISREG(status.st_mode), path
            with open(path, "rb") as file:
                data = file.read()
            octets += len(data)
            attributes = [stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
            files[inside] = {
                "file": inodes.setdefault(status.st_ino, len(inodes)),
                "size": len(data),
                "digest": hashlib.sha256(data).hexdigest(),
                "attributes": attributes + [status.st_nlink],
            }
            assert status.st_size == len(data), path
        return 0

    walk(top, "")
    wanted = model["files"]
    assert set(files) == set(wanted), f"files of {top}: {sorted(set(files) ^ set(wanted))}"
    assert symlinks == model["symlinks"], f"{symlinks} instead of {model['symlinks']}"
    same = {}
    for path, file in sorted(files.items()):
        want = dict(wanted[path])
        # Two names are of one file here as there.
        assert same.setdefault(("there", want.pop("file")), file["file"]) == file["file"], path
        assert same.setdefault(("here", file["file"]), wanted[path]["file"]) == wanted[path]["file"], path
        found = {name: file[name] for name in want}
        if want["size"] is None:
            found.update(size=None, digest=None)
        if not owners:
            found["attributes"], want["attributes"] = found["attributes"][3:], want["attributes"][3:]
        assert found == want, f"{top}/{path}: {found} instead of {want}"
    if owners:
        assert directories == model["directories"], f"{directories} {model['directories']}"
    else:
        assert set(directories) == set(model["directories"]), directories
    assert silly <= model["orphans"], f"{silly} files of clients left in {top}"
    return [len(files), octets]


def compare_locks(path, held):
    """From another process: what is held is refused, and what is not is granted."""
    file = os.open(path, os.O_RDWR)
    try:
        for place in range(RANGES):
            for command, allowed in ((fcntl.LOCK_EX, ("-",)), (fcntl.LOCK_SH, ("-", "r"))):
                granted = True
                try:
                    fcntl.lockf(file, command | fcntl.LOCK_NB, LENGTH, place * LENGTH)
                    fcntl.lockf(file, fcntl.LOCK_UN, LENGTH, place * LENGTH)
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EACCES):
                        raise
                    granted = False
                kind = held.get(str(place), "-")
                assert granted == (kind in allowed), f"{path}: range {place} is {kind}, {granted=}"
    finally:
        os.close(file)
    return RANGES
