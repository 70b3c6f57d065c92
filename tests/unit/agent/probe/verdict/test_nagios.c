/* The output of a Nagios plugin: the line, its figures, the details. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <regex.h>

#include "agent/probe/verdict/probe_scene.h"

static void assert_output(struct scene *scene, const char *expected)
{
    evaluate_held(scene, PROBE_OK);
    char *output = plugin_output(scene, 0);
    assert_string_equal(output, expected);
    free(output);
}

static void one_line_with_figures(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    path->imap.messages = 7;
    assert_output(scene, "IMAP OK: 0.0003 s on 192.0.2.7, certificate good for 63 days | "
                         "'time'=0.0003s;1;5;0 'cert_days'=63;21:;7: 'messages'=7;;;0 "
                         "'time_resolve'=0.0001s;;;0 'time_ipv4'=0.0003s;1;5;0 "
                         "'time_connect_ipv4'=0.0002s;;;0\n");
    scene->server.imap.host = "192.0.2.7";
    scene->probe.cert_warn = 0;
    assert_output(scene, "IMAP OK: 0.0003 s on 192.0.2.7, certificate good for 63 days | "
                         "'time'=0.0003s;1;5;0 'cert_days'=63;;7: 'messages'=7;;;0 "
                         "'time_resolve'=0.0001s;;;0 'time_connect'=0.0002s;;;0\n");
    scene->result->trouble = xstrdup("no secret");
    scene->result->n_paths = 0;
    assert_output(scene, "IMAP UNKNOWN: no secret | 'time'=U;1;5;0 'cert_days'=U;;7: "
                         "'messages'=U;;;0\n");
    scene->result->n_paths = 1; /* frees what it has */
}

static void figures_of_each_type(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_POP3);

    scene->probe.family = AF_INET;
    scene->probe.warn.set = scene->probe.crit.set = false;
    scene->server.pop3.security = SECURITY_PLAIN;
    path->pop3 = (struct pop3_facts){.messages = 3, .octets = 5000000000};
    memset(path->clock.ran, 0, sizeof(path->clock.ran));
    assert_output(scene, "POP3 OK: 0.0003 s on 192.0.2.7, certificate good for 63 days | "
                         "'time'=0.0003s;;;0 'messages'=3;;;0 'octets'=5000000000B;;;0\n");
    scene->probe.type = PROBE_SMTP;
    scene->server.smtp.security = SECURITY_PLAIN;
    assert_output(scene, "SMTP OK: 0.0003 s on 192.0.2.7, certificate good for 63 days | "
                         "'time'=0.0003s;;;0\n");
    scene->probe.type = PROBE_MAILBOX;
    scene->server.imap.security = SECURITY_PLAIN;
    path->imap = (struct probe_imap_facts){.storage_used = 1, .storage_limit = 8};
    assert_null(range_parse("80", false, &scene->probe.quota_warn));
    assert_output(scene, "MAILBOX OK: INBOX has 0 messages | 'newest_age'=U;;;0 "
                         "'oldest_age'=U;;;0 'messages'=0;;;0 'quota'=12.5%;80;;0 "
                         "'time'=0.0003s;;;0\n");
    scene->probe.type = PROBE_ROUNDTRIP;
    scene->result->has_roundtrip = true;
    scene->result->roundtrip.verdict = ROUNDTRIP_LOST;
    scene->result->roundtrip.outstanding = 4;
    assert_output(scene, "ROUNDTRIP CRITICAL: lost: not back within 24 h | 'duration'=U;;;0 "
                         "'outstanding'=4;;;0\n");
}

/* The guidelines' grammar, by somebody else's regular expressions. */
static void figures_are_perfdata(void **state)
{
    struct scene *scene = *state;
    static const char number[] = "-?[0-9]+(\\.[0-9]+)?";
    begin(scene, PROBE_IMAP);
    add_path(scene, AF_INET6);
    evaluate_held(scene, PROBE_OK);
    char *output = plugin_output(scene, 0), *rest = strstr(output, " | ");
    char *pattern = xasprintf("^'[^'=|]+'=(%s(s|us|ms|%%|[KMGT]?B|c)?|U)"
                              "(;@?(~|%s)?:?(%s)?){0,2}(;(%s)?){0,2}$",
                              number, number, number, number);
    regex_t regex;
    size_t count = 0;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED), 0);
    assert_non_null(rest);
    rest += strlen(" | ");
    rest[strcspn(rest, "\n")] = '\0';
    for (char *figure; (figure = strsep(&rest, " ")) != NULL; count++)
        if (regexec(&regex, figure, 0, NULL, 0) != 0)
            fail_msg("\"%s\" is not perfdata", figure);
    assert_int_equal(count, scene->verdict->n_perfdata);
    regfree(&regex);
    free(pattern);
    free(output);
}

static void labels_are_quoted(void **state)
{
    struct scene *scene = *state;
    struct perfdata figures[] = {
        {.label = "it's a=b|c", .value = 1, .unit = "c", .min = NAN, .max = NAN},
        {.label = "x", .value = INFINITY, .unit = "s", .min = NAN, .max = 100},
    };
    struct probe_verdict verdict = {.summary = "t", .perfdata = figures, .n_perfdata = 2};
    struct probe_verdict *none = scene->verdict;

    scene->verdict = &verdict;
    char *output = plugin_output(scene, 0);
    scene->verdict = none;
    assert_string_equal(output, "IMAP OK: t | 'it''s a_b_c'=1c 'x'=U;;;;100\n");
    free(output);
}

static void details_come_behind(void **state)
{
    struct scene *scene = *state;
    begin(scene, PROBE_IMAP);
    strcpy(scene->result->paths[0].certificates->members[0].subject, "CN=a|b\nCRITICAL");
    evaluate_held(scene, PROBE_OK);
    char *output = plugin_output(scene, 1), *line = strchr(output, '\n');
    size_t lines = 0;

    assert_non_null(line);
    line++;
    for (; scene->verdict->details[lines] != NULL; lines++) {
        assert_int_equal(strcspn(line, "|\n"), strlen(scene->verdict->details[lines]));
        assert_memory_equal(line, scene->verdict->details[lines], strcspn(line, "\n"));
        line += strcspn(line, "\n") + 1;
    }
    assert_true(lines >= 4);
    assert_string_equal(line, "");
    assert_detail(scene, "IPv4 192.0.2.7: capabilities: IMAP4REV1 IDLE AUTH=PLAIN");
    free(output);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_line_with_figures), TEST(figures_of_each_type), TEST(figures_are_perfdata),
        TEST(labels_are_quoted),     TEST(details_come_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
