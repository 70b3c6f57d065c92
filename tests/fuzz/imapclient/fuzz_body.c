/* The head of a streamed body comes from the server as it likes. */
#include <stdlib.h>

#include "imapclient/grammar/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body_head head;
    body_head_read(&head, (const char *)data, size);
    free(head.section);
    return 0;
}
