/* Claims: no two files have one path, no file the name of a folder; the same list gives the same tree, and the tree's
 * paths can exist beside one another in a real folder. */
#include "mirror/claims.h"

#include "mirror/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

static struct hdx_error error;

static struct hdx_claims *begin(bool fold) {
  struct hdx_claims *claims;
  assert_int_equal(hdx_claims_new(fold, &claims, &error), HDX_OK);
  return claims;
}

/* Claims a path; gives what it became, until the next call. */
static const char *take(struct hdx_claims *claims, const char *location, const char *path, enum hdx_claim expected) {
  static struct hdx_buffer buffer;
  enum hdx_claim claim;
  if (!buffer.max)
    hdx_buffer_init(&buffer, SIZE_MAX);
  hdx_buffer_clear(&buffer);
  hdx_buffer_append_text(&buffer, hdx_text_of(path));
  assert_int_equal(hdx_claims_take(claims, hdx_text_of(location), &buffer, &claim, &error), HDX_OK);
  assert_int_equal(claim, expected);
  return hdx_buffer_string(&buffer);
}

static void each_path_has_one_file(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  assert_string_equal(take(claims, "s3://b/x/a", "x/a", HDX_CLAIM_NEW), "x/a");
  assert_string_equal(take(claims, "s3://b/x/b", "x/b", HDX_CLAIM_NEW), "x/b");
  take(claims, "s3://b/x/a", "x/a", HDX_CLAIM_TWICE);
  take(claims, "s3://other/x/a", "x/a", HDX_CLAIM_TAKEN);
  take(claims, "s3://b/X/a", "X/a", HDX_CLAIM_NEW);
  hdx_claims_renew(claims);
  assert_false(hdx_claims_asked(claims, HDX_TEXT("x/a")));
  take(claims, "s3://b/x/a", "x/a", HDX_CLAIM_AGAIN);
  assert_true(hdx_claims_asked(claims, HDX_TEXT("x/a")));
  assert_false(hdx_claims_asked(claims, HDX_TEXT("x/b")));
  assert_false(hdx_claims_asked(claims, HDX_TEXT("x")));
  assert_false(hdx_claims_asked(claims, HDX_TEXT("nothing")));
  take(claims, "s3://b/x/a", "x/a", HDX_CLAIM_TWICE);
  take(claims, "s3://other/x/a", "x/a", HDX_CLAIM_TAKEN);
  hdx_claims_free(claims);
  hdx_claims_free(NULL);
}

static void a_file_called_as_a_folder_is_set_apart(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  take(claims, "1", "a/b/c", HDX_CLAIM_NEW);
  assert_string_equal(take(claims, "2", "a", HDX_CLAIM_NEW), "a%=");
  assert_string_equal(take(claims, "3", "a/b", HDX_CLAIM_NEW), "a/b%=");
  assert_string_equal(take(claims, "4", "a/bb", HDX_CLAIM_NEW), "a/bb");
  take(claims, "2", "a", HDX_CLAIM_TWICE);
  hdx_claims_free(claims);
}

static void a_folder_called_as_a_file_is_set_apart(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  take(claims, "1", "a", HDX_CLAIM_NEW);
  assert_string_equal(take(claims, "2", "a/b", HDX_CLAIM_NEW), "a%=/b");
  assert_string_equal(take(claims, "3", "a/b/c", HDX_CLAIM_NEW), "a%=/b%=/c");
  assert_string_equal(take(claims, "4", "a/d", HDX_CLAIM_NEW), "a%=/d");
  hdx_claims_renew(claims);
  /* In another order the same files keep their paths. */
  assert_string_equal(take(claims, "3", "a/b/c", HDX_CLAIM_AGAIN), "a%=/b%=/c");
  assert_string_equal(take(claims, "2", "a/b", HDX_CLAIM_AGAIN), "a%=/b");
  assert_string_equal(take(claims, "1", "a", HDX_CLAIM_AGAIN), "a");
  hdx_claims_free(claims);
}

static void what_sets_apart_may_be_taken_too(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  take(claims, "1", "a%=/x", HDX_CLAIM_NEW);
  take(claims, "2", "a/x", HDX_CLAIM_NEW);
  assert_string_equal(take(claims, "3", "a", HDX_CLAIM_NEW), "a%=%=");
  take(claims, "4", "b", HDX_CLAIM_NEW);
  take(claims, "5", "b%=", HDX_CLAIM_NEW);
  assert_string_equal(take(claims, "6", "b/c", HDX_CLAIM_NEW), "b%=%=/c");
  hdx_claims_free(claims);
}

static void letter_cases_where_they_are_one(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(true);
  take(claims, "1", "Data/A.cdf", HDX_CLAIM_NEW);
  take(claims, "2", "data/a.CDF", HDX_CLAIM_TAKEN);
  take(claims, "1", "DATA/a.cdf", HDX_CLAIM_TWICE);
  assert_string_equal(take(claims, "3", "DATA", HDX_CLAIM_NEW), "DATA%=");
  assert_string_equal(take(claims, "4", "data/a.CDF/b", HDX_CLAIM_NEW), "data/a.CDF%=/b");
  assert_true(hdx_claims_asked(claims, HDX_TEXT("dAtA/a.cdf")));
  take(claims, "5", "\xc3\x84", HDX_CLAIM_NEW);
  take(claims, "6", "\xc3\xa4", HDX_CLAIM_NEW); /* other letters are compared as bytes */
  hdx_claims_free(claims);
}

static void long_names_become_two(void **state) {
  (void)state;
  static const char *const middles[] = {"a", "%41", "\xc3\xa9", "\xf0\x9f\x98\x80"};
  for (size_t m = 0; m < sizeof middles / sizeof *middles; m++)
    for (size_t size = 250; size <= 255; size++)
      for (size_t shift = 0; shift < 4; shift++) {
        struct hdx_claims *claims = begin(false);
        char name[300] = "xxxx", folder[310];
        name[shift] = 0;
        while (strlen(name) + strlen(middles[m]) <= size)
          strcat(name, middles[m]);
        while (strlen(name) < size)
          strcat(name, "x");
        snprintf(folder, sizeof folder, "%s/f", name);
        take(claims, "1", folder, HDX_CLAIM_NEW);
        const char *path = take(claims, "2", name, HDX_CLAIM_NEW);
        struct hdx_buffer key, whole;
        hdx_buffer_init(&key, SIZE_MAX);
        hdx_buffer_init(&whole, SIZE_MAX);
        hdx_path_unescape(hdx_text_of(path), &key);
        hdx_path_unescape(hdx_text_of(name), &whole);
        assert_true(hdx_text_equal(hdx_buffer_text(&key), hdx_buffer_text(&whole)));
        for (const char *at = path;; at++) {
          size_t component = strcspn(at, "/");
          assert_in_range(component, 1, 255);
          /* No character is cut. */
          assert_true(((unsigned char)*at & 0xc0) != 0x80);
          at += component;
          if (!*at)
            break;
        }
        hdx_buffer_deinit(&key);
        hdx_buffer_deinit(&whole);
        hdx_claims_free(claims);
      }
}

static void paths_have_an_end(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  struct hdx_buffer path;
  enum hdx_claim claim;
  hdx_buffer_init(&path, SIZE_MAX);
  hdx_buffer_append_text(&path, HDX_TEXT("\n/"));
  while (path.size < HDX_PATH_BYTES_MAX)
    hdx_buffer_append_text(&path, HDX_TEXT("a/"));
  path.size--;
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("1"), &path, &claim, &error), HDX_OK);
  assert_int_equal(claim, HDX_CLAIM_NEW);
  path.data[2] = 'f';
  take(claims, "2", "\n/f", HDX_CLAIM_NEW);
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("3"), &path, &claim, &error), HDX_LIMIT); /* no room for "%=" */
  assert_memory_equal(error.message, "%0A/f", 5);
  hdx_buffer_clear(&path);
  while (path.size <= HDX_PATH_BYTES_MAX)
    hdx_buffer_append_text(&path, HDX_TEXT("b"));
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("4"), &path, &claim, &error), HDX_LIMIT);
  path.size--; /* what a journal may say, if no file is called so */
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("4"), &path, &claim, &error), HDX_OK);
  path.size = HDX_PATH_BYTES_MAX - 10;
  hdx_buffer_append_text(&path, HDX_TEXT("/x"));
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("5"), &path, &claim, &error), HDX_OK);
  path.size -= 2;
  assert_int_equal(hdx_claims_take(claims, HDX_TEXT("6"), &path, &claim, &error), HDX_OK);
  hdx_buffer_deinit(&path);
  hdx_claims_free(claims);
}

/* ---- against a real folder ---- */

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

/* A path of a few short components, so that they clash. */
static void random_path(char *path) {
  static const char *const names[] = {"a", "b", "a%=", "c", "A"};
  *path = 0;
  for (uint32_t i = 0, depth = 1 + random_below(4); i < depth; i++) {
    strcat(path, i ? "/" : "");
    strcat(path, names[random_below(5)]);
  }
}

/* Makes the file with all folders above it; false if something else is there. */
static bool make_file(const char *path) {
  char below[256];
  for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
    snprintf(below, sizeof below, "%.*s", (int)(slash - path), path);
    mkdir(at(below), 0777);
  }
  int fd = open(at(path), O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd >= 0)
    close(fd);
  return fd >= 0;
}

static void what_is_claimed_can_exist(void **state) {
  (void)state;
  for (int round = 0; round < 60; round++) {
    assert_int_equal(root_setup(NULL), 0);
    struct hdx_claims *claims = begin(false), *again = begin(false);
    size_t made = 0;
    for (int i = 0; i < 60; i++) {
      char wanted[64], location[32];
      struct hdx_buffer path, second;
      enum hdx_claim claim, same;
      random_path(wanted);
      snprintf(location, sizeof location, "s3://b/%d", i);
      hdx_buffer_init(&path, SIZE_MAX);
      hdx_buffer_init(&second, SIZE_MAX);
      hdx_buffer_append_text(&path, hdx_text_of(wanted));
      hdx_buffer_append_text(&second, hdx_text_of(wanted));
      assert_int_equal(hdx_claims_take(claims, hdx_text_of(location), &path, &claim, &error), HDX_OK);
      assert_int_equal(hdx_claims_take(again, hdx_text_of(location), &second, &same, &error), HDX_OK);
      /* The same list, the same tree. */
      assert_int_equal(claim, same);
      assert_string_equal(hdx_buffer_string(&path), hdx_buffer_string(&second));
      assert_int_equal(make_file(hdx_buffer_string(&path)), claim == HDX_CLAIM_NEW);
      made += claim == HDX_CLAIM_NEW;
      hdx_buffer_deinit(&path);
      hdx_buffer_deinit(&second);
    }
    assert_true(made > 10);
    hdx_claims_free(claims);
    hdx_claims_free(again);
    assert_int_equal(root_teardown(NULL), 0);
  }
}

static void many(void **state) {
  (void)state;
  struct hdx_claims *claims = begin(false);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 20000; i++) {
      char path[64];
      snprintf(path, sizeof path, "%04d/%02d/%d", i / 365, i % 12, i);
      take(claims, path, path, round ? HDX_CLAIM_AGAIN : HDX_CLAIM_NEW);
    }
    hdx_claims_renew(claims);
  }
  hdx_claims_free(claims);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_path_has_one_file),
      cmocka_unit_test(a_file_called_as_a_folder_is_set_apart),
      cmocka_unit_test(a_folder_called_as_a_file_is_set_apart),
      cmocka_unit_test(what_sets_apart_may_be_taken_too),
      cmocka_unit_test(letter_cases_where_they_are_one),
      cmocka_unit_test(long_names_become_two),
      cmocka_unit_test(paths_have_an_end),
      cmocka_unit_test(what_is_claimed_can_exist),
      cmocka_unit_test(many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
