/* The fields that request a receipt or a report (share/doc/design.md, "The copy"): the union of
 * those that list servers, gateways and mail readers remove or answer. */
#include <string.h>
#include <strings.h>

#include "rules/copy/copy.h"

static const char *const receipt_fields[] = {
    "Disposition-Notification-To",
    "Disposition-Notification-Options",
    "Disposition-Notifications-To",
    "X-Disposition-Notification-To",
    "Return-Receipt-To",
    "Return-Receipt-Requested",
    "Return-Receipt-Requested-To",
    "Read-Receipt-To",
    "X-Confirm-Reading-To",
    "Confirm-Reading-To",
    "X-pmrqc",
    "Receipt-Requested-To",
    "Delivery-Receipt-To",
    "X-Acknowledge-To",
    "X-Ack",
    "MDSend-Notifications-To",
    "MDRcpt-To",
    "Smtp-Rcpt-To",
    "Rcpt-To",
    "Notice-Requested-Upon-Delivery-To",
    "Register-Mail-Reply-Requested-By",
    "Registered-Mail-Reply-Requested-By",
    "Generate-Delivery-Report",
    "Prevent-NonDelivery-Report",
    "Content-Return",
    "X400-Content-Return",
    "Errors-To",
};

static const char own_prefix[] = "X-Monitor-";

static bool same_name(const char *name, size_t name_len, const char *other)
{
    return strlen(other) == name_len && strncasecmp(name, other, name_len) == 0;
}

bool copy_removes(const struct rule_set *set, const char *name, size_t name_len)
{
    if (name_len >= sizeof(own_prefix) - 1 &&
        strncasecmp(name, own_prefix, sizeof(own_prefix) - 1) == 0)
        return true;
    for (size_t i = 0; i < sizeof(receipt_fields) / sizeof(*receipt_fields); i++)
        if (same_name(name, name_len, receipt_fields[i]))
            return true;
    for (char **own = set->removed_fields; own != NULL && *own != NULL; own++)
        if (same_name(name, name_len, *own))
            return true;
    return false;
}
