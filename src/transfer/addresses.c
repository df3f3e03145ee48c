#include "transfer/addresses.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_NS UINT64_C(60000000000) /* as long as libcurl keeps a name's addresses */

static size_t size_of(const struct sockaddr *address) {
  return address->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
         : address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : 0;
}

static bool same(const union hdx_socket_address *one, const struct sockaddr *address) {
  union hdx_socket_address other;
  if (one->any.sa_family != address->sa_family || !size_of(address))
    return false;
  memcpy(&other, address, size_of(address));
  if (address->sa_family == AF_INET)
    return one->v4.sin_port == other.v4.sin_port && one->v4.sin_addr.s_addr == other.v4.sin_addr.s_addr;
  return one->v6.sin6_port == other.v6.sin6_port && memcmp(&one->v6.sin6_addr, &other.v6.sin6_addr, 16) == 0;
}

void hdx_addresses_take(struct hdx_addresses *addresses, const struct addrinfo *found) {
  addresses->count = addresses->next = 0;
  for (; found && addresses->count < HDX_ADDRESSES_MAX; found = found->ai_next)
    if (size_of(found->ai_addr))
      memcpy(&addresses->list[addresses->count++], found->ai_addr, size_of(found->ai_addr));
}

/* On a thread of its own. */
static void find(struct hdx_errand *errand) {
  struct hdx_addresses *addresses = errand->user;
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  if (getaddrinfo(addresses->name, addresses->port, &hints, &addresses->found) != 0)
    addresses->found = NULL;
}

static void on_found(struct hdx_errand *errand) {
  struct hdx_addresses *addresses = errand->user;
  addresses->asking = false;
  if (!addresses->found)
    return;
  hdx_addresses_take(addresses, addresses->found);
  freeaddrinfo(addresses->found);
  addresses->found = NULL;
}

void hdx_addresses_ask(struct hdx_addresses *addresses, uv_loop_t *loop, const char *name, const char *port) {
  uint64_t now = uv_hrtime();
  if (addresses->asking || (addresses->asked_ns && now - addresses->asked_ns < ASK_AGAIN_NS))
    return;
  addresses->asked_ns = now;
  int name_size = snprintf(addresses->name, sizeof addresses->name, "%s", name);
  int port_size = snprintf(addresses->port, sizeof addresses->port, "%s", port);
  if (name_size >= (int)sizeof addresses->name || port_size >= (int)sizeof addresses->port)
    return;
  addresses->asking = hdx_errand_start(&addresses->errand, loop, find, on_found, addresses);
}

void hdx_addresses_turn(struct hdx_addresses *addresses, struct sockaddr *address) {
  unsigned i = 0;
  while (i < addresses->count && !same(&addresses->list[i], address))
    i++;
  if (i == addresses->count)
    return;
  do {
    i = addresses->next++ % addresses->count;
  } while (addresses->list[i].any.sa_family != address->sa_family);
  memcpy(address, &addresses->list[i], size_of(address));
}
