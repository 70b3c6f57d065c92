/*
 * One unit of arbitrary octets. The first octet says whether a body was streamed. The result must
 * be consistent: every string is terminated, every count has its array, and libetpan leaks nothing.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/grammar/grammar.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Reads a string to its end, so that a sanitizer can check it. */
static void check_string(const char *text)
{
    check(text != NULL && strlen(text) < SIZE_MAX / 2);
}

static void check_clean(const char *text)
{
    check_string(text);
    for (; *text != '\0'; text++)
        check((unsigned char)*text >= ' ' && *text != '\x7f');
}

static void check_words(const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_string(words[i]);
}

static void check_uids(const struct imap_uidset *uids)
{
    for (size_t i = 0; i < uids->count; i++)
        check(uids->ranges[i].first != 0 && uids->ranges[i].first <= uids->ranges[i].last);
}

static void check_text(const struct imap_text *text)
{
    check_clean(text->text);
    check_clean(text->code_text);
    check_uids(&text->uids);
    bool has_uids = text->code == IMAP_CODE_APPENDUID || text->code == IMAP_CODE_COPYUID;
    check(has_uids == (text->uids.count > 0) && has_uids == (text->uidvalidity != 0));
}

static void check_fetch(const struct imap_fetch *fetch, bool streamed)
{
    check(fetch->seq != 0);
    check(fetch->has_flags || fetch->n_flags == 0);
    check_words(fetch->flags, fetch->n_flags);
    check(fetch->internaldate_zone > -24 * 60 && fetch->internaldate_zone < 24 * 60);
    check(!fetch->body_is_nil || (fetch->has_body && !streamed));
    if (fetch->email_id != NULL)
        check_string(fetch->email_id);
}

static void check_untagged(const struct imap_untagged *untagged, bool streamed)
{
    check_words(untagged->words, untagged->n_words);
    check_uids(&untagged->uids);
    switch (untagged->kind) {
    case IMAP_UNTAGGED_STATUS:
        check_text(&untagged->text);
        break;
    case IMAP_UNTAGGED_FETCH:
        check_fetch(&untagged->fetch, streamed);
        break;
    case IMAP_UNTAGGED_LIST:
        check_string(untagged->list.mailbox);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        check_string(untagged->mailbox_status.mailbox);
        break;
    case IMAP_UNTAGGED_NAMESPACE:
        check_string(untagged->prefix);
        break;
    case IMAP_UNTAGGED_QUOTA:
        check(untagged->quota.storage_used % 1024 == 0 &&
              untagged->quota.storage_limit % 1024 == 0);
        check(untagged->quota.storage_used <= INT64_MAX &&
              untagged->quota.messages_used <= INT64_MAX);
        break;
    case IMAP_UNTAGGED_ID:
        check(untagged->n_words % 2 == 0);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct grammar *grammar;
    if (size == 0)
        return 0;
    if (grammar == NULL)
        grammar = grammar_new();
    bool streamed = (data[0] & 1) != 0;
    const struct imap_inline_body *body;
    const struct imap_response *response =
        grammar_parse(grammar, (const char *)data + 1, size - 1, streamed, &body);
    if (response->kind == IMAP_RESPONSE_UNTAGGED)
        check_untagged(&response->untagged, streamed);
    else
        check_text(&response->text);
    if (response->kind == IMAP_RESPONSE_TAGGED)
        check_string(response->tag);
    if (body != NULL) {
        check_string(body->section);
        check(body->data[body->len] == '\0');
    }
    return 0;
}
