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
    };
    assert(basis < sizeof(texts) / sizeof(*texts));
    return texts[basis];
}

unsigned route_possible(enum folder_role role)
{
    unsigned sent = DIRECTION_OUTGOING | DIRECTION_INTERNAL;
    return role == FOLDER_SENT ? sent : sent | DIRECTION_INCOMING;
}

static bool is_internal(const struct rule_set *set, const char *address)
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
    if (address_same(owner->address, address))
        return owner->address;
    for (const char *const *alias = owner->aliases; alias != NULL && *alias != NULL; alias++)
        if (address_same(*alias, address))
            return *alias;
    return NULL;
}

static void parse_field(const struct header_field *field, struct address_list *list)
{
    char *value = header_value(field, HEADER_MAX);
    address_list_parse(list, value, strlen(value));
    free(value);
}

/* Returns the number of fields of that name. */
static size_t gather(const struct header *header, const char *name, struct address_list *list)
{
    size_t fields = 0;
    for (size_t i = 0; i < header->count; i++) {
        if (!header_field_is(&header->fields[i], name))
            continue;
        parse_field(&header->fields[i], list);
        fields++;
    }
    return fields;
}

static size_t count_own(const struct owner *owner, const struct address_list *list)
{
    size_t own = 0;
    for (size_t i = 0; i < list->count; i++)
        own += own_address(owner, list->addresses[i]) != NULL;
    return own;
}

/*
 * In Sent, or filed elsewhere by the owner: no server has added Received, and all authors are the
 * owner. A truncated header may have lost its Received.
 */
static bool was_sent(const struct message *message, const struct address_list *authors)
{
    if (message->role == FOLDER_SENT)
        return true;
    return !message->header->truncated && header_find(message->header, "Received", 0) == NULL &&
           authors->count > 0 && count_own(message->owner, authors) == authors->count;
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

static void sent_recipients(const struct rule_set *set, const struct header *header,
                            struct route *route)
{
    static const struct {
        const char *name;
        enum basis basis;
    } fields[] = {{"To", BASIS_TO}, {"Cc", BASIS_CC}, {"Bcc", BASIS_BCC}};
    struct address_list list = {0};
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        size_t known = list.count;
        gather(header, fields[i].name, &list);
        for (; known < list.count; known++) {
            add_recipient(route, list.addresses[known], fields[i].basis);
            route->directions |=
                is_internal(set, list.addresses[known]) ? DIRECTION_INTERNAL : DIRECTION_OUTGOING;
        }
    }
    if (list.count >= ADDRESS_LIST_MAX && list.skipped > 0) {
        route->warnings |= WARNING_TOO_MANY_RECIPIENTS;
        route->directions |= DIRECTION_OUTGOING; /* the rest may be external */
    }
    if (route->n_recipients == 0)
        route->directions = DIRECTION_OUTGOING;
    address_list_clear(&list);
}

static void route_sent(const struct rule_set *set, const struct message *message,
                       const struct address_list *authors, struct route *route)
{
    route->sent = true;
    route->sender = xstrdup(message->owner->address);
    if (authors->count > 0 && count_own(message->owner, authors) == 0)
        route->warnings |= WARNING_FROM_MISMATCH;
    sent_recipients(set, message->header, route);
}

/* The first of the owner's addresses in the field, or NULL. */
static const char *find_own_address(const struct header_field *field, const struct owner *owner)
{
    struct address_list list = {0};
    const char *own = NULL;
    parse_field(field, &list);
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
    const struct header_field *received = header_find(message->header, "Received", 0);
    if (received == NULL)
        return NULL;
    for (const struct header_field *field = message->header->fields; field < received; field++)
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

static void route_received(const struct rule_set *set, const struct message *message,
                           const struct address_list *authors, struct route *route)
{
    route->sender = xstrdup(authors->count > 0 ? authors->addresses[0] : "");
    route->sender_claimed = true;
    /* Of several authors all count, or the first could hide the others. */
    for (size_t i = 0; i < authors->count; i++)
        route->directions |=
            is_internal(set, authors->addresses[i]) ? DIRECTION_INTERNAL : DIRECTION_INCOMING;
    if (route->directions == 0)
        route->directions = DIRECTION_INCOMING;
    if ((route->directions & DIRECTION_INTERNAL) != 0)
        route->warnings |= WARNING_CLAIMED_INTERNAL;
    received_recipient(message, route);
}

static unsigned other_warnings(const struct message *message, const struct address_list *authors,
                               size_t from_fields)
{
    unsigned warnings = 0;
    if (authors->count == 0)
        warnings |= WARNING_NO_FROM;
    if (from_fields > 1 || authors->count > 1)
        warnings |= WARNING_SEVERAL_FROM;
    if (message->header->truncated)
        warnings |= WARNING_HEADER_TRUNCATED;
    if (message->body != NULL && message->body->tnef)
        warnings |= WARNING_TNEF;
    if (message->body != NULL ? message->body->encrypted
                              : body_header_encrypted(message->header->text, message->header->len))
        warnings |= WARNING_ENCRYPTED;
    return warnings;
}

struct route *route_find(const struct rule_set *set, const struct message *message)
{
    struct route *route = xcalloc(1, sizeof(*route));
    struct address_list authors = {0};
    size_t from_fields = gather(message->header, "From", &authors);
    route->warnings = other_warnings(message, &authors, from_fields);
    if (was_sent(message, &authors))
        route_sent(set, message, &authors, route);
    else
        route_received(set, message, &authors, route);
    address_list_clear(&authors);
    assert(route->sender != NULL && route->directions != 0);
    assert((route->directions & ~route_possible(message->role)) == 0);
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
