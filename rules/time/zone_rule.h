/*
 * The rule that applies after the last listed change of a zone: a POSIX TZ string,
 * "CET-1CEST,M3.5.0,M10.5.0/3", with the extension of RFC 8536 section 3.3.1 (hours from -167 to
 * 167).
 */
#ifndef RULES_TIME_ZONE_RULE_H
#define RULES_TIME_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_day { ZONE_DAY_OF_YEAR, ZONE_DAY_WITHOUT_LEAP, ZONE_WEEKDAY_OF_MONTH };

struct zone_change {
    enum zone_day kind;
    int month, week, day;
    int time; /* seconds since midnight, by the local time in effect before the change */
};

struct zone_rule {
    bool has_summer;
    int standard, summer; /* seconds ahead of UTC */
    struct zone_change to_summer, to_standard;
};

bool zone_rule_parse(const char *text, size_t len, struct zone_rule *rule);
int zone_rule_offset(const struct zone_rule *rule, int64_t time);

#endif
