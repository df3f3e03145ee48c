#include "cli/tar.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  NAME_BYTES = 100,
  PREFIX_BYTES = 155,
  NUMBER_DIGITS_MAX = 20,
  RECORDS_BYTES_MAX = 256,          /* beside the name */
  RECORD_BYTES = 20 * CLI_TAR_BLOCK /* what tape drives once wrote at once, and readers still expect */
};

#define SECOND_NS INT64_C(1000000000)
#define NUMBER_MAX UINT64_C(077777777777) /* that eleven octal digits hold */

struct head {
  char name[NAME_BYTES];
  char mode[8], uid[8], gid[8];
  char size[12], mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6], version[2];
  char user[32], group[32];
  char device_major[8], device_minor[8];
  char prefix[PREFIX_BYTES];
  char unused[12];
};
_Static_assert(sizeof(struct head) == CLI_TAR_BLOCK, "a head is a block");

static size_t padding_of(uint64_t size) {
  return (size_t)(-size % CLI_TAR_BLOCK);
}

static void put_text(char *field, size_t capacity, struct hdx_text text) {
  memcpy(field, text.data, text.size < capacity ? text.size : capacity);
}

/* All digits that the field has room for, and a NUL. */
static void put_octal(char *field, size_t capacity, uint64_t number) {
  field[--capacity] = 0;
  while (capacity > 0) {
    field[--capacity] = (char)('0' + (number & 7));
    number >>= 3;
  }
}

/* Where a slash divides the name into prefix and name of a head; 0: it fits undivided; SIZE_MAX: not at all. */
static size_t divide(struct hdx_text name) {
  if (name.size <= NAME_BYTES)
    return 0;
  for (size_t i = name.size - NAME_BYTES - 1; i <= PREFIX_BYTES && i + 1 < name.size; i++)
    if (i > 0 && name.data[i] == '/')
      return i;
  return SIZE_MAX;
}

static bool ascii(struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] >= 0x80)
      return false;
  return true;
}

static bool utf8(struct hdx_text text) {
  uint32_t point;
  for (size_t i = 0, length; i < text.size; i += length)
    if ((length = cli_utf8_decode(text.data + i, text.size - i, &point)) == 0)
      return false;
  return true;
}

static void put_head(char *out, struct hdx_text name, uint64_t size, uint64_t seconds, char type) {
  struct head head = {.magic = "ustar", .version = {'0', '0'}, .type = type};
  size_t at = divide(name);
  unsigned sum = 0;
  if (at > 0 && at < SIZE_MAX) {
    put_text(head.prefix, sizeof head.prefix, (struct hdx_text){name.data, at});
    name = (struct hdx_text){name.data + at + 1, name.size - at - 1};
  }
  put_text(head.name, sizeof head.name, name); /* cut, where an extended header has it */
  put_octal(head.mode, sizeof head.mode, 0644);
  put_octal(head.uid, sizeof head.uid, 0);
  put_octal(head.gid, sizeof head.gid, 0);
  put_octal(head.size, sizeof head.size, size <= NUMBER_MAX ? size : 0);
  put_octal(head.mtime, sizeof head.mtime, seconds);
  put_octal(head.device_major, sizeof head.device_major, 0);
  put_octal(head.device_minor, sizeof head.device_minor, 0);
  memset(head.checksum, ' ', sizeof head.checksum);
  for (size_t i = 0; i < sizeof head; i++)
    sum += ((const unsigned char *)&head)[i];
  put_octal(head.checksum, 7, sum);
  memcpy(out, &head, sizeof head);
}

/* "LENGTH KEYWORD=VALUE\n", whose length counts its own digits. */
static void put_record(char *records, size_t *size, const char *keyword, struct hdx_text value) {
  size_t rest = strlen(keyword) + value.size + 3, length = rest + 1;
  char digits[NUMBER_DIGITS_MAX + 1];
  while (rest + (size_t)snprintf(digits, sizeof digits, "%zu", length) != length)
    length = rest + strlen(digits);
  *size += (size_t)sprintf(records + *size, "%s %s=", digits, keyword);
  memcpy(records + *size, value.data, value.size);
  *size += value.size;
  records[(*size)++] = '\n';
}

static void put_number_record(char *records, size_t *size, const char *keyword, uint64_t number) {
  char text[NUMBER_DIGITS_MAX + 1];
  snprintf(text, sizeof text, "%" PRIu64, number);
  put_record(records, size, keyword, cli_text(text));
}

/* Seconds, with what is left of one as decimals. */
static void put_time_record(char *records, size_t *size, int64_t time_ns) {
  int64_t seconds = time_ns / SECOND_NS, rest = time_ns % SECOND_NS;
  char text[2 * NUMBER_DIGITS_MAX];
  if (rest)
    snprintf(text, sizeof text, "%s%" PRId64 ".%09" PRId64, time_ns < 0 ? "-" : "", seconds < 0 ? -seconds : seconds,
             rest < 0 ? -rest : rest);
  else
    snprintf(text, sizeof text, "%" PRId64, seconds);
  put_record(records, size, "mtime", cli_text(text));
}

/* The records of what does not fit into a head; returns their bytes. */
static size_t put_records(char *records, const struct cli_tar_member *member, bool plain_time) {
  size_t size = 0;
  if (!utf8(member->name))
    put_record(records, &size, "hdrcharset", cli_text("BINARY"));
  if (divide(member->name) == SIZE_MAX || !ascii(member->name))
    put_record(records, &size, "path", member->name);
  if (member->size > NUMBER_MAX)
    put_number_record(records, &size, "size", member->size);
  if (!plain_time)
    put_time_record(records, &size, member->modified);
  return size;
}

void cli_tar_head(struct cli_writer *out, const struct cli_tar_member *member) {
  int64_t time_ns = member->modified == HDX_TIME_NONE ? 0 : member->modified;
  bool plain_time = time_ns >= 0 && time_ns % SECOND_NS == 0; /* those that an int64 holds are before 2262 */
  char *p = cli_writer_reserve(out, RECORDS_BYTES_MAX + member->name.size + 3 * CLI_TAR_BLOCK);
  if (!p)
    return;
  size_t size = put_records(p + CLI_TAR_BLOCK, member, plain_time);
  if (size) {
    size_t padding = padding_of(size);
    put_head(p, cli_text("././@PaxHeader"), size, 0, 'x');
    memset(p + CLI_TAR_BLOCK + size, 0, padding);
    p += CLI_TAR_BLOCK + size + padding;
    cli_writer_advance(out, CLI_TAR_BLOCK + size + padding);
  }
  put_head(p, member->name, member->size, plain_time ? (uint64_t)(time_ns / SECOND_NS) : 0, '0');
  cli_writer_advance(out, CLI_TAR_BLOCK);
}

static void put_nuls(struct cli_writer *out, size_t size) {
  static const char nuls[CLI_TAR_BLOCK];
  for (; size > sizeof nuls; size -= sizeof nuls)
    cli_writer_put(out, (struct hdx_text){nuls, sizeof nuls});
  cli_writer_put(out, (struct hdx_text){nuls, size});
}

void cli_tar_pad(struct cli_writer *out, uint64_t size) {
  put_nuls(out, padding_of(size));
}

void cli_tar_end(struct cli_writer *out, uint64_t size) {
  size_t end = 2 * CLI_TAR_BLOCK;
  put_nuls(out, end + (size_t)(-(size + end) % RECORD_BYTES));
}
