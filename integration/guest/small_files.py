# What an ordinary program does to files, timed and counted: for each step the microseconds and the
# calls to the server that one of it takes.
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
    results = {}
    top = "%s/small-%d" % (mount, os.getpid())
    os.mkdir(top)
    path = lambda kind, number: "%s/%s%d" % (top, kind, number)

    def step(name, work, times=count):
        before, begin = calls(mount), time.perf_counter()
        for number in range(times):
            work(number)
        took = time.perf_counter() - begin
        results[name] = [took * 1e6 / times, (calls(mount) - before) / times]

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

    step("create, close", create)
    step("write 4 KiB, close", write)
    forget()
    step("stat", lambda number: os.stat(path("w", number)))
    forget()
    step("open, read, close", read)
    for number in range(count):
        os.stat(path("f", number))
    step("rename", lambda number: os.rename(path("f", number), path("r", number)))
    step("link", lambda number: os.link(path("r", number), path("l", number)))
    step("symlink", lambda number: os.symlink("target", path("s", number)))
    step("mkdir", lambda number: os.mkdir(path("d", number)))
    forget()

    def list_all(_):
        with os.scandir(top) as entries:
            seen = sum(1 for entry in entries if entry.stat(follow_symlinks=False).st_ino)
        if seen != 5 * count:
            raise AssertionError("%d of %d entries" % (seen, 5 * count))

    step("list with attributes", list_all, 1)
    step("rmdir", remove_directory)
    for kind in "lrsw":
        # One step alone is shown; the others only clean up.
        if kind == "l":
            step("unlink", lambda number: os.unlink(path("l", number)))
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

    step("write and fsync, 1 MiB", write_all, 1)
    forget()
    step("read, 1 MiB", read_all, 1)
    for name_ in ("write and fsync, 1 MiB", "read, 1 MiB"):
        results[name_] = [value / mebibytes for value in results[name_]]
    os.unlink(name)
    os.rmdir(top)
    return results
