/* Any header: what is told of it is within its bounds, and a date that is read is one of the years
 * 1900 to 9999, wherever the text lies and whatever is behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/roundtrip/delivery_facts.h"
#include "rules/util/memory.h"

#define YEAR_1900 (-2208988800)
#define YEAR_10000 253402300800
#define DAYS(n) ((n)*INT64_C(86400)) /* zones reach over the ends */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_date(const char *text, size_t len)
{
    int64_t seconds = 4711;
    if (!delivery_date(text, len, &seconds)) {
        if (seconds != 4711)
            abort();
        return;
    }
    if (seconds < YEAR_1900 - DAYS(2) || seconds > YEAR_10000 + DAYS(2))
        abort();
    /* folding behind it changes nothing */
    char *longer = xmalloc(len + 3);
    memcpy(longer, text, len);
    memcpy(longer + len, "\r\n ", 3);
    int64_t again;
    if (!delivery_date(longer, len + 3, &again) || again != seconds)
        abort();
    free(longer);
}

static void check_auth(const struct header *header, const char *server)
{
    enum auth_result results[AUTH_METHODS];
    memset(results, 0xff, sizeof(results));
    delivery_auth(header, server, results);
    for (size_t i = 0; i < AUTH_METHODS; i++)
        if ((unsigned)results[i] >= AUTH_RESULTS)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmalloc(size);
    int64_t seconds[ROUNDTRIP_HOPS_MAX];
    if (size > 0)
        memcpy(text, data, size);
    struct header *header = header_parse(text, size);
    size_t n = delivery_hops(header, seconds);
    if (n > ROUNDTRIP_HOPS_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        if (llabs(seconds[i]) > YEAR_10000 - YEAR_1900 + DAYS(4))
            abort();
    check_auth(header, NULL);
    check_auth(header, "m");
    check_date(text, size);
    header_free(header);
    free(text);
    return 0;
}
