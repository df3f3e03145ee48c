/* A library of heliodex.h in memory: what it answers with can be set, what it was asked for can be read. */
#ifndef FAKE_HELIODEX_H
#define FAKE_HELIODEX_H

#include "heliodex.h"

struct fake {
  /* answers */
  enum hdx_status open_status, catalog_status, index_status, query_status, next_status, visit_status, remove_status,
      location_status, compare_status, search_status, probe_status;
  const char *message;     /* of any failure */
  uint64_t rows;           /* of a query */
  uint64_t failing_items;  /* of an index run, beside one that goes well */
  size_t incomplete_years; /* of a query */
  size_t failing_datasets; /* of several that a query asks for */
  size_t extra_count;      /* 0 to 5 */
  bool waits;              /* index runs until it is cancelled */
  bool raises;             /* a TERM comes while the session is being opened */
  bool corrupt;            /* the second of three snapshots is */
  size_t snapshots;        /* 0 to 3 */
  size_t hits;             /* of a search, 0 to 2 */
  bool unasked;            /* an index file cannot be asked for */
  size_t bad_rows;         /* of each run of index */
  struct hdx_text key;     /* of every row; empty: made from the row's number */
  /* what was asked for */
  struct hdx_config config;
  struct hdx_query_options query_options;
  struct hdx_index_options index_options;
  char bucket[256], id[256], globs[256], where[256], keys[256];
  char search[256]; /* id, title and words */
  size_t index_calls, probe_calls;
};

extern struct fake fake;

void fake_reset(void);

#endif
