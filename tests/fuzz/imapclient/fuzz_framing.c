/*
 * Input from a server, whole and in pieces: the result must be the same. The first octet of the
 * input determines how the rest is split and how often the sink stops.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/wire/framing.h"

#define BODY_MAX 100000

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A checksum of the calls, independent of how the data of a body was split. */
struct sum {
    uint64_t value, body_left;
    unsigned calls, stop_every;
    bool in_body;
    struct framing *framing;
};

static void add(struct sum *sum, const void *octets, size_t len)
{
    const unsigned char *at = octets;
    for (size_t i = 0; i < len; i++)
        sum->value = (sum->value ^ at[i]) * 1099511628211u;
}

static void count_call(struct sum *sum, char kind)
{
    if (kind != 'd')
        add(sum, &kind, 1);
    if (sum->stop_every != 0 && ++sum->calls % sum->stop_every == 0)
        framing_stop(sum->framing);
}

static void on_unit(void *arg, const char *unit, size_t len)
{
    struct sum *sum = arg;
    check(!sum->in_body && unit[len] == '\0' && len <= FRAMING_UNIT_MAX);
    add(sum, unit, len);
    count_call(sum, 'u');
}

static void on_body_begin(void *arg, const char *head, size_t len, uint64_t size)
{
    struct sum *sum = arg;
    check(!sum->in_body && size <= BODY_MAX);
    sum->in_body = true;
    sum->body_left = size;
    add(sum, head, len);
    count_call(sum, 'b');
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct sum *sum = arg;
    check(sum->in_body && len > 0 && len <= sum->body_left);
    sum->body_left -= len;
    add(sum, data, len);
    count_call(sum, 'd');
}

static void on_body_end(void *arg)
{
    struct sum *sum = arg;
    check(sum->in_body && sum->body_left == 0);
    sum->in_body = false;
    count_call(sum, 'e');
}

static enum framing_result feed_all(struct framing *framing, const uint8_t *data, size_t size,
                                    size_t piece)
{
    enum framing_result result = FRAMING_OK;
    while (size > 0 && result == FRAMING_OK) {
        size_t part = piece != 0 && piece < size ? piece : size, used;
        result = framing_feed(framing, data, part, &used);
        check(used <= part);
        data += used;
        size -= used;
        piece = piece * 3 % 17;
    }
    /* Callbacks that need no further octets: the end of a body. */
    for (int i = 0; i < 4 && result == FRAMING_OK; i++) {
        size_t used;
        result = framing_feed(framing, data, 0, &used);
        check(used == 0);
    }
    return result;
}

static uint64_t run(const uint8_t *data, size_t size, size_t piece, unsigned stop_every)
{
    static const struct framing_sink sink = {on_unit, on_body_begin, on_body_data, on_body_end};
    struct sum sum = {.value = 14695981039346656037u, .stop_every = stop_every};
    sum.framing = framing_new(&sink, &sum, BODY_MAX);
    enum framing_result result = feed_all(sum.framing, data, size, piece);
    const char *reason = framing_reason(sum.framing);
    check((result == FRAMING_BROKEN) == (reason[0] != '\0'));
    add(&sum, reason, strlen(reason));
    framing_shrink(sum.framing);
    framing_free(sum.framing);
    return sum.value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t whole = run(data + 1, size - 1, 0, 0);
    check(whole == run(data + 1, size - 1, 1, 0));
    check(whole == run(data + 1, size - 1, data[0] % 16 + 1u, data[0] / 16));
    return 0;
}
