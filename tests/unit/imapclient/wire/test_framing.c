#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/wire/framing.h"

/* The calls to the sink as text: "unit <...>", "body <head> size", "data <...>", "end". Data is
 * joined, since pieces may be split anywhere. */
struct record {
    char *text;
    size_t len, room;
    bool in_data;
    unsigned stop_every; /* stop at every n-th callback, 0: never */
    unsigned calls;
    struct framing *framing;
};

static void put(struct record *record, const void *octets, size_t len)
{
    if (record->len + len + 1 > record->room) {
        record->room = 2 * (record->len + len + 1);
        record->text = realloc(record->text, record->room);
        assert_non_null(record->text);
    }
    memcpy(record->text + record->len, octets, len);
    record->len += len;
    record->text[record->len] = '\0';
}

static void put_text(struct record *record, const char *text)
{
    put(record, text, strlen(text));
}

static void count_call(struct record *record)
{
    record->calls++;
    if (record->stop_every != 0 && record->calls % record->stop_every == 0)
        framing_stop(record->framing);
}

static void on_unit(void *arg, const char *unit, size_t len)
{
    assert_int_equal(unit[len], '\0');
    put_text(arg, "unit <");
    put(arg, unit, len);
    put_text(arg, ">\n");
    count_call(arg);
}

static void on_body_begin(void *arg, const char *head, size_t len, uint64_t size)
{
    char number[32];
    snprintf(number, sizeof(number), "> %" PRIu64 "\n", size);
    put_text(arg, "body <");
    put(arg, head, len);
    put_text(arg, number);
    count_call(arg);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct record *record = arg;
    assert_int_not_equal(len, 0);
    if (!record->in_data)
        put_text(record, "data <");
    record->in_data = true;
    put(record, data, len);
    count_call(record);
}

static void on_body_end(void *arg)
{
    struct record *record = arg;
    put_text(record, record->in_data ? ">\nend\n" : "end\n");
    record->in_data = false;
    count_call(record);
}

static const struct framing_sink sink = {on_unit, on_body_begin, on_body_data, on_body_end};

static void begin(struct record *record, uint64_t body_max)
{
    *record = (struct record){0};
    record->framing = framing_new(&sink, record, body_max);
    put_text(record, "");
}

static void end(struct record *record)
{
    framing_free(record->framing);
    free(record->text);
}

/* Feeds a piece completely, continuing after every stop. */
static enum framing_result feed(struct record *record, const char *data, size_t len)
{
    enum framing_result result;
    size_t used;
    do {
        result = framing_feed(record->framing, (const unsigned char *)data, len, &used);
        assert_true(used <= len);
        data += used;
        len -= used;
    } while (result == FRAMING_OK && len > 0);
    /* A stop may have preceded the last callback of octets that were all consumed. */
    for (unsigned calls = record->calls + 1; result == FRAMING_OK && calls != record->calls;) {
        calls = record->calls;
        result = framing_feed(record->framing, (const unsigned char *)data, 0, &used);
    }
    return result;
}

static const struct sample {
    const char *octets, *expected;
} samples[] = {
    {"* OK hello\r\n", "unit <* OK hello>\n"},
    {"* OK hello\n", "unit <* OK hello>\n"},
    {"\r\n", "unit <>\n"},
    {"a\rb\r\r\n", "unit <a\rb\r>\n"},
    {"* 5 EXISTS\r\n* 1 RECENT\r\n", "unit <* 5 EXISTS>\nunit <* 1 RECENT>\n"},
    {"+ idling\r\nA1 OK done\r\n", "unit <+ idling>\nunit <A1 OK done>\n"},

    /* Literals that belong to the unit. */
    {"* LIST () \"/\" {5}\r\nhello\r\n", "unit <* LIST () \"/\" {5}\r\nhello>\n"},
    {"* LIST () \"/\" {5}\nhello\n", "unit <* LIST () \"/\" {5}\r\nhello>\n"},
    {"* LIST () \"/\" {5+}\r\nhello\r\n", "unit <* LIST () \"/\" {5+}\r\nhello>\n"},
    {"* LIST () \"/\" {0}\r\n\r\n", "unit <* LIST () \"/\" {0}\r\n>\n"},
    {"* LIST () \"/\" ~{2}\r\n\r\n\r\n", "unit <* LIST () \"/\" ~{2}\r\n\r\n>\n"},
    {"* ID ({4}\r\nname {3}\r\nx\"y)\r\n", "unit <* ID ({4}\r\nname {3}\r\nx\"y)>\n"},
    {"* 1 FETCH (ENVELOPE ({3}\r\na)b NIL) UID 4)\r\n",
     "unit <* 1 FETCH (ENVELOPE ({3}\r\na)b NIL) UID 4)>\n"},
    {"* 1 FETCH (BODY[HEADER.FIELDS ({2}\r\nTO)] NIL)\r\n",
     "unit <* 1 FETCH (BODY[HEADER.FIELDS ({2}\r\nTO)] NIL)>\n"},

    /* Not literals. */
    {"A1 NO no folder {5}\r\n", "unit <A1 NO no folder {5}>\n"},
    {"* OK it is \"{5}\r\n* 2 EXISTS\r\n", "unit <* OK it is \"{5}>\nunit <* 2 EXISTS>\n"},
    {"+ {5}\r\nx\r\n", "unit <+ {5}>\nunit <x>\n"},
    {"* LIST () \"/\" x{5}\r\nab\r\n", "unit <* LIST () \"/\" x{5}>\nunit <ab>\n"},
    {"* LIST () \"/\" {5} x\r\n", "unit <* LIST () \"/\" {5} x>\n"},
    {"* LIST () \"/\" {5}\rx\r\n", "unit <* LIST () \"/\" {5}\rx>\n"},
    {"* LIST () \"/\" {}\r\n", "unit <* LIST () \"/\" {}>\n"},
    {"* LIST () \"/\" {+}\r\n", "unit <* LIST () \"/\" {+}>\n"},
    {"* LIST () \"/\" {5++}\r\n", "unit <* LIST () \"/\" {5++}>\n"},
    {"* LIST () \"/\" {5+5}\r\n", "unit <* LIST () \"/\" {5+5}>\n"},
    {"* LIST () \"/\" {-5}\r\n", "unit <* LIST () \"/\" {-5}>\n"},
    {"* LIST () \"/\" {99999999999999999999} x\r\n",
     "unit <* LIST () \"/\" {99999999999999999999} x>\n"},
    {"* LIST () \"/\" \"a {5}\r\nx\r\n", "unit <* LIST () \"/\" \"a {5}>\nunit <x>\n"},
    {"* LIST () \"\\\" {5}\r\n", "unit <* LIST () \"\\\" {5}>\n"},
    {"* LIST () \"\\\\\" {2}\r\nab\r\n", "unit <* LIST () \"\\\\\" {2}\r\nab>\n"},

    /* Bodies. */
    {"* 12 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n",
     "body <* 12 FETCH (UID 7 BODY[]> 5\ndata <hello>\nend\nunit <* 12 FETCH (UID 7 BODY[] "
     "NIL)>\n"},
    {"* 12 fetch (body[] {5}\nhello UID 7)\n",
     "body <* 12 fetch (body[]> 5\ndata <hello>\nend\nunit <* 12 fetch (body[] NIL UID 7)>\n"},
    {"*  12  FETCH (BODY[]{1}\r\nx)\r\n",
     "body <*  12  FETCH (BODY[]> 1\ndata <x>\nend\nunit <*  12  FETCH (BODY[] NIL)>\n"},
    {"* 1 FETCH (BODY[] {0}\r\n UID 7)\r\n",
     "body <* 1 FETCH (BODY[]> 0\nend\nunit <* 1 FETCH (BODY[] NIL UID 7)>\n"},
    {"* 1 FETCH (BODY[]<0> {2}\r\n\r\n)\r\n",
     "body <* 1 FETCH (BODY[]<0>> 2\ndata <\r\n>\nend\nunit <* 1 FETCH (BODY[]<0> NIL)>\n"},
    {"* 1 FETCH (BINARY[1.2] ~{2}\r\nxy)\r\n",
     "body <* 1 FETCH (BINARY[1.2]> 2\ndata <xy>\nend\nunit <* 1 FETCH (BINARY[1.2] NIL)>\n"},
    {"* 1 FETCH (BODY[HEADER.FIELDS (TO \"]\")] {1}\r\nx)\r\n",
     "body <* 1 FETCH (BODY[HEADER.FIELDS (TO \"]\")]> 1\ndata <x>\nend\n"
     "unit <* 1 FETCH (BODY[HEADER.FIELDS (TO \"]\")] NIL)>\n"},
    {"* 1 FETCH (RFC822 {1}\r\nx RFC822.HEADER {1}\r\ny RFC822.TEXT {1}\r\nz)\r\n",
     "body <* 1 FETCH (RFC822> 1\ndata <x>\nend\n"
     "body <* 1 FETCH (RFC822 NIL RFC822.HEADER> 1\ndata <y>\nend\n"
     "body <* 1 FETCH (RFC822 NIL RFC822.HEADER NIL RFC822.TEXT> 1\ndata <z>\nend\n"
     "unit <* 1 FETCH (RFC822 NIL RFC822.HEADER NIL RFC822.TEXT NIL)>\n"},
    {"* 1 FETCH (BODY[] {12}\r\n)\r\nA1 OK x\r\n)\r\nA1 OK y\r\n",
     "body <* 1 FETCH (BODY[]> 12\ndata <)\r\nA1 OK x\r\n>\nend\nunit <* 1 FETCH (BODY[] NIL)>\n"
     "unit <A1 OK y>\n"},

    /* Not bodies. */
    {"* 1 FETCH (BODY[] \"hello\" UID 7)\r\n", "unit <* 1 FETCH (BODY[] \"hello\" UID 7)>\n"},
    {"* 1 FETCH (BODY[] NIL UID 7)\r\n", "unit <* 1 FETCH (BODY[] NIL UID 7)>\n"},
    {"* 1 FETCH (X-FOO {1}\r\nx)\r\n", "unit <* 1 FETCH (X-FOO {1}\r\nx)>\n"},
    {"* 1 FETCH (X (BODY[] {1}\r\nx))\r\n", "unit <* 1 FETCH (X (BODY[] {1}\r\nx))>\n"},
    {"* 1 FETCH (BODY[] \"x\" {1}\r\nx)\r\n", "unit <* 1 FETCH (BODY[] \"x\" {1}\r\nx)>\n"},
    {"* 1 FETCH (RFC822.SIZE {1}\r\nx)\r\n", "unit <* 1 FETCH (RFC822.SIZE {1}\r\nx)>\n"},
    {"* 1 FETCH (BODY (\"a\" {1}\r\nx))\r\n", "unit <* 1 FETCH (BODY (\"a\" {1}\r\nx))>\n"},
    {"* 1 FETCH (FLAGS (BODY[] {1}\r\nx))\r\n", "unit <* 1 FETCH (FLAGS (BODY[] {1}\r\nx))>\n"},
    {"* 1 FETCHED (BODY[] {1}\r\nx)\r\n", "unit <* 1 FETCHED (BODY[] {1}\r\nx)>\n"},
    {"* LIST (BODY[] {1}\r\nx)\r\n", "unit <* LIST (BODY[] {1}\r\nx)>\n"},
};

#define SAMPLES (sizeof(samples) / sizeof(*samples))

static void check_record(const struct record *record, const struct sample *sample, size_t split)
{
    if (strcmp(record->text, sample->expected) != 0)
        fail_msg("of <%s>, split at %zu, the record is\n%s", sample->octets, split, record->text);
    if (!framing_is_between_units(record->framing))
        fail_msg("<%s> is whole", sample->octets);
}

static void samples_are_read_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record record;
        begin(&record, 0);
        assert_int_equal(feed(&record, samples[i].octets, strlen(samples[i].octets)), FRAMING_OK);
        check_record(&record, &samples[i], 0);
        end(&record);
    }
}

static void samples_are_split_octet_by_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record record;
        begin(&record, 0);
        for (const char *at = samples[i].octets; *at != '\0'; at++)
            assert_int_equal(feed(&record, at, 1), FRAMING_OK);
        check_record(&record, &samples[i], 1);
        end(&record);
    }
}

static void samples_are_split_at_every_position(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t len = strlen(samples[i].octets);
        for (size_t split = 0; split <= len; split++) {
            struct record record;
            begin(&record, 0);
            assert_int_equal(feed(&record, samples[i].octets, split), FRAMING_OK);
            assert_int_equal(feed(&record, samples[i].octets + split, len - split), FRAMING_OK);
            check_record(&record, &samples[i], split);
            end(&record);
        }
    }
}

static void a_stop_changes_nothing_but_the_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record record;
        begin(&record, 0);
        record.stop_every = 1;
        assert_int_equal(feed(&record, samples[i].octets, strlen(samples[i].octets)), FRAMING_OK);
        check_record(&record, &samples[i], 0);
        end(&record);
    }
}

static void a_stop_ends_the_call(void **state)
{
    (void)state;
    struct record record;
    static const char octets[] = "* 1 EXISTS\r\n* 2 EXISTS\r\n";
    size_t used;
    begin(&record, 0);
    record.stop_every = 1;
    framing_feed(record.framing, (const unsigned char *)octets, sizeof(octets) - 1, &used);
    assert_int_equal(used, 12);
    assert_string_equal(record.text, "unit <* 1 EXISTS>\n");
    end(&record);
}

static void nul_in_a_literal_is_data(void **state)
{
    (void)state;
    struct record record;
    static const char octets[] = "* LIST () \"/\" {3}\r\na\0b\r\n";
    static const char expected[] = "unit <* LIST () \"/\" {3}\r\na\0b>\n";
    begin(&record, 0);
    assert_int_equal(feed(&record, octets, sizeof(octets) - 1), FRAMING_OK);
    assert_int_equal(record.len, sizeof(expected) - 1);
    assert_memory_equal(record.text, expected, sizeof(expected));
    end(&record);
}

/* ---- limits ---- */

static void check_broken(const char *octets, size_t len, uint64_t body_max, const char *reason)
{
    struct record record;
    size_t used;
    begin(&record, body_max);
    if (feed(&record, octets, len) != FRAMING_BROKEN)
        fail_msg("<%.60s> should break the frame", octets);
    assert_string_equal(framing_reason(record.framing), reason);
    assert_int_equal(
        framing_feed(record.framing, (const unsigned char *)"* 1 EXISTS\r\n", 12, &used),
        FRAMING_BROKEN);
    assert_int_equal(used, 0);
    end(&record);
}

static void what_exceeds_a_limit_breaks_the_frame(void **state)
{
    (void)state;
    static const char large[] = "literal too large outside a message body";
    static const char out_of_range[] = "literal size out of range";
    static const struct {
        const char *octets, *reason;
    } cases[] = {
        {"* LIST () \"/\" {4294967295}\r\n", large},
        {"* LIST () \"/\" {1048577}\r\n", large},
        {"* LIST () \"/\" {1048576}\r\n", large},
        {"* 1 FETCH (ENVELOPE ({9223372036854775807}\r\n", large},
        {"* 1 FETCH (BODY[] {9223372036854775808}\r\n", out_of_range},
        {"* LIST () \"/\" {99999999999999999999999}\r\n", out_of_range},
        {"* 1 FETCH (BODY[] {1001}\r\n", "message larger than the limit"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_broken(cases[i].octets, strlen(cases[i].octets), 1000, cases[i].reason);
}

static void nul_in_a_line_breaks_the_frame(void **state)
{
    (void)state;
    check_broken("* OK a\0b\r\n", 10, 0, "NUL in a response");
}

static void the_largest_body_that_is_allowed_is_accepted(void **state)
{
    (void)state;
    struct record record;
    static const char octets[] = "* 1 FETCH (BODY[] {9223372036854775807}\r\n";
    begin(&record, 0);
    assert_int_equal(feed(&record, octets, sizeof(octets) - 1), FRAMING_OK);
    assert_string_equal(record.text, "body <* 1 FETCH (BODY[]> 9223372036854775807\n");
    end(&record);
}

/* Feeds one piece repeatedly; returns how many octets were consumed until the frame broke. */
static size_t feed_until_broken(struct record *record, const char *begin_with, const char *piece)
{
    size_t taken = 0, used, len = strlen(piece);
    assert_int_equal(feed(record, begin_with, strlen(begin_with)), FRAMING_OK);
    while (taken <= 4 * FRAMING_UNIT_MAX) {
        enum framing_result result =
            framing_feed(record->framing, (const unsigned char *)piece, len, &used);
        taken += used;
        if (result == FRAMING_BROKEN)
            return taken;
    }
    return 0;
}

static void an_endless_line_breaks_at_its_limit(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"* SEARCH", "* OK ", "* LIST () \"/\" \"", "A1 OK "};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
        struct record record;
        begin(&record, 0);
        size_t taken = feed_until_broken(&record, beginnings[i], " 1234567");
        assert_int_equal(taken, FRAMING_UNIT_MAX + 1 - strlen(beginnings[i]));
        assert_string_equal(framing_reason(record.framing), "response longer than 1 MiB");
        end(&record);
    }
}

static void a_unit_may_be_as_long_as_its_limit(void **state)
{
    (void)state;
    struct record record;
    char *octets = malloc(FRAMING_UNIT_MAX + 2);
    assert_non_null(octets);
    memset(octets, 'x', FRAMING_UNIT_MAX);
    memcpy(octets + FRAMING_UNIT_MAX, "\r\n", 2);
    begin(&record, 0);
    assert_int_equal(feed(&record, octets, FRAMING_UNIT_MAX + 2), FRAMING_OK);
    assert_int_equal(record.calls, 1);
    end(&record);
    free(octets);
}

static void literals_are_counted(void **state)
{
    (void)state;
    struct record record;
    begin(&record, 0);
    assert_int_equal(feed(&record, "* X", 3), FRAMING_OK);
    for (int i = 0; i < FRAMING_LITERALS_MAX; i++)
        assert_int_equal(feed(&record, " {1}\r\nx", 7), FRAMING_OK);
    assert_int_equal(feed(&record, " {1}\r\nx", 7), FRAMING_BROKEN);
    assert_string_equal(framing_reason(record.framing), "too many literals in one response");
    end(&record);
}

static void nesting_is_limited(void **state)
{
    (void)state;
    char octets[FRAMING_DEPTH_MAX + 16] = "* X ";
    memset(octets + 4, '(', FRAMING_DEPTH_MAX + 1);
    struct record record;
    begin(&record, 0);
    assert_int_equal(feed(&record, octets, 4 + FRAMING_DEPTH_MAX), FRAMING_OK);
    end(&record);
    check_broken(octets, 4 + FRAMING_DEPTH_MAX + 1, 0, "lists nested too deeply");
}

/* Names that users choose and human text may contain any number of parentheses. */
static void only_lists_nest(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char octet;
    } cases[] = {
        {"* LIST () \"/\" ", '['},
        {"* 1 FETCH (FLAGS (", '['},
        {"* LIST () \"/\" \"", '('},
        {"A1 NO [ALERT] oh no ", '('},
        {"* OK ", '('},
        {"+ ", '('},
        {"* 1 FETCH (BODY[HEADER.FIELDS (", '['},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct record record;
        char many[2 * FRAMING_DEPTH_MAX];
        memset(many, cases[i].octet, sizeof(many));
        begin(&record, 0);
        assert_int_equal(feed(&record, cases[i].before, strlen(cases[i].before)), FRAMING_OK);
        if (feed(&record, many, sizeof(many)) != FRAMING_OK)
            fail_msg("<%s%c...> is not nested", cases[i].before, cases[i].octet);
        end(&record);
    }
}

/* ---- state ---- */

static void an_unfinished_unit_is_noticed(void **state)
{
    (void)state;
    static const char *const beginnings[] = {
        "x",
        "\r",
        "* LIST () \"/\" {5}\r\nhel",
        "* 1 FETCH (BODY[] {5}\r\n",
        "* 1 FETCH (BODY[] {0}\r\n",
    };
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
        struct record record;
        begin(&record, 0);
        assert_true(framing_is_between_units(record.framing));
        feed(&record, beginnings[i], strlen(beginnings[i]));
        if (framing_is_between_units(record.framing))
            fail_msg("<%s> is not whole", beginnings[i]);
        end(&record);
    }
}

static void shrinking_loses_nothing(void **state)
{
    (void)state;
    struct record record;
    begin(&record, 0);
    feed(&record, "* 1 EXISTS\r\n* 2 EX", 18);
    framing_shrink(record.framing);
    feed(&record, "ISTS\r\n", 6);
    framing_shrink(record.framing);
    framing_shrink(record.framing);
    feed(&record, "* 3 EXISTS\r\n", 12);
    assert_string_equal(record.text, "unit <* 1 EXISTS>\nunit <* 2 EXISTS>\nunit <* 3 EXISTS>\n");
    end(&record);
}

static void shrink_in_a_unit(void *arg, const char *unit, size_t len)
{
    struct record *record = arg;
    assert_true(framing_is_between_units(record->framing));
    framing_shrink(record->framing);
    on_unit(arg, unit, len);
}

static void shrinking_is_allowed_inside_a_unit(void **state)
{
    (void)state;
    static const struct framing_sink resting = {shrink_in_a_unit, on_body_begin, on_body_data,
                                                on_body_end};
    struct record record = {0};
    record.framing = framing_new(&resting, &record, 0);
    feed(&record, "* 1 EXISTS\r\n* 2 EXISTS\r\n", 24);
    assert_string_equal(record.text, "unit <* 1 EXISTS>\nunit <* 2 EXISTS>\n");
    end(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_read_whole),
        cmocka_unit_test(samples_are_split_octet_by_octet),
        cmocka_unit_test(samples_are_split_at_every_position),
        cmocka_unit_test(a_stop_changes_nothing_but_the_time),
        cmocka_unit_test(a_stop_ends_the_call),
        cmocka_unit_test(nul_in_a_literal_is_data),
        cmocka_unit_test(what_exceeds_a_limit_breaks_the_frame),
        cmocka_unit_test(nul_in_a_line_breaks_the_frame),
        cmocka_unit_test(the_largest_body_that_is_allowed_is_accepted),
        cmocka_unit_test(an_endless_line_breaks_at_its_limit),
        cmocka_unit_test(a_unit_may_be_as_long_as_its_limit),
        cmocka_unit_test(literals_are_counted),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(only_lists_nest),
        cmocka_unit_test(an_unfinished_unit_is_noticed),
        cmocka_unit_test(shrinking_loses_nothing),
        cmocka_unit_test(shrinking_is_allowed_inside_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
