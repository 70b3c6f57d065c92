/* Links: their turn at the gate of a server, what goes wrong before a session, freeing at any time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/session/link.h"
#include "agent/system/limit.h"
#include "imapclient/scripted_client.h"
#include "rules/util/memory.h"

#define LINKS_MAX (3 * LIMIT_LOGINS)

/* A server for many: greets all, and answers AUTHENTICATE when the test lets it. */
struct door {
    struct evconnlistener *listener;
    struct bufferevent *guests[2 * LINKS_MAX];
    char *tags[2 * LINKS_MAX]; /* of those that wait for an answer */
    size_t n_guests;
    bool answers;
    const char *refusal; /* NULL: none */
};

struct stage;
struct watcher {
    struct stage *stage;
    struct link *link;
    unsigned ready, closed;
    char *reason;
    enum imap_failure_kind kind;
    bool free_when_ready, free_when_closed;
};

struct stage {
    char dir[64], secret[96];
    struct event_base *base;
    struct links *links;
    struct server server;
    struct secret_source source;
    struct door door;
    struct watcher watchers[LINKS_MAX];
};

/* ---- the server ---- */

static void on_line(struct bufferevent *bev, void *arg)
{
    struct door *door = arg;
    size_t i = 0;
    char *line;

    while (door->guests[i] != bev)
        i++;
    while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_CRLF)) != NULL) {
        char *tag = xstrndup(line, strcspn(line, " "));
        bool signs_in = strstr(line, " AUTHENTICATE ") != NULL;
        free(line);
        if (signs_in && !door->answers) {
            free(door->tags[i]);
            door->tags[i] = tag;
            continue;
        }
        evbuffer_add_printf(bufferevent_get_output(bev), "%s %s\r\n", tag,
                            signs_in && door->refusal != NULL ? door->refusal : "OK done");
        free(tag);
    }
}

static void on_gone(struct bufferevent *bev, short what, void *arg)
{
    struct door *door = arg;
    (void)what;
    for (size_t i = 0; i < door->n_guests; i++)
        if (door->guests[i] == bev)
            door->guests[i] = NULL;
    bufferevent_free(bev);
}

static void on_guest(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int len, void *arg)
{
    static const char greeting[] = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n";
    struct door *door = arg;
    (void)address;
    (void)len;
    assert_true(door->n_guests < 2 * LINKS_MAX);
    struct bufferevent *bev =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    door->guests[door->n_guests++] = bev;
    bufferevent_setcb(bev, on_line, NULL, on_gone, door);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    bufferevent_write(bev, greeting, sizeof(greeting) - 1);
}

static uint16_t door_open(struct door *door, struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    door->listener = evconnlistener_new_bind(base, on_guest, door, LEV_OPT_CLOSE_ON_FREE, 64,
                                             (struct sockaddr *)&address, sizeof(address));
    assert_non_null(door->listener);
    getsockname(evconnlistener_get_fd(door->listener), (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

/* Answers the first guest that waits for it. */
static void door_admit(struct door *door)
{
    for (size_t i = 0; i < door->n_guests; i++)
        if (door->tags[i] != NULL && door->guests[i] != NULL) {
            evbuffer_add_printf(bufferevent_get_output(door->guests[i]), "%s OK done\r\n",
                                door->tags[i]);
            free(door->tags[i]);
            door->tags[i] = NULL;
            return;
        }
    fail_msg("nobody signs in");
}

static size_t door_waiting(const struct door *door)
{
    size_t n = 0;
    for (size_t i = 0; i < door->n_guests; i++)
        n += door->tags[i] != NULL && door->guests[i] != NULL;
    return n;
}

static void door_close(struct door *door)
{
    for (size_t i = 0; i < door->n_guests; i++) {
        if (door->guests[i] != NULL)
            bufferevent_free(door->guests[i]);
        free(door->tags[i]);
    }
    evconnlistener_free(door->listener);
}

/* ---- the stage ---- */

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    strcpy(stage->dir, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(stage->dir));
    snprintf(stage->secret, sizeof(stage->secret), "%s/secret", stage->dir);
    FILE *out = fopen(stage->secret, "w");
    assert_non_null(out);
    fputs("wonder\n", out);
    fclose(out);
    chmod(stage->secret, 0600);
    stage->base = event_base_new();
    stage->links = links_new(stage->base);
    stage->server = (struct server){.name = (char *)"office"};
    stage->server.imap = (struct endpoint){.set = true,
                                           .security = SECURITY_PLAIN,
                                           .host = (char *)"127.0.0.1",
                                           .port = door_open(&stage->door, stage->base)};
    stage->source.password_file = stage->secret;
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        link_free(stage->watchers[i].link);
        free(stage->watchers[i].reason);
    }
    links_free(stage->links);
    door_close(&stage->door);
    event_base_free(stage->base);
    unlink(stage->secret);
    rmdir(stage->dir);
    free(stage);
    return 0;
}

static void let_go(struct watcher *watcher)
{
    struct link *link = watcher->link;
    watcher->link = NULL;
    link_free(link);
}

static void on_ready(void *arg)
{
    struct watcher *watcher = arg;
    assert_int_equal(watcher->closed, 0);
    assert_non_null(link_session(watcher->link));
    watcher->ready++;
    if (watcher->free_when_ready)
        let_go(watcher);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct watcher *watcher = arg;
    assert_null(link_session(watcher->link));
    watcher->closed++;
    watcher->kind = failure->kind;
    free(watcher->reason);
    watcher->reason = xstrdup(failure->reason);
    if (watcher->free_when_closed)
        let_go(watcher);
}

static const struct imap_events events = {.on_ready = on_ready, .on_closed = on_closed};

static struct watcher *begin_as(struct stage *stage, size_t i, const struct server *server,
                                bool urgent)
{
    struct watcher *watcher = &stage->watchers[i];
    struct link_login login = {
        .server = server, .login = "alice", .secret = &stage->source, .urgent = urgent};
    watcher->stage = stage;
    watcher->link = link_new(stage->links, &login, &events, watcher);
    assert_int_equal(watcher->ready + watcher->closed, 0);
    assert_null(link_session(watcher->link));
    return watcher;
}

static struct watcher *begin_at(struct stage *stage, size_t i, const struct server *server)
{
    return begin_as(stage, i, server, false);
}

static struct watcher *begin(struct stage *stage, size_t i)
{
    return begin_at(stage, i, &stage->server);
}

static void run_for(struct stage *stage, unsigned milliseconds)
{
    const struct timeval wait = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    event_base_loopexit(stage->base, &wait);
    event_base_dispatch(stage->base);
}

static void await_closed(struct stage *stage, const struct watcher *watcher)
{
    for (time_t limit = time(NULL) + 10; watcher->closed == 0; run_for(stage, 20))
        if (time(NULL) > limit)
            fail_msg("it does not close");
    assert_int_equal(watcher->closed, 1);
}

static void await_ready(struct stage *stage, const struct watcher *watcher)
{
    for (time_t limit = time(NULL) + 10; watcher->ready == 0; run_for(stage, 20))
        if (time(NULL) > limit || watcher->closed > 0)
            fail_msg("it is not ready: %s", watcher->reason != NULL ? watcher->reason : "");
    assert_int_equal(watcher->ready, 1);
}

/* Until so many stand at the door; then sees that no more come. */
static void await_waiting(struct stage *stage, size_t n)
{
    for (time_t limit = time(NULL) + 10; door_waiting(&stage->door) < n; run_for(stage, 20))
        if (time(NULL) > limit)
            fail_msg("%zu sign in instead of %zu", door_waiting(&stage->door), n);
    run_for(stage, 100);
    assert_int_equal(door_waiting(&stage->door), n);
}

static size_t count_ready(const struct stage *stage)
{
    size_t n = 0;
    for (size_t i = 0; i < LINKS_MAX; i++)
        n += stage->watchers[i].ready;
    return n;
}

/* ---- one link ---- */

static void signs_in(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    struct watcher *watcher = begin(stage, 0);
    await_ready(stage, watcher);
    assert_non_null(link_session(watcher->link));
    assert_int_equal(watcher->closed, 0);
}

static void tells_of_its_end_once(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    struct watcher *watcher = begin(stage, 0);
    await_ready(stage, watcher);
    on_gone(stage->door.guests[0], 0, &stage->door);
    await_closed(stage, watcher);
    run_for(stage, 50);
    assert_int_equal(watcher->closed, 1);
    assert_int_equal(watcher->kind, IMAP_FAILURE_CLOSED);
}

static void a_refused_password_closes(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->door.refusal = "NO [AUTHENTICATIONFAILED] wrong";
    struct watcher *watcher = begin(stage, 0);
    await_closed(stage, watcher);
    assert_int_equal(watcher->ready, 0);
    assert_int_equal(watcher->kind, IMAP_FAILURE_AUTH);
    assert_non_null(strstr(watcher->reason, "wrong"));
}

struct before {
    const char *title;
    const char *file, *command; /* NULL: none */
    const char *ca_file;
    enum imap_failure_kind kind;
    const char *reason; /* a part of it */
};

static const struct before befores[] = {
    {"no file", "/tmp/mailvigil-test-none", NULL, NULL, IMAP_FAILURE_AUTH,
     "/tmp/mailvigil-test-none"},
    {"no secret", NULL, NULL, NULL, IMAP_FAILURE_AUTH, "no secret is configured"},
    {"a command that fails", NULL, "exit 3", NULL, IMAP_FAILURE_AUTH, "password_command"},
    {"a command without output", NULL, "true", NULL, IMAP_FAILURE_AUTH, "password_command"},
    {"a CA file that is none", NULL, "echo wonder", "/dev/null", IMAP_FAILURE_TLS, "/dev/null"},
};

static void what_goes_wrong_before_a_session_closes(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof(befores) / sizeof(*befores); i++) {
        stage->source.password_file = (char *)befores[i].file;
        stage->source.password_command = (char *)befores[i].command;
        stage->server.ca_file = (char *)befores[i].ca_file;
        stage->server.imap.security = befores[i].ca_file != NULL ? SECURITY_TLS : SECURITY_PLAIN;
        struct watcher *watcher = begin(stage, i);
        await_closed(stage, watcher);
        if (watcher->kind != befores[i].kind || strstr(watcher->reason, befores[i].reason) == NULL)
            fail_msg("%s: %d, %s", befores[i].title, (int)watcher->kind, watcher->reason);
    }
    assert_int_equal(stage->door.n_guests, 0);
}

static void the_master_signs_in_for_an_account(void **state)
{
    struct stage *stage = *state;
    static const char *const script[] = {GREETING, "C AUTHENTICATE PLAIN YWxpY2UAdmlnaWwAd29uZGVy",
                                         LOGGED_IN(""), NULL};
    struct scripted_server *server = scripted_server_new(stage->base, script, NULL, false);
    stage->server.master_user = (char *)"vigil";
    stage->server.master.password_file = stage->secret;
    stage->source.password_file = NULL;
    stage->server.imap.port = scripted_server_port(server);
    await_ready(stage, begin(stage, 0));
    assert_null(scripted_server_complaint(server));
    let_go(&stage->watchers[0]);
    scripted_server_free(server);
}

static void an_own_secret_goes_before_the_masters(void **state)
{
    struct stage *stage = *state;
    static const char *const script[] = {BEGIN(""), NULL};
    struct scripted_server *server = scripted_server_new(stage->base, script, NULL, false);
    stage->server.master_user = (char *)"vigil";
    stage->server.master.password_file = (char *)"/tmp/mailvigil-test-none";
    stage->server.imap.port = scripted_server_port(server);
    await_ready(stage, begin(stage, 0));
    assert_null(scripted_server_complaint(server));
    let_go(&stage->watchers[0]);
    scripted_server_free(server);
}

/* ---- the gate ---- */

static void so_many_sign_in_at_a_time(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < LIMIT_LOGINS + 5; i++)
        begin(stage, i);
    await_waiting(stage, LIMIT_LOGINS);
    door_admit(&stage->door);
    door_admit(&stage->door);
    await_waiting(stage, LIMIT_LOGINS);
    assert_int_equal(count_ready(stage), 2);
    let_go(&stage->watchers[10]); /* while it signs in */
    await_waiting(stage, LIMIT_LOGINS);
    assert_int_equal(stage->door.n_guests, LIMIT_LOGINS + 3);
}

static void the_first_come_sign_in_first(void **state)
{
    struct stage *stage = *state;
    stage->server.max_sessions = 1;
    for (size_t i = 0; i < 4; i++)
        begin(stage, i);
    for (size_t i = 0; i < 4; i++) {
        await_waiting(stage, 1);
        door_admit(&stage->door);
        await_ready(stage, &stage->watchers[i]);
        assert_int_equal(count_ready(stage), i + 1);
        let_go(&stage->watchers[i]);
    }
}

static void no_more_sessions_than_the_server_may_have(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->server.max_sessions = 4; /* one of them is kept for targets */
    for (size_t i = 0; i < 8; i++)
        begin(stage, i);
    run_for(stage, 200);
    assert_int_equal(count_ready(stage), 3);
    on_gone(stage->door.guests[0], 0, &stage->door); /* the server ends one */
    let_go(&stage->watchers[1]);                     /* we end one */
    run_for(stage, 200);
    assert_int_equal(count_ready(stage), 5);
    let_go(&stage->watchers[7]); /* it only waited */
    run_for(stage, 100);
    assert_int_equal(count_ready(stage), 5);
}

static void a_target_gets_the_place_that_watches_leave(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->server.max_sessions = 2;
    for (size_t i = 0; i < 3; i++)
        begin(stage, i);
    await_ready(stage, &stage->watchers[0]);
    await_ready(stage, begin_as(stage, 3, &stage->server, true));
    begin_as(stage, 4, &stage->server, true);
    run_for(stage, 100);
    assert_int_equal(count_ready(stage), 2);
    let_go(&stage->watchers[3]); /* the next target comes before the watches that waited longer */
    await_ready(stage, &stage->watchers[4]);
    run_for(stage, 100);
    assert_int_equal(count_ready(stage), 3);
}

static void failures_leave_their_place(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->server.max_sessions = 1;
    stage->source.password_file = (char *)"/tmp/mailvigil-test-none";
    for (size_t i = 0; i < LIMIT_LOGINS + 1; i++)
        begin(stage, i);
    stage->source.password_file = stage->secret;
    struct watcher *last = begin(stage, LIMIT_LOGINS + 1);
    await_ready(stage, last);
    for (size_t i = 0; i < LIMIT_LOGINS + 1; i++)
        assert_int_equal(stage->watchers[i].closed, 1);
}

static void a_reload_raises_the_limit(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->server.max_sessions = 1;
    for (size_t i = 0; i < 4; i++)
        begin(stage, i);
    run_for(stage, 100);
    assert_int_equal(count_ready(stage), 1);
    struct server raised = stage->server;
    raised.max_sessions = 0;
    begin_at(stage, 4, &raised);
    run_for(stage, 200);
    assert_int_equal(count_ready(stage), 5);
}

static void servers_do_not_wait_for_each_other(void **state)
{
    struct stage *stage = *state;
    struct door door = {.answers = true};
    struct server other = stage->server;
    other.name = (char *)"other";
    other.imap.port = door_open(&door, stage->base);
    for (size_t i = 0; i < LIMIT_LOGINS + 2; i++)
        begin(stage, i);
    struct watcher *watcher = begin_at(stage, LINKS_MAX - 1, &other);
    await_ready(stage, watcher);
    let_go(watcher);
    door_close(&door);
}

/* ---- freeing ---- */

static void freed_when_ready(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->server.max_sessions = 1;
    for (size_t i = 0; i < 5; i++)
        begin(stage, i)->free_when_ready = true;
    run_for(stage, 300);
    assert_int_equal(count_ready(stage), 5);
}

static void freed_when_closed(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    stage->door.refusal = "NO no";
    begin(stage, 0)->free_when_closed = true;
    stage->source.password_file = NULL;
    begin(stage, 1)->free_when_closed = true;
    await_closed(stage, &stage->watchers[0]);
    await_closed(stage, &stage->watchers[1]);
}

static void freed_at_any_moment(void **state)
{
    struct stage *stage = *state;
    stage->door.answers = true;
    for (unsigned turns = 0; turns < 25; turns++) {
        struct watcher *watcher = begin(stage, 0);
        for (unsigned i = 0; i < turns; i++)
            event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        let_go(watcher);
        assert_int_equal(watcher->closed, 0);
        watcher->ready = 0;
    }
    stage->source.password_file = NULL;
    stage->source.password_command = (char *)"sleep 5; echo wonder";
    struct watcher *watcher = begin(stage, 1);
    run_for(stage, 50);
    let_go(watcher);
    stage->source.password_command = NULL;
    watcher = begin(stage, 2);
    event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (watcher->closed == 0)
        let_go(watcher);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signs_in),
        TEST(tells_of_its_end_once),
        TEST(a_refused_password_closes),
        TEST(what_goes_wrong_before_a_session_closes),
        TEST(the_master_signs_in_for_an_account),
        TEST(an_own_secret_goes_before_the_masters),
        TEST(so_many_sign_in_at_a_time),
        TEST(the_first_come_sign_in_first),
        TEST(no_more_sessions_than_the_server_may_have),
        TEST(a_target_gets_the_place_that_watches_leave),
        TEST(failures_leave_their_place),
        TEST(a_reload_raises_the_limit),
        TEST(servers_do_not_wait_for_each_other),
        TEST(freed_when_ready),
        TEST(freed_when_closed),
        TEST(freed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
