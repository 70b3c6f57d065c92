/* Looking for copies in a folder: what a server may answer, and how the session may end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deliver/find_copies.h"
#include "agent/system/limit.h"
#include "imapclient/scripted_client.h"
#include "rules/util/memory.h"

#define STEPS_MAX 32
#define ID_1 "abaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_3 "hraaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_2 "acaaaaaaaaaaaaaaaaaaaaaaaa"
#define ASKS                                                                                       \
    "C CHECK", "C UID FETCH 90:?* (UID BODY.PEEK?HEADER.FIELDS (X-Monitor-Id)?)", "T OK checked"
#define HEADERS "C UID FETCH 90:?* (UID BODY.PEEK?HEADER?)"
#define ANY "C UID FETCH 90:?* (UID)"
#define SEARCH(id) "C UID SEARCH UID 90:?* HEADER X-Monitor-Id " id
#define BODY(seq, uid, field)                                                                      \
    "S * " seq " FETCH (UID " uid " BODY[HEADER.FIELDS (X-Monitor-Id)] \"" field "\")"
#define FIELD(seq, uid, id) BODY(seq, uid, "X-Monitor-Id: " id)

struct looker {
    struct client client;
    struct find_copies *search;
    unsigned answers;
    char *why;
};

static struct looker *looker;
static const char *const ids[] = {ID_1, ID_2, ID_3};

/* The agent passes a body on as it comes; the client has collected it until here. */
static void on_untagged(struct client *client, const struct imap_untagged *untagged)
{
    struct imap_body body = {0};
    size_t len = evbuffer_get_length(client->body);

    if (looker->search == NULL)
        return;
    if (len > 0) {
        assert_true(find_copies_body_begin(looker->search, &body));
        find_copies_body_data(looker->search, evbuffer_pullup(client->body, -1), len);
        evbuffer_drain(client->body, len);
    }
    find_copies_untagged(looker->search, untagged);
}

static void on_done(void *arg, const char *why)
{
    struct looker *its = arg;

    its->answers++;
    its->why = why != NULL ? xstrdup(why) : NULL;
}

static void begin(struct looker *its, const char *const *script)
{
    memset(its, 0, sizeof(*its));
    looker = its;
    client_init(&its->client);
    its->client.on_untagged = on_untagged;
    client_serve(&its->client, script);
    client_start(&its->client);
    client_await(&its->client, "ready");
    its->search = find_copies_new(its->client.session, 90, 0, ids, 3, on_done, its);
    assert_int_equal(its->answers, 0);
}

/* Until there is the answer, or until the session has ended without one. */
static void await_end(struct looker *its, bool answers)
{
    if (!answers)
        client_await(&its->client, "closed");
    for (unsigned tries = 0; answers && its->answers == 0 && tries < 1000; tries++)
        client_settle(&its->client, 5);
}

static void end(struct looker *its)
{
    find_copies_free(its->search);
    client_finish(&its->client);
    free(its->why);
}

struct search {
    const char *title;
    const char *script[STEPS_MAX]; /* from the search on */
    uint32_t first, second;        /* UIDs that are found, 0: none */
    bool answers;
    const char *why; /* a part of it, NULL: complete */
};

static const struct search searches[] = {
    {"none", {ASKS, "T OK done", NULL}, 0, 0, true, NULL},
    {"one", {ASKS, FIELD("1", "95", ID_1), "T OK done", NULL}, 95, 0, true, NULL},
    {"two",
     {ASKS, FIELD("1", "95", ID_2), FIELD("2", "96", ID_1), "T OK done", NULL},
     96,
     95,
     true,
     NULL},
    {"the last message, which n:* always gives",
     {ASKS, FIELD("1", "89", ID_1), "T OK done", NULL},
     0,
     0,
     true,
     NULL},
    {"twice the same: the first counts",
     {ASKS, FIELD("1", "95", ID_1), FIELD("2", "96", ID_1), "T OK done", NULL},
     95,
     0,
     true,
     NULL},
    {"another field",
     {ASKS, BODY("1", "95", "X-Other: " ID_1), "T OK done", NULL},
     0,
     0,
     true,
     NULL},
    {"an empty one", {ASKS, BODY("1", "95", ""), "T OK done", NULL}, 0, 0, true, NULL},
    {"one that is too short",
     {ASKS, BODY("1", "95", "X-Monitor-Id: ab"), "T OK done", NULL},
     0,
     0,
     true,
     NULL},
    {"NIL",
     {ASKS, "S * 1 FETCH (UID 95 BODY[HEADER.FIELDS (X-Monitor-Id)] NIL)", FIELD("2", "96", ID_1),
      "T OK done", NULL},
     96,
     0,
     true,
     NULL},
    {"flags between",
     {ASKS, "S * 1 FETCH (FLAGS (\\Seen))", "S * 5 EXISTS", FIELD("1", "95", ID_1), "T OK done",
      NULL},
     95,
     0,
     true,
     NULL},
    {"garbage between",
     {ASKS, "S * 1 FETCH (UID", "S * )(", FIELD("1", "95", ID_1), "T OK done", NULL},
     95,
     0,
     true,
     NULL},
    {"every way: NO",
     {ASKS, "T NO [UNAVAILABLE] later", HEADERS, "T NO two", ANY, "T NO three", SEARCH(ID_1),
      "T NO four", NULL},
     0,
     0,
     true,
     "later"},
    {"every way: BAD",
     {ASKS, "T BAD what", HEADERS, "T BAD two", ANY, "T BAD three", SEARCH(ID_1), "T BAD four",
      NULL},
     0,
     0,
     true,
     "what"},
    {"NO, but whole headers",
     {ASKS, "T NO never", HEADERS,
      "R * 1 FETCH (UID 95 BODY[HEADER] {71}\r\nFrom: a@x.test\r\n"
      "X-Monitor-Id: " ID_1 "\r\nTo: b@y.t\r\n\r\n)\r\n",
      "T OK done", NULL},
     95,
     0,
     true,
     NULL},
    {"NO, but there is no message",
     {ASKS, "T NO never", HEADERS, "T NO never", ANY, "S * 4 FETCH (UID 89)", "T OK done", NULL},
     0,
     0,
     true,
     NULL},
    {"NO, but SEARCH: what it does not find may be there",
     {ASKS, "T NO never", HEADERS, "T NO never", ANY, "S * 4 FETCH (UID 95)", "T OK done",
      SEARCH(ID_1), "S * SEARCH 95", "T OK done", SEARCH(ID_2), "S * SEARCH", "T OK done",
      SEARCH(ID_3), "S * SEARCH", "T OK done", NULL},
     95,
     0,
     true,
     "never"},
    {"NO after all were found",
     {ASKS, FIELD("1", "95", ID_1), FIELD("2", "96", ID_2), FIELD("3", "97", ID_3), "T NO never",
      NULL},
     95,
     96,
     true,
     NULL},
    {"CHECK: NO does not matter",
     {"C CHECK", "C UID FETCH *", "T NO never", FIELD("1", "95", ID_1), "T OK done", NULL},
     95,
     0,
     true,
     NULL},
    {"the end", {ASKS, "CLOSE", NULL}, 0, 0, false, NULL},
    {"the end within", {ASKS, FIELD("1", "95", ID_1), "CLOSE", NULL}, 95, 0, false, NULL},
    {"BYE", {ASKS, "S * BYE", "CLOSE", NULL}, 0, 0, false, NULL},
};

static void check_search(const struct search *search)
{
    const char *script[STEPS_MAX + 4] = {BEGIN("")};
    struct looker its;

    print_message("%s\n", search->title);
    for (size_t i = 0; search->script[i] != NULL; i++)
        script[3 + i] = search->script[i];
    begin(&its, script);
    client_await_script(&its.client);
    await_end(&its, search->answers);
    assert_int_equal(its.answers, search->answers);
    assert_int_equal(its.why != NULL, search->why != NULL);
    if (search->why != NULL)
        assert_non_null(strstr(its.why, search->why));
    assert_int_equal(find_copies_uid(its.search, ID_1), search->first);
    assert_int_equal(find_copies_uid(its.search, ID_2), search->second);
    end(&its);
}

static void test_every_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(searches) / sizeof(*searches); i++)
        check_search(&searches[i]);
}

static void test_silence_is_no_answer(void **state)
{
    static const char *const script[] = {BEGIN(""), ASKS, "END", NULL};
    struct looker its;

    (void)state;
    begin(&its, script);
    client_settle(&its.client, 20);
    session_shorten_deadlines(its.client.session);
    client_await(&its.client, "closed TIMEOUT");
    client_await_script(&its.client);
    assert_int_equal(its.answers, 0);
    end(&its);
}

static void test_a_field_that_is_too_long_is_none_of_ours(void **state)
{
    static const char *const script[] = {BEGIN(""),
                                         ASKS,
                                         "R * 1 FETCH (UID 95 BODY[HEADER.FIELDS (X-Monitor-Id)] "
                                         "{5000}\r\n",
                                         "BIG 5000",
                                         "S )",
                                         FIELD("2", "96", ID_1),
                                         "T OK done",
                                         NULL};
    struct looker its;

    (void)state;
    begin(&its, script);
    client_await_script(&its.client);
    while (its.answers == 0)
        client_settle(&its.client, 5);
    assert_int_equal(find_copies_uid(its.search, ID_1), 96);
    end(&its);
}

/* Neither memory nor time has no end. */
static void test_a_flood_is_not_listened_to(void **state)
{
    static const char *const script[] = {BEGIN(""), ASKS, "HOLD", NULL};
    const struct imap_untagged reply = {.kind = IMAP_UNTAGGED_FETCH, .fetch = {.uid = 95}};
    struct looker its;

    (void)state;
    begin(&its, script);
    for (unsigned i = 0; i < LIMIT_SEARCH_REPLIES; i++)
        find_copies_untagged(its.search, &reply);
    assert_int_equal(its.answers, 0);
    find_copies_untagged(its.search, &reply);
    find_copies_untagged(its.search, &reply);
    assert_int_equal(its.answers, 1);
    assert_true(find_copies_is_flooded(its.search));
    assert_non_null(strstr(its.why, "without end"));
    client_abandon(&its.client);
    find_copies_free(its.search);
    free(its.why);
}

static void test_more_than_are_expected(void **state)
{
    static char lines[200][120];
    static const char *script[208] = {BEGIN(""), ASKS};
    struct looker its;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        snprintf(lines[i], sizeof(lines[i]), FIELD("1", "%zu", "%c%caaaaaaaaaaaaaaaaaaaaaaaa"),
                 90 + i, (char)('a' + i / 26), (char)('a' + i % 26));
        script[6 + i] = lines[i];
    }
    script[206] = "T OK done";
    begin(&its, script);
    client_await_script(&its.client);
    while (its.answers == 0)
        client_settle(&its.client, 5);
    assert_int_equal(find_copies_uid(its.search, ID_1), 91);
    assert_int_equal(find_copies_uid(its.search, "hraaaaaaaaaaaaaaaaaaaaaaaa"), 90 + 199);
    end(&its);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer),
        cmocka_unit_test(test_silence_is_no_answer),
        cmocka_unit_test(test_a_field_that_is_too_long_is_none_of_ours),
        cmocka_unit_test(test_a_flood_is_not_listened_to),
        cmocka_unit_test(test_more_than_are_expected),
    };

    return cmocka_run_group_tests_name("agent.deliver.find_copies", tests, NULL, NULL);
}
