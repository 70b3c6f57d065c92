/*
 * The names that mail clients and webmail give to folders of special use, by language.
 */
#ifndef IMAPCLIENT_TEXT_SPECIAL_NAMES_H
#define IMAPCLIENT_TEXT_SPECIAL_NAMES_H

#include "imapclient/text/special.h"

/* UTF-8, composed, ended by NULL. */
const char *const *special_names(enum imap_special use);

#endif
