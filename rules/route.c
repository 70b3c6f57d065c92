#include "rules/route.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rules/mime/address.h"
#include "rules/mime/body.h"
#include "rules/util/memory.h"

const char *warning_text(unsigned warning)
{
    switch (warning) {
    case WARNING_FROM_MISMATCH:
        return "from-mismatch";
    case WARNING_CLAIMED_INTERNAL:
        return "claimed-internal";
    case WARNING_NO_FROM:
        return "no-from";
    case WARNING_SEVERAL_FROM:
        return "several-from";
    case WARNING_HEADER_TRUNCATED:
        return "header-truncated";
    case WARNING_TOO_MANY_RECIPIENTS:
        return "too-many-recipients";
    case WARNING_TNEF:
        return "tnef";
    case WARNING_OLD_MESSAGE:
        return "old-message";
    case WARNING_BODY_LIMITED:
        return "body-limited";
    case WARNING_HEADER_CUT:
        return "header-cut";
    case WARNING_DATE_UNKNOWN:
        return "date-unknown";
    case WARNING_UNREADABLE_RECIPIENT:
        return "unreadable-recipient";
    case WARNING_BARE_CR:
        return "bare-cr";
    case WARNING_NO_BLANK_LINE:
        return "no-blank-line";
    case WARNING_FORGED_ID:
        return "forged-id";
    case WARNING_ENCRYPTED:
        return "encrypted";
    default:
        return NULL;
    }
}

const char *basis_text(enum basis basis)
{
    static const char *const texts[] = {
        [BASIS_OWNER] = "owner",
        [BASIS_TO] = "to",
        [BASIS_CC] = "cc",
        [BASIS_BCC] = "bcc",
        [BASIS_DELIVERED_TO] = "delivered-to",
        [BASIS_X_ORIGINAL_TO] = "x-original-to",
        [BASIS_ENVELOPE_TO] = "envelope-to",
        [BASIS_RESENT_TO] = "resent-to",
        [BASIS_RESENT_CC] = "resent-cc",
        [BASIS_RESENT_BCC] = "resent-bcc",
    };
    assert(basis < sizeof(texts) / sizeof(*texts));
    return texts[basis];
}

unsigned route_certain(enum folder_role role)
{
    unsigned sent = DIRECTION_OUTGOING | DIRECTION_INTERNAL;
    return role == FOLDER_SENT ? sent : sent | DIRECTION_INCOMING;
}

bool route_is_internal(const struct rule_set *set, const char *address)
{
    const char *domain = address_domain(address);
    for (char **internal = set->domains; domain != NULL && internal != NULL && *internal != NULL;
         internal++)
        if (strcasecmp(domain, *internal) == 0)
            return true;
    return false;
}

/* The owner's address as configured, or NULL if the address is not the owner's. */
static const char *own_address(const struct owner *owner, const char *address)
{
    if (address_belongs(owner->address, address))
        return owner->address;
    for (const char *const *alias = owner->aliases; alias != NULL && *alias != NULL; alias++)
        if (address_belongs(*alias, address))
            return *alias;
    return NULL;
}

/* ---- addresses in fields ---- */

/* What some program may read in the header is not known: a field may be missing. */
static bool is_incomplete(const struct header *header)
{
    return header->truncated || header->garbled;
}

/* The addresses in fields of that name that start before `end`. */
static void gather(const struct header *header, const char *name, const char *end,
                   struct address_list *list)
{
    size_t count;
    const struct header_field *fields = header_read(header, &count);
    for (size_t i = 0; i < count && fields[i].start < end; i++)
        if (header_field_is(&fields[i], name))
            address_list_parse(list, fields[i].value, fields[i].value_len);
}

static const char *header_end(const struct header *header)
{
    return header->text + header->len;
}

static size_t count_own(const struct owner *owner, const struct address_list *list)
{
    size_t own = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        own += own_address(owner, list->addresses[i]) != NULL;
    return own;
}

/* On which side of the domains the addresses lie, in any reading. */
struct sides {
    bool internal, external;
};

static struct sides find_sides(const struct rule_set *set, const struct address_list *list)
{
    struct sides sides = {.external = list->skipped > 0};
    for (size_t i = 0; i < list->count; i++)
        if (route_is_internal(set, list->addresses[i]))
            sides.internal = true;
        else
            sides.external = true;
    for (size_t i = 0; list->readings != NULL && i < list->readings->count; i++)
        sides.internal |= route_is_internal(set, list->readings->addresses[i]);
    return sides;
}

struct authors {
    struct address_list list;
    size_t fields;
    bool nobody; /* a From in which nothing can be read as an address, but it has something */
    bool first_reading; /* a From precedes any line that is no field */
};

static size_t count_readings(const struct address_list *list)
{
    return list->count + (list->readings != NULL ? list->readings->count : 0);
}

static bool is_known(const struct authors *authors)
{
    return count_readings(&authors->list) > 0;
}

static void add_authors(struct authors *authors, const struct header_field *field)
{
    struct address_list *list = &authors->list;
    size_t known = count_readings(list), skipped = list->skipped, unreadable = list->n_unreadable;
    address_list_parse(list, field->value, field->value_len);
    authors->nobody |= list->skipped > skipped && count_readings(list) == known &&
                       !address_list_daemon(list, unreadable);
}

static struct authors find_authors(const struct header *header)
{
    struct authors authors = {0};
    const char *last = NULL;
    size_t count;
    const struct header_field *fields = header_read(header, &count);
    for (size_t i = 0; i < count; i++) {
        if (!header_field_is(&fields[i], "From"))
            continue;
        add_authors(&authors, &fields[i]);
        authors.fields += fields[i].start != last; /* the lines of one with bare CRs count once */
        authors.first_reading |= fields[i].start < header->text + header->fields_len;
        last = fields[i].start;
    }
    return authors;
}

/* The position of the first Received, in fields or in what some programs read; NULL: none. */
static const char *first_received(const struct header *header)
{
    size_t count;
    const struct header_field *fields = header_read(header, &count);
    for (size_t i = 0; i < count; i++)
        if (header_field_is(&fields[i], "Received"))
            return fields[i].start;
    return NULL;
}

/* ---- sent ---- */

enum kind { RECEIVED, SENT, EITHER };

static enum kind find_kind(const struct message *message, const struct authors *authors)
{
    const struct address_list *list = &authors->list;
    if (message->role == FOLDER_SENT)
        return SENT;
    size_t own = count_own(message->owner, list);
    if (header_find(message->header, "Received", 0) != NULL ||
        (own + count_own(message->owner, list->readings) == 0 && !is_incomplete(message->header)))
        return RECEIVED;
    bool certain = own == list->count && list->skipped == 0 && !is_incomplete(message->header) &&
                   first_received(message->header) == NULL;
    return certain ? SENT : EITHER;
}

static void add_recipient(struct route *route, const char *address, enum basis basis)
{
    if ((route->n_recipients & (route->n_recipients - 1)) == 0) { /* 0 or a power of two */
        size_t room = route->n_recipients == 0 ? 1 : route->n_recipients * 2;
        route->recipients = xreallocarray(route->recipients, room, sizeof(*route->recipients));
    }
    route->recipients[route->n_recipients++] =
        (struct recipient){.address = xstrdup(address), .basis = basis};
}

/* The end of the topmost block of Resent fields that names a recipient: below it is the Received of
 * an earlier way. */
static const char *resent_end(const struct header *header)
{
    bool resent = false;
    for (size_t i = 0; i < header->count; i++) {
        const struct header_field *field = &header->fields[i];
        resent |= header_field_is(field, "Resent-To") || header_field_is(field, "Resent-Cc") ||
                  header_field_is(field, "Resent-Bcc");
        if (resent && header_field_is(field, "Received"))
            return field->start;
    }
    return header_end(header);
}

/* Names the recipients if route is not NULL. */
static void gather_recipients(const struct header *header, struct address_list *list,
                              struct route *route)
{
    static const struct {
        const char *name;
        enum basis basis;
    } fields[] = {{"To", BASIS_TO},
                  {"Cc", BASIS_CC},
                  {"Bcc", BASIS_BCC},
                  {"Resent-To", BASIS_RESENT_TO},
                  {"Resent-Cc", BASIS_RESENT_CC},
                  {"Resent-Bcc", BASIS_RESENT_BCC}};
    const char *end = header_end(header), *block_end = resent_end(header);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        size_t known = list->count, unreadable = list->n_unreadable;
        gather(header, fields[i].name, fields[i].basis < BASIS_RESENT_TO ? end : block_end, list);
        for (; route != NULL && known < list->count; known++)
            add_recipient(route, list->addresses[known], fields[i].basis);
        for (; route != NULL && unreadable < list->n_unreadable; unreadable++)
            add_recipient(route, list->unreadable[unreadable], fields[i].basis);
    }
}

/* The claimed authors, all of them: or the first could hide the others. */
static unsigned received_directions(const struct rule_set *set, const struct header *header,
                                    const struct authors *authors)
{
    struct sides sides = find_sides(set, &authors->list);
    unsigned directions = 0;
    if (sides.internal || authors->nobody || is_incomplete(header))
        directions |= DIRECTION_INTERNAL;
    if (sides.external || !authors->first_reading || !is_known(authors) || is_incomplete(header))
        directions |= DIRECTION_INCOMING;
    return directions;
}

/* a%x.test@example.org, x.test!a@example.org, "a@x.test"@example.org: a server may relay it to
 * x.test. */
static bool may_be_relayed(const char *address)
{
    const char *at = strrchr(address, '@');
    return at != NULL && strcspn(address, "%!@") < (size_t)(at - address);
}

static bool any_may_be_relayed(const struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (may_be_relayed(list->addresses[i]))
            return true;
    return false;
}

static unsigned sent_directions(const struct rule_set *set, const struct header *header,
                                const struct address_list *list)
{
    struct sides sides = find_sides(set, list);
    bool incomplete = is_incomplete(header);
    /* a name without a domain is mostly delivered at ours */
    unsigned internal = sides.internal || list->names > 0 || incomplete ? DIRECTION_INTERNAL : 0;
    bool outgoing = sides.external || incomplete || internal == 0 || any_may_be_relayed(list);
    return outgoing ? internal | DIRECTION_OUTGOING : internal;
}

static void route_sent(const struct rule_set *set, const struct message *message,
                       const struct authors *authors, struct route *route)
{
    struct address_list list = {0};
    route->sent = true;
    route->sender = xstrdup(message->owner->address);
    if (is_known(authors) && count_own(message->owner, &authors->list) == 0 &&
        count_own(message->owner, authors->list.readings) == 0)
        route->warnings |= WARNING_FROM_MISMATCH;
    bool received = first_received(message->header) != NULL || is_incomplete(message->header);
    bool mismatch = (route->warnings & WARNING_FROM_MISMATCH) != 0 || !is_known(authors);
    route->filed = received && mismatch;
    gather_recipients(message->header, &list, route);
    route->directions = sent_directions(set, message->header, &list);
    if (route->filed)
        route->directions |= received_directions(set, message->header, authors);
    if (list.left_out > 0)
        route->warnings |= WARNING_TOO_MANY_RECIPIENTS;
    if (list.skipped > 0 || is_incomplete(message->header))
        route->warnings |= WARNING_UNREADABLE_RECIPIENT;
    address_list_clear(&list);
}

/* ---- received ---- */

/* The first of the owner's addresses in the field, or NULL. */
static const char *find_own_address(const struct header_field *field, const struct owner *owner)
{
    struct address_list list = {0};
    const char *own = NULL;
    address_list_parse(&list, field->value, field->value_len);
    for (size_t i = 0; i < list.count && own == NULL; i++)
        own = own_address(owner, list.addresses[i]);
    address_list_clear(&list);
    return own;
}

struct basis_field {
    const char *name;
    enum basis basis;
};

/* Only fields above the first Received were written by the delivering server. */
static const char *find_delivered(const struct message *message, enum basis *basis)
{
    static const struct basis_field fields[] = {{"Delivered-To", BASIS_DELIVERED_TO},
                                                {"X-Original-To", BASIS_X_ORIGINAL_TO},
                                                {"Envelope-To", BASIS_ENVELOPE_TO}};
    const char *received = first_received(message->header);
    if (received == NULL)
        return NULL;
    const struct header_field *end = message->header->fields + message->header->count;
    for (const struct header_field *field = message->header->fields;
         field < end && field->start < received; field++)
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
            const char *own = header_field_is(field, fields[i].name)
                                  ? find_own_address(field, message->owner)
                                  : NULL;
            *basis = fields[i].basis;
            if (own != NULL)
                return own;
        }
    return NULL;
}

static const char *find_addressed(const struct message *message, enum basis *basis)
{
    static const struct basis_field fields[] = {{"To", BASIS_TO}, {"Cc", BASIS_CC}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        *basis = fields[i].basis;
        for (size_t n = 0; n < message->header->count; n++) {
            const struct header_field *field = &message->header->fields[n];
            const char *own = header_field_is(field, fields[i].name)
                                  ? find_own_address(field, message->owner)
                                  : NULL;
            if (own != NULL)
                return own;
        }
    }
    return NULL;
}

static void received_recipient(const struct message *message, struct route *route)
{
    enum basis basis;
    const char *own = find_delivered(message, &basis);
    if (own == NULL)
        own = find_addressed(message, &basis);
    if (own == NULL || own == message->owner->address)
        add_recipient(route, message->owner->address, BASIS_OWNER);
    else
        add_recipient(route, own, basis);
}

static const char *claimed_sender(const struct address_list *authors)
{
    if (authors->count > 0)
        return authors->addresses[0];
    if (authors->readings != NULL && authors->readings->count > 0)
        return authors->readings->addresses[0];
    return authors->n_unreadable > 0 ? authors->unreadable[0] : "";
}

static void route_received(const struct rule_set *set, const struct message *message,
                           const struct authors *authors, struct route *route)
{
    route->sender = xstrdup(claimed_sender(&authors->list));
    route->sender_claimed = true;
    if (find_sides(set, &authors->list).internal)
        route->warnings |= WARNING_CLAIMED_INTERNAL;
    route->directions = received_directions(set, message->header, authors);
    received_recipient(message, route);
}

/* It may have been sent: the directions that it would have then. */
static unsigned directions_if_sent(const struct rule_set *set, const struct message *message)
{
    struct address_list list = {0};
    gather_recipients(message->header, &list, NULL);
    unsigned directions = sent_directions(set, message->header, &list);
    address_list_clear(&list);
    return directions;
}

static unsigned other_warnings(const struct message *message, const struct authors *authors)
{
    const struct header *header = message->header;
    unsigned warnings = 0;
    if (!is_known(authors))
        warnings |= WARNING_NO_FROM;
    if (authors->fields > 1 || authors->list.count + authors->list.n_unreadable > 1)
        warnings |= WARNING_SEVERAL_FROM;
    if (header->truncated)
        warnings |= WARNING_HEADER_TRUNCATED;
    if (header->bare_cr)
        warnings |= WARNING_BARE_CR;
    if (header->fields_len < header->len)
        warnings |= WARNING_NO_BLANK_LINE;
    if (message->body != NULL && message->body->tnef)
        warnings |= WARNING_TNEF;
    if (message->body != NULL ? message->body->encrypted
                              : body_header_encrypted(message->header->text, message->header->len))
        warnings |= WARNING_ENCRYPTED;
    return warnings;
}

static bool is_single(const struct header *header, const struct authors *authors)
{
    return authors->fields == 1 && authors->list.count == 1 && authors->list.skipped == 0 &&
           !header->bare_cr && header->fields_len == header->len && !is_incomplete(header);
}

struct route *route_find(const struct rule_set *set, const struct message *message)
{
    struct route *route = xcalloc(1, sizeof(*route));
    struct authors authors = find_authors(message->header);
    enum kind kind = find_kind(message, &authors);
    route->warnings = other_warnings(message, &authors);
    route->single_author = is_single(message->header, &authors);
    if (kind == SENT)
        route_sent(set, message, &authors, route);
    else
        route_received(set, message, &authors, route);
    if (kind == EITHER)
        route->directions |= directions_if_sent(set, message);
    address_list_clear(&authors.list);
    assert(route->sender != NULL && route->directions != 0);
    assert((route->directions & route_certain(message->role)) != 0);
    assert(route->sent || route->n_recipients == 1);
    return route;
}

void route_free(struct route *route)
{
    if (route == NULL)
        return;
    for (size_t i = 0; i < route->n_recipients; i++)
        free(route->recipients[i].address);
    free(route->recipients);
    free(route->sender);
    free(route);
}
