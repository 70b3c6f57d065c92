#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules/util/buffer.h"
#include "rules/util/memory.h"

/* Forbidden sizes end the program with a message and SIGABRT: run in a child. */
static void assert_ends_the_program(void (*use)(void))
{
    char said[200] = "";
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        use();
        _exit(0);
    }
    close(ends[1]);
    assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(said, "<0>mailvigil: out of memory\n");
}

static void overflow(void)
{
    free(xreallocarray(NULL, SIZE_MAX / 2, 3));
}

static void test_a_size_that_overflows_ends_the_program(void **state)
{
    (void)state;
    assert_ends_the_program(overflow);
}

static void no_memory(void)
{
    memory_check(NULL);
}

static void test_missing_memory_ends_the_program(void **state)
{
    (void)state;
    assert_ends_the_program(no_memory);
}

static void test_nothing_is_something(void **state)
{
    (void)state;
    void *memory[] = {xmalloc(0), xcalloc(0, 0), xrealloc(NULL, 0), xreallocarray(NULL, 0, 8)};
    for (size_t i = 0; i < sizeof(memory) / sizeof(*memory); i++) {
        assert_non_null(memory[i]);
        free(memory[i]);
    }
}

static void test_strings(void **state)
{
    (void)state;
    char *text = xmemdup0("a\0b", 3);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    text = xmemdup0(NULL, 0);
    assert_string_equal(text, "");
    free(text);
    text = xstrndup("abc", 2);
    assert_string_equal(text, "ab");
    free(text);
    text = xstrndup("abc", 9);
    assert_string_equal(text, "abc");
    free(text);
    text = xasprintf("%s-%d", "a", 1);
    assert_string_equal(text, "a-1");
    free(text);
}

static void test_buffers(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_add(&buffer, NULL, 0);
    assert_string_equal(buffer.data, "");
    buffer_text(&buffer, "ab");
    buffer_char(&buffer, '\0');
    buffer_printf(&buffer, "%d", 12);
    assert_int_equal(buffer.len, 5);
    assert_memory_equal(buffer.data, "ab\00012", 6);
    for (int i = 0; i < 1000; i++)
        buffer_char(&buffer, 'x');
    assert_int_equal(buffer.len, 1005);
    assert_true(buffer.room > buffer.len && buffer.data[buffer.len] == '\0');
    free(buffer_take(&buffer));
    char *empty = buffer_take(&buffer);
    assert_string_equal(empty, "");
    free(empty);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_size_that_overflows_ends_the_program),
        cmocka_unit_test(test_missing_memory_ends_the_program),
        cmocka_unit_test(test_nothing_is_something),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
