/* A set from a server: its own text must give the same set, and printing in parts loses nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/text/uidset.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_parts(const struct imap_uidset *set, size_t limit)
{
    struct imap_uidset again = {0};
    size_t range = 0;
    for (char *part; (part = imap_uidset_text(set, &range, limit)) != NULL; free(part)) {
        struct imap_uidset some = {0};
        check(imap_uidset_parse(&some, part, strlen(part)));
        for (size_t i = 0; i < some.count; i++)
            check(imap_uidset_add(&again, some.ranges[i].first, some.ranges[i].last));
        imap_uidset_clear(&some);
    }
    check(imap_uidset_size(&again) == imap_uidset_size(set));
    imap_uidset_clear(&again);
}

static void check_normal(const struct imap_uidset *set)
{
    for (size_t i = 0; i < set->count; i++) {
        check(set->ranges[i].first <= set->ranges[i].last);
        check(i == 0 || (uint64_t)set->ranges[i - 1].last + 1 < set->ranges[i].first);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imap_uidset set = {0};
    if (!imap_uidset_parse(&set, (const char *)data, size)) {
        check(set.count == 0);
        return 0;
    }
    uint32_t first = imap_uidset_nth(&set, 0);
    check(first != 0 && imap_uidset_contains(&set, first));
    check(imap_uidset_nth(&set, imap_uidset_size(&set)) == 0);
    check_parts(&set, 1);
    check_parts(&set, 40);
    check_parts(&set, SIZE_MAX);
    imap_uidset_normalise(&set);
    check_normal(&set);
    check(imap_uidset_contains(&set, first));
    imap_uidset_clear(&set);
    return 0;
}
