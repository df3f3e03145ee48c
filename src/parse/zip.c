/* The way of the bytes: header, member, tail. What headers and tail must say is in zip_headers.c. */
#include "parse/zip.h"

#include "base/error.h"
#include "parse/zip_headers.h"

#define HEADER_BYTES_MAX (HDX_ZIP_LOCAL_BYTES + 2 * 65535u)
/* A data descriptor (24), the central header (46) with name, extra fields and comment, the zip64 end record (56) and
 * its locator (20), and the end record (22) with its comment take 256 KiB and a little; the zip64 record may be
 * extended. */
#define TAIL_BYTES_MAX (512u << 10)

void hdx_zip_init(struct hdx_zip *zip) {
  *zip = (struct hdx_zip){.inflate = NULL};
  hdx_buffer_init(&zip->header, HEADER_BYTES_MAX);
  hdx_buffer_init(&zip->tail, TAIL_BYTES_MAX);
}

void hdx_zip_deinit(struct hdx_zip *zip) {
  hdx_buffer_deinit(&zip->header);
  hdx_buffer_deinit(&zip->tail);
}

void hdx_zip_begin(struct hdx_zip *zip, struct hdx_inflate *inflate) {
  zip->inflate = inflate;
  zip->state = HDX_ZIP_HEADER;
  hdx_buffer_clear(&zip->header);
  hdx_buffer_clear(&zip->tail);
  hdx_inflate_reset(inflate);
}

/* Of the tail at hand. */
static enum hdx_status check_tail(const struct hdx_zip *zip, bool whole, struct hdx_error *error) {
  const struct hdx_inflate_progress *progress = hdx_inflate_progress(zip->inflate);
  const struct hdx_zip_found found = {.end = zip->header.size + progress->taken,
                                      .packed = progress->taken,
                                      .size = progress->made,
                                      .crc = progress->crc};
  return hdx_zip_check_tail(&zip->member, &found, hdx_buffer_text(&zip->tail), whole, error);
}

static enum hdx_status feed_tail(struct hdx_zip *zip, const char *data, size_t size, struct hdx_error *error) {
  size_t room = TAIL_BYTES_MAX - zip->tail.size, taken = size < room ? size : room;
  hdx_buffer_append(&zip->tail, data, taken);
  enum hdx_status status = hdx_buffer_status(&zip->tail, "what stands behind a member of a zip file", error);
  if (status != HDX_OK || taken == size)
    return status;
  /* More than a single member can have behind it: the first part that is wrong tells why. */
  status = check_tail(zip, false, error);
  return status == HDX_OK ? hdx_zip_refuse(error, "expected the file's end, found more bytes") : status;
}

/* Collects the header; at its end the member begins. */
static enum hdx_status feed_header(struct hdx_zip *zip, const char *data, size_t size, size_t *used,
                                   struct hdx_error *error) {
  struct hdx_buffer *header = &zip->header;
  size_t wanted = header->size < HDX_ZIP_LOCAL_BYTES ? HDX_ZIP_LOCAL_BYTES : hdx_zip_local_size(header->data);
  size_t left = wanted - header->size;
  *used = size < left ? size : left;
  hdx_buffer_append(header, data, *used);
  enum hdx_status status = hdx_buffer_status(header, "a header of a zip file", error);
  if (status == HDX_OK)
    status = hdx_zip_check_begin(hdx_buffer_text(header), error);
  if (status != HDX_OK || header->size < HDX_ZIP_LOCAL_BYTES || header->size < hdx_zip_local_size(header->data))
    return status;
  status = hdx_zip_read_local(hdx_buffer_text(header), &zip->member, error);
  bool empty = zip->member.method == HDX_ZIP_STORE && zip->member.packed == 0;
  zip->state = empty ? HDX_ZIP_TAIL : zip->member.method == HDX_ZIP_STORE ? HDX_ZIP_STORED : HDX_ZIP_DEFLATED;
  return status;
}

static enum hdx_status feed_stored(struct hdx_zip *zip, const char *data, size_t size, size_t *used,
                                   struct hdx_error *error) {
  const struct hdx_inflate_progress *progress = hdx_inflate_progress(zip->inflate);
  uint64_t left = zip->member.packed - progress->taken;
  *used = size < left ? size : (size_t)left;
  enum hdx_status status = hdx_inflate_copy(zip->inflate, data, *used, error);
  if (progress->taken == zip->member.packed)
    zip->state = HDX_ZIP_TAIL;
  return status;
}

static enum hdx_status feed_deflated(struct hdx_zip *zip, const char *data, size_t size, size_t *used,
                                     struct hdx_error *error) {
  const struct hdx_inflate_progress *progress = hdx_inflate_progress(zip->inflate);
  enum hdx_status status = hdx_inflate_feed(zip->inflate, data, size, used, error);
  if (status == HDX_INTEGRITY)
    return hdx_error_context(error, status, "zip file");
  if (status != HDX_OK || !progress->ended)
    return status;
  zip->state = HDX_ZIP_TAIL;
  return feed_tail(zip, progress->rest, progress->rest_size, error);
}

enum hdx_status hdx_zip_feed(struct hdx_zip *zip, const char *data, size_t size, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  size_t used;
  for (; size && status == HDX_OK; data += used, size -= used) {
    used = size;
    if (zip->state == HDX_ZIP_HEADER)
      status = feed_header(zip, data, size, &used, error);
    else if (zip->state == HDX_ZIP_STORED)
      status = feed_stored(zip, data, size, &used, error);
    else if (zip->state == HDX_ZIP_DEFLATED)
      status = feed_deflated(zip, data, size, &used, error);
    else
      status = feed_tail(zip, data, size, error);
  }
  return status;
}

enum hdx_status hdx_zip_finish(struct hdx_zip *zip, struct hdx_error *error) {
  if (zip->state == HDX_ZIP_TAIL)
    return check_tail(zip, true, error);
  return hdx_zip_refuse(error, "it breaks off in its member%s", zip->state == HDX_ZIP_HEADER ? "'s header" : "");
}
