#include "parse/unpack.h"

#include "base/error.h"
#include "parse/gzip.h"
#include "parse/zip.h"

#include <stdlib.h>

enum { HEAD_BYTES = 4 /* tell what the file is */ };

struct hdx_unpack {
  hdx_inflate_sink *sink;
  void *user;
  bool known; /* what the file is */
  enum hdx_packing packing;
  size_t head_size;
  char head[HEAD_BYTES];       /* of the file, while it is not known */
  struct hdx_inflate *inflate; /* NULL: not needed so far */
  struct hdx_gzip gzip;
  struct hdx_zip zip;
  enum hdx_status failed;
};

const char *hdx_packing_name(enum hdx_packing packing) {
  return packing == HDX_PACKING_GZIP ? "gzip" : packing == HDX_PACKING_ZIP ? "zip" : "";
}

enum hdx_status hdx_unpack_open(hdx_inflate_sink *sink, void *user, struct hdx_unpack **unpack,
                                struct hdx_error *error) {
  struct hdx_unpack *made = malloc(sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  *made = (struct hdx_unpack){.sink = sink, .user = user};
  hdx_zip_init(&made->zip);
  *unpack = made;
  return HDX_OK;
}

void hdx_unpack_close(struct hdx_unpack *unpack) {
  if (!unpack)
    return;
  hdx_zip_deinit(&unpack->zip);
  hdx_inflate_close(unpack->inflate);
  free(unpack);
}

void hdx_unpack_reset(struct hdx_unpack *unpack) {
  unpack->known = false;
  unpack->packing = HDX_PACKING_NONE;
  unpack->head_size = 0;
  unpack->failed = HDX_OK;
}

enum hdx_packing hdx_unpack_packing(const struct hdx_unpack *unpack) {
  return unpack->packing;
}

static enum hdx_packing find_packing(struct hdx_text head) {
  static const char *const zips[] = {"PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x07\x08"};
  if (hdx_text_starts_with(head, HDX_TEXT("\x1f\x8b")))
    return HDX_PACKING_GZIP;
  for (size_t i = 0; i < sizeof zips / sizeof *zips; i++)
    if (hdx_text_is(head, zips[i]))
      return HDX_PACKING_ZIP;
  return HDX_PACKING_NONE;
}

/* Looks at the head and begins what it tells. */
static enum hdx_status begin(struct hdx_unpack *unpack, struct hdx_text head, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  unpack->known = true;
  unpack->packing = find_packing(head);
  if (unpack->packing != HDX_PACKING_NONE && !unpack->inflate)
    status = hdx_inflate_open(unpack->sink, unpack->user, &unpack->inflate, error);
  if (status != HDX_OK)
    return status;
  if (unpack->packing == HDX_PACKING_GZIP)
    hdx_gzip_begin(&unpack->gzip, unpack->inflate);
  else if (unpack->packing == HDX_PACKING_ZIP)
    hdx_zip_begin(&unpack->zip, unpack->inflate);
  return HDX_OK;
}

static enum hdx_status pass_on(struct hdx_unpack *unpack, const char *data, size_t size, struct hdx_error *error) {
  switch (unpack->packing) {
  case HDX_PACKING_GZIP:
    return hdx_gzip_feed(&unpack->gzip, data, size, error);
  case HDX_PACKING_ZIP:
    return hdx_zip_feed(&unpack->zip, data, size, error);
  default:
    return size ? unpack->sink(unpack->user, data, size, error) : HDX_OK;
  }
}

/* The head is collected until it tells; how it was cut makes no difference. */
static enum hdx_status feed_head(struct hdx_unpack *unpack, const char *data, size_t size, bool last,
                                 struct hdx_error *error) {
  size_t taken = 0;
  if (unpack->head_size || size < HEAD_BYTES) {
    size_t room = HEAD_BYTES - unpack->head_size;
    taken = size < room ? size : room;
    if (taken)
      memcpy(unpack->head + unpack->head_size, data, taken);
    unpack->head_size += taken;
    if (unpack->head_size < HEAD_BYTES && !last)
      return HDX_OK;
  }
  struct hdx_text head = {unpack->head, unpack->head_size};
  enum hdx_status status =
      begin(unpack, head.size ? head : (struct hdx_text){data, size < HEAD_BYTES ? size : HEAD_BYTES}, error);
  if (status == HDX_OK)
    status = pass_on(unpack, head.data, head.size, error);
  return status == HDX_OK ? pass_on(unpack, data + taken, size - taken, error) : status;
}

enum hdx_status hdx_unpack_feed(struct hdx_unpack *unpack, const char *data, size_t size, struct hdx_error *error) {
  if (unpack->failed != HDX_OK)
    return hdx_error_set(error, unpack->failed, "unpacking this file has failed before");
  if (unpack->known)
    return unpack->failed = pass_on(unpack, data, size, error);
  return unpack->failed = feed_head(unpack, data, size, false, error);
}

enum hdx_status hdx_unpack_finish(struct hdx_unpack *unpack, struct hdx_error *error) {
  enum hdx_status status = unpack->failed;
  if (status != HDX_OK)
    return hdx_error_set(error, status, "unpacking this file has failed before");
  if (!unpack->known)
    status = feed_head(unpack, "", 0, true, error);
  if (status == HDX_OK && unpack->packing == HDX_PACKING_GZIP)
    status = hdx_gzip_finish(&unpack->gzip, error);
  else if (status == HDX_OK && unpack->packing == HDX_PACKING_ZIP)
    status = hdx_zip_finish(&unpack->zip, error);
  return unpack->failed = status;
}
