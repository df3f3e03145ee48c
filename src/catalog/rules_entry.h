/* The rules of one entry of a catalog. */
#ifndef HDX_CATALOG_RULES_ENTRY_H
#define HDX_CATALOG_RULES_ENTRY_H

#include "catalog/members.h"

/* What an entry is held against. */
struct hdx_entry_context {
  int version;            /* of the specification; -1: not known */
  struct hdx_text bucket; /* of the catalog's endpoint; empty: not known */
  int64_t now;
};

/* The id of an entry as readers find it: by its name exactly, or else in any letter case. NULL: none. */
const struct hdx_json_value *hdx_entry_id(const struct hdx_json *json, const struct hdx_json_value *entry);
/* Its text, which may be written as a number; empty: none. */
struct hdx_text hdx_entry_id_text(const struct hdx_json_value *id);

/* Checks the entry at the path; findings->id is its id then, if it has one. */
void hdx_entry_check(struct hdx_findings *findings, const struct hdx_json_value *entry,
                     const struct hdx_entry_context *context);

/* Finds fault (by `rule`) with the words of a comma list that are not among `words`, NULL at the end, and with their
 * letter case. */
void hdx_entry_words(struct hdx_findings *findings, enum hdx_rule_id rule, const struct hdx_json_value *value,
                     struct hdx_text text, const char *const *words);

#endif
