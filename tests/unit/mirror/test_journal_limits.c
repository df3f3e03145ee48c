/* What a journal does with the last of its memory, with a caller that has seen enough, and where it is only read. */
#include "mirror/journal.h"
#include "mirror/journal_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

enum { FILES = 3000, PARTS = 300, EXTENTS = 40 };

static struct hdx_error error;

static struct hdx_text name_of(char *name, size_t size, int number) {
  snprintf(name, size, "s3://bucket/%d", number);
  return hdx_text_of(name);
}

/* Files, then parts with many extents each, until all is said or something fails. */
static enum hdx_status fill(struct hdx_journal *journal) {
  char name[64];
  enum hdx_status status = HDX_OK;
  for (int i = 0; status == HDX_OK && i < FILES; i++) {
    const struct hdx_journal_file file = {.location = name_of(name, sizeof name, i), .path = hdx_text_of(name)};
    status = hdx_journal_add_file(journal, &file, &error);
  }
  for (int i = 0; status == HDX_OK && i < PARTS * EXTENTS; i++) {
    const struct hdx_journal_part part = {.location = name_of(name, sizeof name, -1 - i % PARTS),
                                          .partial = hdx_text_of(name),
                                          .etag = HDX_TEXT("e"),
                                          .size = 1000};
    uint64_t from = (uint64_t)(i / PARTS) * 20;
    const struct hdx_extent extent = {from, from + 10, 1};
    status = hdx_journal_add_part(journal, &part, &extent, &error);
  }
  return status;
}

/* Wherever memory is used up: it is said, nothing is added any more, and what was written before can be read. */
static void each_limit_of_memory(void **state) {
  (void)state;
  struct hdx_journal *journal;
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum hdx_status status = HDX_LIMIT;
  unsigned limited = 0;
  for (uint64_t most = 1000; status != HDX_OK; most += most / 7) {
    unlink(at("journal"));
    status = hdx_journal_open(folder, "DEST", "journal", most, NULL, &journal, &error);
    if (status == HDX_OK) {
      status = fill(journal);
      if (status != HDX_OK)
        assert_int_equal(hdx_journal_add_gone(journal, HDX_TEXT("l"), &error), status);
      assert_int_equal(hdx_journal_flush(journal, false, &error), status);
      hdx_journal_close(journal);
      assert_int_equal(hdx_journal_open(folder, "DEST", NULL, UINT64_MAX, NULL, &journal, &error), HDX_OK);
      assert_int_equal(hdx_journal_file_count(journal), status == HDX_OK ? FILES : 0);
      hdx_journal_close(journal);
    }
    assert_true(status == HDX_OK || status == HDX_LIMIT);
    limited += status == HDX_LIMIT;
  }
  assert_true(limited > 20);
  close(folder);
}

static bool count_file(void *user, const struct hdx_journal_file *file) {
  unsigned *left = user;
  (void)file;
  return --*left > 0;
}

static bool count_part(void *user, const struct hdx_journal_part *part) {
  unsigned *left = user;
  (void)part;
  return --*left > 0;
}

static void a_visitor_that_has_seen_enough(void **state) {
  (void)state;
  struct hdx_journal *journal;
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_int_equal(hdx_journal_open(folder, "DEST", "journal", UINT64_MAX, NULL, &journal, &error), HDX_OK);
  assert_int_equal(fill(journal), HDX_OK);
  for (unsigned most = 1; most < 5; most++) {
    unsigned files = most, parts = most;
    assert_int_equal(hdx_journal_files(journal, count_file, &files, &error), HDX_OK);
    assert_int_equal(hdx_journal_parts(journal, count_part, &parts, &error), HDX_OK);
    assert_true(files == 0 && parts == 0);
  }
  hdx_journal_close(journal);
  close(folder);
}

/* There is nothing to be written, and nothing can be added. */
static void what_is_only_read(void **state) {
  (void)state;
  struct hdx_journal *journal;
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_int_equal(hdx_journal_open(folder, "DEST", NULL, UINT64_MAX, NULL, &journal, &error), HDX_OK);
  assert_int_equal(hdx_journal_flush(journal, true, &error), HDX_OK);
  assert_int_equal(hdx_journal_add_gone(journal, HDX_TEXT("l"), &error), HDX_IO);
  assert_int_equal(hdx_journal_flush(journal, true, &error), HDX_OK);
  hdx_journal_close(journal);
  close(folder);
}

/* As they are compared where two locations have one hash. */
static void fields_with_escapes(void **state) {
  (void)state;
  static const struct {
    const char *field, *text;
    bool same;
  } fields[] = {{"a%0Ab", "a\nb", true}, {"a%0Ab", "a\nc", false}, {"a%0Ab", "a\n", false},  {"a%0Ab", "a\nbc", false},
                {"%25", "%", true},      {"%2", "%2", true},       {"%zz", "%zz", true},     {"", "", true},
                {"a%0Ab", "", false},    {"plain", "plain", true}, {"plain", "plane", false}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    assert_int_equal(hdx_field_is(hdx_text_of(fields[i].field), hdx_text_of(fields[i].text)), fields[i].same);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_limit_of_memory, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(a_visitor_that_has_seen_enough, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(what_is_only_read, root_setup, root_teardown),
      cmocka_unit_test(fields_with_escapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
