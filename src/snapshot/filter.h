/* Which rows are asked for besides their time: bounds of sizes, patterns of keys, conditions on extra columns. Pure.
 *
 * A filter is evaluated column by column, the cheap ones first, each over the rows that the ones before it left. */
#ifndef HDX_SNAPSHOT_FILTER_H
#define HDX_SNAPSHOT_FILTER_H

#include "base/text.h"

struct hdx_condition {
  struct hdx_text column;
  enum hdx_operator operation;
  struct hdx_text value;
};

/* Everything is borrowed. */
struct hdx_filter {
  int64_t min_size, max_size; /* both included; -1: no bound */
  const struct hdx_text *keys, *key_excludes;
  size_t key_count, key_exclude_count;
  const struct hdx_condition *conditions;
  size_t condition_count;
};

/* The filter that lets every row pass. */
static inline void hdx_filter_init(struct hdx_filter *filter) {
  *filter = (struct hdx_filter){.min_size = -1, .max_size = -1};
}

static inline bool hdx_filter_has_sizes(const struct hdx_filter *filter) {
  return filter->min_size >= 0 || filter->max_size >= 0;
}

static inline bool hdx_filter_has_keys(const struct hdx_filter *filter) {
  return filter->key_count || filter->key_exclude_count;
}

/* A row without a size (-1) is within no bounds. */
static inline bool hdx_filter_size(const struct hdx_filter *filter, int64_t size) {
  return size >= 0 && size >= filter->min_size && (filter->max_size < 0 || size <= filter->max_size);
}

/* Whether any of the keys' patterns matches (or there are none), and none of the excluding ones does. A pattern without
 * a slash is matched with what follows the key's last slash, another with the whole key. */
bool hdx_filter_key(const struct hdx_filter *filter, struct hdx_text key);

/* Whether a value is as the condition wants it: compared as decimal numbers of any length if both are ones (094 = 94 =
 * 94.0), bytewise otherwise. An empty value is not stated: it is equal to the empty text and different from all others,
 * and neither less nor greater than anything. */
bool hdx_condition_holds(const struct hdx_condition *condition, struct hdx_text value);

#endif
