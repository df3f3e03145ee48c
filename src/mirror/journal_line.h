/* Lines of a journal (journal.h): reading and writing one. Pure. */
#ifndef HDX_MIRROR_JOURNAL_LINE_H
#define HDX_MIRROR_JOURNAL_LINE_H

#include "base/buffer.h"

#define HDX_LINE_BYTES_MAX (64 * 1024)
#define HDX_LINE_RUN_MAX UINT32_MAX
#define HDX_LINE_HEADER "heliodex-journal\t1\n"

enum hdx_line_kind { HDX_LINE_FILE, HDX_LINE_PART, HDX_LINE_GONE };

struct hdx_line {
  enum hdx_line_kind kind;
  uint64_t run;
  struct hdx_text location, path, etag; /* path: of a part the name of its partial file */
  uint64_t size, from, to;
  int64_t modified;
  uint32_t crc32c, checks;
};

/* Reads a line (without its end). Texts are views of fields as they are written. False: damaged, or not a line that is
 * ever written. */
bool hdx_line_read(struct hdx_text text, struct hdx_line *line);
/* Appends a line with its end; texts are as they are. */
void hdx_line_write(const struct hdx_line *line, struct hdx_buffer *out);

/* Whether a field as it is written means a text. */
bool hdx_field_is(struct hdx_text field, struct hdx_text text);
/* What a field means: itself, or a view of what is appended to `out`, which must have room for its size. */
struct hdx_text hdx_field_decode(struct hdx_text field, struct hdx_buffer *out);

#endif
