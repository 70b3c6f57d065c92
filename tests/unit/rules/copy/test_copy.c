#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/sha.h>

#include "rules/copy/copy.h"
#include "rules/samples.h"

#define ID "abcdefghijklmnopqrstuvwx27"

static const unsigned char sha256[32] = {0xde, 0xad, 0xbe, 0xef};
static char *prefixes[3] = {"{Mon-In} ", "{Mon-Out} ", "{Mon-Int} "};
static struct recipient bob = {"bob@example.org", BASIS_TO};
static const char *const one_rule[] = {"outgoing-attachments"};

static struct rule_set make_set(void)
{
    struct rule_set set = {0};
    memcpy(set.subject_prefix, prefixes, sizeof(prefixes));
    return set;
}

static struct copy_plan make_plan(void)
{
    return (struct copy_plan){.form = COPY_REWRITTEN,
                              .directions = DIRECTION_INCOMING,
                              .sender = "alice@example.org",
                              .recipients = &bob,
                              .n_recipients = 1,
                              .rules = one_rule,
                              .n_rules = 1,
                              .account = "alice",
                              .folder = "Sent",
                              .uidvalidity = 1700000001,
                              .uid = 42,
                              .monitor_id = ID,
                              .sha256 = sha256,
                              .captured = 1767225600,
                              .internaldate = 1767225600,
                              .instance = "example.org"};
}

static size_t header_len_of(const char *text, size_t len)
{
    struct header_scan scan = {0};
    long end = header_scan_feed(&scan, text, len);
    return end < 0 ? len : (size_t)end;
}

/* The whole copy; checks the view. */
static struct buffer make(const struct rule_set *set, const struct copy_plan *plan,
                          const char *text, size_t len, struct copy_view *view)
{
    struct buffer copy = {0};
    size_t header_len = header_len_of(text, len);
    copy_make(set, plan, text, header_len, len, view);
    assert_true(view->from <= view->to && view->to <= len);
    buffer_add(&copy, view->prefix, view->prefix_len);
    buffer_add(&copy, text + view->from, view->to - view->from);
    buffer_add(&copy, view->suffix, view->suffix_len);
    return copy;
}

static struct buffer make_simply(const struct copy_plan *plan, const char *text)
{
    struct rule_set set = make_set();
    struct copy_view view;
    struct buffer copy = make(&set, plan, text, strlen(text), &view);
    copy_view_clear(&view);
    return copy;
}

/* The n-th field of that name verbatim, line ends made visible, or "-". */
static char *field_as_written(const struct buffer *copy, const char *name, size_t n)
{
    struct header *header = header_parse(copy->data, copy->len);
    const struct header_field *field = header_find(header, name, n);
    struct buffer shown = {0};
    if (field == NULL)
        buffer_text(&shown, "-");
    for (size_t i = 0; field != NULL && i < field->len; i++)
        if (field->start[i] == '\r')
            buffer_text(&shown, "\\r");
        else if (field->start[i] == '\n')
            buffer_text(&shown, "\\n");
        else
            buffer_char(&shown, field->start[i]);
    header_free(header);
    return buffer_take(&shown);
}

static void assert_field(const struct buffer *copy, const char *name, const char *want)
{
    struct header *header = header_parse(copy->data, copy->len);
    const struct header_field *field = header_find(header, name, 0);
    char *value = field != NULL ? header_value(field, 100000) : xstrdup("-");
    if (strcmp(value, want) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", name, value, want);
    free(value);
    header_free(header);
}

static void test_subject(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *header, *want;
    } cases[] = {
        {"{In} ", "Subject: old text\r\n", "Subject: {In} old text\\r\\n"},
        {"{In} ", "SUBJECT:  old\r\n", "SUBJECT:  {In} old\\r\\n"},
        {"{In} ", "Subject:\told\r\n", "Subject:\t{In} old\\r\\n"},
        {"{In} ", "Subject:old\r\n", "Subject: {In} old\\r\\n"},
        {"{In} ", "Subject : old\r\n", "Subject : {In} old\\r\\n"},
        {"{In} ", "Subject: old\n", "Subject: {In} old\\n"},
        {"{In} ", "Subject: one\r\n two\r\n\tthree\r\n",
         "Subject: {In} one\\r\\n two\\r\\n\tthree\\r\\n"},
        {"{In} ", "Subject:\r\n one\r\n", "Subject: {In}\\r\\n one\\r\\n"},
        {"{In} ", "Subject: \r\n \r\n one\r\n", "Subject: {In}\\r\\n \\r\\n one\\r\\n"},
        {"{In} ", "Subject:\n one\n", "Subject: {In}\\n one\\n"},
        {"{In} ", "Subject:\r\n", "Subject: {In}\\r\\n"},
        {"{In} ", "Subject:   \r\n", "Subject:   {In}\\r\\n"},
        {"{In} ", "To: x\r\n", "Subject: {In}\\r\\n"},
        {"{In} ", "Subject: gr\xfc\xdf\r\n", "Subject: {In} gr\xfc\xdf\\r\\n"},
        {"{In} ", "Subject: =?utf-8?Q?a?=\r\n =?utf-8?Q?b?=\r\n",
         "Subject: {In} =?utf-8?Q?a?=\\r\\n =?utf-8?Q?b?=\\r\\n"},
        {"{In} ", "Subject: a\rb\r\n", "Subject: {In} a\\rb\\r\\n"},
        {"[In]", "Subject: old\r\n", "Subject: [In]old\\r\\n"},
        {"[In]", "Subject: =?utf-8?Q?a?=\r\n", "Subject: [In] =?utf-8?Q?a?=\\r\\n"},
        {"", "Subject: old\r\n", "Subject: old\\r\\n"},
        {"", "Subject:old\r\n", "Subject:old\\r\\n"},
        {"", "To: x\r\n", "-"},
        {"\xc3\xa9 ", "Subject: old\r\n", "Subject: =?utf-8?B?w6k=?= old\\r\\n"},
        {"\xc3\xa9 ", "Subject: =?utf-8?Q?a?=\r\n",
         "Subject: =?utf-8?B?w6kg?= =?utf-8?Q?a?=\\r\\n"},
        {"\xc3\xa9 ", "Subject:\r\n =?utf-8?Q?a?=\r\n",
         "Subject: =?utf-8?B?w6kg?=\\r\\n =?utf-8?Q?a?=\\r\\n"},
        {"\xc3\xa9 ", "Subject:\r\n", "Subject: =?utf-8?B?w6k=?=\\r\\n"},
        {"a\r\nBcc: x ", "Subject: old\r\n", "Subject: a Bcc: x old\\r\\n"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set set = make_set();
        struct copy_plan plan = make_plan();
        struct copy_view view;
        char *prefix = xstrdup(cases[i].prefix);
        set.subject_prefix[0] = prefix;
        struct buffer copy = make(&set, &plan, cases[i].header, strlen(cases[i].header), &view);
        char *subject = field_as_written(&copy, "Subject", 0);
        if (strcmp(subject, cases[i].want) != 0) {
            print_error("%zu: %s, want %s\n", i, subject, cases[i].want);
            wrong++;
        }
        free(subject);
        free(prefix);
        buffer_free(&copy);
        copy_view_clear(&view);
    }
    assert_int_equal(wrong, 0);
}

static void test_only_the_first_subject_is_changed(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer copy = make_simply(&plan, "Subject: a\r\nsubject: b\r\n\r\n");
    char *second = field_as_written(&copy, "Subject", 1);
    assert_string_equal(second, "subject: b\\r\\n");
    free(second);
    buffer_free(&copy);
}

static void test_a_long_subject_line_is_folded_after_the_prefix(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer text = {0};
    buffer_text(&text, "Subject: ");
    for (int i = 0; i < 980; i++)
        buffer_char(&text, 'x');
    buffer_text(&text, "\r\n\r\n");
    struct buffer copy = make_simply(&plan, text.data);
    char *subject = field_as_written(&copy, "Subject", 0);
    assert_memory_equal(subject, "Subject: {Mon-In}\\r\\n xxx", 24);
    free(subject);
    buffer_free(&text);
    buffer_free(&copy);
}

static void test_prefix_of_outgoing_then_incoming_then_internal(void **state)
{
    (void)state;
    static const struct {
        unsigned directions;
        const char *want;
    } cases[] = {
        {DIRECTION_INCOMING, "{Mon-In} x"},
        {DIRECTION_OUTGOING, "{Mon-Out} x"},
        {DIRECTION_INTERNAL, "{Mon-Int} x"},
        {DIRECTION_INTERNAL | DIRECTION_OUTGOING, "{Mon-Out} x"},
        {DIRECTION_INTERNAL | DIRECTION_INCOMING, "{Mon-In} x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct copy_plan plan = make_plan();
        plan.directions = cases[i].directions;
        struct buffer copy = make_simply(&plan, "Subject: x\r\n\r\n");
        assert_field(&copy, "Subject", cases[i].want);
        buffer_free(&copy);
    }
}

static void test_fields_that_are_added(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer copy = make_simply(&plan, "Message-Id: <a@b>\r\n\r\n");
    static const struct {
        const char *name, *want;
    } fields[] = {
        {"X-Monitor-Recipient", "bob@example.org"},
        {"X-Monitor-Recipients", "-"},
        {"X-Monitor-Recipient-Basis", "to"},
        {"X-Monitor-Sender", "alice@example.org (mailbox)"},
        {"X-Monitor-Direction", "incoming"},
        {"X-Monitor-Rule", "outgoing-attachments"},
        {"X-Monitor-Purpose", "-"},
        {"X-Monitor-Approved-By", "-"},
        {"X-Monitor-Source", "account=alice; folder=\"Sent\"; uidvalidity=1700000001; uid=42"},
        {"X-Monitor-Id", ID},
        {"X-Monitor-Original-Message-ID", "<a@b>"},
        {"X-Monitor-Original-SHA256",
         "deadbeef00000000000000000000000000000000000000000000000000000000"},
        {"X-Monitor-Captured", "Thu, 01 Jan 2026 00:00:00 +0000"},
        {"X-Monitor-Removed", "-"},
        {"X-Monitor-Warning", "-"},
        {"Message-ID", "<" ID ".mailvigil@example.org>"},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        assert_field(&copy, fields[i].name, fields[i].want);
    buffer_free(&copy);
}

static void test_fields_of_several(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct recipient recipients[] = {{"a@x", BASIS_TO}, {"b@y", BASIS_BCC}, {"c@z", BASIS_OWNER}};
    const char *const rules[] = {"one", "zw\xc3\xb6lf", "three"};
    plan.recipients = recipients;
    plan.n_recipients = 3;
    plan.rules = rules;
    plan.n_rules = 3;
    plan.directions = DIRECTION_OUTGOING | DIRECTION_INTERNAL;
    plan.sender = "";
    plan.sender_claimed = true;
    plan.purpose = "audit\r\nX-Evil: 1";
    plan.approved_by = "the b\xc3\xb6"
                       "ard\r\n.\r\n";
    plan.folder = "a\\b\"c\r\nd";
    plan.warnings = WARNING_FROM_MISMATCH | WARNING_TNEF;
    plan.instance = "b\xc3\xbc"
                    "cher..example";
    struct buffer copy = make_simply(&plan, "Message-ID:\r\n\r\n");
    static const struct {
        const char *name, *want;
    } fields[] = {
        {"X-Monitor-Recipient", "-"},
        {"X-Monitor-Recipients", "a@x, b@y, c@z"},
        {"X-Monitor-Recipient-Basis", "to, bcc, owner"},
        {"X-Monitor-Sender", "<> (claimed)"},
        {"X-Monitor-Direction", "outgoing, internal"},
        {"X-Monitor-Rule", "one, =?utf-8?B?enfDtmxm?= , three"},
        {"X-Monitor-Purpose", "audit X-Evil: 1"},
        {"X-Monitor-Approved-By", "=?utf-8?B?dGhlIGLDtmFyZCAuIA==?="},
        {"X-Evil", "-"},
        {"X-Monitor-Source",
         "account=alice; folder=\"a\\\\b\\\"c d\"; uidvalidity=1700000001; uid=42"},
        {"X-Monitor-Original-Message-ID", "-"},
        {"X-Monitor-Warning", "from-mismatch, tnef"},
        {"Message-ID", "<" ID ".mailvigil@b--cher.-example>"},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        assert_field(&copy, fields[i].name, fields[i].want);
    buffer_free(&copy);
}

static void test_folder_names_stay_seven_bit(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.folder = "Entw\xc3\xbcrfe/50%";
    plan.account = "al ice";
    struct buffer copy = make_simply(&plan, "\r\n");
    assert_field(&copy, "X-Monitor-Source",
                 "account=\"al ice\"; folder*=utf-8''Entw%C3%BCrfe/50%25; "
                 "uidvalidity=1700000001; uid=42");
    buffer_free(&copy);
}

static void test_message_id_is_replaced_in_its_place(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer copy =
        make_simply(&plan, "A: 1\r\nmessage-id :\r\n <a@b>\r\nB: 2\r\nMessage-ID: <c@d>\r\n\r\n");
    assert_non_null(strstr(copy.data,
                           "A: 1\r\nMessage-ID: <" ID ".mailvigil@example.org>\r\nB: 2\r\n"
                           "\r\n"));
    assert_field(&copy, "X-Monitor-Original-Message-ID", "<a@b>");
    assert_field(&copy, "X-Monitor-Removed", "Message-ID");
    buffer_free(&copy);
}

static void test_removed_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"Disposition-Notification-To",
                                        "Disposition-Notification-Options",
                                        "Disposition-Notifications-To",
                                        "X-Disposition-Notification-To",
                                        "Return-Receipt-To",
                                        "Return-Receipt-Requested",
                                        "Return-Receipt-Requested-To",
                                        "Read-Receipt-To",
                                        "X-Confirm-Reading-To",
                                        "Confirm-Reading-To",
                                        "X-pmrqc",
                                        "Receipt-Requested-To",
                                        "Delivery-Receipt-To",
                                        "X-Acknowledge-To",
                                        "X-Ack",
                                        "MDSend-Notifications-To",
                                        "MDRcpt-To",
                                        "Smtp-Rcpt-To",
                                        "Rcpt-To",
                                        "Notice-Requested-Upon-Delivery-To",
                                        "Register-Mail-Reply-Requested-By",
                                        "Registered-Mail-Reply-Requested-By",
                                        "Generate-Delivery-Report",
                                        "Prevent-NonDelivery-Report",
                                        "Content-Return",
                                        "X400-Content-Return",
                                        "Errors-To",
                                        "X-Monitor-Id",
                                        "x-monitor-anything"};
    struct copy_plan plan = make_plan();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *text =
            xasprintf("A: 1\r\n%s \t: x@y\r\n\tSecret\r\n  more\r\nB: 2\r\n\r\n%s: body\r\n",
                      names[i], names[i]);
        for (char *c = text; i % 2 == 0 && *c != '\r'; c++)
            *c = *c == 'A' ? 'a' : *c;
        struct buffer copy = make_simply(&plan, text);
        assert_field(&copy, "X-Monitor-Removed", names[i]);
        assert_null(strstr(copy.data, "Secret"));
        assert_non_null(strstr(copy.data, ": 1\r\nB: 2\r\n\r\n"));
        assert_string_equal(strstr(copy.data, "\r\n\r\n") + 4, strstr(text, "\r\n\r\n") + 4);
        free(text);
        buffer_free(&copy);
    }
}

/* Many programs end a line at a bare CR: they would see these fields. */
static void test_removed_fields_after_a_bare_cr(void **state)
{
    (void)state;
    static const struct {
        const char *original, *copy, *removed;
    } cases[] = {
        {"A: 1\rX-Ack: spy@x.test\r\nB: 2\r\n", "A: 1\r\nB: 2\r\n", "X-Ack"},
        {"A: 1\rX-Ack: spy\r folded\r\n too\r\nB: 2\r\n", "A: 1\r\nB: 2\r\n", "X-Ack"},
        {"A: 1\rX-Ack: spy\rC: 3\rx-monitor-id: y\rD: 4\r\n", "A: 1\rC: 3\rD: 4\r\n",
         "X-Ack, x-monitor-id"},
        {"Subject: s\rErrors-To: spy\r\nB: 2\r\n", "Subject: {Mon-In} s\r\nB: 2\r\n", "Errors-To"},
        {"A: 1\rMessage-ID: <a@b>\r\n", "A: 1\r\n", "Message-ID"},
        {"no field\rX-Ack: spy\r\nB: 2\r\n", "no field\r\nB: 2\r\n", "X-Ack"},
        {"A: 1\rX-Ack: spy\r\r\nB: 2\r\n", "A: 1\r\r\nB: 2\r\n", "X-Ack"},
        {"A: 1\r\rX-Ack: body\r\nB: 2\r\n", "A: 1\r\rX-Ack: body\r\nB: 2\r\n", NULL},
        {"A: 1\rB: 2\r\n", "A: 1\rB: 2\r\n", NULL},
    };
    struct copy_plan plan = make_plan();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *original = xasprintf("%s\r\n", cases[i].original);
        char *wanted = xasprintf("%s\r\n", cases[i].copy);
        struct buffer copy = make_simply(&plan, original);
        print_message("case %zu\n", i);
        assert_true(copy.len > strlen(wanted));
        assert_string_equal(copy.data + copy.len - strlen(wanted), wanted);
        if (cases[i].removed != NULL)
            assert_field(&copy, "X-Monitor-Removed", cases[i].removed);
        buffer_free(&copy);
        free(original);
        free(wanted);
    }
}

/* Programs differ in what they drop around a name and in it. */
static void test_removed_fields_under_every_reading_of_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *original;
        size_t len;
        const char *copy, *removed;
    } cases[] = {
#define CASE(original) original, sizeof(original) - 1
        {CASE("A: 1\r\nX-Ack\r\n : spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\r\nX-\0Ack: spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\r\nX-Ack\0: spy\r\n too\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\r\n\0X-Ack: spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\r\n\xa0X-Ack\xc2\xa0: spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\r\nX-Monitor\0-Rule: a\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Monitor-Rule"},
        {CASE("A: 1\r\nMessage-ID\r\n : <a@b>\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "Message-ID"},
        {CASE("A: 1\rX-\0Ack: spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE("A: 1\rX-Ack\r : spy\r\nB: 2\r\n"), "A: 1\r\nB: 2\r\n", "X-Ack"},
        {CASE(" X-Ack: spy\r\nB: 2\r\n"), "B: 2\r\n", "X-Ack"},
#undef CASE
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set set = make_set();
        struct copy_plan plan = make_plan();
        struct copy_view view;
        struct buffer text = {0};
        buffer_add(&text, cases[i].original, cases[i].len);
        buffer_text(&text, "\r\n");
        struct buffer copy = make(&set, &plan, text.data, text.len, &view);
        char *wanted = xasprintf(".org>\r\n%s\r\n", cases[i].copy);
        const char *end = strstr(copy.data, ".org>\r\nA: 1\r\n");
        print_message("case %zu\n%s\n", i, copy.data);
        assert_true(copy.len > strlen(wanted));
        if (end != NULL)
            assert_string_equal(end, wanted);
        assert_null(strstr(copy.data, "spy"));
        assert_field(&copy, "X-Monitor-Removed", cases[i].removed);
        free(wanted);
        buffer_free(&copy);
        buffer_free(&text);
        copy_view_clear(&view);
    }
}

static void test_names_are_compared_without_case_and_whole(void **state)
{
    (void)state;
    struct rule_set set = make_set();
    char *own[] = {"List-Unsubscribe", NULL};
    assert_false(copy_removes(&set, "List-Unsubscribe", 16));
    set.removed_fields = own;
    assert_true(copy_removes(&set, "LIST-unsubscribe", 16));
    assert_true(copy_removes(&set, "DISPOSITION-notification-to", 27));
    assert_true(copy_removes(&set, "X-MONITOR-", 10));
    assert_false(copy_removes(&set, "X-Monitor", 9));
    assert_false(copy_removes(&set, "X-Acknowledge", 13));
    assert_false(copy_removes(&set, "Return-Path", 11));
    assert_false(copy_removes(&set, "Subject", 7));
    assert_false(copy_removes(&set, "", 0));
}

static void test_removed_names_are_bounded(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer text = {0};
    for (int i = 0; i < 200; i++)
        buffer_printf(&text, "X-Monitor-%d: x\r\nX-monitor-%d: y\r\n", i, i);
    buffer_text(&text, "X-Monitor-");
    for (int i = 0; i < 5000; i++)
        buffer_char(&text, 'x');
    buffer_text(&text, ": z\r\n\r\n");
    struct buffer copy = make_simply(&plan, text.data);
    struct header *header = header_parse(copy.data, copy.len);
    char *value = header_value(header_find(header, "X-Monitor-Removed", 0), 100000);
    assert_non_null(strstr(value, "X-Monitor-99, and 201 more"));
    assert_null(strstr(value, "X-Monitor-100"));
    free(value);
    header_free(header);
    buffer_free(&text);
    buffer_free(&copy);
}

static void test_what_is_broken_stays_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest; /* of the copy, after our own fields */
    } cases[] = {
        {"A: b\r\nno colon\r\nSubject: x\r\n\r\nbody",
         "A: b\r\nno colon\r\nSubject: {Mon-In} x\r\n\r\nbody"},
        {"From bob Mon Jan 1\r\nSubject: x\r\n\r\nbody",
         "From bob Mon Jan 1\r\nSubject: {Mon-In} x\r\n\r\nbody"},
        {"A: b\nSubject: x\n\nbody\n", "A: b\nSubject: {Mon-In} x\n\nbody\n"},
        {"A: b\rc\r\nSubject: x\r\n\r\nbody", "A: b\rc\r\nSubject: {Mon-In} x\r\n\r\nbody"},
        {"Subject: x\r\n", "Subject: {Mon-In} x\r\n\r\n"},
        {"Subject: x", "Subject: {Mon-In} x\r\n\r\n"},
        {"Subject: x\r\nRcpt-To: y", "Subject: {Mon-In} x\r\n\r\n"},
        {"\r\nbody", "Subject: {Mon-In}\r\n\r\nbody"},
        {"\nbody", "Subject: {Mon-In}\r\n\nbody"},
        {"", "Subject: {Mon-In}\r\n\r\n"},
        {" folded\r\nSubject: x\r\n\r\nbody",
         "X-Monitor-Unnamed: folded\r\nSubject: {Mon-In} x\r\n\r\nbody"},
    };
    static const char own_end[] = "Message-ID: <" ID ".mailvigil@example.org>\r\n";
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct copy_plan plan = make_plan();
        struct buffer copy = make_simply(&plan, cases[i].text);
        const char *rest = strstr(copy.data, own_end);
        assert_non_null(rest);
        assert_string_equal(rest + strlen(own_end), cases[i].rest);
        buffer_free(&copy);
    }
}

static void test_nul_octets_stay(void **state)
{
    (void)state;
    static const char text[] = "A: \0b\r\n\0\r\n\r\nbo\0dy";
    struct rule_set set = make_set();
    struct copy_plan plan = make_plan();
    struct copy_view view;
    struct buffer copy = make(&set, &plan, text, sizeof(text) - 1, &view);
    assert_memory_equal(copy.data + copy.len - (sizeof(text) - 1), text, sizeof(text) - 1);
    buffer_free(&copy);
    copy_view_clear(&view);
}

/* Only the start of an oversized header is passed: the rest follows unchanged. */
static void test_a_header_that_was_cut(void **state)
{
    (void)state;
    static const struct {
        const char *given, *want_end;
    } cases[] = {
        {"A: b\r\nSubject: x\r\nC: d", "Subject: {Mon-In} x\r\nC: d"},
        {"A: b\r\nRcpt-To: x\r\nReturn-Receipt-To: a@",
         "A: b\r\nX-Monitor-Cut-Return-Receipt-To: a@"},
        {"A: b\r\nMessage-ID: <a", "A: b\r\nX-Monitor-Cut-Message-ID: <a"},
        {"A: b\r\nDisposition-Notifi", "A: b\r\nX-Monitor-Cut-Disposition-Notifi"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set set = make_set();
        struct copy_plan plan = make_plan();
        struct copy_view view;
        size_t len = strlen(cases[i].given), end_len = strlen(cases[i].want_end);
        copy_make(&set, &plan, cases[i].given, len, len + 1000, &view);
        assert_int_equal(view.from, len);
        assert_int_equal(view.to, len + 1000);
        assert_memory_equal(view.prefix + view.prefix_len - end_len, cases[i].want_end, end_len);
        copy_view_clear(&view);
    }
}

static void assert_lines_fit(const struct buffer *copy, size_t limit)
{
    const char *end = copy->data + copy->len;
    for (const char *line = copy->data; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        assert_non_null(feed);
        if ((size_t)(feed - line) > limit + 1)
            fail_msg("%.*s", (int)(feed - line), line);
        line = feed + 1;
    }
}

static void test_ten_thousand_recipients_are_folded(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct recipient *recipients = xcalloc(N, sizeof(*recipients));
    struct buffer want = {0};
    for (int i = 0; i < N; i++) {
        recipients[i].address = xasprintf("user%d@example.org", i);
        recipients[i].basis = i % 2 ? BASIS_CC : BASIS_TO;
        buffer_printf(&want, i > 0 ? ", %s" : "%s", recipients[i].address);
    }
    struct copy_plan plan = make_plan();
    plan.recipients = recipients;
    plan.n_recipients = N;
    plan.sha256 = sha256;
    struct buffer copy = make_simply(&plan, "\r\n");
    struct header *header = header_parse(copy.data, copy.len);
    char *value = header_value(header_find(header, "X-Monitor-Recipients", 0), 1000000);
    assert_string_equal(value, want.data);
    /* the digest has no blank at which it could be folded */
    assert_lines_fit(&copy, sizeof("X-Monitor-Original-SHA256: ") + 63);
    free(value);
    header_free(header);
    for (int i = 0; i < N; i++)
        free(recipients[i].address);
    free(recipients);
    buffer_free(&want);
    buffer_free(&copy);
}

static void test_words_without_blanks_stay_below_998(void **state)
{
    (void)state;
    char word[5001];
    memset(word, 'w', 5000);
    word[5000] = '\0';
    const char *const rules[] = {word};
    struct copy_plan plan = make_plan();
    plan.rules = rules;
    plan.purpose = plan.account = plan.folder = plan.instance = plan.sender = word;
    char *text = xasprintf("Message-ID: <%s>\r\n\r\n", word);
    struct buffer copy = make_simply(&plan, text);
    assert_lines_fit(&copy, 998);
    free(text);
    buffer_free(&copy);
    word[0] = '\xe9';
    copy = make_simply(&plan, "\r\n");
    assert_lines_fit(&copy, 998);
    buffer_free(&copy);
}

static void test_large_headers(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct buffer text = {0};
    buffer_text(&text, "A: ");
    for (int i = 0; i < 1024 * 1024; i++)
        buffer_char(&text, 'x');
    buffer_text(&text, "\r\n");
    for (int i = 0; i < 200000; i++)
        buffer_text(&text, i % 1000 ? "Received: x\r\n" : "Rcpt-To: y\r\n z\r\n");
    buffer_text(&text, "Disposition-Notification-To: z\r\nSubject: s\r\n\r\nbody");
    struct buffer copy = make_simply(&plan, text.data);
    assert_null(strstr(copy.data, "Rcpt-To: "));
    assert_null(strstr(copy.data, "Disposition-Notification-To: "));
    assert_field(&copy, "X-Monitor-Removed", "Rcpt-To, Disposition-Notification-To");
    assert_string_equal(copy.data + copy.len - 27, "Subject: {Mon-In} s\r\n\r\nbody");
    buffer_free(&text);
    buffer_free(&copy);
}

static void body_digest(const char *text, size_t len, unsigned char digest[32])
{
    size_t header_len = header_len_of(text, len);
    SHA256((const unsigned char *)text + header_len, len - header_len, digest);
}

static void check_body(const char *name, const struct buffer *text)
{
    struct rule_set set = make_set();
    struct copy_plan plan = make_plan();
    struct copy_view view;
    struct buffer copy = make(&set, &plan, text->data, text->len, &view);
    unsigned char before[32], after[32];
    body_digest(text->data, text->len, before);
    body_digest(copy.data, copy.len, after);
    print_message("%s\n", name);
    assert_memory_equal(before, after, 32);
    assert_int_equal(view.from, header_len_of(text->data, text->len));
    assert_int_equal(view.to, text->len);
    buffer_free(&copy);
    copy_view_clear(&view);
}

static void test_no_octet_of_a_real_body_changes(void **state)
{
    (void)state;
    samples_each(check_body);
}

static void check_attached(const char *name, const struct buffer *text)
{
    struct rule_set set = make_set();
    struct copy_plan plan = make_plan();
    struct copy_view view;
    plan.form = COPY_ATTACHED;
    struct buffer copy = make(&set, &plan, text->data, text->len, &view);
    print_message("%s\n", name);
    assert_int_equal(view.from, 0);
    assert_int_equal(view.to, text->len);
    assert_memory_equal(view.prefix + view.prefix_len - 4, "\r\n\r\n", 4);
    assert_field(&copy, "X-Monitor-Id", ID);
    assert_field(&copy, "Auto-Submitted", "auto-generated");
    for (size_t i = 0; i < header_len_of(copy.data, copy.len); i++)
        assert_true((unsigned char)copy.data[i] < 0x7f);
    buffer_free(&copy);
    copy_view_clear(&view);
}

static void test_attached_holds_the_original(void **state)
{
    (void)state;
    samples_each(check_attached);
}

static void test_attached_is_well_formed(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.form = COPY_ATTACHED;
    plan.warnings = WARNING_CLAIMED_INTERNAL;
    struct buffer copy = make_simply(&plan, "Subject: s\r\nRcpt-To: x\r\n\r\nbody");
    assert_field(&copy, "Subject", "{Mon-In} s");
    assert_field(&copy, "From", "\"alice@example.org (monitored)\" <mailvigil@example.org>");
    assert_field(&copy, "To", "\"bob@example.org\" :;");
    assert_field(&copy, "Reply-To", "-");
    assert_field(&copy, "Date", "Thu, 01 Jan 2026 00:00:00 +0000");
    assert_field(&copy, "Message-ID", "<" ID ".mailvigil@example.org>");
    assert_field(&copy, "X-Monitor-Removed", "-");
    assert_non_null(
        strstr(copy.data, "\r\n\r\nSubject: s\r\nRcpt-To: x\r\n\r\nbody\r\n--=_mailvigil_"));
    assert_non_null(strstr(copy.data, "Recipients: bob@example.org (to)\r\n"));
    assert_non_null(strstr(copy.data, "Warning:    claimed-internal\r\n"));
    assert_string_equal(copy.data + copy.len - 4, "--\r\n");
    buffer_free(&copy);
}

static void test_report_names_sender_and_purpose(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.form = COPY_HEADERS;
    plan.sender = "";
    plan.sender_claimed = true;
    plan.purpose = "Retention";
    plan.approved_by = "the board";
    struct buffer copy = make_simply(&plan, "Subject: s\r\n\r\n");
    assert_field(&copy, "X-Monitor-Purpose", "Retention");
    assert_non_null(strstr(copy.data, "Sender:     <> (claimed)\r\n"));
    assert_non_null(strstr(copy.data, "Purpose:    Retention\r\n"));
    assert_field(&copy, "X-Monitor-Approved-By", "the board");
    assert_non_null(strstr(copy.data, "Approver:   the board\r\n"));
    assert_non_null(strstr(copy.data, "Size:       14 bytes\r\n"));
    buffer_free(&copy);
}

static void test_without_recipients_there_is_no_field_for_them(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.n_recipients = 0;
    struct buffer copy = make_simply(&plan, "Subject: s\r\n\r\n");
    assert_field(&copy, "X-Monitor-Recipient", "-");
    assert_field(&copy, "X-Monitor-Recipients", "-");
    assert_field(&copy, "X-Monitor-Recipient-Basis", "-");
    buffer_free(&copy);
}

static void test_instance_is_made_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *instance, *domain;
    } cases[] = {
        {"mail.example.org", "mail.example.org"},
        {"mail..example", "mail.-example"},
        {"mail.", "mail-"},
        {".mail", "-mail"},
        {"a b@c", "a-b-c"},
        {"", "mailvigil.invalid"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct copy_plan plan = make_plan();
        plan.instance = cases[i].instance;
        struct buffer copy = make_simply(&plan, "Subject: s\r\n\r\n");
        char *id = xasprintf("<" ID ".mailvigil@%s>", cases[i].domain);
        assert_field(&copy, "Message-ID", id);
        free(id);
        buffer_free(&copy);
    }
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        time_t when;
        const char *date;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {1709251199, "Thu, 29 Feb 2024 23:59:59 +0000"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {253402300800, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {-2208988800, "Mon, 01 Jan 1900 00:00:00 +0000"},
        {-2208988801, "Thu, 01 Jan 1970 00:00:00 +0000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct copy_plan plan = make_plan();
        plan.captured = cases[i].when;
        struct buffer copy = make_simply(&plan, "Subject: s\r\n\r\n");
        assert_field(&copy, "X-Monitor-Captured", cases[i].date);
        buffer_free(&copy);
    }
}

static void test_boundary_depends_on_the_key(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct rule_set set = make_set();
    struct copy_view one, other;
    plan.form = COPY_HEADERS;
    copy_make(&set, &plan, "\r\n", 2, 2, &one);
    set.key[31] = 1;
    copy_make(&set, &plan, "\r\n", 2, 2, &other);
    assert_string_not_equal(one.suffix, other.suffix);
    copy_view_clear(&one);
    copy_view_clear(&other);
}

static void test_headers_form_has_no_body(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.form = COPY_HEADERS;
    struct buffer copy = make_simply(&plan, "Subject: s\r\nA: b\r\n\r\nsecret body");
    assert_null(strstr(copy.data, "secret"));
    assert_non_null(strstr(copy.data, "Content-Type: text/rfc822-headers\r\n"));
    assert_non_null(strstr(copy.data, "\r\n\r\nSubject: s\r\nA: b\r\n\r\n--=_mailvigil_"));
    buffer_free(&copy);
}

static void test_headers_form_shows_no_content_of_malformed_mail(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool warns;
    } cases[] = {
        {"Subject: s\r\n\r\nsecret", false},
        {"A: b\r\rSubject: secret\r\nMessage-ID: <secret>\r\n\r\n", true},
        {"Subject: s\r\rsecret\r\n\r\n", true},
        {"Message-ID: <a@b>\r\r<secret>\r\n\r\n", true},
        {"Subject: s\r\nDear Alice,\r\nSubject: secret\r\n", true},
        {"Dear Alice, secret: x\r\nSubject: secret\r\n", true},
        {"Subject: s\r\n \r\n secret\r\n", true},
    };
    struct copy_plan plan = make_plan();
    plan.form = COPY_HEADERS;
    plan.warnings = WARNING_NO_FROM;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer copy = make_simply(&plan, cases[i].text);
        if (strstr(copy.data, "secret") != NULL)
            fail_msg("%s\nshows content:\n%s", cases[i].text, copy.data);
        assert_field(&copy, "X-Monitor-Warning",
                     cases[i].warns ? "no-from, header-cut" : "no-from");
        assert_true(cases[i].warns == (strstr(copy.data, "Warning:    header-cut\r\n") != NULL));
        buffer_free(&copy);
    }
}

static void test_headers_form_of_real_malformed_mail(void **state)
{
    (void)state;
    static const char *const names[] = {"bare-cr.eml", "no-blank-line.eml"};
    static const char *const subjects[] = {"{Mon-In} mac", "{Mon-In} no blank line"};
    struct rule_set set = make_set();
    struct copy_plan plan = make_plan();
    plan.form = COPY_HEADERS;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct buffer text = sample_read(names[i]);
        struct copy_view view;
        struct buffer copy = make(&set, &plan, text.data, text.len, &view);
        assert_null(strstr(copy.data, "secret body"));
        assert_null(strstr(copy.data, "multi-part message"));
        assert_field(&copy, "Subject", subjects[i]);
        assert_field(&copy, "X-Monitor-Warning", "header-cut");
        buffer_free(&copy);
        copy_view_clear(&view);
        buffer_free(&text);
    }
}

/* Content in a field is shown as it is, but not without end. */
static void test_headers_form_is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct copy_plan plan = make_plan();
    plan.form = COPY_HEADERS;
    buffer_text(&text, "X-Secret: ");
    for (size_t i = 0; i < 4 * 1024 * 1024; i += 64)
        buffer_text(&text, "................................................................");
    buffer_text(&text, "\r\nSubject: s\r\n\r\nbody");
    struct buffer copy = make_simply(&plan, text.data);
    assert_true(copy.len < 80000);
    assert_field(&copy, "Subject", "{Mon-In} s");
    assert_field(&copy, "X-Monitor-Warning", "header-cut");
    buffer_free(&copy);
    buffer_free(&text);
}

static void test_outer_names_and_dates_are_the_originals(void **state)
{
    (void)state;
    static const struct {
        const char *header, *from, *date;
    } cases[] = {
        {"From: Carol Dane <carol@x.test>\r\n", "\"Carol Dane (monitored)\"", "-"},
        {"From: \"Dane, Carol\" <carol@x.test>\r\n", "\"Dane, Carol (monitored)\"", "-"},
        {"From: carol@x.test (Carol)\r\n", "\"Carol (monitored)\"", "-"},
        {"From: carol@x.test\r\n", "\"alice@example.org (monitored)\"", "-"},
        {"From: <carol@x.test>\r\n", "\"alice@example.org (monitored)\"", "-"},
        {"From: A <a@x.test>, B <b@x.test>\r\n", "\"A (monitored)\"", "-"},
        {"From: \\\"x\" <a@x.test>\r\n", "\"\\\\\\\"x (monitored)\"", "-"},
        {"From: =?utf-8?Q?J=C3=BCrg?= <j@x.test>\r\n", "=?utf-8?B?SsO8cmcgKG1vbml0b3JlZCk=?=", "-"},
        {"Date: Mon, 12 Jan 2026 09:14:01 +0100 (CET)\r\n", NULL,
         "Mon, 12 Jan 2026 09:14:01 +0100 (CET)"},
        {"Date: 12 Jan 2026 09:14:01 GMT\r\n", NULL, "12 Jan 2026 09:14:01 GMT"},
        {"Date: yesterday\r\n", NULL, "-"},
        {"Date: Mon, 12 Jan 2026 09:14:01 +0100\x01\xff\r\n", NULL, "-"},
    };
    struct copy_plan plan = make_plan();
    plan.form = COPY_ATTACHED;
    plan.internaldate = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("%s\r\nbody", cases[i].header);
        struct buffer copy = make_simply(&plan, text);
        char *from = xasprintf("%s <mailvigil@example.org>", cases[i].from);
        if (cases[i].from != NULL)
            assert_field(&copy, "From", from);
        assert_field(&copy, "Date",
                     strcmp(cases[i].date, "-") != 0 ? cases[i].date
                                                     : "Thu, 01 Jan 1970 00:00:00 +0000");
        buffer_free(&copy);
        free(from);
        free(text);
    }
}

static void test_no_reply_reaches_a_recipient(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    struct recipient recipients[12];
    for (size_t i = 0; i < 12; i++)
        recipients[i] = (struct recipient){i == 0 ? "\"b b\"@x" : "c@y.test", BASIS_TO};
    plan.form = COPY_HEADERS;
    plan.recipients = recipients;
    plan.n_recipients = 2;
    plan.reply_to = "officer@example.org";
    struct buffer copy = make_simply(&plan, "Reply-To: evil@x.test\r\nTo: b\r\n\r\n");
    assert_field(&copy, "To", "\"\\\"b b\\\"@x, c@y.test\" :;");
    assert_field(&copy, "Reply-To", "officer@example.org");
    buffer_free(&copy);
    plan.n_recipients = 12;
    copy = make_simply(&plan, "To: b\r\n\r\n");
    char *to = field_as_written(&copy, "To", 0);
    assert_non_null(strstr(to, " and 2 more\" :;\\r\\n"));
    free(to);
    buffer_free(&copy);
    plan.n_recipients = 0;
    copy = make_simply(&plan, "To: b\r\n\r\n");
    assert_field(&copy, "To", "\"undisclosed recipients\" :;");
    buffer_free(&copy);
    plan.form = COPY_REWRITTEN;
    copy = make_simply(&plan, "Reply-To: evil@x.test\r\nTo: b\r\n\r\n");
    assert_field(&copy, "Reply-To", "evil@x.test");
    buffer_free(&copy);
}

static void test_outer_subject_is_seven_bit(void **state)
{
    (void)state;
    struct copy_plan plan = make_plan();
    plan.form = COPY_ATTACHED;
    struct buffer copy = make_simply(&plan, "Subject: gr\xfc\xdf\r\n\r\n");
    assert_field(&copy, "Subject", "{Mon-In} =?utf-8?B?Z3LDvMOf?=");
    buffer_free(&copy);
    copy = make_simply(&plan, "Subject:\r\n =?utf-8?Q?a?=\r\n\tb\r\n\r\n");
    char *subject = field_as_written(&copy, "Subject", 0);
    assert_string_equal(subject, "Subject: {Mon-In}\\r\\n =?utf-8?Q?a?=\\r\\n\tb\\r\\n");
    free(subject);
    buffer_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject),
        cmocka_unit_test(test_only_the_first_subject_is_changed),
        cmocka_unit_test(test_a_long_subject_line_is_folded_after_the_prefix),
        cmocka_unit_test(test_prefix_of_outgoing_then_incoming_then_internal),
        cmocka_unit_test(test_fields_that_are_added),
        cmocka_unit_test(test_fields_of_several),
        cmocka_unit_test(test_folder_names_stay_seven_bit),
        cmocka_unit_test(test_message_id_is_replaced_in_its_place),
        cmocka_unit_test(test_removed_fields),
        cmocka_unit_test(test_removed_fields_after_a_bare_cr),
        cmocka_unit_test(test_removed_fields_under_every_reading_of_the_name),
        cmocka_unit_test(test_names_are_compared_without_case_and_whole),
        cmocka_unit_test(test_removed_names_are_bounded),
        cmocka_unit_test(test_what_is_broken_stays_as_it_is),
        cmocka_unit_test(test_nul_octets_stay),
        cmocka_unit_test(test_a_header_that_was_cut),
        cmocka_unit_test(test_ten_thousand_recipients_are_folded),
        cmocka_unit_test(test_words_without_blanks_stay_below_998),
        cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_no_octet_of_a_real_body_changes),
        cmocka_unit_test(test_attached_holds_the_original),
        cmocka_unit_test(test_attached_is_well_formed),
        cmocka_unit_test(test_report_names_sender_and_purpose),
        cmocka_unit_test(test_without_recipients_there_is_no_field_for_them),
        cmocka_unit_test(test_instance_is_made_a_domain),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_boundary_depends_on_the_key),
        cmocka_unit_test(test_headers_form_has_no_body),
        cmocka_unit_test(test_headers_form_shows_no_content_of_malformed_mail),
        cmocka_unit_test(test_headers_form_of_real_malformed_mail),
        cmocka_unit_test(test_headers_form_is_bounded),
        cmocka_unit_test(test_outer_names_and_dates_are_the_originals),
        cmocka_unit_test(test_no_reply_reaches_a_recipient),
        cmocka_unit_test(test_outer_subject_is_seven_bit),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
