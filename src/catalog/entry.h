/* Reading the entries of a catalog: what catalog.c and entry.c share. */
#ifndef HDX_CATALOG_ENTRY_H
#define HDX_CATALOG_ENTRY_H

#include "catalog/catalog.h"
#include "catalog/warnings.h"

struct hdx_catalog_reader {
  struct hdx_catalog_doc *doc;
  struct hdx_warnings warnings;
  struct hdx_error *error;
  size_t capacity; /* of the doc's datasets */
};

/* The content of a string, anything else as written; empty for null and what is absent. */
static inline struct hdx_text hdx_catalog_text(const struct hdx_json_value *value) {
  return value && value->type != HDX_JSON_NULL ? value->text : HDX_TEXT("");
}

/* "a string" and the like. */
const char *hdx_catalog_type_name(const struct hdx_json_value *value);

/* The text between two others, in the arena's memory; data is NULL if that is out. */
struct hdx_text hdx_catalog_join(struct hdx_arena *arena, const char *first, struct hdx_text text, const char *last);

/* Reads one entry; false where it is skipped, with a warning, or (the reader's error set to MEMORY) where memory is
 * out. */
bool hdx_catalog_read_entry(struct hdx_catalog_reader *reader, const struct hdx_json_value *entry,
                            struct hdx_dataset *dataset);

#endif
