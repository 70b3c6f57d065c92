#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rules/copy/copy.h"

static const unsigned char key[32] = "0123456789abcdef0123456789abcde";

/* Python: base64.b32encode(hmac.new(key, b"alice\0Sent\0" b"1700000001\0" b"42\0compliance",
 * "sha256").digest()[:16]).decode().rstrip("=").lower() */
static void test_known_id(void **state)
{
    (void)state;
    char id[MONITOR_ID_LEN + 1];
    monitor_id_make(key, "alice", "Sent", 1700000001, 42, "compliance", id);
    assert_string_equal(id, "djqefmce5m66gw3k7ildj2hlva");
}

static void test_every_part_of_the_source_counts(void **state)
{
    (void)state;
    unsigned char other_key[32] = {1};
    char ids[8][MONITOR_ID_LEN + 1];
    monitor_id_make(key, "a", "b", 1, 2, "t", ids[0]);
    monitor_id_make(key, "a", "b", 1, 2, "u", ids[1]);
    monitor_id_make(key, "a", "b", 1, 3, "t", ids[2]);
    monitor_id_make(key, "a", "b", 2, 2, "t", ids[3]);
    monitor_id_make(key, "a", "c", 1, 2, "t", ids[4]);
    monitor_id_make(key, "ab", "", 1, 2, "t", ids[5]);
    monitor_id_make(other_key, "a", "b", 1, 2, "t", ids[6]);
    monitor_id_make(key, "a", "b", 12, 2, "t", ids[7]);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool found;
    } cases[] = {
        {"X-Monitor-Id: abcdefghijklmnopqrstuvwx27\r\n", true},
        {"x-monitor-id :\r\n abcdefghijklmnopqrstuvwx27 \r\n", true},
        {"X-Monitor-Id: abcdefghijklmnopqrstuvwx2\r\n", false},
        {"X-Monitor-Id: abcdefghijklmnopqrstuvwx277\r\n", false},
        {"X-Monitor-Id: abcdefghijklmnopqrstuvwx27 x\r\n", false},
        {"X-Monitor-Id: ABCDEFGHIJKLMNOPQRSTUVWX27\r\n", false},
        {"X-Monitor-Id: abcdefghijklmnopqrstuvwx18\r\n", false},
        {"X-Monitor-Id: no\r\nX-Monitor-Id: abcdefghijklmnopqrstuvwx27\r\n", false},
        {"Subject: x\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char id[MONITOR_ID_LEN + 1];
        struct header *header = header_parse(cases[i].header, strlen(cases[i].header));
        print_message("%s", cases[i].header);
        assert_int_equal(monitor_id_read(header, id), cases[i].found);
        if (cases[i].found)
            assert_string_equal(id, "abcdefghijklmnopqrstuvwx27");
        header_free(header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_id),
        cmocka_unit_test(test_every_part_of_the_source_counts),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests_name("monitor_id", tests, NULL, NULL);
}
