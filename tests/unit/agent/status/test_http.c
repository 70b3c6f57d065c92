/* The status service, by raw sockets: who is answered what, who is cut off, and that it serves on
 * behind everything hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/status/fake_snapshot.h"
#include "agent/status/http.h"

struct stage {
    struct event_base *base;
    struct http *http;
    struct fake fake;
    bool later; /* figures are given by give_figures() */
    ledger_figures_done *done;
    void *done_arg;
    unsigned asked;
    bool ready;
    const char *unhealthy;
};

static void on_figures_asked(void *arg, ledger_figures_done *done, void *done_arg)
{
    struct stage *stage = arg;

    stage->asked++;
    if (stage->later) {
        assert_null(stage->done); /* one question at a time */
        stage->done = done;
        stage->done_arg = done_arg;
        return;
    }
    done(done_arg, &stage->fake.figures, stage->fake.targets, stage->fake.n_targets);
}

static void on_figures_forgotten(void *arg, const void *done_arg)
{
    struct stage *stage = arg;

    assert_non_null(stage->done); /* only what was asked is forgotten */
    assert_ptr_equal(done_arg, stage->done_arg);
    stage->done = NULL;
}

static void give_figures(struct stage *stage)
{
    ledger_figures_done *done = stage->done;

    assert_non_null(done);
    stage->done = NULL;
    done(stage->done_arg, &stage->fake.figures, stage->fake.targets, stage->fake.n_targets);
}

static void on_view_asked(void *arg, struct snapshot *snapshot)
{
    *snapshot = ((struct stage *)arg)->fake.snapshot;
}

static bool on_ready_asked(void *arg)
{
    return ((struct stage *)arg)->ready;
}

static const char *on_health_asked(void *arg)
{
    return ((struct stage *)arg)->unhealthy;
}

static struct http *serve(struct stage *stage, const char *listen, char **why)
{
    const struct http_source source = {on_figures_asked, on_figures_forgotten, on_view_asked,
                                       on_ready_asked,   on_health_asked,      stage};

    return http_new(stage->base, listen, &source, why);
}

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    char *why = NULL;

    assert_non_null(stage);
    fake_make(&stage->fake);
    stage->base = event_base_new();
    stage->http = serve(stage, "127.0.0.1:0", &why);
    if (stage->http == NULL)
        fail_msg("no service: %s", why);
    assert_true(http_port(stage->http) != 0);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;

    http_free(stage->http);
    assert_null(stage->done); /* what was not answered is forgotten */
    event_base_free(stage->base);
    free(stage);
    return 0;
}

/* ---- clients ---- */

static void turn(struct stage *stage)
{
    const struct timeval tick = {.tv_usec = 10000};

    event_base_loopexit(stage->base, &tick);
    event_base_loop(stage->base, EVLOOP_ONCE);
}

static int connect_to(const struct stage *stage)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(http_port(stage->http))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int say(const struct stage *stage, const char *text)
{
    int fd = connect_to(stage);

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

/* What came until the other side closed; the connection is closed then. */
static char *await_end(struct stage *stage, int fd, int seconds)
{
    char *text = xstrdup(""), piece[65536];
    size_t len = 0;
    time_t limit = time(NULL) + seconds;

    for (;;) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            break;
        if (got > 0) {
            text = xrealloc(text, len + (size_t)got + 1);
            memcpy(text + len, piece, (size_t)got);
            len += (size_t)got;
            text[len] = '\0';
            continue;
        }
        if (time(NULL) > limit)
            fail_msg("the connection was not closed; so far: %s", text);
        turn(stage);
    }
    close(fd);
    return text;
}

static char *ask(struct stage *stage, const char *request)
{
    return await_end(stage, say(stage, request), 5);
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");

    if (end == NULL)
        fail_msg("no end of the header: %s", answer);
    return end + 4;
}

static void assert_begins(const char *text, const char *begin)
{
    if (strncmp(text, begin, strlen(begin)) != 0)
        fail_msg("not \"%s\" but: %s", begin, text);
}

static void assert_serves(struct stage *stage)
{
    char *answer = ask(stage, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");

    assert_begins(answer, stage->unhealthy == NULL ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 503 ");
    free(answer);
}

/* ---- answers ---- */

static const struct {
    const char *request, *begin, *part;
} answers[] = {
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "Content-Type: text/html; charset=utf-8\r\n"},
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "No problems."},
    {"GET /?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "No problems."},
    {"GET http://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "# EOF\n"},
    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
    {"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"
     "\r\n",
     "HTTP/1.1 200 OK\r\n",
     "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"},
    {"GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n", "Content-Length: "},
    {"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "\"instance\":\"example.org\""},
    {"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 ", "not all accounts"},
    {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"},
    {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", "/metrics"},
    {"GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", ""},
    {"GET /../metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", ""},
    {"GET //metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", ""},
    {"GET /%2e HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", ""},
    {"GET /<script> HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 40", ""},
    {"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ",
     "Allow: GET, HEAD\r\n"},
    {"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n"},
    {"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n"},
    {"TRACE / HTTP/1.1\r\nHost: x\r\nCookie: a\r\n\r\n", "HTTP/1.1 405 ", "only GET and HEAD"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413 ", ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 413 ",
     ""},
};

static void each_request_has_its_answer(void **state)
{
    struct stage *stage = *state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        char *answer = ask(stage, answers[i].request);
        assert_begins(answer, answers[i].begin);
        assert_has(answer, answers[i].part);
        if (strstr(answers[i].begin, "413") != NULL) { /* evhttp's own */
            free(answer);
            continue;
        }
        assert_has(answer, "Cache-Control: no-store\r\n");
        assert_has(answer, "X-Content-Type-Options: nosniff\r\n");
        assert_has(answer, "Content-Security-Policy: default-src 'none'; style-src 'sha256-");
        free(answer);
    }
    assert_serves(stage);
}

static void head_tells_the_length_and_no_more(void **state)
{
    struct stage *stage = *state;
    const char *paths[] = {"/", "/healthz", "/nothing"}; /* alike each time */

    stage->fake.snapshot.started = 0;
    for (size_t i = 0; i < 3; i++) {
        char *get = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        char *head = xasprintf("HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        char *whole = ask(stage, get), *begin = ask(stage, head);
        char *length = xasprintf("Content-Length: %zu\r\n", strlen(body_of(whole)));
        assert_has(whole, length);
        assert_has(begin, length);
        assert_string_equal(body_of(begin), "");
        free(length);
        free(begin);
        free(whole);
        free(head);
        free(get);
    }
}

static void health_and_readiness_follow_the_agent(void **state)
{
    struct stage *stage = *state;
    char *answer;

    stage->ready = true;
    answer = ask(stage, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_begins(answer, "HTTP/1.1 200 ");
    free(answer);
    stage->unhealthy = "the disk is full";
    answer = ask(stage, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_begins(answer, "HTTP/1.1 503 ");
    assert_string_equal(body_of(answer), "the disk is full\n");
    free(answer);
    assert_int_equal(stage->asked, 0); /* they must be told when the ledger hangs */
}

static void the_style_sheet_is_let_through(void **state)
{
    struct stage *stage = *state;
    char *answer = ask(stage, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *begin = strstr(answer, "<style>") + strlen("<style>");
    const char *end = strstr(answer, "</style>");
    unsigned char digest[32], text[64];
    unsigned len;

    assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, &len, EVP_sha256(), NULL), 1);
    EVP_EncodeBlock(text, digest, 32);
    char *source = xasprintf("style-src 'sha256-%s';", text);
    assert_has(answer, source);
    assert_has_not(answer, "style=");
    free(source);
    free(answer);
}

static const struct {
    const char *accept;
    bool openmetrics;
} accepts[] = {
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"text/html,application/xhtml+xml,*/*;q=0.8", false},
    {"text/plain;version=0.0.4", false},
    {"application/openmetrics-text", true},
    {"Application/OpenMetrics-Text; version=1.0.0", true},
    {"application/openmetrics-text;version=1.0.0;q=0", false},
    {"application/openmetrics-text;q=0.4,text/plain;q=0.5", false},
    {"text/plain;q=0.5 , application/openmetrics-text;version=1.0.0;Q=0.5", true},
    {"application/openmetrics-textual", false},
    {"x-application/openmetrics-text", false},
    {"application/openmetrics-text;eq=0", true},
    {";q=,,;;q", false},
    /* Prometheus 2.42 */
    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     true},
};

static void what_is_preferred(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepts) / sizeof(*accepts); i++)
        if (http_accepts_openmetrics(accepts[i].accept) != accepts[i].openmetrics)
            fail_msg("%s", accepts[i].accept);
}

/* ---- figures that come later ---- */

static void await_asked(struct stage *stage, unsigned asked)
{
    time_t limit = time(NULL) + 5;

    while (stage->asked < asked) {
        if (time(NULL) > limit)
            fail_msg("the figures were not asked for");
        turn(stage);
    }
}

static void figures_are_asked_once_for_all_who_wait(void **state)
{
    struct stage *stage = *state;
    int fds[5];

    stage->later = true;
    for (size_t i = 0; i < 5; i++) {
        fds[i] = say(stage, i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                                       : "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        await_asked(stage, 1);
        turn(stage);
    }
    assert_serves(stage); /* meanwhile */
    give_figures(stage);
    for (size_t i = 0; i < 5; i++) {
        char *answer = await_end(stage, fds[i], 5);
        assert_begins(answer, "HTTP/1.1 200 ");
        assert_has(answer, i % 2 == 0 ? "</html>" : "# EOF");
        free(answer);
    }
    assert_int_equal(stage->asked, 1);
}

static void clients_leave_before_the_figures(void **state)
{
    struct stage *stage = *state;

    stage->later = true;
    for (unsigned i = 1; i <= 3; i++) {
        for (unsigned k = 0; k < HTTP_CLIENTS_MAX / 2; k++) {
            int fd = say(stage, "GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n");
            await_asked(stage, i);
            struct linger now = {.l_onoff = 1};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, k % 2 == 0 ? sizeof(now) : 0);
            close(fd);
            turn(stage);
        }
        give_figures(stage);
        turn(stage);
    }
    assert_serves(stage);
}

static void the_service_ends_while_figures_are_awaited(void **state)
{
    struct stage *stage = *state;
    char *why = NULL;

    stage->later = true;
    int waits = say(stage, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), idle = connect_to(stage);
    await_asked(stage, 1);
    turn(stage);
    http_free(stage->http);
    assert_null(stage->done); /* the question is forgotten */
    stage->http = serve(stage, "127.0.0.1:0", &why);
    assert_non_null(stage->http);
    close(waits);
    close(idle);
    assert_serves(stage);
}

/* ---- hostile clients ---- */

static void endless_headers_are_cut_off(void **state)
{
    struct stage *stage = *state;
    char *begin[] = {"GET /", "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\n"};
    char *piece[] = {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "Name: value\r\n"};

    for (size_t i = 0; i < 3; i++) {
        int fd = say(stage, begin[i]);
        time_t limit = time(NULL) + 5;
        /* What the kernel takes on its way counts for nothing. */
        while (send(fd, piece[i], strlen(piece[i]), MSG_NOSIGNAL) > 0 || errno == EAGAIN) {
            if (time(NULL) > limit)
                fail_msg("%s: it is still listened to", piece[i]);
            turn(stage);
        }
        close(fd);
    }
    assert_serves(stage);
}

static const char *const nonsense[] = {
    "\r\n\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "GET / HTTP/1.1\nHost\n\n",
    "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT mail.example.org:25 HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /\x01\x7f\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "EHLO mail.example.org\r\nMAIL FROM:<>\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n c\r\n\td\r\n: e\r\n\r\n",
};

/* Nothing of it is answered with 200 but what is a GET; whatever it is, it stops nobody. */
static void nonsense_is_survived(void **state)
{
    struct stage *stage = *state;

    for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
        int fd = say(stage, nonsense[i]);
        shutdown(fd, SHUT_WR);
        char *answer = await_end(stage, fd, 5);
        if (strncmp(nonsense[i], "GET / HTTP", 10) != 0)
            assert_has_not(answer, " 200 OK");
        free(answer);
        assert_serves(stage);
    }
}

static void pipelined_requests_get_one_answer(void **state)
{
    struct stage *stage = *state;
    char *answer = ask(stage, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

    assert_string_equal(body_of(answer), "ok\n");
    free(answer);
}

static unsigned count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void further_clients_wait_until_there_is_room(void **state)
{
    struct stage *stage = *state;
    int fds[HTTP_CLIENTS_MAX];
    unsigned before = count_descriptors();

    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++)
        fds[i] = connect_to(stage);
    int late = say(stage, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    for (unsigned i = 0; i < 50; i++)
        turn(stage);
    /* Ours at both ends, and one more at ours alone. */
    assert_int_equal(count_descriptors(), before + 2 * HTTP_CLIENTS_MAX + 1);
    char c;
    assert_int_equal(recv(late, &c, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    close(fds[7]);
    char *answer = await_end(stage, late, 5);
    assert_begins(answer, "HTTP/1.1 200 ");
    free(answer);
    for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++)
        if (i != 7)
            close(fds[i]);
    assert_serves(stage);
    time_t limit = time(NULL) + 5;
    while (count_descriptors() > before && time(NULL) < limit)
        turn(stage);
    assert_int_equal(count_descriptors(), before);
}

/* However busy it keeps itself: a second an octet, or reading nothing of a long answer; or waiting
 * for figures that do not come. All at once, for it takes as long as it takes. */
static void nobody_stays_longer_than_allowed(void **state)
{
    struct stage *stage = *state;
    time_t began = time(NULL);
    int idle = connect_to(stage), slow = say(stage, "GET / HTTP/1.1\r\nX: ");
    bool told = false;
    char piece[512];

    stage->later = true;
    int waits = say(stage, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await_asked(stage, 1);
    while (send(slow, "x", 1, MSG_NOSIGNAL) == 1) {
        if (time(NULL) - began > HTTP_TIMEOUT + 5)
            fail_msg("the slow one is still there");
        for (time_t now = time(NULL); time(NULL) == now;)
            turn(stage);
        ssize_t got = recv(waits, piece, sizeof(piece) - 1, 0);
        if (got > 0 && !told) {
            piece[got] = '\0';
            assert_begins(piece, "HTTP/1.1 503 ");
            assert_true(time(NULL) - began <= HTTP_PATIENCE + 2);
            told = true;
        }
    }
    assert_true(told);
    assert_true(time(NULL) - began >= HTTP_TIMEOUT - 1);
    free(await_end(stage, idle, 3));
    close(slow);
    close(waits);
    give_figures(stage); /* for nobody */
    stage->later = false;
    assert_serves(stage);
}

/* ---- where it listens ---- */

static const struct {
    const char *listen;
    bool good;
} listens[] = {
    {"127.0.0.1:0", true},
    {"localhost:0", true},
    {"[::1]:0", true},
    {"127.0.0.1", false},
    {"127.0.0.1:", false},
    {"127.0.0.1:65536", false},
    {"127.0.0.1:80x", false},
    {"127.0.0.1:-1", false},
    {"::1:8025", false},
    {"[::1]", false},
    {"mail.example:1", false},
    {"", false},
    {":", false},
    {"256.0.0.1:0", false},
    {"[::1]x:0", false},
};

static void addresses_are_read_or_refused(void **state)
{
    struct stage *stage = *state;

    for (size_t i = 0; i < sizeof(listens) / sizeof(*listens); i++) {
        char *why = NULL;
        struct http *http = serve(stage, listens[i].listen, &why);
        if (http == NULL && listens[i].good && strchr(why, '[') != NULL &&
            strstr(why, "expected") == NULL)
            print_message("no IPv6 here: %s\n", why);
        else if ((http != NULL) != listens[i].good)
            fail_msg("%s: %s", listens[i].listen, http != NULL ? "taken" : why);
        http_free(http);
        free(why);
    }
}

static void a_port_that_is_taken_is_told(void **state)
{
    struct stage *stage = *state;
    char *listen = xasprintf("127.0.0.1:%u", http_port(stage->http)), *why = NULL;

    assert_null(serve(stage, listen, &why));
    assert_has(why, listen);
    assert_has(why, "in use");
    free(why);
    free(listen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_request_has_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(head_tells_the_length_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(health_and_readiness_follow_the_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(the_style_sheet_is_let_through, setup, teardown),
        cmocka_unit_test(what_is_preferred),
        cmocka_unit_test_setup_teardown(figures_are_asked_once_for_all_who_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_leave_before_the_figures, setup, teardown),
        cmocka_unit_test_setup_teardown(the_service_ends_while_figures_are_awaited, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(endless_headers_are_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(pipelined_requests_get_one_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(further_clients_wait_until_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_stays_longer_than_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_read_or_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
