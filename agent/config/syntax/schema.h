/*
 * Every key of every configuration file, as tables for libconfuse. Values are read as text, each
 * kept with its line; config/sections decides what they mean.
 */
#ifndef AGENT_CONFIG_SYNTAX_SCHEMA_H
#define AGENT_CONFIG_SYNTAX_SCHEMA_H

#include <confuse.h>

struct config_value {
    int line;
    char text[];
};

/* New libconfuse contexts, for the main file and for files of rules_dir; cfg_free(). */
cfg_t *config_schema_main(void);
cfg_t *config_schema_rules(void);

#endif
