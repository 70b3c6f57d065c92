/*
 * Prepares a configuration file for libconfuse.
 *
 * The file's structure is checked against the table of options that libconfuse will be given:
 * unknown keys (with "did you mean"), keys given twice, lists for single values, sections without
 * name, unclosed braces. Each mistake is reported with its line and left out, so that one does not
 * hide the next; the rest is written out again line by line, without comments, for libconfuse to
 * read: its line numbers are then right.
 */
#ifndef AGENT_CONFIG_SYNTAX_TEXT_H
#define AGENT_CONFIG_SYNTAX_TEXT_H

#include <confuse.h>

#include "agent/config/syntax/problems.h"

struct config_text {
    char *text; /* for libconfuse */
    /* Where each section begins; libconfuse remembers only where it ends. */
    struct config_section_line {
        const char *kind; /* the option's name, borrowed from the table */
        int line;
    } * sections;
    size_t n_sections, room;
    /* Keys whose assignments were left out: they are not missing, a problem was reported. */
    struct config_left_out {
        char *key;
        int section_line; /* 0: at the top */
    } * left_out;
    size_t n_left_out, left_out_room;
};

/* known: every option that any configuration file has, to tell a misplaced key from an unknown one.
 * file_text: NUL-terminated. */
struct config_text *config_text_make(const char *file_text, const cfg_opt_t *options,
                                     const cfg_opt_t *known, const char *file,
                                     struct config_problems *problems);
void config_text_free(struct config_text *text);
/* section_line: where the section begins, 0: the file's top. */
bool config_text_left_out(const struct config_text *text, const char *key, int section_line);
/* The line of the next section of that kind, in the file's order; *at is 0 for the first one. */
int config_text_next_section(const struct config_text *text, const char *kind, size_t *at);

#endif
