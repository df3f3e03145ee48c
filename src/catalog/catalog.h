/* Registry and catalog documents: what their JSON says, checked and leniently read (legacy keys, other types, missing
 * optional members), with warnings for what is skipped. Never the network, never the store.
 *
 * Source: the CloudCatalog specification, versions 0.1 to 1.1. */
#ifndef HDX_CATALOG_CATALOG_H
#define HDX_CATALOG_CATALOG_H

#include "base/arena.h"
#include "base/log.h"
#include "parse/json.h"

struct hdx_registry_doc {
  struct hdx_json json;
  struct hdx_arena arena;
  struct hdx_registry_entry *entries;
  size_t count;
};

/* INTEGRITY: not JSON, no list "registry" in it (place and what was found); entries that lack endpoint, name or region,
 * or whose endpoint an earlier one has, are skipped with a warning. `source` names the document in messages. */
enum hdx_status hdx_registry_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                       struct hdx_registry_doc *doc, struct hdx_error *error);
void hdx_registry_doc_deinit(struct hdx_registry_doc *doc);

/* hdx_registry_endpoint's rule. */
enum hdx_status hdx_registry_doc_endpoint(const struct hdx_registry_doc *doc, struct hdx_text name,
                                          struct hdx_text region_prefix, bool first,
                                          const struct hdx_registry_entry **entry, struct hdx_error *error);

struct hdx_catalog_doc {
  struct hdx_json json;
  struct hdx_arena arena;
  struct hdx_dataset *datasets; /* as published, in that order; allocated apart from the arena */
  size_t count;
  struct hdx_text status;     /* code and message, "1200 OK" */
  struct hdx_text endpoint;   /* empty if absent */
  struct hdx_text own_bucket; /* the bucket of `endpoint`, or the one that most index values name; may be empty */
  size_t skipped;             /* malformed entries */
};

/* INTEGRITY: not JSON, no list "catalog", no "status"; UNAVAILABLE: status 1400, with its message. Entries that lack
 * id, index, title, start or stop (or a legacy name of it), or whose id or index is none, are skipped with a warning
 * that names their place. */
enum hdx_status hdx_catalog_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                      struct hdx_catalog_doc *doc, struct hdx_error *error);
void hdx_catalog_doc_deinit(struct hdx_catalog_doc *doc);

/* hdx_catalog_find's rule: exactly, then in any letter case; else NOT_FOUND with up to three near ids. */
enum hdx_status hdx_catalog_doc_find(const struct hdx_catalog_doc *doc, struct hdx_text id,
                                     const struct hdx_dataset **dataset, struct hdx_error *error);

/* A member of the top level as text (strings unescaped, others as written; "status" as "1200 OK"); empty if absent. */
struct hdx_text hdx_catalog_doc_member(const struct hdx_catalog_doc *doc, const char *name);

/* hdx_catalog_members. */
void hdx_catalog_doc_members(const struct hdx_catalog_doc *doc, const struct hdx_dataset *dataset,
                             void (*visit)(void *user, const struct hdx_member *member), void *user);

#endif
