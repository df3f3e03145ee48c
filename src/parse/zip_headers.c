/* What the parts of a zip file around its member say, and whether they agree. */
#include "parse/zip_headers.h"

#include "base/error.h"

#include <stdio.h>

enum {
  CENTRAL_BYTES = 46,
  ZIP64_END_BYTES = 56,
  ZIP64_LOCATOR_BYTES = 20,
  END_BYTES = 22,
  SIGNATURE_BYTES = 4,
  ZIP64_FIELD = 1, /* id of an extra field */
  FLAG_ENCRYPTED = 1 << 0,
  FLAG_PATCH = 1 << 5,
  FLAG_STRONG = 1 << 6,
  FLAG_MASKED = 1 << 13,
  NAME_SHOWN_MAX = 80,
};

#define LOCAL_SIGNATURE "PK\x03\x04"
#define CENTRAL_SIGNATURE "PK\x01\x02"
#define DESCRIPTOR_SIGNATURE "PK\x07\x08"
#define ZIP64_END_SIGNATURE "PK\x06\x06"
#define ZIP64_LOCATOR_SIGNATURE "PK\x06\x07"
#define END_SIGNATURE "PK\x05\x06"

enum hdx_status hdx_zip_refuse(struct hdx_error *error, const char *format, ...) {
  char what[512];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return hdx_error_set(error, HDX_INTEGRITY, "zip file: %s", what);
}

uint64_t hdx_zip_number(const char *bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;)
    value = value << 8 | (unsigned char)bytes[i];
  return value;
}

/* A name as messages show it: what is not printable ASCII is a question mark. */
static const char *shown(struct hdx_text name, char *text) {
  size_t size = name.size < NAME_SHOWN_MAX ? name.size : NAME_SHOWN_MAX;
  for (size_t i = 0; i < size; i++)
    text[i] = (char)(name.data[i] >= ' ' && name.data[i] < 0x7f ? name.data[i] : '?');
  text[size] = 0;
  return text;
}

/* Gives the values that are all ones what the zip64 field says in their place. False if it does not. */
static bool widen(struct hdx_text extra, uint64_t *const values[], size_t count) {
  struct hdx_text field = {"", 0};
  while (extra.size >= 4 && !field.size) {
    size_t size = (size_t)hdx_zip_number(extra.data + 2, 2);
    if (size > extra.size - 4)
      break;
    if (hdx_zip_number(extra.data, 2) == ZIP64_FIELD)
      field = hdx_text_sub(extra, 4, 4 + size);
    extra = hdx_text_sub(extra, 4 + size, extra.size);
  }
  for (size_t i = 0; i < count; i++) {
    if (*values[i] != UINT32_MAX)
      continue;
    if (field.size < 8)
      return false;
    *values[i] = hdx_zip_number(field.data, 8);
    field = hdx_text_sub(field, 8, field.size);
  }
  return true;
}

enum hdx_status hdx_zip_check_begin(struct hdx_text begin, struct hdx_error *error) {
  if (begin.size < SIGNATURE_BYTES || hdx_text_starts_with(begin, HDX_TEXT(LOCAL_SIGNATURE)))
    return HDX_OK;
  if (hdx_text_starts_with(begin, HDX_TEXT(END_SIGNATURE)) ||
      hdx_text_starts_with(begin, HDX_TEXT(ZIP64_END_SIGNATURE)))
    return hdx_zip_refuse(error, "expected one member, found none");
  if (hdx_text_starts_with(begin, HDX_TEXT(DESCRIPTOR_SIGNATURE)))
    return hdx_zip_refuse(error, "expected a whole archive, found the first part of one that was split");
  return hdx_zip_refuse(error, "expected a member's header, found other bytes");
}

size_t hdx_zip_local_size(const char *header) {
  return HDX_ZIP_LOCAL_BYTES + (size_t)hdx_zip_number(header + 26, 2) + (size_t)hdx_zip_number(header + 28, 2);
}

static const char *method_name(unsigned method) {
  static const struct {
    unsigned method;
    const char *name;
  } names[] = {{1, "shrink"},  {2, "reduce"},    {3, "reduce"},       {4, "reduce"},   {5, "reduce"},
               {6, "implode"}, {9, "deflate64"}, {10, "DCL implode"}, {12, "bzip2"},   {14, "LZMA"},
               {16, "CMPSC"},  {18, "TERSE"},    {19, "LZ77"},        {20, "zstd"},    {93, "zstd"},
               {94, "MP3"},    {95, "xz"},       {96, "JPEG"},        {97, "WavPack"}, {98, "PPMd"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].method == method)
      return names[i].name;
  return "unknown to us";
}

static enum hdx_status check_readable(const struct hdx_zip_member *member, struct hdx_error *error) {
  char name[NAME_SHOWN_MAX + 1];
  shown(member->name, name);
  if (hdx_text_ends_with(member->name, HDX_TEXT("/")))
    return hdx_zip_refuse(error, "expected one file, found the folder '%s'", name);
  if (member->method == 99 || (member->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)))
    return hdx_zip_refuse(error, "its member '%s' is encrypted (%s)", name,
                          member->method == 99                          ? "AES"
                          : member->flags & (FLAG_STRONG | FLAG_MASKED) ? "strong encryption"
                                                                        : "with a password");
  if (member->flags & FLAG_PATCH)
    return hdx_zip_refuse(error, "its member '%s' is a patch of another file", name);
  if (member->method != HDX_ZIP_STORE && member->method != HDX_ZIP_DEFLATE)
    return hdx_zip_refuse(error, "expected its member '%s' stored or deflated, found method %u (%s)", name,
                          member->method, method_name(member->method));
  if (member->method == HDX_ZIP_STORE && (member->flags & HDX_ZIP_FLAG_DESCRIPTOR))
    return hdx_zip_refuse(error, "its member '%s' is stored and its size is not told in front of it", name);
  if (member->method == HDX_ZIP_STORE && member->packed != member->size)
    return hdx_zip_refuse(error, "its member '%s' is stored: expected one size, found %llu and %llu", name,
                          (unsigned long long)member->packed, (unsigned long long)member->size);
  return HDX_OK;
}

enum hdx_status hdx_zip_read_local(struct hdx_text header, struct hdx_zip_member *member, struct hdx_error *error) {
  const char *data = header.data;
  size_t name_size = (size_t)hdx_zip_number(data + 26, 2);
  *member = (struct hdx_zip_member){
      .flags = (unsigned)hdx_zip_number(data + 6, 2),
      .method = (unsigned)hdx_zip_number(data + 8, 2),
      .crc = (uint32_t)hdx_zip_number(data + 14, 4),
      .packed = hdx_zip_number(data + 18, 4),
      .size = hdx_zip_number(data + 22, 4),
      .name = hdx_text_sub(header, HDX_ZIP_LOCAL_BYTES, HDX_ZIP_LOCAL_BYTES + name_size),
  };
  struct hdx_text extra = hdx_text_sub(header, HDX_ZIP_LOCAL_BYTES + name_size, header.size);
  member->zip64 = member->packed == UINT32_MAX || member->size == UINT32_MAX;
  if (!widen(extra, (uint64_t *const[]){&member->size, &member->packed}, 2))
    return hdx_zip_refuse(error, "expected the sizes of its member in a zip64 field, found none");
  return check_readable(member, error);
}

/* ------------------------------------------------------------------------------------------------------------- tail */

/* The tail, being read from its beginning on. */
struct tail {
  const struct hdx_zip_member *member;
  const struct hdx_zip_found *found;
  struct hdx_text rest; /* what is still to be read */
  uint64_t at;          /* byte of the file where it begins */
  bool whole;
  struct hdx_error *error;
};

static void pass(struct tail *tail, size_t size) {
  tail->rest = hdx_text_sub(tail->rest, size, tail->rest.size);
  tail->at += size;
}

static enum hdx_status need(const struct tail *tail, size_t size, const char *what) {
  if (tail->rest.size >= size)
    return HDX_OK;
  return hdx_zip_refuse(tail->error, tail->whole ? "it breaks off in %s" : "expected an end of %s", what);
}

static bool begins_with(const struct tail *tail, const char *signature) {
  return hdx_text_starts_with(tail->rest, (struct hdx_text){signature, SIGNATURE_BYTES});
}

static enum hdx_status expect(const struct tail *tail, const char *where, const char *what, uint64_t found,
                              uint64_t expected) {
  if (found == expected)
    return HDX_OK;
  return hdx_zip_refuse(tail->error, "%s: expected %s %llu, found %llu", where, what, (unsigned long long)expected,
                        (unsigned long long)found);
}

/* Compares what a part of the file says of the member with what was found. */
static enum hdx_status agree(const struct tail *tail, const char *where, uint32_t crc, uint64_t packed, uint64_t size) {
  const struct hdx_zip_found *found = tail->found;
  if (crc != found->crc)
    return hdx_zip_refuse(tail->error, "%s: expected the CRC-32 %08x of what its member holds, found %08x", where,
                          found->crc, crc);
  enum hdx_status status = expect(tail, where, "the member's compressed size", packed, found->packed);
  return status == HDX_OK ? expect(tail, where, "the member's size", size, found->size) : status;
}

static bool descriptor_agrees(const struct tail *tail, size_t signature, size_t width) {
  const struct hdx_zip_found *found = tail->found;
  const char *data = tail->rest.data + signature;
  return tail->rest.size >= signature + 4 + 2 * width && hdx_zip_number(data, 4) == found->crc &&
         hdx_zip_number(data + 4, width) == found->packed && hdx_zip_number(data + 4 + width, width) == found->size;
}

/* The data descriptor has four forms, and nothing says which: with or without a signature (which a CRC-32 may equal),
 * sizes of 32 or 64 bits. It has the one that agrees with the member; if none does, that which it seems to have. */
static enum hdx_status check_descriptor(struct tail *tail) {
  size_t signature = begins_with(tail, DESCRIPTOR_SIGNATURE) ? SIGNATURE_BYTES : 0;
  size_t width = tail->member->zip64 ? 8 : 4;
  const size_t forms[][2] = {{signature, width}, {signature, 12 - width}, {0, width}, {0, 12 - width}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (descriptor_agrees(tail, forms[i][0], forms[i][1])) {
      pass(tail, forms[i][0] + 4 + 2 * forms[i][1]);
      return HDX_OK;
    }
  enum hdx_status status = need(tail, signature + 4 + 2 * width, "its data descriptor");
  if (status != HDX_OK)
    return status;
  const char *data = tail->rest.data + signature;
  return agree(tail, "data descriptor", (uint32_t)hdx_zip_number(data, 4), hdx_zip_number(data + 4, width),
               hdx_zip_number(data + 4 + width, width));
}

/* What the local header says; in front of a data descriptor it may leave out all or some. */
static enum hdx_status check_local(const struct tail *tail) {
  const struct hdx_zip_member *member = tail->member;
  const struct hdx_zip_found *found = tail->found;
  bool later = member->flags & HDX_ZIP_FLAG_DESCRIPTOR;
  return agree(tail, "local header", later && !member->crc ? found->crc : member->crc,
               later && !member->packed ? found->packed : member->packed,
               later && !member->size ? found->size : member->size);
}

static enum hdx_status refuse_second(const struct tail *tail) {
  bool local = begins_with(tail, LOCAL_SIGNATURE);
  size_t fixed = local ? HDX_ZIP_LOCAL_BYTES : CENTRAL_BYTES;
  char name[NAME_SHOWN_MAX + 1] = "", other[NAME_SHOWN_MAX + 1];
  if (tail->rest.size >= fixed) {
    size_t size = (size_t)hdx_zip_number(tail->rest.data + (local ? 26 : 28), 2), rest = tail->rest.size - fixed;
    shown(hdx_text_sub(tail->rest, fixed, fixed + (size < rest ? size : rest)), name);
  }
  return hdx_zip_refuse(tail->error, "expected one member, found '%s' and '%s'", shown(tail->member->name, other),
                        name);
}

static enum hdx_status check_central(struct tail *tail) {
  if (begins_with(tail, LOCAL_SIGNATURE))
    return refuse_second(tail);
  if (tail->rest.size >= SIGNATURE_BYTES && !begins_with(tail, CENTRAL_SIGNATURE))
    return hdx_zip_refuse(tail->error, "expected the central directory at byte %llu, found other bytes",
                          (unsigned long long)tail->at);
  enum hdx_status status = need(tail, CENTRAL_BYTES, "its central directory");
  if (status != HDX_OK)
    return status;
  const char *data = tail->rest.data, *where = "central directory";
  size_t name_size = (size_t)hdx_zip_number(data + 28, 2), extra_size = (size_t)hdx_zip_number(data + 30, 2);
  size_t comment_size = (size_t)hdx_zip_number(data + 32, 2),
         size = CENTRAL_BYTES + name_size + extra_size + comment_size;
  struct hdx_zip_member says = {.packed = hdx_zip_number(data + 20, 4),
                                .size = hdx_zip_number(data + 24, 4),
                                .offset = hdx_zip_number(data + 42, 4)};
  status = need(tail, size, "its central directory");
  if (status != HDX_OK)
    return status;
  struct hdx_text extra = hdx_text_sub(tail->rest, CENTRAL_BYTES + name_size, CENTRAL_BYTES + name_size + extra_size);
  if (!widen(extra, (uint64_t *const[]){&says.size, &says.packed, &says.offset}, 3))
    return hdx_zip_refuse(tail->error, "%s: expected a zip64 field, found none", where);
  status = agree(tail, where, (uint32_t)hdx_zip_number(data + 16, 4), says.packed, says.size);
  if (status == HDX_OK)
    status = expect(tail, where, "the method", hdx_zip_number(data + 10, 2), tail->member->method);
  if (status == HDX_OK && (hdx_zip_number(data + 8, 2) & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)))
    status = hdx_zip_refuse(tail->error, "%s: says that the member is encrypted", where);
  if (status == HDX_OK)
    status = expect(tail, where, "the member at byte", says.offset, 0);
  if (status == HDX_OK &&
      !hdx_text_equal(tail->member->name, hdx_text_sub(tail->rest, CENTRAL_BYTES, CENTRAL_BYTES + name_size)))
    status = hdx_zip_refuse(tail->error, "%s: expected the name that the member has in front of it", where);
  if (status == HDX_OK)
    pass(tail, size);
  return status;
}

/* Where the central directory is, and how long. */
struct directory {
  uint64_t offset, size;
};

/* The zip64 end record and its locator. */
static enum hdx_status check_zip64_end(struct tail *tail, const struct directory *directory) {
  const char *where = "zip64 end record", *data = tail->rest.data;
  enum hdx_status status = need(tail, ZIP64_END_BYTES, "its zip64 end record");
  if (status != HDX_OK)
    return status;
  uint64_t at = tail->at, size = hdx_zip_number(data + 4, 8);
  if (size < ZIP64_END_BYTES - 12 || size > UINT32_MAX)
    return hdx_zip_refuse(tail->error, "%s: expected a size of some bytes, found %llu", where,
                          (unsigned long long)size);
  const struct {
    const char *what;
    uint64_t found, expected;
  } values[] = {{"disk", hdx_zip_number(data + 16, 4), 0},
                {"the directory's disk", hdx_zip_number(data + 20, 4), 0},
                {"members on this disk", hdx_zip_number(data + 24, 8), 1},
                {"members", hdx_zip_number(data + 32, 8), 1},
                {"the directory's size", hdx_zip_number(data + 40, 8), directory->size},
                {"the directory at byte", hdx_zip_number(data + 48, 8), directory->offset}};
  for (size_t i = 0; status == HDX_OK && i < sizeof values / sizeof *values; i++)
    status = expect(tail, where, values[i].what, values[i].found, values[i].expected);
  if (status == HDX_OK)
    status = need(tail, (size_t)size + 12 + ZIP64_LOCATOR_BYTES, "its zip64 end record");
  if (status != HDX_OK)
    return status;
  pass(tail, (size_t)size + 12);
  if (!begins_with(tail, ZIP64_LOCATOR_SIGNATURE))
    return hdx_zip_refuse(tail->error, "expected the locator of the zip64 end record, found other bytes");
  status = expect(tail, "zip64 locator", "the zip64 end record at byte", hdx_zip_number(tail->rest.data + 8, 8), at);
  pass(tail, ZIP64_LOCATOR_BYTES);
  return status;
}

static enum hdx_status check_end(struct tail *tail, bool zip64, const struct directory *directory) {
  const char *where = "end record", *data = tail->rest.data;
  if (tail->rest.size >= SIGNATURE_BYTES && !begins_with(tail, END_SIGNATURE))
    return hdx_zip_refuse(tail->error, "expected the end record at byte %llu, found other bytes",
                          (unsigned long long)tail->at);
  enum hdx_status status = need(tail, END_BYTES, "its end record");
  if (status != HDX_OK)
    return status;
  const struct {
    const char *what;
    size_t at, size;
    uint64_t expected;
  } values[] = {{"disk", 4, 2, 0},
                {"the directory's disk", 6, 2, 0},
                {"members on this disk", 8, 2, 1},
                {"members", 10, 2, 1},
                {"the directory's size", 12, 4, directory->size},
                {"the directory at byte", 16, 4, directory->offset}};
  for (size_t i = 0; status == HDX_OK && i < sizeof values / sizeof *values; i++) {
    uint64_t value = hdx_zip_number(data + values[i].at, values[i].size);
    bool elsewhere = zip64 && value == (values[i].size == 2 ? UINT16_MAX : UINT32_MAX);
    if (!elsewhere)
      status = expect(tail, where, values[i].what, value, values[i].expected);
  }
  size_t comment = (size_t)hdx_zip_number(data + 20, 2);
  if (status == HDX_OK)
    status = need(tail, END_BYTES + comment, "its comment");
  if (status == HDX_OK)
    pass(tail, END_BYTES + comment);
  return status;
}

enum hdx_status hdx_zip_check_tail(const struct hdx_zip_member *member, const struct hdx_zip_found *found,
                                   struct hdx_text bytes, bool whole, struct hdx_error *error) {
  struct tail tail = {member, found, bytes, found->end, whole, error};
  enum hdx_status status = check_local(&tail);
  if (status == HDX_OK && (member->flags & HDX_ZIP_FLAG_DESCRIPTOR))
    status = check_descriptor(&tail);
  struct directory directory = {.offset = tail.at};
  if (status == HDX_OK)
    status = check_central(&tail);
  directory.size = tail.at - directory.offset;
  if (status == HDX_OK && begins_with(&tail, CENTRAL_SIGNATURE))
    status = refuse_second(&tail);
  bool zip64 = begins_with(&tail, ZIP64_END_SIGNATURE);
  if (status == HDX_OK && zip64)
    status = check_zip64_end(&tail, &directory);
  if (status == HDX_OK)
    status = check_end(&tail, zip64, &directory);
  if (status == HDX_OK && tail.rest.size)
    status =
        hdx_zip_refuse(error, "expected the file's end at byte %llu, found more bytes", (unsigned long long)tail.at);
  return status;
}
