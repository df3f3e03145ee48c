/* The parts of a zip file around its member: for zip.c alone. */
#ifndef HDX_PARSE_ZIP_HEADERS_H
#define HDX_PARSE_ZIP_HEADERS_H

#include "parse/zip.h"

enum {
  HDX_ZIP_LOCAL_BYTES = 30, /* of a local header, without name and extra fields */
  HDX_ZIP_FLAG_DESCRIPTOR = 1 << 3,
  HDX_ZIP_STORE = 0,
  HDX_ZIP_DEFLATE = 8,
};

/* INTEGRITY with what was expected and found. */
__attribute__((format(printf, 2, 3))) enum hdx_status hdx_zip_refuse(struct hdx_error *error, const char *format, ...);

/* A number in the order of bytes that zip has. */
uint64_t hdx_zip_number(const char *bytes, size_t size);

/* Whether the first bytes of a file, as far as they are known, may begin a local header. */
enum hdx_status hdx_zip_check_begin(struct hdx_text begin, struct hdx_error *error);

/* How long a local header is with name and extra fields. */
size_t hdx_zip_local_size(const char *header);

/* Reads a whole local header and refuses members that cannot be read. `member` keeps views into it. */
enum hdx_status hdx_zip_read_local(struct hdx_text header, struct hdx_zip_member *member, struct hdx_error *error);

/* A member as it was found. */
struct hdx_zip_found {
  uint64_t end; /* byte of the file behind it */
  uint64_t packed, size;
  uint32_t crc;
};

/* Checks all that stands behind the member. `whole` tells that `tail` goes to the end of the file. */
enum hdx_status hdx_zip_check_tail(const struct hdx_zip_member *member, const struct hdx_zip_found *found,
                                   struct hdx_text tail, bool whole, struct hdx_error *error);

#endif
