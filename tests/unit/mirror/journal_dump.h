/* All that a journal knows, as text: one line for each file and each part, in its order. */
#ifndef TESTS_UNIT_MIRROR_JOURNAL_DUMP_H
#define TESTS_UNIT_MIRROR_JOURNAL_DUMP_H

#include "mirror/journal.h"

static inline bool dump_file(void *user, const struct hdx_journal_file *file) {
  struct hdx_buffer *out = user;
  hdx_buffer_append_format(out, "file %.*s %.*s %llu %lld %.*s %08x %x\n", HDX_TEXT_ARG(file->location),
                           HDX_TEXT_ARG(file->path), (unsigned long long)file->size, (long long)file->modified,
                           HDX_TEXT_ARG(file->etag), file->crc32c, file->checks);
  return true;
}

static inline bool dump_part(void *user, const struct hdx_journal_part *part) {
  struct hdx_buffer *out = user;
  hdx_buffer_append_format(out, "part %.*s %.*s %llu %.*s", HDX_TEXT_ARG(part->location), HDX_TEXT_ARG(part->partial),
                           (unsigned long long)part->size, HDX_TEXT_ARG(part->etag));
  for (size_t i = 0; i < part->extents->count; i++) {
    const struct hdx_extent *extent = &part->extents->list[i];
    hdx_buffer_append_format(out, " %llu-%llu:%08x", (unsigned long long)extent->from, (unsigned long long)extent->to,
                             extent->crc32c);
  }
  hdx_buffer_append_text(out, HDX_TEXT("\n"));
  return true;
}

/* Appends it. */
static inline void dump(const struct hdx_journal *journal, struct hdx_buffer *out) {
  hdx_journal_files(journal, dump_file, out, NULL);
  hdx_journal_parts(journal, dump_part, out, NULL);
}

#endif
