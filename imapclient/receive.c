/*
 * Input from octets to units (framing.h), parsed responses (grammar.h) and callbacks.
 */
#include <assert.h>
#include <strings.h>

#include "imapclient/grammar/body.h"
#include "imapclient/session_private.h"

#define GARBAGE_SHOWN 80

/* One grammar for all sessions of a thread: it keeps no state between units, but needs kilobytes.
 * Created with the first session, freed with the last. */
static _Thread_local struct grammar *shared_grammar;
static _Thread_local unsigned grammar_users;

struct grammar *receive_grammar_acquire(void)
{
    if (grammar_users++ == 0)
        shared_grammar = grammar_new();
    return shared_grammar;
}

void receive_grammar_release(void)
{
    assert(grammar_users > 0);
    if (--grammar_users == 0) {
        grammar_free(shared_grammar);
        shared_grammar = NULL;
    }
}

/* ---- bodies ---- */

static void begin_body(struct imap_session *session, const struct imap_body *body)
{
    assert(!session->in_body);
    session->in_body = true;
    session->body_wanted = session->phase == IMAP_PHASE_READY &&
                           session->events.on_body_begin != NULL &&
                           session->events.on_body_begin(session->arg, body);
}

static void end_body(struct imap_session *session)
{
    assert(session->in_body);
    session->in_body = false;
    if (session->body_wanted && session->events.on_body_end != NULL)
        session->events.on_body_end(session->arg, true);
}

static void on_body_begin(void *arg, const char *head, size_t len, uint64_t size)
{
    struct imap_session *session = arg;
    if (session_is_over(session))
        return;
    struct body_head read;
    body_head_read(&read, head, len);
    struct imap_body body = {
        .seq = read.seq, .uid = read.uid, .size = size, .section = read.section};
    begin_body(session, &body);
    free(read.section);
    session->body_streamed = true;
    deadline_progress(session, true);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct imap_session *session = arg;
    if (session_is_over(session))
        return;
    deadline_progress(session, true);
    if (session->body_wanted && session->events.on_body_data != NULL)
        session->events.on_body_data(session->arg, data, len);
}

static void on_body_end(void *arg)
{
    struct imap_session *session = arg;
    if (!session_is_over(session))
        end_body(session);
}

/* A body that was sent as a quoted string. */
static void stream_inline(struct imap_session *session, const struct imap_inline_body *inline_body,
                          const struct imap_fetch *fetch)
{
    struct imap_body body = {.seq = fetch->seq,
                             .uid = fetch->uid,
                             .size = inline_body->len,
                             .section = inline_body->section};
    begin_body(session, &body);
    if (session_is_over(session))
        return;
    if (session->body_wanted && session->events.on_body_data != NULL && inline_body->len > 0)
        session->events.on_body_data(session->arg, inline_body->data, inline_body->len);
    if (!session_is_over(session))
        end_body(session);
}

/* ---- units ---- */

static void handle_capability_code(struct imap_session *session, const struct imap_text *text)
{
    if (text->code != IMAP_CODE_CAPABILITY)
        return;
    capability_set(session, text->code_text);
    login_capability_received(session);
}

/* The line without the contents of its literals. */
static void trace_unit(struct imap_session *session, const char *unit, size_t len)
{
    if (session->events.on_trace == NULL)
        return;
    char *shown = xmalloc(len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        const char *line_end = memchr(unit + i, '\n', len - i);
        size_t piece = line_end != NULL ? (size_t)(line_end - unit) + 1 - i : len - i;
        memcpy(shown + used, unit + i, piece);
        used += piece;
        i += piece;
        if (line_end == NULL)
            break;
        while (used > 0 && (shown[used - 1] == '\n' || shown[used - 1] == '\r'))
            used--;
        shown[used] = '\0';
        const char *brace = strrchr(shown, '{');
        unsigned long long skip = brace != NULL ? strtoull(brace + 1, NULL, 10) : 0;
        i += skip < len - i ? (size_t)skip : len - i;
    }
    session_trace(session, false, shown, used);
    free(shown);
}

static void on_bye(struct imap_session *session, const struct imap_text *text)
{
    session->bye = true;
    if (!session->logging_out)
        session_fail_text(session, IMAP_FAILURE_UNAVAILABLE, "the server sent BYE", text);
}

/* false: it is for the owner. */
static bool handle_internally(struct imap_session *session, const struct imap_untagged *untagged)
{
    switch (untagged->kind) {
    case IMAP_UNTAGGED_CAPABILITY:
        capability_set_words(session, untagged->words, untagged->n_words);
        login_capability_received(session);
        return true;
    case IMAP_UNTAGGED_ID:
        capability_set_id(session, untagged->words, untagged->n_words);
        return true;
    case IMAP_UNTAGGED_ENABLED:
        for (size_t i = 0; i < untagged->n_words; i++) {
            bool qresync = strcasecmp(untagged->words[i], "QRESYNC") == 0;
            session->qresync = session->qresync || qresync;
            session->condstore =
                session->condstore || qresync || strcasecmp(untagged->words[i], "CONDSTORE") == 0;
        }
        return true;
    default:
        return false;
    }
}

static void on_untagged(struct imap_session *session, const struct imap_untagged *untagged)
{
    if (handle_internally(session, untagged))
        return;
    bool is_status = untagged->kind == IMAP_UNTAGGED_STATUS;
    if (is_status)
        handle_capability_code(session, &untagged->text);
    session->ignored += untagged->kind == IMAP_UNTAGGED_OTHER ? 1 : 0;
    if (session->holder != NULL && session->holder->class->untagged != NULL)
        session->holder->class->untagged(session, session->holder, untagged);
    if (session->phase == IMAP_PHASE_READY && session->events.on_untagged != NULL)
        session->events.on_untagged(session->arg, untagged);
    if (is_status && untagged->text.status == IMAP_BYE && !session_is_over(session))
        on_bye(session, &untagged->text);
}

static void on_greeting(struct imap_session *session, const struct imap_response *response,
                        const char *unit, size_t len)
{
    if (response->kind != IMAP_RESPONSE_UNTAGGED ||
        response->untagged.kind != IMAP_UNTAGGED_STATUS) {
        session_fail(session, IMAP_FAILURE_PROTOCOL, "not an IMAP greeting: %.*s",
                     (int)(len < GARBAGE_SHOWN ? len : GARBAGE_SHOWN), unit);
        return;
    }
    login_greeting(session, &response->untagged);
}

static void on_unit(void *arg, const char *unit, size_t len)
{
    struct imap_session *session = arg;
    if (session_is_over(session))
        return;
    session->units++;
    trace_unit(session, unit, len);
    bool streamed = session->body_streamed;
    session->body_streamed = false;
    const struct imap_inline_body *inline_body = NULL;
    const struct imap_response *response =
        grammar_parse(shared_grammar, unit, len, streamed, &inline_body);
    if (session->phase == IMAP_PHASE_GREETING) {
        on_greeting(session, response, unit, len);
        return;
    }
    switch (response->kind) {
    case IMAP_RESPONSE_TAGGED:
        handle_capability_code(session, &response->text);
        command_on_tagged(session, response);
        return;
    case IMAP_RESPONSE_CONTINUE:
        command_on_plus(session, &response->text);
        return;
    case IMAP_RESPONSE_UNTAGGED:
        if (inline_body != NULL)
            stream_inline(session, inline_body, &response->untagged.fetch);
        if (!session_is_over(session))
            on_untagged(session, &response->untagged);
        return;
    }
}

const struct framing_sink *receive_sink(void)
{
    static const struct framing_sink sink = {
        .unit = on_unit,
        .body_begin = on_body_begin,
        .body_data = on_body_data,
        .body_end = on_body_end,
    };
    return &sink;
}

/* ---- octets ---- */

/* The reply to STARTTLS was OK. Plaintext after it may have been injected, and would be mistaken
 * for a reply of the server over TLS (the class of CVE-2011-0411). */
static void begin_tls(struct imap_session *session)
{
    assert(TAILQ_EMPTY(&session->sent)); /* STARTTLS is sent alone */
    session->starttls_agreed = false;
    if (evbuffer_get_length(transport_input(session->transport)) > 0 ||
        !framing_is_between_units(session->framing)) {
        session_fail(session, IMAP_FAILURE_PROTOCOL,
                     "unexpected data after the reply to STARTTLS: possible injection");
        return;
    }
    session_set_phase(session, IMAP_PHASE_TLS);
    /* Discard everything that was received in plaintext. */
    capability_set(session, "");
    capability_set_id(session, NULL, 0);
    session->qresync = session->condstore = false;
    session->backoff = 0;
    transport_start_tls(session->transport);
}

static bool may_feed(const struct imap_session *session)
{
    return !session_is_over(session) && session->pauses == 0 && !session->starttls_agreed;
}

/* Nothing is expected soon: give memory back at the price of an allocation later. */
static bool is_parked(const struct imap_session *session)
{
    bool quiet = TAILQ_EMPTY(&session->sent) || session_is_quiet(session);
    return quiet && framing_is_between_units(session->framing);
}

void receive_feed(struct imap_session *session)
{
    struct evbuffer *input = transport_input(session->transport);
    if (evbuffer_get_length(input) > 0 && may_feed(session))
        deadline_progress(session, false);
    assert(!session->in_feed && session->busy > 0);
    session->in_feed = true;
    while (may_feed(session) && evbuffer_get_length(input) > 0) {
        struct evbuffer_iovec piece;
        evbuffer_peek(input, -1, NULL, &piece, 1);
        size_t used = 0;
        enum framing_result result =
            framing_feed(session->framing, piece.iov_base, piece.iov_len, &used);
        evbuffer_drain(input, used);
        if (result == FRAMING_BROKEN)
            session_fail(session, IMAP_FAILURE_PROTOCOL, "%s", framing_reason(session->framing));
    }
    session->in_feed = false;
    if (session_is_over(session))
        return;
    if (session->starttls_agreed)
        begin_tls(session);
    else if (is_parked(session))
        framing_shrink(session->framing);
}
