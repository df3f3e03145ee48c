/* Which proxy a message names, by libcurl's rules. */
#include "transfer/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int forget_all(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    unsetenv(variables[i]);
  return 0;
}

static const char *note(const char *url) {
  static char out[HDX_PROXY_NOTE_MAX];
  return hdx_proxy_note(environ, url, out, sizeof out);
}

static void the_scheme_chooses_the_variable(void **state) {
  (void)state;
  assert_string_equal(note("http://a.org/"), "");
  setenv("HTTP_PROXY", "http://no:1", 1); /* a server of CGI programs could be made to set it: libcurl ignores it */
  assert_string_equal(note("http://a.org/"), "");
  setenv("all_proxy", "http://all:1", 1);
  assert_string_equal(note("http://a.org/"), " (through the proxy http://all:1, by all_proxy)");
  setenv("http_proxy", "http://plain:2", 1);
  setenv("HTTPS_PROXY", "http://tls:3", 1);
  assert_string_equal(note("http://a.org/"), " (through the proxy http://plain:2, by http_proxy)");
  assert_string_equal(note("https://a.org/"), " (through the proxy http://tls:3, by HTTPS_PROXY)");
}

static void hosts_are_excluded_by_name_and_domain(void **state) {
  (void)state;
  setenv("http_proxy", "http://plain:2", 1);
  setenv("no_proxy", "other.net, .b.org,a.org", 1);
  assert_string_equal(note("http://a.org/"), "");
  assert_string_equal(note("http://x.A.org/"), "");
  assert_string_equal(note("http://c.b.org:80/"), "");
  assert_string_not_equal(note("http://ba.org/"), "");
  setenv("no_proxy", "*", 1);
  assert_string_equal(note("http://ba.org/"), "");
}

static void test_p10_passwords_are_not_shown(void **state) {
  static const char *const proxies[] = {
      "http://me:secret@plain:2",
      "me:secret@plain:2", /* libcurl takes one without a scheme */
      "http://me:sec/secret@plain:2",
      "http://me:secret@secret@plain:2",
  };
  (void)state;
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
    setenv("http_proxy", proxies[i], 1);
    assert_null(strstr(note("http://a.org/"), "secret"));
    assert_null(strstr(note("http://a.org/"), "me:"));
    assert_non_null(strstr(note("http://a.org/"), "plain:2"));
  }
}

/* As libcurl has it. */
static void an_empty_variable_is_none(void **state) {
  (void)state;
  setenv("https_proxy", "", 1);
  setenv("ALL_PROXY", "http://all:1", 1);
  setenv("no_proxy", "", 1);
  setenv("NO_PROXY", "a.org", 1);
  assert_string_equal(note("https://b.org/"), " (through the proxy http://all:1, by ALL_PROXY)");
  assert_string_equal(note("https://a.org/"), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(the_scheme_chooses_the_variable, forget_all),
      cmocka_unit_test_setup(hosts_are_excluded_by_name_and_domain, forget_all),
      cmocka_unit_test_setup(an_empty_variable_is_none, forget_all),
      cmocka_unit_test_setup(test_p10_passwords_are_not_shown, forget_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
