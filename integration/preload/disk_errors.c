/*
 * Makes system calls of the program that it is preloaded into fail as those of a failing disk do.
 *
 * A seccomp filter sends the calls below to a handler of SIGSYS, however they are made: the
 * server makes most of them without the C library. The handler looks at the rules in a file that
 * is mapped by both sides, and answers with an errno or makes the call in the program's place.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "registers and filter are those of x86-64"
#endif

enum call {
    WRITE = 1 << 0,
    SYNC = 1 << 1,
    READ = 1 << 2,
    TRUNCATE = 1 << 3,
    CREATE = 1 << 4,
    OPEN = 1 << 5,
    LINK = 1 << 6,
    RENAME = 1 << 7,
    UNLINK = 1 << 8,
    SET = 1 << 9,
};

/* The layout is that of `disk_errors.rs`. */
struct rule {
    uint32_t calls;  /* which, of enum call; 0: no rule */
    uint32_t error;  /* the errno */
    uint32_t skip;   /* how many that match pass before the first that fails */
    uint32_t every;  /* 1: all that follow fail; n: each nth */
    uint32_t limit;  /* how many fail at most */
    uint32_t seen;   /* how many matched */
    uint32_t failed; /* how many failed */
    uint32_t unused;
    char path[96];   /* a part of the path that the call is about; empty: any */
};

enum { RULES = 8 };

static struct rule *rules;

long disk_errors_call(long number, long a, long b, long c, long d, long e, long f);
extern const char disk_errors_after[];

/* The filter knows the handler's own calls by where they are made. */
__asm__(".text\n"
        ".globl disk_errors_call\n"
        ".hidden disk_errors_call\n"
        ".hidden disk_errors_after\n"
        ".globl disk_errors_after\n"
        "disk_errors_call:\n"
        "mov %rdi, %rax\n"
        "mov %rsi, %rdi\n"
        "mov %rdx, %rsi\n"
        "mov %rcx, %rdx\n"
        "mov %r8, %r10\n"
        "mov %r9, %r8\n"
        "mov 8(%rsp), %r9\n"
        "syscall\n"
        "disk_errors_after:\n"
        "ret\n");

static enum call kind(long number, const greg_t *registers)
{
    switch (number) {
    case SYS_pwrite64: return WRITE;
    case SYS_fsync: case SYS_fdatasync: case SYS_syncfs: return SYNC;
    case SYS_preadv2: case SYS_pread64: return READ;
    case SYS_ftruncate: return TRUNCATE;
    case SYS_openat:
        return registers[REG_RDX] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? CREATE : OPEN;
    case SYS_openat2: return OPEN;
    case SYS_mkdirat: case SYS_mknodat: case SYS_symlinkat: return CREATE;
    case SYS_linkat: return LINK;
    case SYS_renameat: case SYS_renameat2: return RENAME;
    case SYS_unlinkat: return UNLINK;
    default: return SET;
    }
}

/* The path of the descriptor that the call is about, and the name in it if there is one. */
static void path_of(long number, const greg_t *registers, char *path, size_t size)
{
    long descriptor = registers[REG_RDI];
    const char *name = NULL;
    switch (number) {
    case SYS_symlinkat:
        descriptor = registers[REG_RSI];
        name = (const char *)registers[REG_RDX];
        break;
    case SYS_linkat: case SYS_renameat: case SYS_renameat2:
        descriptor = registers[REG_RDX];
        name = (const char *)registers[REG_R10];
        break;
    case SYS_openat: case SYS_openat2: case SYS_mkdirat: case SYS_mknodat: case SYS_unlinkat:
    case SYS_fchownat: case SYS_fchmodat: case SYS_utimensat:
        name = (const char *)registers[REG_RSI];
        break;
    }
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", descriptor);
    long length = disk_errors_call(SYS_readlink, (long)link, (long)path, size - 1, 0, 0, 0);
    path[length > 0 ? length : 0] = 0;
    if (name) {
        size_t used = strlen(path);
        snprintf(path + used, size - used, "/%s", name);
    }
}

static uint32_t verdict(long number, const greg_t *registers)
{
    enum call call = kind(number, registers);
    char path[512];
    int known = 0;
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &rules[i];
        if (!(__atomic_load_n(&rule->calls, __ATOMIC_ACQUIRE) & call))
            continue;
        if (rule->path[0]) {
            if (!known)
                path_of(number, registers, path, sizeof path);
            known = 1;
            if (!strstr(path, rule->path))
                continue;
        }
        uint32_t seen = __atomic_fetch_add(&rule->seen, 1, __ATOMIC_SEQ_CST);
        if (seen < rule->skip || (seen - rule->skip) % rule->every != 0)
            continue;
        uint32_t failed = __atomic_load_n(&rule->failed, __ATOMIC_SEQ_CST);
        while (failed < rule->limit)
            if (__atomic_compare_exchange_n(&rule->failed, &failed, failed + 1, 0,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                return rule->error;
    }
    return 0;
}

static void trapped(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long number = info->si_syscall;
    uint32_t error = verdict(number, registers);
    registers[REG_RAX] = error ? -(long)error
        : disk_errors_call(number, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                           registers[REG_R10], registers[REG_R8], registers[REG_R9]);
}

static void fail(const char *what)
{
    fprintf(stderr, "disk_errors: %s: %s\n", what, strerror(errno));
    _exit(97);
}

__attribute__((constructor)) static void begin(void)
{
    static const int calls[] = {
        SYS_pwrite64, SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_preadv2, SYS_pread64,
        SYS_ftruncate, SYS_openat, SYS_openat2, SYS_mkdirat, SYS_mknodat, SYS_symlinkat,
        SYS_linkat, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_fchownat, SYS_fchmodat,
        SYS_utimensat, SYS_fsetxattr,
    };
    enum { CALLS = sizeof calls / sizeof *calls };
    const char *control = getenv("LOCALEFS_DISK_ERRORS");
    if (!control)
        return;
    int file = open(control, O_RDWR | O_CLOEXEC);
    if (file < 0)
        fail(control);
    rules = mmap(NULL, RULES * sizeof *rules, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (rules == MAP_FAILED)
        fail("mmap");
    close(file);
    struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_RESTART };
    if (sigaction(SIGSYS, &action, NULL))
        fail("sigaction");

    uint64_t own = (uint64_t)disk_errors_after;
    struct sock_filter filter[8 + 2 * CALLS + 1];
    int n = 0;
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define END(action) BPF_STMT(BPF_RET | BPF_K, (action))
    struct sock_filter head[] = {
        LOAD(instruction_pointer), UNLESS((uint32_t)own, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        UNLESS((uint32_t)(own >> 32), 1), END(SECCOMP_RET_ALLOW), LOAD(nr),
    };
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        filter[n++] = head[i];
    for (int i = 0; i < CALLS; i++) {
        filter[n++] = (struct sock_filter)UNLESS(calls[i], 1);
        filter[n++] = (struct sock_filter)END(SECCOMP_RET_TRAP);
    }
    filter[n++] = (struct sock_filter)END(SECCOMP_RET_ALLOW);
    struct sock_fprog program = { .len = n, .filter = filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        fail("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        fail("PR_SET_SECCOMP");
}
