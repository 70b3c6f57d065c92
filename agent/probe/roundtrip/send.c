#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/roundtrip/private.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/copy/fields.h"
#include "rules/util/memory.h"

/* ---- the message ---- */

static void hex_of(const unsigned char octets[TOKEN_NONCE], char hex[2 * TOKEN_NONCE + 1])
{
    for (size_t i = 0; i < TOKEN_NONCE; i++)
        snprintf(hex + 2 * i, 3, "%02x", octets[i]);
}

/* Plain ASCII, and as little as possible that might look like spam to a filter. The Message-ID has
 * a random number of its own, not the nonce: it is not part of the proof. */
static char *write_message(const struct roundtrip *roundtrip, const struct probe_token *token,
                           const unsigned char unique[TOKEN_NONCE], time_t now)
{
    const struct probe *probe = roundtrip->probe;
    const char *at = strrchr(probe->from, '@');
    char text[TOKEN_LEN + 1], id[2 * TOKEN_NONCE + 1], date[COPY_DATE_LEN];
    char name[64], instance[64];

    token_write(token, text);
    hex_of(unique, id);
    copy_date(now, date);
    dialogue_clean(name, sizeof(name), probe->name, strlen(probe->name));
    dialogue_clean(instance, sizeof(instance), roundtrip->instance, strlen(roundtrip->instance));
    return xasprintf("Date: %s\n"
                     "From: %s\n"
                     "To: %s\n"
                     "Subject: mailvigil probe %s\n"
                     "Message-ID: <%s@%s>\n" TOKEN_PROBE_FIELD ": %s\n"
                     "Auto-Submitted: auto-generated\n"
                     "MIME-Version: 1.0\n"
                     "Content-Type: text/plain; charset=us-ascii\n"
                     "Content-Transfer-Encoding: 7bit\n"
                     "\n"
                     "This is a test message from mailvigil: it measures how long mail takes to\n"
                     "this address and back. No one needs to read it, and it may be deleted.\n"
                     "\n"
                     "Probe: %s\n"
                     "Instance: %s\n",
                     date, probe->from, probe->to, text, id, at != NULL ? at + 1 : "localhost",
                     text, name, instance);
}

/* Makes the nonce, its token, and the message. NULL on success, else why (the caller frees). */
static char *compose(struct roundtrip *roundtrip)
{
    const struct probe *probe = roundtrip->probe;
    struct sending *sending = roundtrip->sending;
    unsigned char unique[TOKEN_NONCE];
    struct token_keys keys;
    struct probe_token token;
    char why[512];

    if (!token_keys_read(probe->secret_file, &keys, why, sizeof(why)))
        return xstrdup(why);
    if (RAND_bytes(sending->nonce, TOKEN_NONCE) != 1 || RAND_bytes(unique, TOKEN_NONCE) != 1) {
        token_keys_wipe(&keys);
        return xstrdup("no random numbers are available");
    }
    book_time_now(&sending->began);
    token_make(&token, &keys.keys[0], roundtrip->probe_id, sending->nonce,
               (uint64_t)sending->began.wall_us / 1000, probe->to, probe->reply_to);
    token_keys_wipe(&keys);
    sending->message =
        write_message(roundtrip, &token, unique, (time_t)(sending->began.wall_us / 1000000));
    sending->len = strlen(sending->message);
    return NULL;
}

/* ---- the end ---- */

void roundtrip_sending_free(struct sending *sending)
{
    if (sending == NULL)
        return;
    submission_free(sending->submission);
    probe_result_free(sending->result);
    free(sending->message);
    free(sending);
}

static void stop_sending(struct roundtrip *roundtrip)
{
    roundtrip_sending_free(roundtrip->sending);
    roundtrip->sending = NULL;
    roundtrip_set_state(roundtrip, ROUNDTRIP_READY);
}

static struct probe_result *detach_result(struct sending *sending)
{
    struct probe_result *result = sending->result;

    sending->result = NULL;
    return result;
}

/* It could not be sent, for a reason on our side. */
static void cannot_send(struct roundtrip *roundtrip, const char *why)
{
    struct probe_result *result = detach_result(roundtrip->sending);

    result->trouble = xstrdup(why);
    stop_sending(roundtrip);
    roundtrip_report(roundtrip, result, NULL);
}

static enum book_rejection rejection_of(const struct dialogue_outcome *outcome)
{
    switch (outcome->phase) {
    case PHASE_RESOLVE:
    case PHASE_CONNECT:
        return REJECT_CONNECT;
    case PHASE_TLS:
        return REJECT_TLS;
    case PHASE_GREETING:
        return REJECT_GREETING;
    case PHASE_CAPABILITY:
        return REJECT_CAPABILITY;
    case PHASE_AUTH:
        return REJECT_AUTH;
    default:
        break;
    }
    if (strcmp(outcome->command, "MAIL") == 0)
        return REJECT_MAIL;
    return strcmp(outcome->command, "RCPT") == 0 ? REJECT_RCPT : REJECT_DATA;
}

/* The result waits for the message, unless that returned before the dialogue ended. */
static void settle_sent(struct roundtrip *roundtrip, const struct dialogue_outcome *outcome)
{
    struct sending *sending = roundtrip->sending;
    struct probe_result *result = detach_result(sending);
    struct dialogue_outcome accepted = *outcome;

    /* The reply to QUIT does not concern this message. */
    accepted.end = DIALOGUE_OK;
    accepted.phase = PHASE_NONE;
    accepted.reason = accepted.reply = accepted.command = "";
    accepted.code = 0;
    probe_path_set_outcome(&result->paths[0],
                           submission_was_accepted(outcome) ? &accepted : outcome);
    roundtrip_book_sent(roundtrip->book, sending->nonce, &sending->handed);
    if (sending->has_returned) {
        roundtrip_report(roundtrip, result, &sending->facts);
    } else {
        struct awaited *awaited = roundtrip_await(roundtrip, sending->nonce, &sending->began);

        awaited->handed = sending->handed;
        awaited->result = result;
        roundtrip_expect(roundtrip);
    }
}

static void settle_failed(struct roundtrip *roundtrip, const struct dialogue_outcome *outcome)
{
    struct sending *sending = roundtrip->sending;
    struct probe_result *result = detach_result(sending);
    struct roundtrip_facts facts;
    struct book_time now;

    book_time_now(&now);
    probe_path_set_outcome(&result->paths[0], outcome);
    if (outcome->uncertain)
        roundtrip_book_uncertain(roundtrip->book, sending->nonce, &now);
    else
        roundtrip_book_rejected(roundtrip->book, sending->nonce, rejection_of(outcome), &now);
    if (outcome->end == DIALOGUE_AUTH)
        roundtrip->no_auth_before = phase_now() + LIMIT_BACKOFF_AUTH * UINT64_C(1000000);
    facts = roundtrip_facts_now(roundtrip,
                                outcome->uncertain ? ROUNDTRIP_UNCERTAIN : ROUNDTRIP_REJECTED);
    log_event(LOG_LEVEL_INFO, outcome->uncertain ? "probe-uncertain" : "probe-rejected", "probe",
              roundtrip->probe->name, "reason", outcome->reason, (char *)NULL);
    roundtrip_report(roundtrip, result, &facts);
}

static void on_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct roundtrip *roundtrip = arg;
    bool retry = outcome->uncertain && !roundtrip->sending->is_retry &&
                 !roundtrip->sending->has_returned && !submission_was_accepted(outcome);

    /* A message that has come back was sent, whatever the server replied. */
    if (submission_was_accepted(outcome) || roundtrip->sending->has_returned)
        settle_sent(roundtrip, outcome);
    else
        settle_failed(roundtrip, outcome);
    stop_sending(roundtrip);
    roundtrip_mind(roundtrip);
    if (retry) /* with a nonce of its own, so that both can come back and be distinguished */
        roundtrip_begin(roundtrip, true);
}

/* ---- sending ---- */

static void on_phase(void *arg, enum phase phase)
{
    struct roundtrip *roundtrip = arg;

    phase_clock_enter(&roundtrip->sending->result->paths[0].clock, phase);
}

/* From now on it may come back. */
static void on_committing(void *arg)
{
    struct roundtrip *roundtrip = arg;

    book_time_now(&roundtrip->sending->handed);
    roundtrip_expect(roundtrip);
}

void roundtrip_nonce_is_durable(struct roundtrip *roundtrip)
{
    struct sending *sending = roundtrip->sending;

    roundtrip_set_state(roundtrip, ROUNDTRIP_SENDING);
    phase_clock_start(&sending->result->paths[0].clock);
    submission_send(sending->submission, sending->message, sending->len);
}

static void on_ready(void *arg, const char *why)
{
    struct roundtrip *roundtrip = arg;
    struct sending *sending = roundtrip->sending;
    char *reason = why != NULL ? xstrdup(why) : compose(roundtrip);

    if (reason != NULL) {
        cannot_send(roundtrip, reason);
        free(reason);
        return;
    }
    roundtrip_set_state(roundtrip, ROUNDTRIP_NOTING);
    if (!roundtrip_book_intend(roundtrip->book, sending->nonce, &sending->began)) {
        cannot_send(roundtrip, "too many messages are outstanding: see mailvigil.conf(5), lost");
        return;
    }
    if (roundtrip->ledger == NULL)
        roundtrip_nonce_is_durable(roundtrip);
}

void roundtrip_begin(struct roundtrip *roundtrip, bool is_retry)
{
    static const struct submission_events events = {
        .ready = on_ready, .phase = on_phase, .committing = on_committing, .done = on_done};
    const struct probe *probe = roundtrip->probe;
    struct submission_options options = {
        .server = probe->server,
        .login = probe->login != NULL ? probe->login : probe->from,
        .secret = &probe->secret,
        .timeout = probe->timeout,
        .mail_from = probe->from,
        .rcpt_to = probe->to,
    };
    struct sending *sending = xcalloc(1, sizeof(*sending));

    assert(roundtrip->sending == NULL);
    sending->is_retry = is_retry;
    sending->result = probe_result_new(probe);
    sending->result->n_paths = 1;
    roundtrip->sending = sending;
    roundtrip_set_state(roundtrip, ROUNDTRIP_PREPARING);
    sending->submission = submission_new(roundtrip->links, &options, &events, roundtrip);
}
