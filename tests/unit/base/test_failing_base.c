/* What base does where memory or a call of the system fails. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/url.h"
#include "unit/failing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char root[64], path[128];

static int setup(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/hdx-failing-XXXXXX");
  if (!mkdtemp(root))
    return 1;
  snprintf(path, sizeof path, "%s/file", root);
  return 0;
}

/* Fails if a temporary file was left behind. */
static int teardown(void **state) {
  (void)state;
  unlink(path);
  return rmdir(root);
}

/* ---- memory ---- */

static enum hdx_status use_arena(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_arena arena;
  struct hdx_text texts[3000];
  size_t count = 0;
  hdx_arena_init(&arena, 1 << 20);
  for (; count < 3000; count++) {
    char text[16];
    int size = snprintf(text, sizeof text, "text %zu", count);
    texts[count] = hdx_arena_copy(&arena, (struct hdx_text){text, (size_t)size});
    if (!texts[count].data)
      break;
  }
  for (size_t i = 0; i < count; i++) /* what was given out stays, whatever fails after it */
    assert_int_equal(atoi(texts[i].data + 5), i);
  size_t total = arena.total;
  if (count < 3000)
    assert_null(hdx_arena_alloc(&arena, 2 << 20)); /* beyond the maximum */
  assert_int_equal(arena.total, total);
  hdx_arena_deinit(&arena);
  return count == 3000 ? HDX_OK : hdx_error_memory(error, 1);
}

static enum hdx_status use_buffer(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_buffer buffer;
  hdx_buffer_init(&buffer, 1 << 16);
  for (int i = 0; i < 1000; i++)
    hdx_buffer_append_format(&buffer, "%03d,", i);
  enum hdx_status status = hdx_buffer_status(&buffer, "numbers", error);
  const char *text = hdx_buffer_string(&buffer);
  if (status == HDX_OK && buffer.status == HDX_MEMORY) /* the NUL did not find room */
    status = hdx_buffer_status(&buffer, "numbers", error);
  if (status == HDX_OK)
    assert_int_equal(strlen(text), 4000);
  else
    assert_string_equal(text, "");
  hdx_buffer_deinit(&buffer);
  return status;
}

static void test_33_memory_for_texts(void **state) {
  (void)state;
  failing_memory(use_arena, NULL);
  failing_memory(use_buffer, NULL);
}

/* ---- files ---- */

static void expect_content(const char *content) {
  struct hdx_buffer bytes;
  faults_pause();
  hdx_buffer_init(&bytes, 1 << 16);
  assert_int_equal(hdx_file_read(path, 1 << 16, &bytes, NULL), HDX_OK);
  assert_string_equal(hdx_buffer_string(&bytes), content);
  hdx_buffer_deinit(&bytes);
  faults_resume();
}

static enum hdx_status use_reading(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_buffer bytes;
  char part[3] = "";
  hdx_buffer_init(&bytes, 1 << 16);
  enum hdx_status status = hdx_file_read(path, 1 << 16, &bytes, error);
  assert_true(status != HDX_OK || hdx_text_is(hdx_buffer_text(&bytes), "the bytes"));
  hdx_buffer_deinit(&bytes);
  int fd = status == HDX_OK ? open(path, O_RDONLY) : -1;
  if (fd >= 0)
    status = hdx_file_read_at(fd, path, part, sizeof part, 4, error);
  else if (status == HDX_OK)
    return hdx_error_errno(error, path, "cannot be opened", errno);
  assert_true(status != HDX_OK || memcmp(part, "byt", 3) == 0);
  if (fd >= 0)
    close(fd);
  return status;
}

static void test_33_files_that_cannot_be_read(void **state) {
  (void)state;
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("the bytes"), NULL), HDX_OK);
  failing_memory(use_reading, NULL);
  assert_int_equal(failing_calls("open", "", use_reading, NULL, HDX_IO), 2);
  assert_int_equal(failing_calls("stat", "", use_reading, NULL, HDX_IO), 1);
  assert_int_equal(failing_calls("read", "", use_reading, NULL, HDX_IO), 2); /* the bytes, and that there are no more */
  assert_int_equal(failing_calls("pread", "", use_reading, NULL, HDX_IO), 1);
}

static void test_signals_interrupt_reading(void **state) {
  (void)state;
  static const char *const calls[] = {"read:1:EINTR", "read:2:EINTR", "pread:1:EINTR"};
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("the bytes"), NULL), HDX_OK);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    faults_begin(calls[i]);
    assert_int_equal(use_reading(NULL, NULL), HDX_OK);
    assert_int_equal(faults_end(), 1);
  }
}

/* A file is replaced, or is as it was; only if the folder could not be synced it is replaced all the same. */
static enum hdx_status use_replace(void *user, struct hdx_error *error) {
  (void)user;
  faults_pause();
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("old"), NULL), HDX_OK);
  faults_resume();
  enum hdx_status status = hdx_file_replace(path, HDX_TEXT("new"), error);
  expect_content(status == HDX_OK || strstr(error->message, "the folder") ? "new" : "old");
  return status;
}

static enum hdx_status use_folders(void *user, struct hdx_error *error) {
  (void)user;
  char inner[160], outer[160];
  snprintf(outer, sizeof outer, "%s/a", root);
  snprintf(inner, sizeof inner, "%s/a/b", root);
  enum hdx_status status = hdx_file_make_folders(inner, true, error);
  assert_true((access(inner, F_OK) == 0) == (status == HDX_OK));
  rmdir(inner);
  rmdir(outer);
  return status;
}

static void test_31_33_files_that_cannot_be_written(void **state) {
  (void)state;
  static const char *const calls[] = {"open", "pwrite", "fsync", "close", "rename"};
  failing_memory(use_replace, NULL);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    failing_calls(calls[i], "", use_replace, NULL, HDX_IO);
  failing_memory(use_folders, NULL);
  assert_int_equal(failing_calls("mkdir", "", use_folders, NULL, HDX_IO), 2);
}

static enum hdx_status use_name(void *user, struct hdx_error *error) {
  (void)user;
  return hdx_file_replace("file", HDX_TEXT("here"), error);
}

/* What is written may be a name alone. */
static void test_33_files_of_the_current_folder(void **state) {
  (void)state;
  char *here = getcwd(NULL, 0);
  assert_int_equal(chdir(root), 0);
  failing_memory(use_name, NULL);
  assert_int_equal(chdir(here), 0);
  free(here);
  expect_content("here");
}

static enum hdx_status use_list(void *user, struct hdx_error *error) {
  (void)user;
  enum hdx_status status = HDX_OK;
  int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return hdx_error_errno(error, root, "cannot be opened", errno);
  DIR *list = hdx_list_open(folder);
  if (!list)
    status = hdx_error_errno(error, root, "cannot be listed", errno);
  unsigned count = 0;
  while (list && hdx_list_next(list, root, &status, error))
    count++;
  assert_true(status != HDX_OK || count == 2); /* . and .. */
  if (list)
    closedir(list);
  close(folder);
  return status;
}

static void test_33_folders_that_cannot_be_listed(void **state) {
  (void)state;
  unlink(path);
  int free_before = dup(0);
  close(free_before);
  failing_memory(use_list, NULL);
  failing_calls("open", "", use_list, NULL, HDX_IO);
  assert_int_equal(failing_calls("readdir", "", use_list, NULL, HDX_IO), 3);
  int free_after = dup(0); /* no descriptor was left open */
  close(free_after);
  assert_int_equal(free_after, free_before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_33_memory_for_texts),
      cmocka_unit_test(test_33_files_that_cannot_be_read),
      cmocka_unit_test(test_signals_interrupt_reading),
      cmocka_unit_test(test_31_33_files_that_cannot_be_written),
      cmocka_unit_test(test_33_files_of_the_current_folder),
      cmocka_unit_test(test_33_folders_that_cannot_be_listed),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
