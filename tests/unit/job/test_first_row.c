/* The first row of an index file from its first bytes, whole or cut off, packed or not, damaged or not. */
#include "job/first_row.h"

#include "base/error.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct found {
  struct hdx_arena arena;
  struct hdx_probe probe;
  enum hdx_status status;
  struct hdx_error error;
};

static void find(struct found *found, struct hdx_text head, bool whole) {
  *found = (struct found){.probe = {.form = "", .message = ""}};
  hdx_arena_init(&found->arena, 1 << 20);
  found->status = hdx_first_row(head, whole, &found->arena, &found->probe, &found->error);
}

static void load(const char *name, struct hdx_buffer *content) {
  char path[64];
  snprintf(path, sizeof path, "vectors/packed/%s", name);
  hdx_buffer_init(content, 1 << 20);
  assert_int_equal(hdx_file_read(path, 1 << 20, content, NULL), HDX_OK);
}

static void test_plain(void **state) {
  (void)state;
  static const struct {
    const char *head, *key, *why; /* key NULL: no row */
    enum hdx_status status;
    bool whole;
  } cases[] = {
      {"# start, stop, datakey, filesize\nx,y,z,1\n2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,7\n2010-0",
       "s3://b/a.fits", "", HDX_OK, false},
      {"2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,7", "s3://b/a.fits", "", HDX_OK, true},
      {"2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,7", NULL, "no row in its first 57 bytes", HDX_EMPTY,
       false},
      {"# start, stop, datakey, filesize\n", NULL, "the file has no row", HDX_EMPTY, true},
      {"2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,,7\n", NULL, "line 1, column 43: datakey: expected a location",
       HDX_INTEGRITY, true},
      {"", NULL, "the file has no row", HDX_EMPTY, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct found found;
    find(&found, hdx_text_of(cases[i].head), cases[i].whole);
    assert_int_equal(found.status, cases[i].status);
    assert_int_equal(found.probe.has_row, cases[i].key != NULL);
    if (cases[i].key) {
      assert_true(hdx_text_is(found.probe.key, cases[i].key));
      assert_int_equal(found.probe.size, 7);
      assert_memory_equal(found.probe.form, "csv", 3);
    } else if (!strstr(found.error.message, cases[i].why)) {
      fail_msg("expected '%s', found '%s'", cases[i].why, found.error.message);
    }
    hdx_arena_deinit(&found.arena);
  }
}

/* The beginning of a packed file gives its row; a whole one that is damaged gives none, for none of its rows counts. */
static void test_packed(void **state) {
  (void)state;
  static const char *const names[] = {"one.gz", "deflated.zip", "stored.zip"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct hdx_buffer packed;
    struct found found;
    load(names[i], &packed);
    for (int whole = 0; whole < 2; whole++) {
      find(&found, hdx_buffer_text(&packed), whole);
      assert_int_equal(found.status, HDX_OK);
      assert_true(found.probe.has_row);
      assert_non_null(strstr(found.probe.form, i ? ", zip" : ", gzip"));
      hdx_arena_deinit(&found.arena);
    }
    packed.size -= 2;
    find(&found, hdx_buffer_text(&packed), true);
    assert_int_equal(found.status, HDX_INTEGRITY);
    assert_non_null(strstr(found.error.message, "breaks off"));
    assert_false(found.probe.has_row);
    hdx_arena_deinit(&found.arena);
    hdx_buffer_deinit(&packed);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain),
      cmocka_unit_test(test_packed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
