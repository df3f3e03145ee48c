/* The document beside a dataset's index files ("<id>.info" or "<id>.json") that says what their extra columns are:
 *
 *   {"parameters": [{"name": "quality", "type": "int", "units": "1", "desc": "0 is best"}, …]}
 *
 * in the order of the columns; types are string, int (or integer) and double. The columns that every index file has
 * (start, stop, datakey, filesize) may stand before them: they are passed over. Never the network, never the store.
 *
 * Source: the CloudCatalog specification, versions 0.1 to 1.1. */
#ifndef HDX_CATALOG_PARAMETERS_H
#define HDX_CATALOG_PARAMETERS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/log.h"

#define HDX_PARAMETERS_BYTES_MAX (1u << 20)

struct hdx_parameters_doc {
  struct hdx_arena arena;
  size_t count;                     /* of extra columns that it tells of */
  struct hdx_text *names;           /* by their position behind filesize; empty: that one has no name */
  struct hdx_parameter *parameters; /* as many */
};

/* INTEGRITY: not JSON, or no list "parameters" in it (place and what was found); MEMORY. What is odd about an entry is
 * warned of: one without a name of its own keeps its position, an unknown type is UNKNOWN. `source` names the document
 * in messages. */
enum hdx_status hdx_parameters_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                         struct hdx_parameters_doc *doc, struct hdx_error *error);
void hdx_parameters_doc_deinit(struct hdx_parameters_doc *doc);

/* "<index><id>.info", or ".json" if that is not there: appends the location. */
enum hdx_status hdx_parameters_url(struct hdx_text index, struct hdx_text id, bool json, struct hdx_buffer *url,
                                   struct hdx_error *error);

#endif
