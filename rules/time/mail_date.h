/*
 * The date-time of a mail header: RFC 5322 section 3.3 with the obsolete forms of section 4.3
 * (comments, two-digit years, zone names), and what is found in the wild: no comma, no seconds,
 * fractions of a second, long names of days and months, the order of asctime(3).
 *
 * A date that does not exist (30 Feb, 25:00, zone +9900) is refused, never bent into another one.
 * Cost: linear, without recursion; only the first MAIL_DATE_MAX octets are read.
 */
#ifndef RULES_TIME_MAIL_DATE_H
#define RULES_TIME_MAIL_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define MAIL_DATE_MAX 1000

struct mail_date {
    time_t at;
    int zone;        /* minutes east of UTC */
    bool zone_known; /* false: none, or a name without a meaning (RFC 5322: -0000); read as UTC */
};

/* CR, LF and tabs are white space: a field need not be unfolded. false: *date is unchanged. */
bool mail_date_parse(const char *text, size_t len, struct mail_date *date);

/* That of a Received field's value, after its last ";". */
bool mail_date_of_received(const char *value, size_t len, struct mail_date *date);

#endif
