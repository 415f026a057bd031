# What an ordinary program does to files, timed and counted. `measure` is a generator: it gives the
# name of a step and how often it is taken, then, when the step is done, the microseconds and the
# calls to the server that it took once, and so on.
import os, time


def calls(mount):
    """Calls to the server so far, without those that only keep a lease."""
    here, total = False, 0
    for line in open("/proc/self/mountstats"):
        words = line.split()
        if line.startswith("device"):
            here = words[4] == mount
        elif here and len(words) == 10 and words[0].endswith(":") and words[0].isupper():
            if words[0] not in ("SEQUENCE:", "RENEW:"):
                total += int(words[1])
    return total


def forget():
    """Makes this machine forget what it has cached."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def measure(mount, count, mebibytes):
    top = "%s/small-%d" % (mount, os.getpid())
    os.mkdir(top)
    path = lambda kind, number: "%s/%s%d" % (top, kind, number)

    def step(name, work, times=count, parts=1):
        """A work that is done so often, each time with so many parts that count as one step."""
        yield [name, times * parts]
        before, begin = calls(mount), time.perf_counter()
        for number in range(times):
            work(number)
        took = time.perf_counter() - begin
        yield [took * 1e6 / times / parts, (calls(mount) - before) / times / parts]

    def create(number):
        os.close(os.open(path("f", number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))

    def write(number):
        file = os.open(path("w", number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        os.write(file, b"x" * 4096)
        os.close(file)

    def read(number):
        file = os.open(path("w", number), os.O_RDONLY)
        if os.read(file, 8192) != b"x" * 4096:
            raise AssertionError("something else is read")
        os.close(file)

    def remove_directory(number):
        os.rmdir(path("d", number))

    yield from step("create, close", create)
    yield from step("write 4 KiB, close", write)
    forget()
    yield from step("stat", lambda number: os.stat(path("w", number)))
    forget()
    yield from step("open, read, close", read)
    for number in range(count):
        os.stat(path("f", number))
    yield from step("rename", lambda number: os.rename(path("f", number), path("r", number)))
    yield from step("link", lambda number: os.link(path("r", number), path("l", number)))
    yield from step("symlink", lambda number: os.symlink("target", path("s", number)))
    yield from step("mkdir", lambda number: os.mkdir(path("d", number)))
    forget()

    def list_all(_):
        with os.scandir(top) as entries:
            seen = sum(1 for entry in entries if entry.stat(follow_symlinks=False).st_ino)
        if seen != 5 * count:
            raise AssertionError("%d of %d entries" % (seen, 5 * count))

    yield from step("list with attributes", list_all, 1)
    yield from step("rmdir", remove_directory)
    for kind in "lrsw":
        # One step alone is shown; the others only clean up.
        if kind == "l":
            yield from step("unlink", lambda number: os.unlink(path("l", number)))
        else:
            for number in range(count):
                os.unlink(path(kind, number))
    data = os.urandom(1 << 20)
    name = path("large", 0)

    def write_all(_):
        file = os.open(name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
        for _ in range(mebibytes):
            os.write(file, data)
        os.fsync(file)
        os.close(file)

    def read_all(_):
        file = os.open(name, os.O_RDONLY)
        while piece := os.read(file, 1 << 20):
            if piece != data:
                raise AssertionError("something else is read")
        os.close(file)

    yield from step("write and fsync, 1 MiB", write_all, 1, mebibytes)
    forget()
    yield from step("read, 1 MiB", read_all, 1, mebibytes)
    os.unlink(name)
    os.rmdir(top)
