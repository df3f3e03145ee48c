/* A journal: what was said is known after reopening, by whichever run and in whichever journal it was said; what is
 * damaged or cut off is left out and never said otherwise; what is superseded goes away. */
#include "mirror/journal.h"

#include "codec/checksum.h"
#include "codec/hash.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "folder.h"
#include "journal_dump.h"

#define BYTES_MAX (64u << 20)

static struct hdx_error error;
static struct hdx_journal *journal;
static int folder = -1;
static struct hdx_buffer known;
static unsigned warnings;
static char last_warning[1024];

static void count_warning(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  warnings += level == HDX_LOG_WARNING;
  snprintf(last_warning, sizeof last_warning, "%s", message);
}

static const struct hdx_log warnings_log = {.level = HDX_LOG_WARNING, .write = count_warning};

static int setup(void **state) {
  if (root_setup(state) != 0)
    return 1;
  folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  hdx_buffer_init(&known, SIZE_MAX);
  warnings = 0;
  return folder < 0;
}

static int teardown(void **state) {
  hdx_journal_close(journal);
  journal = NULL;
  close(folder);
  hdx_buffer_deinit(&known);
  return root_teardown(state);
}

static enum hdx_status try_reopen(const char *name) {
  hdx_journal_close(journal);
  journal = NULL;
  return hdx_journal_open(folder, "DEST", name, BYTES_MAX, &warnings_log, &journal, &error);
}

static void reopen(const char *name) {
  if (try_reopen(name) != HDX_OK)
    fail_msg("%s", error.message);
}

static const char *dumped(void) {
  hdx_buffer_clear(&known);
  dump(journal, &known);
  return hdx_buffer_string(&known);
}

static void say_file(const char *location, const char *path, uint64_t size) {
  const struct hdx_journal_file file = {.location = hdx_text_of(location),
                                        .path = hdx_text_of(path),
                                        .etag = HDX_TEXT("\"e\""),
                                        .size = size,
                                        .modified = 1500000000000000000,
                                        .crc32c = 0xabcd,
                                        .checks = 1u << HDX_CHECK_SIZE | 1u << HDX_CHECK_MD5};
  assert_int_equal(hdx_journal_add_file(journal, &file, &error), HDX_OK);
}

static void say_part(const char *location, const char *partial, const char *etag, uint64_t from, uint64_t to) {
  const struct hdx_journal_part part = {
      .location = hdx_text_of(location), .partial = hdx_text_of(partial), .etag = hdx_text_of(etag), .size = 100};
  static const char zeros[100];
  const struct hdx_extent extent = {from, to, hdx_crc32c(0, zeros, to - from)};
  assert_int_equal(hdx_journal_add_part(journal, &part, &extent, &error), HDX_OK);
}

static void say_gone(const char *location) {
  assert_int_equal(hdx_journal_add_gone(journal, hdx_text_of(location), &error), HDX_OK);
}

static void flush(void) {
  if (hdx_journal_flush(journal, false, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

/* How many lines a journal has, its header included. */
static size_t count_lines(const char *name) {
  FILE *file = fopen(at(name), "rb");
  assert_non_null(file);
  size_t count = 0;
  for (int c; (c = getc(file)) != EOF;)
    count += c == '\n';
  fclose(file);
  return count;
}

/* Writes a line with a hash that fits. */
static void put_line(FILE *file, const char *line, size_t size) {
  fwrite(line, 1, size, file);
  fprintf(file, "\t%08x\n", (uint32_t)hdx_hash(line, size));
}

/* ---- saying and asking ---- */

static void what_was_said_is_known(void **state) {
  (void)state;
  struct hdx_buffer text;
  struct hdx_journal_file file;
  struct hdx_journal_part part;
  hdx_buffer_init(&text, SIZE_MAX);
  for (int round = 0; round < 4; round++) {
    if (round == 0) {
      reopen("journal");
      assert_string_equal(dumped(), "");
      say_file("s3://b/one", "one", 7);
      say_part("s3://b/two", "p2", "", 10, 20);
      say_part("s3://b/two", "p2", "", 0, 10);
      say_file("s3://b/three", "three", 0);
      say_gone("s3://b/three");
    } else if (round == 1) {
      assert_int_equal(hdx_journal_flush(journal, true, &error), HDX_OK);
    } else {
      reopen(round == 2 ? "journal" : NULL);
    }
    assert_int_equal(hdx_journal_file_count(journal), 1);
    assert_true(hdx_journal_file(journal, HDX_TEXT("s3://b/one"), &text, &file));
    assert_true(hdx_text_is(file.location, "s3://b/one"));
    assert_true(hdx_text_is(file.path, "one"));
    assert_true(hdx_text_is(file.etag, "\"e\""));
    assert_int_equal(file.size, 7);
    assert_int_equal(file.modified, 1500000000000000000);
    assert_int_equal(file.crc32c, 0xabcd);
    assert_int_equal(file.checks, 1u << HDX_CHECK_SIZE | 1u << HDX_CHECK_MD5);
    assert_false(hdx_journal_part(journal, HDX_TEXT("s3://b/one"), &text, &part));
    assert_true(hdx_journal_part(journal, HDX_TEXT("s3://b/two"), &text, &part));
    assert_true(hdx_text_is(part.partial, "p2"));
    assert_int_equal(part.size, 100);
    assert_int_equal(part.etag.size, 0);
    assert_int_equal(part.extents->count, 1);
    assert_int_equal(part.extents->list[0].to, 20);
    static const char zeros[20];
    assert_int_equal(part.extents->list[0].crc32c, hdx_crc32c(0, zeros, 20));
    assert_false(hdx_journal_file(journal, HDX_TEXT("s3://b/two"), &text, &file));
    assert_false(hdx_journal_file(journal, HDX_TEXT("s3://b/three"), &text, &file));
    assert_false(hdx_journal_file(journal, HDX_TEXT("s3://b/on"), &text, &file));
    assert_false(hdx_journal_file(journal, HDX_TEXT(""), &text, &file));
  }
  hdx_buffer_deinit(&text);
  assert_int_equal(warnings, 0);
}

static void what_was_not_flushed_is_lost(void **state) {
  (void)state;
  reopen("journal");
  say_file("a", "a", 1);
  flush();
  say_file("b", "b", 1);
  reopen("journal");
  assert_string_equal(dumped(), "file a a 1 1500000000000000000 \"e\" 0000abcd 3\n");
}

static void texts_may_have_any_bytes(void **state) {
  (void)state;
  char all[255 * 3 + 1], *end = all;
  for (int round = 0; round < 3; round++)
    for (int c = 1; c < 256; c++)
      *end++ = (char)(round == 1 ? 256 - c : c);
  *end = 0;
  const struct hdx_journal_file said = {
      .location = hdx_text_of(all), .path = hdx_text_of(all), .etag = hdx_text_of(all)};
  const struct hdx_journal_file nul = {.location = HDX_TEXT("a\0b"),
                                       .path = HDX_TEXT("%00%0"),
                                       .etag = HDX_TEXT("\0"),
                                       .size = INT64_MAX,
                                       .modified = INT64_MIN};
  struct hdx_journal_file file;
  struct hdx_buffer text;
  hdx_buffer_init(&text, SIZE_MAX);
  reopen("journal");
  assert_int_equal(hdx_journal_add_file(journal, &said, &error), HDX_OK);
  assert_int_equal(hdx_journal_add_file(journal, &nul, &error), HDX_OK);
  flush();
  for (int round = 0; round < 2; round++) {
    assert_true(hdx_journal_file(journal, hdx_text_of(all), &text, &file));
    assert_true(hdx_text_is(file.location, all));
    assert_true(hdx_text_is(file.path, all));
    assert_true(hdx_text_is(file.etag, all));
    assert_true(hdx_journal_file(journal, nul.location, &text, &file));
    assert_true(hdx_text_equal(file.location, nul.location));
    assert_true(hdx_text_equal(file.path, nul.path));
    assert_true(hdx_text_equal(file.etag, nul.etag));
    assert_true(file.size == INT64_MAX && file.modified == INT64_MIN);
    reopen("journal");
  }
  hdx_buffer_deinit(&text);
  assert_int_equal(count_lines("journal"), 3);
}

static void what_no_line_can_say_is_refused(void **state) {
  (void)state;
  static char long_text[1 << 16];
  memset(long_text, 'x', sizeof long_text - 1);
  const struct hdx_journal_file wrong[] = {{.location = HDX_TEXT(""), .path = HDX_TEXT("p")},
                                           {.location = HDX_TEXT("l"), .path = HDX_TEXT("")},
                                           {.location = HDX_TEXT("l"), .path = HDX_TEXT("a\0b")},
                                           {.location = HDX_TEXT("l"), .path = HDX_TEXT("p"), .size = UINT64_MAX},
                                           {.location = hdx_text_of(long_text), .path = HDX_TEXT("p")}};
  reopen("journal");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(hdx_journal_add_file(journal, &wrong[i], &error), HDX_LIMIT);
  say_file("l", "p", 1);
  flush();
  reopen(NULL);
  assert_int_equal(hdx_journal_file_count(journal), 1);
  assert_int_equal(hdx_journal_add_gone(journal, HDX_TEXT("l"), &error), HDX_IO);
  assert_int_equal(warnings, 0);
  assert_int_equal(try_reopen("lock"), HDX_USAGE);
  assert_int_equal(try_reopen("journal-../x"), HDX_USAGE);
}

static void parts_add_up_until_something_ends_them(void **state) {
  (void)state;
  for (int reading = 0; reading < 2; reading++) {
#define KNOWN(text)                                                                                                    \
  do {                                                                                                                 \
    flush();                                                                                                           \
    if (reading)                                                                                                       \
      reopen("journal");                                                                                               \
    dumped();                                                                                                          \
    char *from = strstr((char *)hdx_buffer_string(&known), "part");                                                    \
    for (char *c = from; from && (c = strchr(c, ':'));)                                                                \
      memmove(c, c + 9, strlen(c + 9) + 1);                                                                            \
    assert_string_equal(from ? from : "", text);                                                                       \
  } while (0)
    reopen("journal");
    say_gone("l");
    KNOWN("");
    say_part("l", "p", "e", 50, 60);
    say_part("l", "p", "e", 10, 20);
    say_part("l", "p", "e", 60, 70);
    KNOWN("part l p 100 e 10-20 50-70\n");
    say_part("l", "p", "other", 0, 10);
    KNOWN("part l p 100 other 0-10\n");
    say_part("l", "q", "other", 10, 20);
    KNOWN("part l q 100 other 10-20\n");
    say_part("l", "q", "other", 0, 0); /* the partial file is not there any more */
    KNOWN("part l q 100 other\n");
    say_part("l", "q", "other", 30, 40);
    say_part("l", "q", "other", 39, 50); /* written again: the rest is not relied on */
    KNOWN("part l q 100 other 39-50\n");
    say_file("l", "l", 100);
    KNOWN("");
    say_part("l", "q", "other", 0, 10); /* nor does what was said before the file come back */
    KNOWN("part l q 100 other 0-10\n");
    assert_int_equal(hdx_journal_file_count(journal), 1); /* the old file is still there */
    say_gone("l");
    KNOWN("");
    assert_int_equal(hdx_journal_file_count(journal), 0);
#undef KNOWN
  }
}

/* ---- several journals ---- */

static void later_runs_stand_in_place_of_earlier_ones(void **state) {
  (void)state;
  static const struct {
    const char *name, *path;
  } runs[] = {{"journal", "1"},   {"journal-b", "2"}, {"journal-a", "3"}, {"journal", "4"},
              {"journal-b", "5"}, {"journal-z", "6"}, {"journal-a", "7"}};
  struct hdx_buffer text;
  struct hdx_journal_file file;
  hdx_buffer_init(&text, SIZE_MAX);
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    reopen(runs[i].name);
    say_file("s3://b/k", runs[i].path, 1);
    say_part("other", "p", "e", i * 10, i * 10 + 10); /* and parts of all runs add up */
    flush();
    reopen(NULL);
    assert_true(hdx_journal_file(journal, HDX_TEXT("s3://b/k"), &text, &file));
    assert_true(hdx_text_is(file.path, runs[i].path));
    assert_int_equal(hdx_journal_file_count(journal), 1);
    struct hdx_journal_part part;
    assert_true(hdx_journal_part(journal, HDX_TEXT("other"), &text, &part));
    assert_int_equal(part.extents->count, 1);
    assert_int_equal(part.extents->list[0].to, i * 10 + 10);
  }
  reopen("journal-b");
  say_gone("s3://b/k");
  flush();
  reopen("journal");
  assert_int_equal(hdx_journal_file_count(journal), 0);
  hdx_buffer_deinit(&text);
}

static void shards_write_at_the_same_time(void **state) {
  (void)state;
  enum { SHARDS = 9 };
  struct hdx_journal *shards[SHARDS];
  for (int i = 0; i < SHARDS; i++) {
    char name[32];
    snprintf(name, sizeof name, "journal-%d", (i * 5 + 2) % SHARDS);
    assert_int_equal(hdx_journal_open(folder, "DEST", name, BYTES_MAX, NULL, &shards[i], &error), HDX_OK);
  }
  for (int i = 0; i < SHARDS; i++) {
    char name[32];
    journal = shards[i];
    snprintf(name, sizeof name, "%d", (i * 5 + 2) % SHARDS);
    say_file(name, name, 1);
    say_file("of all", name, 1);
    flush();
    hdx_journal_close(journal);
  }
  journal = NULL;
  reopen(NULL);
  assert_int_equal(hdx_journal_file_count(journal), SHARDS + 1);
  /* What should not be, as shards have no files in common, is settled by names. */
  assert_non_null(strstr(dumped(), "file of all 8 "));
}

static void parts_of_different_files_never_add_up(void **state) {
  (void)state;
  static const char *const others[] = {"part\t1\tl\tp\t100\tf\t10\t20\t00000000",
                                       "part\t1\tl\tq\t100\te\t10\t20\t00000000",
                                       "part\t1\tl\tp\t101\te\t10\t20\t00000000"};
  static const char first[] = "part\t1\tl\tp\t100\te\t0\t10\t00000000";
  struct hdx_buffer text;
  struct hdx_journal_part part;
  hdx_buffer_init(&text, SIZE_MAX);
  /* Even where the line between them that says so was lost. */
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    FILE *file = fopen(at("journal"), "wb");
    assert_non_null(file);
    fputs("heliodex-journal\t1\n", file);
    put_line(file, first, strlen(first));
    put_line(file, others[i], strlen(others[i]));
    fclose(file);
    reopen("journal");
    assert_true(hdx_journal_part(journal, HDX_TEXT("l"), &text, &part));
    assert_int_equal(part.extents->count, 1);
    assert_int_equal(part.extents->list[0].from, 10);
  }
  hdx_buffer_deinit(&text);
}

static void parts_do_not_come_back(void **state) {
  (void)state;
  struct hdx_buffer text;
  struct hdx_journal_part part;
  hdx_buffer_init(&text, SIZE_MAX);
  reopen("journal-a");
  say_part("l", "p", "e", 0, 10);
  flush();
  reopen("journal-b");
  say_part("l", "p", "f", 0, 10);
  flush();
  reopen("journal-c");
  say_part("l", "p", "e", 10, 20);
  flush();
  assert_int_equal(unlink(at("journal-b")), 0); /* as if its superseded line had gone away */
  reopen(NULL);
  assert_true(hdx_journal_part(journal, HDX_TEXT("l"), &text, &part));
  assert_int_equal(part.extents->count, 1);
  assert_int_equal(part.extents->list[0].from, 10);
  hdx_buffer_deinit(&text);
}

static void what_was_added_is_known_however_much_it_is(void **state) {
  (void)state;
  enum { FILES = 30000 };
  struct hdx_buffer text;
  struct hdx_journal_file file;
  char name[128];
  hdx_buffer_init(&text, SIZE_MAX);
  reopen("journal");
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "s3://a-bucket/with/rather/long/names/of/files/so/that/there/are/some/megabytes/%d", i);
    say_file(name, name + 5, (uint64_t)i);
    if (i % 1000 == 999)
      flush();
  }
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < FILES; i += 97) {
      snprintf(name, sizeof name, "s3://a-bucket/with/rather/long/names/of/files/so/that/there/are/some/megabytes/%d",
               i);
      assert_true(hdx_journal_file(journal, hdx_text_of(name), &text, &file));
      assert_int_equal(file.size, i);
    }
    flush();
    assert_int_equal(count_lines("journal"), FILES + 1);
    reopen("journal");
  }
  hdx_buffer_deinit(&text);
}

static void other_files_are_no_journals(void **state) {
  (void)state;
  assert_true(put_file("lock", "x", 1));
  assert_true(put_file("journal.new", "x", 1));
  assert_true(put_file("journal-a.new", "x", 1));
  assert_true(put_file("journalist", "x", 1));
  reopen("journal");
  assert_true(put_file("journal-x", "some\nother file\n", 16));
  assert_int_equal(try_reopen("journal"), HDX_INTEGRITY);
  assert_string_equal(error.message, "DEST/.heliodex/journal-x: not a journal (its first line is another one)");
  assert_true(put_file("journal-x", "heliodex-journal\t2\n", 19));
  assert_int_equal(try_reopen("journal"), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "later version"));
  assert_true(put_file("journal-x", "heliodex-journal\t17\n", 20));
  assert_int_equal(try_reopen(NULL), HDX_INTEGRITY);
  assert_int_equal(unlink(at("journal-x")), 0);
  assert_int_equal(symlink("lock", at("journal-x")), 0);
  assert_int_equal(try_reopen("journal"), HDX_IO);
  assert_int_equal(unlink(at("journal-x")), 0);
  assert_int_equal(mkfifo(at("journal-x"), 0666), 0);
  assert_int_equal(try_reopen("journal"), HDX_IO);
  assert_string_equal(file_text("lock"), "x");
}

/* ---- damage ---- */

/* Some statements of all kinds; `after`: what is known after each line (the header is one), `ends`: where it ends. */
enum { SAID_MAX = 16 };
static char *after[SAID_MAX];
static size_t ends[SAID_MAX], said;
static char bytes[4096];
static size_t bytes_size;

static void note(void) {
  struct stat info;
  flush();
  assert_int_equal(stat(at("journal"), &info), 0);
  ends[said] = (size_t)info.st_size;
  after[said++] = strdup(dumped());
}

static void say_all(void) {
  said = 0;
  reopen("journal");
  say_file("s3://b/one", "one", 7);
  after[said] = strdup("");
  ends[said++] = strlen("heliodex-journal\t1\n");
  note();
  say_part("s3://b/%two\t", "p2", "\"e\"", 10, 20);
  note();
  say_part("s3://b/%two\t", "p2", "\"e\"", 20, 30);
  note();
  say_part("s3://b/3", "p3", "", 0, 50);
  note();
  say_file("s3://b/3", "three", 100);
  note();
  say_gone("s3://b/one");
  note();
  say_file("s3://b/one", "1", 8);
  note();
  FILE *file = fopen(at("journal"), "rb");
  assert_non_null(file);
  bytes_size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_int_equal(bytes_size, ends[said - 1]);
}

static void forget_all(void) {
  for (size_t i = 0; i < said; i++)
    free(after[i]);
}

static void every_beginning_of_it_is_a_journal(void **state) {
  (void)state;
  say_all();
  for (size_t size = 0; size <= bytes_size; size++) {
    assert_true(put_file("journal", bytes, size));
    size_t whole = 0;
    while (whole + 1 < said && ends[whole + 1] <= size)
      whole++;
    reopen(NULL);
    assert_string_equal(dumped(), after[whole]);
    assert_int_equal(strlen(file_text("journal")), size); /* only read */
    reopen("journal");
    assert_string_equal(dumped(), after[whole]);
    assert_int_equal(strlen(file_text("journal")), size < ends[0] ? 0 : ends[whole]);
    /* What is said next stands on a line of its own. */
    say_file("s3://b/next", "next", 1);
    flush();
    reopen("journal");
    struct hdx_buffer text;
    struct hdx_journal_file file;
    hdx_buffer_init(&text, SIZE_MAX);
    assert_true(hdx_journal_file(journal, HDX_TEXT("s3://b/next"), &text, &file));
    hdx_buffer_deinit(&text);
  }
  assert_int_equal(warnings, 0);
  forget_all();
}

/* Whether all that is known is among what is known after leaving out one or two neighbouring lines. */
static void every_damaged_byte_leaves_out_its_line(void **state) {
  (void)state;
  static const unsigned char masks[] = {0x01, 0x80, 0x20, 0xff, 'A' ^ '\n'};
  say_all();
  /* What is known without each line, and without two of them. */
  char *without[SAID_MAX] = {0}, *without_two[SAID_MAX] = {0};
  for (size_t line = 1; line < said; line++)
    for (size_t two = 0; two < 2; two++) {
      size_t last = line + two < said ? line + two : line;
      FILE *file = fopen(at("journal"), "wb");
      assert_int_equal(fwrite(bytes, 1, ends[line - 1], file), ends[line - 1]);
      assert_int_equal(fwrite(bytes + ends[last], 1, bytes_size - ends[last], file), bytes_size - ends[last]);
      fclose(file);
      reopen(NULL);
      *(two ? &without_two[line] : &without[line]) = strdup(dumped());
    }
  for (size_t i = 0, line = 0; i < bytes_size; i++) {
    if (i >= ends[line])
      line++;
    for (size_t m = 0; m < sizeof masks; m++) {
      char damaged[sizeof bytes];
      memcpy(damaged, bytes, bytes_size);
      damaged[i] = (char)(damaged[i] ^ masks[m]);
      assert_true(put_file("journal", damaged, bytes_size));
      warnings = 0;
      enum hdx_status status = try_reopen(NULL);
      if (line == 0) {
        assert_int_equal(status, HDX_INTEGRITY);
        continue;
      }
      assert_int_equal(status, HDX_OK);
      bool end = i + 1 == ends[line];
      /* Without its end the last line is not whole, another one is one with the next. */
      assert_string_equal(dumped(), end ? without_two[line] : without[line]);
      assert_int_equal(warnings > 0, !(end && line + 1 == said));
      if (warnings == 1) {
        char where[64];
        snprintf(where, sizeof where, "DEST/.heliodex/journal, line %zu: damaged", line + 1);
        assert_memory_equal(last_warning, where, strlen(where));
      }
    }
  }
  for (size_t line = 1; line < said; line++) {
    free(without[line]);
    free(without_two[line]);
  }
  forget_all();
}

static void lines_that_nobody_writes_are_left_out(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",
      "file",
      "file\t1",
      "file\t1\tl\tp\t1\t1\te\t00000001", /* a field less */
      "file\t1\tl\tp\t1\t1\te\t00000001\tsize\tmore",
      "file\t1\t\tp\t1\t1\te\t00000001\tsize", /* no location */
      "file\t1\tl\t\t1\t1\te\t00000001\tsize", /* no path */
      "file\t1\tl\tp\t-1\t1\te\t00000001\tsize",
      "file\t1\tl\tp\t9223372036854775808\t1\te\t00000001\tsize",
      "file\t1\tl\tp\t99999999999999999999999999\t1\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t9223372036854775808\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t-9223372036854775809\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t-\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t1\te\t1\tsize",
      "file\t1\tl\tp\t1\t1\te\t0000000G\tsize",
      "file\t99999999999999999999999\tl\tp\t1\t1\te\t00000001\tsize",
      "file\tx\tl\tp\t1\t1\te\t00000001\tsize",
      "file\t1\t%\tp\t1\t1\te\t00000001\tsize",
      "file\t1\tl\tp%0\t1\t1\te\t00000001\tsize",
      "file\t1\tl\tp\t1\t1\t%4g\t00000001\tsize",
      "file\t1\tl\ta%00b\t1\t1\te\t00000001\tsize", /* a path that would end at its NUL */
      "FILE\t1\tl\tp\t1\t1\te\t00000001\tsize",
      "part\t1\tl\tp\t10\te\t5\t11\t00000001", /* behind the end */
      "part\t1\tl\tp\t10\te\t6\t5\t00000001",
      "part\t1\tl\ta%00b\t10\te\t0\t5\t00000001",
      "gone\t1",
      "gone\t1\t",
      "gone\t1\tl\tmore",
      "\t\t\t\t\t\t\t\t\t\t\t\t\t\t"};
  FILE *file = fopen(at("journal"), "wb");
  assert_non_null(file);
  fputs("heliodex-journal\t1\n", file);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    put_line(file, wrong[i], strlen(wrong[i]));
  static char much[10 << 20];
  memset(much, 'x', sizeof much);
  put_line(file, much, sizeof much);
  memcpy(much, "gone\t1\t", 7);
  put_line(file, much, sizeof much);
  memset(much, 0, 100000);
  put_line(file, much, 100000);
  fputs("\n\n\r\n", file);
  static const char right[] = "file\t1\tl\tp\t1\t-5\t\t0000000f\tsize,md9,md5,"; /* a check of a later program */
  put_line(file, right, strlen(right));
  fclose(file);
  reopen("journal");
  assert_string_equal(dumped(), "file l p 1 -5  0000000f 3\n");
  assert_in_range(warnings, 5, 12); /* not one for each */
  assert_non_null(strstr(last_warning, "36 damaged lines"));
}

static void journals_put_together_are_one(void **state) {
  (void)state;
  reopen("journal-a");
  say_file("l", "1", 1);
  flush();
  reopen("journal-b");
  say_file("l", "2", 1);
  say_file("m", "m", 1);
  flush();
  char command[256];
  snprintf(command, sizeof command, "cd '%s' && cat journal-a journal-b > journal && rm journal-?", root);
  assert_int_equal(system(command), 0);
  reopen("journal");
  assert_string_equal(dumped(), "file l 2 1 1500000000000000000 \"e\" 0000abcd 3\n"
                                "file m m 1 1500000000000000000 \"e\" 0000abcd 3\n");
  assert_int_equal(warnings, 0);
}

static void memory_has_a_limit(void **state) {
  (void)state;
  reopen("journal");
  for (int i = 0; i < 5000; i++) {
    char name[64];
    snprintf(name, sizeof name, "s3://bucket/%d", i);
    say_file(name, name + 5, 1);
  }
  flush();
  hdx_journal_close(journal);
  journal = NULL;
  assert_int_equal(hdx_journal_open(folder, "DEST", "journal", 100000, NULL, &journal, &error), HDX_LIMIT);
  assert_null(journal);
  assert_int_equal(hdx_journal_open(folder, "DEST", "journal", 300000, NULL, &journal, &error), HDX_OK);
  enum hdx_status status = HDX_OK;
  for (int i = 0; status == HDX_OK && i < 50000; i++) {
    char name[64];
    snprintf(name, sizeof name, "s3://bucket/more-%d", i);
    const struct hdx_journal_file file = {.location = hdx_text_of(name), .path = hdx_text_of(name)};
    status = hdx_journal_add_file(journal, &file, &error);
  }
  assert_int_equal(status, HDX_LIMIT);
  assert_int_equal(hdx_journal_flush(journal, false, &error), HDX_LIMIT);
}

/* ---- writing ---- */

static void a_full_disk_leaves_whole_lines(void **state) {
  (void)state;
  reopen("journal");
  say_file("s3://b/first", "first", 1);
  flush();
  pid_t child = fork();
  if (child == 0) {
    struct rlimit limit = {5000, 5000};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 100; i++)
      say_file("s3://b/a-name-that-is-rather-long", "a-name-that-is-rather-long", 1);
    if (hdx_journal_flush(journal, false, &error) != HDX_IO)
      _exit(1);
    const struct hdx_journal_file file = {.location = HDX_TEXT("a"), .path = HDX_TEXT("a")};
    if (hdx_journal_add_file(journal, &file, &error) != HDX_IO || hdx_journal_flush(journal, false, &error) != HDX_IO)
      _exit(2);
    _exit(0);
  }
  int code;
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
  assert_int_equal(count_lines("journal"), 2);
  reopen("journal");
  assert_int_equal(hdx_journal_file_count(journal), 1);
  assert_int_equal(warnings, 0);
}

static void what_is_superseded_goes_away(void **state) {
  (void)state;
  reopen("journal-other");
  say_file("s3://b/elsewhere", "x", 1);
  say_part("s3://b/begun-elsewhere", "p", "e", 0, 10);
  flush();
  reopen("journal");
  say_part("s3://b/begun-elsewhere", "p", "e", 10, 20);
  say_part("s3://b/begun", "p", "e", 10, 20);
  say_gone("s3://b/elsewhere"); /* which must go on to be said */
  for (int i = 0; i < 5000; i++) {
    char name[64];
    snprintf(name, sizeof name, "s3://b/%d", i % 1000);
    say_part(name, "p", "e", 0, 10);
    say_file(name, name + 5, (uint64_t)i);
    if (i % 1000 == 999)
      flush();
  }
  say_part("s3://b/begun", "p", "e", 30, 40);
  say_gone("s3://b/7");
  flush();
  assert_int_equal(count_lines("journal"), 10006);
  char *before = strdup(dumped());
  reopen(NULL); /* who only reads changes nothing */
  assert_string_equal(dumped(), before);
  assert_int_equal(count_lines("journal"), 10006);
  struct stat old, new;
  assert_int_equal(stat(at("journal"), &old), 0);
  reopen("journal");
  assert_int_equal(stat(at("journal"), &new), 0);
  assert_true(old.st_ino != new.st_ino);
  assert_int_equal(count_lines("journal"), 1 + 999 + 1 + 1 + 3);
  assert_false(is_there("journal.new"));
  /* In which order they come is another matter now. */
  char *again = strdup(dumped());
  assert_int_equal(strlen(again), strlen(before));
  for (char *line = strtok(again, "\n"); line; line = strtok(NULL, "\n"))
    assert_non_null(strstr(before, line));
  say_file("s3://b/new", "new", 1);
  flush();
  reopen("journal");
  assert_int_equal(hdx_journal_file_count(journal), 1000);
  free(before);
  free(again);
}

static void writing_anew_that_fails_changes_nothing(void **state) {
  (void)state;
  reopen("journal");
  for (int i = 0; i < 10000; i++)
    say_file(i % 2 ? "a" : "b", "p", (uint64_t)i);
  flush();
  assert_int_equal(mkdir(at("journal.new"), 0777), 0); /* in the way */
  reopen("journal");
  assert_int_equal(count_lines("journal"), 10001);
  assert_int_equal(hdx_journal_file_count(journal), 2);
  assert_int_equal(rmdir(at("journal.new")), 0);
  assert_true(put_file("journal.new", "left by a crash", 15));
  reopen("journal");
  assert_int_equal(count_lines("journal"), 3);
  assert_int_equal(hdx_journal_file_count(journal), 2);
}

/* ---- against a model ---- */

enum { LOCATIONS = 12, JOURNALS = 4 };

static uint32_t random_state = 7;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

/* What is known of a location, plainly. */
static struct model {
  bool file, part;
  uint64_t size;
  unsigned tag;
  bool come[100];
} models[LOCATIONS];

static void say_something(void) {
  unsigned i = random_below(LOCATIONS), tag = random_below(2);
  struct model *model = &models[i];
  char location[32], name[32];
  snprintf(location, sizeof location, "s3://b/%u", i);
  snprintf(name, sizeof name, "%u", tag);
  switch (random_below(6)) {
  case 0:
    *model = (struct model){.file = true, .size = random_below(1000)};
    say_file(location, "x", model->size);
    break;
  case 1:
    *model = (struct model){0};
    say_gone(location);
    break;
  default: {
    uint64_t from = random_below(100), to = from + random_below((uint32_t)(101 - from));
    bool anew = !model->part || model->tag != tag || from == to;
    for (uint64_t b = from; b < to; b++)
      anew |= model->come[b];
    if (anew)
      memset(model->come, 0, sizeof model->come);
    model->part = true;
    model->tag = tag;
    for (uint64_t b = from; b < to; b++)
      model->come[b] = true;
    say_part(location, name, name, from, to);
  }
  }
}

static void check_part(const struct model *model, const struct hdx_journal_part *part) {
  static const char zeros[100];
  bool come[100] = {0};
  for (size_t e = 0; e < part->extents->count; e++) {
    const struct hdx_extent *extent = &part->extents->list[e];
    assert_int_equal(extent->crc32c, hdx_crc32c(0, zeros, extent->to - extent->from));
    memset(come + extent->from, true, extent->to - extent->from);
  }
  assert_memory_equal(come, model->come, sizeof come);
}

static void check_models(void) {
  struct hdx_buffer text;
  hdx_buffer_init(&text, SIZE_MAX);
  size_t files = 0;
  for (unsigned i = 0; i < LOCATIONS; i++) {
    struct hdx_journal_file file;
    struct hdx_journal_part part;
    char location[32];
    snprintf(location, sizeof location, "s3://b/%u", i);
    assert_int_equal(hdx_journal_file(journal, hdx_text_of(location), &text, &file), models[i].file);
    if (models[i].file)
      assert_int_equal(file.size, models[i].size);
    assert_int_equal(hdx_journal_part(journal, hdx_text_of(location), &text, &part), models[i].part);
    if (models[i].part)
      check_part(&models[i], &part);
    files += models[i].file;
  }
  assert_int_equal(hdx_journal_file_count(journal), files);
  hdx_buffer_deinit(&text);
}

static void any_runs_in_any_journals(void **state) {
  (void)state;
  static const char *const names[JOURNALS] = {"journal", "journal-b", "journal-a", "journal-10"};
  memset(models, 0, sizeof models);
  for (int run = 0; run < 300; run++) {
    reopen(names[random_below(JOURNALS)]);
    check_models();
    /* Some runs are long, so that journals are written anew. */
    for (uint32_t i = 0, count = run % 50 == 25 ? 6000 : random_below(20); i < count; i++)
      say_something();
    check_models();
    flush();
  }
  assert_true(count_lines("journal") + count_lines("journal-a") + count_lines("journal-b") + count_lines("journal-10") <
              6 * 6000 + 300 * 20 / 2);
  assert_int_equal(warnings, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_was_said_is_known),
      TEST(what_was_not_flushed_is_lost),
      TEST(texts_may_have_any_bytes),
      TEST(what_no_line_can_say_is_refused),
      TEST(parts_add_up_until_something_ends_them),
      TEST(later_runs_stand_in_place_of_earlier_ones),
      TEST(shards_write_at_the_same_time),
      TEST(parts_of_different_files_never_add_up),
      TEST(parts_do_not_come_back),
      TEST(what_was_added_is_known_however_much_it_is),
      TEST(other_files_are_no_journals),
      TEST(every_beginning_of_it_is_a_journal),
      TEST(every_damaged_byte_leaves_out_its_line),
      TEST(lines_that_nobody_writes_are_left_out),
      TEST(journals_put_together_are_one),
      TEST(memory_has_a_limit),
      TEST(a_full_disk_leaves_whole_lines),
      TEST(what_is_superseded_goes_away),
      TEST(writing_anew_that_fails_changes_nothing),
      TEST(any_runs_in_any_journals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
