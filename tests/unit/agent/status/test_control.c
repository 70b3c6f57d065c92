/* The control socket, with true sockets: who is answered, who is cut off, what is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/status/control.h"
#include "rules/util/memory.h"

struct stage {
    char dir[64], path[96];
    struct event_base *base;
    struct control *control;
    const char *at_once;               /* the answer, or NULL: the test answers itself */
    struct control_question *question; /* the last one */
    char *line;
    unsigned asked;
};

static void on_ask(void *arg, struct control_question *question, const char *line)
{
    struct stage *stage = arg;
    free(stage->line);
    stage->line = strdup(line);
    stage->question = question;
    stage->asked++;
    if (stage->at_once != NULL)
        control_answer(question, stage->at_once, strlen(stage->at_once));
}

static void serve(struct stage *stage)
{
    char *why = NULL;
    stage->control = control_new(stage->base, stage->dir, on_ask, stage, &why);
    if (stage->control == NULL)
        fail_msg("no control socket: %s", why);
}

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    strcpy(stage->dir, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(stage->dir));
    snprintf(stage->path, sizeof(stage->path), "%s/control.sock", stage->dir);
    stage->base = event_base_new();
    serve(stage);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    control_free(stage->control);
    event_base_free(stage->base);
    free(stage->line);
    unlink(stage->path);
    assert_int_equal(rmdir(stage->dir), 0);
    free(stage);
    return 0;
}

static void turn(struct stage *stage)
{
    const struct timeval tick = {.tv_usec = 20000};
    event_base_loopexit(stage->base, &tick);
    event_base_loop(stage->base, EVLOOP_ONCE);
}

static int connect_to(const struct stage *stage)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    strcpy(address.sun_path, stage->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Runs the loop until that many questions were asked. */
static void await_asked(struct stage *stage, unsigned asked)
{
    time_t limit = time(NULL) + 5;
    while (stage->asked < asked) {
        if (time(NULL) > limit)
            fail_msg("no question came");
        turn(stage);
    }
}

/* Runs the loop until the other side closes; what came until then, a new string. */
static char *await_end(struct stage *stage, int fd, int seconds)
{
    char *text = xstrdup(""), piece[4096];
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
            fail_msg("the connection was not closed");
        turn(stage);
    }
    close(fd);
    return text;
}

static void assert_end(struct stage *stage, int fd, const char *expected)
{
    char *text = await_end(stage, fd, 5);
    assert_string_equal(text, expected);
    free(text);
}

/* A whole round: the socket serves. */
static void assert_serves(struct stage *stage)
{
    unsigned before = stage->asked;
    int fd = connect_to(stage);
    say(fd, "ping\n", 5);
    await_asked(stage, before + 1);
    assert_string_equal(stage->line, "ping");
    if (stage->at_once == NULL)
        control_answer(stage->question, "pong", 4);
    assert_end(stage, fd, stage->at_once == NULL ? "pong" : stage->at_once);
}

static void a_question_is_answered_later(void **state)
{
    struct stage *stage = *state;
    int fd = connect_to(stage);
    say(fd, "status json\n", 12);
    await_asked(stage, 1);
    assert_string_equal(stage->line, "status json");
    turn(stage);
    control_answer(stage->question, "{}\n", 3);
    assert_end(stage, fd, "{}\n");
    assert_serves(stage);
}

static void a_question_is_answered_at_once(void **state)
{
    struct stage *stage = *state;
    stage->at_once = "here";
    assert_serves(stage);
}

static void an_empty_answer_closes(void **state)
{
    struct stage *stage = *state;
    stage->at_once = "";
    assert_serves(stage);
}

static void a_question_comes_in_pieces(void **state)
{
    struct stage *stage = *state;
    int fd = connect_to(stage);
    stage->at_once = "yes";
    for (const char *p = "status"; *p != '\0'; p++) {
        say(fd, p, 1);
        turn(stage);
    }
    assert_int_equal(stage->asked, 0);
    say(fd, "\n", 1);
    assert_end(stage, fd, "yes");
    assert_string_equal(stage->line, "status");
}

static void one_connection_asks_once(void **state)
{
    struct stage *stage = *state;
    int fd = connect_to(stage);
    say(fd, "one\ntwo\n", 8);
    await_asked(stage, 1);
    say(fd, "three\n", 6);
    turn(stage);
    control_answer(stage->question, "first", 5);
    assert_end(stage, fd, "first");
    assert_int_equal(stage->asked, 1);
    assert_string_equal(stage->line, "one");
}

/* As `echo status | nc -UN` does. */
static void a_client_may_close_its_side_after_asking(void **state)
{
    struct stage *stage = *state;
    for (int round = 0; round < 2; round++) {
        int fd = connect_to(stage);
        stage->at_once = round == 0 ? NULL : "soon";
        say(fd, "status\n", 7);
        shutdown(fd, SHUT_WR);
        await_asked(stage, (unsigned)round + 1);
        turn(stage);
        if (round == 0)
            control_answer(stage->question, "late", 4);
        assert_end(stage, fd, round == 0 ? "late" : "soon");
    }
}

static void a_client_leaves_before_the_answer(void **state)
{
    struct stage *stage = *state;
    for (unsigned i = 0; i < 3 * CONTROL_CLIENTS_MAX; i++) {
        int fd = connect_to(stage);
        say(fd, "status\n", 7);
        await_asked(stage, i + 1);
        close(fd);
        turn(stage);
        control_answer(stage->question, "nobody hears this", 17);
        turn(stage);
    }
    assert_serves(stage);
}

static void a_client_leaves_without_a_question(void **state)
{
    struct stage *stage = *state;
    for (unsigned i = 0; i < 3 * CONTROL_CLIENTS_MAX; i++) {
        int fd = connect_to(stage);
        say(fd, "stat", i % 2 == 0 ? 4 : 0);
        close(fd);
        turn(stage);
    }
    assert_int_equal(stage->asked, 0);
    assert_serves(stage);
}

static void an_endless_line_is_cut_off(void **state)
{
    struct stage *stage = *state;
    char text[2048];
    memset(text, 'x', sizeof(text));
    int fd = connect_to(stage);
    say(fd, text, sizeof(text));
    assert_end(stage, fd, "");
    assert_int_equal(stage->asked, 0);
    text[sizeof(text) - 1] = '\n';
    fd = connect_to(stage);
    say(fd, text, sizeof(text));
    assert_end(stage, fd, "");
    assert_int_equal(stage->asked, 0);
    assert_serves(stage);
}

static void more_clients_than_allowed_are_turned_away(void **state)
{
    struct stage *stage = *state;
    int fds[CONTROL_CLIENTS_MAX];
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        fds[i] = connect_to(stage);
        turn(stage);
    }
    assert_end(stage, connect_to(stage), "");
    close(fds[3]);
    turn(stage);
    assert_serves(stage);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (i != 3)
            close(fds[i]);
}

static void a_stale_socket_is_replaced(void **state)
{
    struct stage *stage = *state;
    char *why = NULL;
    control_free(stage->control);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, stage->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_null(control_request(stage->dir, "status", &why));
    assert_non_null(strstr(why, "no agent is running"));
    free(why);
    serve(stage);
    assert_serves(stage);
}

static void nobody_else_may_ask(void **state)
{
    struct stage *stage = *state;
    struct stat status;
    assert_int_equal(stat(stage->path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void no_socket_is_left_behind(void **state)
{
    struct stage *stage = *state;
    int fd = connect_to(stage);
    char *why = NULL;
    say(fd, "status\n", 7);
    await_asked(stage, 1);
    control_free(stage->control);
    stage->control = NULL;
    assert_int_equal(access(stage->path, F_OK), -1);
    assert_end(stage, fd, "");
    control_answer(stage->question, "too late", 8);
    assert_null(control_request(stage->dir, "status", &why));
    assert_non_null(strstr(why, "no agent is running"));
    free(why);
}

static void a_path_too_long_is_told(void **state)
{
    struct stage *stage = *state;
    char dir[200];
    memset(dir, 'x', sizeof(dir));
    dir[0] = '/';
    dir[sizeof(dir) - 1] = '\0';
    char *why = NULL;
    assert_null(control_new(stage->base, dir, on_ask, stage, &why));
    assert_non_null(strstr(why, "too long"));
    free(why);
    why = NULL;
    assert_null(control_request(dir, "status", &why));
    assert_non_null(strstr(why, "too long"));
    free(why);
}

static void a_missing_directory_is_told(void **state)
{
    struct stage *stage = *state;
    char *why = NULL;
    assert_null(control_new(stage->base, "/tmp/mailvigil-no-such-dir", on_ask, stage, &why));
    assert_non_null(strstr(why, "No such file"));
    free(why);
}

/* ---- the other side, in a thread of its own as it waits ---- */

struct asker {
    const char *dir;
    char *answer, *why;
    bool ended;
};

static void *ask_in_thread(void *arg)
{
    struct asker *asker = arg;
    asker->answer = control_request(asker->dir, "status", &asker->why);
    __atomic_store_n(&asker->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

static void run_asker(struct stage *stage, struct asker *asker)
{
    pthread_t thread;
    asker->dir = stage->dir;
    assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, asker), 0);
    while (!__atomic_load_n(&asker->ended, __ATOMIC_ACQUIRE))
        turn(stage);
    pthread_join(thread, NULL);
}

static void request_gives_a_long_answer(void **state)
{
    struct stage *stage = *state;
    struct asker asker = {0};
    char *text = xmalloc(3000001);
    for (size_t i = 0; i < 3000000; i++)
        text[i] = (char)('a' + i % 26);
    text[3000000] = '\0';
    stage->at_once = text;
    run_asker(stage, &asker);
    assert_null(asker.why);
    assert_non_null(asker.answer);
    assert_true(strcmp(asker.answer, text) == 0);
    free(asker.answer);
    free(text);
}

static void request_tells_of_no_answer(void **state)
{
    struct stage *stage = *state;
    struct asker asker = {0};
    stage->at_once = "";
    run_asker(stage, &asker);
    assert_null(asker.answer);
    assert_string_equal(asker.why, "the agent closed the connection without a reply");
    free(asker.why);
}

static void request_takes_no_half_answer(void **state)
{
    struct stage *stage = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct asker asker = {.dir = stage->dir};
    char piece[3];
    pthread_t thread;
    strcpy(address.sun_path, stage->path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(stage->path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, &asker), 0);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(recv(fd, piece, sizeof(piece), 0), sizeof(piece));
    assert_int_equal(send(fd, "{\"half", 6, MSG_NOSIGNAL), 6);
    close(fd); /* with the question unread: the client sees a reset */
    close(listener);
    pthread_join(thread, NULL);
    assert_null(asker.answer);
    assert_non_null(strstr(asker.why, "cut short"));
    free(asker.why);
}

/* Also shows that a question does not keep its client for longer. Takes CONTROL_TIMEOUT seconds. */
static void a_question_without_answer_is_closed_in_time(void **state)
{
    struct stage *stage = *state;
    time_t begin = time(NULL);
    int fd = connect_to(stage), silent = connect_to(stage);
    say(fd, "status\n", 7);
    await_asked(stage, 1);
    char *text = await_end(stage, fd, CONTROL_TIMEOUT + 3);
    assert_string_equal(text, "");
    free(text);
    text = await_end(stage, silent, 3);
    assert_string_equal(text, "");
    free(text);
    assert_true(time(NULL) - begin >= CONTROL_TIMEOUT - 1);
    control_answer(stage->question, "too late", 8);
    assert_serves(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_is_answered_later),
        TEST(a_question_is_answered_at_once),
        TEST(an_empty_answer_closes),
        TEST(a_question_comes_in_pieces),
        TEST(one_connection_asks_once),
        TEST(a_client_may_close_its_side_after_asking),
        TEST(a_client_leaves_before_the_answer),
        TEST(a_client_leaves_without_a_question),
        TEST(an_endless_line_is_cut_off),
        TEST(more_clients_than_allowed_are_turned_away),
        TEST(a_stale_socket_is_replaced),
        TEST(nobody_else_may_ask),
        TEST(no_socket_is_left_behind),
        TEST(a_path_too_long_is_told),
        TEST(a_missing_directory_is_told),
        TEST(request_gives_a_long_answer),
        TEST(request_tells_of_no_answer),
        TEST(request_takes_no_half_answer),
        TEST(a_question_without_answer_is_closed_in_time),
    };
    signal(SIGPIPE, SIG_IGN); /* as the agent does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
