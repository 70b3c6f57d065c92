#include "agent/deliver/find_copies.h"

#include <stdlib.h>
#include <string.h>

#include "rules/copy/copy.h"
#include "rules/util/memory.h"

/* A field of ours is short; what is longer is none of ours. */
#define FIELD_MAX 1000

struct found {
    char id[MONITOR_ID_LEN + 1];
    uint32_t uid;
};

struct recover {
    recover_done *done;
    void *arg;
    uint32_t from;
    struct found *found;
    size_t count, room;
    char field[FIELD_MAX];
    size_t len;
};

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct recover *recover = arg;

    if (result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT)
        return;
    recover->done(recover->arg, result->kind == IMAP_RESULT_OK ? NULL : result->reason);
}

struct recover *recover_new(struct imap_session *session, uint32_t from, recover_done *done,
                            void *arg)
{
    struct recover *recover = xcalloc(1, sizeof(*recover));
    struct imap_uidset set = {0};

    recover->done = done;
    recover->arg = arg;
    recover->from = from > 0 ? from : 1;
    imap_uidset_add(&set, recover->from, UINT32_MAX);
    /* Some servers show what was just stored only after a check of the folder. */
    imap_check(session, NULL, NULL);
    imap_uid_fetch(session, &set, "(UID BODY.PEEK[HEADER.FIELDS (X-Monitor-Id)])", on_fetched,
                   recover);
    imap_uidset_clear(&set);
    return recover;
}

void recover_free(struct recover *recover)
{
    if (recover == NULL)
        return;
    free(recover->found);
    free(recover);
}

uint32_t recover_find(const struct recover *recover, const char *monitor_id)
{
    for (size_t i = 0; i < recover->count; i++)
        if (strcmp(recover->found[i].id, monitor_id) == 0)
            return recover->found[i].uid;
    return 0;
}

bool recover_body_begin(struct recover *recover, const struct imap_body *body)
{
    (void)body;
    recover->len = 0;
    return true;
}

void recover_body_data(struct recover *recover, const unsigned char *data, size_t len)
{
    if (len > sizeof(recover->field) - recover->len)
        len = sizeof(recover->field) - recover->len;
    memcpy(recover->field + recover->len, data, len);
    recover->len += len;
}

void recover_untagged(struct recover *recover, const struct imap_untagged *untagged)
{
    struct header *header;
    char id[MONITOR_ID_LEN + 1];

    if (untagged->kind != IMAP_UNTAGGED_FETCH || !untagged->fetch.has_body ||
        untagged->fetch.uid < recover->from)
        return;
    header = header_parse(recover->field, recover->len);
    if (monitor_id_read(header, id)) {
        if (recover->count == recover->room) {
            recover->room = recover->room > 0 ? 2 * recover->room : 64;
            recover->found = xreallocarray(recover->found, recover->room, sizeof(*recover->found));
        }
        memcpy(recover->found[recover->count].id, id, sizeof(id));
        recover->found[recover->count++].uid = untagged->fetch.uid;
    }
    header_free(header);
    recover->len = 0;
}
