/* Whatever is read as an address is one, with a domain and without control characters. */
#include <stdint.h>

#include "rules/mime/address.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0(data, size);
    text = xrealloc(text, size);
    struct address_list list = {0};
    address_list_parse(&list, text, size);
    address_list_parse(&list, text, size);
    for (size_t i = 0; i < list.count; i++) {
        const char *address = list.addresses[i], *domain = address_domain(address);
        check(strlen(address) <= ADDRESS_MAX);
        check(domain != NULL && *domain != '\0' && domain - address > 1);
        for (const char *c = address; *c != '\0'; c++)
            check((unsigned char)*c >= ' ' && *c != 0x7f);
        for (const char *c = domain; *c != '\0'; c++)
            check((*c < 'A' || *c > 'Z') && *c != '"' && *c != ' ' && *c != ',' && *c != '>');
        check(address_list_has(&list, address) && !address_list_add(&list, address));

        struct address_list again = {0}; /* what was read is read the same again */
        address_list_parse(&again, address, strlen(address));
        check(again.count == 1 && address_same(again.addresses[0], address));
        address_list_clear(&again);
    }
    address_list_clear(&list);
    free(text);
    return 0;
}
