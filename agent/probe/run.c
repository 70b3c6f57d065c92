#include "agent/probe/run.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/dialogue/smtp.h"
#include "agent/system/secret.h"
#include "imapclient/util/milliseconds.h"
#include "imapclient/wire/resolve.h"
#include "rules/util/memory.h"

/* The dialogue with one address. */
struct visit {
    struct probe_run *run;
    struct probe_path *path;
    struct smtp *smtp;
    struct pop3 *pop3;
    struct probe_imap *imap;
};

struct probe_run {
    struct links *links;
    const struct probe *probe;
    probe_run_done *done;
    void *arg;
    struct probe_result *result;
    struct secret_request *secret_request;
    const struct secret_source *source; /* NULL: no login */
    const char *login, *authorize_as;
    SSL_CTX *tls;
    struct resolve_request *lookup;
    struct evutil_addrinfo *addresses;
    struct phase_clock resolving;
    struct visit visits[PROBE_PATHS_MAX];
    size_t open; /* visits that have not ended */
    struct event *timer, *finish;
};

/* ---- the end ---- */

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    struct probe_result *result = run->result;

    (void)fd;
    (void)what;
    assert(result != NULL && run->open == 0); /* done is called once, at the end */
    run->result = NULL;
    run->done(run->arg, result);
}

static void finish(struct probe_run *run)
{
    struct probe_result *result = run->result;

    evtimer_del(run->timer);
    for (size_t i = 0; i < result->n_paths; i++) {
        uint64_t total = phase_clock_total(&result->paths[i].clock);
        if (total > result->microseconds)
            result->microseconds = total;
    }
    event_active(run->finish, EV_TIMEOUT, 0);
}

/* It could not be run: not the fault of the service. */
static void cannot_run(struct probe_run *run, const char *why)
{
    run->result->trouble = xstrdup(why);
    finish(run);
}

/* ---- dialogues ---- */

static void on_phase(void *arg, enum phase phase)
{
    struct visit *visit = arg;

    phase_clock_enter(&visit->path->clock, phase);
}

static void on_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct visit *visit = arg;

    probe_path_set_outcome(visit->path, outcome);
    if (outcome->end == DIALOGUE_OK && visit->pop3 != NULL)
        visit->path->pop3 = *pop3_facts(visit->pop3);
    if (outcome->end == DIALOGUE_OK && visit->imap != NULL)
        visit->path->imap = *probe_imap_facts(visit->imap);
    assert(visit->run->open > 0);
    if (--visit->run->open == 0)
        finish(visit->run);
}

/* What is left of the probe's timeout after the name was resolved. */
static unsigned time_left(const struct probe_run *run)
{
    uint64_t spent = phase_clock_total(&run->resolving) / 1000;

    return spent < run->probe->timeout ? run->probe->timeout - (unsigned)spent : 1;
}

static void begin_visit(struct probe_run *run, struct visit *visit,
                        const struct evutil_addrinfo *address, const char *secret)
{
    static const struct dialogue_events events = {.phase = on_phase, .done = on_done};
    const struct probe *probe = run->probe;
    struct dialogue_peer peer = {
        .base = links_base(run->links),
        .dns = links_dns(run->links),
        .tls = run->tls,
        .endpoint = probe_endpoint(probe),
        .address = address->ai_addr,
        .address_len = (int)address->ai_addrlen,
        .timeout = time_left(run),
    };
    struct dialogue_login login = {
        .login = run->login,
        .authorize_as = run->authorize_as,
        .secret = secret,
        .token = run->source != NULL && run->source->oauth_token_command != NULL,
    };

    if (probe->type == PROBE_SMTP) {
        struct smtp_options options = {
            .peer = peer, .login = login, .mail_from = probe->from, .rcpt_to = probe->to};
        visit->smtp = smtp_new(&options, &events, visit);
    } else if (probe->type == PROBE_POP3) {
        struct pop3_options options = {.peer = peer, .login = login};
        visit->pop3 = pop3_new(&options, &events, visit);
    } else {
        struct probe_imap_options options = {.peer = peer,
                                             .login = login,
                                             .folder = probe->folder,
                                             .look_inside = probe->type == PROBE_MAILBOX};
        visit->imap = probe_imap_new(&options, &events, visit);
    }
}

/* ---- names ---- */

static void name_address(struct probe_path *path, const struct sockaddr *address)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)address;
    const void *octets = address->sa_family == AF_INET ? (const void *)&ipv4->sin_addr
                                                       : (const void *)&ipv6->sin6_addr;

    path->family = address->sa_family;
    inet_ntop(address->sa_family, octets, path->address, sizeof(path->address));
}

static const struct evutil_addrinfo *first_of(const struct evutil_addrinfo *addresses, int family)
{
    while (addresses != NULL && addresses->ai_family != family)
        addresses = addresses->ai_next;
    return addresses;
}

/* One path for each family that the name has; the first address of each. */
static void visit_all(struct probe_run *run, const struct evutil_addrinfo *addresses,
                      const char *secret)
{
    static const int families[PROBE_PATHS_MAX] = {AF_INET6, AF_INET};
    struct probe_result *result = run->result;
    struct phase_clock clock = run->resolving;
    const struct evutil_addrinfo *chosen[PROBE_PATHS_MAX];

    clock.began =
        phase_now() - phase_clock_total(&run->resolving); /* without the time for the secret */
    for (size_t i = 0; i < PROBE_PATHS_MAX; i++) {
        const struct evutil_addrinfo *address = first_of(addresses, families[i]);
        if (address == NULL)
            continue;
        chosen[result->n_paths] = address;
        name_address(&result->paths[result->n_paths], address->ai_addr);
        result->paths[result->n_paths++].clock = clock;
    }
    run->open = result->n_paths;
    for (size_t i = 0; i < result->n_paths; i++) {
        run->visits[i] = (struct visit){.run = run, .path = &result->paths[i]};
        begin_visit(run, &run->visits[i], chosen[i], secret);
    }
}

static void fail_resolving(struct probe_run *run, enum dialogue_end end, const char *why)
{
    const struct endpoint *endpoint = probe_endpoint(run->probe);
    char *reason = xasprintf("the name %s cannot be resolved: %s", endpoint->host, why);
    struct dialogue_outcome outcome = {
        .end = end,
        .phase = PHASE_RESOLVE,
        .command = "",
        .temporary = true,
        .reason = reason,
        .reply = "",
        .tls_version = "",
        .capabilities = "",
    };

    run->result->n_paths = 1;
    run->result->paths[0].clock = run->resolving;
    probe_path_set_outcome(&run->result->paths[0], &outcome);
    free(reason);
    finish(run);
}

/* No address of a family that was asked for. */
static const char *missing_family_text(int family)
{
    if (family == AF_INET)
        return "no IPv4 address";
    return family == AF_INET6 ? "no IPv6 address" : "no address";
}

/* The secret is obtained only when it is needed, and that takes part in no phase. */
static void with_secret(void *arg, const char *secret, const char *why)
{
    struct probe_run *run = arg;

    run->secret_request = NULL;
    if (secret != NULL)
        visit_all(run, run->addresses, secret);
    else
        cannot_run(run, why);
}

static void on_resolved(void *arg, int error, struct evutil_addrinfo *addresses)
{
    struct probe_run *run = arg;

    run->lookup = NULL;
    run->addresses = addresses;
    phase_clock_enter(&run->resolving, PHASE_NONE);
    evtimer_del(run->timer);
    if (error != 0)
        fail_resolving(run, DIALOGUE_RESOLVE, resolve_error_text(error));
    else if (first_of(addresses, AF_INET) == NULL && first_of(addresses, AF_INET6) == NULL)
        fail_resolving(run, DIALOGUE_RESOLVE, missing_family_text(run->probe->family));
    else if (run->source != NULL)
        run->secret_request = secret_get(links_base(run->links), run->source, with_secret, run);
    else
        visit_all(run, addresses, NULL);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;

    (void)fd;
    (void)what;
    resolve_cancel(run->lookup);
    run->lookup = NULL;
    phase_clock_enter(&run->resolving, PHASE_NONE);
    fail_resolving(run, DIALOGUE_TIMEOUT, "no answer in time");
}

static void resolve(struct probe_run *run)
{
    const struct endpoint *endpoint = probe_endpoint(run->probe);
    struct timeval limit = milliseconds(run->probe->timeout);

    evtimer_add(run->timer, &limit);
    phase_clock_start(&run->resolving);
    phase_clock_enter(&run->resolving, PHASE_RESOLVE);
    run->lookup = resolve_start(links_base(run->links), links_dns(run->links), endpoint->host,
                                endpoint->port, run->probe->family, on_resolved, run);
}

/* ---- life ---- */

static bool is_set(const struct secret_source *source)
{
    return source->password_file != NULL || source->password_command != NULL ||
           source->oauth_token_command != NULL;
}

/* Which account to log in as: the probe's own login (SMTP), else the account's, or the master user
 * on its behalf. */
static void choose_login(struct probe_run *run)
{
    const struct probe *probe = run->probe;
    const struct account *account = probe->account;

    if (probe->type == PROBE_SMTP && probe->login != NULL && is_set(&probe->secret)) {
        run->login = probe->login;
        run->source = &probe->secret;
    } else if (account != NULL && is_set(&account->secret)) {
        run->login = account->login;
        run->source = &account->secret;
    } else if (account != NULL && account->server->master_user != NULL) {
        run->login = account->server->master_user;
        run->authorize_as = account->login;
        run->source = &account->server->master;
    }
}

struct probe_run *probe_run_new(struct links *links, const struct probe *probe,
                                probe_run_done *done, void *arg)
{
    struct probe_run *run = xcalloc(1, sizeof(*run));
    struct event_base *base = links_base(links);
    char *why = NULL;

    run->links = links;
    run->probe = probe;
    run->done = done;
    run->arg = arg;
    run->result = probe_result_new(probe);
    run->timer = evtimer_new(base, on_timeout, run);
    run->finish = evtimer_new(base, on_finish, run);
    choose_login(run);
    if (probe_endpoint(probe)->security != SECURITY_PLAIN)
        run->tls = links_tls(links, probe->server->ca_file, &why);
    if (why != NULL)
        cannot_run(run, why);
    else
        resolve(run);
    free(why);
    return run;
}

void probe_run_free(struct probe_run *run)
{
    if (run == NULL)
        return;
    resolve_cancel(run->lookup);
    secret_cancel(run->secret_request);
    for (size_t i = 0; i < PROBE_PATHS_MAX; i++) {
        smtp_free(run->visits[i].smtp);
        pop3_free(run->visits[i].pop3);
        probe_imap_free(run->visits[i].imap);
    }
    if (run->addresses != NULL)
        evutil_freeaddrinfo(run->addresses);
    event_free(run->timer);
    event_free(run->finish);
    probe_result_free(run->result);
    free(run);
}
