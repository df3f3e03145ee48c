/* Who has which path below a destination: no two files the same one, no file the name of another's folder.
 *
 * Claims are made in the order of the list of files, so that the same list always gives the same tree. A file whose
 * name another file needs for a folder gets "%=" behind its name; a folder that is called as a file is, the same. Where
 * the destination's file system does not tell letter cases apart, names that differ only in it are one (Unicode's
 * simple case folding for ASCII; other letters are compared as bytes).
 *
 * Takes about 40 bytes for each path and each folder; paths are told apart by 128-bit hashes with a random seed. Pure
 * but for memory and the seed.
 */
#ifndef HDX_MIRROR_CLAIMS_H
#define HDX_MIRROR_CLAIMS_H

#include "base/buffer.h"

struct hdx_claims;

enum hdx_claim {
  HDX_CLAIM_NEW,   /* the path is the file's now */
  HDX_CLAIM_AGAIN, /* it was already, and was not asked for since the claims were begun anew */
  HDX_CLAIM_TWICE, /* it was already, and was asked for: the list has the file twice */
  HDX_CLAIM_TAKEN  /* another file has it */
};

/* fold: letter cases are not told apart. MEMORY. */
enum hdx_status hdx_claims_new(bool fold, struct hdx_claims **claims, struct hdx_error *error);
void hdx_claims_free(struct hdx_claims *claims);

/* Claims `path` (which may be changed as said above) for the file at `location`. MEMORY, LIMIT: the path became too
 * long. */
enum hdx_status hdx_claims_take(struct hdx_claims *claims, struct hdx_text location, struct hdx_buffer *path,
                                enum hdx_claim *claim, struct hdx_error *error);
/* Begins anew: what is claimed stays, but counts as not asked for. For a second pass over the same list, and for what
 * the journal knows from earlier runs. */
void hdx_claims_renew(struct hdx_claims *claims);
/* Whether a path was asked for since the claims were begun anew. */
bool hdx_claims_asked(const struct hdx_claims *claims, struct hdx_text path);

#endif
