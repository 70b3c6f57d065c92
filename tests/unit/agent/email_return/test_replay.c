#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config/config_files.h"
#include "agent/email_return/replay.h"
#include "agent/reflect/answer.h"

#define SECOND UINT64_C(1000000)
#define START (UINT64_C(1767225600) * SECOND)

_Static_assert(REPLAY_KEPT > ANSWER_FRESH_BEFORE + ANSWER_FRESH_AFTER,
               "a nonce is remembered for longer than its token is fresh");

static const struct replay_limits no_limits = {0, 0};

struct fixture {
    struct config_files files;
    char *path, why[300];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    f->path = config_files_path(&f->files, "cache");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    config_files_end(&f->files);
    free(f->path);
    free(f);
    return 0;
}

static void write_nonce(unsigned number, unsigned char nonce[TOKEN_NONCE])
{
    memset(nonce, 0xaa, TOKEN_NONCE);
    memcpy(nonce + 7, &number, sizeof(number));
}

static enum replay_outcome note(struct fixture *f, unsigned number, uint64_t now_us,
                                const struct replay_limits *limits)
{
    unsigned char nonce[TOKEN_NONCE];

    write_nonce(number, nonce);
    return replay_note(f->path, nonce, now_us, limits, f->why, sizeof(f->why));
}

static bool forget(const struct fixture *f, unsigned number)
{
    unsigned char nonce[TOKEN_NONCE];

    write_nonce(number, nonce);
    return replay_forget(f->path, nonce);
}

static void test_each_once(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_NEW);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(note(f, 1, START + 1, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, 2, START + 5 * 86400 * SECOND, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, 2, START - 5 * 86400 * SECOND, &no_limits), REPLAY_SEEN);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_forgotten(void **state)
{
    struct fixture *f = *state;

    assert_false(forget(f, 1));
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_NEW);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_true(forget(f, 1));
    assert_false(forget(f, 1));
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_NEW);
}

static void test_answers_an_hour(void **state)
{
    static const struct replay_limits limits = {3, 0};
    struct fixture *f = *state;

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(note(f, i, START + i * 60 * SECOND, &limits), REPLAY_NEW);
    assert_int_equal(note(f, 3, START + 3599 * SECOND, &limits), REPLAY_TOO_MANY);
    assert_non_null(strstr(f->why, "3 answers within an hour"));
    assert_int_equal(note(f, 2, START + 3599 * SECOND, &limits), REPLAY_SEEN);
    assert_int_equal(note(f, 3, START + 3600 * SECOND, &limits), REPLAY_NEW);
    assert_int_equal(note(f, 4, START + 3600 * SECOND, &limits), REPLAY_TOO_MANY);
    assert_true(forget(f, 3)); /* it was not answered after all */
    assert_int_equal(note(f, 4, START + 3600 * SECOND, &limits), REPLAY_NEW);
}

static void test_interval(void **state)
{
    static const struct replay_limits limits = {0, 10};
    struct fixture *f = *state;

    assert_int_equal(note(f, 1, START, &limits), REPLAY_NEW);
    assert_int_equal(note(f, 2, START + 10 * SECOND - 1, &limits), REPLAY_TOO_SOON);
    assert_int_equal(note(f, 2, START + 10 * SECOND, &limits), REPLAY_NEW);
    /* The clock was set back: it does not stop answers for long. */
    assert_int_equal(note(f, 3, START + 9 * SECOND, &limits), REPLAY_TOO_SOON);
    assert_int_equal(note(f, 3, START - 10 * SECOND, &limits), REPLAY_NEW);
}

static void test_clock_set_back(void **state)
{
    static const struct replay_limits limits = {1, 0};
    struct fixture *f = *state;

    assert_int_equal(note(f, 1, START, &limits), REPLAY_NEW);
    assert_int_equal(note(f, 2, START - 3599 * SECOND, &limits), REPLAY_TOO_MANY);
    assert_int_equal(note(f, 2, START - 3600 * SECOND, &limits), REPLAY_NEW);
    assert_int_equal(note(f, 3, 0, &limits), REPLAY_NEW);
}

/* ---- full ---- */

/* The file as it is after many answers, one each second, written by hand. */
static void write_full(const struct fixture *f, uint64_t first_us)
{
    unsigned char nonce[TOKEN_NONCE];
    FILE *out = fopen(f->path, "r+");

    assert_non_null(out);
    fseek(out, 24, SEEK_SET);
    for (unsigned i = 0; i < REPLAY_ENTRIES; i++) {
        uint64_t time_us = first_us + i * SECOND;
        write_nonce(i, nonce);
        fwrite(nonce, 1, sizeof(nonce), out);
        fwrite(&time_us, sizeof(time_us), 1, out);
    }
    assert_int_equal(fclose(out), 0);
}

static void test_no_fresh_nonce_is_given_up(void **state)
{
    struct fixture *f = *state;
    uint64_t end = START + REPLAY_KEPT * SECOND;

    assert_int_equal(replay_check(f->path, f->why, sizeof(f->why)), REPLAY_NEW);
    write_full(f, START);
    assert_int_equal(note(f, REPLAY_ENTRIES, end - 1, &no_limits), REPLAY_TOO_MANY);
    assert_int_equal(note(f, 0, end - 1, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, REPLAY_ENTRIES, end, &no_limits), REPLAY_NEW);
    assert_int_equal(note(f, REPLAY_ENTRIES + 1, end, &no_limits), REPLAY_TOO_MANY);
    assert_int_equal(note(f, 1, end, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, REPLAY_ENTRIES, end, &no_limits), REPLAY_SEEN);
    assert_int_equal(note(f, 0, end + SECOND, &no_limits), REPLAY_NEW); /* the oldest had gone */
}

/* ---- two at once ---- */

static unsigned count_new(struct fixture *f, unsigned processes, unsigned nonces)
{
    unsigned total = 0;
    int go[2];

    assert_int_equal(pipe(go), 0);
    for (unsigned i = 0; i < processes; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid > 0)
            continue;
        char octet;
        unsigned mine = 0;
        close(go[1]);
        if (read(go[0], &octet, 1) != 0) /* all begin when the pipe closes */
            _exit(255);
        for (unsigned n = 0; n < nonces; n++) {
            enum replay_outcome outcome = note(f, n, START, &no_limits);
            if (outcome == REPLAY_NEW)
                mine++;
            else if (outcome != REPLAY_SEEN)
                _exit(255);
        }
        _exit((int)mine);
    }
    close(go[0]);
    close(go[1]);
    for (unsigned i = 0; i < processes; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        assert_int_not_equal(WEXITSTATUS(status), 255);
        total += (unsigned)WEXITSTATUS(status);
    }
    return total;
}

static void test_two_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(count_new(f, 2, 100), 100);
}

static void test_many_make_the_file(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 20; i++) {
        unlink(f->path);
        assert_int_equal(count_new(f, 8, 1), 1);
    }
}

/* ---- files that are not ours ---- */

static char *contents(const char *path, size_t *len)
{
    FILE *in = fopen(path, "r");
    char *text = xcalloc(1, 1 << 20);

    assert_non_null(in);
    *len = fread(text, 1, 1 << 20, in);
    fclose(in);
    return text;
}

static void must_be_foreign(struct fixture *f, const char *word)
{
    struct stat before, after;
    size_t len, len_after;

    assert_int_equal(stat(f->path, &before), 0);
    char *text = contents(f->path, &len);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_FOREIGN);
    if (strstr(f->why, word) == NULL || strstr(f->why, f->path) != f->why)
        fail_msg("%s", f->why);
    assert_int_equal(replay_check(f->path, f->why, sizeof(f->why)), REPLAY_FOREIGN);
    assert_false(forget(f, 1));
    char *text_after = contents(f->path, &len_after);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(len, len_after);
    assert_memory_equal(text, text_after, len);
    assert_int_equal(before.st_mode, after.st_mode);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    free(text);
    free(text_after);
}

static void test_permissions(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0666, 0601};
    struct fixture *f = *state;

    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        assert_int_equal(chmod(f->path, modes[i]), 0);
        must_be_foreign(f, "chmod 600");
    }
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_NEW);
}

static void test_other_contents(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int fd;

    config_files_write(&f->files, "cache", "somebody's letter\n", 0600);
    must_be_foreign(f, "remove it");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(truncate(f->path, st.st_size - 1), 0);
    must_be_foreign(f, "remove it");
    assert_int_equal(truncate(f->path, st.st_size + 1), 0);
    must_be_foreign(f, "remove it");
    assert_int_equal(truncate(f->path, st.st_size), 0);
    fd = open(f->path, O_WRONLY);
    assert_int_equal(pwrite(fd, "M", 1, 0), 1);
    close(fd);
    must_be_foreign(f, "remove it");
}

static void test_power_failed_while_it_was_made(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(truncate(f->path, st.st_size), 0);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_SEEN);
}

static void test_links_and_others(void **state)
{
    struct fixture *f = *state;
    char *other = config_files_path(&f->files, "other");

    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(link(f->path, other), 0);
    must_be_foreign(f, "single link");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(symlink(other, f->path), 0);
    must_be_foreign(f, "symbolic link");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_FOREIGN);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_FOREIGN);
    free(f->path);
    f->path = xasprintf("%s/missing/cache", f->files.directory);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_FOREIGN);
    free(other);
}

static void test_foreign_owner(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != 0)
        skip();
    assert_int_equal(note(f, 2, START, &no_limits), REPLAY_NEW);
    assert_int_equal(chown(f->path, 12345, 0), 0);
    must_be_foreign(f, "12345");
}

static void test_no_room(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    /* A file size limit simulates a full disk: no partial file remains. */
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
        _exit(note(f, 1, START, &no_limits) == REPLAY_TROUBLE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(note(f, 1, START, &no_limits), REPLAY_NEW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_once),
        TEST(test_forgotten),
        TEST(test_answers_an_hour),
        TEST(test_interval),
        TEST(test_clock_set_back),
        TEST(test_no_fresh_nonce_is_given_up),
        TEST(test_two_at_once),
        TEST(test_many_make_the_file),
        TEST(test_permissions),
        TEST(test_other_contents),
        TEST(test_power_failed_while_it_was_made),
        TEST(test_links_and_others),
        TEST(test_foreign_owner),
        TEST(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
