# Reads one JSON string a line, runs it as Python, and answers with one JSON
# object a line: the value of an expression, the name of an errno, or a trace.
import errno, fcntl, hashlib, json, mmap, os, random, stat, sys, time, traceback

scope = dict(globals())


def become(uid, gid, groups=()):
    """Takes another identity for good; root's capabilities go with it."""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def write(path, data, mode="wb"):
    with open(path, mode) as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "backslashreplace")


def content(seed, size):
    """Bytes that both sides of a comparison can make."""
    return random.Random(seed).randbytes(size)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mode(path):
    return "%o" % stat.S_IMODE(os.lstat(path).st_mode)


def lock(file, kind, start=0, length=0, wait=False):
    """A lock of POSIX; kind is "read", "write" or "none"."""
    kinds = {"read": fcntl.LOCK_SH, "write": fcntl.LOCK_EX, "none": fcntl.LOCK_UN}
    flags = kinds[kind] | (0 if wait or kind == "none" else fcntl.LOCK_NB)
    fcntl.lockf(file, flags, length, start)


def compiled(source):
    try:
        return compile(source, "<lab>", "eval")
    except SyntaxError:
        pass
    return compile(source, "<lab>", "exec")


scope.update(globals())

for line in sys.stdin:
    try:
        answer = {"value": eval(compiled(json.loads(line)), scope)}
    except OSError as error:
        answer = {"errno": errno.errorcode.get(error.errno, str(error.errno))}
    except BaseException:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
