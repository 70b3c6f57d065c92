#include "agent/deliver/find_copies.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "rules/copy/copy.h"
#include "rules/util/memory.h"

/* Our field is short; a longer one is not ours. */
#define FIELD_MAX 1000

/*
 *   way       asks for                                      where refused
 *   FIELDS    the header field of each message              HEADERS
 *   HEADERS   the whole header of each message              ANY
 *   ANY       is there any message?                         ONE_BY_ONE
 *   ONE_BY_ONE  SEARCH HEADER, for one copy after the other     the end
 */
enum way { FIELDS, HEADERS, ANY, ONE_BY_ONE };

struct wanted {
    char id[MONITOR_ID_LEN + 1];
    uint32_t first, last; /* UIDs, 0: not found */
};

struct find_copies {
    struct imap_session *session;
    find_copies_done *done;
    void *arg;
    uint32_t from;
    enum way way;
    struct wanted *wanted;
    size_t n, next; /* ONE_BY_ONE: wanted[next] */
    char *field;    /* of room octets */
    size_t len, room;
    uint64_t replies, replies_max;
    bool any, cut, flooded; /* cut: a header was longer than is kept */
    char *why;              /* of the first refusal */
};

static void try_way(struct find_copies *search);

/* ---- what is found ---- */

static struct wanted *find_wanted(const struct find_copies *search, const char *monitor_id)
{
    for (size_t i = 0; i < search->n; i++)
        if (strcmp(search->wanted[i].id, monitor_id) == 0)
            return &search->wanted[i];
    return NULL;
}

static void note(struct wanted *wanted, uint32_t uid)
{
    if (wanted->first == 0 || uid < wanted->first)
        wanted->first = uid;
    if (uid > wanted->last)
        wanted->last = uid;
}

uint32_t find_copies_uid(const struct find_copies *search, const char *monitor_id)
{
    const struct wanted *wanted = find_wanted(search, monitor_id);

    return wanted != NULL ? wanted->first : 0;
}

uint32_t find_copies_twin(const struct find_copies *search, const char *monitor_id)
{
    const struct wanted *wanted = find_wanted(search, monitor_id);

    return wanted != NULL && wanted->last > wanted->first ? wanted->last : 0;
}

bool find_copies_is_flooded(const struct find_copies *search)
{
    return search->flooded;
}

/* ---- one way after the other ---- */

static void finish(struct find_copies *search, const char *why)
{
    find_copies_done *done = search->done;

    search->done = NULL;
    if (done != NULL)
        done(search->arg, why);
}

static bool has_found_all(const struct find_copies *search)
{
    for (size_t i = 0; i < search->n; i++)
        if (search->wanted[i].first == 0)
            return false;
    return true;
}

static void next_way(struct find_copies *search, const char *why)
{
    if (search->why == NULL)
        search->why = xstrdup(why);
    if (has_found_all(search)) {
        finish(search, NULL);
    } else if (search->way == ONE_BY_ONE) {
        finish(search, search->why);
    } else {
        search->way++;
        try_way(search);
    }
}

static void on_answered(void *arg, const struct imap_result *result)
{
    struct find_copies *search = arg;
    bool ok = result->kind == IMAP_RESULT_OK;

    if (result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT ||
        search->done == NULL)
        return;
    if (search->way == FIELDS && ok)
        finish(search, NULL);
    else if (search->way == HEADERS && ok)
        finish(search, search->cut && !has_found_all(search) ? search->why : NULL);
    else if (search->way == ANY && ok && !search->any)
        finish(search, NULL);
    else if (search->way == ONE_BY_ONE && ok && ++search->next < search->n)
        try_way(search);
    else
        next_way(search, result->reason);
}

static void search_one(struct find_copies *search)
{
    char *criteria =
        xasprintf("UID %u:* HEADER X-Monitor-Id %s", search->from, search->wanted[search->next].id);

    imap_uid_search(search->session, criteria, on_answered, search);
    free(criteria);
}

static void try_way(struct find_copies *search)
{
    static const char *const items[] = {
        [FIELDS] = "(UID BODY.PEEK[HEADER.FIELDS (X-Monitor-Id)])",
        [HEADERS] = "(UID BODY.PEEK[HEADER])",
        [ANY] = "(UID)",
    };
    struct imap_uidset set = {0};

    if (search->way == ONE_BY_ONE) {
        search_one(search);
        return;
    }
    if (search->way == HEADERS) {
        search->room = LIMIT_SEARCHED_HEADER;
        search->field = xrealloc(search->field, search->room);
    }
    imap_uidset_add(&set, search->from, UINT32_MAX);
    imap_uid_fetch(search->session, &set, items[search->way], on_answered, search);
    imap_uidset_clear(&set);
}

struct find_copies *find_copies_new(struct imap_session *session, uint32_t from, uint32_t exists,
                                    const char *const *ids, size_t n, find_copies_done *done,
                                    void *arg)
{
    struct find_copies *search = xcalloc(1, sizeof(*search));

    search->session = session;
    search->done = done;
    search->arg = arg;
    search->from = from > 0 ? from : 1;
    search->replies_max = 2ull * exists + LIMIT_SEARCH_REPLIES;
    search->wanted = xcalloc(n, sizeof(*search->wanted));
    search->n = n;
    for (size_t i = 0; i < n; i++)
        strncpy(search->wanted[i].id, ids[i], MONITOR_ID_LEN);
    search->room = FIELD_MAX;
    search->field = xmalloc(search->room);
    /* Some servers show what was just stored only after a check of the folder. */
    imap_check(session, NULL, NULL);
    try_way(search);
    return search;
}

void find_copies_free(struct find_copies *search)
{
    if (search == NULL)
        return;
    free(search->wanted);
    free(search->field);
    free(search->why);
    free(search);
}

/* ---- what the server sends ---- */

bool find_copies_body_begin(struct find_copies *search, const struct imap_body *body)
{
    (void)body;
    search->len = 0;
    return search->done != NULL;
}

void find_copies_body_data(struct find_copies *search, const unsigned char *data, size_t len)
{
    if (len > search->room - search->len) {
        len = search->room - search->len;
        search->cut = search->cut || search->way == HEADERS;
    }
    memcpy(search->field + search->len, data, len);
    search->len += len;
}

static void read_field(struct find_copies *search, uint32_t uid)
{
    struct header *header = header_parse(search->field, search->len);
    struct wanted *wanted = NULL;
    char id[MONITOR_ID_LEN + 1];

    if (monitor_id_read(header, id))
        wanted = find_wanted(search, id);
    if (wanted != NULL)
        note(wanted, uid);
    header_free(header);
    search->len = 0;
}

static void read_uids(struct find_copies *search, const struct imap_uidset *uids)
{
    uint64_t n = imap_uidset_size(uids);

    if (search->way != ONE_BY_ONE || n == 0)
        return;
    for (size_t i = 0; i < 2; i++) { /* the first and the last */
        uint32_t uid = imap_uidset_nth(uids, i == 0 ? 0 : (size_t)n - 1);

        if (uid >= search->from)
            note(&search->wanted[search->next], uid);
    }
}

void find_copies_untagged(struct find_copies *search, const struct imap_untagged *untagged)
{
    if (search->done == NULL)
        return;
    if (++search->replies > search->replies_max) {
        search->flooded = true;
        finish(search, "the server sends replies to a search without end");
        return;
    }
    if (untagged->kind == IMAP_UNTAGGED_SEARCH)
        read_uids(search, &untagged->uids);
    if (untagged->kind != IMAP_UNTAGGED_FETCH || untagged->fetch.uid < search->from)
        return;
    search->any = true;
    if (untagged->fetch.has_body)
        read_field(search, untagged->fetch.uid);
}
