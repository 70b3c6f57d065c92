/* What is read is a date that exists, within bounds, and is read the same when it is written anew.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/time/calendar.h"
#include "rules/time/mail_date.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_date(const struct mail_date *date)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct calendar local = calendar_split((int64_t)date->at + date->zone * 60);
    int zone = date->zone < 0 ? -date->zone : date->zone;
    struct mail_date again = {0};
    char text[80];

    check(local.year >= 1900 && local.year <= 9999 && zone < 16 * 60);
    check(date->zone_known || date->zone == 0);
    int len = snprintf(text, sizeof(text), "%d %s %04d %02d:%02d:%02d %c%02d%02d", local.day,
                       months[local.month - 1], (int)local.year, local.hour, local.minute,
                       local.second, date->zone < 0 ? '-' : '+', zone / 60, zone % 60);
    check(mail_date_parse(text, (size_t)len, &again));
    check(again.at == date->at && again.zone == date->zone && again.zone_known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0(data, size);
    struct mail_date date = {0};

    text = xrealloc(text, size > 0 ? size : 1);
    if (mail_date_parse(text, size, &date))
        check_date(&date);
    if (mail_date_of_received(text, size, &date))
        check_date(&date);
    free(text);
    return 0;
}
