#include "transfer/head.h"

void hdx_head_init(struct hdx_head *head) {
  *head = (struct hdx_head){.length = HDX_SIZE_UNKNOWN, .range_total = HDX_SIZE_UNKNOWN};
}

static void keep(char *to, size_t capacity, struct hdx_text value) {
  bool clean = value.size < capacity;
  for (size_t i = 0; clean && i < value.size; i++)
    clean = (unsigned char)value.data[i] >= 0x20 && value.data[i] != 0x7f;
  size_t size = clean ? value.size : 0;
  memcpy(to, value.data, size);
  to[size] = 0;
}

/* bytes 0-99/1000, bytes 0-99/\*, bytes \*\/1000 */
static void range(struct hdx_head *head, struct hdx_text value) {
  struct hdx_text unit = HDX_TEXT("bytes ");
  const char *dash, *slash;
  head->has_range = false;
  head->bad_range = true;
  if (value.size < unit.size || !hdx_text_equal_nocase(hdx_text_sub(value, 0, unit.size), unit))
    return;
  value = hdx_text_sub(value, unit.size, value.size);
  slash = memchr(value.data, '/', value.size);
  if (!slash)
    return;
  struct hdx_text total = {slash + 1, value.size - (size_t)(slash + 1 - value.data)};
  head->range_total = HDX_SIZE_UNKNOWN;
  if (!hdx_text_is(total, "*") && !hdx_text_to_u64(total, INT64_MAX, &head->range_total))
    return;
  value.size = (size_t)(slash - value.data);
  if (hdx_text_is(value, "*")) { /* of a 416: there is no such range, only the total */
    head->bad_range = false;
    return;
  }
  dash = memchr(value.data, '-', value.size);
  if (!dash)
    return;
  size_t at = (size_t)(dash - value.data);
  bool good = hdx_text_to_u64(hdx_text_sub(value, 0, at), INT64_MAX, &head->range_first) &&
              hdx_text_to_u64(hdx_text_sub(value, at + 1, value.size), INT64_MAX - 1, &head->range_last) &&
              head->range_first <= head->range_last && head->range_last < head->range_total;
  head->has_range = good;
  head->bad_range = !good;
}

static void status_line(struct hdx_head *head, struct hdx_text line) {
  const char *blank = memchr(line.data, ' ', line.size);
  uint64_t status = 0;
  hdx_head_init(head);
  size_t at = blank ? (size_t)(blank - line.data) + 1 : 0;
  if (blank && line.size >= at + 3 && hdx_text_to_u64(hdx_text_sub(line, at, at + 3), 999, &status))
    head->status = (long)status;
}

/* Amazon's own fields, their names without "x-amz-". */
static void amazon(struct hdx_head *head, struct hdx_text name, struct hdx_text value) {
  static const struct {
    struct hdx_text name;
    enum hdx_check check;
  } checksums[] = {{HDX_TEXT("checksum-crc32"), HDX_CHECK_CRC32},
                   {HDX_TEXT("checksum-crc32c"), HDX_CHECK_CRC32C},
                   {HDX_TEXT("checksum-crc64nvme"), HDX_CHECK_CRC64NVME},
                   {HDX_TEXT("checksum-sha1"), HDX_CHECK_SHA1},
                   {HDX_TEXT("checksum-sha256"), HDX_CHECK_SHA256}};
  struct hdx_text kms = HDX_TEXT("aws:kms"); /* or aws:kms:dsse */
  for (size_t i = 0; i < sizeof checksums / sizeof *checksums; i++)
    if (hdx_text_equal_nocase(name, checksums[i].name))
      keep(head->checksums[checksums[i].check], HDX_CHECKSUM_BYTES_MAX, value);
  if (hdx_text_equal_nocase(name, HDX_TEXT("bucket-region")))
    keep(head->bucket_region, sizeof head->bucket_region, value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("checksum-type")))
    head->checksums_of_parts = !hdx_text_equal_nocase(value, HDX_TEXT("FULL_OBJECT"));
  else if (hdx_text_equal_nocase(name, HDX_TEXT("server-side-encryption")))
    head->encrypted |= value.size >= kms.size && hdx_text_equal_nocase(hdx_text_sub(value, 0, kms.size), kms);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("server-side-encryption-customer-algorithm")))
    head->encrypted = true;
}

void hdx_head_line(struct hdx_head *head, struct hdx_text line) {
  line = hdx_text_trim(line);
  if (hdx_text_starts_with(line, HDX_TEXT("HTTP/"))) {
    status_line(head, line);
    return;
  }
  head->ended |= !line.size;
  const char *colon = line.size ? memchr(line.data, ':', line.size) : NULL;
  if (!colon)
    return;
  size_t at = (size_t)(colon - line.data);
  struct hdx_text name = hdx_text_sub(line, 0, at), value = hdx_text_trim(hdx_text_sub(line, at + 1, line.size));
  struct hdx_text prefix = HDX_TEXT("x-amz-");
  if (hdx_text_equal_nocase(name, HDX_TEXT("etag")))
    keep(head->etag, sizeof head->etag, value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("last-modified")))
    keep(head->last_modified, sizeof head->last_modified, value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("retry-after")))
    keep(head->retry_after, sizeof head->retry_after, value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("date")))
    keep(head->date, sizeof head->date, value);
  else if (name.size > prefix.size && hdx_text_equal_nocase(hdx_text_sub(name, 0, prefix.size), prefix))
    amazon(head, hdx_text_sub(name, prefix.size, name.size), value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("content-range")))
    range(head, value);
  else if (hdx_text_equal_nocase(name, HDX_TEXT("content-length")) && !hdx_text_to_u64(value, INT64_MAX, &head->length))
    head->length = HDX_SIZE_UNKNOWN;
}

bool hdx_head_strong(const char *etag) {
  return etag[0] == '"';
}
