/* Zip files that hold one file, read as their bytes come, from the first to the last:
 *
 *   local header ── name, extra fields ── the member: stored or deflated ── data descriptor ── central directory header
 *   └ at byte 0                                          (if the flags say so: CRC-32 and sizes) ┘
 *                            ── (zip64 end record ── its locator) ── end record ── comment, to the file's last byte
 *
 * What is said twice must agree, and with what was found: CRC-32, both sizes, name, method, offsets. So there is one
 * way to understand the file, whichever of its parts a reader goes by. The member's bytes go to the sink of the
 * inflater as they come, before the checks behind it are made: they count only once the file has been finished without
 * an error.
 *
 * Refused, by name: encryption, methods other than stored and deflate, several members or none, folders, split
 * archives, bytes in front or behind, a stored member whose size stands behind it. Source: PKWARE's
 * APPNOTE.TXT, 6.3.10. */
#ifndef HDX_PARSE_ZIP_H
#define HDX_PARSE_ZIP_H

#include "base/buffer.h"
#include "parse/inflate.h"

enum hdx_zip_state { HDX_ZIP_HEADER, HDX_ZIP_DEFLATED, HDX_ZIP_STORED, HDX_ZIP_TAIL };

/* What a local or a central header says of a member. */
struct hdx_zip_member {
  unsigned flags, method;
  uint32_t crc;
  uint64_t packed, size; /* bytes of it as it lies there, and of what it holds */
  uint64_t offset;       /* of its local header; central only */
  bool zip64;            /* the sizes stand in an extra field, in 64 bits */
  struct hdx_text name;  /* a view into the header */
};

struct hdx_zip {
  struct hdx_inflate *inflate;
  enum hdx_zip_state state;
  struct hdx_zip_member member; /* by its local header */
  struct hdx_buffer header;     /* the local one with name and extra fields */
  struct hdx_buffer tail;       /* what stands behind the member */
};

void hdx_zip_init(struct hdx_zip *zip);
void hdx_zip_deinit(struct hdx_zip *zip);

/* Begins a file. The inflater, which must live as long, is begun too. */
void hdx_zip_begin(struct hdx_zip *zip, struct hdx_inflate *inflate);

/* The next bytes of the file. INTEGRITY: not as it should be (what was expected and found), a bomb; MEMORY; the sink's.
 */
enum hdx_status hdx_zip_feed(struct hdx_zip *zip, const char *data, size_t size, struct hdx_error *error);
/* The file has ended. INTEGRITY: too early, or what stands behind the member disagrees. */
enum hdx_status hdx_zip_finish(struct hdx_zip *zip, struct hdx_error *error);

#endif
