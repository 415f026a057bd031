# Runs a program to which every sync only seems to be done: the kernel answers 0 and does nothing.
# For the tests of the tests: such a server must be found out.
import ctypes, os, struct, sys

FSYNC, FDATASYNC, SYNC_FILE_RANGE, SYNCFS, SYNC, MSYNC = 74, 75, 277, 306, 162, 26
SYNCS = (FSYNC, FDATASYNC, SYNC_FILE_RANGE, SYNCFS, SYNC, MSYNC)
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO_0 = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2

# Linux's numbers for x86-64, as that of the guests.
program = [(LOAD, 0, 0, 0)]
for index, number in enumerate(SYNCS):
    program.append((JUMP_IF_EQUAL, len(SYNCS) - index, 0, number))
program += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO_0)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


libc = ctypes.CDLL(None, use_errno=True)
prog = Filter(len(program), ctypes.addressof(code))
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
    PR_SET_SECCOMP, FILTER, ctypes.byref(prog), 0, 0
):
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
