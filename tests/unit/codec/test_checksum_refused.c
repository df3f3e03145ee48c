/* Where libcrypto is told to compute nothing but what FIPS allows, it has no MD5: that is said, and no digest made up.
 * It reads its settings once, so this is a program of its own. */
#include "codec/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char settings[] = "openssl_conf = all\n"
                               "[all]\n"
                               "alg_section = algorithms\n"
                               "[algorithms]\n"
                               "default_properties = fips=yes\n";

static void test_a_check_that_is_forbidden(void **state) {
  (void)state;
  char path[] = "/tmp/hdx-openssl-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, settings, sizeof settings - 1), sizeof settings - 1);
  close(fd);
  setenv("OPENSSL_CONF", path, 1);
  struct hdx_hasher *hasher = NULL;
  struct hdx_error error = {.message = ""};
  assert_int_equal(hdx_hasher_open(HDX_CHECK_MD5, &hasher, &error), HDX_LIMIT);
  assert_string_equal(error.message, "libcrypto.so.3 refuses to compute md5 here");
  assert_null(hasher);
  /* What is not libcrypto's is computed all the same. */
  assert_int_equal(hdx_hasher_open(HDX_CHECK_CRC32C, &hasher, &error), HDX_OK);
  hdx_hasher_close(hasher);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_check_that_is_forbidden)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
