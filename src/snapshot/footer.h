/* The end of a snapshot: footer and trailer, made and taken apart. (The bytes: snapshot/format.h.) */
#ifndef HDX_SNAPSHOT_FOOTER_H
#define HDX_SNAPSHOT_FOOTER_H

#include "snapshot/block.h"
#include "snapshot/snapshot.h"

struct hdx_footer {
  struct hdx_subject subject;
  int time_digits;
  size_t zone_count, year_count, column_count;
  struct hdx_zone *zones;
  struct hdx_year *years;
  struct hdx_text *column_names; /* sorted */
  uint32_t *column_ids;
  struct hdx_parameter *parameters; /* of each column; to be written: NULL, if nothing is known of any */
  struct hdx_text *templates;       /* by number */
  size_t template_count;
  char *raw; /* what the texts point into, where it was read */
};

/* The form that an index file has if nothing is said of it. */
static inline const char *hdx_footer_form(const struct hdx_year *year) {
  return year->bytes ? HDX_FORM_PLAIN : "";
}

/* The bytes that every snapshot begins with. */
void hdx_footer_header(char out[HDX_HEADER_BYTES]);

/* Appends footer and trailer of a file whose blocks end at `offset`. Zones, years and columns are in their order. */
enum hdx_status hdx_footer_encode(const struct hdx_footer *footer, uint64_t offset, struct hdx_zstd *zstd,
                                  struct hdx_buffer *out, struct hdx_error *error);

/* Checks header, trailer and footer of a whole file in memory and takes the footer apart. INTEGRITY: what is wrong;
 * MEMORY. */
enum hdx_status hdx_footer_decode(struct hdx_footer *footer, const void *file, size_t size, struct hdx_error *error);
void hdx_footer_deinit(struct hdx_footer *footer);

#endif
