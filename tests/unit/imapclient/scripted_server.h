/*
 * A server that follows a script, on the test's own event loop: one connection, one script.
 *
 * A script is an array of steps, ended by NULL:
 *   "S text"   send the line           "R text"   send as is, no line end
 *   "C text"   expect a command: the text after its tag, "*" and "?" as in fnmatch
 *   "D text"   expect a line without a tag (DONE, a SASL response)
 *   "L n"      read n octets, whatever they are
 *   "LITERAL"  read as many octets as the last line announced, "{n}" or "{n+}" at its end
 *   "T text"   tagged reply to the oldest command without one
 *   "TLS"      handshake; plaintext before           "CLOSE"    close the connection
 *   "FLOOD text"  send the line endlessly            "BIG n"    send n octets of 'x'
 *   "NUL"      send that octet         "DEAF"   stop reading
 *   "DRIP text"  send the line octet by octet, each once the previous one has been written
 *   "RESET"    abort the connection (RST)
 *   "END"      the client has closed, and sent nothing since the previous step
 *   "HOLD"     do nothing more until scripted_server_go()
 * Consecutive sends go out in one segment.
 */
#ifndef SCRIPTED_SERVER_H
#define SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/ssl.h>

struct scripted_server;

/* tls may be NULL. With tls_at_once the script begins after the handshake. */
struct scripted_server *scripted_server_new(struct event_base *base, const char *const *script,
                                            SSL_CTX *tls, bool tls_at_once);
void scripted_server_free(struct scripted_server *server);
uint16_t scripted_server_port(const struct scripted_server *server);
void scripted_server_go(struct scripted_server *server);
/* Whether it has reached a HOLD. */
bool scripted_server_holds(const struct scripted_server *server);
/* The first deviation from the script, "" while steps are left, NULL: finished. */
const char *scripted_server_complaint(const struct scripted_server *server);
/* Everything that "L" steps have read. */
struct evbuffer *scripted_server_taken(struct scripted_server *server);

/* ---- certificates made on the spot ---- */

struct scripted_ca;
/* A CA of its own; file holds its certificate, for imap_tls_context_new(). */
struct scripted_ca *scripted_ca_new(void);
void scripted_ca_free(struct scripted_ca *ca);
const char *scripted_ca_file(const struct scripted_ca *ca);
/* A server's context with a certificate for name ("DNS:localhost", "IP:127.0.0.1"), valid from
 * begin to end, seconds from now. */
SSL_CTX *scripted_ca_server(struct scripted_ca *ca, const char *name, long begin, long end);
/* A CA certified by that one; its servers send its certificate, and those above except the root,
 * after their own. Valid until end. Must be freed before that one. */
struct scripted_ca *scripted_ca_intermediate(struct scripted_ca *ca, long end);
/* The same as two files, valid today. */
void scripted_ca_server_files(struct scripted_ca *ca, const char *name, const char *certificate,
                              const char *key);

#endif
