/* UTF-8, text made harmless for terminals, numbers for people, words that were meant. */
#include "unit/cli/cli_cmocka.h"

#include "cli/text.h"

#include <stdlib.h>

/* Every code point is read back from its encoding, and no other bytes are taken. */
static void utf8(void **state) {
  (void)state;
  for (uint32_t point = 0; point < 0x110000; point++) {
    if (point >= 0xd800 && point < 0xe000)
      continue;
    char bytes[4];
    size_t size;
    if (point < 0x80) {
      size = 1;
      bytes[0] = (char)point;
    } else {
      size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      for (size_t i = size; i-- > 1;)
        bytes[i] = (char)(0x80 | (point >> 6 * (size - 1 - i) & 0x3f));
      bytes[0] = (char)((0xf00 >> size & 0xff) | point >> 6 * (size - 1));
    }
    uint32_t read = 0;
    assert_int_equal(cli_utf8_decode(bytes, size, &read), size);
    assert_int_equal(read, point);
    if (size > 1)
      assert_int_equal(cli_utf8_decode(bytes, size - 1, &read), 0);
  }
  static const char *const bad[] = {"\x80",
                                    "\xc0\xaf",
                                    "\xc1\xbf",
                                    "\xe0\x80\xaf",
                                    "\xed\xa0\x80",
                                    "\xf0\x80\x80\xaf",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xff",
                                    "\xc3(",
                                    "\xe2\x82("};
  for (size_t i = 0; i < COUNT(bad); i++) {
    uint32_t point;
    assert_int_equal(cli_utf8_decode(bad[i], strlen(bad[i]), &point), 0);
  }
}

static void assert_visible(struct hdx_text text, const char *expected, size_t expected_columns) {
  char out[256];
  size_t columns, size = cli_visible(text, out, sizeof out - 1, &columns);
  out[size] = 0;
  assert_string_equal(out, expected);
  assert_int_equal(columns, expected_columns);
  assert_true(size <= 4 * text.size);
}

static void visible(void **state) {
  (void)state;
  assert_visible(cli_text(""), "", 0);
  assert_visible(cli_text("plain text, longer than sixteen bytes"), "plain text, longer than sixteen bytes", 37);
  assert_visible(cli_text("\x1b[2J\x1b]0;title\x07"), "\\x1b[2J\\x1b]0;title\\x07", 23);
  assert_visible(cli_text("a\nb\tc\rd\\"), "a\\nb\\tc\\rd\\", 11);
  assert_visible((struct hdx_text){"\0\x7f", 2}, "\\x00\\x7f", 8);
  assert_visible(cli_text("\xc3\x85ngstr\xc3\xb6m"), "\xc3\x85ngstr\xc3\xb6m", 8);
  assert_visible(cli_text("\xc2\x9b"
                          "31m"),
                 "\\xc2\\x9b31m", 11);                                         /* CSI in eight bits */
  assert_visible(cli_text("\xe2\x80\xaexe.txt"), "\\xe2\\x80\\xaexe.txt", 18); /* right-to-left override */
  assert_visible(cli_text("a\xd8\x9c"), "a\\xd8\\x9c", 9);                     /* Arabic letter mark */
  assert_visible(cli_text("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81", 16);    /* a letter that nobody sees */
  assert_visible(cli_text("\xe2\x80\x8d"), "\xe2\x80\x8d", 1);                 /* zero-width joiner */
  assert_visible(cli_text("\xff\xc3"), "\\xff\\xc3", 8);
}

/* Nothing is written behind the capacity, and nothing is cut inside of a character. */
static void visible_is_cut_between_characters(void **state) {
  (void)state;
  static const char text[] = "ab\xc3\x85\x1b\xe2\x82\xac, sixteen and more bytes";
  char whole[128];
  size_t whole_size = cli_visible(cli_text(text), whole, sizeof whole, NULL);
  for (size_t capacity = 0; capacity <= whole_size; capacity++) {
    char *out = malloc(capacity + 1);
    size_t size = cli_visible(cli_text(text), out, capacity, NULL);
    assert_true(size <= capacity && capacity - size < 16);
    assert_memory_equal(out, whole, size);
    for (size_t i = 0; i < size;) {
      uint32_t point;
      size_t length = cli_utf8_decode(out + i, size - i, &point);
      assert_true(length > 0);
      i += length;
    }
    free(out);
  }
}

static void human(void **state) {
  (void)state;
  char out[CLI_HUMAN_MAX];
  assert_string_equal(cli_human_count(0, out), "0");
  assert_string_equal(cli_human_count(999, out), "999");
  assert_string_equal(cli_human_count(1000, out), "1,000");
  assert_string_equal(cli_human_count(1496151, out), "1,496,151");
  assert_string_equal(cli_human_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
  assert_string_equal(cli_human_bytes(0, out), "0 B");
  assert_string_equal(cli_human_bytes(1023, out), "1023 B");
  assert_string_equal(cli_human_bytes(1024, out), "1.0 KiB");
  assert_string_equal(cli_human_bytes(1048575, out), "1.0 MiB");
  assert_string_equal(cli_human_bytes(UINT64_MAX, out), "16.0 EiB");
  assert_string_equal(cli_human_span(0, out), "0 ms");
  assert_string_equal(cli_human_span(999999999, out), "999 ms");
  assert_string_equal(cli_human_span(UINT64_C(59999999999), out), "59.9 s");
  assert_string_equal(cli_human_span(UINT64_C(60000000000), out), "1:00");
  assert_string_equal(cli_human_span(UINT64_C(3723000000000), out), "1:02:03");
}

static void meant_words(void **state) {
  (void)state;
  unsigned distance;
  assert_int_equal(cli_distance("", ""), 0);
  assert_int_equal(cli_distance("query", "query"), 0);
  assert_int_equal(cli_distance("Query", "qUERY"), 0);
  assert_int_equal(cli_distance("qurey", "query"), 1);
  assert_int_equal(cli_distance("qury", "query"), 1);
  assert_int_equal(cli_distance("kitten", "sitting"), 3);
  assert_int_equal(cli_distance("", "abc"), 3);
  char longer[100] = {0};
  memset(longer, 'a', 99);
  assert_int_equal(cli_distance(longer, "a"), UINT32_MAX);
  assert_true(cli_similar("forma", "format", &distance));
  assert_true(cli_similar("max", "max-connections-per-host", &distance));
  assert_false(cli_similar("x", "query", &distance));
  assert_false(cli_similar("zzzz", "store", &distance));
  assert_false(cli_similar("ab", "cd", &distance));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(utf8), cmocka_unit_test(visible),
                                     cmocka_unit_test(visible_is_cut_between_characters), cmocka_unit_test(human),
                                     cmocka_unit_test(meant_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
