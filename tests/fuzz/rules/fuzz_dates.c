/* What a sender can add changes no reading of when a message arrived; a date that only its owner
 * wrote is never believed against what the agent saw. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/dates.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct date_readings read_header(struct message message, const char *text, size_t len,
                                        enum trace *trace)
{
    struct header *header = header_parse(text, len);
    struct date_readings readings;
    struct mail_date date;

    message.header = header;
    readings = dates_read(&message);
    *trace = trace_date(header, &date);
    check(readings.n == (*trace == TRACE_DATED && !message.date_unknown ? 2u : 1u));
    check(*trace == TRACE_NONE || header_was_delivered(header));
    check(!header_guess_date(header, &date) || date.at >= 0);
    header_free(header);
    return readings;
}

/* Fields before and after the whole, as a sender adds them below what delivery adds. */
static void check_additions(const struct message *message, const char *text, size_t len,
                            const struct date_readings *before, enum trace trace)
{
    static const char added[] =
        "X-A: b\r\nDate: Fri, 2 Jan 2009 12:00:00 +0000\r\nX-Received: x\r\n";
    struct buffer more = {0};
    struct date_readings after;
    enum trace again;

    buffer_text(&more, added);
    buffer_add(&more, text, len);
    after = read_header(*message, more.data, more.len, &again);
    buffer_free(&more);
    check(again == trace && after.n == before->n);
    for (size_t i = 0; i < after.n; i++)
        check(after.at[i] == before->at[i]);
    check((after.doubt == NULL) == (before->doubt == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message = {.seen = 1767355200, .seen_after = 1767355200 - 60};
    struct date_readings readings;
    enum trace trace;
    uint32_t word;

    if (size < 5)
        return 0;
    memcpy(&word, data, sizeof(word));
    message.internaldate = (time_t)word;
    message.date_unknown = (data[4] & 1) != 0;
    if ((data[4] & 2) != 0)
        message.seen = message.seen_after = 0;
    char *text = xmemdup0(data + 5, size - 5);
    readings = read_header(message, text, size - 5, &trace);
    if (message.seen != 0 && trace != TRACE_DATED && readings.doubt == NULL)
        check(llabs((long long)message.internaldate - (long long)message.seen) <=
              DATES_TOLERANCE + 60);
    check_additions(&message, text, size - 5, &readings, trace);
    free(text);
    return 0;
}
