/* Which index files exist, learned from lists of the folders they lie in: a request for a thousand of them in place of
 * one for each year, and their entity tags tell which have changed.
 *
 *   NONE ─wanted→ LISTING ─all pages→ LISTED
 *                    └─refused, no saving, or not to be trusted→ PROBING (each year is asked for), or FAILED if lists
 *                      are insisted on
 *
 * Names come in the order of their bytes, as the run takes its datasets: a dataset may begin as soon as the list has
 * passed its files. Loop thread only. */
#ifndef HDX_JOB_DISCOVER_H
#define HDX_JOB_DISCOVER_H

#include "job/session.h"

struct hdx_index_run;
struct hdx_prefix;

enum hdx_discovery_state {
  HDX_DISCOVERY_NONE,
  HDX_DISCOVERY_LISTING,
  HDX_DISCOVERY_LISTED,
  HDX_DISCOVERY_PROBING,
  HDX_DISCOVERY_FAILED
};

struct hdx_listed_file {
  struct hdx_text name, etag;
};

/* A list of a prefix's folder, under way or at its end. */
struct hdx_discovery {
  struct hdx_index_run *run;
  struct hdx_prefix *prefix;
  struct hdx_arena arena;        /* of the names and tags */
  struct hdx_listed_file *files; /* in the order of their names */
  size_t count, capacity;
  struct hdx_text folder;    /* what all keys begin with */
  char passed[256];          /* the last name that was told: all before are known */
  uint64_t seen;             /* objects of its pages, of each a hundred at the least */
  uint64_t absences;         /* files that were taken for gaps, as they are not listed */
  struct hdx_bucket *bucket; /* that is listed */
  struct hdx_error error;    /* why the prefix's state is FAILED */
};

/* Begins what is to be listed for the run's next datasets. */
void hdx_discover_ahead(struct hdx_index_run *run);

/* Whether enough is known to begin a dataset of the prefix. */
bool hdx_discover_ready(const struct hdx_prefix *prefix, struct hdx_text id);

/* What a list says of an index file. */
enum hdx_listed { HDX_LISTED_UNKNOWN, HDX_LISTED_ABSENT, HDX_LISTED_PRESENT };
/* *etag is a view into the discovery. */
enum hdx_listed hdx_discover_find(const struct hdx_prefix *prefix, const struct hdx_target *target,
                                  struct hdx_text *etag);

/* NULL is allowed. */
void hdx_discover_free(struct hdx_discovery *discovery);

#endif
