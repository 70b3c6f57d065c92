/* What `ledger` says of completeness, by what the agent answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/command/ledger.h"
#include "agent/command/standing.h"
#include "agent/ledger/ledger_help.h"

#define MAIL "Subject: one\n\nbody\n"

/* alice and bob have a delivered copy each. */
static int setup(void **state)
{
    room_setup(state);
    struct room *room = *state;
    int64_t alice = room_folder(room, "alice", "INBOX", 7, 1, true);
    int64_t bob = room_folder(room, "bob", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){alice, 1, MAIL, .targets = {"compliance"}});
    room_capture(room, &(struct mail){bob, 1, "Subject: two\n\nbody\n", .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 10);
    room_deliver(room, 0, 1);
    room_deliver(room, 1, 2);
    return 0;
}

/* ---- an agent that says what it is told ---- */

struct answering {
    int fd;
    const char *answer;
    pthread_t thread;
    char question[64];
};

static void *answer_once(void *arg)
{
    struct answering *answering = arg;
    int fd = accept(answering->fd, NULL, NULL);
    ssize_t got = read(fd, answering->question, sizeof(answering->question) - 1);
    answering->question[got > 0 ? got : 0] = '\0';
    ssize_t sent = write(fd, answering->answer, strlen(answering->answer));
    (void)sent;
    close(fd);
    return NULL;
}

static void answering_start(struct answering *answering, const struct room *room,
                            const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", room->dir);
    unlink(address.sun_path);
    *answering = (struct answering){.answer = answer};
    answering->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(answering->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(answering->fd, 1), 0);
    assert_int_equal(pthread_create(&answering->thread, NULL, answer_once, answering), 0);
}

static void answering_end(struct answering *answering)
{
    pthread_join(answering->thread, NULL);
    close(answering->fd);
    assert_string_equal(answering->question, "problems\n");
}

/* ---- the command ---- */

static char *run(const struct room *room, const char *account, bool json)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(ledger_command(room->dir, account, true, NULL, false, json, out), 0);
    fclose(out);
    return text;
}

static void check(const struct room *room, const char *answer, const char *account, bool json,
                  const char *expected)
{
    struct answering answering;
    answering_start(&answering, room, answer);
    char *text = run(room, account, json);
    answering_end(&answering);
    if (strstr(text, expected) == NULL)
        fail_msg("after \"%s\" \"%s\" is not in:\n%s", answer, expected, text);
    free(text);
}

#define SO_FAR "\nAll wanted copies of the messages seen so far have been delivered"
#define DOWN "problems 2\naccount\talice\tauthentication failed\nledger\t\tno space is left\n"

static const struct {
    const char *answer, *account;
    const char *text, *json;
} cases[] = {
    {"problems 0\n", NULL, "\nAll wanted copies have been delivered.\n",
     "\"complete\":true,\"agent\":\"running\",\"problems\":[],"},
    {DOWN, NULL,
     SO_FAR ", but there are 2 problems:\n  account alice: authentication failed\n"
            "  ledger: no space is left\nSee \"mailvigil status\".\n",
     "\"complete\":false,\"agent\":\"running\",\"problems\":[\"account alice: authentication "
     "failed\",\"ledger: no space is left\"],"},
    {DOWN, "alice", "but there are 2 problems", "\"complete\":false"},
    {DOWN, "bob", SO_FAR ", but there is 1 problem:\n  ledger: no",
     "[\"ledger: no space is left\"]"},
    {"problems 1\naccount\talice\tx\n", "bob", "\nAll wanted copies have been delivered.\n",
     "\"complete\":true"},
    {"unknown request\n", NULL, SO_FAR ", but there is 1 problem:\n  agent: its reply is not",
     "\"complete\":false,\"agent\":\"unknown\",\"problems\":[\"agent: its"},
    {"problems 2\naccount\talice\tx\n", NULL, "  agent: its reply is not", "\"agent\":\"unknown\""},
    {"problems 1\naccount\talice\tx", NULL, "  agent: its reply is not", "\"agent\":\"unknown\""},
    {"problems 1\naccount alice\n", NULL, "  agent: its reply is not", "\"agent\":\"unknown\""},
    {"", NULL, "  agent: the agent closed the connection", "\"agent\":\"unknown\""},
};

static void every_answer_of_the_agent(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        check(*state, cases[i].answer, cases[i].account, false, cases[i].text);
        check(*state, cases[i].answer, cases[i].account, true, cases[i].json);
    }
}

static void many_problems_are_cut_for_people_only(void **state)
{
    char answer[2000] = "problems 30\n";
    for (int i = 0; i < 30; i++)
        snprintf(answer + strlen(answer), 40, "account\ta%d\tdown\n", i);
    check(*state, answer, NULL, false, "  account a19: down\n  and 10 more\nSee ");
    check(*state, answer, NULL, true, "\"account a29: down\"]");
}

static void a_stopped_agent_has_seen_nothing_since(void **state)
{
    struct answering answering;
    char *text = run(*state, NULL, false), expected[200], *end;
    time_t now = time(NULL);
    struct tm utc;
    strftime(expected, sizeof(expected),
             SO_FAR "; the agent is not running, so what has arrived since %Y-%m-%d ",
             gmtime_r(&now, &utc));
    assert_non_null(strstr(text, expected));
    end = strstr(text, " UTC has not been seen.\n");
    assert_non_null(end);
    free(text);
    text = run(*state, NULL, true);
    assert_non_null(strstr(text, "\"complete\":false,\"agent\":\"stopped\",\"problems\":[],"));
    free(text);
    /* One that was killed leaves its socket. */
    answering_start(&answering, *state, "problems 0\n");
    text = run(*state, NULL, false);
    answering_end(&answering);
    free(text);
    text = run(*state, NULL, true);
    assert_non_null(strstr(text, "\"agent\":\"stopped\""));
    free(text);
}

static void what_waits_and_what_is_in_question_are_both_told(void **state)
{
    struct room *room = *state;
    int64_t inbox = room_folder(room, "carol", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){inbox, 1, "Subject: three\n\nx\n", .targets = {"other"}});
    check(room, DOWN, NULL, false,
          "Not all wanted copies have been delivered:\n  1 copy is pending\n"
          "Messages may be missing here, because of 2 problems:\n  account alice: ");
    check(room, "problems 0\n", NULL, false, "  1 copy is pending\n");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, room_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_answer_of_the_agent),
        TEST(many_problems_are_cut_for_people_only),
        TEST(a_stopped_agent_has_seen_nothing_since),
        TEST(what_waits_and_what_is_in_question_are_both_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
