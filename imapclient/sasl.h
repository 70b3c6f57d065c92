/*
 * Initial responses of SASL mechanisms, base64: PLAIN (RFC 4616), XOAUTH2 (Google, Microsoft),
 * OAUTHBEARER (RFC 7628). The results are secret: free them with sasl_wipe().
 */
#ifndef IMAPCLIENT_SASL_H
#define IMAPCLIENT_SASL_H

#include <stdint.h>

/* authzid NULL or "": the same as authcid. */
char *sasl_plain(const char *authzid, const char *authcid, const char *password);
char *sasl_xoauth2(const char *user, const char *token);
char *sasl_oauthbearer(const char *authzid, const char *host, uint16_t port, const char *token);
/* Overwrites and frees a string; NULL is allowed. */
void sasl_wipe(char *secret);
/*
 * Why a token was refused, from the server's challenge: the "status" of its base64 JSON, control
 * characters replaced, or NULL. The caller frees.
 */
char *sasl_oauth_status(const char *challenge);

#endif
