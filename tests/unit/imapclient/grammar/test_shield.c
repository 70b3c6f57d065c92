#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "imapclient/describe_response.h"
#include "imapclient/wire/framing.h"

/* NUL does not end a string: it ends a word, and makes a name that contains it unusable. */
static void nul_is_not_passed_on(void **state)
{
    static const struct {
        const char *unit;
        size_t len;
    } units[] = {
        {"* LIST () \"/\" {3}\r\na\0b", 22},
        {"* LIST () \"/\" \"a\0b\"", 19},
        {"* FLAGS (a\0b)", 13},
        {"* 1 FETCH (FLAGS (a\0b))", 23},
        {"\0* OK", 6},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        const struct imap_response *response =
            grammar_parse(*state, units[i].unit, units[i].len, false, NULL);
        assert_int_equal(response->kind, IMAP_RESPONSE_UNTAGGED);
        if (response->untagged.kind != IMAP_UNTAGGED_OTHER)
            fail_msg("unit %zu should not be understood", i);
    }
}

static void one_bad_unit_spoils_no_other(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (INTERNALDATE \"01-Foo-2020 00:00:00 +0000\")", "fetch seq=1"},
        {"* 1 FETCH (UID 7)", "fetch seq=1 uid=7"},
        {"* LIST (\\NoselectX) \"/\" x", "other"},
        {"* LIST () \"/\" x", "list flags=0 delimiter=/ <x>"},
        {"* NO [BADCHARSET (UTF-8)] x", "status NO code=27<(UTF-8)> <x>"},
        {"* NO [BADCHARSET (UTF-8)] x", "status NO code=27<(UTF-8)> <x>"},
        {"* 1 FETCH (UID 7)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A unit of the maximum size, of one repeated piece. */
static double seconds_for(struct grammar *grammar, const char *begin, const char *piece,
                          const char *end)
{
    size_t begin_len = strlen(begin), piece_len = strlen(piece), end_len = strlen(end);
    char *unit = malloc(FRAMING_UNIT_MAX + 1);
    assert_non_null(unit);
    size_t len = begin_len;
    memcpy(unit, begin, begin_len);
    for (; len + piece_len + end_len <= FRAMING_UNIT_MAX; len += piece_len)
        memcpy(unit + len, piece, piece_len);
    memcpy(unit + len, end, end_len);
    double started = seconds_now();
    grammar_parse(grammar, unit, len + end_len, false, NULL);
    double seconds = seconds_now() - started;
    free(unit);
    return seconds;
}

/* Quadratic time would take minutes; the limit allows for sanitizers and slow machines. */
static void hostile_units_take_linear_time(void **state)
{
    static const struct {
        const char *begin, *piece, *end;
    } units[] = {
        {"* 1 FETCH (FLAGS (", "a ", "))"},
        {"* 1 FETCH (FLAGS (", "a", "))"},
        {"* 1 FETCH (", "UID 1 ", ")"},
        {"* 1 FETCH (", "X (", ""},
        {"* 1 FETCH (", "FLAGS (a) ", ")"},
        {"* 1 FETCH (", "BODY[] \"\" ", ")"},
        {"* 1 FETCH (X ", "(", ""},
        {"* 1 FETCH (X (", "{1}\r\nx ", "))"},
        {"* 1 FETCH (BODY[", "\"", "] NIL)"},
        {"* 1 FETCH (X \"", "\\\"", "\")"},
        {"* LIST (", "\\a ", ") \"/\" x"},
        {"* LIST () \"/\" \"", "&APw-", "\""},
        {"* LIST () \"/\" \"", "&-", "\""},
        {"* LIST () \"/\" ", "&", ""},
        {"* STATUS x (", "MESSAGES 1 ", ")"},
        {"* STATUS x (", "HIGHESTMODSEQ x ", ")"},
        {"* SEARCH", " 7", ""},
        {"* FLAGS (", "a ", ")"},
        {"* CAPABILITY", " a", ""},
        {"* ID (", "\"\" ", ")"},
        {"* OK [", "(", "] x"},
        {"* OK [", "\"", ""},
        {"* OK [X ", "() ", "] x"},
        {"* OK ", "[", ""},
        {"* OK [APPENDUID 1 ", "1,", "1] x"},
        {"A1 OK [PERMANENTFLAGS (", "\\a ", ")] x"},
        {"", " ", ""},
        {"* ", "1", ""},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        double seconds = seconds_for(*state, units[i].begin, units[i].piece, units[i].end);
        if (seconds > 3)
            fail_msg("<%s%s...> took %.1f s", units[i].begin, units[i].piece, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nul_is_not_passed_on),
        cmocka_unit_test(one_bad_unit_spoils_no_other),
        cmocka_unit_test(hostile_units_take_linear_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
