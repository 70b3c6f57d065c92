#include "rules/dates.h"

#include <stdint.h>

static bool read_received(const struct header_field *field, struct mail_date *date)
{
    return mail_date_of_received(field->value, field->value_len, date) && date->zone_known;
}

enum trace trace_date(const struct header *header, struct mail_date *date)
{
    const struct header_field *field = header_find(header, "Received", 0);

    if (field == NULL)
        return header->truncated ? TRACE_UNREADABLE : TRACE_NONE;
    return read_received(field, date) ? TRACE_DATED : TRACE_UNREADABLE;
}

bool header_was_delivered(const struct header *header)
{
    static const char *const names[] = {"Received", "Return-Path", "Delivered-To", "X-Original-To",
                                        "Envelope-To"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (header_find(header, names[i], 0) != NULL)
            return true;
    return header->truncated;
}

bool header_guess_date(const struct header *header, struct mail_date *date)
{
    const struct header_field *field = header_find(header, "Date", 0);
    struct mail_date found;

    if (trace_date(header, &found) != TRACE_DATED &&
        (field == NULL || !mail_date_parse(field->value, field->value_len, &found)))
        return false;
    if (found.at < 0)
        return false;
    *date = found;
    return true;
}

static void add(struct date_readings *readings, time_t at, const char *by)
{
    readings->at[readings->n] = at;
    readings->by[readings->n++] = by;
}

/* Whether the agent saw it first about when it is said to have arrived. */
static bool fits_first_sight(const struct message *message)
{
    time_t from = message->seen_after != 0 ? message->seen_after : message->seen;

    if (message->seen == 0)
        return true; /* nobody watched */
    return message->internaldate >= from - DATES_TOLERANCE &&
           message->internaldate <= message->seen + DATES_TOLERANCE;
}

struct date_readings dates_read(const struct message *message)
{
    struct date_readings readings = {.earliest = message->seen_after, .latest = message->seen};
    struct mail_date received;
    bool has_trace = trace_date(message->header, &received) == TRACE_DATED;

    if (message->date_unknown) {
        readings.doubt = "the server gave no usable date";
        readings.earliest = 0;
        readings.latest = INT64_MAX;
        add(&readings, message->internaldate, "estimate");
        return readings;
    }
    add(&readings, message->internaldate, "INTERNALDATE");
    if (has_trace)
        add(&readings, received.at, "Received");
    bool confirmed = has_trace && message->role != FOLDER_SENT;
    if (!confirmed && !fits_first_sight(message))
        readings.doubt = "its date is not that of its arrival, and no server confirms it";
    return readings;
}
