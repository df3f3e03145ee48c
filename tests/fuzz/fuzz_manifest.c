/* layer: cli */
/* Lists for other tools, of rows of any keys: a list is read back as the tool itself reads it, and has the files that
 * were taken, in their order, none twice in a row, each with a place below the tool's folder. A key that is refused
 * leaves nothing behind, and plain ones never are.
 *
 * The readers are written apart from the code: words of a POSIX shell for s5cmd, pairs of lines for aria2, lines for
 * rclone and URLs. The input's first byte chooses format (bits 0-1), NUL (2), s3 or https URLs (3), what the keys are
 * relative to (4-5), and whether the bucket is read from a copy (6). Then come the keys, each ended by 0xff. */
#include "base/url.h"
#include "cli/manifest.h"
#include "job/query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS_MAX = 32, INPUT_BYTES_MAX = 8192, OWN_BYTES = 4096 };

static const unsigned formats[] = {CLI_FORMAT_URLS, CLI_FORMAT_S5CMD, CLI_FORMAT_ARIA2, CLI_FORMAT_RCLONE};
static const char *const indexes[] = {"s3://bucket/i/", "http://host.example/i/", "file:///copy/i/", "s3://bucket/"};

/* A row that was taken. */
struct taken {
  struct hdx_buffer location; /* as published */
  struct hdx_buffer fetched;  /* as hdx_query_location has it */
};

static struct taken list[KEYS_MAX];
static size_t count;
static struct cli_writer out;

/* ---- a query of one dataset, as far as lists ask it ---- */

static struct hdx_session session;
static struct hdx_reader *readers[sizeof indexes / sizeof *indexes];
static struct hdx_query_part part;
static struct hdx_query query;
static struct hdx_catalog catalog;

/* Snapshots without rows, which say where their index files are. */
static void make_readers(void) {
  char path[] = "/tmp/hdx-fuzz-manifest-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0 && close(fd) == 0);
  for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
    const struct hdx_subject subject = {.source = HDX_TEXT("s3://bucket/"),
                                        .id = HDX_TEXT("id"),
                                        .index = hdx_text_of(indexes[i]),
                                        .indextype = HDX_TEXT("csv")};
    struct hdx_writer *writer;
    CHECK(hdx_writer_create(path, &writer, NULL) == HDX_OK);
    CHECK(hdx_writer_commit(writer, &subject, NULL, 0, 0, NULL, NULL) == HDX_OK);
    CHECK(hdx_reader_open(path, HDX_TEXT(""), &readers[i], NULL) == HDX_OK);
  }
  unlink(path);
}

static void make_query(size_t index, bool copy) {
  memset(&session, 0, sizeof session);
  hdx_config_init(&session.config);
  part = (struct hdx_query_part){.query = &query, .reader = readers[index]};
  query = (struct hdx_query){.session = &session, .parts = &part, .part_count = 1};
  hdx_buffer_init(&query.location, HDX_URL_BYTES_MAX);
  hdx_arena_init(&catalog.arena, SIZE_MAX);
  struct hdx_text bucket = hdx_text_of(copy ? "http://copy.example/b/" : "s3://bucket/");
  const struct hdx_source_options options = {.region = HDX_TEXT("us-east-1")};
  CHECK(hdx_source_init(&catalog.source, bucket, &options, &catalog.arena, NULL) == HDX_OK);
  CHECK(hdx_source_adopt(&catalog.source, HDX_TEXT(""), HDX_TEXT("bucket"), &catalog.arena, NULL) == HDX_OK);
  query.source = catalog.source;
  query.catalog = &catalog;
}

static void free_query(void) {
  hdx_buffer_deinit(&query.location);
  hdx_arena_deinit(&catalog.arena);
}

/* ---- what is right ---- */

static bool has_scheme(struct hdx_text key) {
  size_t size = 0;
  while (size < key.size && (isalnum((unsigned char)key.data[size]) || (size && strchr("+-.", key.data[size]))))
    size++;
  return size && isalpha((unsigned char)key.data[0]) && key.size - size >= 3 && memcmp(key.data + size, "://", 3) == 0;
}

/* Behind the third slash. */
static struct hdx_text path_of(struct hdx_text location) {
  size_t at = 0;
  for (unsigned slashes = 0; at < location.size && slashes < 3; at++)
    slashes += location.data[at] == '/';
  return hdx_text_sub(location, at, location.size);
}

/* Whether whoever puts the path behind a folder stays below it, in a file. */
static bool stays_below(struct hdx_text path) {
  if (!path.size || path.data[0] == '/' || path.data[0] == '\\' || path.data[path.size - 1] == '/')
    return false;
  for (size_t from = 0, to; from <= path.size; from = to + 1) {
    for (to = from; to < path.size && path.data[to] != '/' && path.data[to] != '\\'; to++)
      if ((unsigned char)path.data[to] < 0x20 || path.data[to] == 0x7f)
        return false;
    struct hdx_text component = hdx_text_sub(path, from, to);
    if (hdx_text_is(component, ".") || hdx_text_is(component, ".."))
      return false;
  }
  return true;
}

/* Letters, digits and single slashes: nothing that any tool could take for something else. */
static bool is_plain(struct hdx_text key) {
  for (size_t i = 0; i < key.size; i++)
    if (!isalnum((unsigned char)key.data[i]) &&
        (key.data[i] != '/' || i == 0 || i + 1 == key.size || key.data[i - 1] == '/'))
      return false;
  return key.size > 0;
}

/* ---- readers ---- */

static struct hdx_text take(struct hdx_text *text, char end) {
  const char *at = text->size ? memchr(text->data, end, text->size) : NULL;
  CHECK(at);
  struct hdx_text line = {text->data, (size_t)(at - text->data)};
  *text = hdx_text_sub(*text, line.size + 1, text->size);
  return line;
}

/* The next word of a line, as a POSIX shell has it (Shell Command Language, 2.2); false: there is none. */
static bool take_word(struct hdx_text *line, char *word, size_t *size) {
  size_t at = 0;
  *size = 0;
  while (at < line->size && line->data[at] == ' ')
    at++;
  bool any = at < line->size, quoted = false;
  for (; at < line->size && (quoted || line->data[at] != ' '); at++) {
    char c = line->data[at];
    if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && c == '\\') {
      CHECK(++at < line->size);
      word[(*size)++] = line->data[at];
    } else {
      CHECK(quoted || isalnum((unsigned char)c) || c == '-');
      word[(*size)++] = c;
    }
  }
  CHECK(!quoted);
  *line = hdx_text_sub(*line, at, line->size);
  return any;
}

static void check_s5cmd(struct hdx_text line, struct hdx_text location) {
  char word[OWN_BYTES];
  size_t size;
  bool patterns = false;
  for (size_t i = 0; i < location.size; i++)
    patterns |= memchr("*?[", location.data[i], 3) != NULL;
  CHECK(take_word(&line, word, &size) && hdx_text_is((struct hdx_text){word, size}, "cp"));
  if (patterns)
    CHECK(take_word(&line, word, &size) && hdx_text_is((struct hdx_text){word, size}, "--raw"));
  CHECK(take_word(&line, word, &size) && hdx_text_equal((struct hdx_text){word, size}, location));
  CHECK(take_word(&line, word, &size));
  struct hdx_text path = {word, size}, here = HDX_TEXT("./");
  CHECK(!memmem(word, size, "://", 3) && word[0] != '-');
  if (hdx_text_starts_with(path, here))
    path = hdx_text_sub(path, here.size, path.size);
  CHECK(hdx_text_equal(path, path_of(location)) && stays_below(path));
  CHECK(!take_word(&line, word, &size));
}

static void check_aria2(struct hdx_text *text, const struct taken *row) {
  struct hdx_text url = take(text, '\n'), option = take(text, '\n'), name = HDX_TEXT("  out=");
  struct hdx_text path = path_of(hdx_buffer_text(&row->location));
  CHECK(hdx_text_equal(url, hdx_buffer_text(&row->fetched)) && hdx_text_starts_with(url, HDX_TEXT("http")));
  for (size_t i = 0; i < url.size; i++) /* a tab divides mirrors, a blank begins options, # a comment */
    CHECK((unsigned char)url.data[i] > 0x20 && url.data[i] != 0x7f);
  CHECK(hdx_text_starts_with(option, name));
  option = hdx_text_sub(option, name.size, option.size);
  CHECK(stays_below(option) && hdx_text_equal(hdx_text_trim(option), option));
  if (!hdx_text_starts_with(hdx_buffer_text(&row->location), HDX_TEXT("s3://")))
    for (size_t i = 0; i < path.size; i++)
      if (path.data[i] == '?' || path.data[i] == '#')
        path.size = i;
  CHECK(hdx_text_equal(option, path));
}

static void check_list(unsigned format, bool null, bool published) {
  struct hdx_text text = {out.data, out.size}, first = HDX_TEXT("");
  for (size_t i = 0; i < count; i++) {
    struct hdx_text location = hdx_buffer_text(&list[i].location), path = path_of(location);
    struct hdx_text place = hdx_text_sub(location, 0, location.size - path.size);
    CHECK(i == 0 || !hdx_text_equal(location, hdx_buffer_text(&list[i - 1].location)));
    if (format == CLI_FORMAT_URLS) {
      CHECK(hdx_text_equal(take(&text, null ? 0 : '\n'), published ? location : hdx_buffer_text(&list[i].fetched)));
      continue;
    }
    first = i ? first : place;
    CHECK(hdx_text_equal(place, first)); /* their folder is that of one bucket */
    if (format == CLI_FORMAT_ARIA2) {
      check_aria2(&text, &list[i]);
      continue;
    }
    CHECK(hdx_text_starts_with(location, HDX_TEXT("s3://")));
    struct hdx_text line = take(&text, '\n');
    if (format == CLI_FORMAT_S5CMD) {
      check_s5cmd(line, location);
    } else {
      CHECK(hdx_text_equal(line, path) && stays_below(path) && hdx_text_equal(hdx_text_trim(line), line));
      CHECK(line.data[0] != '#' && line.data[0] != ';');
    }
  }
  CHECK(text.size == 0);
}

/* ---- rows ---- */

/* What a row that was taken must be in the list. */
static void note(struct hdx_text key, const char *index) {
  struct taken *row = &list[count];
  struct hdx_text fetched, base = hdx_text_of(index), path = path_of(base);
  hdx_buffer_clear(&row->location);
  hdx_buffer_clear(&row->fetched);
  if (!has_scheme(key)) /* below the bucket of its index, or of a folder below that; one slash before it is none */
    hdx_buffer_append_text(&row->location, hdx_text_starts_with(base, HDX_TEXT("file://"))
                                               ? base
                                               : hdx_text_sub(base, 0, base.size - path.size));
  hdx_buffer_append_text(&row->location,
                         hdx_text_sub(key, !has_scheme(key) && key.size && key.data[0] == '/', key.size));
  if (hdx_query_location(&query, 0, key, HDX_LOCATION_FETCHED, &fetched, NULL) == HDX_OK)
    hdx_buffer_append_text(&row->fetched, fetched);
}

static void add(struct cli_manifest *manifest, struct hdx_text key, const char *index) {
  struct hdx_error error = {.message = ""};
  size_t before = out.size;
  enum hdx_status status = cli_manifest_row(manifest, &query, 0, key, &error);
  if (status != HDX_OK) {
    CHECK(status == HDX_INTEGRITY && error.message[0] && out.size == before);
    bool first_of_all = before == 0, s3 = strncmp(index, "s3://", 5) == 0;
    CHECK(!is_plain(key) || !first_of_all || !s3);
    return;
  }
  note(key, index);
  if (out.size == before) { /* that file was the last one, too */
    CHECK(count && hdx_text_equal(hdx_buffer_text(&list[count].location), hdx_buffer_text(&list[count - 1].location)));
    return;
  }
  count++;
}

static void set_up(void) {
  for (size_t i = 0; i < KEYS_MAX; i++) {
    hdx_buffer_init(&list[i].location, SIZE_MAX);
    hdx_buffer_init(&list[i].fetched, SIZE_MAX);
  }
  make_readers();
  CHECK(cli_writer_open(&out, "/dev/null", NULL) == HDX_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cli_manifest manifest;
  if (size == 0 || size > INPUT_BYTES_MAX)
    return 0;
  if (!out.data)
    set_up();
  size_t index = data[0] >> 4 & 3;
  const struct cli_settings settings = {.format = formats[data[0] & 3],
                                        .null = data[0] & 4 && (data[0] & 3) == 0,
                                        .url_style = data[0] & 8 ? CLI_URL_S3 : CLI_URL_HTTPS};
  struct hdx_text input = {(const char *)data + 1, size - 1};
  make_query(index, data[0] & 64);
  out.size = 0;
  count = 0;
  cli_manifest_init(&manifest, &out, &settings);
  while (input.size && count < KEYS_MAX - 1) {
    const char *end = memchr(input.data, 0xff, input.size);
    struct hdx_text key = {input.data, end ? (size_t)(end - input.data) : input.size};
    if (key.size < OWN_BYTES - 64)
      add(&manifest, key, indexes[index]);
    input = hdx_text_sub(input, key.size + (end != NULL), input.size);
  }
  CHECK(out.state == CLI_WRITER_GOOD && out.written == 0);
  check_list(settings.format, settings.null, settings.url_style == CLI_URL_S3);
  cli_manifest_deinit(&manifest);
  free_query();
  return 0;
}
