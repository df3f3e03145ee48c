/* Findings that are kept to be told later, in the order of their lines: a scanner tells of bad rows before the good
 * rows that stand around them. Pure. */
#ifndef HDX_CATALOG_KEPT_H
#define HDX_CATALOG_KEPT_H

#include "base/arena.h"

struct hdx_kept_finding;

struct hdx_kept {
  struct hdx_arena arena;
  struct hdx_kept_finding *newest;
  size_t count;
};

void hdx_kept_init(struct hdx_kept *kept, size_t bytes_max);
void hdx_kept_deinit(struct hdx_kept *kept);
void hdx_kept_clear(struct hdx_kept *kept);

/* Keeps a copy; `user` is the struct hdx_kept. false: there is no room. As hdx_findings.take has it. */
bool hdx_kept_take(void *user, const struct hdx_finding *finding);

/* Tells all of them: by line, those of a line as they came, those without a line last. */
void hdx_kept_tell(const struct hdx_kept *kept, bool (*take)(void *user, const struct hdx_finding *finding),
                   void *user);

#endif
