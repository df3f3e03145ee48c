/* The addresses that a host's name stands for, so that connections are spread over them: S3 answers with eight of its
 * servers, and libcurl would connect to the first of them alone. Loop thread only.
 *
 * libcurl has resolved the name when it opens the first connection; then the list is asked for here, and later
 * connections take its addresses in turn, each in place of the one of the same family that libcurl offers. */
#ifndef HDX_TRANSFER_ADDRESSES_H
#define HDX_TRANSFER_ADDRESSES_H

#include "transfer/errand.h"

#include <netinet/in.h>

#define HDX_ADDRESSES_MAX 32

union hdx_socket_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

struct hdx_addresses {
  struct hdx_errand errand;
  bool asking;
  char name[256], port[8];
  struct addrinfo *found; /* the errand's */
  uint64_t asked_ns;      /* 0: never */
  union hdx_socket_address list[HDX_ADDRESSES_MAX];
  unsigned count, next;
};

/* Asks for the list of a name and port (digits), unless that is under way or was done a minute ago. `addresses` is to
 * stay while it is `asking`. */
void hdx_addresses_ask(struct hdx_addresses *addresses, uv_loop_t *loop, const char *name, const char *port);

/* Takes over what a name was resolved to. */
void hdx_addresses_take(struct hdx_addresses *addresses, const struct addrinfo *found);

/* Changes an address that is in the list to the next one of its family; leaves any other (a proxy's) alone. */
void hdx_addresses_turn(struct hdx_addresses *addresses, struct sockaddr *address);

#endif
