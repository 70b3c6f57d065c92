#include "agent/probe/inbox/look.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/inbox/private.h"
#include "agent/reflect/probe_mail.h"
#include "rules/util/memory.h"

/* Gateways may have dropped the fields: the Subject has the token too. */
#define POSSIBLE_PROBES                                                                            \
    "OR OR HEADER " TOKEN_PROBE_FIELD " \"\" HEADER " TOKEN_RETURN_FIELD                           \
    " \"\" SUBJECT \"mailvigil\""

_Static_assert(PROBE_MAIL_HEADER == 65536, "the partial FETCH below repeats it in digits");
#define ITEMS "(UID INTERNALDATE BODY.PEEK[HEADER]<0.65536>)"

struct look {
    struct imap_session *session;
    struct look_range range;
    struct look_events events;
    void *arg;
    bool is_searching;
    bool has_more;
    struct imap_uidset found; /* by SEARCH */
    uint32_t highest;         /* UID that was seen */
    char *header;             /* PROBE_MAIL_HEADER bytes of room during FETCH; NULL before */
    size_t header_len;
    bool has_header; /* of the FETCH response that is being read */
};

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct look *look = arg;
    char *why;

    if (inbox_is_lost(result))
        return;
    if (result->kind == IMAP_RESULT_OK) {
        look->events.done(look->arg, NULL, look->highest, look->has_more);
        return;
    }
    why = xasprintf("new messages cannot be fetched: %s", result->reason);
    look->events.done(look->arg, why, look->range.seen_through, true);
    free(why);
}

static void fetch(struct look *look, const struct imap_uidset *set)
{
    assert(look->header == NULL);
    look->header = xmalloc(PROBE_MAIL_HEADER);
    imap_uid_fetch(look->session, set, ITEMS, on_fetched, look);
}

static void fetch_all(struct look *look)
{
    struct imap_uidset set = {0};

    imap_uidset_add(&set, look->range.seen_through + 1, UINT32_MAX);
    fetch(look, &set);
    imap_uidset_clear(&set);
}

static void on_searched(void *arg, const struct imap_result *result)
{
    struct look *look = arg;

    if (inbox_is_lost(result))
        return;
    look->is_searching = false;
    if (result->kind != IMAP_RESULT_OK) {
        fetch_all(look);
        return;
    }
    look->highest = look->range.uidnext - 1;
    look->has_more = true; /* what arrived meanwhile, from uidnext on, is for the next look */
    if (look->found.count > 0)
        fetch(look, &look->found);
    else
        look->events.done(look->arg, NULL, look->highest, look->has_more);
}

static void search(struct look *look)
{
    char *criteria = xasprintf("UID %u:%u " POSSIBLE_PROBES, look->range.seen_through + 1,
                               look->range.uidnext - 1);

    look->is_searching = true;
    imap_uid_search(look->session, criteria, on_searched, look);
    free(criteria);
}

struct look *look_new(struct imap_session *session, const struct look_range *range,
                      const struct look_events *events, void *arg)
{
    struct look *look = xcalloc(1, sizeof(*look));

    assert(range->seen_through < UINT32_MAX);
    look->session = session;
    look->range = *range;
    look->events = *events;
    look->arg = arg;
    look->highest = range->seen_through;
    if (range->search)
        search(look);
    else
        fetch_all(look);
    return look;
}

void look_free(struct look *look)
{
    if (look == NULL)
        return;
    imap_uidset_clear(&look->found);
    free(look->header);
    free(look);
}

void look_on_search(struct look *look, const struct imap_uidset *uids)
{
    for (size_t i = 0; look != NULL && look->is_searching && i < uids->count; i++)
        if (uids->ranges[i].first > look->range.seen_through)
            imap_uidset_add(&look->found, uids->ranges[i].first, uids->ranges[i].last);
}

bool look_on_body_begin(struct look *look)
{
    if (look == NULL)
        return false;
    look->header_len = 0;
    look->has_header = false;
    return look->header != NULL;
}

void look_on_body_data(struct look *look, const unsigned char *data, size_t len)
{
    size_t room = PROBE_MAIL_HEADER - look->header_len;

    assert(look->header != NULL);
    if (len > room) /* a server that ignores the partial range */
        len = room;
    memcpy(look->header + look->header_len, data, len);
    look->header_len += len;
}

void look_on_body_end(struct look *look, bool complete)
{
    look->has_header = complete;
}

/* "n:*" is never empty: a server without newer messages returns the last one again. */
void look_on_fetch(struct look *look, const struct imap_fetch *fetched)
{
    if (look == NULL || look->header == NULL || !fetched->has_body ||
        fetched->uid <= look->range.seen_through)
        return;
    if (fetched->uid > look->highest)
        look->highest = fetched->uid;
    if (!look->has_header)
        return;
    const struct inbox_message message = {
        .uidvalidity = look->range.uidvalidity,
        .uid = fetched->uid,
        .internaldate = fetched->has_internaldate ? fetched->internaldate : 0,
        .header = look->header,
        .len = look->header_len,
        .cut = look->header_len == PROBE_MAIL_HEADER,
        .seen_by = look->range.seen_by,
    };
    look->has_header = false;
    look->events.on_message(look->arg, &message);
}
