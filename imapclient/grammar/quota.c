/*
 * QUOTA, RFC 9208 section 5.1 and RFC 2087 section 5.1. Parsed here: libetpan stores usage and
 * limit in 32 bits, which is less than four terabytes in the units of STORAGE.
 */
#include "imapclient/grammar/private.h"

#define STORAGE_UNIT 1024

static bool is_word_end(const struct scan *scan)
{
    return scan->at < scan->end && (*scan->at == ' ' || *scan->at == ')');
}

/* A known resource: usage SP limit, in units. */
static bool read_resource(struct scan *scan, uint64_t unit, uint64_t *used, uint64_t *limit)
{
    scan_spaces(scan);
    if (!scan_number(scan, INT64_MAX / unit, used) || !scan_spaces(scan) ||
        !scan_number(scan, INT64_MAX / unit, limit))
        return false;
    *used *= unit;
    *limit *= unit;
    return true;
}

/* resource-name SP usage SP limit; other resources are skipped. */
static bool read_any_resource(struct scan *scan, struct imap_quota *quota)
{
    struct span name, passed;
    if (!scan_word(scan, &name) || !scan_spaces(scan))
        return false;
    if (span_is(name, "STORAGE"))
        return read_resource(scan, STORAGE_UNIT, &quota->storage_used, &quota->storage_limit);
    if (span_is(name, "MESSAGE"))
        return read_resource(scan, 1, &quota->messages_used, &quota->messages_limit);
    return scan_value(scan, &passed) && scan_spaces(scan) && scan_value(scan, &passed);
}

/* "QUOTA" SP quota-root-name SP "(" [resource *(SP resource)] ")". */
bool grammar_quota(struct grammar *grammar, struct scan *scan)
{
    struct span root;
    scan_spaces(scan);
    if (!scan_astring(scan, &grammar->arena, &root))
        return false;
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return false;
    for (;;) {
        scan_spaces(scan);
        if (scan_char(scan, ')'))
            return scan_is_done(scan);
        if (!read_any_resource(scan, &grammar->response.untagged.quota) || !is_word_end(scan))
            return false;
    }
}
