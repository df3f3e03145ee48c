/* Files: whole ones are read within their limit, folders are made, and a file is replaced at once or not at all. */
#include "base/file.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Calls that fail on demand; the library's own files are linked with them. */
static bool fsync_fails, close_fails, writes_are_torn;

int fsync(int fd) {
  if (fsync_fails) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}

int close(int fd) {
  int result = (int)syscall(SYS_close, fd);
  if (close_fails) {
    errno = EIO;
    return -1;
  }
  return result;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  static unsigned calls;
  if (writes_are_torn && ++calls % 3 == 0) {
    errno = EINTR;
    return -1;
  }
  size_t most = writes_are_torn ? calls % 5 + 1 : size;
  return syscall(SYS_pwrite64, fd, data, size < most ? size : most, offset);
}

static char root[64], path[128];
static struct hdx_error error;

static int setup(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/hdx-file-XXXXXX");
  if (!mkdtemp(root))
    return 1;
  snprintf(path, sizeof path, "%s/file", root);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "chmod -R u+w '%s'; rm -rf '%s'", root, root);
  return system(command);
}

static size_t entries(void) {
  DIR *list = opendir(root);
  size_t count = 0;
  while (readdir(list))
    count++;
  closedir(list);
  return count - 2;
}

static void expect_content(const char *text) {
  struct hdx_buffer out;
  hdx_buffer_init(&out, 1 << 20);
  assert_int_equal(hdx_file_read(path, 1000, &out, &error), HDX_OK);
  assert_true(hdx_text_is(hdx_buffer_text(&out), text));
  hdx_buffer_deinit(&out);
}

static void reading_is_bounded(void **state) {
  (void)state;
  struct hdx_buffer out;
  hdx_buffer_init(&out, 1 << 20);
  assert_int_equal(hdx_file_read(path, 10, &out, &error), HDX_NOT_FOUND);
  assert_non_null(strstr(error.message, path));
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("0123456789"), &error), HDX_OK);
  assert_int_equal(hdx_file_read(path, 9, &out, &error), HDX_LIMIT);
  hdx_buffer_clear(&out);
  assert_int_equal(hdx_file_read(path, 10, &out, &error), HDX_OK);
  assert_true(hdx_text_is(hdx_buffer_text(&out), "0123456789"));
  hdx_buffer_clear(&out);
  assert_int_equal(hdx_file_read(root, 10, &out, &error), HDX_IO);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0); /* that nobody writes to is not waited for */
  assert_int_equal(hdx_file_read(path, 10, &out, &error), HDX_IO);
  assert_non_null(strstr(error.message, "not a regular file"));
  /* A file that claims to be empty. */
  hdx_buffer_clear(&out);
  assert_int_equal(hdx_file_read("/proc/self/status", 1 << 19, &out, &error), HDX_OK);
  assert_true(out.size > 100);
  hdx_buffer_deinit(&out);
}

static void reading_at_an_offset_is_exact(void **state) {
  (void)state;
  char got[8];
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("0123456789"), &error), HDX_OK);
  int fd = open(path, O_RDWR);
  assert_int_equal(hdx_file_read_at(fd, path, got, 4, 6, &error), HDX_OK);
  assert_memory_equal(got, "6789", 4);
  assert_int_equal(hdx_file_read_at(fd, path, got, 5, 6, &error), HDX_IO);
  assert_int_equal(hdx_file_write_at(fd, path, "xy", 2, 3, &error), HDX_OK);
  close(fd);
  expect_content("012xy56789");
}

static void folders_are_made(void **state) {
  (void)state;
  char deep[200];
  struct stat stat_;
  snprintf(deep, sizeof deep, "%s//a/b/c/", root);
  assert_int_equal(hdx_file_make_folders(deep, false, &error), HDX_OK);
  assert_int_equal(hdx_file_make_folders(deep, false, &error), HDX_OK);
  assert_true(stat(deep, &stat_) == 0 && S_ISDIR(stat_.st_mode));
  assert_int_equal(hdx_file_replace(path, HDX_TEXT(""), &error), HDX_OK);
  mode_t mask = umask(0);
  snprintf(deep, sizeof deep, "%s/p/q//", root);
  assert_int_equal(hdx_file_make_folders(deep, true, &error), HDX_OK);
  assert_int_equal(stat(deep, &stat_), 0);
  assert_int_equal(stat_.st_mode & 07777, 0700);
  snprintf(deep, sizeof deep, "%s/p", root);
  assert_int_equal(stat(deep, &stat_), 0);
  assert_int_equal(stat_.st_mode & 07777, 0755);
  umask(mask);
  snprintf(deep, sizeof deep, "%s/file/x", root);
  assert_int_equal(hdx_file_make_folders(deep, false, &error), HDX_IO);
}

static void a_file_is_replaced_at_once(void **state) {
  (void)state;
  struct hdx_temp temp;
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("old"), &error), HDX_OK);
  int before = open(path, O_RDONLY);
  assert_int_equal(hdx_temp_create(path, &temp, &error), HDX_OK);
  const char *name = strrchr(temp.path, '/') + 1;
  char pid[32];
  snprintf(pid, sizeof pid, ".%ld-", (long)getpid());
  assert_true(name[0] == '.' && strstr(name, pid) && hdx_temp_name(name));
  assert_int_equal(hdx_file_write_at(temp.fd, path, "new", 3, 0, &error), HDX_OK);
  expect_content("old");
  assert_int_equal(hdx_temp_commit(&temp, &error), HDX_OK);
  expect_content("new");
  char got[3];
  assert_int_equal(hdx_file_read_at(before, path, got, 3, 0, &error), HDX_OK);
  assert_memory_equal(got, "old", 3);
  close(before);
  assert_int_equal(entries(), 1);
  assert_int_equal(hdx_temp_create(path, &temp, &error), HDX_OK);
  hdx_temp_abandon(&temp);
  assert_int_equal(entries(), 1);
}

/* Of many, those that can be replaced are, and the others keep what they have. */
static void many_are_replaced_together(void **state) {
  (void)state;
  enum { COUNT = 20 };
  struct hdx_temp temps[COUNT];
  enum hdx_status statuses[COUNT];
  struct hdx_error errors[COUNT];
  char paths[COUNT][100];
  for (int i = 0; i < COUNT; i++) {
    char inner[100];
    snprintf(inner, sizeof inner, "%.60s/%d", root, i % 3);
    mkdir(inner, 0755);
    snprintf(paths[i], sizeof paths[i], "%.60s/%d/f%d", root, i % 3, i);
    if (i == 5)
      assert_int_equal(mkdir(paths[i], 0755), 0);
    assert_int_equal(hdx_temp_create(paths[i], &temps[i], &error), HDX_OK);
    assert_int_equal(hdx_file_write_at(temps[i].fd, paths[i], "x", 1, 0, &error), HDX_OK);
  }
  hdx_temp_commit_all(temps, COUNT, statuses, errors);
  for (int i = 0; i < COUNT; i++) {
    struct stat stat_;
    assert_int_equal(statuses[i], i == 5 ? HDX_IO : HDX_OK);
    assert_int_equal(stat(paths[i], &stat_), 0);
    assert_true(i == 5 ? S_ISDIR(stat_.st_mode) && strstr(errors[i].message, paths[i]) : stat_.st_size == 1);
    assert_true(temps[i].fd == -1 && !temps[i].path && !temps[i].target);
  }
}

static void a_name_of_any_length_can_be_replaced(void **state) {
  (void)state;
  char name[256], longest[400];
  memset(name, 'n', 255);
  name[255] = 0;
  snprintf(longest, sizeof longest, "%s/%s", root, name);
  assert_int_equal(hdx_file_replace(longest, HDX_TEXT("x"), &error), HDX_OK);
  assert_int_equal(access(longest, F_OK), 0);
  assert_int_equal(entries(), 1);
}

/* In a child whose files may have `bytes` bytes: what a replacement says. */
static enum hdx_status replace_limited(rlim_t bytes) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    static char large[100000];
    struct rlimit limit = {bytes, bytes};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(hdx_file_replace(path, (struct hdx_text){large, sizeof large}, &error));
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return (enum hdx_status)WEXITSTATUS(status);
}

static void a_failure_leaves_the_old_file(void **state) {
  (void)state;
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("old"), &error), HDX_OK);
  assert_int_equal(replace_limited(5000), HDX_IO);
  expect_content("old");
  assert_int_equal(entries(), 1);
  /* A folder in the place of the file. */
  assert_int_equal(hdx_file_replace(root, HDX_TEXT("x"), &error), HDX_IO);
  assert_non_null(strstr(error.message, root));
  assert_int_equal(hdx_file_replace("/nowhere/at/all", HDX_TEXT("x"), &error), HDX_IO);
  if (geteuid() != 0) {
    chmod(root, 0555);
    assert_int_equal(hdx_file_replace(path, HDX_TEXT("x"), &error), HDX_IO);
  }
  expect_content("old");
}

/* What the disk refuses at the very end was never there; and writes may come in pieces. */
static void late_failures_replace_nothing(void **state) {
  (void)state;
  assert_int_equal(hdx_file_replace(path, HDX_TEXT("old"), &error), HDX_OK);
  bool *const faults[] = {&fsync_fails, &close_fails};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    *faults[i] = true;
    enum hdx_status status = hdx_file_replace(path, HDX_TEXT("new"), &error);
    *faults[i] = false;
    assert_int_equal(status, HDX_IO);
    assert_non_null(strstr(error.message, path));
    expect_content("old");
    assert_int_equal(entries(), 1);
  }
  writes_are_torn = true;
  enum hdx_status status = hdx_file_replace(path, HDX_TEXT("new, and in many pieces"), &error);
  writes_are_torn = false;
  assert_int_equal(status, HDX_OK);
  expect_content("new, and in many pieces");
}

static void names_of_temporary_files_are_told(void **state) {
  (void)state;
  static const char *const yes[] = {".a.hdx.12-0.tmp", ".a.b.99999-1f.tmp", "..1-0.tmp"};
  static const char *const no[] = {"a.hdx.12-0.tmp", ".a.hdx.12-0",   ".a.hdx.x-0.tmp",
                                   ".a.hdx.12-.tmp", ".a.hdx.-1.tmp", ".12-0.tmp",
                                   ".tmp",           ".lock",         "",
                                   ".a.0-1.tmp",     ".a.1-x.tmp"};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    assert_true(hdx_temp_name(yes[i]));
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    assert_false(hdx_temp_name(no[i]));
}

/* A file whose writer is out of sight (another machine, another process namespace) holds a lock on it. */
static void a_locked_file_is_not_swept(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  waitpid(child, NULL, 0);
  char dead[160];
  snprintf(dead, sizeof dead, "%.60s/.f.%ld-0.tmp", root, (long)child);
  int fd = open(dead, O_CREAT | O_RDWR, 0600), folder = open(root, O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_int_equal(hdx_temp_sweep(folder), 0);
  close(fd);
  assert_int_equal(hdx_temp_sweep(folder), 1);
  assert_int_equal(entries(), 0);
  close(folder);
}

/* A link with such a name is nobody's temporary file, and what it leads to is not looked at. */
static void only_files_are_swept(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  waitpid(child, NULL, 0);
  char link[160];
  snprintf(link, sizeof link, "%.60s/.f.%ld-0.tmp", root, (long)child);
  assert_int_equal(symlink("/dev/null", link), 0);
  int folder = open(root, O_RDONLY | O_DIRECTORY);
  assert_int_equal(hdx_temp_sweep(folder), 0);
  assert_int_equal(entries(), 1);
  assert_int_equal(unlink(link), 0);
  close(folder);
  assert_int_equal(hdx_temp_sweep(-1), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      T(reading_is_bounded),
      T(reading_at_an_offset_is_exact),
      T(folders_are_made),
      T(a_file_is_replaced_at_once),
      T(many_are_replaced_together),
      T(a_name_of_any_length_can_be_replaced),
      T(a_failure_leaves_the_old_file),
      T(late_failures_replace_nothing),
      T(names_of_temporary_files_are_told),
      T(a_locked_file_is_not_swept),
      T(only_files_are_swept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
