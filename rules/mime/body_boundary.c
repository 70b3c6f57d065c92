#include "rules/mime/body_boundary.h"

#include <assert.h>

#include "rules/util/memory.h"
#include "rules/util/octet.h"

/* Some compare no more: it is what RFC 2046 section 5.1.1 allows. */
#define COMPARED_MAX 70
#define ENDED_SETS 256  /* a power of two */
#define ENDED_IN_SET 16 /* looked at for each line, whatever is sent */

struct boundary {
    char *text;
    size_t len, compared;      /* compared: by those that compare less */
    uint64_t hash, start_hash; /* of all of it; of as much as is compared */
};

struct level {
    struct boundary *values;
    size_t count;
    size_t used; /* 1 + the index of the value that was used last; 0: none was */
};

struct boundaries {
    struct level levels[BOUNDARY_LEVELS_MAX];
    size_t depth;
    uint64_t (*ended)[ENDED_IN_SET]; /* hashes of boundaries that are no longer, or NULL */
    bool forgot;                     /* some, because there was no room */
};

/* The line being compared, without "--" and blanks at its end, and hashes of its beginnings. */
struct line {
    const char *text;
    size_t len;
    uint64_t hashes[BOUNDARY_MAX + 1];
    size_t hashed;
};

static uint64_t hash_on(uint64_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 0x100000001b3u; /* FNV-1a */
}

#define HASH_START 0xcbf29ce484222325u

struct boundaries *boundaries_new(void)
{
    return xcalloc(1, sizeof(struct boundaries));
}

size_t boundaries_depth(const struct boundaries *boundaries)
{
    return boundaries->depth;
}

static bool is_usable(const char *value)
{
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if ((value[i] & 0x80) != 0)
            return false;
    return len > 0 && len <= BOUNDARY_MAX;
}

static void read_boundary(struct boundary *boundary, const char *value)
{
    *boundary = (struct boundary){.text = xstrdup(value), .len = strlen(value), .hash = HASH_START};
    for (size_t i = 0; i < boundary->len; i++) {
        boundary->hash = hash_on(boundary->hash, value[i]);
        if (i >= COMPARED_MAX)
            continue;
        boundary->compared = i + 1;
        boundary->start_hash = boundary->hash;
    }
}

bool boundaries_push(struct boundaries *boundaries, char *const *values, size_t count)
{
    if (boundaries->depth == BOUNDARY_LEVELS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_usable(values[i]))
            return false;
    struct level *level = &boundaries->levels[boundaries->depth++];
    *level = (struct level){.values = xcalloc(count + 1, sizeof(struct boundary)), .count = count};
    for (size_t i = 0; i < count; i++)
        read_boundary(&level->values[i], values[i]);
    return true;
}

static bool is_ended(const struct boundaries *boundaries, uint64_t hash)
{
    const uint64_t *set = boundaries->ended[(hash >> 40) % ENDED_SETS];
    for (size_t i = 0; i < ENDED_IN_SET && set[i] != 0; i++)
        if (set[i] == hash)
            return true;
    return false;
}

static void note_ended(struct boundaries *boundaries, uint64_t hash)
{
    if (boundaries->ended == NULL)
        boundaries->ended = xcalloc(ENDED_SETS, sizeof(*boundaries->ended));
    uint64_t *set = boundaries->ended[(hash >> 40) % ENDED_SETS];
    size_t i = 0;
    while (i < ENDED_IN_SET && set[i] != 0 && set[i] != hash)
        i++;
    if (i < ENDED_IN_SET)
        set[i] = hash;
    else
        boundaries->forgot = true;
}

void boundaries_pop(struct boundaries *boundaries, size_t depth)
{
    assert(depth <= boundaries->depth);
    while (boundaries->depth > depth) {
        struct level *level = &boundaries->levels[--boundaries->depth];
        for (size_t i = 0; i < level->count; i++) {
            note_ended(boundaries, level->values[i].hash);
            if (level->values[i].len > COMPARED_MAX)
                note_ended(boundaries, level->values[i].start_hash);
            free(level->values[i].text);
        }
        free(level->values);
    }
}

static void read_line(struct line *line, const char *text, size_t len)
{
    line->text = text;
    line->len = len;
    line->hashed = len < BOUNDARY_MAX ? len : BOUNDARY_MAX;
    line->hashes[0] = HASH_START;
    for (size_t i = 0; i < line->hashed; i++)
        line->hashes[i + 1] = hash_on(line->hashes[i], text[i]);
}

/* As far as some compare it. */
static bool begins_alike(const struct line *line, const struct boundary *boundary)
{
    return boundary->compared <= line->hashed &&
           line->hashes[boundary->compared] == boundary->start_hash;
}

static bool begins_with(const struct line *line, const struct boundary *boundary)
{
    return boundary->len <= line->hashed && line->hashes[boundary->len] == boundary->hash &&
           memcmp(line->text, boundary->text, boundary->len) == 0;
}

static bool closes(const struct line *line)
{
    return line->len > 2 && line->text[line->len - 1] == '-' && line->text[line->len - 2] == '-';
}

static void note_used(struct level *level, size_t value, struct delimiter *found)
{
    if (level->used != 0 && level->used != value + 1)
        found->doubt = "a boundary can be read in two ways";
    level->used = value + 1;
}

/* Looks for the delimiter from the innermost level outwards. */
static void match_levels(struct boundaries *boundaries, const struct line *line,
                         struct delimiter *found)
{
    bool begins = false;
    for (size_t depth = boundaries->depth; depth > 0; depth--) {
        struct level *level = &boundaries->levels[depth - 1];
        for (size_t i = 0; i < level->count; i++) {
            begins = begins || begins_alike(line, &level->values[i]);
            if (!begins_with(line, &level->values[i]))
                continue;
            size_t rest = line->len - level->values[i].len;
            if (rest != 0 && !(rest == 2 && closes(line)))
                continue;
            if (found->kind != DELIMITER_NONE) {
                found->doubt = "one boundary is used twice";
                continue;
            }
            found->kind = rest == 0 ? DELIMITER_OPEN : DELIMITER_CLOSE;
            found->depth = depth;
            note_used(level, i, found);
        }
    }
    if (begins && found->kind == DELIMITER_NONE)
        found->doubt = "a line begins as a delimiter does";
}

/* Only a delimiter that opens could bring a part. */
static bool has_ended(const struct boundaries *boundaries, const struct line *line)
{
    if (boundaries->ended == NULL)
        return false;
    if (line->len > COMPARED_MAX && is_ended(boundaries, line->hashes[COMPARED_MAX]))
        return true;
    return boundaries->forgot ||
           (line->len <= line->hashed && is_ended(boundaries, line->hashes[line->len]));
}

struct delimiter boundaries_match(struct boundaries *boundaries, const char *line, size_t len,
                                  bool ends)
{
    struct delimiter found = {.kind = DELIMITER_NONE};
    bool any = boundaries->depth > 0 || boundaries->ended != NULL;
    if (!any || len < 3 || line[0] != '-' || line[1] != '-')
        return found;
    if (line[len - 1] == '\n')
        len--;
    if (line[len - 1] == '\r')
        len--;
    while (len > 2 && octet_is_blank(line[len - 1]))
        len--;
    struct line read;
    read_line(&read, line + 2, len - 2);
    match_levels(boundaries, &read, &found);
    if (found.kind == DELIMITER_NONE && found.doubt == NULL && has_ended(boundaries, &read))
        found.doubt = "there is a delimiter of a multipart that has ended";
    if (found.kind != DELIMITER_NONE && !ends)
        found.doubt = "a delimiter is longer than a line may be";
    return found;
}

void boundaries_free(struct boundaries *boundaries)
{
    if (boundaries == NULL)
        return;
    boundaries_pop(boundaries, 0);
    free(boundaries->ended);
    free(boundaries);
}
