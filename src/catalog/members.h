/* Members of JSON objects, held against the names that the specification knows: what rules_registry.c and
 * rules_catalog.c have in common. */
#ifndef HDX_CATALOG_MEMBERS_H
#define HDX_CATALOG_MEMBERS_H

#include "catalog/rules.h"

enum hdx_member_need {
  HDX_MEMBER_ALLOWED,
  HDX_MEMBER_OPTIONAL, /* but usual */
  HDX_MEMBER_USUAL,    /* recommended */
  HDX_MEMBER_REQUIRED
};

/* A name and what it stands for. A legacy name comes behind the one that replaced it. */
struct hdx_known_member {
  struct hdx_text name;
  const char *modern; /* of a legacy name: what replaced it; NULL */
  unsigned slot;      /* in `found`: equal for names of the same thing */
  enum hdx_member_need need;
};

#define HDX_MEMBER(text, slot, need)                                                                                   \
  { {text, sizeof(text) - 1}, NULL, slot, HDX_MEMBER_##need }
#define HDX_MEMBER_OLD(text, modern, slot)                                                                             \
  { {text, sizeof(text) - 1}, modern, slot, HDX_MEMBER_ALLOWED }

#define HDX_MEMBER_SLOTS_MAX 32

/* Fills found[slot] with the members of an object (NULL: absent or null; a modern name goes before a legacy one, an
 * exact one before one in other letter case, the first before later ones), and finds fault with their names and with
 * those that are missing. `any_case`: readers take names in any letter case; where they do not, such a name counts as
 * absent. */
void hdx_members_find(struct hdx_findings *findings, const struct hdx_json_value *object,
                      const struct hdx_known_member *known, size_t count, bool any_case,
                      const struct hdx_json_value **found);

/* "a string" and the like. */
const char *hdx_members_type(const struct hdx_json_value *value);

/* Finds fault with a value that is no text, and where it is required with one that has none or an empty one; true if it
 * is a text with something in it. A number is taken for one. `value` may be NULL. *text is trimmed. */
bool hdx_members_text(struct hdx_findings *findings, const struct hdx_json_value *value, bool required,
                      struct hdx_text *text);

/* Finds fault with a time; true if it is one. `static_allowed` < 0: the word "static" is no time; 0: it is found fault
 * with as dropped; 1: it is well. */
bool hdx_members_time(struct hdx_findings *findings, const struct hdx_json_value *value, int static_allowed,
                      int64_t *time);

/* Enters the member of an object and leaves it again. */
static inline size_t hdx_members_enter(struct hdx_findings *findings, const struct hdx_json_value *member) {
  return hdx_findings_enter(findings, member->name);
}

#endif
