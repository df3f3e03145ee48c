/* What the sources of credentials share, private to the files credentials*.c: their answers, how these are checked and
 * how a service is asked. */
#ifndef HDX_TRANSFER_CREDENTIALS_SOURCE_H
#define HDX_TRANSFER_CREDENTIALS_SOURCE_H

#include "base/buffer.h"
#include "transfer/credentials.h"

enum {
  HDX_CREDENTIALS_ANSWER_MAX = 64 * 1024, /* bytes that a process or service may answer with */
  HDX_CREDENTIALS_TOKEN_MAX = 8192,       /* bytes of a session token, or of one that a service wants to see */
  HDX_CREDENTIALS_SOURCE_MAX = 512        /* bytes of the name of a source in messages, NUL included */
};

/* What a source works with. */
struct hdx_credentials_context {
  char *const *environment;
  const atomic_bool *cancelled;
};

/* ------------------------------------------------------------------------------------------- credentials_values.c */

struct hdx_credentials_values {
  struct hdx_text key_id, secret, token;
  int64_t expires;
  bool renewable;
};

/* Whether the text has neither control bytes nor any beyond ASCII: what a header may hold. */
bool hdx_credentials_plain(struct hdx_text text);

/* Checks the values and copies them. `refusal` is the status if they are missing, too long or not plain; `source` is
 * named in the message and becomes the origin. */
enum hdx_status hdx_credentials_take(const struct hdx_credentials_values *values, const char *source,
                                     enum hdx_status refusal, struct hdx_credentials *credentials,
                                     struct hdx_error *error);

/* A credential_process states its version, and may leave token and expiry out; a service states whether it succeeded,
 * and leaves out nothing. */
enum hdx_credentials_form { HDX_CREDENTIALS_PROCESS, HDX_CREDENTIALS_SERVICE };

/* Takes credentials from JSON. DENIED: it is none, states no credentials, or they have expired. */
enum hdx_status hdx_credentials_take_json(struct hdx_text json, enum hdx_credentials_form form, const char *source,
                                          struct hdx_credentials *credentials, struct hdx_error *error);

/* ------------------------------------------------------------------------------------------ credentials_process.c */

/* Runs the command of a credential_process. */
enum hdx_status hdx_credentials_ask_process(const struct hdx_credentials_context *context, struct hdx_text command,
                                            const char *source, struct hdx_credentials *credentials,
                                            struct hdx_error *error);

/* --------------------------------------------------------------------------------------------- credentials_http.c */

struct hdx_credentials_get {
  const char *source, *url;
  const char *protocols; /* as libcurl lists them */
  const char *header;    /* a line, or NULL */
  bool put;              /* PUT without a body rather than GET */
};

/* Asks a service and waits for the answer: no proxy, no redirect, a short time-out. `body` loses
 * what it holds, takes no more than its maximum, does not move and is the caller's to wipe. TEMPORARY: no answer came;
 * LIMIT: more than `body` holds; USAGE: a variable that says how to ask is malformed; INTERRUPTED; MEMORY; INTERNAL. */
enum hdx_status hdx_credentials_http(const struct hdx_credentials_context *context,
                                     const struct hdx_credentials_get *get, struct hdx_buffer *body, long *code,
                                     struct hdx_error *error);

/* ----------------------------------------------------------------------------------------- credentials_metadata.c */

/* Both: NOT_FOUND if the service is not there for us, TEMPORARY if it does not answer, with the reason; any other
 * failure as it is found. */
enum hdx_status hdx_credentials_ask_container(const struct hdx_credentials_context *context,
                                              struct hdx_credentials *credentials, struct hdx_error *error);
enum hdx_status hdx_credentials_ask_instance(const struct hdx_credentials_context *context,
                                             struct hdx_credentials *credentials, struct hdx_error *error);

#endif
