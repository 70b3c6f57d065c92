/*
 * Reading and matching take time that grows only with the size of a message, whatever it contains:
 * twice of any hostile shape makes at most twice the work and a bit. Whoever adds a reader, or
 * finds a shape that is expensive, adds a line to the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/copy/copy.h"
#include "rules/mime/address.h"
#include "rules/mime/body.h"
#include "rules/mime/encoded_word.h"
#include "rules/rule_maker.h"
#include "rules/sameness.h"
#include "rules/text/charset.h"
#include "rules/text/html.h"
#include "rules/util/buffer.h"
#include "rules/work_count.h"

/* Octets of a shape, before it is doubled once and twice. Large enough for what is quadratic to
 * show, small enough to be below most bounds. */
#define SIZE 40000
/* Work that does not depend on the size, and tables that grow by doubling. */
#define ALWAYS 40000

/* ---- Readers of a text ---- */

static void read_header(const char *text, size_t len)
{
    struct header *header = header_parse(text, len);
    for (size_t i = 0; i < header->count; i++)
        free(header_value_decoded(&header->fields[i], HEADER_MAX));
    header_free(header);
}

static void read_addresses(const char *text, size_t len)
{
    struct address_list list = {0};
    address_list_parse(&list, text, len);
    address_list_clear(&list);
}

static void read_words(const char *text, size_t len)
{
    free(encoded_word_decode(text, len, HEADER_MAX));
}

static void read_body(const char *text, size_t len)
{
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, text, len);
    body_facts_free(body_scan_end(scan));
}

/* As it comes from a socket. */
static void read_body_in_pieces(const char *text, size_t len)
{
    struct body_scan *scan = body_scan_new(true);
    for (size_t i = 0; i < len; i += 7)
        body_scan_feed(scan, text + i, len - i < 7 ? len - i : 7);
    body_facts_free(body_scan_end(scan));
}

static void read_charset(const char *name, const char *text, size_t len)
{
    struct buffer out = {0};
    struct charset_reader *reader = charset_reader_new(name, name != NULL ? strlen(name) : 0);
    charset_reader_feed(reader, text, len, &out);
    charset_reader_flush(reader, &out);
    charset_reader_free(reader);
    buffer_free(&out);
}

static void read_utf8(const char *text, size_t len)
{
    read_charset("utf-8", text, len);
}

static void read_unknown(const char *text, size_t len)
{
    read_charset(NULL, text, len);
}

static void read_japanese(const char *text, size_t len)
{
    read_charset("iso-2022-jp", text, len);
}

static void read_utf7(const char *text, size_t len)
{
    read_charset("utf-7", text, len);
}

static void read_html(const char *text, size_t len)
{
    struct buffer out = {0};
    html_show(&out, text, len);
    html_run_together(&out, text, len);
    html_strip(&out, text, len);
    buffer_free(&out);
}

static void read_sameness(const char *text, size_t len)
{
    unsigned char digest[32];
    struct header *header = header_parse(text, header_section_len(text, len));
    struct sameness *sameness = sameness_new();
    sameness_body(sameness, text + header->len, len - header->len);
    sameness_end(sameness, header, HALF_RECEIVED, digest);
    header_free(header);
}

static void copy(const char *text, size_t len)
{
    static const unsigned char sha256[32];
    struct rule_set *set = make_set();
    prepare(set);
    struct copy_plan plan = {.directions = DIRECTION_INCOMING,
                             .sender = "bob@partner.test",
                             .account = "alice",
                             .folder = "INBOX",
                             .monitor_id = "abcdefghijklmnopqrstuvwxyz",
                             .sha256 = sha256,
                             .instance = "example.org"};
    for (enum copy_form form = COPY_REWRITTEN; form <= COPY_HEADERS; form++) {
        struct copy_view view = {0};
        plan.form = form;
        copy_make(set, &plan, text, len, len, &view);
        copy_view_clear(&view);
    }
    rule_set_free(set);
}

/* Every condition that looks at the message, each with patterns that have much to do. */
static struct rule_set *every_condition(void)
{
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "from");
    rule->from = LIST("*a*b*c*never", "/[0-9]+ (EUR|USD)$/");
    rule->to = LIST("*a*b*c*never", "/(a+)+[yz]$/");
    make_rule(set, "to")->to = LIST("*a*b*c*never", "/(a+)+[yz]$/");
    make_rule(set, "subject")->subject = LIST("*a*a*a*never", "/[0-9]+ (EUR|USD)$/");
    make_rule(set, "header")->header = LIST("X-A: *a*a*never", "X-A: /.*[0-9]+ (EUR|USD)$/");
    make_rule(set, "attachment")->attachment = LIST("*.zip", "/(a+)+[yz]$/");
    make_rule(set, "body")->body = LIST("*a*a*a*never", "/[0-9]+ (EUR|USD)$/", "/(a|a)*[yz]$/");
    rule = make_rule(set, "privileged");
    rule->exempt = true;
    rule->addresses = LIST("doctor@*");
    prepare(set);
    return set;
}

static void read_message(const char *text, size_t len)
{
    struct rule_set *set = every_condition();
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, text, len);
    struct body_facts *body = body_scan_end(scan);
    size_t header_len = header_section_len(text, len);
    struct message message = {.owner = &alice,
                              .size = len,
                              .internaldate = INTERNALDATE,
                              .header = header_parse(text, header_len),
                              .body = body};
    decision_free(decide(set, &message, true));
    message.role = FOLDER_SENT;
    decision_free(decide(set, &message, false));
    free_message(&message);
    body_facts_free(body);
    rule_set_free(set);
}

/* ---- Shapes ---- */

struct shape {
    const char *name;
    void (*read)(const char *text, size_t len);
    const char *head, *piece, *tail; /* the piece is repeated; "%" in it is a running number */
};

#define MULTIPART "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct shape shapes[] = {
    {"fields", read_header, "", "A: b\r\n", "\r\n"},
    {"one long field", read_header, "A: ", "b", "\r\n\r\n"},
    {"folded fields", read_header, "A: b", "\r\n b", "\r\n\r\n"},
    {"empty folds", read_header, "A: b", "\r\n ", "\r\n\r\n"},
    {"blanks", read_header, "A:", " ", "\r\n\r\n"},
    {"junk lines", read_header, "", "junk\n", ""},
    {"a name without end", read_header, "", "a", ""},
    {"blanks before the colon", read_header, "", "A :\n", ""},
    {"bare CR", read_header, "A: ", "\r", "\r\n\r\n"},
    {"CR and LF in turn", read_header, "A: b", "\n\r", ""},
    {"NUL-like controls", read_header, "A: ", "\x01", "\n"},

    {"addresses", read_addresses, "", "a%@b.test,", ""},
    {"the same address", read_addresses, "", "a@b.test,", ""},
    {"open comments", read_addresses, "", "(", ""},
    {"nested comments", read_addresses, "", "(a", "a@b.test"},
    {"comments", read_addresses, "a", "(b)", "@c.test"},
    {"open angles", read_addresses, "", "<", ""},
    {"angles", read_addresses, "", "a<b@c.test> ", ""},
    {"open quotes", read_addresses, "", "\"\\", ""},
    {"quotes", read_addresses, "", "\"a\"", "@b.test"},
    {"quote and comment", read_addresses, "", "\"(", ""},
    {"at signs", read_addresses, "a", "@", "b.test"},
    {"a route", read_addresses, "<", "@a,", ":a@b.test>"},
    {"colons", read_addresses, "", "a:", ""},
    {"groups", read_addresses, "", "a:b@c.test;", ""},
    {"dots", read_addresses, "a", " .", "@b.test"},
    {"brackets", read_addresses, "a@", "[", ""},
    {"commas", read_addresses, "", ",", ""},

    {"encoded words", read_words, "", "=?utf-8?q?a?= ", ""},
    {"changing charsets", read_words, "", "=?utf-8?q?a?= =?iso-2022-jp?b?YQ==?= ", ""},
    {"words without end", read_words, "", "=?utf-8?q?a", ""},
    {"equals signs", read_words, "", "=?", ""},
    {"question marks", read_words, "=?utf-8?q?", "?", ""},
    {"a charset without end", read_words, "", "=?u", ""},
    {"one long word", read_words, "=?utf-8?b?", "YWFh", "?="},
    {"8-bit text", read_words, "", "\xF6", ""},
    {"languages", read_words, "", "=?utf-8*en*de?q?a?=", ""},

    {"UTF-8, cut", read_utf8, "", "\xE2\x82", ""},
    {"no UTF-8", read_unknown, "", "\xF6\xE2\x82", ""},
    {"escapes", read_japanese, "", "\x1b$B\x1b(B", ""},
    {"broken escapes", read_japanese, "", "\x1b$B\x21\x1b", ""},
    {"shifts", read_utf7, "", "+AGE-+", ""},

    {"tags", read_html, "", "<a b='c'>", ""},
    {"tags without end", read_html, "", "<a b=\"", ""},
    {"comments without end", read_html, "", "<!--", ""},
    {"CDATA", read_html, "", "<![CDATA[", ""},
    {"hidden elements", read_html, "", "<p hidden>", ""},
    {"titles", read_html, "", "<title>", ""},
    {"titles and their ends", read_html, "", "<title><textarea></title>", ""},
    {"other ends of titles", read_html, "", "<title></textarea>", ""},
    {"scripts", read_html, "", "<script>", ""},
    {"scripts within scripts", read_html, "", "<script><!--<script></script>", ""},
    {"ruby", read_html, "", "<rp>", ""},
    {"pictures", read_html, "", "<img alt=a>", ""},

    {"parts", read_body, MULTIPART, "--b\r\n\r\na\r\n", "--b--\r\n"},
    {"attachments", read_body, MULTIPART, "--b\r\nContent-Type: a/b; name=c%\r\n\r\n", "--b--\r\n"},
    {"other boundaries", read_body, MULTIPART, "--c\r\n", "--b--\r\n"},
    {"long boundary lines", read_body, MULTIPART "--b", "--b", "\r\n"},
    {"nested parts", read_body, MULTIPART,
     "--b\r\nContent-Type: multipart/mixed; boundary=b%\r\n\r\n--b%\r\n", ""},
    {"nested messages", read_body, "", "Content-Type: message/rfc822\r\n\r\n", ""},
    {"parameters", read_body, "Content-Type: text/plain", "; a%=b", "\r\n\r\na\r\n"},
    {"sections", read_body, "Content-Type: a/b", "; name*%=a", "\r\n\r\na\r\n"},
    {"encoded sections", read_body, "Content-Type: a/b", "; name*%*=%61", "\r\n\r\na\r\n"},
    {"names", read_body, "Content-Type: a/b", "; name=a%", "\r\n\r\na\r\n"},
    {"semicolons", read_body, "Content-Type: a/b", ";", "\r\n\r\na\r\n"},
    {"open comments in a type", read_body, "Content-Type: a/b; ", "(", "\r\n\r\na\r\n"},
    {"open quotes in a type", read_body, "Content-Type: a/b; name=\"", "\\\"", "\r\n\r\na\r\n"},
    {"types", read_body, "", "Content-Type: a/b; name=c\r\n", "\r\na\r\n"},
    {"fields of parts", read_body, MULTIPART "--b\r\n", "A: b\r\n", "\r\n"},
    {"base64", read_body, "Content-Transfer-Encoding: base64\r\n\r\n", "YWFh\r\n", ""},
    {"broken base64", read_body, "Content-Transfer-Encoding: base64\r\n\r\n", "=Y", ""},
    {"quoted-printable", read_body, "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n",
     ""},
    {"blanks at ends", read_body, "Content-Transfer-Encoding: quoted-printable\r\n\r\n", " ",
     "\r\n"},
    {"blanks in pieces", read_body_in_pieces, "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
     " ", "a\r\n"},
    {"dashes", read_body_in_pieces, MULTIPART, "-", "\r\n"},
    {"CR", read_body_in_pieces, MULTIPART "--b\r\n\r\n", "\r", ""},
    {"line ends", read_body_in_pieces, MULTIPART "--b\r\n\r\n", "\r\n", ""},

    {"bodies of CR", read_sameness, "A: b\r\n\r\n", "\r", ""},
    {"bodies of line ends", read_sameness, "A: b\r\n\r\n", "\r\n", "a"},
    {"senders", read_sameness, "", "From: a@b.test\r\n", "\r\n"},

    {"copies of fields", copy, "", "A: b\r\n", "\r\n"},
    {"copies of identities", copy, "", "Message-ID: <a@b.test>\r\n", "\r\n"},
    {"copies of our fields", copy, "", "X-Monitor-%: a\r\n", "\r\n"},
    {"copies of receipts", copy, "", "Disposition-Notification-To: a@b.test\r\n", "\r\n"},
    {"copies of a subject", copy, "Subject: ", "\xF6 ", "\r\n\r\n"},
    {"copies of an identity", copy, "Message-ID: ", "<a", "\r\n\r\n"},
    {"copies of folds", copy, "", "\r\n ", ""},

    {"digits", read_message, "Subject: a\r\n\r\n", "7", " EUR."},
    {"a as body", read_message, "Subject: a\r\n\r\n", "a", "y\r\n\r\n"},
    {"a subject of digits", read_message, "Subject: ", "7", " EUR.\r\n\r\n"},
    {"recipients", read_message, "To: ", "a%@b.test,", "\r\n\r\n"},
    {"senders that match nearly", read_message, "From: ", "abcabc%@b.test,", "\r\n\r\n"},
    {"subjects", read_message, "", "Subject: aaa\r\n", "\r\n\r\n"},
    {"classes", read_message, "", "X-A: aaa 7 EUR.\r\n", "\r\n\r\n"},
    {"traces", read_message, "", "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n",
     "\r\n\r\n"},
    {"delivered to many", read_message, "", "Delivered-To: a%@b.test\r\n", "\r\n\r\n"},
    {"many attachments", read_message, MULTIPART, "--b\r\nContent-Type: a/b; name=aaa%\r\n\r\n",
     "--b--\r\n"},
};

static void add_piece(struct buffer *text, const char *piece, unsigned number)
{
    for (; *piece != '\0'; piece++)
        if (*piece == '%')
            buffer_printf(text, "%u", number);
        else
            buffer_char(text, *piece);
}

static uint64_t work_of(const struct shape *shape, size_t size)
{
    struct buffer text = {0};
    buffer_text(&text, shape->head);
    for (unsigned i = 0; text.len < size; i++)
        add_piece(&text, shape->piece, i);
    buffer_text(&text, shape->tail);
    uint64_t before = work_counted;
    shape->read(text.data, text.len);
    uint64_t work = work_counted - before;
    buffer_free(&text);
    return work;
}

static void test_twice_the_size_is_twice_the_work(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        uint64_t once = work_of(&shapes[i], SIZE), twice = work_of(&shapes[i], 2 * SIZE),
                 four_times = work_of(&shapes[i], 4 * SIZE);
        assert_true(once > 0);
        if (twice <= 2 * once + once / 5 + ALWAYS && four_times <= 2 * twice + twice / 5 + ALWAYS)
            continue;
        failed++;
        print_error("%s: %llu, %llu, %llu\n", shapes[i].name, (unsigned long long)once,
                    (unsigned long long)twice, (unsigned long long)four_times);
    }
    assert_int_equal(failed, 0);
}

/* That a loop within a loop would be seen. */
static void test_what_is_quadratic_is_seen(void **state)
{
    (void)state;
    uint64_t work[2];
    for (unsigned twice = 0; twice < 2; twice++) {
        struct buffer text = {0};
        while (text.len < ((size_t)SIZE << twice) / 10)
            buffer_text(&text, "A: b\n");
        struct header *header = header_parse(text.data, text.len);
        uint64_t before = work_counted;
        for (size_t i = 0; header_find(header, "A", i) != NULL;)
            i++;
        work[twice] = work_counted - before;
        header_free(header);
        buffer_free(&text);
    }
    assert_true(work[1] > 3 * work[0] + ALWAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twice_the_size_is_twice_the_work),
        cmocka_unit_test(test_what_is_quadratic_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
