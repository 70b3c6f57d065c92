#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/system/log.h"

/* Standard error goes to a file while `act` runs; what was written, NUL-terminated. */
static char *written(void (*act)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    char *text = calloc(1, 1 << 20);

    dup2(fileno(file), STDERR_FILENO);
    act();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static void must_write(void (*act)(void), const char *expected)
{
    char *text = written(act);

    assert_string_equal(text, expected);
    free(text);
}

static void plain(void)
{
    log_event(LOG_LEVEL_INFO, "captured", "account", "alice", "uid", log_number(42), (char *)NULL);
}

static void quoted(void)
{
    log_event(LOG_LEVEL_ERROR, "failed", "why", "no \"such\" thing", "path", "a\\b", "empty", "",
              "sign", "a=b", (char *)NULL);
}

static void hostile(void)
{
    log_event(LOG_LEVEL_NOTICE, "x", "value", "a\n<0>forged\r\x1b[31m\x7f", (char *)NULL);
}

static void utf8(void)
{
    log_event(LOG_LEVEL_NOTICE, "x", "folder", "Gesendet/ä", (char *)NULL);
}

static void null_value(void)
{
    log_event(LOG_LEVEL_NOTICE, "x", "value", (char *)NULL, "after", "1", (char *)NULL);
}

static void test_forms(void **state)
{
    (void)state;
    must_write(plain, "<6>captured account=alice uid=42\n");
    must_write(quoted, "<3>failed why=\"no \\\"such\\\" thing\" path=\"a\\\\b\" empty=\"\" "
                       "sign=\"a=b\"\n");
    must_write(hostile, "<5>x value=\"a\\n<0>forged\\x0d\\x1b[31m\\x7f\"\n");
    must_write(utf8, "<5>x folder=Gesendet/ä\n");
    must_write(null_value, "<5>x value=\"\" after=1\n");
}

static void levels(void)
{
    log_set_level(LOG_LEVEL_WARNING);
    log_event(LOG_LEVEL_NOTICE, "unseen", (char *)NULL);
    log_event(LOG_LEVEL_WARNING, "seen", (char *)NULL);
    log_set_level(LOG_LEVEL_DEBUG);
    log_event(LOG_LEVEL_DEBUG, "debug", (char *)NULL);
    log_set_level(LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_DEBUG, "unseen", (char *)NULL);
}

static void test_levels(void **state)
{
    (void)state;
    must_write(levels, "<4>seen\n<7>debug\n");
}

static void several_numbers(void)
{
    log_event(LOG_LEVEL_INFO, "x", "a", log_number(-1), "b", log_number(0), "c",
              log_number(9223372036854775807), (char *)NULL);
}

static void test_numbers(void **state)
{
    (void)state;
    must_write(several_numbers, "<6>x a=-1 b=0 c=9223372036854775807\n");
}

static char long_value[100000];

static void long_values(void)
{
    memset(long_value, 'x', sizeof(long_value) - 1);
    log_event(LOG_LEVEL_INFO, "long", "a", long_value, "b", long_value, "c", long_value, "d",
              long_value, "e", long_value, (char *)NULL);
}

/* Below PIPE_BUF, ended by one line feed. */
static void test_long_values(void **state)
{
    char *text = written(long_values);

    (void)state;
    assert_true(strlen(text) <= 4096);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_non_null(strstr(text, "...\""));
    free(text);
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_event(LOG_LEVEL_INFO, "thread", "name", arg, "line", log_number(i), (char *)NULL);
    return NULL;
}

static void from_threads(void)
{
    pthread_t threads[THREADS];
    char names[THREADS][2] = {"a", "b", "c", "d"};

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, names[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_lines_of_threads_stay_whole(void **state)
{
    char *text = written(from_threads), *rest = NULL, name[2];
    int lines = 0, number;

    (void)state;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char again[64];
        assert_int_equal(sscanf(line, "<6>thread name=%1s line=%d", name, &number), 2);
        snprintf(again, sizeof(again), "<6>thread name=%s line=%d", name, number);
        assert_string_equal(line, again);
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_lines_of_threads_stay_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
