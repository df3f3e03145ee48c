/* Which locations have come by: a set of their hashes (XXH3, 128 bits: among ten million it takes 10^24 tries for two
 * that are equal by chance). 16 bytes for each place of an open table that is at most three quarters full. */
#ifndef HDX_JOB_SEEN_H
#define HDX_JOB_SEEN_H

#include "codec/hash.h"

struct hdx_seen {
  struct hdx_hash128 *places; /* all zero: free */
  size_t count, capacity;     /* capacity: a power of two, or 0 */
  uint64_t seed;              /* at random, so that nobody can write locations that meet */
};

/* Adds a location; *again tells that it was there before. MEMORY. */
enum hdx_status hdx_seen_add(struct hdx_seen *seen, struct hdx_text location, bool *again, struct hdx_error *error);
/* Forgets all, and keeps the memory. */
void hdx_seen_clear(struct hdx_seen *seen);
void hdx_seen_deinit(struct hdx_seen *seen);

#endif
