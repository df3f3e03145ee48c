/* Layouts: what templates are, what paths they give, and that no key, whatever its bytes, gives a path that cannot be,
 * that climbs, or from which the key could not be told. */
#include "unit/mirror/path_rules.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define T(string) hdx_text_of(string)
#define ZERO_WIDTH "\xe2\x80\x8b" /* U+200B, which file systems that fold letter cases leave out */

enum { KEYS = 10000, TIMES = 3000, KEY_BYTES_MAX = 1024 };

static struct hdx_layout *parsed(const char *template) {
  struct hdx_layout *layout = NULL;
  struct hdx_error error;
  if (hdx_layout_parse(template, &layout, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return layout;
}

/* The path that a template gives; "" if none. Static, until the next call. */
static const char *path_by(const char *template, const struct hdx_layout_subject *subject, enum hdx_status expected) {
  static char text[HDX_PATH_BYTES_MAX + 1];
  struct hdx_layout *layout = parsed(template);
  struct hdx_buffer path;
  struct hdx_error error = {.message = ""};
  hdx_buffer_init(&path, SIZE_MAX);
  assert_int_equal(hdx_layout_path(layout, subject, &path, &error), expected);
  if (expected == HDX_OK)
    assert_null(path_fault(hdx_buffer_text(&path)));
  else
    assert_true(path.size == 0 && error.status == expected && error.message[0]);
  snprintf(text, sizeof text, "%s", hdx_buffer_string(&path));
  hdx_buffer_deinit(&path);
  hdx_layout_free(layout);
  return text;
}

static const char *path_of(const char *key) {
  return path_by(HDX_LAYOUT_KEY, &(struct hdx_layout_subject){.key = T(key)}, HDX_OK);
}

static void test_keys_are_escaped(void **state) {
  (void)state;
  static const struct {
    const char *key, *path;
  } keys[] = {
      {"mission/2010/05/file name.cdf", "mission/2010/05/file name.cdf"},
      {"/", "%2F"},
      {"//", "%2F%2F"},
      {"a//b", "a/%2Fb"},
      {"a///b", "a/%2F%2Fb"},
      {"a/", "a%2F"},
      {"a//", "a/%2F"},
      {"/a", "%2Fa"},
      {"///a", "%2F%2F%2Fa"},
      {".", "%2E"},
      {"..", "%2E."},
      {"...", "..."},
      {"../../etc/passwd", "%2E./%2E./etc/passwd"},
      {"a/../b", "a/%2E./b"},
      {"a/./b", "a/%2E/b"},
      {"a/..", "a/%2E."},
      {"../", "..%2F"},
      {"/..", "%2F.."},
      {".." ZERO_WIDTH, "%2E." ZERO_WIDTH},
      {ZERO_WIDTH "/." ZERO_WIDTH "./x", ZERO_WIDTH "/%2E" ZERO_WIDTH "./x"},
      {".heliodex/x", "%2Eheliodex/x"},
      {".heliodex", "%2Eheliodex"},
      {".HELIODEX/x", "%2EHELIODEX/x"},
      {".hElIoDeX../x", "%2EhElIoDeX../x"},
      {".heli" ZERO_WIDTH "odex/x", "%2Eheli" ZERO_WIDTH "odex/x"},
      {ZERO_WIDTH ".heliodex/x", ZERO_WIDTH "%2Eheliodex/x"},
      {".heliode/x", ".heliode/x"},
      {"a/.heliodex/x", "a/.heliodex/x"},
      {"./.heliodex", "%2E/.heliodex"},
      {"%41", "%2541"},
      {"100%", "100%25"},
      {"%", "%25"},
      {"%=", "%25="},
      {"%+/a", "%25+/a"},
      {"a\nb\x7f\x1b[2J", "a%0Ab%7F%1B[2J"},
      {"\xff\xfe/\xc3\xa9", "\xff\xfe/\xc3\xa9"},
      {"back\\slash:*?", "back\\slash:*?"},
  };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    assert_string_equal(path_of(keys[i].key), keys[i].path);
  assert_string_equal(path_by(HDX_LAYOUT_KEY, &(struct hdx_layout_subject){.key = {"a\0b", 3}}, HDX_OK), "a%00b");
}

/* `count` times `what`. */
static const char *repeated(const char *what, size_t count) {
  static char text[8192];
  size_t size = strlen(what);
  assert_true(size * count < sizeof text);
  for (size_t i = 0; i < count; i++)
    memcpy(text + i * size, what, size);
  text[size * count] = 0;
  return text;
}

static void check_first_piece(const char *key, size_t size) {
  const char *path = path_of(key), *end = strstr(path, "%+/");
  if (size == 0) {
    assert_null(end);
    return;
  }
  assert_non_null(end);
  assert_int_equal(end - path, size);
}

static void test_long_names_are_divided(void **state) {
  (void)state;
  char key[2048];
  check_first_piece(repeated("a", 255), 0);
  check_first_piece(repeated("a", 256), 253);
  check_first_piece(repeated("a", 1024), 253);
  assert_int_equal(strlen(path_of(repeated("a", 1024))), 1024 + 4 * 3);
  /* A character of two, three and four bytes at the cut; bytes that are none. */
  for (size_t shift = 0; shift < 4; shift++) {
    snprintf(key, sizeof key, "%.*s%s", (int)shift, "xxxx", repeated("\xc3\xa9", 200));
    check_first_piece(key, shift % 2 ? 253 : 252);
    snprintf(key, sizeof key, "%.*s%s", (int)shift, "xxxx", repeated("\xe2\x82\xac", 100));
    check_first_piece(key, 253 - (253 - shift) % 3);
    snprintf(key, sizeof key, "%.*s%s", (int)shift, "xxxx", repeated("\xf0\x9f\x8c\x9e", 100));
    check_first_piece(key, 253 - (253 - shift) % 4);
    /* An escape at the cut. */
    snprintf(key, sizeof key, "%.*s%s", (int)shift, "xxxx", repeated("%", 100));
    check_first_piece(key, 253 - (253 - shift) % 3);
  }
  check_first_piece(repeated("\x80", 300), 253);
  /* What escaping makes too long; a name that is long and reserved. */
  check_first_piece(repeated("%", 85), 0);
  check_first_piece(repeated("%", 86), 252);
  snprintf(key, sizeof key, ".heliodex%s", repeated("x", 245));
  assert_int_equal(strncmp(path_of(key), "%2Eheliodexxxx", 14), 0);
  check_first_piece(key, 253);
  /* A piece that only looks like the folder of the state. */
  snprintf(key, sizeof key, "%s.heliodex", repeated("a", 253));
  assert_string_equal(path_of(key) + 253, "%+/.heliodex");
}

static void test_a_path_that_is_too_long_is_refused(void **state) {
  (void)state;
  const struct hdx_layout_subject subject = {.key = T(repeated("\n", 1400))};
  path_by(HDX_LAYOUT_KEY, &subject, HDX_LIMIT);
  char key[HDX_PATH_BYTES_MAX + 2];
  snprintf(key, sizeof key, "%s%s", repeated("a/", HDX_PATH_BYTES_MAX / 2 - 1), "bc");
  assert_int_equal(strlen(path_by(HDX_LAYOUT_KEY, &(struct hdx_layout_subject){.key = T(key)}, HDX_OK)),
                   HDX_PATH_BYTES_MAX);
  strcat(key, "d");
  path_by(HDX_LAYOUT_KEY, &(struct hdx_layout_subject){.key = T(key)}, HDX_LIMIT);
  path_by(HDX_LAYOUT_KEY, &(struct hdx_layout_subject){.key = T(repeated("a", HDX_PATH_BYTES_MAX - 9))}, HDX_LIMIT);
}

static uint64_t random_number(void) {
  static uint64_t state = 2010;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

/* A key of pieces that mean something somewhere; returns its size. */
static size_t random_key(char *key) {
  static const char *const pieces[] = {"/",
                                       "/",
                                       "//",
                                       ".",
                                       "..",
                                       "%",
                                       "%+",
                                       "%=",
                                       "%2F",
                                       "a",
                                       "name",
                                       "\n",
                                       ".heliodex",
                                       ".HELIODEX",
                                       ZERO_WIDTH,
                                       "\xc3\xa9",
                                       "\xf0\x9f\x8c\x9e",
                                       "\xff",
                                       "\x80",
                                       "\x7f",
                                       " ",
                                       "%+/",
                                       "+",
                                       "2F"};
  enum { PIECES = sizeof pieces / sizeof *pieces };
  size_t size = 0, most = random_number() % KEY_BYTES_MAX + 1;
  if (random_number() % 3 == 0)
    most = random_number() % 12 + 1;
  while (size < most) {
    const size_t which = random_number() % (PIECES + 2), run = which == PIECES ? random_number() % 300 : 1;
    for (size_t i = 0; i < run && size < most; i++) {
      const char *piece = which < PIECES ? pieces[which] : "x";
      for (; *piece && size < most; piece++)
        key[size++] = *piece;
    }
    if (which == PIECES + 1 && size < most)
      key[size++] = (char)random_number(); /* any, also NUL */
  }
  return size;
}

static void test_any_key_has_a_path_and_can_be_told_from_it(void **state) {
  (void)state;
  struct hdx_layout *layout = parsed(HDX_LAYOUT_KEY);
  struct hdx_buffer path, key;
  char bytes[KEY_BYTES_MAX];
  hdx_buffer_init(&path, SIZE_MAX);
  hdx_buffer_init(&key, SIZE_MAX);
  for (int i = 0; i < KEYS; i++) {
    const struct hdx_layout_subject subject = {.key = {bytes, random_key(bytes)}};
    hdx_buffer_clear(&path);
    assert_int_equal(hdx_layout_path(layout, &subject, &path, NULL), HDX_OK);
    const char *fault = path_fault(hdx_buffer_text(&path));
    if (fault)
      fail_msg("%s: %s", hdx_buffer_string(&path), fault);
    hdx_buffer_clear(&key);
    hdx_path_unescape(hdx_buffer_text(&path), &key);
    assert_true(hdx_text_equal(hdx_buffer_text(&key), subject.key));
    hdx_buffer_clear(&key);
    key_of_path(hdx_buffer_text(&path), &key);
    assert_true(hdx_text_equal(hdx_buffer_text(&key), subject.key));
  }
  hdx_buffer_deinit(&path);
  hdx_buffer_deinit(&key);
  hdx_layout_free(layout);
}

static void test_paths_that_were_set_apart_are_unescaped(void **state) {
  (void)state;
  static const struct {
    const char *path, *key;
  } paths[] = {
      {"a%=/b%=", "a/b"},       {"aaa%+/bbb%=", "aaabbb"}, {"aaa%+%=/bbb", "aaabbb"},
      {"a%25=%=", "a%="},       {"%2E.%=/x", "../x"},      {"", ""},
      {"100%", "100%"}, /* none of ours: as it is */
      {"%2e%GG%2", "%2e%GG%2"},
  };
  struct hdx_buffer key;
  hdx_buffer_init(&key, SIZE_MAX);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    hdx_buffer_clear(&key);
    hdx_path_unescape(T(paths[i].path), &key);
    assert_string_equal(hdx_buffer_string(&key), paths[i].key);
  }
  hdx_buffer_deinit(&key);
}

#define NOON INT64_C(1273320245)     /* 2010-05-08T12:04:05Z */
#define MIDNIGHT INT64_C(1273363200) /* 2010-05-09T00:00:00Z */

static void test_templates(void **state) {
  (void)state;
  static const struct {
    const char *template, *key, *path;
  } cases[] = {
      {"{key}", "a/b/c.cdf", "a/b/c.cdf"},
      {"{name}", "a/b/c.cdf", "c.cdf"},
      {"{name}", "c.cdf", "c.cdf"},
      {"{name}", "a/..", "%2E."},
      {"{folder}/{name}", "a/b/c.cdf", "a/b/c.cdf"},
      {"{folder}/{name}", "c.cdf", "c.cdf"},
      {"{folder}/{name}", "/c.cdf", "c.cdf"},
      {"x/{folder}/{name}", "a//c", "x/a%2F/c"},
      {"x/{folder}/{name}", "c", "x/c"},
      {"{folder}.x/{name}", "c", ".x/c"},
      {"{bucket}/{id}/{name}", "a/c", "bucket:80/set%2Fpart/c"},
      {"{id}/{start:%Y/%m}/{name}", "a/c", "set%2Fpart/2010/05/c"},
      {"{start:%Y-%m-%dT%H%M%S} {start:%j %y %%}{name}", "c", "2010-05-08T120405 128 10 %25c"},
      {"{start:%F %T}-{stop:%F %T}", "c", "2010-05-08 12:04:05-2010-05-09 00:00:00"},
      {"{start:%Y}/{folder}", "c", "2010"},
      {"{{{name}}}", "c", "{c}"},
      {"}}{{{name}", "c", "}{c"},
      {"100% of {name}", "c", "100%25 of c"},
      {"{name}.", ".", "%2E."},
      {".{name}", "heliodex", "%2Eheliodex"},
      {".{name}", ".", "%2E."},
      {"{start:./.}/{name}", "c", NULL},
      {"{start:%Y/.heliodex}/{name}", "c", "2010/.heliodex/c"},
  };
  struct hdx_layout_subject subject = {.id = T("set/part"),
                                       .bucket = T("bucket:80"),
                                       .start = NOON * HDX_SECOND_NS + 999999999,
                                       .stop = MIDNIGHT * HDX_SECOND_NS};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    subject.key = T(cases[i].key);
    if (cases[i].path)
      assert_string_equal(path_by(cases[i].template, &subject, HDX_OK), cases[i].path);
    else
      assert_int_equal(hdx_layout_parse(cases[i].template, &(struct hdx_layout *){NULL}, NULL), HDX_USAGE);
  }
}

static void test_what_is_not_known_of_a_file_is_refused(void **state) {
  (void)state;
  struct hdx_layout_subject subject = {.key = T("a/"), .start = HDX_TIME_NONE, .stop = 0};
  path_by("{name}", &subject, HDX_USAGE);
  path_by("x{name}", &subject, HDX_USAGE);
  path_by("{id}/{key}", &subject, HDX_USAGE);
  path_by("{bucket}/{key}", &subject, HDX_USAGE);
  path_by("{start:%Y}/{key}", &subject, HDX_USAGE);
  assert_string_equal(path_by("{stop:%Y}/{key}", &subject, HDX_OK), "1970/a%2F");
  subject.stop = HDX_TIME_NONE;
  path_by("{stop:%Y}/{key}", &subject, HDX_USAGE);
  subject.key = T("");
  path_by("{key}", &subject, HDX_USAGE);
  subject = (struct hdx_layout_subject){.key = T("k"), .start = HDX_TIME_STATIC, .stop = HDX_TIME_MAX};
  assert_string_equal(path_by("{start:%Y/%m}/{stop:%j}/{key}", &subject, HDX_OK), "static/static/k");
  subject = (struct hdx_layout_subject){.key = T("k"), .bucket = T("a/b"), .start = HDX_TIME_STATIC};
  subject.stop = HDX_TIME_NONE;
  assert_string_equal(path_by("{bucket}{stop:%Y}/{key}", &subject, HDX_OK), "a%2Fbstatic/k");
}

static void test_times_are_as_strftime_has_them(void **state) {
  (void)state;
  struct hdx_layout *layout = parsed("{start:%Y %m %d %j %H %M %S %F %T %%}{stop:%Y%j %y}");
  struct hdx_buffer path;
  hdx_buffer_init(&path, SIZE_MAX);
  for (int i = 0; i < TIMES; i++) {
    const int64_t edges[] = {HDX_TIME_MIN + 1, HDX_TIME_MAX, 0, -1, -HDX_DAY_NS, HDX_DAY_NS - 1, 1};
    int64_t time_ns = (int64_t)(random_number() << 33 ^ random_number() << 20 ^ random_number());
    if ((size_t)i < sizeof edges / sizeof *edges)
      time_ns = edges[i];
    if (time_ns <= HDX_TIME_MIN)
      continue;
    const time_t seconds = time_ns / HDX_SECOND_NS - (time_ns % HDX_SECOND_NS < 0);
    char expected[100];
    struct tm parts;
    assert_non_null(gmtime_r(&seconds, &parts));
    size_t size = strftime(expected, sizeof expected, "%Y %m %d %j %H %M %S %F %T %%25%Y%j", &parts);
    snprintf(expected + size, sizeof expected - size, " %02d", (parts.tm_year + 1900) % 100);
    const struct hdx_layout_subject subject = {.key = T("k"), .start = time_ns, .stop = time_ns};
    hdx_buffer_clear(&path);
    assert_int_equal(hdx_layout_path(layout, &subject, &path, NULL), HDX_OK);
    assert_string_equal(hdx_buffer_string(&path), expected);
  }
  hdx_buffer_deinit(&path);
  hdx_layout_free(layout);
}

static void test_what_is_no_template_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *template, *words; /* of the message */
  } refused[] = {
      {"", "all files would be called alike"},
      {"all", "all files would be called alike"},
      {"{id}/{bucket}", "all files would be called alike"},
      {"{folder}", "all files would be called alike"},
      {"{stop:%Y}", "all files would be called alike"},
      {"/{key}", "component 1: expected a name, found ''"},
      {"{key}/", "component 3: expected a name, found ''"},
      {"{id}//{key}", "component 2: expected a name, found ''"},
      {"../{key}", "component 1: expected a name, found '..'"},
      {"{id}/./{key}", "component 2: expected a name, found '.'"},
      {".heliodex/{key}", "component 1: expected a name, found '.heliodex'"},
      {".HELIODEX2/{key}", "component 1: expected a name, found '.HELIODEX2'"},
      {"{start:..}/{key}", "component 1: expected a name, found '..'"},
      {"{start:/%Y}/{key}", "component 1: expected a name, found ''"},
      {"a{key", "byte 2: expected a field that ends with }"},
      {"a}{key}", "byte 2: expected }} for a brace"},
      {"{key}}", "byte 6: expected }} for a brace"},
      {"{}{key}", "byte 2: expected key, name,"},
      {"{Key}", "found 'Key'"},
      {"{keys}", "found 'keys'"},
      {"{:%Y}", "found ':%Y'"},
      {"{key:%Y}", "byte 5: expected }, as only start and stop have a format"},
      {"{start}/{key}", "byte 7: expected a format as in {start:%Y/%m}"},
      {"{stop:}/{key}", "byte 6: expected a format as in {stop:%Y/%m}"},
      {"{start:%Q}", "byte 8: expected one of %Y %y %m %d %j %H %M %S %F %T %%, found '%Q'"},
      {"{start:%Y%}", "byte 10: expected one of"},
      {"{start:%-d}", "found '%-'"},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    struct hdx_layout *layout = NULL;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_layout_parse(refused[i].template, &layout, &error), HDX_USAGE);
    assert_null(layout);
    if (!strstr(error.message, refused[i].words))
      fail_msg("'%s' is not in: %s", refused[i].words, error.message);
  }
  char longest[HDX_LAYOUT_BYTES_MAX + 2];
  struct hdx_layout *layout = NULL;
  memset(longest, 'x', sizeof longest);
  memcpy(longest, "{key}", strlen("{key}"));
  longest[HDX_LAYOUT_BYTES_MAX] = 0;
  assert_int_equal(hdx_layout_parse(longest, &layout, NULL), HDX_OK);
  hdx_layout_free(layout);
  longest[HDX_LAYOUT_BYTES_MAX] = 'x';
  longest[HDX_LAYOUT_BYTES_MAX + 1] = 0;
  assert_int_equal(hdx_layout_parse(longest, &layout, NULL), HDX_USAGE);
  hdx_layout_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keys_are_escaped),
      cmocka_unit_test(test_long_names_are_divided),
      cmocka_unit_test(test_a_path_that_is_too_long_is_refused),
      cmocka_unit_test(test_any_key_has_a_path_and_can_be_told_from_it),
      cmocka_unit_test(test_paths_that_were_set_apart_are_unescaped),
      cmocka_unit_test(test_templates),
      cmocka_unit_test(test_what_is_not_known_of_a_file_is_refused),
      cmocka_unit_test(test_times_are_as_strftime_has_them),
      cmocka_unit_test(test_what_is_no_template_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
