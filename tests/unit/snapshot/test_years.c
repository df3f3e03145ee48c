/* Rows of some years alone, of blocks that mix years and of such that have one, equal the naive model: also where what
 * is left out tells the stops of what is given. */
#include "small.h"

static void test_p7_years_between_others(void **state) {
  (void)state;
  static const struct hdx_years wanted[] = {{2000, 2000}, {2001, 2001}, {2000, 2001}, {1990, 1999}};
  for (int kind = 0; kind < SMALL_KINDS; kind++) {
    struct small small;
    struct hdx_error error = {0};
    struct hdx_reader *reader;
    struct hdx_cursor *cursor;
    /* The first and the last block mix years; the three between are of 2000. */
    small_make(&small, (enum small_kind)kind, 100, 5, 11);
    for (size_t i = 0; i < small.model.count; i++) { /* alpha, mid, zeta; the model has another order */
      struct hdx_text *extra = small.model.rows[i].extra, zeta = extra[2];
      extra[2] = extra[1], extra[1] = extra[0], extra[0] = zeta;
    }
    model_finish(&small.model);
    if (hdx_reader_open_bytes(small.file.data, small.file.size, "x.hdx", HDX_TEXT(""), &reader, &error) != HDX_OK)
      fail_msg("%s", error.message);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
      struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, wanted[i]};
      assert_int_equal(hdx_cursor_open(reader, &range, &cursor, &error), HDX_OK);
      model_check(&small.model, reader, cursor, &range);
      hdx_cursor_close(cursor);
    }
    hdx_reader_close(reader);
    small_free(&small);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_p7_years_between_others)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
