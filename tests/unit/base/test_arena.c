#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PIECES = 3000 };

static void test_pieces_are_aligned_apart_and_never_move(void **state) {
  (void)state;
  struct hdx_arena arena;
  unsigned char **pieces = calloc(PIECES, sizeof *pieces);
  hdx_arena_init(&arena, 64 << 20);
  for (size_t i = 0; i < PIECES; i++) {
    size_t size = i * 7 % 1000 + 1;
    pieces[i] = i % 3 ? hdx_arena_alloc(&arena, size) : (unsigned char *)hdx_arena_bytes(&arena, size);
    assert_non_null(pieces[i]);
    if (i % 3)
      assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
    memset(pieces[i], (int)(i % 251), size);
  }
  for (size_t i = 0; i < PIECES; i++)
    for (size_t j = 0; j < i * 7 % 1000 + 1; j++)
      if (pieces[i][j] != i % 251)
        fail_msg("piece %zu changed", i);
  hdx_arena_deinit(&arena);
  hdx_arena_deinit(&arena);
  free(pieces);
}

static void test_copies_end_with_nul(void **state) {
  (void)state;
  struct hdx_arena arena;
  hdx_arena_init(&arena, 1 << 20);
  struct hdx_text copy = hdx_arena_copy(&arena, hdx_text_sub(HDX_TEXT("heliodex"), 0, 5));
  struct hdx_text empty = hdx_arena_copy(&arena, (struct hdx_text){NULL, 0});
  assert_string_equal(copy.data, "helio");
  assert_int_equal(copy.size, 5);
  assert_non_null(empty.data);
  assert_int_equal(empty.size, 0);
  assert_int_equal(empty.data[0], 0);
  hdx_arena_deinit(&arena);
}

static void test_the_maximum_is_hard(void **state) {
  (void)state;
  struct hdx_arena arena;
  hdx_arena_init(&arena, 10000);
  assert_null(hdx_arena_alloc(&arena, 10001));
  assert_null(hdx_arena_alloc(&arena, SIZE_MAX));
  assert_null(hdx_arena_copy(&arena, (struct hdx_text){"", SIZE_MAX}).data);
  size_t count = 0;
  while (hdx_arena_bytes(&arena, 100))
    count++;
  assert_int_equal(count, 40 + 59); /* of 4096 bytes, and of what is left */
  assert_true(arena.total <= 10000);
  hdx_arena_deinit(&arena);
}

static void test_clear_keeps_memory_for_reuse(void **state) {
  (void)state;
  struct hdx_arena arena;
  hdx_arena_init(&arena, 1 << 20);
  hdx_arena_clear(&arena);
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < 500; i++)
      assert_non_null(hdx_arena_alloc(&arena, 100));
    assert_true(arena.total < 400000);
    hdx_arena_clear(&arena);
    assert_int_equal(arena.used, 0);
  }
  hdx_arena_deinit(&arena);
}

static void test_wipe_overwrites_all_pieces(void **state) {
  (void)state;
  static const char zeros[3000];
  struct hdx_arena arena;
  char *pieces[10];
  hdx_arena_init(&arena, 1 << 20);
  hdx_arena_wipe(&arena);
  for (size_t i = 0; i < 10; i++) /* more than one chunk */
    pieces[i] = memset(hdx_arena_bytes(&arena, sizeof zeros), 's', sizeof zeros);
  hdx_arena_wipe(&arena);
  for (size_t i = 0; i < 10; i++)
    assert_memory_equal(pieces[i], zeros, sizeof zeros);
  hdx_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pieces_are_aligned_apart_and_never_move),
      cmocka_unit_test(test_copies_end_with_nul),
      cmocka_unit_test(test_the_maximum_is_hard),
      cmocka_unit_test(test_clear_keeps_memory_for_reuse),
      cmocka_unit_test(test_wipe_overwrites_all_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
