#include "agent/deliver/outgoing.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "rules/sameness.h"
#include "rules/util/memory.h"

struct outgoing {
    struct context *context;
    const struct ledger_copy *copy;
    enum copy_form form;
    outgoing_ready *ready;
    void *arg;
    struct copy_view view;
    unsigned char body_sha256[32];
    EVP_MD_CTX *digest; /* while a large original is read for it */

    struct imap_session *session;
    char *whole;            /* the original where it is small, else its header */
    size_t held;            /* octets of whole */
    uint64_t read_to;       /* octets of the original read so far */
    struct evbuffer *piece; /* large: read and not yet sent */
    bool reading, ends_line;
    char *trouble;                  /* why the original cannot be read */
    bool damaged;                   /* for good */
    uint64_t sent;                  /* of the copy */
    struct ledger_request *request; /* one read at a time */
    void (*then)(struct outgoing *outgoing, const void *data, size_t len, const char *why);
};

static void on_read(void *arg, const void *data, size_t len, const char *why)
{
    struct outgoing *outgoing = arg;

    outgoing->request = NULL;
    outgoing->then(outgoing, data, len, why);
}

/* Of a read that failed: errno is 0 where the spool is damaged. */
static void note_trouble(struct outgoing *outgoing, const char *why)
{
    outgoing->damaged = errno == 0 || errno == ENOENT;
    free(outgoing->trouble);
    outgoing->trouble = xstrdup(why);
}

static void not_ready(struct outgoing *outgoing, const char *why)
{
    note_trouble(outgoing, why);
    outgoing->ready(outgoing->arg, outgoing, outgoing->trouble);
}

static void read_spool(struct outgoing *outgoing, uint64_t from, size_t len,
                       void (*then)(struct outgoing *, const void *, size_t, const char *))
{
    assert(outgoing->request == NULL);
    outgoing->then = then;
    outgoing->request = spool_read(outgoing->context->ledger, outgoing->copy->spool_segment,
                                   outgoing->copy->spool_offset + from, len, on_read, outgoing);
}

static bool is_small(const struct outgoing *outgoing)
{
    return outgoing->copy->size <= LIMIT_WHOLE_READ;
}

/* ---- making the copy ---- */

/* Where the copy's own header section ends in the prefix; what follows is body. */
static size_t own_header(const struct copy_view *view)
{
    struct header_scan scan = {0};
    long end = header_scan_feed(&scan, view->prefix, view->prefix_len);

    return end < 0 ? view->prefix_len : (size_t)end;
}

static void digest_begin(struct outgoing *outgoing)
{
    size_t header = own_header(&outgoing->view);

    outgoing->digest = EVP_MD_CTX_new();
    if (outgoing->digest == NULL || EVP_DigestInit_ex(outgoing->digest, EVP_sha256(), NULL) != 1)
        memory_exhausted();
    EVP_DigestUpdate(outgoing->digest, outgoing->view.prefix + header,
                     outgoing->view.prefix_len - header);
}

static void digest_end(struct outgoing *outgoing)
{
    EVP_DigestUpdate(outgoing->digest, outgoing->view.suffix, outgoing->view.suffix_len);
    EVP_DigestFinal_ex(outgoing->digest, outgoing->body_sha256, NULL);
    EVP_MD_CTX_free(outgoing->digest);
    outgoing->digest = NULL;
    outgoing->ready(outgoing->arg, outgoing, NULL);
}

static void digest_next(struct outgoing *outgoing);

static void on_digest_piece(struct outgoing *outgoing, const void *data, size_t len,
                            const char *why)
{
    if (data == NULL) {
        not_ready(outgoing, why);
        return;
    }
    EVP_DigestUpdate(outgoing->digest, data, len);
    outgoing->read_to += len;
    digest_next(outgoing);
}

static void digest_next(struct outgoing *outgoing)
{
    uint64_t left = outgoing->view.to - outgoing->read_to;

    if (left == 0)
        digest_end(outgoing);
    else
        read_spool(outgoing, outgoing->read_to,
                   left < LIMIT_READ_PIECE ? (size_t)left : LIMIT_READ_PIECE, on_digest_piece);
}

/* The digest of the copy's body. That of a rewritten one is the original's, known already, unless a
 * line end was added. */
static void find_digest(struct outgoing *outgoing)
{
    if (outgoing->form == COPY_REWRITTEN && outgoing->view.suffix_len == 0) {
        memcpy(outgoing->body_sha256, outgoing->copy->body_sha256, sizeof(outgoing->body_sha256));
        outgoing->ready(outgoing->arg, outgoing, NULL);
        return;
    }
    digest_begin(outgoing);
    if (is_small(outgoing)) {
        EVP_DigestUpdate(outgoing->digest, outgoing->whole + outgoing->view.from,
                         (size_t)(outgoing->view.to - outgoing->view.from));
        digest_end(outgoing);
        return;
    }
    outgoing->read_to = outgoing->view.from;
    digest_next(outgoing);
}

static void make_view(struct outgoing *outgoing, const char *header_text, size_t header_len)
{
    const struct ledger_copy *copy = outgoing->copy;
    const struct config *config = outgoing->context->config;
    const struct target *target = config_target(config, copy->target);
    struct plan *parsed = plan_parse(copy->plan);
    struct copy_plan plan = plan_copy(parsed);

    plan.form = outgoing->form;
    plan.account = copy->account;
    plan.folder = copy->folder;
    plan.uidvalidity = copy->uidvalidity;
    plan.uid = copy->uid;
    plan.monitor_id = copy->monitor_id;
    plan.sha256 = copy->sha256;
    plan.captured = copy->captured;
    plan.internaldate = copy->internaldate;
    plan.instance = config->instance;
    plan.reply_to = target != NULL ? target->reply_to : NULL;
    copy_make(config->rules, &plan, header_text, header_len, copy->size, &outgoing->view);
    plan_free(parsed);
}

/* ---- how it ends ---- */

static bool is_line_end(const char *text, size_t len)
{
    return len >= 2 && memcmp(text + len - 2, "\r\n", 2) == 0;
}

static void on_last(struct outgoing *outgoing, const void *data, size_t len, const char *why)
{
    if (data == NULL) {
        not_ready(outgoing, why);
        return;
    }
    outgoing->ends_line = is_line_end(data, len);
    find_digest(outgoing);
}

/* The last octets of a large original are read for it. */
static void find_end(struct outgoing *outgoing)
{
    const struct copy_view *view = &outgoing->view;
    uint64_t range = view->to - view->from;

    if (view->suffix_len > 0)
        outgoing->ends_line = is_line_end(view->suffix, view->suffix_len);
    else if (range == 0)
        outgoing->ends_line = is_line_end(view->prefix, view->prefix_len);
    else if (is_small(outgoing))
        outgoing->ends_line = is_line_end(outgoing->whole + view->from, (size_t)range);
    if (view->suffix_len > 0 || range == 0 || is_small(outgoing))
        find_digest(outgoing);
    else
        read_spool(outgoing, view->to - 2, 2, on_last);
}

void outgoing_end_line(struct outgoing *outgoing)
{
    struct copy_view *view = &outgoing->view;

    assert(!outgoing->ends_line && outgoing->request == NULL);
    view->suffix = xrealloc(view->suffix, view->suffix_len + 2);
    memcpy(view->suffix + view->suffix_len, "\r\n", 2);
    view->suffix_len += 2;
    outgoing->ends_line = true;
    find_digest(outgoing);
}

/* ---- the original ---- */

static void read_original(struct outgoing *outgoing);

static void on_original(struct outgoing *outgoing, const void *data, size_t len, const char *why)
{
    size_t header = outgoing->copy->header_len;

    if (data == NULL) {
        not_ready(outgoing, why);
        return;
    }
    memcpy(outgoing->whole + outgoing->read_to, data, len);
    outgoing->read_to += len;
    if (outgoing->read_to < outgoing->held) {
        read_original(outgoing);
        return;
    }
    make_view(outgoing, outgoing->whole, header < outgoing->held ? header : outgoing->held);
    find_end(outgoing);
}

static void read_original(struct outgoing *outgoing)
{
    size_t left = outgoing->held - (size_t)outgoing->read_to;

    read_spool(outgoing, outgoing->read_to, left < LIMIT_WHOLE_READ ? left : LIMIT_WHOLE_READ,
               on_original);
}

/* ---- passing it to APPEND ---- */

static void on_piece(struct outgoing *outgoing, const void *data, size_t len, const char *why)
{
    outgoing->reading = false;
    if (data != NULL) {
        evbuffer_add(outgoing->piece, data, len);
        outgoing->read_to += len;
    } else {
        note_trouble(outgoing, why);
    }
    imap_append_ready(outgoing->session);
}

static void read_ahead(struct outgoing *outgoing)
{
    uint64_t left = outgoing->view.to - outgoing->read_to;

    if (outgoing->reading || left == 0 || evbuffer_get_length(outgoing->piece) > LIMIT_READ_PIECE)
        return;
    outgoing->reading = true;
    read_spool(outgoing, outgoing->read_to,
               left < LIMIT_READ_PIECE ? (size_t)left : LIMIT_READ_PIECE, on_piece);
}

static ssize_t give(struct evbuffer *out, const char *data, size_t len, size_t want)
{
    if (len > want)
        len = want;
    evbuffer_add(out, data, len);
    return (ssize_t)len;
}

static ssize_t give_original(struct outgoing *outgoing, struct evbuffer *out, size_t want)
{
    uint64_t at = outgoing->view.from + (outgoing->sent - outgoing->view.prefix_len);
    uint64_t left = outgoing->view.to - at;
    size_t held;

    if (is_small(outgoing))
        return give(out, outgoing->whole + at, (size_t)left, want);
    if (outgoing->trouble != NULL)
        return -1;
    held = evbuffer_get_length(outgoing->piece);
    if (held > want)
        held = want;
    if (held > 0)
        evbuffer_remove_buffer(outgoing->piece, out, held);
    read_ahead(outgoing);
    return (ssize_t)held;
}

static ssize_t give_next(void *arg, struct evbuffer *out, size_t want)
{
    struct outgoing *outgoing = arg;
    const struct copy_view *view = &outgoing->view;
    uint64_t original_end = view->prefix_len + (view->to - view->from);
    ssize_t given;

    if (outgoing->sent == 0)
        fault_point(FAULT_APPEND_BEGUN);
    if (outgoing->sent < view->prefix_len)
        given = give(out, view->prefix + outgoing->sent, view->prefix_len - (size_t)outgoing->sent,
                     want);
    else if (outgoing->sent < original_end)
        given = give_original(outgoing, out, want);
    else
        given = give(out, view->suffix + (outgoing->sent - original_end),
                     view->suffix_len - (size_t)(outgoing->sent - original_end), want);
    if (given > 0)
        outgoing->sent += (uint64_t)given;
    return given;
}

/* Drops what is left of an earlier APPEND that failed. */
static void forget_pieces(struct outgoing *outgoing)
{
    ledger_cancel(outgoing->request);
    outgoing->request = NULL;
    outgoing->reading = outgoing->damaged = false;
    free(outgoing->trouble);
    outgoing->trouble = NULL;
    if (outgoing->piece != NULL)
        evbuffer_free(outgoing->piece);
}

void outgoing_message(struct outgoing *outgoing, struct imap_session *session,
                      struct imap_append_message *message)
{
    outgoing->session = session;
    outgoing->sent = 0;
    outgoing->read_to = outgoing->view.from;
    forget_pieces(outgoing);
    outgoing->piece = memory_check(evbuffer_new());
    *message = (struct imap_append_message){
        .has_date = true,
        .date = outgoing->copy->internaldate,
        .date_zone = outgoing->copy->internaldate_zone,
        .size = outgoing_size(outgoing),
        .read = give_next,
        .arg = outgoing,
    };
}

/* ---- life ---- */

struct outgoing *outgoing_new(struct context *context, const struct ledger_copy *copy,
                              enum copy_form form, outgoing_ready *ready, void *arg)
{
    struct outgoing *outgoing = xcalloc(1, sizeof(*outgoing));
    size_t header = copy->header_len < HEADER_MAX ? copy->header_len : HEADER_MAX;

    outgoing->context = context;
    outgoing->copy = copy;
    /* A header too large to be rewritten is sent unchanged, as an attachment. */
    outgoing->form = copy->header_len > HEADER_MAX && form == COPY_REWRITTEN ? COPY_ATTACHED : form;
    outgoing->ready = ready;
    outgoing->arg = arg;
    outgoing->held = is_small(outgoing) ? (size_t)copy->size : header;
    outgoing->whole = xmalloc(outgoing->held);
    read_original(outgoing);
    return outgoing;
}

void outgoing_free(struct outgoing *outgoing)
{
    if (outgoing == NULL)
        return;
    ledger_cancel(outgoing->request);
    if (outgoing->piece != NULL)
        evbuffer_free(outgoing->piece);
    EVP_MD_CTX_free(outgoing->digest);
    copy_view_clear(&outgoing->view);
    free(outgoing->trouble);
    free(outgoing->whole);
    free(outgoing);
}

const struct ledger_copy *outgoing_copy(const struct outgoing *outgoing)
{
    return outgoing->copy;
}

uint64_t outgoing_size(const struct outgoing *outgoing)
{
    const struct copy_view *view = &outgoing->view;

    return view->prefix_len + (view->to - view->from) + view->suffix_len;
}

struct ledger_intended outgoing_intended(const struct outgoing *outgoing)
{
    const struct copy_view *view = &outgoing->view;
    struct ledger_intended intended = {.copy = outgoing->copy->id};
    struct header *header = header_parse(view->prefix, own_header(view));

    memcpy(intended.body_sha256, outgoing->body_sha256, sizeof(intended.body_sha256));
    intended.has_octets = sameness_of_copy(header, outgoing->body_sha256, intended.octets);
    header_free(header);
    return intended;
}

bool outgoing_is_damaged(const struct outgoing *outgoing)
{
    return outgoing->damaged;
}

const char *outgoing_trouble(const struct outgoing *outgoing)
{
    return outgoing->trouble;
}

bool outgoing_ends_line(const struct outgoing *outgoing)
{
    return outgoing->ends_line;
}
