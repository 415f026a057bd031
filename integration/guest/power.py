# Work of an application on a kernel's mount until the power goes, and what may be found after that.
# Every step follows from the seed: who knows how many were acknowledged knows what was promised.
import collections, copy, json, os, random, stat, struct, sys

CELL, CELLS = 512, 150
# Steps that may have been done and were not heard of: the one under way, and those whose
# acknowledgement was lost on its way out of the machine.
UNHEARD = 40

Cell = collections.namedtuple("Cell", "kept asked")  # the version on the disk, all that may be


def content(file, place, version):
    return struct.pack(">QQQ", file, place, version).ljust(32, b"=") * (CELL // 32)


class Course:
    """Steps, and what is there after each of them. A step is (kind, arguments...)."""

    def __init__(self, seed):
        self.chance, self.count = random.Random(seed), 0
        self.names, self.directories = {}, ["."]  # path: ("file", id), ("symlink", text), ...
        self.cells, self.made, self.held = {}, {}, []

    def choose(self):
        self.count += 1
        files = [path for path, (kind, _) in self.names.items() if kind == "file"]
        free = [path for path in files if self.names[path][1] not in self.held]
        new = f"{self.chance.choice(self.directories)}/n{self.count}"
        kind = self.chance.choices(
            ("make", "write", "hold", "scribble", "sync", "rename", "link", "unlink", "symlink",
             "mkdir", "rmdir"),
            (20, 16, 3, 8, 4, 12, 5, 9, 3, 3, 2),
        )[0]  # fmt: skip
        first = self.chance.randrange(CELLS)
        last = min(CELLS, first + self.chance.randrange(1, 40))
        how = self.chance.choice(("close", "fsync", "O_SYNC", "O_DSYNC"))
        if kind == "make" and len(files) < 40:
            return ("make", new, self.chance.choice((0o600, 0o644)), 0, last, how)
        if kind == "write" and free:
            return ("write", self.chance.choice(free), first, last, how)
        if kind == "hold" and len(self.held) < 3:
            return ("hold", new)
        if kind in ("scribble", "sync") and self.held:
            held = self.chance.choice(self.held)
            return (kind, held, first, last) if kind == "scribble" else (kind, held)
        if kind == "rename" and len(free) > 3:
            old, other = self.chance.sample(free, 2)
            same = self.names[old] == self.names[other]
            return ("rename", old, new if same or self.chance.random() < 0.5 else other)
        if kind == "link" and free:
            return ("link", self.chance.choice(free), new)
        if kind == "unlink" and len(free) > 8:
            return ("unlink", self.chance.choice(free))
        if kind == "symlink":
            return ("symlink", f"somewhere/{self.count}", new)
        if kind == "mkdir" and len(self.directories) < 8:
            return ("mkdir", new)
        if kind == "rmdir":
            empty = [path for path in self.directories[1:]
                     if not any(name.startswith(path + "/") for name in self.names)]  # fmt: skip
            if empty:
                return ("rmdir", self.chance.choice(empty))
        return ("nothing",)

    def apply(self, step):
        """What the step does, if all of it is done and acknowledged."""
        kind, *args = step
        if kind in ("make", "hold"):
            self.names[args[0]] = ("file", self.count)
            self.cells[self.count] = [Cell(0, (0,))] * CELLS
            self.made[self.count] = self.count
            if kind == "hold":
                self.held.append(self.count)
            else:
                self.write(self.count, args[2], args[3], True)
        elif kind == "write":
            self.write(self.names[args[0]][1], args[1], args[2], True)
        elif kind == "scribble":
            self.write(*args, False)
        elif kind == "sync":
            self.cells[args[0]] = [Cell(cell.asked[-1], cell.asked) for cell in self.cells[args[0]]]
        elif kind == "rename":
            self.names[args[1]] = self.names.pop(args[0])
        elif kind == "link":
            self.names[args[1]] = self.names[args[0]]
        elif kind == "unlink":
            del self.names[args[0]]
        elif kind == "symlink":
            self.names[args[1]] = ("symlink", args[0])
        elif kind == "mkdir":
            self.names[args[0]] = ("directory", None)
            self.directories.append(args[0])
        elif kind == "rmdir":
            del self.names[args[0]]
            self.directories.remove(args[0])

    def write(self, file, first, last, kept):
        cells = self.cells[file]
        for place in range(first, last):
            asked = cells[place].asked + (self.count,)
            cells[place] = Cell(self.count if kept else cells[place].kept, asked)
        if kept:  # Closing and syncing are of the whole file.
            self.cells[file] = [Cell(cell.asked[-1], cell.asked) for cell in cells]

    def synced(self, step):
        """The file that this step brings to the disk."""
        kind, *args = step
        if kind in ("make", "write"):
            return self.names[args[0]][1]
        return args[0] if kind == "sync" else None


def perform(step, file, descriptors):
    """Does a step; `file` is the id of what it makes or writes, and `descriptors` those held."""
    kind, *args = step
    if kind in ("make", "write"):
        path, first, last, how = args[0], *args[-3:]
        flags = os.O_WRONLY | {"O_SYNC": os.O_SYNC, "O_DSYNC": os.O_DSYNC}.get(how, 0)
        if kind == "make":
            flags |= os.O_CREAT | os.O_EXCL
        descriptor = os.open(path, flags, args[1])
        put(descriptor, file, first, last)
        if how == "fsync":
            os.fsync(descriptor)
        os.close(descriptor)
    elif kind == "hold":
        descriptors[file] = os.open(args[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
    elif kind == "scribble":
        put(descriptors[args[0]], *args)
    elif kind == "sync":
        os.fsync(descriptors[args[0]])
    elif kind != "nothing":
        getattr(os, kind)(*args)


def put(descriptor, file, first, last):
    data = b"".join(content(file, place, perform.count) for place in range(first, last))
    done = os.pwrite(descriptor, data, first * CELL)
    assert done == len(data), f"{done} of {len(data)} octets written"


def work(top, seed):
    os.mkdir(top, 0o755)
    os.chdir(top)
    course, descriptors = Course(seed), {}
    while True:
        step = course.choose()
        perform.count = course.count
        file = course.names[step[1]][1] if step[0] == "write" else course.count
        perform(step, file, descriptors)
        course.apply(step)
        print(course.count, flush=True)


def found(top):
    """What there is, as (names, contents): names with inode numbers for ids."""
    names, contents = {}, {}
    for directory, directories, files in os.walk(top):
        inside = os.path.relpath(directory, top)
        for name in directories + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            place = f"{inside}/{name}" if inside == "." else f"./{inside}/{name}"
            if stat.S_ISLNK(status.st_mode):
                names[place] = ("symlink", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                names[place] = ("directory", None)
            else:
                names[place] = ("file", status.st_ino)
                with open(path, "rb") as file:
                    contents[status.st_ino] = file.read()
    return names, contents


def check(top, seed, acknowledged, strict):
    """Compares what there is with what was promised. Gives how much that was."""
    course, states, asked = Course(seed), [], {}
    states.append({})
    promised = acknowledged if strict else 0
    for count in range(1, acknowledged + UNHEARD + 1):
        step = course.choose()
        course.apply(step)
        states.append({simple(path): what for path, what in course.names.items()})
        if count == acknowledged:
            kept = {file: [cell.kept for cell in cells] for file, cells in course.cells.items()}
        if count <= acknowledged and (file := course.synced(step)):
            promised = max(promised, course.made[file])
    asked = {file: [cell.asked for cell in cells] for file, cells in course.cells.items()}
    names, contents = found(top) if os.path.lexists(top) else ({}, {})
    reasons = []
    for count in reversed(range(len(states))):
        state = states[count]
        if set(state) != set(names) or {p: k for p, (k, _) in state.items()} != {
            p: k for p, (k, _) in names.items()
        }:
            continue
        try:
            assert count >= promised, f"names as after step {count}: {promised} were promised"
            verified = compare(state, names, contents, kept, asked)
        except AssertionError as reason:
            reasons.append(str(reason))
            continue
        lost = max(0, acknowledged - count)
        return {"names": len(names), "octets": verified, "lost": lost, "steps": acknowledged}
    near = min(range(len(states)), key=lambda count: len(set(states[count]) ^ set(names)))
    differ = sorted(set(states[near]) ^ set(names))
    raise AssertionError(
        f"LOST {top}, {seed=}, {acknowledged=}: {reasons or f'no such names; {near} has {differ}'}"
    )


def simple(path):
    return "./" + os.path.normpath(path)


def compare(state, names, contents, kept, asked):
    same, verified = {}, 0
    for path, (kind, what) in state.items():
        there = names[path][1]
        if kind != "file":
            assert there == what, f"{path} is {there} instead of {what}"
            continue
        assert same.setdefault(("id", what), there) == there, f"{path}: two files of one"
        assert same.setdefault(("inode", there), what) == what, f"{path}: one file of two"
        data = contents[there]
        assert len(data) % CELL == 0 and len(data) <= CELLS * CELL, f"{path}: {len(data)} octets"
        for place in range(CELLS):
            cell, least = data[place * CELL : (place + 1) * CELL], kept.get(what, [0] * CELLS)[place]
            if any(cell):
                file, at, version = struct.unpack(">QQQ", cell[:24])
                assert cell == content(what, place, version), f"{path}: garbage in cell {place}"
            else:
                version = 0
            assert version in asked[what][place], f"{path}: {version} was never written"
            assert version >= least, f"{path}: cell {place} has {version}, and {least} was synced"
            verified += CELL if least else 0
    return verified


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2], sys.argv[3])
    else:
        print(json.dumps(check(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5] == "strict")))
