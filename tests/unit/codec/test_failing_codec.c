/* What the codecs do where memory, or a library that they load, is not to be had: MEMORY, and with memory the same
 * encoder or column goes on. What finds templates may give up instead: then more is stored as it is. */
#include "codec/bytes.h"
#include "codec/checksum.h"
#include "codec/column.h"
#include "codec/crc.h"
#include "codec/hash.h"
#include "unit/failing.h"

#include <stdlib.h>

enum { ROWS = 3000 };
#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)

static uint64_t seed = 5;
static char memory[ROWS][64];
static struct hdx_text texts[ROWS];
static int64_t start[ROWS], stop[ROWS], numbers[ROWS];
static uint32_t all[ROWS];

static uint64_t below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (seed >> 8) % n;
}

/* ---- integers ---- */

/* Numbers by which each of the bodies is chosen. */
static int64_t constant(size_t i) {
  (void)i;
  return 7;
}
static int64_t uniform(size_t i) {
  (void)i;
  return (int64_t)below(5000);
}
static int64_t named(size_t i) {
  static const int64_t names[] = {-7, 94, 171000, INT64_C(1) << 40, -(INT64_C(1) << 50)};
  return names[below(i % 3 ? 2 : 5)];
}
static int64_t sparse(size_t i) {
  return i % 300 == 17 ? (int64_t)below(1u << 30) : 9;
}
static int64_t drifting(size_t i) {
  int64_t sum = (int64_t)i * (int64_t)i / 40;
  for (int n = 0; n < 12; n++)
    sum += (int64_t)below(3000);
  return sum;
}
static int64_t split(size_t i) {
  return 1000003 * (int64_t)below(3000) + (i % 4 ? 0 : (int64_t)below(900));
}

static int64_t (*const kinds[])(size_t i) = {constant, uniform, named, sparse, drifting, split};

static enum hdx_status code_numbers(struct hdx_ints_encoder *encoder, struct hdx_ints *ints, struct hdx_error *error) {
  static int64_t got[ROWS];
  struct hdx_buffer out;
  hdx_buffer_init(&out, SIZE_MAX);
  enum hdx_status status = hdx_ints_encode(encoder, numbers, ROWS, NULL, &out, error);
  if (status == HDX_OK)
    status = hdx_buffer_status(&out, "numbers", error);
  if (status == HDX_OK)
    status = hdx_ints_decode(ints, encoder->zstd, out.data, out.size, ROWS, got, error);
  if (status == HDX_OK)
    assert_memory_equal(got, numbers, sizeof got);
  hdx_buffer_deinit(&out);
  return status;
}

static enum hdx_status use_numbers(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_error again;
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  struct hdx_ints_encoder encoder;
  struct hdx_ints ints;
  hdx_ints_encoder_init(&encoder, zstd);
  encoder.thorough = true;
  hdx_ints_init(&ints);
  enum hdx_status status = code_numbers(&encoder, &ints, error);
  if (status != HDX_OK)
    assert_true(code_numbers(&encoder, &ints, &again) == HDX_OK || again.status == HDX_MEMORY);
  hdx_ints_deinit(&ints);
  hdx_ints_encoder_deinit(&encoder);
  hdx_zstd_free(zstd);
  return status;
}

static void test_33_memory_for_numbers(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    for (size_t i = 0; i < ROWS; i++)
      numbers[i] = kinds[k](i);
    failing_memory(use_numbers, NULL);
  }
}

/* ---- texts ---- */

struct coder {
  struct hdx_zstd *zstd;
  struct hdx_ints_encoder ints;
  struct hdx_column_encoder encoder;
  struct hdx_book book;
  struct hdx_column_habit habit;
  struct hdx_column column;
};

static enum hdx_status read_texts(struct coder *coder, const uint32_t *ids, size_t id_count,
                                  const struct hdx_buffer *bytes, struct hdx_error *error) {
  static struct hdx_text got[ROWS];
  size_t size;
  enum hdx_status status =
      hdx_column_open(&coder->column, coder->zstd, &coder->book, ids, id_count, bytes->data, bytes->size, ROWS, error);
  if (status == HDX_OK)
    status = hdx_column_size(&coder->column, all, ROWS, &size, error);
  char *room = status == HDX_OK ? malloc(size) : NULL;
  if (status == HDX_OK && !room)
    return hdx_error_memory(error, size);
  if (status == HDX_OK)
    status = hdx_column_read(&coder->column, start, stop, all, ROWS, got, room, error);
  for (size_t i = 0; status == HDX_OK && i < ROWS; i++)
    assert_true(hdx_text_equal(got[i], texts[i]));
  free(room);
  return status;
}

static enum hdx_status code_texts(struct coder *coder, struct hdx_error *error) {
  uint32_t ids[HDX_COLUMN_TEMPLATES_MAX];
  size_t id_count;
  struct hdx_buffer out;
  hdx_buffer_init(&out, SIZE_MAX);
  enum hdx_status status = hdx_column_encode(&coder->encoder, &coder->book, &coder->habit, texts, start, stop, ROWS,
                                             ids, &id_count, &out, error);
  if (status == HDX_OK)
    status = read_texts(coder, ids, id_count, &out, error);
  hdx_buffer_deinit(&out);
  return status;
}

static enum hdx_status use_texts(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_error again;
  struct coder coder = {.zstd = hdx_zstd_create()};
  if (!coder.zstd)
    return hdx_error_memory(error, 0);
  hdx_ints_encoder_init(&coder.ints, coder.zstd);
  hdx_column_encoder_init(&coder.encoder, &coder.ints);
  hdx_book_init(&coder.book);
  hdx_column_init(&coder.column);
  enum hdx_status status = code_texts(&coder, error);
  if (status != HDX_OK)
    assert_true(code_texts(&coder, &again) == HDX_OK || again.status == HDX_MEMORY);
  hdx_column_deinit(&coder.column);
  hdx_book_deinit(&coder.book);
  hdx_column_encoder_deinit(&coder.encoder);
  hdx_ints_encoder_deinit(&coder.ints);
  hdx_zstd_free(coder.zstd);
  return status;
}

/* Names by time of several families, with numbers and moved times, and texts without any pattern. */
static void name(size_t i, bool patterns) {
  char *to = memory[i];
  long long day = start[i] / DAY, second = start[i] / SECOND % 86400, hour = second / 3600, minute = second / 60 % 60;
  size_t room = sizeof memory[i];
  int size;
  if (!patterns || i % 50 == 49)
    size = snprintf(to, room, "%0*llx", (int)below(50), (unsigned long long)below(UINT64_MAX));
  else if (i % 3)
    size = snprintf(to, room, "a/197001%02lld/f_%02lld%02lld%02lld_v%d.fits", day + 1, hour, minute, second % 60,
                    (int)(i / 500));
  else
    size = snprintf(to, room, "b_197001%02lldT%02lld%02lld%02lld_%d", day + 1, hour, minute,
                    (second + (long long)below(2)) % 60, (int)below(9000));
  texts[i] = (struct hdx_text){to, (size_t)size};
}

static void test_33_memory_for_texts(void **state) {
  (void)state;
  for (int patterns = 0; patterns < 2; patterns++) {
    for (size_t i = 0; i < ROWS; i++) {
      start[i] = (int64_t)i * 720 * SECOND;
      stop[i] = start[i] + 60 * SECOND;
      all[i] = (uint32_t)i;
      name(i, patterns);
    }
    failing_memory(use_texts, NULL);
  }
}

/* ---- hashes ---- */

static enum hdx_status use_stream(void *user, struct hdx_error *error) {
  (void)user;
  char text[HDX_HASH128_TEXT_MAX];
  struct hdx_hash_stream *stream = hdx_hash_stream_new();
  if (stream) {
    hdx_hash_stream_add(stream, "abc", 3);
    hdx_hash_stream_write(stream, text);
    assert_string_equal(text, "06b05ab6733a618578af5f94892f3950");
  }
  hdx_hash_stream_free(stream);
  return stream ? HDX_OK : hdx_error_memory(error, 1);
}

static enum hdx_status use_hasher(void *user, struct hdx_error *error) {
  const enum hdx_check *check = user;
  static const char *const digests[] = {
      [HDX_CHECK_MD5] = "900150983cd24fb0d6963f7d28e17f72",
      [HDX_CHECK_SHA1] = "a9993e364706816aba3e25717850c26c9cd0d89d",
      [HDX_CHECK_SHA256] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      [HDX_CHECK_CRC32C] = "364b3fb7",
  };
  char text[HDX_DIGEST_TEXT_MAX];
  struct hdx_digest digest;
  struct hdx_hasher *hasher = NULL;
  enum hdx_status status = hdx_hasher_open(*check, &hasher, error);
  if (status == HDX_LIMIT && strstr(error->message, "refuses")) /* libcrypto does not always say why */
    status = hdx_error_memory(error, 1);
  for (int round = 0; hasher && round < 2; round++) {
    hdx_hasher_add(hasher, "abc", 3);
    hdx_hasher_finish(hasher, &digest);
    hdx_digest_write(&digest, text);
    if (digest.check == HDX_CHECK_SIZE) /* none, rather than a wrong one */
      status = hdx_error_memory(error, 1);
    else
      assert_string_equal(text, digests[*check]);
  }
  hdx_hasher_close(hasher);
  return status;
}

static void test_33_checksums(void **state) {
  (void)state;
  struct hdx_error error;
  enum hdx_check checks[] = {HDX_CHECK_MD5, HDX_CHECK_SHA1, HDX_CHECK_SHA256, HDX_CHECK_CRC32C};
  failing_memory(use_stream, NULL);
  assert_int_equal(failing_calls("dlopen", "", use_hasher, &checks[0], HDX_IO), 1);
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    /* What libcrypto makes when it is first used and has no memory for, it does without for good. */
    assert_int_equal(use_hasher(&checks[i], &error), HDX_OK);
    failing_memory(use_hasher, &checks[i]);
  }
}

/* The first of this process, which looks for a library that computes them faster. */
static void checksums_without_a_library_for_them(void **state) {
  (void)state;
  faults_begin("dlopen:1:ENOENT:on");
  assert_int_equal(hdx_crc32c(0, "abc", 3), 0x364b3fb7);
  assert_int_equal(hdx_crc32(0, "abc", 3), 0x352441c2);
  assert_int_equal(faults_end(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checksums_without_a_library_for_them),
      cmocka_unit_test(test_33_memory_for_numbers),
      cmocka_unit_test(test_33_memory_for_texts),
      cmocka_unit_test(test_33_checksums),
  };
  hdx_zstd_free(NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
