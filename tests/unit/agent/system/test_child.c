/* Programs with an input and an environment (commands with an output: test_secret.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/config/config_files.h"
#include "agent/system/child.h"

#define BIG (1024 * 1024) /* more than a pipe holds */

struct fixture {
    struct config_files files;
    struct event_base *base;
    unsigned calls;
    char *why;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    signal(SIGPIPE, SIG_IGN);
    config_files_begin(&f->files);
    f->base = event_base_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->why);
    event_base_free(f->base);
    config_files_end(&f->files);
    free(f);
    return 0;
}

static void on_done(void *arg, char *output, size_t len, const char *why)
{
    struct fixture *f = arg;

    assert_int_equal(output != NULL, why == NULL);
    assert_int_equal(len, 0);
    f->calls++;
    f->why = why != NULL ? xstrdup(why) : NULL;
}

/* A script of /bin/sh with $1, a file of the test's directory. */
static struct child *begin(struct fixture *f, const char *script, const char *file,
                           const char *input, size_t len, unsigned timeout)
{
    static char *const environment[] = {"MAILVIGIL_A=one", "MAILVIGIL_B=two words; $(id)", NULL};
    char *path = config_files_path(&f->files, file);
    char *const arguments[] = {"/bin/sh", "-c", (char *)(uintptr_t)script, "sh", path, NULL};
    const struct child_program program = {.arguments = arguments,
                                          .environment = environment,
                                          .input = input,
                                          .input_len = len,
                                          .timeout = timeout};
    struct child *child = child_run_program(f->base, &program, on_done, f);

    assert_int_equal(f->calls, 0); /* never from inside */
    free(path);
    return child;
}

static void run(struct fixture *f, const char *script, const char *input, size_t len)
{
    free(f->why);
    f->why = NULL;
    f->calls = 0;
    begin(f, script, "out", input, len, 20);
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 1);
}

static char *written(struct fixture *f, size_t *len_r)
{
    char *path = config_files_path(&f->files, "out"), *text = xcalloc(1, 2 * BIG);
    FILE *in = fopen(path, "r");

    assert_non_null(in);
    *len_r = fread(text, 1, 2 * BIG - 1, in);
    fclose(in);
    free(path);
    return text;
}

static void the_input_comes_whole_and_ends(void **state)
{
    struct fixture *f = *state;
    char *big = xmalloc(BIG);
    size_t len;

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 31 + i / 251); /* any octets */
    run(f, "cat > $1", big, BIG);
    assert_null(f->why);
    char *text = written(f, &len);
    assert_int_equal(len, BIG);
    assert_memory_equal(text, big, BIG);
    free(text);
    run(f, "cat > $1", "", 0);
    assert_null(f->why);
    text = written(f, &len);
    assert_int_equal(len, 0);
    free(text);
    free(big);
}

static void what_does_not_read_is_well(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, BIG);

    run(f, "exit 0", big, BIG);
    assert_null(f->why);
    run(f, "exec <&-; sleep 0.1; exit 3", big, BIG);
    assert_non_null(strstr(f->why, "status 3"));
    run(f, "head -c 10 > /dev/null", big, BIG);
    assert_null(f->why);
    free(big);
}

static void the_environment_is_what_was_given(void **state)
{
    struct fixture *f = *state;
    size_t len;

    setenv("MAILVIGIL_OURS", "secret", 1);
    run(f, "exec env > $1", "", 0);
    unsetenv("MAILVIGIL_OURS");
    char *text = written(f, &len);
    assert_non_null(strstr(text, "MAILVIGIL_A=one\n"));
    assert_non_null(strstr(text, "MAILVIGIL_B=two words; $(id)\n"));
    assert_non_null(strstr(text, "PATH="));
    assert_null(strstr(text, "OURS"));
    free(text);
}

static void its_output_is_nobodys(void **state)
{
    struct fixture *f = *state;

    run(f, "head -c 1000000 /dev/zero", "", 0);
    assert_null(f->why);
    run(f, "sleep 20 & echo x", "", 0); /* remaining processes are not waited for */
    assert_null(f->why);
}

static void what_cannot_be_executed_says_so(void **state)
{
    struct fixture *f = *state;
    char *const arguments[] = {"/nonexistent/program", NULL}, *const none[] = {NULL};
    const struct child_program program = {
        .arguments = arguments, .environment = none, .input = "", .timeout = 10};

    child_run_program(f->base, &program, on_done, f);
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 1);
    assert_string_equal(f->why, "the command could not be executed");
}

static void it_has_its_time(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, BIG);

    begin(f, "exec sleep 100", "out", big, BIG, 1);
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 1);
    assert_non_null(strstr(f->why, "within 1 seconds"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    free(big);
}

static void cancelled_it_says_nothing(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, BIG);

    child_cancel(begin(f, "exec sleep 100", "out", big, BIG, 20));
    event_base_dispatch(f->base);
    assert_int_equal(f->calls, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    free(big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_input_comes_whole_and_ends),    TEST(what_does_not_read_is_well),
        TEST(the_environment_is_what_was_given), TEST(its_output_is_nobodys),
        TEST(what_cannot_be_executed_says_so),   TEST(it_has_its_time),
        TEST(cancelled_it_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
