#include "agent/capture/private.h"

#include "rules/dates.h"

void capture_suspect(const struct capture *capture, struct item *item, bool has_draft_flag)
{
    const struct folder *folder = capture->folder;

    item->maybe_draft = has_draft_flag && folder->role != FOLDER_SENT;
    item->maybe_old = item->uid <= folder->look_through && !item->date_unknown &&
                      item->internaldate < folder->baseline_at;
}

bool capture_needs_triage(const struct item *item)
{
    return !item->decided && (item->maybe_draft || item->maybe_old);
}

/* INTERNALDATE is older, and so is what the receiving MTA wrote. In Sent the owner writes all. */
static bool precedes_baseline(const struct folder *folder, const struct header *header)
{
    struct mail_date received;

    return folder->role != FOLDER_SENT && trace_date(header, &received) == TRACE_DATED &&
           received.at < folder->baseline_at;
}

/* internaldate is the time of the list by now; a Date may lie in the future. */
static void guess_date(struct item *item, const struct header *header)
{
    struct mail_date date;

    if (!header_guess_date(header, &date) || date.at > item->internaldate + DATES_TOLERANCE)
        return;
    item->internaldate = date.at;
    item->internaldate_zone = date.zone;
}

void capture_triage(const struct capture *capture, struct item *item, const char *header_text,
                    size_t len)
{
    struct header *header;

    if (!item->maybe_draft && !item->maybe_old && !item->date_unknown)
        return;
    header = header_parse(header_text, len);
    header->truncated = header->truncated || len >= HEADER_MAX;
    if (item->maybe_old && precedes_baseline(capture->folder, header))
        capture_settle(item, UID_BEFORE_BASELINE, "older than the baseline of the account");
    else if (item->maybe_draft && !header_was_delivered(header))
        capture_settle(item, UID_DRAFT, NULL);
    if (item->date_unknown)
        guess_date(item, header);
    item->maybe_draft = item->maybe_old = false;
    header_free(header);
}
