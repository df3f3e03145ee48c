/* A journal whose calls and allocations fail, each in turn: it says so or is none the worse, and knows what was
 * flushed. */
#include "mirror/journal.h"

#include "unit/failing.h"

#include "folder.h"
#include "journal_dump.h"

enum { OLD_LINES = 5000 }; /* so many that it is written anew */

static struct hdx_buffer old, expected;

/* A change of a journal, from its opening to its end; what is in it beforehand is mostly superseded, and its last line
 * was cut off. */
static enum hdx_status change(void *user, struct hdx_error *error) {
  struct hdx_journal *journal = NULL;
  const struct hdx_extent extent = {0, 10, 1};
  const struct hdx_journal_part part = {
      .location = HDX_TEXT("s3://b/p\n"), .partial = HDX_TEXT("p"), .etag = HDX_TEXT("e"), .size = 100};
  const struct hdx_journal_part anew = {
      .location = HDX_TEXT("s3://b/p\n"), .partial = HDX_TEXT("p"), .etag = HDX_TEXT("other"), .size = 50};
  const struct hdx_journal_file file = {.location = HDX_TEXT("s3://b/f"), .path = HDX_TEXT("f"), .etag = HDX_TEXT("e")};
  (void)user;
  faults_pause();
  assert_true(put_file("journal", old.data, old.size));
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  faults_resume();
  enum hdx_status status = hdx_journal_open(folder, "DEST", "journal", UINT64_MAX, NULL, &journal, error);
  if (status == HDX_OK)
    status = hdx_journal_add_part(journal, &part, &extent, error);
  if (status == HDX_OK)
    status = hdx_journal_add_part(journal, &anew, &extent, error);
  if (status == HDX_OK)
    status = hdx_journal_add_file(journal, &file, error);
  if (status == HDX_OK)
    status = hdx_journal_add_gone(journal, HDX_TEXT("s3://b/1"), error);
  if (status == HDX_OK)
    status = hdx_journal_flush(journal, true, error);
  hdx_journal_close(journal);
  faults_pause();
  struct hdx_buffer now;
  struct hdx_error ignored;
  hdx_buffer_init(&now, SIZE_MAX);
  assert_int_equal(hdx_journal_open(folder, "DEST", NULL, UINT64_MAX, NULL, &journal, &ignored), HDX_OK);
  dump(journal, &now);
  if (status == HDX_OK && expected.size == 0)
    hdx_buffer_append_text(&expected, hdx_buffer_text(&now));
  if (status == HDX_OK)
    assert_string_equal(hdx_buffer_string(&now), hdx_buffer_string(&expected));
  else
    assert_non_null(strstr(hdx_buffer_string(&now), "file s3://b/0 ")); /* what was there before */
  hdx_buffer_deinit(&now);
  hdx_journal_close(journal);
  close(folder);
  faults_resume();
  return status;
}

static int setup(void **state) {
  struct hdx_journal *journal;
  struct hdx_error error;
  char name[64];
  if (root_setup(state) != 0)
    return 1;
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (hdx_journal_open(folder, "DEST", "journal", UINT64_MAX, NULL, &journal, &error) != HDX_OK)
    return 1;
  for (int i = 0; i < OLD_LINES; i++) {
    snprintf(name, sizeof name, "s3://b/%d", i % 2);
    const struct hdx_journal_file file = {.location = hdx_text_of(name), .path = hdx_text_of(name + 5), .size = i};
    if (hdx_journal_add_file(journal, &file, &error) != HDX_OK)
      return 1;
  }
  if (hdx_journal_flush(journal, false, &error) != HDX_OK)
    return 1;
  hdx_journal_close(journal);
  close(folder);
  hdx_buffer_init(&old, SIZE_MAX);
  hdx_buffer_init(&expected, SIZE_MAX);
  FILE *file = fopen(at("journal"), "rb");
  for (int c; file && (c = getc(file)) != EOF;)
    hdx_buffer_append_byte(&old, (char)c);
  fclose(file);
  hdx_buffer_append_text(&old, HDX_TEXT("file\thalf a li"));
  return change(NULL, &error) != HDX_OK;
}

static int teardown(void **state) {
  hdx_buffer_deinit(&old);
  hdx_buffer_deinit(&expected);
  return root_teardown(state);
}

static void test_33_memory_for_a_journal(void **state) {
  (void)state;
  failing_memory(change, NULL);
}

static void test_28_30_calls_of_a_journal(void **state) {
  (void)state;
  failing_calls("system", ":EIO", change, NULL, HDX_IO);
  failing_calls("system", ":EIO:on", change, NULL, HDX_IO);
}

/* Opens the journal again and again; before another of its calls each time the command runs, in its folder. Returns how
 * many times it could be opened. */
static unsigned open_while(const char *call, const char *command) {
  struct hdx_journal *journal;
  struct hdx_error error;
  char run[256], what[64];
  unsigned opened = 0;
  const size_t header_size = (size_t)((const char *)memchr(old.data, '\n', old.size) - old.data) + 1;
  snprintf(run, sizeof run, "cd '%s' && %s", root, command);
  setenv("HDX_FAULTS_RUN", run, 1);
  for (unsigned n = 1;; n++) {
    assert_true(put_file("journal", old.data, old.size));
    assert_true(put_file("journal-other", old.data, header_size));
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(what, sizeof what, "%s:%u:RUN", call, n);
    faults_begin(what);
    enum hdx_status status = hdx_journal_open(folder, "DEST", "journal", UINT64_MAX, NULL, &journal, &error);
    bool ran = faults_end() > 0;
    if (status == HDX_OK)
      hdx_journal_close(journal);
    else
      assert_true(ran && error.status == status && error.message[0]);
    close(folder);
    if (!ran)
      return opened;
    opened += status == HDX_OK;
    assert_false(is_there("journal.new"));
  }
}

/* Somebody overwrites it without a lock, so that it has no lines any more: what is made of it does not take its place.
 */
static void test_36_a_journal_that_is_overwritten_while_it_is_read(void **state) {
  (void)state;
  assert_true(open_while("open", "tr '\\n' ' ' <journal >ours && cat ours 1<>journal") > 0);
}

/* Of another shard, which ends just then. */
static void test_36_a_journal_that_goes_while_it_is_read(void **state) {
  (void)state;
  unsigned opened = open_while("open", "rm -f journal-other");
  assert_true(opened > 2);
  assert_int_equal(open_while("open", "true"), opened);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_33_memory_for_a_journal, setup, teardown),
      cmocka_unit_test_setup_teardown(test_28_30_calls_of_a_journal, setup, teardown),
      cmocka_unit_test_setup_teardown(test_36_a_journal_that_is_overwritten_while_it_is_read, setup, teardown),
      cmocka_unit_test_setup_teardown(test_36_a_journal_that_goes_while_it_is_read, setup, teardown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
