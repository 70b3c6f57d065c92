#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/config/config_files.h"
#include "agent/system/child.h"
#include "agent/system/secret.h"

struct fixture {
    struct config_files files;
    struct event_base *base;
    unsigned calls;
    char *secret, *why;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    f->base = event_base_new();
    *state = f;
    return 0;
}

static void forget(struct fixture *f)
{
    free(f->secret);
    free(f->why);
    f->secret = f->why = NULL;
    f->calls = 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    forget(f);
    event_base_free(f->base);
    config_files_end(&f->files);
    free(f);
    return 0;
}

static void on_secret(void *arg, const char *secret, const char *why)
{
    struct fixture *f = arg;

    f->calls++;
    f->secret = secret != NULL ? xstrdup(secret) : NULL;
    f->why = why != NULL ? xstrdup(why) : NULL;
}

static void get(struct fixture *f, const struct secret_source *source)
{
    forget(f);
    secret_get(f->base, source, on_secret, f);
    assert_int_equal(f->calls, 0); /* never from inside */
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 1);
    assert_int_equal((f->secret != NULL) + (f->why != NULL), 1);
}

static void get_command(struct fixture *f, const char *command)
{
    struct secret_source source = {.password_command = (char *)(uintptr_t)command};

    get(f, &source);
}

/* ---- files ---- */

struct file_case {
    const char *text;
    size_t len; /* 0: strlen */
    unsigned mode;
    const char *secret; /* NULL: refused */
    const char *word;   /* of why */
};

static void write_octets(struct fixture *f, const struct file_case *c)
{
    char *path = config_files_path(&f->files, "s");

    unlink(path);
    FILE *out = fopen(path, "w");
    fwrite(c->text, 1, c->len > 0 ? c->len : strlen(c->text), out);
    fclose(out);
    chmod(path, c->mode);
    free(path);
}

static void test_files(void **state)
{
    static const struct file_case cases[] = {
        {"secret", 0, 0600, "secret", NULL},
        {"secret\n", 0, 0600, "secret", NULL},
        {"secret\r\n", 0, 0400, "secret", NULL},
        {"two words \nnext line\n", 0, 0600, "two words ", NULL},
        {"a\rb\n", 0, 0600, "a\rb", NULL},
        {"secret\nx\0y", 10, 0600, "secret", NULL},
        {"", 0, 0600, NULL, "empty"},
        {"\nsecret\n", 0, 0600, NULL, "empty"},
        {"\r\n", 0, 0600, NULL, "empty"},
        {"se\0cret\n", 8, 0600, NULL, "NUL"},
        {"secret\n", 0, 0640, NULL, "0640"},
        {"secret\n", 0, 0604, NULL, "0604"},
        {"secret\n", 0, 0620, NULL, "0620"},
        {"secret\n", 0, 0602, NULL, "0602"},
        {"secret\n", 0, 0711, "secret", NULL},
    };
    struct fixture *f = *state;
    char *path = config_files_path(&f->files, "s");
    struct secret_source source = {.password_file = path};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_octets(f, &cases[i]);
        get(f, &source);
        if (cases[i].secret != NULL) {
            assert_non_null(f->secret);
            assert_string_equal(f->secret, cases[i].secret);
            continue;
        }
        if (f->why == NULL || strstr(f->why, cases[i].word) == NULL || strstr(f->why, path) == NULL)
            fail_msg("case %zu: %s", i, f->why != NULL ? f->why : "no complaint");
    }
    free(path);
}

struct doubt_case {
    const char *text, *wrong, *doubtful;
};

static void test_check_looks_at_the_content(void **state)
{
    static const struct doubt_case cases[] = {
        {"secret\n", NULL, NULL},
        {"secret", NULL, NULL},
        {"secret\r\n", NULL, NULL},
        {"two words\nblank at the end \n", NULL, NULL},
        {"", "empty", NULL},
        {"\nsecret\n", "empty", NULL},
        {"\r\nsecret\n", "empty", NULL},
        {"secret \n", NULL, "blank at the end"},
        {"secret\t\r\n", NULL, "blank at the end"},
        {"secret ", NULL, "blank at the end"},
        {" secret\n", NULL, "blank before"},
        {"\xef\xbb\xbfsecret\n", NULL, "byte-order mark"},
        {"\xff\xfes", NULL, "UTF-16"},
    };
    struct fixture *f = *state;
    char *path = config_files_path(&f->files, "s");
    struct secret_source source = {.password_file = path};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        config_files_write(&f->files, "s", cases[i].text, 0600);
        char *doubtful, *wrong = secret_check(&source, &doubtful);
        assert_int_equal(wrong != NULL, cases[i].wrong != NULL);
        assert_int_equal(doubtful != NULL, cases[i].doubtful != NULL);
        if (wrong != NULL)
            assert_non_null(strstr(wrong, cases[i].wrong));
        if (doubtful != NULL)
            assert_non_null(strstr(doubtful, cases[i].doubtful));
        free(wrong);
        free(doubtful);
    }
    free(path);
}

static void test_length(void **state)
{
    struct fixture *f = *state;
    char *text = xcalloc(1, SECRET_MAX + 10), *path = config_files_path(&f->files, "s");
    struct secret_source source = {.password_file = path};

    memset(text, 'x', SECRET_MAX + 1);
    strcpy(text + SECRET_MAX, "\r\n");
    config_files_write(&f->files, "s", text, 0600);
    get(f, &source);
    assert_non_null(f->secret);
    assert_int_equal(strlen(f->secret), SECRET_MAX);
    strcpy(text + SECRET_MAX, "x\n");
    config_files_write(&f->files, "s", text, 0600);
    get(f, &source);
    assert_non_null(f->why);
    assert_non_null(strstr(f->why, "too long"));
    free(text);
    free(path);
}

static void test_not_a_file(void **state)
{
    struct fixture *f = *state;
    char *fifo = config_files_path(&f->files, "fifo");
    const char *const paths[] = {"/dev/zero", "/", fifo, "/nonexistent/secret"};

    mkfifo(fifo, 0600);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct secret_source source = {.password_file = (char *)(uintptr_t)paths[i]};
        get(f, &source);
        assert_non_null(f->why);
        char *doubtful, *why = secret_check(&source, &doubtful);
        assert_non_null(why);
        assert_null(doubtful);
        free(why);
    }
    free(fifo);
}

static void test_foreign_owner(void **state)
{
    struct fixture *f = *state;
    char *path = config_files_path(&f->files, "s");
    struct secret_source source = {.password_file = path};

    if (geteuid() != 0) {
        free(path);
        skip();
    }
    config_files_write(&f->files, "s", "secret\n", 0600);
    assert_int_equal(chown(path, 12345, 0), 0);
    char *doubtful, *why = secret_check(&source, &doubtful);
    assert_non_null(why);
    assert_non_null(strstr(why, "12345"));
    free(why);
    free(path);
}

/* systemd's credentials have its own permissions. */
static void test_credentials(void **state)
{
    struct fixture *f = *state;
    struct secret_source source = {.password_file = (char *)(uintptr_t) "credential:imap"};

    config_files_write(&f->files, "imap", "secret\n", 0440);
    setenv("CREDENTIALS_DIRECTORY", f->files.directory, 1);
    get(f, &source);
    assert_non_null(f->secret);
    assert_string_equal(f->secret, "secret");
    unsetenv("CREDENTIALS_DIRECTORY");
    get(f, &source);
    assert_non_null(f->why);
    assert_non_null(strstr(f->why, "CREDENTIALS_DIRECTORY"));
}

static void test_no_source(void **state)
{
    struct fixture *f = *state;
    struct secret_source source = {0};

    get(f, &source);
    assert_non_null(f->why);
}

/* ---- commands ---- */

static void test_commands(void **state)
{
    static const struct {
        const char *command, *secret, *word;
    } cases[] = {
        {"echo secret", "secret", NULL},
        {"printf 'secret\\r\\nmore\\n'", "secret", NULL},
        {"printf secret; sleep 0.05; printf more", "secretmore", NULL},
        {"cat; echo from-null", "from-null", NULL},
        {"echo secret; exit 3", NULL, "status 3"},
        {"kill -9 $$", NULL, "signal 9"},
        {"true", NULL, "empty"},
        {"/nonexistent/command 2>/dev/null", NULL, "status 127"},
        {"yes", NULL, "more than"},
        {"exec >&-; sleep 0.05", NULL, "empty"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        get_command(f, cases[i].command);
        if (cases[i].secret != NULL) {
            if (f->secret == NULL || strcmp(f->secret, cases[i].secret) != 0)
                fail_msg("%s: %s", cases[i].command, f->secret != NULL ? f->secret : f->why);
        } else if (f->why == NULL || strstr(f->why, cases[i].word) == NULL) {
            fail_msg("%s: %s", cases[i].command, f->why != NULL ? f->why : "no complaint");
        }
    }
}

static void test_token_command(void **state)
{
    struct fixture *f = *state;
    struct secret_source source = {.oauth_token_command = (char *)(uintptr_t) "exit 1"};

    get(f, &source);
    assert_non_null(strstr(f->why, "oauth_token_command"));
}

static void test_clean_environment(void **state)
{
    struct fixture *f = *state;

    setenv("LANG", "C", 1);
    setenv("MAILVIGIL_TEST", "leaked", 1);
    get_command(f, "env | cut -d= -f1 | grep -v '^PWD$\\|^_$\\|^SHLVL$' | sort | tr '\\n' ' '");
    assert_string_equal(f->secret, getenv("HOME") != NULL ? "HOME LANG PATH " : "LANG PATH ");
}

static void test_no_open_files(void **state)
{
    struct fixture *f = *state;
    int fd = dup(STDIN_FILENO); /* without close-on-exec, as a careless library has them */

    get_command(f, "ls /proc/self/fd | tr '\\n' ' '"); /* the last one is the directory itself */
    close(fd);
    assert_string_equal(f->secret, "0 1 2 3 ");
}

static bool is_gone(pid_t pid)
{
    char *path = xasprintf("/proc/%d/stat", (int)pid), state = '\0';
    FILE *in = fopen(path, "r");
    bool gone = in == NULL || fscanf(in, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z';

    if (in != NULL)
        fclose(in);
    free(path);
    return gone;
}

static pid_t pid_in(struct fixture *f, const char *name)
{
    char *path = config_files_path(&f->files, name);
    int pid = 0;

    for (int i = 0; i < 500 && pid == 0; i++) {
        FILE *in = fopen(path, "r");
        if (in != NULL) {
            if (fscanf(in, "%d\n", &pid) != 1)
                pid = 0;
            fclose(in);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    free(path);
    assert_int_not_equal(pid, 0);
    return pid;
}

static void must_go(pid_t pid)
{
    for (int i = 0; i < 500 && !is_gone(pid); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(is_gone(pid));
}

/* The shell, and what it started. */
static void test_cancel_kills_the_group(void **state)
{
    struct fixture *f = *state;
    char *command = xasprintf("sleep 100 & echo $! > %s/pid; wait", f->files.directory);
    struct secret_source source = {.password_command = command};
    struct secret_request *request = secret_get(f->base, &source, on_secret, f);
    pid_t sleeper = pid_in(f, "pid");

    assert_false(is_gone(sleeper));
    secret_cancel(request);
    must_go(sleeper);
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    free(command);
}

static void test_cancel_of_a_file(void **state)
{
    struct fixture *f = *state;
    char *path = config_files_path(&f->files, "s");
    struct secret_source source = {.password_file = path};

    config_files_write(&f->files, "s", "secret\n", 0600);
    secret_cancel(secret_get(f->base, &source, on_secret, f));
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 0);
    free(path);
}

static void on_child(void *arg, char *output, size_t len, const char *why)
{
    struct fixture *f = arg;

    (void)len;
    on_secret(f, output, why);
}

static void test_time_limit(void **state)
{
    struct fixture *f = *state;
    char *command = xasprintf("sleep 100 & echo $! > %s/pid; wait", f->files.directory);

    child_run(f->base, command, 100, 1, on_child, f);
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 1);
    assert_non_null(strstr(f->why, "within 1 seconds"));
    must_go(pid_in(f, "pid"));
    free(command);
}

/* A remaining process that keeps our pipe open. */
static void test_pipe_held_open(void **state)
{
    struct fixture *f = *state;

    child_run(f->base, "echo x; sleep 100 &", 100, 1, on_child, f);
    event_base_dispatch(f->base);
    assert_non_null(f->why);
    assert_non_null(strstr(f->why, "within"));
}

static void test_no_zombies(void **state)
{
    struct fixture *f = *state;

    get_command(f, "echo x");
    get_command(f, "exit 1");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files),
        TEST(test_check_looks_at_the_content),
        TEST(test_length),
        TEST(test_not_a_file),
        TEST(test_foreign_owner),
        TEST(test_credentials),
        TEST(test_no_source),
        TEST(test_commands),
        TEST(test_token_command),
        TEST(test_clean_environment),
        TEST(test_no_open_files),
        TEST(test_cancel_kills_the_group),
        TEST(test_cancel_of_a_file),
        TEST(test_time_limit),
        TEST(test_pipe_held_open),
        TEST(test_no_zombies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
