/* What is the version of a key. */
#include "job/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_version(const char *key, const char *expected) {
  struct hdx_key_version version;
  char found[256] = "none";
  struct hdx_text text = hdx_text_of(key);
  if (hdx_key_version(text, &version)) {
    int size = snprintf(found, sizeof found, "%.*s|%.*s:", (int)version.from, key, (int)(text.size - version.to),
                        key + version.to);
    for (size_t i = 0; i < HDX_VERSION_GROUPS_MAX; i++)
      size += snprintf(found + size, sizeof found - (size_t)size, " %llu", (unsigned long long)version.groups[i]);
  }
  if (strcmp(found, expected) != 0)
    fail_msg("%s: found %s, expected %s", key, found, expected);
}

static void versions(void **state) {
  (void)state;
  assert_version("s3://b/a_20200101_v06.cdf", "s3://b/a_20200101_|.cdf: 6 0 0 0 0 0 0");
  assert_version("a_v7.1.1.cdf", "a_|.cdf: 7 1 1 0 0 0 0");
  assert_version("a-v2", "a-|: 2 0 0 0 0 0 0");
  assert_version("a_V03.cdf", "a_|.cdf: 3 0 0 0 0 0 0");
  assert_version("a_v2.05.cdf", "a_|.cdf: 2 5 0 0 0 0 0");
  assert_version("a_v7.1.100.cdf", "a_|.cdf: 7 1 100 0 0 0 0");
  assert_version("a_v7.000", "a_|.000: 7 0 0 0 0 0 0");
  assert_version("a.v10", "a.|: 10 0 0 0 0 0 0");
  assert_version("x/v1/a.cdf", "x/|/a.cdf: 1 0 0 0 0 0 0");
  assert_version("x_v1/a_v2.cdf", "x_v1/a_|.cdf: 2 0 0 0 0 0 0"); /* the last one counts */
  assert_version("a_v1.2.3.4.5.6.7.8", "a_|.8: 1 2 3 4 5 6 7");   /* seven groups are told apart */
  assert_version("a_v999999999999999999.c", "a_|.c: 999999999999999999 0 0 0 0 0 0");
  assert_version("a_v20200101120000.c", "a_|.c: 20200101120000 0 0 0 0 0 0");
}

/* What follows a version, as a date or a number of a part, belongs to the name. */
static void names(void **state) {
  (void)state;
  assert_version("a_v02_20200101.cdf", "a_|_20200101.cdf: 2 0 0 0 0 0 0");
  assert_version("a_v2.20200101.cdf", "a_|.20200101.cdf: 2 0 0 0 0 0 0");
  assert_version("a_v2_2020_032.cdf", "a_|_2020_032.cdf: 2 0 0 0 0 0 0");
  assert_version("x_v01_12.cdf", "x_|_12.cdf: 1 0 0 0 0 0 0");
  assert_version("a_v1.001.fits", "a_|.001.fits: 1 0 0 0 0 0 0");
  assert_version("a_v1.2.013.4.fits", "a_|.013.4.fits: 1 2 0 0 0 0 0");
  assert_version("a_v2_001.cdf", "a_|_001.cdf: 2 0 0 0 0 0 0");
  assert_version("a_v2-3.cdf", "a_|-3.cdf: 2 0 0 0 0 0 0");
  assert_version("a_v1.2x.cdf", "a_|.2x.cdf: 1 0 0 0 0 0 0");
}

static void none(void **state) {
  (void)state;
  static const char *const keys[] = {"",          "v1",     "v1.cdf", "av1.cdf", "a_v.cdf", "a_vx1.cdf",
                                     "a_v1x.cdf", "a_v06B", "a_v",    "a_",      "a v1",    "a_v1234567890123456789.c"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    assert_version(keys[i], "none");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions),
      cmocka_unit_test(names),
      cmocka_unit_test(none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
