/* Alerts: what a command and a webhook get, tries, order, dead destinations, full queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/alert/private.h"
#include "agent/config/config_files.h"
#include "agent/probe/verdict/probe_scene.h"
#include "imapclient/scripted_server.h"
#include "in_range.h"

#define POSTS_MAX 64
#define PATIENCE 20 /* seconds, for a test */

struct fixture {
    struct scene *scene;
    struct config_files files;
    struct event_base *base;
    struct links *links;
    struct alerts *alerts;
    struct alert alert, *listed[1];
    struct config config;
    struct probe_state state;
    char *command[4], *none[1], *only[2];

    /* the webhook's server */
    struct evhttp *http;
    uint16_t port;
    SSL_CTX *tls;
    struct scripted_ca *ca;
    const int *codes; /* to answer, in their order; 0: never; the last one again and again */
    size_t n_posts;
    char *posts[POSTS_MAX], *types[POSTS_MAX], *hosts[POSTS_MAX], *targets[POSTS_MAX];
    char *url;
};

/* ---- a server of webhooks ---- */

static void on_post(struct evhttp_request *request, void *arg)
{
    struct fixture *f = arg;
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct evkeyvalq *header = evhttp_request_get_input_headers(request);
    size_t n = f->n_posts;

    assert_true(n < POSTS_MAX);
    assert_int_equal(evhttp_request_get_command(request), EVHTTP_REQ_POST);
    f->posts[n] = xmemdup0(evbuffer_pullup(body, -1), evbuffer_get_length(body));
    f->types[n] = xstrdup(evhttp_find_header(header, "Content-Type"));
    f->hosts[n] = xstrdup(evhttp_find_header(header, "Host"));
    f->targets[n] = xstrdup(evhttp_request_get_uri(request));
    f->n_posts++;
    int code = f->codes[0];
    if (f->codes[1] >= 0)
        f->codes++;
    if (code != 0)
        evhttp_send_reply(request, code, "said", NULL);
}

static struct bufferevent *on_guest(struct event_base *base, void *arg)
{
    struct fixture *f = arg;

    return bufferevent_openssl_socket_new(base, -1, SSL_new(f->tls), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

/* codes: ended by -1. certificate: for https, or NULL. */
static void serve(struct fixture *f, const int *codes, const char *certificate)
{
    f->codes = codes;
    f->http = evhttp_new(f->base);
    evhttp_set_gencb(f->http, on_post, f);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(f->http, "127.0.0.1", 0);
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    assert_int_equal(
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len), 0);
    f->port = ntohs(address.sin_port);
    if (certificate != NULL) {
        f->ca = scripted_ca_new();
        f->tls = scripted_ca_server(f->ca, certificate, -DAY, DAY);
        f->alert.ca_file = (char *)(uintptr_t)scripted_ca_file(f->ca);
        evhttp_set_bevcb(f->http, on_guest, f);
    }
}

static void post_to(struct fixture *f, const char *scheme, const char *host)
{
    free(f->url);
    f->url = xasprintf("%s://%s:%u/a/b?c=d", scheme, host, f->port);
    f->alert.webhook = f->url;
}

/* ---- the stage ---- */

static int alert_setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    const struct backoff at_once = {.first = 0, .last = 0};

    signal(SIGPIPE, SIG_IGN);
    setup((void **)&f->scene);
    config_files_begin(&f->files);
    f->base = event_base_new();
    f->links = links_new(f->base);
    f->alerts = alerts_new(f->links);
    alerts_set_patience(f->alerts, PATIENCE, &at_once);
    f->listed[0] = &f->alert;
    f->alert.probes = f->none;
    f->config.instance = "example.org";
    f->config.alerts = f->listed;
    f->config.n_alerts = 1;
    *state = f;
    return 0;
}

static int alert_teardown(void **state)
{
    struct fixture *f = *state;

    alerts_free(f->alerts);
    if (f->http != NULL)
        evhttp_free(f->http);
    if (f->tls != NULL)
        SSL_CTX_free(f->tls);
    if (f->ca != NULL)
        scripted_ca_free(f->ca);
    links_free(f->links);
    event_base_free(f->base);
    for (size_t i = 0; i < f->n_posts; i++) {
        free(f->posts[i]);
        free(f->types[i]);
        free(f->hosts[i]);
        free(f->targets[i]);
    }
    for (size_t i = 0; i < 3; i++)
        free(f->command[i]);
    free(f->url);
    config_files_end(&f->files);
    teardown((void **)&f->scene);
    free(f);
    return 0;
}

/* A script of /bin/sh in a file: $DIR is the test's directory. */
static void run_script(struct fixture *f, const char *script)
{
    char *text = xasprintf("#!/bin/sh\nDIR=%s\n%s\n", f->files.directory, script);

    config_files_write(&f->files, "hook", text, 0700);
    free(text);
    f->command[0] = config_files_path(&f->files, "hook");
    f->command[1] = xstrdup("first; argument");
    f->alert.command = f->command;
}

static char *file_text(struct fixture *f, const char *name)
{
    char *path = config_files_path(&f->files, name), *text = xcalloc(1, 65536);
    FILE *in = fopen(path, "r");

    if (in != NULL) {
        text[fread(text, 1, 65535, in)] = '\0';
        fclose(in);
    }
    free(path);
    return text;
}

static void tell(struct fixture *f, enum probe_event event, enum probe_status state)
{
    const struct alert_facts facts = {.probe = &f->scene->probe,
                                      .event = event,
                                      .state = state,
                                      .previous = PROBE_OK,
                                      .since = NOW - 60,
                                      .at = NOW,
                                      .result = f->scene->result,
                                      .verdict = f->scene->verdict};
    alerts_send(f->alerts, &f->config, &facts);
}

static void raise_critical(struct fixture *f)
{
    if (f->scene->result == NULL) {
        struct probe_path *path = begin(f->scene, PROBE_IMAP);
        fails(path, DIALOGUE_AUTH, PHASE_AUTH, "rejected", "NO \"no\" $(id)");
        evaluate_held(f->scene, PROBE_OK);
    }
    tell(f, PROBE_RAISED, PROBE_CRITICAL);
}

static uint64_t ended(const struct fixture *f)
{
    struct alerts_count count = alerts_count(f->alerts);

    return count.sent + count.failed;
}

/* Until so many alerts were sent or given up. */
static void await(struct fixture *f, uint64_t sent, uint64_t failed)
{
    time_t limit = time(NULL) + PATIENCE;
    const struct timeval look = {.tv_sec = 1};

    while (ended(f) < sent + failed && time(NULL) < limit) {
        event_base_loopexit(f->base, &look);
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    struct alerts_count count = alerts_count(f->alerts);
    assert_int_equal(count.sent, sent);
    assert_int_equal(count.failed, failed);
}

/* ---- commands ---- */

static void a_command_gets_the_facts(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {
        "\nMAILVIGIL_EVENT=raised\n",
        "\nMAILVIGIL_INSTANCE=example.org\n",
        "\nMAILVIGIL_PROBE=p\n",
        "\nMAILVIGIL_TYPE=imap\n",
        "\nMAILVIGIL_SERVER=office\n",
        "\nMAILVIGIL_STATE=CRITICAL\n",
        "\nMAILVIGIL_PREVIOUS=OK\n",
        "\nMAILVIGIL_SINCE=2026-11-23T05:59:00Z\n",
        "\nMAILVIGIL_SUMMARY=auth failed on 192.0.2.7: NO \"no\" $(id)\n",
        "\nMAILVIGIL_PHASE=auth\n",
    };

    run_script(f, "cat > $DIR/json; (echo; env; echo \"ARGUMENT=$1\") > $DIR/env");
    raise_critical(f);
    assert_int_equal(ended(f), 0); /* nothing waits inside */
    await(f, 1, 0);
    char *environment = file_text(f, "env"), *json = file_text(f, "json");
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (strstr(environment, lines[i]) == NULL)
            fail_msg("no %s in %s", lines[i], environment);
    assert_non_null(strstr(environment, "\nARGUMENT=first; argument\n"));
    static const char head[] =
        "{\"event\":\"raised\",\"instance\":\"example.org\",\"probe\":\"p\",\"type\":\"imap\","
        "\"server\":\"office\",\"state\":\"CRITICAL\",\"previous\":\"OK\","
        "\"since\":\"2026-11-23T05:59:00Z\",\"at\":\"2026-11-23T06:00:00Z\","
        "\"summary\":\"auth failed on 192.0.2.7: NO \\\"no\\\" $(id)\",\"phase\":\"auth\","
        "\"reply\":\"NO \\\"no\\\" $(id)\",\"result\":{\"probe\":\"p\",";
    assert_int_equal(strncmp(json, head, strlen(head)), 0);
    char *check =
        xasprintf("/usr/bin/python3 -m json.tool %s/json > /dev/null", f->files.directory);
    assert_int_equal(system(check), 0);
    free(check);
    free(environment);
    free(json);
}

static void without_a_result_there_are_nulls(void **state)
{
    struct fixture *f = *state;

    run_script(f, "cat > $DIR/json; echo \"$MAILVIGIL_EVENT,$MAILVIGIL_SUMMARY,$MAILVIGIL_PHASE\""
                  " > $DIR/env");
    tell(f, PROBE_REMINDER, PROBE_WARNING);
    await(f, 1, 0);
    char *environment = file_text(f, "env"), *json = file_text(f, "json");
    assert_string_equal(environment, "reminder,,none\n");
    assert_non_null(
        strstr(json, "\"summary\":null,\"phase\":null,\"reply\":null,\"result\":null}\n"));
    free(environment);
    free(json);
}

static void a_failing_command_is_tried_and_given_up(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo x >> $DIR/tries; exit 1");
    raise_critical(f);
    await(f, 0, 1);
    char *tries = file_text(f, "tries");
    assert_int_equal(strlen(tries), 2 * ALERT_TRIES);
    assert_int_equal(alerts_count(f->alerts).waiting, 0);
    free(tries);
}

static void changes_of_a_probe_keep_their_order(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo x >> $DIR/tries; test $(wc -l < $DIR/tries) -gt 3 || exit 1\n"
                  "echo $MAILVIGIL_EVENT >> $DIR/told");
    raise_critical(f);
    tell(f, PROBE_CHANGED, PROBE_WARNING);
    tell(f, PROBE_CLEARED, PROBE_OK);
    assert_int_equal(alerts_count(f->alerts).waiting, 2);
    await(f, 3, 0);
    char *told = file_text(f, "told"), *tries = file_text(f, "tries");
    assert_string_equal(told, "raised\nchanged\ncleared\n");
    assert_int_equal(strlen(tries), 2 * 6);
    free(told);
    free(tries);
}

static void a_section_may_name_probes(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo x >> $DIR/told");
    f->only[0] = "another";
    f->alert.probes = f->only;
    raise_critical(f);
    assert_int_equal(alerts_count(f->alerts).waiting, 0);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    f->only[0] = "p";
    raise_critical(f);
    await(f, 1, 0);
    char *told = file_text(f, "told");
    assert_string_equal(told, "x\n");
    free(told);
}

/* A reload frees what the alert pointed into. */
static void what_is_queued_keeps_its_destination(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo $1 >> $DIR/told");
    raise_critical(f);
    tell(f, PROBE_CLEARED, PROBE_OK);
    memset(f->command[0], 'x', strlen(f->command[0]));
    memset(f->command[1], 'x', strlen(f->command[1]));
    f->config.n_alerts = 0;
    await(f, 2, 0);
    char *told = file_text(f, "told");
    assert_string_equal(told, "first; argument\nfirst; argument\n");
    free(told);
}

static void at_the_end_commands_are_stopped(void **state)
{
    struct fixture *f = *state;

    run_script(f, "exec sleep 100");
    raise_critical(f);
    tell(f, PROBE_CLEARED, PROBE_OK);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    alerts_free(f->alerts);
    f->alerts = NULL;
    event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* ---- webhooks ---- */

static const int ok[] = {204, -1}, after_an_error[] = {500, 302, 200, -1}, never[] = {0, -1},
                 only_errors[] = {503, -1};

static void a_webhook_gets_the_json(void **state)
{
    struct fixture *f = *state;

    serve(f, ok, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    await(f, 1, 0);
    assert_int_equal(f->n_posts, 1);
    assert_string_equal(f->types[0], "application/json");
    assert_string_equal(f->targets[0], "/a/b?c=d");
    char *host = xasprintf("127.0.0.1:%u", f->port);
    assert_string_equal(f->hosts[0], host);
    free(host);
    assert_int_equal(strncmp(f->posts[0], "{\"event\":\"raised\"", 17), 0);
    assert_string_equal(f->posts[0] + strlen(f->posts[0]) - 3, "}}\n");
}

static void what_is_not_2xx_is_tried_again(void **state)
{
    struct fixture *f = *state;

    serve(f, after_an_error, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    await(f, 1, 0);
    assert_int_equal(f->n_posts, 3);
    assert_string_equal(f->posts[0], f->posts[2]);
}

static void and_given_up(void **state)
{
    struct fixture *f = *state;

    serve(f, only_errors, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    await(f, 0, 1);
    assert_int_equal(f->n_posts, ALERT_TRIES);
}

/* "localhost" may be ::1 first, where nothing listens. */
static void each_address_is_tried(void **state)
{
    struct fixture *f = *state;

    serve(f, ok, NULL);
    post_to(f, "http", "localhost");
    raise_critical(f);
    await(f, 1, 0);
    assert_int_equal(f->n_posts, 1);
}

static void https_verifies(void **state)
{
    struct fixture *f = *state;

    serve(f, ok, "DNS:localhost");
    post_to(f, "https", "localhost");
    raise_critical(f);
    await(f, 1, 0);
    assert_int_equal(f->n_posts, 1);
    post_to(f, "https", "127.0.0.1"); /* another name */
    raise_critical(f);
    await(f, 1, 1);
    f->alert.ca_file = NULL; /* of the system: another CA */
    post_to(f, "https", "localhost");
    raise_critical(f);
    await(f, 1, 2);
    f->alert.ca_file = "/nonexistent/ca.pem";
    raise_critical(f);
    await(f, 1, 3);
    assert_int_equal(f->n_posts, 1);
}

static const char *const unreachable[] = {
    "http://127.0.0.1:1/",      /* refused */
    "http://[::1]:1/",          /* refused, or there is no IPv6 */
    "https://[2001:db8::1]:1/", /* no way there, mostly */
    "http://192.0.2.1/",        /* not loopback */
    "https://nowhere.invalid/", /* no such name */
    "ftp://127.0.0.1/",         "http:///x", "no URL",
};

static void what_cannot_be_reached_is_given_up(void **state)
{
    struct fixture *f = *state;
    const struct backoff at_once = {0};

    alerts_set_patience(f->alerts, 1, &at_once);
    for (size_t i = 0; i < sizeof(unreachable) / sizeof(*unreachable); i++) {
        f->alert.webhook = (char *)(uintptr_t)unreachable[i];
        raise_critical(f);
        await(f, 0, i + 1);
    }
}

static void a_hanging_webhook_has_its_time(void **state)
{
    struct fixture *f = *state;
    const struct backoff at_once = {0};

    alerts_set_patience(f->alerts, 1, &at_once);
    serve(f, never, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    await(f, 0, 1);
    assert_int_equal(f->n_posts, ALERT_TRIES);
}

static void a_hanging_webhook_stops_nobody_else(void **state)
{
    struct fixture *f = *state;
    char names[20][8];

    serve(f, never, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "p%zu", i);
        f->scene->probe.name = names[i];
        raise_critical(f);
    }
    run_script(f, "exit 0");
    f->alert.webhook = NULL;
    raise_critical(f);
    await(f, 1, 0);
    assert_uint_in_range(f->n_posts, 0, ALERT_RUNNING_EACH);
}

static void a_full_queue_drops_the_oldest(void **state)
{
    struct fixture *f = *state;

    serve(f, never, NULL);
    post_to(f, "http", "127.0.0.1");
    raise_critical(f);
    for (size_t i = 0; i < ALERT_QUEUE_MAX; i++)
        tell(f, PROBE_CHANGED, i % 2 == 0 ? PROBE_WARNING : PROBE_CRITICAL);
    assert_int_equal(alerts_count(f->alerts).waiting, ALERT_QUEUE_MAX);
    assert_int_equal(alerts_count(f->alerts).dropped, 0);
    tell(f, PROBE_CLEARED, PROBE_OK);
    tell(f, PROBE_RAISED, PROBE_CRITICAL);
    assert_int_equal(alerts_count(f->alerts).waiting, ALERT_QUEUE_MAX);
    assert_int_equal(alerts_count(f->alerts).dropped, 2);
}

/* One that waits for its next try goes first, and the one after it is tried at once. */
static void what_waits_between_tries_is_dropped_too(void **state)
{
    struct fixture *f = *state;
    const struct backoff long_wait = {.first = 1000, .last = 1000};

    alerts_set_patience(f->alerts, PATIENCE, &long_wait);
    run_script(f, "echo x >> $DIR/tries; test $(wc -l < $DIR/tries) -gt 1 || exit 1\n"
                  "echo $MAILVIGIL_EVENT >> $DIR/told");
    raise_critical(f);
    while (alerts_count(f->alerts).waiting == 0)
        event_base_loop(f->base, EVLOOP_ONCE);
    for (size_t i = 0; i < ALERT_QUEUE_MAX - 1; i++)
        tell(f, PROBE_CHANGED, PROBE_WARNING);
    assert_int_equal(alerts_count(f->alerts).dropped, 0);
    tell(f, PROBE_CLEARED, PROBE_OK);
    assert_int_equal(alerts_count(f->alerts).dropped, 1);
    await(f, 1, 0);
    char *told = file_text(f, "told");
    assert_int_equal(strncmp(told, "changed\n", 8), 0);
    free(told);
}

/* ---- invalid responses ---- */

static const struct {
    const char *answer;
    bool endless; /* the last octet comes again and again */
    bool taken;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, true},
    {"HTTP/1.0 201 Created\r\n\r\n", false, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", true, true},
    {"HTTP/1.1 200 OK\r\n\r\nx", true, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", false, true},
    {"HTTP/1.1 404 Not found\r\nContent-Length: 3\r\n\r\nabc", false, false},
    {"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", false, false},
    {"HTTP/1.1 200 OK\r\nX: x", true, false},
    {"HTTP/1.1 -200 OK\r\n\r\n", false, false},
    {"SSH-2.0-OpenSSH_9.2\r\n", false, false},
    {"\r\n", false, false},
    {"", false, false},
    {"x", true, false},
};

struct rude {
    struct evconnlistener *listener;
    size_t n;
    struct bufferevent *guests[ALERT_TRIES * sizeof(answers) / sizeof(*answers)];
    size_t n_guests;
};

static void leave(struct rude *rude, const struct bufferevent *bev)
{
    for (size_t i = 0; i < rude->n_guests; i++) {
        if (rude->guests[i] != bev)
            continue;
        bufferevent_free(rude->guests[i]);
        rude->guests[i] = rude->guests[--rude->n_guests];
        return;
    }
}

static void on_rude_drained(struct bufferevent *bev, void *arg)
{
    struct rude *rude = arg;
    static char much[4096];
    const char *answer = answers[rude->n].answer;

    if (!answers[rude->n].endless) {
        leave(rude, bev);
        return;
    }
    memset(much, answer[strlen(answer) - 1], sizeof(much));
    bufferevent_write(bev, much, sizeof(much));
}

static void on_rude_read(struct bufferevent *bev, void *arg)
{
    struct rude *rude = arg;

    evbuffer_drain(bufferevent_get_input(bev), evbuffer_get_length(bufferevent_get_input(bev)));
    bufferevent_setcb(bev, NULL, on_rude_drained, NULL, arg);
    bufferevent_write(bev, answers[rude->n].answer, strlen(answers[rude->n].answer));
    if (answers[rude->n].answer[0] == '\0')
        leave(rude, bev);
}

static void on_rude_event(struct bufferevent *bev, short what, void *arg)
{
    (void)what;
    leave(arg, bev);
}

static void on_rude_guest(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *address, int len, void *arg)
{
    struct bufferevent *bev =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    struct rude *rude = arg;

    (void)address;
    (void)len;
    assert_true(rude->n_guests < sizeof(rude->guests) / sizeof(*rude->guests));
    rude->guests[rude->n_guests++] = bev;
    bufferevent_setcb(bev, on_rude_read, NULL, on_rude_event, arg);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void the_status_counts_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    struct rude rude = {0};
    uint64_t sent = 0, failed = 0;

    rude.listener = evconnlistener_new_bind(f->base, on_rude_guest, &rude, LEV_OPT_CLOSE_ON_FREE,
                                            -1, (struct sockaddr *)&address, sizeof(address));
    assert_int_equal(
        getsockname(evconnlistener_get_fd(rude.listener), (struct sockaddr *)&address, &len), 0);
    f->port = ntohs(address.sin_port);
    post_to(f, "http", "127.0.0.1");
    for (; rude.n < sizeof(answers) / sizeof(*answers); rude.n++) {
        raise_critical(f);
        sent += answers[rude.n].taken ? 1 : 0;
        failed += answers[rude.n].taken ? 0 : 1;
        await(f, sent, failed);
    }
    while (rude.n_guests > 0)
        leave(&rude, rude.guests[0]);
    evconnlistener_free(rude.listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, alert_setup, alert_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_gets_the_facts),
        TEST(without_a_result_there_are_nulls),
        TEST(a_failing_command_is_tried_and_given_up),
        TEST(changes_of_a_probe_keep_their_order),
        TEST(a_section_may_name_probes),
        TEST(what_is_queued_keeps_its_destination),
        TEST(at_the_end_commands_are_stopped),
        TEST(a_webhook_gets_the_json),
        TEST(what_is_not_2xx_is_tried_again),
        TEST(and_given_up),
        TEST(each_address_is_tried),
        TEST(https_verifies),
        TEST(what_cannot_be_reached_is_given_up),
        TEST(a_hanging_webhook_has_its_time),
        TEST(a_hanging_webhook_stops_nobody_else),
        TEST(a_full_queue_drops_the_oldest),
        TEST(what_waits_between_tries_is_dropped_too),
        TEST(the_status_counts_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
