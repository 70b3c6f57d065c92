/* What the dialogues have in common: the clock of phases, words and capabilities of a server, and
 * replies however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/probe/dialogue/capability_set.h"
#include "agent/probe/dialogue/dialogue.h"
#include "agent/probe/dialogue/reply.h"
#include "in_range.h"
#include "rules/util/memory.h"

/* ---- the clock ---- */

static void let_pass(uint64_t microseconds)
{
    uint64_t until = phase_now() + microseconds;
    while (phase_now() < until) {
    }
}

static void a_phase_entered_again_adds_to_its_time(void **state)
{
    (void)state;
    struct phase_clock clock;
    phase_clock_start(&clock);
    phase_clock_enter(&clock, PHASE_CAPABILITY);
    let_pass(2000);
    phase_clock_enter(&clock, PHASE_TLS);
    uint64_t once = clock.microseconds[PHASE_CAPABILITY];
    assert_uint_in_range(once, 2000, UINT32_MAX);
    let_pass(1000);
    phase_clock_enter(&clock, PHASE_CAPABILITY);
    let_pass(2000);
    phase_clock_enter(&clock, PHASE_NONE);
    assert_uint_in_range(clock.microseconds[PHASE_CAPABILITY], once + 2000, UINT32_MAX);
    assert_uint_in_range(clock.microseconds[PHASE_TLS], 1000, UINT32_MAX);
    assert_true(clock.ran[PHASE_TLS]);
    assert_false(clock.ran[PHASE_QUIT]);
    uint64_t sum = 0;
    for (enum phase phase = 0; phase < PHASE_COUNT; phase++)
        sum += clock.microseconds[phase];
    assert_uint_in_range(phase_clock_total(&clock), sum, UINT32_MAX);
}

static void a_clock_that_stands_adds_nothing(void **state)
{
    (void)state;
    struct phase_clock clock;
    phase_clock_start(&clock);
    phase_clock_enter(&clock, PHASE_QUIT);
    phase_clock_enter(&clock, PHASE_NONE);
    uint64_t total = phase_clock_total(&clock);
    let_pass(1000);
    assert_int_equal(phase_clock_total(&clock), total);
}

static void phases_have_names(void **state)
{
    (void)state;
    static const char *const expected[] = {"resolve", "connect", "tls",  "greeting", "capability",
                                           "auth",    "command", "quit", "none"};
    for (enum phase phase = 0; phase <= PHASE_NONE; phase++)
        assert_string_equal(phase_text(phase), expected[phase]);
}

/* ---- words ---- */

struct clean_case {
    const char *text;
    size_t size;
    const char *expected;
};

static void words_are_cleaned(void **state)
{
    (void)state;
    static const struct clean_case cases[] = {
        {"550 no", 64, "550 no"},
        {"550 no\r\n", 64, "550 no"},
        {"550 no\nand\r\nmore\n", 64, "550 no / and / more"},
        {"a\n\nb", 64, "a /  / b"},
        {"\033[31mred\a\t\177\303\244\rx", 64, "?[31mred??????x"},
        {"", 64, ""},
        {"0123456789", 6, "01234"},
        {"01\n23", 5, "01 /"},
        {"01\n23", 1, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char out[64] = "untouched";
        dialogue_clean(out, cases[i].size, cases[i].text, strlen(cases[i].text));
        assert_string_equal(out, cases[i].expected);
    }
    char out[4] = "abc";
    dialogue_clean(out, 0, "xyz", 3);
    assert_string_equal(out, "abc");
    dialogue_clean(out, sizeof(out), "x\0z", 3);
    assert_string_equal(out, "x?z");
}

static void capabilities_are_whole_words_of_any_case(void **state)
{
    (void)state;
    static const char set[] = "STARTTLS SIZE AUTH AUTH=PLAIN 8BITMIME";
    assert_true(dialogue_has(set, "starttls"));
    assert_true(dialogue_has(set, "Auth=Plain"));
    assert_true(dialogue_has(set, "8BITMIME"));
    assert_false(dialogue_has(set, "START"));
    assert_false(dialogue_has(set, "PLAIN"));
    assert_false(dialogue_has(set, "AUTH=LOGIN"));
    assert_false(dialogue_has(set, ""));
    assert_false(dialogue_has(set, "SIZE AUTH"));
    assert_false(dialogue_has("", "SIZE"));
    assert_false(dialogue_has(NULL, "SIZE"));
}

static void capabilities_are_a_set(void **state)
{
    (void)state;
    static const struct {
        const char *lines[4], *expected;
    } cases[] = {
        {{"PIPELINING", "size 1000", "PIPELINING"}, "PIPELINING SIZE"},
        {{"AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"}, "AUTH AUTH=PLAIN AUTH=LOGIN"},
        {{"AUTH=PLAIN LOGIN"}, "AUTH AUTH=PLAIN AUTH=LOGIN"},
        {{"SASL plain xoauth2"}, "SASL AUTH=PLAIN AUTH=XOAUTH2"},
        {{"AUTH"}, "AUTH"},
        {{"", "   ", "\tX  Y"}, "X"},
        {{"A\033B\377"}, "A?B?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct capability_set set;
        capability_set_clear(&set);
        for (const char *const *line = cases[i].lines; *line != NULL; line++)
            assert_true(capability_set_add(&set, *line, strlen(*line)));
        assert_string_equal(set.text, cases[i].expected);
        assert_int_equal(set.len, strlen(set.text));
    }
}

static void a_set_that_is_full_says_so(void **state)
{
    (void)state;
    struct capability_set set;
    char line[16];
    unsigned kept = 0;
    capability_set_clear(&set);
    do
        snprintf(line, sizeof(line), "WORD%u", kept);
    while (capability_set_add(&set, line, strlen(line)) && ++kept < CAPABILITY_SET_MAX);
    assert_uint_in_range(kept, CAPABILITY_SET_MAX / 10, CAPABILITY_SET_MAX / 6);
    assert_uint_in_range(strlen(set.text), CAPABILITY_SET_MAX - 16, CAPABILITY_SET_MAX - 1);
}

/* ---- replies ---- */

struct reply_case {
    const char *title, *octets, *expected;
};

/* Each reply as "CODE:lines:text;", "BROKEN:text" at the end of them. */
static void read_replies(const char *octets, size_t len, size_t piece, char *out, size_t size)
{
    struct line_reader reader = {.len = 0};
    struct smtp_reply reply = {0};
    size_t at = 0;
    FILE *log = memory_check(fmemopen(out, size, "w"));
    while (at < len) {
        size_t used, now = len - at < piece ? len - at : piece;
        enum reply_state state = line_reader_feed(&reader, octets + at, now, &used);
        at += used;
        if (state == REPLY_WHOLE)
            state = smtp_reply_add(&reply, reader.line, reader.len);
        if (state == REPLY_WHOLE)
            fprintf(log, "%u:%u:%s;", reply.code, reply.lines, reply.text);
        if (state == REPLY_BROKEN) {
            fprintf(log, "BROKEN:%s", reply.text != NULL ? reply.text : "");
            break;
        }
    }
    fclose(log);
    smtp_reply_clear(&reply);
}

static void replies_are_read_however_they_are_cut(void **state)
{
    (void)state;
    static const struct reply_case cases[] = {
        {"one line", "220 hello\r\n", "220:1:220 hello;"},
        {"bare LF", "220 hello\n", "220:1:220 hello;"},
        {"no text", "220\r\n", "220:1:220 ;"},
        {"no text after the space", "220 \r\n", "220:1:220 ;"},
        {"many lines", "220-a\r\n220-\r\n220 c\r\n", "220:3:220 a\n\nc;"},
        {"the last without text", "250-a\r\n250\r\n", "250:2:250 a\n;"},
        {"many replies", "220 a\r\n250-b\n250 c\r\n", "220:1:220 a;250:2:250 b\nc;"},
        {"not whole", "220-a\r\n", ""},
        {"not ended", "220 a", ""},
        {"the code changes", "250-a\r\n251 b\r\n", "BROKEN:250 a\n251 b"},
        {"no code", "hello\r\n", "BROKEN:hello"},
        {"too short", "22\r\n", "BROKEN:22"},
        {"empty", "\r\n", "BROKEN:"},
        {"IMAP", "* OK hello\r\n", "BROKEN:* OK hello"},
        {"a code of four digits", "2200 a\r\n", "BROKEN:2200 a"},
        {"a code that there is not", "199 a\r\n", "BROKEN:199 a"},
        {"nor this", "600 a\r\n", "BROKEN:600 a"},
        {"letters in the code", "2x0 a\r\n", "BROKEN:2x0 a"},
        {"a tab for the space", "220\ta\r\n", "BROKEN:220\ta"},
        {"a line between them", "250-a\r\n\r\n250 b\r\n", "BROKEN:250 a\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].octets);
        for (size_t piece = 1; piece <= len; piece++) {
            char out[256] = "";
            read_replies(cases[i].octets, len, piece, out, sizeof(out));
            if (strcmp(out, cases[i].expected) != 0)
                fail_msg("%s, in pieces of %zu: \"%s\"", cases[i].title, piece, out);
        }
    }
}

static void lines_have_a_bound(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        for (size_t piece = 1; piece <= 8192; piece *= 3) {
            struct line_reader reader = {.len = 0};
            char *octets = xmalloc(DIALOGUE_LINE_MAX + over + 1);
            memset(octets, 'x', DIALOGUE_LINE_MAX + over);
            octets[DIALOGUE_LINE_MAX + over] = '\n';
            size_t at = 0, len = DIALOGUE_LINE_MAX + over + 1, used;
            enum reply_state state_of_line = REPLY_MORE;
            while (at < len && state_of_line == REPLY_MORE) {
                size_t now = len - at < piece ? len - at : piece;
                state_of_line = line_reader_feed(&reader, octets + at, now, &used);
                at += used;
            }
            assert_int_equal(state_of_line, over ? REPLY_BROKEN : REPLY_WHOLE);
            free(octets);
        }
    }
}

static void replies_have_a_bound(void **state)
{
    (void)state;
    struct smtp_reply reply = {0};
    for (unsigned i = 0; i < DIALOGUE_REPLY_LINES; i++)
        assert_int_equal(smtp_reply_add(&reply, "250-x", 5), REPLY_MORE);
    assert_int_equal(smtp_reply_add(&reply, "250 x", 5), REPLY_BROKEN);
    smtp_reply_clear(&reply);
    for (unsigned i = 1; i < DIALOGUE_REPLY_LINES; i++)
        assert_int_equal(smtp_reply_add(&reply, "250-x", 5), REPLY_MORE);
    assert_int_equal(smtp_reply_add(&reply, "250 last", 8), REPLY_WHOLE);
    size_t len;
    assert_memory_equal(smtp_reply_line(&reply, DIALOGUE_REPLY_LINES - 1, &len), "last", 4);
    assert_int_equal(len, 4);
    assert_memory_equal(smtp_reply_line(&reply, 0, &len), "x", 1);
    assert_int_equal(len, 1);
    smtp_reply_clear(&reply);
}

/* ---- POP3 ---- */

static void statuses_of_pop3(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum pop3_status status;
        const char *text;
    } cases[] = {
        {"+OK", POP3_OK, ""},
        {"+OK ready", POP3_OK, "ready"},
        {"-ERR", POP3_ERR, ""},
        {"-ERR [AUTH] no", POP3_ERR, "[AUTH] no"},
        {"+", POP3_CONTINUE, ""},
        {"+ ", POP3_CONTINUE, ""},
        {"+ abc=", POP3_CONTINUE, "abc="},
        {"+OKAY", POP3_BROKEN, "+OKAY"},
        {"+ok", POP3_BROKEN, "+ok"},
        {"-ERROR", POP3_BROKEN, "-ERROR"},
        {"", POP3_BROKEN, ""},
        {"220 mail", POP3_BROKEN, "220 mail"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *text;
        assert_int_equal(pop3_status(cases[i].line, strlen(cases[i].line), &text), cases[i].status);
        assert_string_equal(text, cases[i].text);
    }
}

static void numbers_of_stat(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t messages, octets;
    } cases[] = {
        {"2 320", true, 2, 320},
        {"0 0", true, 0, 0},
        {"2 320 and more", true, 2, 320},
        {"18446744073709551615 18446744073709551615", true, UINT64_MAX, UINT64_MAX},
        {"18446744073709551616 1", false, 0, 0},
        {"99999999999999999999999 1", false, 0, 0},
        {"2", false, 0, 0},
        {"2 ", false, 0, 0},
        {"", false, 0, 0},
        {"-1 2", false, 0, 0},
        {" 1 2", false, 0, 0},
        {"1x 2", false, 0, 0},
        {"two 320", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t messages = 0, octets = 0;
        assert_int_equal(pop3_parse_stat(cases[i].text, &messages, &octets), cases[i].good);
        if (cases[i].good) {
            assert_int_equal(messages, cases[i].messages);
            assert_int_equal(octets, cases[i].octets);
        }
    }
}

#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"

static void identifiers_of_uidl(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected; /* NULL: refused */
    } cases[] = {
        {"2 QhdPYR:00WBw1Ph7x7", "QhdPYR:00WBw1Ph7x7"},
        {"2 abc trailing", "abc"},
        {"2 " SEVENTY, SEVENTY},
        {"2 " SEVENTY "x", NULL},
        {"3 abc", NULL},
        {"2 ", NULL},
        {"2", NULL},
        {"2 a\001b", NULL},
        {"2 \303\244", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char out[POP3_UIDL_MAX + 1] = "";
        assert_int_equal(pop3_parse_uidl(cases[i].text, 2, out), cases[i].expected != NULL);
        assert_string_equal(out, cases[i].expected != NULL ? cases[i].expected : "");
    }
}

static void timestamps_of_greetings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected; /* NULL: none */
    } cases[] = {
        {"ready <1896.697170952@dbc.mtview.ca.us>", "<1896.697170952@dbc.mtview.ca.us>"},
        {"<a@b> and <c@d>", "<a@b>"},
        {"ready <nobody>", NULL},
        {"ready a@b", NULL},
        {"ready <a@b", NULL},
        {"ready > <", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = 0;
        const char *found = pop3_find_timestamp(cases[i].text, &len);
        if (cases[i].expected == NULL) {
            assert_null(found);
            continue;
        }
        assert_int_equal(len, strlen(cases[i].expected));
        assert_memory_equal(found, cases[i].expected, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phase_entered_again_adds_to_its_time),
        cmocka_unit_test(a_clock_that_stands_adds_nothing),
        cmocka_unit_test(phases_have_names),
        cmocka_unit_test(words_are_cleaned),
        cmocka_unit_test(capabilities_are_whole_words_of_any_case),
        cmocka_unit_test(capabilities_are_a_set),
        cmocka_unit_test(a_set_that_is_full_says_so),
        cmocka_unit_test(replies_are_read_however_they_are_cut),
        cmocka_unit_test(lines_have_a_bound),
        cmocka_unit_test(replies_have_a_bound),
        cmocka_unit_test(statuses_of_pop3),
        cmocka_unit_test(numbers_of_stat),
        cmocka_unit_test(identifiers_of_uidl),
        cmocka_unit_test(timestamps_of_greetings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
