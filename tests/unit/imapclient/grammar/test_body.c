/* Parsing the head of a unit whose body is streamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imapclient/grammar/body.h"

struct head_case {
    const char *head;
    uint32_t seq, uid;
    const char *section;
};

static const struct head_case heads[] = {
    {"* 12 FETCH (UID 7 BODY[] ", 12, 7, ""},
    {"* 12 FETCH (UID 7 BODY[]", 12, 7, ""},
    {"*  12 FETCH (UID 7 BODY[] ", 12, 7, ""},
    {"* 12 FETCH (BODY[HEADER] ", 12, 0, "HEADER"},
    {"* 1 fetch (flags (\\Seen $X) uid 4294967295 body[text]<0> ", 1, UINT32_MAX, "text"},
    {"* 1 FETCH (UID 4294967296 BODY[] ", 1, 0, ""},
    {"* 1 FETCH (UID 99999999999999999999999 BODY[] ", 1, 0, ""},
    {"* 1 FETCH (UID 7 RFC822.HEADER ", 1, 7, "HEADER"},
    {"* 1 FETCH (UID 7 RFC822.TEXT ", 1, 7, "TEXT"},
    {"* 1 FETCH (UID 7 RFC822 ", 1, 7, ""},
    {"* 1 FETCH (UID 7 BINARY[1.2] ~", 1, 7, "1.2"},
    {"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (X-A \"B ]\")] ", 1, 7, "HEADER.FIELDS (X-A \"B ]\")"},
    {"* 1 FETCH (BODY[HEADER] NIL UID 7 BODY[TEXT] ", 1, 7, "TEXT"},
    {"* 1 FETCH (ENVELOPE (\"UID 9 BODY[]\" NIL) UID 7 BODY[1] ", 1, 7, "1"},
    {"* 1 FETCH (ENVELOPE (\"a\\\" UID 9 \" NIL) UID 7 BODY[1] ", 1, 7, "1"},
    {"* 1 FETCH (X {8}\r\n UID 9 ( UID 7 BODY[1] ", 1, 7, "1"},
    {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 00:00:00 +0000\" UID 3 BODY[] ", 1, 3, ""},
    {"* 1 FETCH (X {4000000000}\r\nabc", 1, 0, ""},
    {"* 1 FETCH (UID", 1, 0, ""},
    {"* ", 0, 0, ""},
    {"", 0, 0, ""},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct body_head head;
        /* A copy of exactly that length, so that reading past it is detected. */
        size_t len = strlen(heads[i].head);
        char *copy = malloc(len + 1);
        memcpy(copy, heads[i].head, len);
        body_head_read(&head, copy, len);
        print_message("  %s\n", heads[i].head);
        assert_int_equal(head.seq, heads[i].seq);
        assert_int_equal(head.uid, heads[i].uid);
        assert_string_equal(head.section, heads[i].section);
        free(head.section);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
