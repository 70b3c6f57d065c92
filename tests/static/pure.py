"""rules/ decides by its arguments alone: no I/O, no clock, no environment, no global state.

Arguments: the library and a C compiler, for the test of this test. Looked at are the symbols that
the library leaves undefined, so the check sees every call, whichever header declared it. What other
libraries do by themselves it cannot see: iconv_open() may load a converter (rules/text/charset.h),
libcrypto its configuration. Printing to stderr is not forbidden, for rules/util/memory.h does it
before it ends the program.
"""
import os
import re
import subprocess
import sys
import tempfile

FORBIDDEN = {
    "files": "open openat creat fopen fdopen freopen opendir readdir read pread readv fread fgets "
             "getline getdelim fgetc getc write pwrite writev close stat fstat lstat fstatat statx "
             "access faccessat readlink realpath mkdir unlink rename link symlink truncate "
             "ftruncate fsync fdatasync mmap flock lockf fcntl ioctl dup pipe mkstemp tmpfile "
             "getcwd chdir syscall",
    "standard streams": "stdin stdout printf vprintf puts putchar getchar perror syslog",
    "the network": "socket socketpair connect bind listen accept accept4 send sendto sendmsg recv "
                   "recvfrom recvmsg poll select epoll_wait getaddrinfo gethostbyname gethostname",
    "processes and threads": "fork vfork execve execv execvp posix_spawn system popen exit _exit "
                             "atexit kill signal sigaction raise getpid pthread_create "
                             "pthread_mutex_lock pthread_once call_once mtx_lock sleep usleep "
                             "nanosleep",
    "the clock": "time clock clock_gettime gettimeofday timespec_get ftime",
    # These read TZ and the zone's file, gmtime_r() too, when it is the first of them.
    "the environment's time zone": "localtime localtime_r gmtime gmtime_r mktime tzset timegm "
                                   "strftime ctime asctime timezone daylight tzname",
    "the environment": "getenv secure_getenv setenv putenv environ getuid geteuid getpwnam getpwuid "
                       "sysconf uname",
    "the locale": "setlocale localeconv nl_langinfo tolower toupper __ctype_b_loc "
                  "__ctype_tolower_loc __ctype_toupper_loc mbstowcs mbrtowc wcrtomb strcoll",
    "randomness and state between calls": "rand srand random drand48 getrandom getentropy "
                                          "arc4random RAND_bytes strtok strerror dlopen",
}
FAMILY = {name: family for family, names in FORBIDDEN.items() for name in names.split()}


def plain(symbol):
    """A function's name without version and without what fortification and large files add."""
    symbol = symbol.split("@")[0]
    if symbol in FAMILY:
        return symbol
    symbol = re.sub(r"^__isoc\d+_", "", symbol)
    symbol = re.sub(r"^_*(.*?)(_chk|_2)?$", r"\1", symbol)
    return re.sub(r"64(_r)?$", r"\1", symbol)


def faults(binary):
    listed = subprocess.run(["nm", "-A", "--undefined-only", binary], stdout=subprocess.PIPE,
                            check=True, env={**os.environ, "LC_ALL": "C"}).stdout.decode()
    for line in listed.splitlines():
        where, _, symbol = line.rpartition(" ")
        name = plain(symbol)
        if name in FAMILY:
            member = where.rpartition(":")[0].rpartition(":")[2] or where
            yield f"{member}: {symbol}() belongs to {FAMILY[name]}"


def refused(compiler, folder, body):
    source, binary = os.path.join(folder, "made_up.c"), os.path.join(folder, "made_up.o")
    with open(source, "w", encoding="ascii") as file:
        file.write(body)
    subprocess.run([compiler, "-c", "-O2", "-fno-builtin", "-o", binary, source], check=True)
    return len(list(faults(binary)))


def test_of_the_test(compiler):
    """Made-up objects, and how many faults each has."""
    cases = [
        ("unsigned long strlen(const char *); unsigned long f(void) { return strlen(\"a\"); }", 0),
        ("int open(const char *, int); int f(void) { return open(\"a\", 0); }", 1),
        ("int openat64(int, const char *, int); int f(void) { return openat64(0, \"a\", 0); }", 1),
        ("long __read_chk(int, void *, long, long);"
         "long f(char *a) { return __read_chk(0, a, 1, 1); }", 1),
        ("long time(long *); char *getenv(const char *);"
         "int f(void) { return time(0) != 0 && getenv(\"TZ\") != 0; }", 2),
        ("extern char **environ; char *f(void) { return *environ; }", 1),
        ("static int open(void) { return 1; } int f(void) { return open(); }", 0),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for body, expected in cases:
            found = refused(compiler, folder, body)
            if found != expected:
                yield f"the test itself: {found} faults, not {expected}, in: {body}"


def main():
    library, compiler = sys.argv[1:]
    found = list(test_of_the_test(compiler)) + list(faults(library))
    for line in found:
        print(line)
    print(f"{len(FAMILY)} forbidden symbols, {len(found)} faults")
    return 1 if found else 0


sys.exit(main())
