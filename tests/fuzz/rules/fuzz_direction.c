/*
 * The direction of any message, and what may exempt it. Whatever is in the header:
 *
 * - a reading without our parser finds no outside recipient that the route has missed;
 * - fields added by the sender take no direction away (route.h), and never make an exemption of
 * what was wanted, other than by the owner or an author who was there;
 * - limits never say no: a header that was cut has every direction that it may have.
 *
 * The first octet selects the folder role and how the header is varied; the rest is the header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/match/decide.h"
#include "rules/mime/address.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const aliases[] = {"a.liddell@example.org", NULL};
static const struct owner alice = {.account = "alice",
                                   .address = "alice@example.org",
                                   .aliases = aliases,
                                   .monitor = true,
                                   .authserv_id = "mx.example.org"};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static char **one(const char *text)
{
    char **list = xcalloc(2, sizeof(*list));
    list[0] = xstrdup(text);
    return list;
}

static struct rule_set *make_set(void)
{
    struct rule_set *set = rule_set_new();
    set->domains = one("example.org");
    struct rule *rule = rule_set_add(set);
    rule->name = xstrdup("all");
    rule->incoming = rule->outgoing = rule->internal = SELECT_ALL;
    rule->targets = one("t");
    rule = rule_set_add(set);
    rule->name = xstrdup("exempt");
    rule->exempt = true;
    rule->addresses = one("*@law.test");
    if (rules_prepare(set, NULL, NULL, NULL) != 0)
        abort();
    return set;
}

static void check_route(const struct message *message, const struct route *route)
{
    check(route->directions != 0);
    check((route->directions & route_certain(message->role)) != 0);
    check(message->role != FOLDER_SENT || route->sent);
    check(route->sent || route->n_recipients == 1);
    for (size_t i = 0; i < route->n_recipients; i++) {
        const char *address = route->recipients[i].address;
        check(strlen(address) <= ADDRESS_MAX);
        for (const char *c = address; *c != '\0'; c++)
            check((unsigned char)*c >= ' ' && *c != 0x7f);
    }
    if ((route->warnings & WARNING_UNREADABLE_RECIPIENT) != 0)
        check((route->directions & DIRECTION_OUTGOING) != 0);
    if (message->header->truncated)
        check((route->directions & DIRECTION_INTERNAL) != 0);
}

/* A naive reader: every "@" after "To:" in a line of its own, with what follows it. */
static bool names_outside(const char *line, const char *end)
{
    for (const char *at = line; (at = memchr(at, '@', (size_t)(end - at))) != NULL; at++)
        if (end - at > 11 && memcmp(at, "@rival.test", 11) == 0)
            return true;
    return false;
}

/* Sent: a line "To:...@rival.test" without quotes, comments and brackets is outgoing for sure. */
static void check_no_rival_is_missed(const char *text, size_t len, const struct route *route)
{
    const char *end = text + len;
    for (const char *line = text; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        const char *next = feed != NULL ? feed + 1 : end;
        bool plain = true;
        for (const char *c = line; c < next; c++)
            plain &= strchr("\"()[]\\<>:;,", *c) == NULL || c == line + 2;
        if (next - line > 3 && memcmp(line, "To:", 3) == 0 && plain &&
            names_outside(line + 3, next))
            check((route->directions & DIRECTION_OUTGOING) != 0);
        line = next;
    }
}

static struct decision *decide_text(const struct rule_set *set, enum folder_role role,
                                    const char *text, size_t len, struct header **header)
{
    *header = header_parse(text, len);
    struct message message = {.owner = &alice, .role = role, .size = len, .header = *header};
    struct decision *decision = decide(set, &message, true);
    check_route(&message, decision->route);
    return decision;
}

/* What a sender may put in front of, or after, his header. */
static const char *const additions[] = {
    "Sender: x@law.test\r\n",      "Delivered-To: x@law.test\r\n",
    "Resent-From: x@law.test\r\n", "X-Original-To: x@law.test\r\n",
    "Reply-To: x@law.test\r\n",    "no field\r\n",
    "X-A: b\rTo: x@law.test\r\n",  "To: x@law.test\r\n",
    "Bcc: <\"x@law.test\">\r\n",   "Resent-To: x@law.test\r\n",
    "From: x@law.test\r\n",        "Authentication-Results: other.test; dmarc=pass\r\n",
};

/* An author or recipient where there was none may exempt. */
static bool is_allowed(const char *addition)
{
    static const char *const starts[] = {"From:", "To:", "Resent-To:", "X-A:"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
        if (strncmp(addition, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static void check_addition(const struct rule_set *set, enum folder_role role, const char *text,
                           size_t len, const struct decision *before, const char *addition,
                           bool in_front)
{
    struct buffer more = {0};
    struct header *header;
    size_t section = header_section_len(text, len);
    if (in_front)
        buffer_text(&more, addition);
    buffer_add(&more, text, section);
    if (!in_front && section > 0 && text[section - 1] != '\n')
        buffer_text(&more, "\r\n");
    if (!in_front)
        buffer_text(&more, addition);
    struct decision *after = decide_text(set, role, more.data, more.len, &header);
    bool was_sent = before->route->sent, is_sent = after->route->sent;
    if (was_sent == is_sent) /* no author has come or gone */
        check((before->route->directions & ~after->route->directions) == 0 ||
              before->route->n_recipients == 0 || strncmp(addition, "From", 4) == 0);
    if (!before->exempt && !is_allowed(addition))
        check(!after->exempt);
    decision_free(after);
    header_free(header);
    buffer_free(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rule_set *set;
    if (set == NULL)
        set = make_set();
    if (size < 1)
        return 0;
    enum folder_role role = data[0] & 1 ? FOLDER_SENT : FOLDER_OTHER;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    struct header *header;
    struct decision *decision = decide_text(set, role, text, len, &header);
    check(decision->exempt == (decision->result == MATCH_NO));
    check((decision->exempt_basis != NULL) == decision->exempt);
    if (role == FOLDER_SENT)
        check_no_rival_is_missed(text, header->len, decision->route);
    bool in_front = data[0] & 2;
    if (in_front && len > 0 && (text[0] == ' ' || text[0] == '\t')) /* would be folded into it */
        in_front = false;
    size_t n = data[0] >> 2;
    const char *addition = additions[n % (sizeof(additions) / sizeof(*additions))];
    check_addition(set, role, text, len, decision, addition, in_front);
    decision_free(decision);
    header_free(header);
    return 0;
}
