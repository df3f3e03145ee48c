/* A destination: nothing that is not below it is touched whatever paths say and whatever stands in the way, one process
 * at a time has it, files get their places by renaming. */
#include "mirror/destination.h"

#include "mirror/folders.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "folder.h"

static struct hdx_error error;
static struct hdx_destination destination;
static struct hdx_folders folders;
static char dest[128];

static void open_destination(void) {
  snprintf(dest, sizeof dest, "%s/dest", root);
  assert_int_equal(hdx_destination_open(dest, NULL, true, &destination, &error), HDX_OK);
  hdx_folders_init(&folders, &destination);
}

static void close_destination(void) {
  hdx_folders_deinit(&folders);
  hdx_destination_close(&destination);
}

/* Writes a partial file and gives it its place. */
static enum hdx_status place(const char *path, const char *bytes) {
  int fd;
  assert_int_equal(hdx_partial_open(&destination, "p1", &fd, NULL, &error), HDX_OK);
  assert_int_equal(ftruncate(fd, 0), 0);
  assert_int_equal(pwrite(fd, bytes, strlen(bytes), 0), strlen(bytes));
  enum hdx_status status = hdx_partial_place(&folders, "p1", path, &error);
  close(fd);
  return status;
}

static void assert_says(const char *part) {
  if (!strstr(error.message, part))
    fail_msg("\"%s\" does not say \"%s\"", error.message, part);
  for (const char *c = error.message; *c; c++)
    assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

/* ---- opening ---- */

static void opening_makes_it_and_only_then(void **state) {
  (void)state;
  snprintf(dest, sizeof dest, "%s/a/b/dest///", root);
  assert_int_equal(hdx_destination_open(dest, NULL, false, &destination, &error), HDX_NOT_FOUND);
  assert_says("a/b/dest: nothing was mirrored there");
  assert_false(is_there("a"));
  assert_int_equal(hdx_destination_open(dest, NULL, true, &destination, &error), HDX_OK);
  assert_true(is_there("a/b/dest/.heliodex/partial"));
  assert_int_equal(destination.path[strlen(destination.path) - 1], 't');
  char text[128];
  snprintf(text, sizeof text, "process %ld on host ", (long)getpid());
  assert_memory_equal(file_text("a/b/dest/.heliodex/lock"), text, strlen(text));
  hdx_destination_close(&destination);
  assert_int_equal(hdx_destination_open(dest, NULL, false, &destination, &error), HDX_OK);
  assert_int_equal(destination.lock, -1);
  hdx_destination_close(&destination);
  assert_int_equal(mkdir(at("plain"), 0777), 0);
  assert_int_equal(hdx_destination_open(at("plain"), NULL, false, &destination, &error), HDX_NOT_FOUND);
  assert_false(is_there("plain/.heliodex"));
}

static void what_cannot_be_a_destination(void **state) {
  (void)state;
  assert_true(put_file("file", "x", 1));
  assert_int_equal(hdx_destination_open(at("file"), NULL, true, &destination, &error), HDX_USAGE);
  assert_says("file: a folder was expected");
  assert_int_equal(hdx_destination_open(at("file/below"), NULL, true, &destination, &error), HDX_USAGE);
  assert_int_equal(hdx_destination_open("", NULL, true, &destination, &error), HDX_USAGE);
  assert_int_equal(mkdir(at("linked"), 0777), 0);
  assert_int_equal(mkdir(at("elsewhere"), 0777), 0);
  assert_int_equal(symlink("../elsewhere", at("linked/.heliodex")), 0);
  assert_int_equal(hdx_destination_open(at("linked"), NULL, true, &destination, &error), HDX_IO);
  assert_says("linked/.heliodex: a folder was expected, it is a link");
  assert_int_equal(hdx_destination_open(at("linked"), NULL, false, &destination, &error), HDX_IO);
  assert_int_equal(rmdir(at("elsewhere")), 0); /* nothing is in it */
  assert_int_equal(mkdir(at("own"), 0777), 0);
  assert_int_equal(mkdir(at("own/.heliodex"), 0777), 0);
  assert_int_equal(symlink("/tmp", at("own/.heliodex/partial")), 0);
  assert_int_equal(hdx_destination_open(at("own"), NULL, true, &destination, &error), HDX_IO);
  assert_says("own/.heliodex/partial: a folder was expected, it is a link");
  assert_true(put_file("control\x01\n", "x", 1));
  assert_int_equal(hdx_destination_open(at("control\x01\n"), NULL, true, &destination, &error), HDX_USAGE);
  assert_says("control%01%0A");
}

static void a_lock_that_is_a_link_is_not_followed(void **state) {
  (void)state;
  assert_int_equal(mkdir(at("dest"), 0777), 0);
  assert_int_equal(mkdir(at("dest/.heliodex"), 0777), 0);
  assert_true(put_file("precious", "kept", 4));
  assert_int_equal(symlink("../../precious", at("dest/.heliodex/lock")), 0);
  assert_int_equal(hdx_destination_open(at("dest"), NULL, true, &destination, &error), HDX_IO);
  assert_string_equal(file_text("precious"), "kept");
}

static void names_of_shards(void **state) {
  (void)state;
  static const char *const wrong[] = {"", ".", "a/b", "../x", "a b", "\xc3\xa9", "a\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(hdx_destination_open(at("dest"), wrong[i], true, &destination, &error), HDX_USAGE);
  char name[300];
  memset(name, 'a', sizeof name);
  name[200] = 0;
  assert_int_equal(hdx_destination_open(at("dest"), name, true, &destination, &error), HDX_OK);
  hdx_destination_close(&destination);
  name[200] = 'a';
  name[201] = 0;
  assert_int_equal(hdx_destination_open(at("dest"), name, true, &destination, &error), HDX_USAGE);
}

/* ---- locks ---- */

/* What opening it says in another process. */
static enum hdx_status status_elsewhere(const char *shard, char *message) {
  int pipes[2], code;
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    struct hdx_destination other;
    struct hdx_error said = {0};
    enum hdx_status status = hdx_destination_open(dest, shard, true, &other, &said);
    if (write(pipes[1], said.message, sizeof said.message) < 0)
      _exit(99);
    _exit((int)status);
  }
  assert_true(child > 0);
  close(pipes[1]);
  assert_true(read(pipes[0], message, HDX_ERROR_TEXT_MAX) == HDX_ERROR_TEXT_MAX);
  close(pipes[0]);
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_true(WIFEXITED(code));
  return (enum hdx_status)WEXITSTATUS(code);
}

static void one_process_at_a_time(void **state) {
  (void)state;
  char expected[64];
  open_destination();
  snprintf(expected, sizeof expected, "dest: process %ld on host ", (long)getpid());
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_TEMPORARY);
  assert_says(expected);
  assert_says(" is mirroring to it");
  assert_int_equal(status_elsewhere("s1", error.message), HDX_TEMPORARY);
  close_destination();
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_OK);
}

/* A process that has all descriptors of this one open until it is let go. */
static pid_t fork_waiting(int *hold) {
  int pipes[2];
  char byte;
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    close(pipes[1]);
    _exit(read(pipes[0], &byte, 1) != 0);
  }
  assert_true(child > 0);
  close(pipes[0]);
  *hold = pipes[1];
  return child;
}

static void let_go(pid_t child, int hold) {
  int code;
  close(hold);
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
}

static void what_was_forked_meanwhile_keeps_no_lock(void **state) {
  (void)state;
  int fd, hold;
  snprintf(dest, sizeof dest, "%s/dest", root);
  for (int sharded = 0; sharded < 2; sharded++) {
    const char *shard = sharded ? "s1" : NULL;
    assert_int_equal(hdx_destination_open(dest, shard, true, &destination, &error), HDX_OK);
    assert_int_equal(hdx_partial_open(&destination, "p1", &fd, NULL, &error), HDX_OK);
    pid_t child = fork_waiting(&hold);
    assert_int_equal(hdx_partial_close(fd), 0);
    assert_int_equal(hdx_partial_open(&destination, "p1", &fd, NULL, &error), HDX_OK);
    assert_int_equal(hdx_partial_close(fd), 0);
    hdx_destination_close(&destination);
    assert_int_equal(status_elsewhere(shard, error.message), HDX_OK);
    assert_int_equal(status_elsewhere(NULL, error.message), HDX_OK);
    let_go(child, hold);
  }
}

static void shards_beside_one_another(void **state) {
  (void)state;
  struct hdx_destination second;
  snprintf(dest, sizeof dest, "%s/dest", root);
  assert_int_equal(hdx_destination_open(dest, "s1", true, &destination, &error), HDX_OK);
  assert_int_equal(status_elsewhere("s1", error.message), HDX_TEMPORARY);
  assert_says(", shard s1 is mirroring");
  assert_int_equal(status_elsewhere("s2", error.message), HDX_OK);
  assert_int_equal(hdx_destination_open(dest, "s2", true, &second, &error), HDX_OK);
  hdx_destination_close(&destination);
  /* The other one still has its share. */
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_TEMPORARY);
  assert_int_equal(status_elsewhere("s1", error.message), HDX_OK);
  hdx_destination_close(&second);
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_OK);
}

static void what_a_lock_says_is_shown_harmlessly(void **state) {
  (void)state;
  open_destination();
  assert_int_equal(pwrite(destination.lock, "\x1b[2J evil\r\n", 11, 0), 11);
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_TEMPORARY);
  assert_says("%1B[2J evil%0D is mirroring to it");
  assert_int_equal(ftruncate(destination.lock, 0), 0);
  assert_int_equal(status_elsewhere(NULL, error.message), HDX_TEMPORARY);
  assert_says("another process is mirroring to it");
  close_destination();
}

/* ---- paths ---- */

static void files_get_their_places(void **state) {
  (void)state;
  struct stat info;
  open_destination();
  for (int fallback = 0; fallback < 2; fallback++) {
    destination.no_openat2 = fallback;
    const char *path = fallback ? "2011/05/a.cdf" : "2010/05/a.cdf";
    char below[64];
    snprintf(below, sizeof below, "dest/%s", path);
    assert_int_equal(hdx_destination_stat(&folders, path, &info, &error), HDX_NOT_FOUND);
    assert_int_equal(place(path, "one"), HDX_OK);
    assert_string_equal(file_text(below), "one");
    assert_int_equal(place(path, "two, longer"), HDX_OK);
    assert_string_equal(file_text(below), "two, longer");
    assert_int_equal(hdx_destination_stat(&folders, path, &info, &error), HDX_OK);
    assert_int_equal(info.st_size, 11);
    int fd;
    char bytes[16];
    assert_int_equal(hdx_destination_read(&folders, path, &fd, &error), HDX_OK);
    assert_int_equal(read(fd, bytes, sizeof bytes), 11);
    close(fd);
  }
  assert_int_equal(place("top", "t"), HDX_OK);
  assert_string_equal(file_text("dest/top"), "t");
  assert_false(is_there("dest/.heliodex/partial/p1"));
  close_destination();
}

static void bytes_of_names_are_kept(void **state) {
  (void)state;
  static const char name[] = "a b/\xff\xfe\x80/c\x01\td \xc3\xa9%0A\\*";
  open_destination();
  assert_int_equal(place(name, "x"), HDX_OK);
  assert_true(is_there("dest/a b/\xff\xfe\x80/c\x01\td \xc3\xa9%0A\\*"));
  assert_int_equal(mkdir(at("dest/folder\x07"), 0777), 0);
  assert_int_equal(place("folder\x07", "x"), HDX_IO);
  assert_says("dest/folder%07: a file was expected, it is a folder");
  close_destination();
}

/* Whether a link in each of the places of a path is refused, and nothing is on its other side. */
static void links_in_the_way(bool fallback, const char *target) {
  static const char *const links[] = {"dest/a", "dest/a/b", "dest/a/b/c"};
  struct stat info;
  int fd;
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    open_destination();
    destination.no_openat2 = fallback;
    assert_int_equal(mkdir(at("outside"), 0777), 0);
    assert_int_equal(mkdir(at("outside/b"), 0777), 0);
    assert_int_equal(mkdir(at("outside/b/c"), 0777), 0);
    assert_true(put_file("outside/precious", "kept", 4));
    for (size_t above = 0; above < i; above++)
      assert_int_equal(mkdir(at(links[above]), 0777), 0);
    assert_int_equal(symlink(target, at(links[i])), 0);
    assert_int_equal(place("a/b/c/precious", "evil"), HDX_IO);
    assert_says(links[i]);
    assert_says("it is a link");
    assert_int_equal(hdx_destination_stat(&folders, "a/b/c/precious", &info, &error), HDX_IO);
    assert_int_equal(hdx_destination_read(&folders, "a/b/c/precious", &fd, &error), HDX_IO);
    assert_int_equal(hdx_destination_remove(&folders, "a/b/c/precious", &error), HDX_IO);
    assert_string_equal(file_text("outside/precious"), "kept");
    char command[256];
    snprintf(command, sizeof command, "test $(find '%s/outside' | wc -l) = 4", root);
    assert_int_equal(system(command), 0);
    close_destination();
    snprintf(command, sizeof command, "rm -rf '%s/outside' '%s/dest'", root, root);
    assert_int_equal(system(command), 0);
  }
}

static void links_are_not_followed(void **state) {
  (void)state;
  char absolute[128];
  snprintf(absolute, sizeof absolute, "%s/outside", root);
  for (int fallback = 0; fallback < 2; fallback++) {
    links_in_the_way(fallback, absolute);
    links_in_the_way(fallback, "../outside");
    links_in_the_way(fallback, "../../../outside");
    links_in_the_way(fallback, "."); /* also those that stay within */
    links_in_the_way(fallback, "/proc/self/cwd");
    links_in_the_way(fallback, "nowhere");
  }
}

static void a_link_in_a_files_place_is_replaced(void **state) {
  (void)state;
  struct stat info;
  int fd;
  open_destination();
  assert_true(put_file("precious", "kept", 4));
  assert_int_equal(symlink("../precious", at("dest/a")), 0);
  assert_int_equal(hdx_destination_stat(&folders, "a", &info, &error), HDX_NOT_FOUND);
  assert_int_equal(hdx_destination_read(&folders, "a", &fd, &error), HDX_NOT_FOUND);
  assert_int_equal(hdx_destination_remove(&folders, "a", &error), HDX_NOT_FOUND);
  assert_true(is_there("dest/a"));
  assert_int_equal(place("a", "new"), HDX_OK);
  assert_string_equal(file_text("dest/a"), "new");
  assert_string_equal(file_text("precious"), "kept");
  assert_int_equal(lstat(at("dest/a"), &info), 0);
  assert_true(S_ISREG(info.st_mode));
  close_destination();
}

static void paths_that_climb_are_refused(void **state) {
  (void)state;
  static const char *const paths[] = {"",
                                      "/etc/passwd",
                                      "..",
                                      "../x",
                                      "a/../x",
                                      "a/../../x",
                                      "a/..",
                                      ".",
                                      "./x",
                                      "a/./b",
                                      "a//b",
                                      "a/",
                                      ".heliodex/journal",
                                      ".heliodex",
                                      ".HELIODEX/lock",
                                      "a/b/../../../x"};
  int fd;
  const char *name;
  open_destination();
  assert_int_equal(mkdir(at("dest/a"), 0777), 0);
  assert_true(put_file("x", "kept", 4));
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_int_equal(hdx_folders_at(&folders, paths[i], true, &fd, &name, &error), HDX_IO);
    assert_int_equal(place(paths[i], "evil"), HDX_IO);
    assert_int_equal(hdx_destination_remove(&folders, paths[i], &error), HDX_IO);
  }
  assert_string_equal(file_text("x"), "kept");
  close_destination();
}

/* What stands between a path and the outside even if nobody looked at it before. */
static void the_kernel_refuses_them_as_well(void **state) {
  (void)state;
  open_destination();
  if (destination.no_openat2) {
    close_destination();
    skip();
  }
  assert_int_equal(mkdir(at("dest/a"), 0777), 0);
  assert_int_equal(symlink("..", at("dest/a/up")), 0);
  assert_int_equal(hdx_folder_beneath(destination.folder, ".."), -1);
  assert_int_equal(errno, EXDEV);
  assert_int_equal(hdx_folder_beneath(destination.folder, "a/../.."), -1);
  assert_int_equal(errno, EXDEV);
  assert_int_equal(hdx_folder_beneath(destination.folder, "/"), -1);
  assert_int_equal(errno, EXDEV);
  assert_int_equal(hdx_folder_beneath(destination.folder, "a/up"), -1);
  assert_int_equal(hdx_folder_beneath(destination.folder, "a/up/a"), -1);
  assert_int_equal(errno, ELOOP);
  int fd = hdx_folder_beneath(destination.folder, "a");
  assert_true(fd >= 0);
  assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  close(fd);
  close_destination();
}

static void what_stands_in_the_way_is_named(void **state) {
  (void)state;
  open_destination();
  assert_true(put_file("dest/a", "x", 1));
  assert_int_equal(place("a/b/c", "x"), HDX_IO);
  assert_says("dest/a: a folder was expected, it is a file");
  assert_int_equal(mkdir(at("dest/full"), 0777), 0);
  assert_int_equal(mkdir(at("dest/full/inside"), 0777), 0);
  assert_int_equal(place("full", "x"), HDX_IO);
  assert_says("dest/full: a file was expected, it is a folder");
  assert_int_equal(place("full/inside", "x"), HDX_IO); /* an empty one, too */
  char name[300];
  memset(name, 'n', sizeof name);
  name[256] = 0;
  assert_int_equal(place(name, "x"), HDX_IO);
  assert_says("File name too long");
  close_destination();
}

/* Root may do everything: from here on as somebody else who owns all that there is. */
static void begin_as_nobody(void) {
  char command[128];
  if (geteuid() != 0)
    return;
  snprintf(command, sizeof command, "chown -R 65534 '%s'", root);
  assert_int_equal(system(command), 0);
  assert_int_equal(seteuid(65534), 0);
}

static void end_as_nobody(void) {
  if (getuid() == 0)
    assert_int_equal(seteuid(0), 0);
}

static void folders_that_may_not_be_written_to_are_named(void **state) {
  (void)state;
  open_destination();
  assert_int_equal(mkdir(at("dest/full"), 0777), 0);
  assert_int_equal(chmod(at("dest/full"), 0555), 0);
  begin_as_nobody();
  assert_int_equal(place("full/new", "x"), HDX_IO);
  assert_says("dest/full/new: a file cannot be renamed to this: Permission denied");
  assert_int_equal(place("full/new/x", "x"), HDX_IO);
  assert_says("dest/full/new: the folder cannot be made: Permission denied");
  end_as_nobody();
  close_destination();
}

static void it_is_told_at_once_that_it_cannot_be_written_to(void **state) {
  (void)state;
  open_destination();
  close_destination();
  begin_as_nobody();
  assert_int_equal(chmod(dest, 0555), 0);
  enum hdx_status status = hdx_destination_open(dest, NULL, true, &destination, &error);
  enum hdx_status reading = hdx_destination_open(dest, NULL, false, &destination, NULL);
  end_as_nobody();
  assert_int_equal(status, HDX_IO);
  assert_says("dest: the folder cannot be written to: Permission denied");
  assert_int_equal(reading, HDX_OK); /* who only looks needs no more */
  assert_int_equal(destination.partial, -1);
  hdx_destination_close(&destination);
}

static void folders_that_were_removed_are_made_again(void **state) {
  (void)state;
  open_destination();
  assert_int_equal(place("a/b/one", "1"), HDX_OK);
  assert_int_equal(unlink(at("dest/a/b/one")), 0);
  assert_int_equal(rmdir(at("dest/a/b")), 0);
  assert_int_equal(place("a/b/two", "2"), HDX_OK);
  assert_string_equal(file_text("dest/a/b/two"), "2");
  close_destination();
}

static void many_folders_with_few_descriptors(void **state) {
  (void)state;
  struct rlimit before, few;
  open_destination();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  few.rlim_cur = (rlim_t)destination.folder + 20;
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < 40; i++) {
      char path[64];
      snprintf(path, sizeof path, "d%d/e/f%d", i, round);
      assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
      enum hdx_status status = place(path, "x");
      assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
      assert_int_equal(status, HDX_OK);
    }
  close_destination();
}

static void processes_make_the_same_folders_at_once(void **state) {
  (void)state;
  open_destination();
  pid_t children[4];
  for (int c = 0; c < 4; c++)
    if ((children[c] = fork()) == 0) {
      int fd, failures = 0;
      const char *name;
      for (int i = 0; i < 300; i++) {
        char path[64];
        snprintf(path, sizeof path, "x%d/y/z/file", i);
        failures += hdx_folders_at(&folders, path, true, &fd, &name, &error) != HDX_OK;
      }
      _exit(failures != 0);
    }
  for (int c = 0; c < 4; c++) {
    int code;
    assert_int_equal(waitpid(children[c], &code, 0), children[c]);
    assert_int_equal(code, 0);
  }
  close_destination();
}

/* ---- partial files ---- */

static bool wants_kept(void *user, const char *name) {
  (void)user;
  return strcmp(name, "kept") == 0;
}

static void partial_files_of_others_are_let_alone(void **state) {
  (void)state;
  int fd, other;
  open_destination();
  assert_int_equal(hdx_partial_open(&destination, "mine", &fd, NULL, &error), HDX_OK);
  assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(hdx_partial_open(&destination, "mine", &other, NULL, &error), HDX_TEMPORARY);
  assert_says("dest/.heliodex/partial/mine: another process writes it");
  assert_true(put_file("dest/.heliodex/partial/kept", "k", 1));
  assert_true(put_file("dest/.heliodex/partial/old", "o", 1));
  assert_int_equal(mkdir(at("dest/.heliodex/partial/folder"), 0777), 0);
  assert_int_equal(hdx_partial_sweep(&destination, wants_kept, NULL), 1);
  assert_true(is_there("dest/.heliodex/partial/mine"));
  assert_true(is_there("dest/.heliodex/partial/kept"));
  assert_false(is_there("dest/.heliodex/partial/old"));
  close(fd);
  assert_int_equal(hdx_partial_sweep(&destination, wants_kept, NULL), 1);
  assert_false(is_there("dest/.heliodex/partial/mine"));
  hdx_partial_remove(&destination, "kept");
  assert_false(is_there("dest/.heliodex/partial/kept"));
  close_destination();
}

static void partial_files_are_no_way_out(void **state) {
  (void)state;
  static const char *const names[] = {"", ".", "..", "../journal", "/etc/passwd", "a/b"};
  int fd;
  open_destination();
  assert_true(put_file("precious", "kept", 4));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_int_equal(hdx_partial_open(&destination, names[i], &fd, NULL, &error), HDX_IO);
    assert_int_equal(hdx_partial_place(&folders, names[i], "x", &error), HDX_IO);
    hdx_partial_remove(&destination, names[i]);
  }
  assert_int_equal(symlink("../../../precious", at("dest/.heliodex/partial/link")), 0);
  assert_int_equal(hdx_partial_open(&destination, "link", &fd, NULL, &error), HDX_IO);
  assert_says("it is a link");
  assert_int_equal(mkfifo(at("dest/.heliodex/partial/pipe"), 0666), 0);
  assert_int_equal(hdx_partial_open(&destination, "pipe", &fd, NULL, &error), HDX_IO);
  /* Another name of a file elsewhere: it is not written to. */
  assert_int_equal(link(at("precious"), at("dest/.heliodex/partial/hard")), 0);
  assert_int_equal(hdx_partial_open(&destination, "hard", &fd, NULL, &error), HDX_OK);
  assert_int_equal(pwrite(fd, "evil", 4, 0), 4);
  close(fd);
  assert_string_equal(file_text("precious"), "kept");
  assert_int_equal(hdx_partial_place(&folders, "nothing", "x", &error), HDX_IO);
  assert_says("dest/.heliodex/partial/nothing: cannot be renamed: No such file");
  close_destination();
}

/* ---- removing ---- */

static void empty_folders_go_with_the_last_file(void **state) {
  (void)state;
  open_destination();
  assert_int_equal(place("a/b/c/one", "1"), HDX_OK);
  assert_int_equal(place("a/b/two", "2"), HDX_OK);
  assert_int_equal(place("a/d/three", "3"), HDX_OK);
  assert_int_equal(hdx_destination_remove(&folders, "a/b/c/one", &error), HDX_OK);
  assert_false(is_there("dest/a/b/c"));
  assert_true(is_there("dest/a/b/two"));
  assert_int_equal(hdx_destination_remove(&folders, "a/b/two", &error), HDX_OK);
  assert_false(is_there("dest/a/b"));
  assert_int_equal(hdx_destination_remove(&folders, "a/b/two", &error), HDX_NOT_FOUND);
  assert_int_equal(hdx_destination_remove(&folders, "a/d", &error), HDX_NOT_FOUND); /* a folder */
  assert_int_equal(hdx_destination_remove(&folders, "a/d/three", &error), HDX_OK);
  assert_false(is_there("dest/a"));
  assert_true(is_there("dest/.heliodex"));
  /* What was kept open of it is not used any more, although somebody else makes it again. */
  struct stat info;
  assert_int_equal(mkdir(at("dest/a"), 0777), 0);
  assert_int_equal(mkdir(at("dest/a/d"), 0777), 0);
  assert_true(put_file("dest/a/d/three", "3", 1));
  assert_int_equal(hdx_destination_stat(&folders, "a/d/three", &info, &error), HDX_OK);
  assert_int_equal(place("a/b/c/one", "1"), HDX_OK);
  assert_string_equal(file_text("dest/a/b/c/one"), "1");
  close_destination();
}

static void the_disk(void **state) {
  (void)state;
  uint64_t bytes = 0;
  open_destination();
  assert_int_equal(hdx_destination_free(&destination, &bytes, &error), HDX_OK);
  assert_true(bytes > 0 && bytes < 1ull << 60);
  assert_int_equal(hdx_destination_sync(&destination, &error), HDX_OK);
  assert_false(destination.fold); /* of the file systems that tests run on */
  assert_int_equal(mkdir(at("dest/.HELIODEX"), 0777), 0);
  close_destination();
  open_destination();
  assert_false(destination.fold);
  close_destination();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, root_setup, root_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(opening_makes_it_and_only_then),
      TEST(what_cannot_be_a_destination),
      TEST(a_lock_that_is_a_link_is_not_followed),
      TEST(names_of_shards),
      TEST(one_process_at_a_time),
      TEST(what_was_forked_meanwhile_keeps_no_lock),
      TEST(shards_beside_one_another),
      TEST(what_a_lock_says_is_shown_harmlessly),
      TEST(files_get_their_places),
      TEST(bytes_of_names_are_kept),
      TEST(links_are_not_followed),
      TEST(a_link_in_a_files_place_is_replaced),
      TEST(paths_that_climb_are_refused),
      TEST(the_kernel_refuses_them_as_well),
      TEST(what_stands_in_the_way_is_named),
      TEST(folders_that_may_not_be_written_to_are_named),
      TEST(it_is_told_at_once_that_it_cannot_be_written_to),
      TEST(folders_that_were_removed_are_made_again),
      TEST(many_folders_with_few_descriptors),
      TEST(processes_make_the_same_folders_at_once),
      TEST(partial_files_of_others_are_let_alone),
      TEST(partial_files_are_no_way_out),
      TEST(empty_folders_go_with_the_last_file),
      TEST(the_disk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
