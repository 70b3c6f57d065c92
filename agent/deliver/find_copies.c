#include "agent/deliver/find_copies.h"

#include <stdlib.h>
#include <string.h>

#include "rules/copy/copy.h"
#include "rules/util/memory.h"

/* Our field is short; a longer one is not ours. */
#define FIELD_MAX 1000

struct found {
    char id[MONITOR_ID_LEN + 1];
    uint32_t uid;
};

struct find_copies {
    find_copies_done *done;
    void *arg;
    uint32_t from;
    struct found *found;
    size_t count, room;
    char field[FIELD_MAX];
    size_t len;
};

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct find_copies *search = arg;

    if (result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT)
        return;
    search->done(search->arg, result->kind == IMAP_RESULT_OK ? NULL : result->reason);
}

struct find_copies *find_copies_new(struct imap_session *session, uint32_t from,
                                    find_copies_done *done, void *arg)
{
    struct find_copies *search = xcalloc(1, sizeof(*search));
    struct imap_uidset set = {0};

    search->done = done;
    search->arg = arg;
    search->from = from > 0 ? from : 1;
    imap_uidset_add(&set, search->from, UINT32_MAX);
    /* Some servers show what was just stored only after a check of the folder. */
    imap_check(session, NULL, NULL);
    imap_uid_fetch(session, &set, "(UID BODY.PEEK[HEADER.FIELDS (X-Monitor-Id)])", on_fetched,
                   search);
    imap_uidset_clear(&set);
    return search;
}

void find_copies_free(struct find_copies *search)
{
    if (search == NULL)
        return;
    free(search->found);
    free(search);
}

uint32_t find_copies_uid(const struct find_copies *search, const char *monitor_id)
{
    for (size_t i = 0; i < search->count; i++)
        if (strcmp(search->found[i].id, monitor_id) == 0)
            return search->found[i].uid;
    return 0;
}

bool find_copies_body_begin(struct find_copies *search, const struct imap_body *body)
{
    (void)body;
    search->len = 0;
    return true;
}

void find_copies_body_data(struct find_copies *search, const unsigned char *data, size_t len)
{
    if (len > sizeof(search->field) - search->len)
        len = sizeof(search->field) - search->len;
    memcpy(search->field + search->len, data, len);
    search->len += len;
}

void find_copies_untagged(struct find_copies *search, const struct imap_untagged *untagged)
{
    struct header *header;
    char id[MONITOR_ID_LEN + 1];

    if (untagged->kind != IMAP_UNTAGGED_FETCH || !untagged->fetch.has_body ||
        untagged->fetch.uid < search->from)
        return;
    header = header_parse(search->field, search->len);
    if (monitor_id_read(header, id)) {
        if (search->count == search->room) {
            search->room = search->room > 0 ? 2 * search->room : 64;
            search->found = xreallocarray(search->found, search->room, sizeof(*search->found));
        }
        memcpy(search->found[search->count].id, id, sizeof(id));
        search->found[search->count++].uid = untagged->fetch.uid;
    }
    header_free(header);
    search->len = 0;
}
