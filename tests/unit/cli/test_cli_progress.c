/* What progress says: the line in each stage of a run, cut to a terminal, and events for machines. */
#include "unit/cli/cli_cmocka.h"

#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static void assert_line(const struct hdx_progress *now, double rate, const char *expected) {
  char line[CLI_PROGRESS_LINE_MAX];
  cli_progress_line(now, rate, CLI_PROGRESS_LINE_MAX, line);
  assert_string_equal(line, expected);
}

static void stages(void **state) {
  (void)state;
  struct hdx_progress now = {.elapsed_ns = SECOND};
  assert_line(&now, 0, "looking up");
  now.objects = 12345;
  assert_line(&now, 0, "12,345 objects");
  now = (struct hdx_progress){.elapsed_ns = SECOND, .files_done = 3, .files_total = 1000, .failures = 2, .bytes = 2048};
  assert_line(&now, 1024 * 1024, "3 of 1,000 files, 2 failed, 1.0 MiB/s, 2.0 KiB");
  now = (struct hdx_progress){
      .elapsed_ns = 10 * SECOND, .files_done = 1, .files_total = 2, .bytes = 1 << 20, .bytes_total = 4 << 20};
  assert_line(&now, 0, "1 of 2 files, 0:30 left, 1.0 MiB of 4.0 MiB");
  now.bytes_total = UINT64_C(1) << 40;
  now.rows = 5;
  now.retries = 6;
  now.gaps = 7;
  now.slowest_host = "archive.example";
  now.slowest_host_ms = 312.4;
  char line[CLI_PROGRESS_LINE_MAX];
  cli_progress_line(&now, 0, CLI_PROGRESS_LINE_MAX, line);
  assert_non_null(strstr(line, "5 rows, 1.0 MiB of 1.0 TiB, 6 retries, 7 gaps, slowest archive.example (312 ms)"));
}

/* What matters most stays. */
static void narrow(void **state) {
  (void)state;
  const struct hdx_progress now = {
      .elapsed_ns = SECOND, .files_done = 3, .files_total = 1000, .rows = 5, .bytes = 2048};
  char line[CLI_PROGRESS_LINE_MAX];
  for (size_t width = 0; width < 60; width++) {
    cli_progress_line(&now, 0, width, line);
    assert_true(strlen(line) <= width);
    if (width >= strlen("3 of 1,000 files"))
      assert_ptr_equal(strstr(line, "3 of 1,000 files"), line);
  }
}

/* What is written to standard error meanwhile. */
static const char *told(struct cli_progress *progress, const struct hdx_progress *now) {
  static char text[4096];
  FILE *file = tmpfile();
  int before = dup(STDERR_FILENO);
  assert_true(file && before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
  cli_progress_update(progress, now);
  assert_true(dup2(before, STDERR_FILENO) >= 0);
  close(before);
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  return text;
}

static void events(void **state) {
  (void)state;
  struct cli_messages messages;
  struct cli_progress progress;
  cli_messages_init(&messages);
  messages.json = true;
  cli_progress_init(&progress, &messages, CLI_PROGRESS_JSON);
  struct hdx_progress now = {
      .elapsed_ns = 5 * SECOND, .files_total = 9, .slowest_host = "a\"b", .slowest_host_ms = 1.25};
  const char *event = told(&progress, &now);
  assert_non_null(strstr(event, "{\"event\":\"progress\",\"elapsed_s\":5.000,"));
  assert_non_null(strstr(event, "\"files_total\":9,"));
  assert_non_null(strstr(event, ",\"slowest_host\":\"a\\\"b\",\"slowest_host_ms\":1.2}\n"));
  now.elapsed_ns += 1;
  assert_string_equal(told(&progress, &now), ""); /* not at every call */
  now.elapsed_ns += 10 * SECOND;
  now.slowest_host = NULL;
  assert_null(strstr(told(&progress, &now), "slowest"));
  messages.quiet = true;
  cli_progress_init(&progress, &messages, CLI_PROGRESS_PLAIN);
  now.elapsed_ns += 100 * SECOND;
  assert_string_equal(told(&progress, &now), "");
  cli_messages_deinit(&messages);
}

/* What a caller is told twice at once is shown once, and nothing is divided by no time. */
static void no_time_has_gone_by(void **state) {
  (void)state;
  struct cli_messages messages;
  struct cli_progress progress;
  struct hdx_progress now = {.elapsed_ns = 5 * SECOND, .files_total = 4, .files_done = 1, .bytes = 1 << 20};
  cli_messages_init(&messages);
  cli_progress_init(&progress, &messages, CLI_PROGRESS_PLAIN);
  assert_non_null(strstr(told(&progress, &now), "1 of 4 files"));
  double rate = progress.rate;
  now.bytes *= 2;
  assert_string_equal(told(&progress, &now), "");
  assert_true(progress.rate == rate);
  cli_messages_deinit(&messages);
}

/* Longer than what is set aside for messages. */
static void a_long_message_is_written_whole(void **state) {
  (void)state;
  struct cli_messages messages;
  size_t size = 2 * sizeof messages.room;
  char *text = malloc(size);
  memset(text, 'x', size);
  cli_messages_init(&messages);
  int ends[2], kept = dup(STDERR_FILENO);
  assert_int_equal(pipe(ends), 0);
  dup2(ends[1], STDERR_FILENO);
  cli_writer_put(cli_messages_raw(&messages), (struct hdx_text){text, size});
  cli_writer_flush(cli_messages_raw(&messages));
  dup2(kept, STDERR_FILENO);
  close(ends[1]);
  close(kept);
  size_t got = 0;
  for (ssize_t n; (n = read(ends[0], text, size)) > 0;)
    got += (size_t)n;
  close(ends[0]);
  assert_int_equal(got, size);
  cli_messages_deinit(&messages);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stages), cmocka_unit_test(narrow), cmocka_unit_test(events),
                                     cmocka_unit_test(no_time_has_gone_by),
                                     cmocka_unit_test(a_long_message_is_written_whole)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
