/* Shared configuration files: sections, settings, settings within settings, comments, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "parse/ini.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* "[section]" or "section|parent.key=value", each with its line before it and a newline behind. */
static void note(void *user, const struct hdx_ini_setting *setting) {
  struct hdx_buffer *out = user;
  if (setting->key.size == 0) {
    assert_int_equal(setting->parent.size + setting->value.size, 0);
    hdx_buffer_append_format(out, "%zu [%.*s]\n", setting->line, HDX_TEXT_ARG(setting->section));
    return;
  }
  hdx_buffer_append_format(out, "%zu %.*s|", setting->line, HDX_TEXT_ARG(setting->section));
  if (setting->parent.size)
    hdx_buffer_append_format(out, "%.*s.", HDX_TEXT_ARG(setting->parent));
  hdx_buffer_append_format(out, "%.*s=%.*s\n", HDX_TEXT_ARG(setting->key), HDX_TEXT_ARG(setting->value));
}

static enum hdx_status read(const char *text, size_t size, struct hdx_buffer *out, struct hdx_error *error) {
  /* An exact heap copy, so that a read beyond it is seen. */
  char *copy = malloc(size ? size : 1);
  memcpy(copy, text, size);
  hdx_buffer_init(out, 1 << 20);
  enum hdx_status status = hdx_ini_read((struct hdx_text){copy, size}, "conf", note, out, error);
  free(copy);
  return status;
}

static void check(const char *text, const char *settings) {
  struct hdx_buffer out;
  struct hdx_error error = {.message = ""};
  assert_int_equal(read(text, strlen(text), &out, &error), HDX_OK);
  assert_string_equal(hdx_buffer_string(&out), settings);
  hdx_buffer_deinit(&out);
}

static void test_a_config_file(void **state) {
  (void)state;
  check("# made by hand\n"
        "\n"
        "[default]\n"
        "region = us-east-1\n"
        "output=json\n"
        "\n"
        "[profile lab]\n"
        "endpoint_url = https://s3.example.org:8443/\n"
        "s3 =\n"
        "    addressing_style = path\n"
        "    ; half as many as usual\n"
        "\n"
        "    max_concurrent_requests = 5\n"
        "ca_bundle = /etc/ssl/lab ca.pem\n"
        "services = labs\n"
        "[services labs]\n"
        "s3 =\n"
        "  endpoint_url = http://10.0.0.1:9000\n"
        "dynamodb = \n"
        "\tendpoint_url = http://10.0.0.1:8000",
        "3 [default]\n"
        "4 default|region=us-east-1\n"
        "5 default|output=json\n"
        "7 [profile lab]\n"
        "8 profile lab|endpoint_url=https://s3.example.org:8443/\n"
        "9 profile lab|s3=\n"
        "10 profile lab|s3.addressing_style=path\n"
        "13 profile lab|s3.max_concurrent_requests=5\n"
        "14 profile lab|ca_bundle=/etc/ssl/lab ca.pem\n"
        "15 profile lab|services=labs\n"
        "16 [services labs]\n"
        "17 services labs|s3=\n"
        "18 services labs|s3.endpoint_url=http://10.0.0.1:9000\n"
        "19 services labs|dynamodb=\n"
        "20 services labs|dynamodb.endpoint_url=http://10.0.0.1:8000\n");
}

static void test_single_lines(void **state) {
  (void)state;
  static const struct {
    const char *text, *settings;
  } rows[] = {
      {"", ""},
      {"\n\r\n \t\n", ""},
      {"# a\n;b\n  # c\n\t;d", ""},
      {"\xef\xbb\xbf[a]\r\nk = v\r\n", "1 [a]\n2 a|k=v\n"},
      {"[a]", "1 [a]\n"},
      {"[ \tprofile \t  x  y ]", "1 [profile x y]\n"},
      {"[a\tb]", "1 [a b]\n"},
      {"[a] # c", "1 [a]\n"},
      {"[a];c", "1 [a]\n"},
      {"[a#b ;c]", "1 [a#b ;c]\n"},
      {"[a]\n[b]\n[a]\nk=1", "1 [a]\n2 [b]\n3 [a]\n4 a|k=1\n"},
      {"[a]\nk=", "1 [a]\n2 a|k=\n"},
      {"[a]\nk = a=b==", "1 [a]\n2 a|k=a=b==\n"},
      {"[a]\n k y\t=\t v w ", "1 [a]\n2 a|k y=v w\n"},
      {"[a]\nk=1 # c", "1 [a]\n2 a|k=1 # c\n"},
      {"[a]\nk=1\t;c = d", "1 [a]\n2 a|k=1\t;c = d\n"},
      {"[a]\nk=;2", "1 [a]\n2 a|k=;2\n"},
      {"[a]\nk=1#2;3", "1 [a]\n2 a|k=1#2;3\n"},
      {"[a]\nk=#2", "1 [a]\n2 a|k=#2\n"},
      {"[a]\nk= #2", "1 [a]\n2 a|k=\n"},
      {"[a]\nk=\"1 2\"", "1 [a]\n2 a|k=\"1 2\"\n"},
      {"[a]\nk=caf\xc3\xa9 \xff\x01", "1 [a]\n2 a|k=caf\xc3\xa9 \xff\x01\n"},
      {"[a]\nK=1\nk=2\nK=3", "1 [a]\n2 a|K=1\n3 a|k=2\n4 a|K=3\n"},
      /* how far they are indented */
      {"  [a]\n    k=1\n    l=2\n  m=3\nn=4", "1 [a]\n2 a|k=1\n3 a|l=2\n4 a|m=3\n5 a|n=4\n"},
      {"[a]\n  s3=\n   k=1\n  l=2\n[b]\n   k=1", "1 [a]\n2 a|s3=\n3 a|s3.k=1\n4 a|l=2\n5 [b]\n6 b|k=1\n"},
      {"[a]\ns3=\n    k=1\n  l=2\n\n        m=\n", "1 [a]\n2 a|s3=\n3 a|s3.k=1\n4 a|s3.l=2\n6 a|s3.m=\n"},
      {"[a]\ns3= # c\n k=1 ; c", "1 [a]\n2 a|s3=\n3 a|s3.k=1 ; c\n"},
      {"[a]\ns3=\n[b]\n k=1", "1 [a]\n2 a|s3=\n3 [b]\n4 b|k=1\n"},
      {"[a]\ns3=\n [k=1", "1 [a]\n2 a|s3=\n3 a|s3.[k=1\n"},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    check(rows[i].text, rows[i].settings);
}

static void test_comments_behind_values(void **state) {
  (void)state;
  static const struct {
    const char *value, *plain;
  } rows[] = {{"", ""},           {"v", "v"},   {"v # c", "v"},        {"v\t;c", "v"},
              {"v#c;d", "v#c;d"}, {"#c", "#c"}, {"a b ; c # d", "a b"}};
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_true(hdx_text_is(hdx_ini_without_comment(hdx_text_of(rows[i].value)), rows[i].plain));
}

static void test_faults(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"k=SECRET", "conf: line 1: expected a section, [NAME], before the first setting"},
      {"\n SECRET", "conf: line 2: expected a section, [NAME], before the first setting"},
      {"[a]\n\nSECRET", "conf: line 3: expected KEY = VALUE"},
      {"[a]\n = SECRET", "conf: line 2: expected a key before the ="},
      {"[a]\ns3 =\n  SECRET", "conf: line 3: expected KEY = VALUE"},
      {"[a]\ns3 =\n  =SECRET", "conf: line 3: expected a key before the ="},
      {"[a]\nk = 1\n  SECRET = 2",
       "conf: line 3: expected a line that begins no further in than the setting above it, which has its value"},
      {"[a]\ns3 =\n  k = 1\nl = 2\n [SECRET]",
       "conf: line 5: expected a line that begins no further in than the setting above it, which has its value"},
      {"[SECRET", "conf: line 1: expected a ] behind the section's name"},
      {"[SECRET\n]", "conf: line 1: expected a ] behind the section's name"},
      {"[a] SECRET", "conf: line 1: expected nothing but a comment behind the section's ]"},
      {"[a]]", "conf: line 1: expected nothing but a comment behind the section's ]"},
      {"[]", "conf: line 1: expected a name between [ and ]"},
      {"[ \t]", "conf: line 1: expected a name between [ and ]"},
      {"\xff\xfe[\0a\0]\0", "conf: line 1: expected a section, [NAME], before the first setting"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_buffer out;
    struct hdx_error error = {.message = ""};
    assert_int_equal(read(rows[i].text, strlen(rows[i].text), &out, &error), HDX_INTEGRITY);
    assert_string_equal(error.message, rows[i].message);
    assert_null(strstr(error.message, "SECRET"));
    hdx_buffer_deinit(&out);
  }
}

static void test_names_are_bounded(void **state) {
  (void)state;
  for (size_t size = HDX_INI_SECTION_BYTES_MAX - 1; size <= HDX_INI_SECTION_BYTES_MAX + 1; size++) {
    char text[2 * HDX_INI_SECTION_BYTES_MAX];
    int length = snprintf(text, sizeof text, "[a   \t%0*d]\nk=v", (int)size - 2, 7); /* "a ", then the digits */
    struct hdx_buffer out;
    struct hdx_error error = {.message = ""};
    enum hdx_status status = read(text, (size_t)length, &out, &error);
    assert_int_equal(status, size <= HDX_INI_SECTION_BYTES_MAX ? HDX_OK : HDX_INTEGRITY);
    if (status == HDX_OK)
      assert_non_null(strstr(hdx_buffer_string(&out), "7|k=v\n"));
    else
      assert_string_equal(error.message, "conf: line 1: expected a section's name that is shorter");
    hdx_buffer_deinit(&out);
  }
}

static void test_every_cut(void **state) {
  (void)state;
  static const char text[] = "\xef\xbb\xbf# c\r\n[profile  x] ; c\r\nk = v # c\r\ns3 =\r\n  k = v\r\n[y]\nk=v\n";
  struct hdx_buffer whole;
  assert_int_equal(read(text, sizeof text - 1, &whole, NULL), HDX_OK);
  for (size_t size = 0; size < sizeof text - 1; size++) {
    struct hdx_buffer out;
    struct hdx_error error = {.message = ""};
    enum hdx_status status = read(text, size, &out, &error);
    assert_true(status == HDX_OK || (status == HDX_INTEGRITY && strstr(error.message, ": expected ")));
    /* All but the last line, which may be cut, is as it was. */
    while (out.size > 1 && out.data[out.size - 2] != '\n')
      out.size--;
    assert_true(out.size <= 1 ||
                hdx_text_starts_with(hdx_buffer_text(&whole), hdx_text_sub(hdx_buffer_text(&out), 0, out.size - 1)));
    hdx_buffer_deinit(&out);
  }
  hdx_buffer_deinit(&whole);
  assert_int_equal(hdx_ini_read((struct hdx_text){NULL, 0}, "conf", note, NULL, NULL), HDX_OK);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_config_file),          cmocka_unit_test(test_single_lines),
      cmocka_unit_test(test_comments_behind_values), cmocka_unit_test(test_faults),
      cmocka_unit_test(test_names_are_bounded),      cmocka_unit_test(test_every_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
