/* Who the user is to S3: finds the credentials when the first request wants to be signed, has them renewed before they
 * expire, and signs. Loop thread only, but for the finding, which is done by a thread of its own.
 *
 *   UNKNOWN ─wanted→ SEARCHING ─found→ KNOWN ─expired, by the clock or the server's word→ SEARCHING …
 *                        └─none, or refused by the server→ FAILED (for good)
 *
 * What is about to expire is renewed while it still holds (KNOWN). One identity serves all places: credentials that one
 * server does not know are not tried at another. */
#ifndef HDX_TRANSFER_IDENTITY_H
#define HDX_TRANSFER_IDENTITY_H

#include "transfer/credentials.h"
#include "transfer/errand.h"
#include "transfer/sigv4.h"

enum hdx_identity_state { HDX_IDENTITY_UNKNOWN, HDX_IDENTITY_SEARCHING, HDX_IDENTITY_KNOWN, HDX_IDENTITY_FAILED };

struct hdx_identity {
  struct hdx_errand errand; /* the search */
  uv_loop_t *loop;
  void (*changed)(void *user); /* the state has changed */
  void *user;
  const struct hdx_log *log;
  struct hdx_credentials_options options;
  enum hdx_identity_state state;
  bool searching; /* a thread is at work; while renewing ahead of time, what is known holds on */
  atomic_bool cancelled;
  struct hdx_credentials_request *request;
  struct hdx_credentials found; /* the thread's while it searches */
  enum hdx_status found_status;
  struct hdx_error found_error;

  struct hdx_signer *signer;
  unsigned generation; /* of the credentials, from 1; 0: none yet */
  int64_t expires;     /* HDX_TIME_NONE: never */
  int64_t renew;       /* when others are to be asked for */
  bool renewable;
  bool proven;  /* the server has taken a signature of this generation */
  bool renewed; /* because a server called them expired; once, until one is taken again */
  char why[64]; /* a server called them expired */
  char origin[256];
  int64_t skew_ns; /* the server's clock less ours */
  bool skew_known;
  struct hdx_error error; /* of FAILED */
  struct hdx_sigv4_headers headers;
};

/* `options` are borrowed. */
void hdx_identity_init(struct hdx_identity *identity, uv_loop_t *loop, const struct hdx_credentials_options *options,
                       const struct hdx_log *log, void (*changed)(void *user), void *user);
/* Ends a search and runs the loop until it has ended; wipes everything. */
void hdx_identity_deinit(struct hdx_identity *identity);

/* Whether requests can be signed now: KNOWN. Begins a search if there was none, or if what is known is about to expire;
 * what has expired is not KNOWN. */
enum hdx_identity_state hdx_identity_want(struct hdx_identity *identity);

/* The server says that credentials of `generation` have expired, or that it does not know them. True: others are, or
 * will be, there to try again with. False: FAILED, with `why` in its error. */
bool hdx_identity_expired(struct hdx_identity *identity, unsigned generation, const char *why);

/* The server does not take the credentials at all. FAILED, unless it took one before. */
void hdx_identity_refused(struct hdx_identity *identity, const char *why);

/* Compares the server's Date with the time that the request was signed for, `skew_ns` off our clock. True: the clocks
 * are minutes apart, or were found to be since: sign again. */
bool hdx_identity_clock(struct hdx_identity *identity, int64_t date_ns, int64_t skew_ns);

/* Signs for now, into identity->headers. */
enum hdx_status hdx_identity_sign(struct hdx_identity *identity, const struct hdx_sigv4_request *request,
                                  struct hdx_text region, struct hdx_error *error);

/* Whether a text from a server holds what must not be shown: the token or a signature, or the begin of one where the
 * text was cut to its array of `room` bytes. */
bool hdx_identity_betrayed(const struct hdx_identity *identity, const char *text, size_t room);

#endif
