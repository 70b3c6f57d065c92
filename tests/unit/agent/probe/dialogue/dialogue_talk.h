/*
 * What the tests of dialogues share: a scripted server (scripted_server.h), a dialogue with it on
 * the same loop, and what came of it. Include it after cmocka.h.
 */
#ifndef AGENT_PROBE_DIALOGUE_DIALOGUE_TALK_H
#define AGENT_PROBE_DIALOGUE_DIALOGUE_TALK_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe/dialogue/dialogue.h"
#include "imapclient/scripted_server.h"
#include "imapclient/session.h"
#include "rules/util/memory.h"

#define TALK_DAY (24 * 3600L)
#define TALK_PATIENCE 30 /* seconds that a test waits at most */
#define TALK_STEPS 128

struct talk {
    struct event_base *base;
    struct scripted_server *server;
    struct endpoint endpoint;
    struct sockaddr_in address;
    char host[32];
    struct dialogue_peer peer;
    void (*free_now)(struct talk *talk); /* called in the callback that free_at names */
    void *dialogue;
    const char *free_at; /* a phase, "committing" or "done" */
    char phases[256];    /* as reported, with "committing" among them */
    unsigned ended;
    struct dialogue_outcome outcome;
    struct certificate_chain certificates; /* count 0: none */
    char command[32], reason[DIALOGUE_TEXT_MAX], reply[DIALOGUE_TEXT_MAX], tls_version[32];
    char capabilities[4096];
    char *trickle[TALK_STEPS * 64]; /* the script of a server that sends one octet at a time */
    size_t n_trickle;
    struct event *dripping;
};

/* ---- certificates ---- */

struct talk_tls {
    struct scripted_ca *ca, *other_ca;
    SSL_CTX *client, *server;
};

static inline void talk_tls_make(struct talk_tls *tls, bool other_ca, const char *name, long begin,
                                 long end)
{
    char *why = NULL;
    tls->ca = scripted_ca_new();
    tls->other_ca = scripted_ca_new();
    tls->client = imap_tls_context_new(scripted_ca_file(tls->ca), &why);
    assert_non_null(tls->client);
    tls->server = scripted_ca_server(other_ca ? tls->other_ca : tls->ca, name, begin, end);
}

static inline void talk_tls_free(struct talk_tls *tls)
{
    SSL_CTX_free(tls->client);
    SSL_CTX_free(tls->server);
    scripted_ca_free(tls->ca);
    scripted_ca_free(tls->other_ca);
}

/* ---- a talk ---- */

static inline void talk_note(struct talk *talk, const char *word)
{
    size_t len = strlen(talk->phases);
    snprintf(talk->phases + len, sizeof(talk->phases) - len, "%s%s", len > 0 ? " " : "", word);
    if (talk->free_at != NULL && strcmp(talk->free_at, word) == 0)
        talk->free_now(talk);
}

static inline void talk_phase(void *arg, enum phase phase)
{
    talk_note(arg, phase_text(phase));
}

static inline void talk_committing(void *arg)
{
    talk_note(arg, "committing");
}

static inline void talk_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct talk *talk = arg;
    talk->ended++;
    talk->outcome = *outcome;
    snprintf(talk->command, sizeof(talk->command), "%s", outcome->command);
    snprintf(talk->reason, sizeof(talk->reason), "%s", outcome->reason);
    snprintf(talk->reply, sizeof(talk->reply), "%s", outcome->reply);
    snprintf(talk->tls_version, sizeof(talk->tls_version), "%s", outcome->tls_version);
    snprintf(talk->capabilities, sizeof(talk->capabilities), "%s", outcome->capabilities);
    if (outcome->certificates != NULL)
        talk->certificates = *outcome->certificates;
    if (talk->free_at != NULL && strcmp(talk->free_at, "done") == 0)
        talk->free_now(talk);
}

static const struct dialogue_events talk_events = {.phase = talk_phase, .done = talk_done};

/* With a server that plays the script; NULL: nothing listens on the port. */
static inline void talk_begin(struct talk *talk, enum security security, const char *const *script,
                              const struct talk_tls *tls)
{
    *talk = (struct talk){.base = memory_check(event_base_new())};
    uint16_t port = 1;
    if (script != NULL) {
        talk->server = scripted_server_new(talk->base, script, tls != NULL ? tls->server : NULL,
                                           security == SECURITY_TLS && tls != NULL);
        port = scripted_server_port(talk->server);
    }
    snprintf(talk->host, sizeof(talk->host), "127.0.0.1");
    talk->endpoint =
        (struct endpoint){.set = true, .security = security, .host = talk->host, .port = port};
    talk->address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    talk->peer = (struct dialogue_peer){.base = talk->base,
                                        .endpoint = &talk->endpoint,
                                        .address = (const struct sockaddr *)&talk->address,
                                        .address_len = sizeof(talk->address),
                                        .tls = tls != NULL ? tls->client : NULL,
                                        .timeout = TALK_PATIENCE * 1000};
}

/* The same script, one octet of the server's at a time. */
static inline const char *const *talk_trickled(struct talk *talk, const char *const *script)
{
    for (; *script != NULL; script++) {
        const char *step = *script;
        if (step[1] != ' ' || (step[0] != 'S' && step[0] != 'R')) {
            talk->trickle[talk->n_trickle++] = xstrdup(step);
            continue;
        }
        char *text = xasprintf("%s%s", step + 2, step[0] == 'S' ? "\r\n" : "");
        for (const char *octet = text; *octet != '\0'; octet++) {
            assert_true(talk->n_trickle + 3 < TALK_STEPS * 64);
            talk->trickle[talk->n_trickle++] = xasprintf("R %c", *octet);
            talk->trickle[talk->n_trickle++] = xstrdup("HOLD");
        }
        free(text);
    }
    return (const char *const *)talk->trickle;
}

static inline void talk_drip(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct talk *talk = arg;
    scripted_server_go(talk->server);
}

static inline void talk_begin_trickling(struct talk *talk, enum security security,
                                        const char *const *script, const struct talk_tls *tls)
{
    struct talk made = {0};
    struct timeval soon = {.tv_usec = 200};
    const char *const *trickled = talk_trickled(&made, script);
    char **steps = xreallocarray(NULL, made.n_trickle + 1, sizeof(*steps));
    memcpy(steps, trickled, (made.n_trickle + 1) * sizeof(*steps));
    talk_begin(talk, security, (const char *const *)steps, tls);
    memcpy(talk->trickle, steps, made.n_trickle * sizeof(*steps));
    talk->n_trickle = made.n_trickle;
    talk->trickle[talk->n_trickle++] = (char *)steps;
    talk->dripping = event_new(talk->base, -1, EV_PERSIST, talk_drip, talk);
    event_add(talk->dripping, &soon);
}

static inline void talk_wait(struct talk *talk, unsigned milliseconds)
{
    struct timeval wait = {.tv_sec = milliseconds / 1000,
                           .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    event_base_loopexit(talk->base, &wait);
    event_base_dispatch(talk->base);
}

static inline void talk_await_end(struct talk *talk)
{
    uint64_t until = phase_now() + TALK_PATIENCE * UINT64_C(1000000);
    while (talk->ended == 0 && phase_now() < until)
        talk_wait(talk, 1);
    assert_int_equal(talk->ended, 1);
}

/* Until done was called, and the server's script is at its end. */
static inline void talk_run(struct talk *talk)
{
    uint64_t until = phase_now() + TALK_PATIENCE * UINT64_C(1000000);
    talk_await_end(talk);
    while (talk->server != NULL && scripted_server_complaint(talk->server) != NULL) {
        const char *complaint = scripted_server_complaint(talk->server);
        if (complaint[0] != '\0' || phase_now() > until)
            fail_msg("the server's script was not played to its end: %s", complaint);
        talk_wait(talk, 1);
    }
    assert_int_equal(talk->ended, 1);
}

static inline void talk_end(struct talk *talk)
{
    if (talk->dripping != NULL)
        event_free(talk->dripping);
    if (talk->server != NULL)
        scripted_server_free(talk->server);
    for (size_t i = 0; i < talk->n_trickle; i++)
        free(talk->trickle[i]);
    event_base_free(talk->base);
}

static inline void talk_assert_well(const struct talk *talk)
{
    if (talk->outcome.end != DIALOGUE_OK)
        fail_msg("%s: %s (%s)", phase_text(talk->outcome.phase), talk->reason, talk->reply);
    assert_int_equal(talk->outcome.phase, PHASE_NONE);
    assert_string_equal(talk->command, "");
    assert_string_equal(talk->reason, "");
    assert_string_equal(talk->reply, "");
    assert_false(talk->outcome.uncertain);
    assert_false(talk->outcome.temporary);
}

/* "REFUSED command RCPT 450 temporary uncertain: RCPT was refused | 450 4.2.0 later" */
static inline void talk_assert_told(const struct talk *talk, const char *expect)
{
    static const char *const ends[] = {
        [DIALOGUE_OK] = "OK",
        [DIALOGUE_RESOLVE] = "RESOLVE",
        [DIALOGUE_CONNECT] = "CONNECT",
        [DIALOGUE_TLS] = "TLS",
        [DIALOGUE_PROTOCOL] = "PROTOCOL",
        [DIALOGUE_AUTH] = "AUTH",
        [DIALOGUE_REFUSED] = "REFUSED",
        [DIALOGUE_TIMEOUT] = "TIMEOUT",
        [DIALOGUE_CLOSED] = "CLOSED",
    };
    const struct dialogue_outcome *outcome = &talk->outcome;
    char code[16] = "", told[2 * DIALOGUE_TEXT_MAX + 128];
    if (outcome->code != 0)
        snprintf(code, sizeof(code), " %u", outcome->code);
    snprintf(told, sizeof(told), "%s %s%s%s%s%s%s: %s%s%s", ends[outcome->end],
             phase_text(outcome->phase), talk->command[0] != '\0' ? " " : "", talk->command, code,
             outcome->temporary ? " temporary" : "", outcome->uncertain ? " uncertain" : "",
             talk->reason, talk->reply[0] != '\0' ? " | " : "", talk->reply);
    if (fnmatch(expect, told, 0) != 0)
        fail_msg("expected \"%s\", got \"%s\"", expect, told);
}

static inline void talk_assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

#endif
