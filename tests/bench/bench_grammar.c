/*
 * How many units a second the grammar reads, for the small FETCH of a first look at a folder.
 * Usage: bench_grammar [units]. Figures: share/doc/libetpan.md.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imapclient/grammar/grammar.h"
#include "imapclient/wire/framing.h"

struct run {
    struct grammar *grammar;
    uint64_t uids;
};

static void take_unit(void *arg, const char *unit, size_t len)
{
    struct run *run = arg;
    if (run->grammar != NULL)
        run->uids += grammar_parse(run->grammar, unit, len, false, NULL)->untagged.fetch.uid;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static char *make_stream(unsigned units, size_t *len)
{
    size_t room = (size_t)units * 128;
    char *stream = malloc(room);
    if (stream == NULL)
        abort();
    *len = 0;
    for (unsigned i = 1; i <= units; i++)
        *len += (size_t)snprintf(stream + *len, room - *len,
                                 "* %u FETCH (UID %u FLAGS (\\Seen $MDNSent) INTERNALDATE "
                                 "\"%02u-Jul-2026 02:44:25 +0200\")\r\n",
                                 i, i, i % 28 + 1);
    return stream;
}

static void measure(const char *name, struct run *run, const char *stream, size_t len,
                    unsigned units)
{
    static const struct framing_sink sink = {.unit = take_unit};
    struct framing *framing = framing_new(&sink, run, 0);
    size_t used;
    double begin = now();
    framing_feed(framing, (const unsigned char *)stream, len, &used);
    double seconds = now() - begin;
    framing_free(framing);
    printf("%-20s %9.0f units/s, %6.3f us a unit, %6.1f MB/s\n", name, units / seconds,
           seconds / units * 1e6, (double)len / seconds / 1e6);
}

int main(int argc, char **argv)
{
    unsigned units = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500000;
    size_t len;
    char *stream = make_stream(units, &len);
    struct run framing_only = {0}, both = {.grammar = grammar_new()};
    measure("framing", &framing_only, stream, len, units);
    measure("framing and grammar", &both, stream, len, units);
    uint64_t expected = (uint64_t)units * (units + 1) / 2;
    grammar_free(both.grammar);
    free(stream);
    if (both.uids != expected) {
        fprintf(stderr, "some units were not understood\n");
        return 1;
    }
    return 0;
}
