/* Files that appear whole or not at all, standard output that fails. */
#include "unit/cli/cli_cmocka.h"

#include "cli/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128];

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/hdx-writer-XXXXXX");
  snprintf(path, sizeof path, "%s/rows.csv", mkdtemp(folder));
  return 0;
}

static size_t count_files(void) {
  DIR *open = opendir(folder);
  size_t count = 0;
  for (struct dirent *entry = readdir(open); entry; entry = readdir(open))
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  closedir(open);
  return count;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static void put_file(const char *name, const char *content) {
  FILE *file = fopen(name, "w");
  fputs(content, file);
  fclose(file);
}

static void assert_content(const char *name, const char *expected) {
  char content[256] = "";
  FILE *file = fopen(name, "r");
  assert_non_null(file);
  content[fread(content, 1, sizeof content - 1, file)] = 0;
  fclose(file);
  assert_string_equal(content, expected);
}

static void appears_when_complete(void **state) {
  (void)state;
  struct cli_writer writer;
  struct hdx_error error;
  put_file(path, "old");
  chmod(path, 0640);
  assert_int_equal(cli_writer_open(&writer, path, &error), HDX_OK);
  assert_int_equal(count_files(), 2);
  cli_writer_string(&writer, "new");
  cli_writer_flush(&writer);
  assert_content(path, "old");
  assert_int_equal(cli_writer_close(&writer, true, &error), HDX_OK);
  assert_content(path, "new");
  assert_int_equal(count_files(), 1);
  struct stat info;
  stat(path, &info);
  assert_int_equal(info.st_mode & 07777, 0640);
}

static void leaves_no_trace_when_abandoned(void **state) {
  (void)state;
  struct cli_writer writer;
  put_file(path, "old");
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  cli_writer_string(&writer, "half");
  assert_int_equal(cli_writer_close(&writer, false, NULL), HDX_OK);
  assert_content(path, "old");
  assert_int_equal(count_files(), 1);
}

static void new_file_has_the_usual_mode(void **state) {
  (void)state;
  struct cli_writer writer;
  struct stat info;
  mode_t mask = umask(027);
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  umask(mask);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 07777, 0640);
}

static void link_stays(void **state) {
  (void)state;
  struct cli_writer writer;
  char target[128];
  struct stat info;
  snprintf(target, sizeof target, "%s/target", folder);
  put_file(target, "old");
  assert_int_equal(symlink("target", path), 0);
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  cli_writer_string(&writer, "new");
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  assert_int_equal(lstat(path, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_content(target, "new");
}

/* /dev/stdout may lead to a file that the caller appends to: it is written to, not replaced. */
static void open_descriptor_is_written_in_place(void **state) {
  (void)state;
  struct cli_writer writer;
  struct hdx_error error;
  char name[64];
  put_file(path, "old ");
  int fd = open(path, O_WRONLY | O_APPEND);
  static const char *const folders[] = {"/dev/fd", "/proc/self/fd"};
  for (size_t i = 0; i < 2; i++) {
    snprintf(name, sizeof name, "%s/%d", folders[i], fd);
    assert_int_equal(cli_writer_open(&writer, name, &error), HDX_OK);
    cli_writer_string(&writer, "new ");
    assert_int_equal(cli_writer_close(&writer, true, &error), HDX_OK);
  }
  close(fd);
  assert_content(path, "old new new ");
  assert_int_equal(cli_writer_open(&writer, name, &error), HDX_IO);
  cli_writer_close(&writer, false, &error);
}

static void places_that_cannot_be(void **state) {
  (void)state;
  struct cli_writer writer;
  struct hdx_error error;
  char absent[160];
  assert_int_equal(cli_writer_open(&writer, folder, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, folder));
  cli_writer_close(&writer, false, NULL);
  snprintf(absent, sizeof absent, "%s/no/rows.csv", folder);
  assert_int_equal(cli_writer_open(&writer, absent, &error), HDX_IO);
  assert_non_null(strstr(error.message, "No such file"));
  cli_writer_close(&writer, false, NULL);
  assert_int_equal(count_files(), 0);
}

/* Standard output, so that the device's name is never at stake: whoever runs this may be allowed to replace it. */
static void full_device(void **state) {
  (void)state;
  struct cli_writer writer;
  struct hdx_error error;
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC), out = dup(STDOUT_FILENO);
  fflush(stdout);
  dup2(full, STDOUT_FILENO);
  enum hdx_status opened = cli_writer_open(&writer, NULL, NULL);
  for (int i = 0; i < 100000; i++)
    cli_writer_string(&writer, "many bytes ");
  enum cli_writer_state ended = writer.state;
  enum hdx_status closed = cli_writer_close(&writer, true, &error);
  dup2(out, STDOUT_FILENO);
  close(out);
  close(full);
  assert_int_equal(opened, HDX_OK);
  assert_int_equal(ended, CLI_WRITER_FAILED);
  assert_int_equal(closed, HDX_IO);
  assert_string_equal(error.message, "standard output: not written: No space left on device");
}

/* What is no regular file is written in place and stays what it is. */
static void named_pipe_stays(void **state) {
  (void)state;
  struct cli_writer writer;
  struct stat info;
  char content[16] = "";
  assert_int_equal(mkfifo(path, 0600), 0);
  int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  cli_writer_string(&writer, "rows");
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  ssize_t size = read(reader, content, sizeof content - 1);
  close(reader);
  assert_int_equal(stat(path, &info), 0);
  assert_true(S_ISFIFO(info.st_mode));
  assert_int_equal(size, 4);
  assert_string_equal(content, "rows");
  assert_int_equal(count_files(), 1);
}

static void closed_pipe(void **state) {
  (void)state;
  struct cli_writer writer;
  int ends[2], out = dup(STDOUT_FILENO);
  signal(SIGPIPE, SIG_IGN);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  fflush(stdout);
  dup2(ends[1], STDOUT_FILENO);
  enum hdx_status opened = cli_writer_open(&writer, NULL, NULL);
  cli_writer_string(&writer, "bytes");
  cli_writer_flush(&writer);
  enum cli_writer_state ended = writer.state;
  cli_writer_string(&writer, "more");
  enum hdx_status closed = cli_writer_close(&writer, true, NULL);
  dup2(out, STDOUT_FILENO);
  close(out);
  close(ends[1]);
  assert_int_equal(opened, HDX_OK);
  assert_int_equal(ended, CLI_WRITER_CLOSED);
  assert_int_equal(closed, HDX_IO);
}

/* Longer than the buffer, at every alignment of its end. */
static void large_pieces(void **state) {
  (void)state;
  struct cli_writer writer;
  size_t size = 700001, total = 0;
  char *piece = malloc(size);
  for (size_t i = 0; i < size; i++)
    piece[i] = (char)('a' + i % 26);
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  for (size_t part = 1; part < size; part = part * 2 + 1, total += part)
    cli_writer_put(&writer, (struct hdx_text){piece, part});
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  FILE *file = fopen(path, "r");
  for (size_t part = 1; part < size; part = part * 2 + 1) {
    char *back = malloc(part);
    assert_int_equal(fread(back, 1, part, file), part);
    assert_memory_equal(back, piece, part);
    free(back);
  }
  assert_int_equal(fgetc(file), EOF);
  fclose(file);
  free(piece);
}

static void raw_json(void **state) {
  (void)state;
  struct cli_writer writer;
  static const char json[] = "{ \"a b\" :\t[ 1 ,\r\n 2 ],\n \"q\\\"  x\": \"\\\\\", \"u\": \"\xc3\x85\xff\" }";
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  cli_writer_json_raw(&writer, cli_text(json));
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  assert_content(path, "{\"a b\":[1,2],\"q\\\"  x\":\"\\\\\",\"u\":\"\xc3\x85\xef\xbf\xbd\"}");
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {IN_FOLDER(appears_when_complete),
                                     IN_FOLDER(leaves_no_trace_when_abandoned),
                                     IN_FOLDER(new_file_has_the_usual_mode),
                                     IN_FOLDER(link_stays),
                                     IN_FOLDER(open_descriptor_is_written_in_place),
                                     IN_FOLDER(places_that_cannot_be),
                                     cmocka_unit_test(full_device),
                                     IN_FOLDER(named_pipe_stays),
                                     cmocka_unit_test(closed_pipe),
                                     IN_FOLDER(large_pieces),
                                     IN_FOLDER(raw_json)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
