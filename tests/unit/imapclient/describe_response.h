/*
 * A response of the grammar as one line of text, for tables of what units mean.
 * Included once by a test, after cmocka.h.
 */
#ifndef TESTS_UNIT_IMAPCLIENT_DESCRIBE_RESPONSE_H
#define TESTS_UNIT_IMAPCLIENT_DESCRIBE_RESPONSE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/grammar/grammar.h"
#include "in_range.h"

struct line {
    char text[4096];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, args);
    va_end(args);
    assert_uint_in_range(written, 0, sizeof(line->text) - line->len - 1);
    line->len += (size_t)written;
}

static void put_words(struct line *line, const char *name, const char *const *words, size_t count)
{
    put(line, " %s", name);
    for (size_t i = 0; i < count; i++)
        put(line, "<%s>", words[i]);
}

static void put_uids(struct line *line, const struct imap_uidset *uids)
{
    size_t range = 0;
    char *text = imap_uidset_text(uids, &range, SIZE_MAX);
    put(line, " uids=%s", text != NULL ? text : "");
    free(text);
}

static void put_text(struct line *line, const struct imap_text *text)
{
    static const char *const statuses[] = {"OK", "NO", "BAD", "PREAUTH", "BYE"};
    put(line, " %s", statuses[text->status]);
    if (text->code != IMAP_CODE_NONE)
        put(line, " code=%d<%s>", text->code, text->code_text);
    if (text->number != 0)
        put(line, " number=%" PRIu64, text->number);
    if (text->uidvalidity != 0)
        put(line, " uidvalidity=%" PRIu32, text->uidvalidity);
    if (text->uids.count != 0)
        put_uids(line, &text->uids);
    put(line, " <%s>", text->text);
}

static void put_fetch(struct line *line, const struct imap_fetch *fetch)
{
    put(line, " seq=%" PRIu32, fetch->seq);
    if (fetch->uid != 0)
        put(line, " uid=%" PRIu32, fetch->uid);
    if (fetch->has_flags)
        put_words(line, "flags=", fetch->flags, fetch->n_flags);
    if (fetch->has_size)
        put(line, " size=%" PRIu64, fetch->size);
    if (fetch->has_internaldate)
        put(line, " date=%lld%+d", (long long)fetch->internaldate, fetch->internaldate_zone);
    if (fetch->modseq != 0)
        put(line, " modseq=%" PRIu64, fetch->modseq);
    if (fetch->email_id != NULL)
        put(line, " email=%s", fetch->email_id);
    if (fetch->has_body)
        put(line, fetch->body_is_nil ? " body=nil" : " body");
}

static void put_mailbox_status(struct line *line, const struct imap_mailbox_status *status)
{
    put(line, " <%s>", status->mailbox);
    if ((status->has & IMAP_STATUS_MESSAGES) != 0)
        put(line, " messages=%" PRIu32, status->messages);
    if ((status->has & IMAP_STATUS_UIDNEXT) != 0)
        put(line, " uidnext=%" PRIu32, status->uidnext);
    if ((status->has & IMAP_STATUS_UIDVALIDITY) != 0)
        put(line, " uidvalidity=%" PRIu32, status->uidvalidity);
    if ((status->has & IMAP_STATUS_UNSEEN) != 0)
        put(line, " unseen=%" PRIu32, status->unseen);
    if ((status->has & IMAP_STATUS_HIGHESTMODSEQ) != 0)
        put(line, " modseq=%" PRIu64, status->highestmodseq);
    if ((status->has & IMAP_STATUS_MAILBOXID) != 0)
        put(line, " id=%s", status->mailbox_id);
}

static void put_untagged(struct line *line, const struct imap_untagged *untagged)
{
    switch (untagged->kind) {
    case IMAP_UNTAGGED_STATUS:
        put(line, "status");
        put_text(line, &untagged->text);
        break;
    case IMAP_UNTAGGED_CAPABILITY:
        put_words(line, "capability ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_ENABLED:
        put_words(line, "enabled ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_FLAGS:
        put_words(line, "flags ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_ID:
        put_words(line, "id ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_EXISTS:
        put(line, "exists %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_RECENT:
        put(line, "recent %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_EXPUNGE:
        put(line, "expunge %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_VANISHED:
        put(line, untagged->earlier ? "vanished earlier" : "vanished");
        put_uids(line, &untagged->uids);
        break;
    case IMAP_UNTAGGED_FETCH:
        put(line, "fetch");
        put_fetch(line, &untagged->fetch);
        break;
    case IMAP_UNTAGGED_LIST:
        put(line, "list flags=%x delimiter=%c <%s>", untagged->list.flags,
            untagged->list.delimiter != '\0' ? untagged->list.delimiter : '-',
            untagged->list.mailbox);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        put(line, "mailbox");
        put_mailbox_status(line, &untagged->mailbox_status);
        break;
    case IMAP_UNTAGGED_SEARCH:
        put(line, "search");
        put_uids(line, &untagged->uids);
        break;
    case IMAP_UNTAGGED_NAMESPACE:
        put(line, "namespace <%s> %c", untagged->prefix,
            untagged->delimiter != '\0' ? untagged->delimiter : '-');
        for (size_t i = 0; i < untagged->n_words; i++)
            put(line, " foreign <%s>", untagged->words[i]);
        break;
    case IMAP_UNTAGGED_QUOTA:
        put(line, "quota storage=%" PRIu64 "/%" PRIu64 " messages=%" PRIu64 "/%" PRIu64,
            untagged->quota.storage_used, untagged->quota.storage_limit,
            untagged->quota.messages_used, untagged->quota.messages_limit);
        break;
    case IMAP_UNTAGGED_OTHER:
        put(line, "other");
        break;
    }
}

static void describe(struct line *line, const struct imap_response *response)
{
    line->len = 0;
    line->text[0] = '\0';
    if (response->kind == IMAP_RESPONSE_UNTAGGED) {
        put_untagged(line, &response->untagged);
    } else if (response->kind == IMAP_RESPONSE_TAGGED) {
        put(line, "tagged %s", response->tag);
        put_text(line, &response->text);
    } else {
        put(line, "continue <%s>", response->text.text);
    }
}

struct unit {
    const char *unit, *means;
};

static void check_units(void **state, const struct unit *units, size_t count, bool streamed)
{
    struct line line;
    for (size_t i = 0; i < count; i++) {
        describe(&line,
                 grammar_parse(*state, units[i].unit, strlen(units[i].unit), streamed, NULL));
        const char *means = line.text[0] == ' ' ? line.text + 1 : line.text;
        if (strcmp(means, units[i].means) != 0)
            fail_msg("<%s>\n  is read as %s\n  but means  %s", units[i].unit, means,
                     units[i].means);
    }
}

#define CHECK(units) check_units(state, units, sizeof(units) / sizeof(*(units)), false)

static int set_up(void **state)
{
    *state = grammar_new();
    return 0;
}

static int tear_down(void **state)
{
    grammar_free(*state);
    return 0;
}

#endif
