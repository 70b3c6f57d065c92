/* What is written is JSON to a parser that is not ours, and holds what was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/json.h"
#include "rules/util/memory.h"

struct text {
    char *data;
    size_t len;
    FILE *out;
    struct json json;
};

static struct json *begin(struct text *text)
{
    *text = (struct text){0};
    text->out = open_memstream(&text->data, &text->len);
    assert_non_null(text->out);
    json_begin(&text->json, text->out);
    return &text->json;
}

static void assert_text(struct text *text, const char *expected)
{
    fclose(text->out);
    assert_string_equal(text->data, expected);
    free(text->data);
}

/* Reads it with Python and prints what `show` makes of the value v, in one line. */
static char *as_python_reads(struct text *text, const char *show)
{
    char path[] = "/tmp/mailvigil-test-XXXXXX", line[8192] = "";
    int fd = mkstemp(path);

    fclose(text->out);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->data, text->len), (ssize_t)text->len);
    close(fd);
    free(text->data);
    char *command = xasprintf("/usr/bin/python3 -c \"import json,sys;"
                              "v=json.loads(open(sys.argv[1],'rb').read().decode('utf-8'));"
                              "print(%s)\" %s",
                              show, path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    if (fgets(line, sizeof(line), pipe) == NULL)
        line[0] = '\0';
    int status = pclose(pipe);
    unlink(path);
    free(command);
    if (status != 0)
        fail_msg("Python does not read it as JSON");
    return xstrndup(line, strcspn(line, "\n"));
}

static void nests_with_commas(void **state)
{
    (void)state;
    struct text text;
    struct json *json = begin(&text);
    json_object(json, NULL);
    json_string(json, "a", "b");
    json_array(json, "list");
    json_number(json, NULL, 1);
    json_object(json, NULL);
    json_object_end(json);
    json_array(json, NULL);
    json_array_end(json);
    json_bool(json, NULL, true);
    json_array_end(json);
    json_bool(json, "no", false);
    json_string(json, "null", NULL);
    json_object_end(json);
    assert_text(&text, "{\"a\":\"b\",\"list\":[1,{},[],true],\"no\":false,\"null\":null}\n");
}

static void nests_as_deep_as_it_says(void **state)
{
    (void)state;
    struct text text;
    struct json *json = begin(&text);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        json_array(json, NULL);
        json_number(json, NULL, i);
    }
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        json_array_end(json);
        if (i < JSON_DEPTH_MAX - 1)
            json_number(json, NULL, 100 + i);
    }
    char *shown = as_python_reads(&text, "str(v).replace(' ','')");
    assert_string_equal(
        shown, "[0,[1,[2,[3,[4,[5,[6,[7,[8,[9,[10,[11,[12,[13,[14,[15],100],101],102],103],"
               "104],105],106],107],108],109],110],111],112],113],114]");
    free(shown);
}

static void every_octet_is_escaped_or_not(void **state)
{
    (void)state;
    char ascii[128];
    for (int i = 1; i < 128; i++)
        ascii[i - 1] = (char)i;
    ascii[127] = '\0';
    struct text text;
    struct json *json = begin(&text);
    json_object(json, NULL);
    json_string(json, ascii, ascii);
    json_object_end(json);
    char *shown = as_python_reads(&text, "list(v.items())==[(''.join(map(chr,range(1,128))),)*2]");
    assert_string_equal(shown, "True");
    free(shown);
}

struct utf8_case {
    const char *octets;
    const char *points; /* as Python shows their numbers */
};

static const struct utf8_case utf8_cases[] = {
    {"\xc3\xbc", "[252]"},
    {"\xe2\x82\xac", "[8364]"},
    {"\xf0\x9f\x93\xa7", "[128231]"},
    {"\xef\xbf\xbf", "[65535]"},
    {"\xf4\x8f\xbf\xbf", "[1114111]"},
    {"\xed\x9f\xbf\xee\x80\x80", "[55295, 57344]"},
    /* not UTF-8: overlong, surrogates, beyond the last, alone, cut off */
    {"\xc0\x80", "[65533, 65533]"},
    {"\xc1\xbf", "[65533, 65533]"},
    {"\xe0\x9f\xbf", "[65533, 65533, 65533]"},
    {"\xed\xa0\x80", "[65533, 65533, 65533]"},
    {"\xf0\x8f\xbf\xbf", "[65533, 65533, 65533, 65533]"},
    {"\xf4\x90\x80\x80", "[65533, 65533, 65533, 65533]"},
    {"\xf5\x80\x80\x80", "[65533, 65533, 65533, 65533]"},
    {"\xff\xfe", "[65533, 65533]"},
    {"\x80z", "[65533, 122]"},
    {"\xc3", "[65533]"},
    {"\xe2\x82", "[65533, 65533]"},
    {"\xf0\x9f\x93", "[65533, 65533, 65533]"},
    {"\xc3\"", "[65533, 34]"},
    {"\xe2\\n", "[65533, 92, 110]"},
};

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    size_t n = sizeof(utf8_cases) / sizeof(*utf8_cases);
    struct text text;
    struct json *json = begin(&text);
    json_array(json, NULL);
    for (size_t i = 0; i < n; i++)
        json_string(json, NULL, utf8_cases[i].octets);
    json_array_end(json);
    char *shown = as_python_reads(&text, "'|'.join(str([ord(c) for c in s]) for s in v)");
    char *rest = shown;
    for (size_t i = 0; i < n; i++) {
        char *points = strsep(&rest, "|");
        assert_non_null(points);
        if (strcmp(points, utf8_cases[i].points) != 0)
            fail_msg("case %zu is read as %s instead of %s", i, points, utf8_cases[i].points);
    }
    free(shown);
}

static void numbers_have_all_their_digits(void **state)
{
    (void)state;
    struct text text;
    struct json *json = begin(&text);
    json_array(json, NULL);
    json_number(json, NULL, INT64_MAX);
    json_number(json, NULL, INT64_MIN);
    json_number(json, NULL, 0);
    json_array_end(json);
    assert_text(&text, "[9223372036854775807,-9223372036854775808,0]\n");
}

static void fractions_are_written_plainly(void **state)
{
    (void)state;
    struct text text;
    struct json *json = begin(&text);
    json_array(json, NULL);
    json_double(json, NULL, 0.000001);
    json_double(json, NULL, -12.5);
    json_double(json, NULL, 3);
    json_double(json, NULL, NAN);
    json_double(json, NULL, -INFINITY);
    json_array_end(json);
    assert_text(&text, "[0.000001,-12.5,3,null,null]\n");
}

static void times_are_utc(void **state)
{
    (void)state;
    struct text text;
    struct json *json = begin(&text);
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    json_array(json, NULL);
    json_time(json, NULL, 1795413600);
    json_time(json, NULL, 0);
    json_time(json, NULL, INT64_MAX);
    json_array_end(json);
    unsetenv("TZ");
    tzset();
    assert_text(&text, "[\"2026-11-23T06:00:00Z\",null,null]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nests_with_commas),
        cmocka_unit_test(nests_as_deep_as_it_says),
        cmocka_unit_test(every_octet_is_escaped_or_not),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
        cmocka_unit_test(numbers_have_all_their_digits),
        cmocka_unit_test(fractions_are_written_plainly),
        cmocka_unit_test(times_are_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
