/* A destination whose calls and allocations fail, each in turn: a name means a whole file, and what fails says so. */
#include "mirror/destination.h"
#include "mirror/layout.h"

#include "unit/failing.h"

#include "folder.h"

static const char bytes[] = "all of it";

static bool nobody_wants(void *user, const char *name) {
  (void)user;
  (void)name;
  return false;
}

/* Asserts that what is at the path is whole, or nothing is. */
static bool is_whole_or_none(const char *path) {
  char found[sizeof bytes + 1] = "";
  FILE *file = fopen(at(path), "rb");
  if (!file)
    return false;
  size_t size = fread(found, 1, sizeof found, file);
  fclose(file);
  assert_true(size == sizeof bytes && memcmp(found, bytes, size) == 0);
  return true;
}

/* Puts a file there by way of a partial one, reads it and removes it. Another partial file is left from before, which
 * has a second name. */
static enum hdx_status mirror_one(void *user, struct hdx_error *error) {
  struct hdx_destination destination = HDX_DESTINATION_NONE;
  struct hdx_folders folders;
  struct stat info;
  uint64_t room = 0;
  int fd = -1;
  (void)user;
  faults_pause();
  char command[600];
  snprintf(
      command, sizeof command,
      "rm -rf '%s/dest' && mkdir -p '%s/dest/.heliodex/partial' && cd '%s/dest/.heliodex/partial' && echo x >new &&"
      " ln new ../../other && echo y >old",
      root, root, root);
  assert_int_equal(system(command), 0);
  faults_resume();
  enum hdx_status status = hdx_destination_open(at("dest"), NULL, true, &destination, error);
  hdx_folders_init(&folders, &destination);
  if (status == HDX_OK)
    status = hdx_destination_free(&destination, &room, error);
  if (status == HDX_OK)
    status = hdx_partial_open(&destination, "new", &fd, NULL, error);
  if (status == HDX_OK && (ftruncate(fd, 0) != 0 || write(fd, bytes, sizeof bytes) != sizeof bytes))
    status = hdx_error_set(error, HDX_IO, "not written");
  if (status == HDX_OK)
    status = hdx_destination_sync(&destination, error);
  if (status == HDX_OK)
    status = hdx_partial_place(&folders, "new", "a/b/c", error);
  if (status == HDX_OK)
    status = hdx_destination_stat(&folders, "a/b/c", &info, error);
  faults_pause();
  bool placed = is_whole_or_none("dest/a/b/c");
  faults_resume();
  if (status == HDX_OK)
    assert_true(placed && room > 0 && info.st_size == sizeof bytes);
  if (status == HDX_OK)
    status = hdx_destination_remove(&folders, "a/b/c", error);
  if (status == HDX_OK)
    hdx_partial_sweep(&destination, nobody_wants, NULL);
  if (fd >= 0)
    hdx_partial_close(fd);
  hdx_folders_deinit(&folders);
  hdx_destination_close(&destination);
  faults_pause();
  assert_true(access(at("dest/other"), F_OK) == 0); /* it is somebody else's file, too: nothing is written to it */
  assert_true(stat(at("dest/other"), &info) == 0 && info.st_size == 2);
  faults_resume();
  return status;
}

static void test_33_memory_for_a_destination(void **state) {
  (void)state;
  failing_memory(mirror_one, NULL);
}

static void test_28_30_calls_of_a_destination(void **state) {
  (void)state;
  failing_calls("system", ":EIO", mirror_one, NULL, HDX_IO);
  failing_calls("system", ":EIO:on", mirror_one, NULL, HDX_IO);
  failing_calls("open", ":EINTR", mirror_one, NULL, HDX_IO);
}

static struct hdx_destination opened(const char *path) {
  struct hdx_destination destination = HDX_DESTINATION_NONE;
  struct hdx_error error;
  if (hdx_destination_open(at(path), NULL, true, &destination, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return destination;
}

/* Whoever sweeps the folder comes between the making of a file and its lock, or the opening of one that is there: the
 * file that is then written to has the name. */
static void test_36_partial_files_that_are_swept_just_then(void **state) {
  (void)state;
  char run[256];
  struct hdx_error error;
  struct hdx_destination destination = opened("dest");
  snprintf(run, sizeof run, "rm '%s/dest/.heliodex/partial/p'", root);
  setenv("HDX_FAULTS_RUN", run, 1);
  for (int there = 0; there < 2; there++) {
    int fd;
    bool made;
    struct stat named, written;
    faults_begin("flock:1:RUN");
    enum hdx_status status = hdx_partial_open(&destination, "p", &fd, &made, &error);
    assert_int_equal(faults_end(), 1);
    assert_int_equal(status, HDX_OK);
    assert_true(stat(at("dest/.heliodex/partial/p"), &named) == 0 && fstat(fd, &written) == 0);
    assert_int_equal(named.st_ino, written.st_ino);
    hdx_partial_close(fd);
  }
  hdx_destination_close(&destination);
}

/* The journal, which anybody may have written, names paths. */
static void paths_at_which_no_file_can_be(void **state) {
  (void)state;
  char path[2 * HDX_PATH_BYTES_MAX];
  struct hdx_error error;
  struct hdx_folders folders;
  struct hdx_destination destination = opened("dest");
  int fd;
  hdx_folders_init(&folders, &destination);
  assert_int_equal(mkdir(at("dest/folder"), 0777), 0);
  assert_int_equal(hdx_destination_read(&folders, "folder", &fd, &error), HDX_NOT_FOUND);
  assert_non_null(strstr(error.message, "not a regular file"));
  memset(path, 'a', sizeof path);
  for (size_t i = 100; i < sizeof path; i += 100)
    path[i] = '/';
  path[sizeof path - 1] = 0;
  assert_int_equal(hdx_destination_read(&folders, path, &fd, &error), HDX_IO);
  hdx_folders_deinit(&folders);
  hdx_destination_close(&destination);
}

static void test_30_folders_of_another_file_system(void **state) {
  (void)state;
  struct hdx_error error;
  struct hdx_folders folders;
  struct hdx_destination destination = opened("dest");
  int fd;
  hdx_folders_init(&folders, &destination);
  assert_int_equal(hdx_partial_open(&destination, "p", &fd, NULL, &error), HDX_OK);
  faults_begin("rename:1:EXDEV");
  assert_int_equal(hdx_partial_place(&folders, "p", "a/b", &error), HDX_IO);
  faults_end();
  assert_non_null(strstr(error.message, "a/b: is on another file system than .heliodex/partial"));
  hdx_partial_close(fd);
  hdx_folders_deinit(&folders);
  hdx_destination_close(&destination);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_36_partial_files_that_are_swept_just_then, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(paths_at_which_no_file_can_be, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(test_30_folders_of_another_file_system, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(test_33_memory_for_a_destination, root_setup, root_teardown),
      cmocka_unit_test_setup_teardown(test_28_30_calls_of_a_destination, root_setup, root_teardown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
