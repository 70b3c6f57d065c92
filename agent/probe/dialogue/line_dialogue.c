#include "agent/probe/dialogue/line_dialogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe/dialogue/reply.h"
#include "imapclient/util/milliseconds.h"
#include "imapclient/wire/transport.h"
#include "rules/util/memory.h"

enum stage {
    STAGE_TALKING,
    STAGE_QUITTING, /* nothing failed, QUIT was sent */
    STAGE_OVER,
};

struct line_dialogue {
    const struct line_dialogue_class *class;
    void *owner;
    struct dialogue_events events;
    void *arg;
    struct transport *transport;
    struct event *begin, *timer;
    unsigned timeout;

    enum stage stage;
    bool connected, greeted, securing, in_data; /* decide whether QUIT can be sent */
    bool early, uncertain;
    bool reported, freed;
    unsigned depth; /* calls from the loop that have not returned */

    struct line_reader reader;
    struct capability_set capabilities;
    struct dialogue_outcome outcome;
    enum phase phase;
    const char *command;
    char reason[DIALOGUE_TEXT_MAX], reply[DIALOGUE_TEXT_MAX];
};

/* ---- calls from the loop ---- */

static void destroy(struct line_dialogue *dialogue)
{
    transport_free(dialogue->transport);
    event_free(dialogue->begin);
    event_free(dialogue->timer);
    dialogue->class->release(dialogue->owner);
    free(dialogue);
}

static void report_end(struct line_dialogue *dialogue)
{
    struct dialogue_outcome *outcome = &dialogue->outcome;
    dialogue->reported = true;
    evtimer_del(dialogue->timer);
    outcome->reason = dialogue->reason;
    outcome->reply = dialogue->reply;
    outcome->tls_version = transport_tls_version(dialogue->transport);
    outcome->capabilities = dialogue->capabilities.text;
    outcome->certificates = transport_certificates(dialogue->transport);
    dialogue->events.done(dialogue->arg, outcome);
}

static void enter_loop(struct line_dialogue *dialogue)
{
    dialogue->depth++;
}

static void leave_loop(struct line_dialogue *dialogue)
{
    if (dialogue->depth > 1) {
        dialogue->depth--;
        return;
    }
    if (dialogue->stage == STAGE_OVER && !dialogue->reported)
        report_end(dialogue);
    dialogue->depth--;
    if (dialogue->freed) {
        destroy(dialogue);
    } else if (dialogue->reported) {
        transport_free(dialogue->transport);
        dialogue->transport = NULL;
    }
}

void line_dialogue_free(struct line_dialogue *dialogue)
{
    if (dialogue == NULL || dialogue->freed)
        return;
    dialogue->freed = dialogue->reported = true;
    dialogue->stage = STAGE_OVER;
    if (dialogue->depth == 0)
        destroy(dialogue);
}

bool line_dialogue_is_over(const struct line_dialogue *dialogue)
{
    return dialogue->stage == STAGE_OVER;
}

void line_dialogue_enter(struct line_dialogue *dialogue, enum phase phase)
{
    if (line_dialogue_is_over(dialogue) || dialogue->phase == phase)
        return;
    dialogue->phase = phase;
    dialogue->command = "";
    if (dialogue->events.phase != NULL)
        dialogue->events.phase(dialogue->arg, phase);
}

struct capability_set *line_dialogue_capabilities(struct line_dialogue *dialogue)
{
    return &dialogue->capabilities;
}

static void set_timer(struct line_dialogue *dialogue, unsigned timeout)
{
    struct timeval wait = milliseconds(timeout);
    evtimer_add(dialogue->timer, &wait);
}

/* ---- the end ---- */

static bool can_send_quit(const struct line_dialogue *dialogue)
{
    return dialogue->stage == STAGE_TALKING && dialogue->connected && dialogue->greeted &&
           !dialogue->securing && !dialogue->in_data;
}

/* Some servers repeat what they do not understand, which may be the secret. */
static void set_reply(struct line_dialogue *dialogue, const char *reply, size_t len)
{
    static const char omitted[] = "(omitted: it repeats the secret)";
    if (dialogue->class->contains_secret(dialogue->owner, reply, len)) {
        reply = omitted;
        len = sizeof(omitted) - 1;
    }
    dialogue_clean(dialogue->reply, sizeof(dialogue->reply), reply, len);
}

void line_dialogue_fail(struct line_dialogue *dialogue, const struct line_failure *failure,
                        const char *format, ...)
{
    if (line_dialogue_is_over(dialogue))
        return;
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    text = xvasprintf(format, arguments);
    va_end(arguments);
    dialogue_clean(dialogue->reason, sizeof(dialogue->reason), text, strlen(text));
    free(text);
    if (failure->reply != NULL)
        set_reply(dialogue, failure->reply, failure->reply_len);

    dialogue->outcome.end = failure->end;
    dialogue->outcome.phase = dialogue->phase;
    dialogue->outcome.command = dialogue->command;
    dialogue->outcome.code = failure->code;
    dialogue->outcome.temporary = failure->temporary;
    dialogue->outcome.uncertain = dialogue->uncertain;
    /* A server that replies 421 closes by itself. */
    if (can_send_quit(dialogue) && failure->code != 421)
        transport_write_last(dialogue->transport, "QUIT\r\n");
    dialogue->stage = STAGE_OVER;
}

void line_dialogue_quit(struct line_dialogue *dialogue)
{
    if (dialogue->stage != STAGE_TALKING)
        return;
    line_dialogue_enter(dialogue, PHASE_QUIT);
    line_dialogue_send(dialogue, "QUIT", "QUIT");
    if (dialogue->stage == STAGE_TALKING)
        dialogue->stage = STAGE_QUITTING;
}

void line_dialogue_finish(struct line_dialogue *dialogue)
{
    if (line_dialogue_is_over(dialogue))
        return;
    dialogue->outcome = (struct dialogue_outcome){.phase = PHASE_NONE, .command = ""};
    dialogue->stage = STAGE_OVER;
}

static const char *what_was_missing(const struct line_dialogue *dialogue)
{
    switch (dialogue->phase) {
    case PHASE_RESOLVE:
        return "no address";
    case PHASE_CONNECT:
        return "no connection";
    case PHASE_GREETING:
        return "no complete greeting";
    default:
        return dialogue->securing ? "no answer in the TLS handshake" : "no answer";
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct line_dialogue *dialogue = arg;
    struct line_failure failure = {.end = DIALOGUE_TIMEOUT, .temporary = true};
    enter_loop(dialogue);
    bool to_command = dialogue->command[0] != '\0' && !dialogue->securing;
    line_dialogue_fail(dialogue, &failure, "%s%s%s within %g seconds", what_was_missing(dialogue),
                       to_command ? " to " : "", to_command ? dialogue->command : "",
                       dialogue->timeout / 1000.0);
    leave_loop(dialogue);
}

/* ---- receiving ---- */

static void fail_long_line(struct line_dialogue *dialogue)
{
    struct line_failure failure = {.end = DIALOGUE_PROTOCOL,
                                   .reply = dialogue->reader.line,
                                   .reply_len = dialogue->reader.len};
    line_dialogue_fail(dialogue, &failure, "the server sent a line of more than %d bytes",
                       DIALOGUE_LINE_MAX);
}

/* false: there is no complete line. */
static bool take_line(struct line_dialogue *dialogue, struct evbuffer *input)
{
    enum reply_state state = REPLY_MORE;
    while (state == REPLY_MORE && evbuffer_get_length(input) > 0) {
        size_t contiguous = evbuffer_get_contiguous_space(input), used;
        const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)contiguous);
        state = line_reader_feed(&dialogue->reader, data, contiguous, &used);
        evbuffer_drain(input, used);
    }
    if (state == REPLY_BROKEN)
        fail_long_line(dialogue);
    return state == REPLY_WHOLE;
}

static bool hears(const struct line_dialogue *dialogue)
{
    return !dialogue->securing && !line_dialogue_is_over(dialogue);
}

static void on_readable(void *arg)
{
    struct line_dialogue *dialogue = arg;
    enter_loop(dialogue);
    struct evbuffer *input = transport_input(dialogue->transport);
    while (hears(dialogue) && take_line(dialogue, input))
        dialogue->class->line(dialogue->owner, dialogue->reader.line, dialogue->reader.len);
    leave_loop(dialogue);
}

static void on_up(void *arg)
{
    struct line_dialogue *dialogue = arg;
    enter_loop(dialogue);
    dialogue->connected = true;
    dialogue->securing = false;
    if (!line_dialogue_is_over(dialogue))
        dialogue->class->up(dialogue->owner);
    leave_loop(dialogue);
}

static void on_writable(void *arg)
{
    struct line_dialogue *dialogue = arg;
    enter_loop(dialogue);
    if (dialogue->stage == STAGE_TALKING && dialogue->class->drained != NULL &&
        line_dialogue_is_drained(dialogue))
        dialogue->class->drained(dialogue->owner);
    leave_loop(dialogue);
}

static void fail_down(struct line_dialogue *dialogue, enum imap_failure_kind kind,
                      const char *reason)
{
    struct line_failure failure = {.end = DIALOGUE_CLOSED, .temporary = true};
    if (kind == IMAP_FAILURE_RESOLVE) {
        failure.end = DIALOGUE_RESOLVE;
        line_dialogue_enter(dialogue, PHASE_RESOLVE);
    } else if (kind == IMAP_FAILURE_CONNECT) {
        failure.end = DIALOGUE_CONNECT;
        line_dialogue_enter(dialogue, PHASE_CONNECT);
    } else if (kind == IMAP_FAILURE_TLS) {
        failure.end = DIALOGUE_TLS;
        failure.temporary = false;
        line_dialogue_enter(dialogue, PHASE_TLS);
    }
    line_dialogue_fail(dialogue, &failure, "%s", reason);
}

static void on_down(void *arg, enum imap_failure_kind kind, const char *reason)
{
    struct line_dialogue *dialogue = arg;
    enter_loop(dialogue);
    dialogue->connected = false;
    if (dialogue->stage == STAGE_QUITTING)
        line_dialogue_finish(dialogue); /* closing is a reply to QUIT */
    fail_down(dialogue, kind, reason);
    leave_loop(dialogue);
}

static void on_phase(void *arg, enum imap_phase phase)
{
    static const enum phase phases[] = {[IMAP_PHASE_RESOLVE] = PHASE_RESOLVE,
                                        [IMAP_PHASE_CONNECT] = PHASE_CONNECT,
                                        [IMAP_PHASE_TLS] = PHASE_TLS};
    struct line_dialogue *dialogue = arg;
    if (phase >= sizeof(phases) / sizeof(*phases))
        return;
    enter_loop(dialogue);
    dialogue->securing = phase == IMAP_PHASE_TLS;
    line_dialogue_enter(dialogue, phases[phase]);
    leave_loop(dialogue);
}

/* ---- sending ---- */

void line_dialogue_greeted(struct line_dialogue *dialogue)
{
    dialogue->greeted = true;
}

static struct evbuffer *begin_command(struct line_dialogue *dialogue, const char *name)
{
    dialogue->command = name;
    dialogue->early = evbuffer_get_length(transport_input(dialogue->transport)) > 0;
    return transport_output(dialogue->transport);
}

void line_dialogue_send(struct line_dialogue *dialogue, const char *name, const char *format, ...)
{
    if (line_dialogue_is_over(dialogue))
        return;
    struct evbuffer *output = begin_command(dialogue, name);
    va_list arguments;
    va_start(arguments, format);
    evbuffer_add_vprintf(output, format, arguments);
    va_end(arguments);
    evbuffer_add(output, "\r\n", 2);
}

void line_dialogue_send_secret(struct line_dialogue *dialogue, const char *name, const char *line)
{
    if (line_dialogue_is_over(dialogue))
        return;
    struct evbuffer *output = begin_command(dialogue, name);
    if (line[0] != '\0')
        transport_write_secret(dialogue->transport, line, strlen(line));
    evbuffer_add(output, "\r\n", 2);
}

bool line_dialogue_is_early(const struct line_dialogue *dialogue)
{
    return dialogue->early;
}

void line_dialogue_send_data(struct line_dialogue *dialogue, struct evbuffer *data)
{
    if (line_dialogue_is_over(dialogue))
        return;
    dialogue->in_data = true;
    dialogue->early = evbuffer_get_length(transport_input(dialogue->transport)) > 0;
    evbuffer_add_buffer(transport_output(dialogue->transport), data);
}

bool line_dialogue_is_drained(const struct line_dialogue *dialogue)
{
    return dialogue->connected && evbuffer_get_length(transport_output(dialogue->transport)) == 0;
}

void line_dialogue_end_data(struct line_dialogue *dialogue)
{
    if (line_dialogue_is_over(dialogue))
        return;
    dialogue->uncertain = true;
    dialogue->in_data = false;
    dialogue->early = evbuffer_get_length(transport_input(dialogue->transport)) > 0;
    evbuffer_add(transport_output(dialogue->transport), ".\r\n", 3);
}

void line_dialogue_certain(struct line_dialogue *dialogue)
{
    dialogue->uncertain = false;
}

void line_dialogue_start_tls(struct line_dialogue *dialogue)
{
    struct line_failure failure = {.end = DIALOGUE_PROTOCOL};
    if (line_dialogue_is_over(dialogue))
        return;
    if (evbuffer_get_length(transport_input(dialogue->transport)) > 0) {
        line_dialogue_fail(dialogue, &failure, "unexpected data after the reply to %s",
                           dialogue->command);
        return;
    }
    capability_set_clear(&dialogue->capabilities);
    dialogue->securing = true;
    transport_start_tls(dialogue->transport);
}

/* ---- life ---- */

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct line_dialogue *dialogue = arg;
    enter_loop(dialogue);
    if (dialogue->class->begin != NULL)
        dialogue->class->begin(dialogue->owner);
    if (!line_dialogue_is_over(dialogue))
        transport_open(dialogue->transport);
    leave_loop(dialogue);
}

struct line_dialogue *line_dialogue_new(const struct line_dialogue_class *class, void *owner,
                                        const struct dialogue_peer *peer,
                                        const struct dialogue_events *events, void *arg)
{
    static const struct transport_events hooks = {.up = on_up,
                                                  .readable = on_readable,
                                                  .writable = on_writable,
                                                  .down = on_down,
                                                  .phase = on_phase};
    struct transport_options options = {.host = peer->endpoint->host,
                                        .port = peer->endpoint->port,
                                        .tls_at_once = peer->endpoint->security == SECURITY_TLS,
                                        .loopback_only = peer->endpoint->security == SECURITY_PLAIN,
                                        .tls = peer->tls,
                                        .timeout = (peer->timeout + 999) / 1000,
                                        .address = peer->address,
                                        .address_len = peer->address_len,
                                        .record_certificates = true};
    struct line_dialogue *dialogue = xcalloc(1, sizeof(*dialogue));
    dialogue->class = class;
    dialogue->owner = owner;
    dialogue->events = *events;
    dialogue->arg = arg;
    dialogue->timeout = peer->timeout;
    dialogue->phase = PHASE_NONE;
    dialogue->command = "";
    dialogue->transport = transport_new(peer->base, peer->dns, &options, &hooks, dialogue);
    dialogue->begin = memory_check(evtimer_new(peer->base, on_begin, dialogue));
    dialogue->timer = memory_check(evtimer_new(peer->base, on_timer, dialogue));
    event_active(dialogue->begin, EV_TIMEOUT, 1);
    set_timer(dialogue, peer->timeout);
    return dialogue;
}
