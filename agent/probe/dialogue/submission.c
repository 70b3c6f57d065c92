#include "agent/probe/dialogue/submission.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "agent/system/secret.h"
#include "rules/util/memory.h"

struct submission {
    struct links *links;
    struct submission_options options;
    struct submission_events events;
    void *arg;
    const struct secret_source *source; /* NULL: no login */
    const char *login, *authorize_as;
    struct secret_request *request;
    char *secret;
    struct event *soon; /* ready, where no secret is needed */
    SSL_CTX *tls;
    struct smtp *smtp;
};

static bool is_set(const struct secret_source *source)
{
    return source != NULL && (source->password_file != NULL || source->password_command != NULL ||
                              source->oauth_token_command != NULL);
}

static void choose_login(struct submission *submission)
{
    const struct submission_options *options = &submission->options;

    if (options->login == NULL)
        return;
    if (is_set(options->secret)) {
        submission->source = options->secret;
        submission->login = options->login;
    } else if (options->server->master_user != NULL) {
        submission->source = &options->server->master;
        submission->login = options->server->master_user;
        submission->authorize_as = options->login;
    }
}

static void get_ready(struct submission *submission)
{
    const struct server *server = submission->options.server;
    char *why = NULL;

    if (server->smtp.security != SECURITY_PLAIN) {
        submission->tls = links_tls(submission->links, server->ca_file, &why);
        if (submission->tls == NULL) {
            submission->events.ready(submission->arg, why);
            free(why);
            return;
        }
    }
    submission->events.ready(submission->arg, NULL);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    get_ready(arg);
}

static void on_secret(void *arg, const char *secret, const char *why)
{
    struct submission *submission = arg;

    submission->request = NULL;
    if (secret == NULL) {
        submission->events.ready(submission->arg, why);
        return;
    }
    submission->secret = xstrdup(secret);
    get_ready(submission);
}

struct submission *submission_new(struct links *links, const struct submission_options *options,
                                  const struct submission_events *events, void *arg)
{
    struct submission *submission = xcalloc(1, sizeof(*submission));

    submission->links = links;
    submission->options = *options;
    submission->events = *events;
    submission->arg = arg;
    choose_login(submission);
    if (submission->source != NULL) {
        submission->request =
            secret_get(links_base(links), submission->source, on_secret, submission);
        return submission;
    }
    submission->soon = evtimer_new(links_base(links), on_soon, submission);
    event_active(submission->soon, EV_TIMEOUT, 0);
    return submission;
}

static void wipe_secret(struct submission *submission)
{
    if (submission->secret == NULL)
        return;
    OPENSSL_cleanse(submission->secret, strlen(submission->secret));
    free(submission->secret);
    submission->secret = NULL;
}

void submission_free(struct submission *submission)
{
    if (submission == NULL)
        return;
    if (submission->request != NULL)
        secret_cancel(submission->request);
    if (submission->soon != NULL)
        event_free(submission->soon);
    if (submission->smtp != NULL)
        smtp_free(submission->smtp);
    wipe_secret(submission);
    free(submission);
}

static void on_phase(void *arg, enum phase phase)
{
    struct submission *submission = arg;

    if (submission->events.phase != NULL)
        submission->events.phase(submission->arg, phase);
}

static void on_committing(void *arg)
{
    struct submission *submission = arg;

    if (submission->events.committing != NULL)
        submission->events.committing(submission->arg);
}

static void on_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct submission *submission = arg;

    submission->events.done(submission->arg, outcome);
}

void submission_send(struct submission *submission, const char *message, size_t len)
{
    static const struct dialogue_events events = {.phase = on_phase, .done = on_done};
    struct smtp_options options = {
        .peer = {.base = links_base(submission->links),
                 .dns = links_dns(submission->links),
                 .tls = submission->tls,
                 .endpoint = &submission->options.server->smtp,
                 .timeout = submission->options.timeout},
        .login = {.login = submission->login,
                  .authorize_as = submission->authorize_as,
                  .secret = submission->secret,
                  .token = submission->source != NULL &&
                           submission->source->oauth_token_command != NULL},
        .mail_from = submission->options.mail_from,
        .rcpt_to = submission->options.rcpt_to,
        .message = message,
        .message_len = len,
        .no_reports = true,
        .committing = on_committing,
    };

    assert(submission->smtp == NULL && submission->request == NULL); /* once, after ready */
    submission->smtp = smtp_new(&options, &events, submission);
    wipe_secret(submission);
}

bool submission_was_accepted(const struct dialogue_outcome *outcome)
{
    return outcome->end == DIALOGUE_OK || outcome->phase == PHASE_QUIT;
}
