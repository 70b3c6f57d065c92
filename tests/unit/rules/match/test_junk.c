/*
 * No bound decides against a rule: whatever is added to a message to trip a limit, a condition that
 * was fulfilled stays fulfilled or becomes undecided, never "no".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"
#include "rules/util/buffer.h"

/* Where junk can be put into the message below. */
enum place {
    ABOVE,   /* the header */
    IN_FROM, /* before the address that is looked for */
    IN_TO,
    IN_SUBJECT, /* before the word */
    IN_CLASS,
    IN_TYPE,     /* parameters before the boundary */
    AFTER_TYPE,  /* fields behind Content-Type */
    BEFORE_PART, /* before the first part */
    IN_TEXT,     /* before the word, in the same part */
    IN_PART,     /* fields of the attachment, before its own */
    IN_NAME,     /* parameters before the file name */
    PLACES
};

struct junk {
    const char *title;
    enum place place;
    const char *unit; /* %d: its number */
    int count;
};

static const struct junk junks[] = {
    {"nothing", ABOVE, "", 1},
    {"as many fields as the parser keeps", ABOVE, "X-Junk: %d\r\n", 100000},
    {"more octets than the parser keeps", ABOVE,
     "X-Junk: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
     60000},
    {"fields of its own class", ABOVE, "X-Class: %d\r\n", 2000},
    {"other subjects", ABOVE, "Subject: %d\r\n", 2000},
    {"other senders", ABOVE, "From: u%d@x.test\r\n", 2000},
    {"subjects that cost a regex much", ABOVE,
     "Subject: 111111111111111111111111111111111111111111111111111111111111111111\r\n", 3000},
    {"too many addresses in From", IN_FROM, "u%d@x.test,\r\n ", 30000},
    {"too many addresses in To", IN_TO, "u%d@x.test,\r\n ", 30000},
    {"open comments in To", IN_TO, "(", 2000},
    {"open quotes in From", IN_FROM, "\"", 2001},
    {"encoded words", IN_SUBJECT, "=?utf-8?q?%d?=\r\n ", 2000},
    {"encoded words of changing charset", IN_SUBJECT, "=?utf-8?q?a?=\r\n =?koi8-r?q?b?=\r\n ", 500},
    {"a long subject", IN_SUBJECT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n ",
     30000},
    {"a long class", IN_CLASS, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n ",
     30000},
    {"digits", IN_SUBJECT, "1", 200000},
    {"parameters of the type", IN_TYPE, "p%d=a;\r\n ", 5000},
    {"a comment in the type", IN_TYPE, "(", 1000},
    {"a second type", AFTER_TYPE, "Content-Type: text/plain\r\n", 1},
    {"an encoding", AFTER_TYPE, "Content-Transfer-Encoding: base64\r\n", 1},
    {"many parts", BEFORE_PART, "--b\r\n\r\n%d\r\n", 20000},
    {"many attachments", BEFORE_PART,
     "--b\r\nContent-Type: application/pdf; name=%d.pdf\r\n\r\nx\r\n", 3000},
    {"nested parts", BEFORE_PART,
     "--b\r\nContent-Type: multipart/mixed; boundary=c%d\r\n\r\n--c%d\r\n\r\nx\r\n", 100},
    {"nested messages", BEFORE_PART, "--b\r\nContent-Type: message/rfc822\r\n\r\n", 100},
    {"a preamble", BEFORE_PART, "words words words words words words words words\r\n", 100000},
    {"a false close", BEFORE_PART, "--b--x\r\n", 1},
    {"much text", IN_TEXT, "words words words words words words words words words\r\n", 60000},
    {"text that costs a regex much", IN_TEXT, "1", 100000},
    {"tags", IN_TEXT, "<b>", 100000},
    {"long lines", IN_TEXT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 20000},
    {"fields of a part", IN_PART, "X-Junk: %d\r\n", 5000},
    {"a long field of a part", IN_PART, "Content-Description: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
     2000},
    {"parameters before the name", IN_NAME, "p%d=a;\r\n ", 5000},
    {"other names", IN_NAME, "filename*%d=a;\r\n ", 3000},
};

static void add_junk(struct buffer *text, const struct junk *junk, enum place place)
{
    if (junk->place != place)
        return;
    for (int i = 0; i < junk->count; i++) {
        const char *number = strstr(junk->unit, "%d");
        const char *rest = junk->unit;
        for (; number != NULL; number = strstr(rest, "%d")) {
            buffer_add(text, rest, (size_t)(number - rest));
            buffer_printf(text, "%d", i + 1);
            rest = number + 2;
        }
        buffer_text(text, rest);
    }
}

static void write_message(struct buffer *text, const struct junk *junk)
{
    static const struct {
        const char *text;
        enum place then;
    } pieces[] = {
        {RECEIVED, ABOVE},
        {"From: ", IN_FROM},
        {"bob@partner.test\r\nTo: alice@example.org, ", IN_TO},
        {"carol@example.org\r\nSubject: ", IN_SUBJECT},
        {"top secret\r\nX-Class: ", IN_CLASS},
        {"secret\r\nContent-Type: multipart/mixed; ", IN_TYPE},
        {"boundary=b\r\n", AFTER_TYPE},
        {"\r\n", BEFORE_PART},
        {"--b\r\nContent-Type: text/plain\r\n\r\n", IN_TEXT},
        {"the secret costs 12 EUR\r\n--b\r\nContent-Type: application/zip\r\n", IN_PART},
        {"Content-Disposition: attachment; ", IN_NAME},
        {"filename=\"plan.zip\"\r\n\r\nx\r\n--b--\r\n", PLACES},
    };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        buffer_text(text, pieces[i].text);
        add_junk(text, junk, pieces[i].then);
    }
}

static struct rule_set *make_conditions(void)
{
    struct rule_set *set = make_set();
    make_rule(set, "from")->from = LIST("bob@partner.test");
    make_rule(set, "from-regex")->from = LIST("/bob@partner/");
    make_rule(set, "to")->to = LIST("carol@example.org");
    make_rule(set, "subject")->subject = LIST("*secret*");
    make_rule(set, "subject-regex")->subject = LIST("/([0-9]+)+ EUR/", "/top +secret/");
    make_rule(set, "header")->header = LIST("X-Class: *secret");
    make_rule(set, "any")->attachment = LIST("any");
    make_rule(set, "zip")->attachment = LIST("*.zip");
    make_rule(set, "type")->attachment = LIST("application/zip");
    make_rule(set, "body")->body = LIST("*secret*");
    make_rule(set, "body-regex")->body = LIST("/[0-9]+ (EUR|USD)/");
    prepare(set);
    return set;
}

static void check_junk(const struct rule_set *set, const struct junk *junk)
{
    struct buffer text = {0};
    write_message(&text, junk);
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, text.data, text.len);
    struct body_facts *body = body_scan_end(scan);
    struct message message = {
        .owner = &alice,
        .size = text.len,
        .internaldate = INTERNALDATE,
        .header = header_parse(text.data, text.len),
    };
    struct decision *before = decide(set, &message, false);
    message.body = body;
    struct decision *decision = decide(set, &message, true);
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *rule = &decision->rules[i];
        if (before->rules[i].result == MATCH_NO || rule->result == MATCH_NO)
            fail_msg("%s: rule %s says no: %s", junk->title, rule->rule->name,
                     rule->reasons[rule->n_reasons - 1].text);
        if (junk == junks && rule->result != MATCH_YES)
            fail_msg("rule %s does not match at all: %s", rule->rule->name,
                     rule->reasons[rule->n_reasons - 1].text);
    }
    decision_free(before);
    decision_free(decision);
    free_message(&message);
    body_facts_free(body);
    buffer_free(&text);
}

static void test_junk_never_turns_yes_into_no(void **state)
{
    (void)state;
    struct rule_set *set = make_conditions();
    for (size_t i = 0; i < sizeof(junks) / sizeof(*junks); i++)
        check_junk(set, &junks[i]);
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_junk_never_turns_yes_into_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
