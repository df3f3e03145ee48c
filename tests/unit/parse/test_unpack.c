/* Packed files of every form that is read, made by Python's zipfile and gzip (tests/vectors/packed): whatever the cut
 * they give the bytes that were packed; cut short or damaged in any place they give these bytes or an error. */
#include "base/file.h"
#include "unit/parse/unpacked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FOLDER "vectors/packed/"
#define FILE_BYTES_MAX (1u << 20)

static const struct {
  const char *name;
  enum hdx_packing packing;
  size_t times; /* that rows.csv is in it */
} files[] = {
    {"rows.csv", HDX_PACKING_NONE, 1},
    {"deflated.zip", HDX_PACKING_ZIP, 1},
    {"stored.zip", HDX_PACKING_ZIP, 1},
    {"streamed.zip", HDX_PACKING_ZIP, 1},
    {"streamed_unsigned.zip", HDX_PACKING_ZIP, 1},
    {"streamed_zip64.zip", HDX_PACKING_ZIP, 1},
    {"streamed_wide.zip", HDX_PACKING_ZIP, 1},
    {"zip64.zip", HDX_PACKING_ZIP, 1},
    {"zip64_end.zip", HDX_PACKING_ZIP, 1},
    {"comment.zip", HDX_PACKING_ZIP, 1},
    {"empty_stored.zip", HDX_PACKING_ZIP, 0},
    {"empty_streamed.zip", HDX_PACKING_ZIP, 0},
    {"long_deflated.zip", HDX_PACKING_ZIP, 600},
    {"one.gz", HDX_PACKING_GZIP, 1},
    {"fields.gz", HDX_PACKING_GZIP, 1},
    {"several.gz", HDX_PACKING_GZIP, 1},
    {"padded.gz", HDX_PACKING_GZIP, 1},
    {"empty_one.gz", HDX_PACKING_GZIP, 0},
    {"long_several.gz", HDX_PACKING_GZIP, 600},
};
enum { FILES = sizeof files / sizeof *files };

static void load(const char *name, struct hdx_buffer *content) {
  char path[128];
  struct hdx_error error;
  snprintf(path, sizeof path, FOLDER "%s", name);
  hdx_buffer_init(content, FILE_BYTES_MAX);
  if (hdx_file_read(path, FILE_BYTES_MAX, content, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

/* Whether what came out is rows.csv so many times. */
static bool is_rows(const struct hdx_buffer *bytes, const struct hdx_buffer *rows, size_t times) {
  if (bytes->size != times * rows->size)
    return false;
  for (size_t i = 0; i < times; i++)
    if (memcmp(bytes->data + i * rows->size, rows->data, rows->size) != 0)
      return false;
  return true;
}

/* Each file in turn, with its bytes and those of rows.csv. */
static void each(void (*check)(size_t file, const struct hdx_buffer *packed, const struct hdx_buffer *rows,
                               struct unpacked *unpacked)) {
  struct unpacked unpacked;
  struct hdx_buffer rows, packed;
  unpacked_open(&unpacked);
  load("rows.csv", &rows);
  for (size_t i = 0; i < FILES; i++) {
    load(files[i].name, &packed);
    check(i, &packed, &rows, &unpacked);
    hdx_buffer_deinit(&packed);
  }
  hdx_buffer_deinit(&rows);
  unpacked_close(&unpacked);
}

static void expect_rows(size_t file, const struct hdx_buffer *rows, const struct unpacked *unpacked, size_t cut) {
  if (unpacked->status != HDX_OK)
    fail_msg("%s, cut at %zu: %s", files[file].name, cut, unpacked->error.message);
  if (!is_rows(&unpacked->bytes, rows, files[file].times))
    fail_msg("%s, cut at %zu: other bytes", files[file].name, cut);
  assert_int_equal(hdx_unpack_packing(unpacked->unpack), files[file].packing);
}

static void check_cuts(size_t file, const struct hdx_buffer *packed, const struct hdx_buffer *rows,
                       struct unpacked *unpacked) {
  for (size_t cut = 0; cut <= packed->size; cut++) {
    unpacked_run(unpacked, packed->data, packed->size, &cut, 1);
    expect_rows(file, rows, unpacked, cut);
  }
  /* A byte at a time, and three. */
  size_t *cuts = calloc(packed->size, sizeof *cuts);
  assert_non_null(cuts);
  for (size_t step = 1; step <= 3; step += 2) {
    size_t count = 0;
    for (size_t at = step; at < packed->size; at += step)
      cuts[count++] = at;
    unpacked_run(unpacked, packed->data, packed->size, cuts, count);
    expect_rows(file, rows, unpacked, step);
  }
  free(cuts);
}

static void test_every_cut(void **state) {
  (void)state;
  each(check_cuts);
}

static void check_truncated(size_t file, const struct hdx_buffer *packed, const struct hdx_buffer *rows,
                            struct unpacked *unpacked) {
  if (files[file].packing == HDX_PACKING_NONE)
    return;
  for (size_t size = 4; size < packed->size; size++) {
    unpacked_run(unpacked, packed->data, size, NULL, 0);
    /* A gzip file may end behind any of its members, and in its padding. */
    bool may_end = files[file].packing == HDX_PACKING_GZIP && unpacked->status == HDX_OK;
    if (may_end && (strcmp(files[file].name, "several.gz") == 0 || strcmp(files[file].name, "long_several.gz") == 0))
      assert_true(unpacked->bytes.size < files[file].times * rows->size);
    else if (may_end && strcmp(files[file].name, "padded.gz") == 0)
      assert_true(is_rows(&unpacked->bytes, rows, 1));
    else {
      assert_int_equal(unpacked->status, HDX_INTEGRITY);
      /* A data descriptor that is of zeros, or wider than it is announced, has an end in more than one place. */
      bool narrow = files[file].times && strcmp(files[file].name, "streamed_wide.zip") != 0;
      if (narrow && !strstr(unpacked->error.message, "breaks off"))
        fail_msg("%s, cut off at %zu: %s", files[file].name, size, unpacked->error.message);
    }
  }
}

static void test_truncated_anywhere(void **state) {
  (void)state;
  each(check_truncated);
}

static void check_flipped(size_t file, const struct hdx_buffer *packed, const struct hdx_buffer *rows,
                          struct unpacked *unpacked) {
  size_t refused = 0, bits = 0;
  if (files[file].packing == HDX_PACKING_NONE)
    return;
  for (size_t at = 0; at < packed->size; at++)
    for (int bit = 0; bit < 8; bit++) {
      packed->data[at] ^= (char)(1 << bit);
      unpacked_run(unpacked, packed->data, packed->size, NULL, 0);
      bits++;
      refused += unpacked->status != HDX_OK;
      /* What is no longer known as packed is handed on as it is. */
      bool known = hdx_unpack_packing(unpacked->unpack) != HDX_PACKING_NONE;
      if (known && unpacked->status == HDX_OK && !is_rows(&unpacked->bytes, rows, files[file].times))
        fail_msg("%s, bit %d of byte %zu flipped: wrong bytes without an error", files[file].name, bit, at);
      if (unpacked->status != HDX_OK)
        assert_int_equal(unpacked->status, HDX_INTEGRITY);
      packed->data[at] ^= (char)(1 << bit);
    }
  /* Times, versions, attributes and comments may be anything; the bytes of the member may not. */
  if (files[file].times)
    assert_true(refused * 2 > bits);
}

static void test_flipped_anywhere(void **state) {
  (void)state;
  each(check_flipped);
}

static void test_plain_bytes_are_not_copied(void **state) {
  (void)state;
  struct unpacked unpacked;
  unpacked_open(&unpacked);
  static const char plain[] = "2020-01-01Z,2020-01-02Z,k,1\n", two[] = "ab";
  unpacked_run(&unpacked, plain, sizeof plain - 1, NULL, 0);
  assert_int_equal(unpacked.chunks, 1);
  unpacked_run(&unpacked, two, 2, NULL, 0);
  assert_int_equal(unpacked.bytes.size, 2);
  assert_memory_equal(unpacked.bytes.data, two, 2);
  unpacked_run(&unpacked, "", 0, NULL, 0);
  assert_int_equal(unpacked.status, HDX_OK);
  assert_int_equal(unpacked.chunks, 0);
  unpacked_close(&unpacked);
}

static void test_chunks_are_bounded(void **state) {
  (void)state;
  struct unpacked unpacked;
  struct hdx_buffer packed;
  unpacked_open(&unpacked);
  load("long_deflated.zip", &packed);
  unpacked_run(&unpacked, packed.data, packed.size, NULL, 0);
  assert_int_equal(unpacked.status, HDX_OK);
  assert_true(unpacked.chunks > 1);
  assert_in_range(unpacked.chunk_max, 64 << 10, 256 << 10);
  hdx_buffer_deinit(&packed);
  unpacked_close(&unpacked);
}

static void test_sink_ends_it(void **state) {
  (void)state;
  static const char *const names[] = {"long_deflated.zip", "stored.zip", "long_several.gz", "rows.csv"};
  struct unpacked unpacked;
  struct hdx_buffer packed;
  unpacked_open(&unpacked);
  unpacked.refuse = HDX_LIMIT;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    load(names[i], &packed);
    unpacked_run(&unpacked, packed.data, packed.size, NULL, 0);
    assert_int_equal(unpacked.status, HDX_LIMIT);
    assert_int_equal(unpacked.chunks, 1);
    assert_int_equal(hdx_unpack_feed(unpacked.unpack, "x", 1, NULL), HDX_LIMIT);
    assert_int_equal(hdx_unpack_finish(unpacked.unpack, NULL), HDX_LIMIT);
    hdx_buffer_deinit(&packed);
  }
  unpacked_close(&unpacked);
}

static void test_names(void **state) {
  (void)state;
  assert_string_equal(hdx_packing_name(HDX_PACKING_NONE), "");
  assert_string_equal(hdx_packing_name(HDX_PACKING_GZIP), "gzip");
  assert_string_equal(hdx_packing_name(HDX_PACKING_ZIP), "zip");
}

/* ---- gzip: what is refused, and why ---- */

static void test_gzip_refusals(void **state) {
  (void)state;
  static const struct {
    const char *file;
    int at; /* of the byte that is changed; below 0: from the end */
    char byte;
    const char *added; /* behind the end */
    size_t added_size;
    const char *reason;
  } cases[] = {
      {"one.gz", 2, 7, "", 0, "expected the method deflate (8), found 7"},
      {"one.gz", 3, (char)0x80, "", 0, "expected no flags but those of RFC 1952, found 0x80"},
      {"one.gz", 10, 7, "", 0, "gzip: expected a DEFLATE stream, found a block that is none"},
      {"one.gz", -8, 0x11, "", 0, "of what it holds, found"},
      {"one.gz", -4, 0x11, "", 0, "expected the size of what it holds (594 bytes), found 529"},
      {"fields.gz", 34, 'X', "", 0, "the CRC of the header, found"},
      {"one.gz", 9, 3, "garbage", 7, "byte 190: expected another member or the file's end, found other bytes"},
      {"one.gz", 9, 3, "\x1f\x8c\x08\0\0\0\0\0\0\0", 10, "expected another member or the file's end"},
      {"one.gz", 9, 3, "\0\0\0x", 4, "byte 193: expected zero bytes up to the end, found other bytes"},
      {"one.gz", 9, 3, "\x1f\x8b\x08", 3, "byte 193: it breaks off in a header"},
  };
  struct unpacked unpacked;
  unpacked_open(&unpacked);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_buffer packed;
    load(cases[i].file, &packed);
    packed.data[cases[i].at < 0 ? packed.size - (size_t)-cases[i].at : (size_t)cases[i].at] = cases[i].byte;
    hdx_buffer_append(&packed, cases[i].added, cases[i].added_size);
    for (size_t cut = 4; cut < packed.size; cut++) {
      unpacked_run(&unpacked, packed.data, packed.size, &cut, 1);
      assert_int_equal(unpacked.status, HDX_INTEGRITY);
      if (!strstr(unpacked.error.message, cases[i].reason))
        fail_msg("case %zu, cut at %zu: expected '%s', found '%s'", i, cut, cases[i].reason, unpacked.error.message);
    }
    hdx_buffer_deinit(&packed);
  }
  unpacked_close(&unpacked);
}

/* A header that never ends holds no memory, and does not go on for ever. */
static void test_endless_gzip_header(void **state) {
  (void)state;
  struct unpacked unpacked;
  struct hdx_buffer packed;
  unpacked_open(&unpacked);
  hdx_buffer_init(&packed, FILE_BYTES_MAX);
  hdx_buffer_append(&packed, "\x1f\x8b\x08\x08\0\0\0\0\0\x03", 10);
  for (int i = 0; i < 300 << 10; i++)
    hdx_buffer_append_byte(&packed, 'n');
  unpacked_run(&unpacked, packed.data, packed.size, NULL, 0);
  assert_int_equal(unpacked.status, HDX_INTEGRITY);
  assert_non_null(strstr(unpacked.error.message, "expected a header of at most 262144 bytes"));
  hdx_buffer_deinit(&packed);
  unpacked_close(&unpacked);
}

/* The beginning of a stream by zlib, whose codes of one bit then repeat a zero byte 1,032 times for each byte of the
 * stream, which is the most that DEFLATE can. */
static void append_bomb(struct hdx_buffer *packed, size_t bytes) {
  static const char begin[] = "\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x08\x5f\xa0";
  hdx_buffer_append(packed, begin, sizeof begin - 1);
  for (size_t made = 0; made < bytes; made += 1032)
    hdx_buffer_append_byte(packed, 0);
}

static void test_bombs(void **state) {
  (void)state;
  static const char zip[30] = "PK\x03\x04\x14\0\x08\0\x08\0", gzip[10] = "\x1f\x8b\x08";
  struct unpacked unpacked;
  unpacked_open(&unpacked);
  for (int is_zip = 0; is_zip < 2; is_zip++) {
    struct hdx_buffer packed;
    hdx_buffer_init(&packed, FILE_BYTES_MAX);
    hdx_buffer_append(&packed, is_zip ? zip : gzip, is_zip ? sizeof zip : sizeof gzip);
    append_bomb(&packed, 64 << 20);
    unpacked_run(&unpacked, packed.data, packed.size, NULL, 0);
    assert_int_equal(unpacked.status, HDX_INTEGRITY);
    assert_non_null(strstr(unpacked.error.message, "expected at most 200 times as many and 16 MiB"));
    /* Found out early, not when all is unpacked. */
    assert_in_range(unpacked.bytes.size, 16 << 20, 24 << 20);
    /* Smaller ones are none, however many of them come one after the other. */
    packed.size = is_zip ? sizeof zip : sizeof gzip;
    append_bomb(&packed, 10 << 20);
    for (int i = 0; i < 3; i++) {
      unpacked_run(&unpacked, packed.data, packed.size, NULL, 0);
      assert_non_null(strstr(unpacked.error.message, "breaks off"));
    }
    hdx_buffer_deinit(&packed);
  }
  unpacked_close(&unpacked);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_cut),
      cmocka_unit_test(test_truncated_anywhere),
      cmocka_unit_test(test_flipped_anywhere),
      cmocka_unit_test(test_plain_bytes_are_not_copied),
      cmocka_unit_test(test_chunks_are_bounded),
      cmocka_unit_test(test_sink_ends_it),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_gzip_refusals),
      cmocka_unit_test(test_endless_gzip_header),
      cmocka_unit_test(test_bombs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
