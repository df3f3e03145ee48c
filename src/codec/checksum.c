/* Names and texts of checks and digests. Sources: RFC 4648 (base64), Amazon S3 User Guide, "Checking object integrity".
 */
#include "codec/checksum.h"

static const struct {
  struct hdx_text name;
  size_t bytes;
} checks[HDX_CHECK_COUNT] = {
#define X(name, text, bytes) [HDX_CHECK_##name] = {{text, sizeof(text) - 1}, bytes},
    HDX_CHECK_MAP(X)
#undef X
};

const char *hdx_check_name(enum hdx_check check) {
  return (unsigned)check < HDX_CHECK_COUNT ? checks[check].name.data : "unknown";
}

size_t hdx_check_bytes(enum hdx_check check) {
  return (unsigned)check < HDX_CHECK_COUNT ? checks[check].bytes : 0;
}

bool hdx_check_of_name(struct hdx_text name, enum hdx_check *check) {
  char plain[16];
  size_t size = 0;
  for (size_t i = 0; i < name.size; i++) {
    if (name.data[i] == '-' || name.data[i] == '_')
      continue;
    if (size == sizeof plain)
      return false;
    plain[size++] = name.data[i];
  }
  for (int i = 0; i < HDX_CHECK_COUNT; i++)
    if (hdx_text_equal_nocase((struct hdx_text){plain, size}, checks[i].name)) {
      *check = (enum hdx_check)i;
      return true;
    }
  return false;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Reads digits of `bits` bits each as the `size` bytes of which they are, the last one's spare bits zero. */
static bool read_digits(const char *text, unsigned bits, int (*value_of)(char), uint8_t *out, size_t size) {
  unsigned held = 0, count = 0;
  for (size_t i = 0; i < size; i++) {
    for (; count < 8; count += bits) {
      int value = value_of(*text++);
      if (value < 0)
        return false;
      held = held << bits | (unsigned)value;
    }
    count -= 8;
    out[i] = (uint8_t)(held >> count);
    held &= (1u << count) - 1;
  }
  return held == 0;
}

/* Base64's length tells it from hexadecimal digits, but for four bytes: those end with "==". */
bool hdx_digest_read(enum hdx_check check, struct hdx_text text, struct hdx_digest *digest) {
  const size_t size = hdx_check_bytes(check), padding = (3 - size % 3) % 3;
  struct hdx_digest read = {.check = check};
  if (size == 0)
    return false;
  bool base64 = text.size == (size + 2) / 3 * 4 && hdx_text_ends_with(text, (struct hdx_text){"==", padding});
  bool good = base64 ? read_digits(text.data, 6, base64_value, read.bytes, size)
                     : text.size == 2 * size && read_digits(text.data, 4, hex_value, read.bytes, size);
  if (good)
    *digest = read;
  return good;
}

void hdx_digest_write(const struct hdx_digest *digest, char *out) {
  static const char digits[] = "0123456789abcdef";
  size_t size = hdx_check_bytes(digest->check);
  for (size_t i = 0; i < size; i++) {
    *out++ = digits[digest->bytes[i] >> 4];
    *out++ = digits[digest->bytes[i] & 15];
  }
  *out = 0;
}

bool hdx_digest_equal(const struct hdx_digest *a, const struct hdx_digest *b) {
  size_t size = hdx_check_bytes(a->check);
  return size && a->check == b->check && memcmp(a->bytes, b->bytes, size) == 0;
}

bool hdx_digest_of_etag(struct hdx_text etag, struct hdx_digest *digest) {
  return etag.size == 2 * hdx_check_bytes(HDX_CHECK_MD5) + 2 && etag.data[0] == '"' &&
         etag.data[etag.size - 1] == '"' &&
         hdx_digest_read(HDX_CHECK_MD5, hdx_text_sub(etag, 1, etag.size - 1), digest);
}
