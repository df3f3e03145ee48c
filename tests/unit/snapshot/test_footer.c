/* Footers and heads that say what cannot be, with checksums that fit: each is refused with a message. And what a later
 * minor version may add: it is passed over. */
#include "codec/hash.h"
#include "small.h"

static struct small small;
static struct hdx_zstd *zstd;

/* ---- what a footer says ---- */

/* The status of opening the snapshot with the footer as it was changed. */
static enum hdx_status open_changed(const char *message) {
  struct hdx_error error = {0};
  struct hdx_reader *opened;
  small_finish(&small, zstd);
  char *exact = malloc(small.file.size);
  memcpy(exact, small.file.data, small.file.size);
  enum hdx_status status = hdx_reader_open_bytes(exact, small.file.size, "x.hdx", HDX_TEXT(""), &opened, &error);
  if (status == HDX_OK)
    hdx_reader_close(opened);
  else if (!strstr(error.message, message))
    fail_msg("\"%s\" says nothing of \"%s\"", error.message, message);
  free(exact);
  return status;
}

/* Each field of a zone beyond its bounds. */
static void zones_that_cannot_be_are_refused(void **state) {
  (void)state;
  enum { CASES = 16 };
  uint64_t end = small.blocks.size;
  assert_int_equal(small.footer.zone_count, 3);
  for (int c = 0; c < CASES; c++) {
    struct hdx_zone was[3];
    memcpy(was, small.zones, sizeof was);
    struct hdx_zone *z = &small.zones[1];
    switch (c) {
    case 0:
      z->offset = HDX_HEADER_BYTES - 1;
      break;
    case 1:
      z->offset = end - z->length + 1; /* its end lies in the footer */
      break;
    case 2:
      z->offset = end + 1;
      break;
    case 3:
      z->offset = UINT64_MAX;
      break;
    case 4: /* all bytes are there, but one block has those of another */
      z->length += 1;
      break;
    case 5:
      z->length = UINT32_MAX;
      break;
    case 6:
      z->rows = 0;
      break;
    case 7:
      z->rows = HDX_BLOCK_ROWS_MAX + 1;
      break;
    case 8:
      z->size_missing = z->rows + 1;
      break;
    case 9:
      z->flags = HDX_BLOCK_FLAGS + 1;
      break;
    case 10:
      z->flags ^= HDX_BLOCK_MIXED;
      break;
    case 11:
      z->year = z->year == HDX_YEAR_MIXED ? 2000 : HDX_YEAR_MIXED;
      break;
    case 12:
      z->min_start = z->max_start + 1;
      break;
    case 13: /* not ascending */
      z->min_start = z[-1].min_start - 1;
      break;
    case 14:
      z->min_start = z[-1].min_start;
      z->max_start = z[-1].max_start - 1;
      break;
    default: /* bytes of no block */
      small.footer.zone_count = 2;
    }
    if (open_changed("section 4") != HDX_INTEGRITY)
      fail_msg("case %d was opened", c);
    memcpy(small.zones, was, sizeof was);
    small.footer.zone_count = 3;
  }
  assert_int_equal(open_changed(""), HDX_OK);
}

static void lists_that_cannot_be_are_refused(void **state) {
  (void)state;
  struct hdx_text alpha = small.names[0], template = small.templates[0];
  small.names[0] = small.names[1];
  assert_int_equal(open_changed("section 2"), HDX_INTEGRITY); /* a name twice */
  small.names[0] = HDX_TEXT("zzz");
  assert_int_equal(open_changed("section 2"), HDX_INTEGRITY); /* not sorted */
  small.names[0] = alpha;
  small.years[0].year = small.years[1].year;
  assert_int_equal(open_changed("section 3"), HDX_INTEGRITY);
  small.years[0].year = 2000;
  small.years[0].state = (enum hdx_year_state)99;
  assert_int_equal(open_changed("section 3"), HDX_INTEGRITY);
  small.years[0].state = HDX_YEAR_PRESENT;
  small.footer.time_digits = 4;
  assert_int_equal(open_changed("section 1"), HDX_INTEGRITY);
  small.footer.time_digits = 3;
  small.templates[0] = HDX_TEXT("\x09");
  assert_int_equal(open_changed("template"), HDX_INTEGRITY);
  small.templates[0] = template;
  assert_int_equal(open_changed(""), HDX_OK);
}

/* ---- sections ---- */

static struct hdx_buffer raw;     /* the footer as it is before it is compressed */
static struct hdx_reader *reader; /* of the snapshot that was opened last */
static char *bytes_read;

/* Opens the snapshot with `raw` for its footer: `reader`. */
static enum hdx_status open_raw(uint32_t version) {
  struct hdx_error error = {0};
  struct hdx_buffer file;
  hdx_reader_close(reader);
  reader = NULL;
  hdx_buffer_init(&file, SIZE_MAX);
  hdx_buffer_append_text(&file, hdx_buffer_text(&small.blocks));
  hdx_store_u32(file.data + HDX_MAGIC_BYTES, version);
  size_t at = file.size;
  hdx_buffer_append_text(&file, hdx_buffer_text(&raw));
  hdx_put_u64(&file, at);
  hdx_put_u32(&file, (uint32_t)raw.size);
  hdx_put_u32(&file, (uint32_t)raw.size);
  hdx_put_u64(&file, at + raw.size + HDX_TRAILER_BYTES);
  hdx_put_u32(&file, version);
  hdx_put_u32(&file, 0);
  struct hdx_text parts[] = {{file.data, HDX_HEADER_BYTES}, {file.data + at, file.size - at}};
  hdx_put_u64(&file, hdx_hash_parts(parts, 2));
  hdx_buffer_append(&file, HDX_TRAILER_MAGIC, HDX_MAGIC_BYTES);
  free(bytes_read);
  size_t size;
  bytes_read = hdx_buffer_take(&file, &size);
  enum hdx_status status = hdx_reader_open_bytes(bytes_read, size, "x.hdx", HDX_TEXT(""), &reader, &error);
  if (status == HDX_OK)
    assert_int_equal(hdx_reader_verify(reader, &error), HDX_OK);
  return status;
}

/* Where a section begins and ends in `raw`. */
static void find_section(uint8_t wanted, size_t *from, size_t *to) {
  struct hdx_bytes in = hdx_bytes_of(raw.data, raw.size);
  for (;;) {
    *from = (size_t)(in.at - (const uint8_t *)raw.data);
    uint8_t tag = hdx_get_u8(&in);
    size_t size = (size_t)hdx_get_varint(&in);
    assert_non_null(hdx_get_bytes(&in, size));
    *to = (size_t)(in.at - (const uint8_t *)raw.data);
    if (tag == wanted)
      return;
  }
}

static void sections_come_once_in_any_order(void **state) {
  (void)state;
  size_t size = raw.size, from, to;
  char *whole = malloc(size);
  memcpy(whole, raw.data, size);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_OK);
  for (unsigned tag = HDX_SECTION_SUBJECT; tag < HDX_SECTION_COUNT; tag++) {
    enum hdx_status missing = tag <= HDX_SECTION_TEMPLATES ? HDX_INTEGRITY : HDX_OK;
    find_section(tag, &from, &to);
    hdx_buffer_append(&raw, whole + from, to - from); /* twice */
    assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_INTEGRITY);
    memmove(raw.data + from, raw.data + to, raw.size - to); /* the last one */
    raw.size -= to - from;
    assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_OK);
    raw.size -= to - from; /* not at all */
    assert_int_equal(open_raw(HDX_FORMAT_MAJOR), missing);
    memcpy(raw.data, whole, size);
    raw.size = size;
  }
  /* Of a later minor version: a section that is not known, before and behind the others. */
  hdx_buffer_append(&raw, "\xc8\x03new", 5);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 7u << 16), HDX_OK);
  memmove(raw.data + 5, raw.data, size);
  memcpy(raw.data, "\x08\x03new", 5);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 7u << 16), HDX_OK);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR + 1), HDX_INTEGRITY);
  raw.data[1] = 0x7f; /* longer than all that follows, or not the sections that it says */
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_INTEGRITY);
  raw.size = 0;
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_INTEGRITY);
  free(whole);
}

static void check_year(size_t i, const char *form, uint64_t repairs, uint64_t duplicates, bool unsorted) {
  const struct hdx_year *year = &hdx_reader_info(reader)->years[i];
  assert_string_equal(year->form, form);
  assert_true(year->repairs == repairs && year->duplicates == duplicates && year->unsorted == unsorted);
}

static void check_column(size_t c, enum hdx_parameter_type type, const char *units, const char *description) {
  const struct hdx_parameter *parameter = &hdx_reader_info(reader)->extras[c];
  assert_int_equal(parameter->type, type);
  assert_true(hdx_text_is(parameter->units, units) && hdx_text_is(parameter->description, description));
}

static void forms_and_parameters_are_read(void **state) {
  (void)state;
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 1u << 16), HDX_OK);
  check_year(0, "csv, header", 0, 0, false);
  check_year(1, "f", 300, 2, true);
  check_column(0, HDX_PARAMETER_INTEGER, "km", "");
  check_column(1, HDX_PARAMETER_UNKNOWN, "", "");
  check_column(2, HDX_PARAMETER_DOUBLE, "", "said");
  assert_true(hdx_reader_subject(reader)->parameters == 0x0123456789abcdef);
}

/* All that a document says counts, and where one text ends. */
static void fingerprints_differ(void **state) {
  (void)state;
  const struct hdx_text a = HDX_TEXT("a"), b = HDX_TEXT("b"), ab = HDX_TEXT("ab"), none = HDX_TEXT("");
  const struct {
    struct hdx_text names[2];
    struct hdx_parameter parameters[2];
    size_t count;
  } said[] = {
      {{none}, {{0, none, none}}, 0},
      {{none}, {{0, none, none}}, 1},
      {{a}, {{0, none, none}}, 1},
      {{a}, {{HDX_PARAMETER_DOUBLE, none, none}}, 1},
      {{a}, {{0, b, none}}, 1},
      {{a}, {{0, none, b}}, 1},
      {{ab}, {{0, none, none}}, 1},
      {{a, b}, {{0, none, none}, {0, none, none}}, 2},
      {{b, a}, {{0, none, none}, {0, none, none}}, 2},
  };
  uint64_t found[sizeof said / sizeof *said];
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    assert_int_equal(hdx_snapshot_fingerprint(said[i].names, said[i].parameters, said[i].count, &found[i], NULL),
                     HDX_OK);
    assert_true(i == 0 ? found[i] == 0 : found[i] > HDX_FINGERPRINT_SEVERAL);
    for (size_t j = 0; j < i; j++)
      assert_true(found[i] != found[j]);
  }
}

/* Cuts a section out of `raw`. */
static void leave_out(uint8_t tag) {
  size_t from, to;
  find_section(tag, &from, &to);
  memmove(raw.data + from, raw.data + to, raw.size - to);
  raw.size -= to - from;
}

static void what_is_not_said_of_forms_depends_on_the_version(void **state) {
  (void)state;
  small.years[1] = (struct hdx_year){.year = 2001, .bytes = 9};
  small_finish(&small, zstd);
  size_t size = hdx_load_u32(small.file.data + small.file.size - HDX_TRAILER_BYTES + 12);
  struct hdx_footer footer;
  assert_int_equal(hdx_footer_decode(&footer, small.file.data, small.file.size, NULL), HDX_OK);
  hdx_buffer_clear(&raw);
  hdx_buffer_append(&raw, footer.raw, size);
  hdx_footer_deinit(&footer);
  leave_out(HDX_SECTION_FORMS);
  leave_out(HDX_SECTION_PARAMETERS);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR), HDX_OK);
  check_year(0, "", 0, 0, false);
  check_year(1, "", 0, 0, false);
  check_column(0, HDX_PARAMETER_UNKNOWN, "", "");
  assert_true(hdx_reader_subject(reader)->parameters == 0);
  assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 1u << 16), HDX_OK);
  check_year(0, "", 0, 0, false); /* there are no bytes of it */
  check_year(1, "csv", 0, 0, false);
}

static void plain_files_take_no_room(void **state) {
  (void)state;
  size_t size = small.file.size;
  small.footer.parameters = NULL;
  small.footer.subject.parameters = 0;
  small.years[0] = (struct hdx_year){.year = 2000, .bytes = 5, .form = "csv"};
  small.years[1] = (struct hdx_year){.year = 2001, .state = HDX_YEAR_GAP, .form = ""};
  small_finish(&small, zstd);
  size_t plain = small.file.size;
  assert_true(plain < size);
  small.years[0].form = ""; /* not known, as from an older snapshot: that has to be said */
  small_finish(&small, zstd);
  assert_true(small.file.size > plain);
  small.years[0].form = "csv";
  small.footer.subject.parameters = 7; /* a document that tells nothing of these columns */
  small_finish(&small, zstd);
  assert_true(small.file.size > plain);
}

/* Every byte of the two sections in every value: refused, or read within their bounds. */
static void forms_and_parameters_that_cannot_be_are_refused(void **state) {
  (void)state;
  for (unsigned tag = HDX_SECTION_FORMS; tag <= HDX_SECTION_PARAMETERS; tag++) {
    size_t from, to, refused = 0;
    find_section(tag, &from, &to);
    for (size_t at = from + 1; at < to; at++)
      for (unsigned value = 0; value < 256; value += at == from + 1 ? 1 : 5) {
        char was = raw.data[at];
        raw.data[at] = (char)value;
        refused += open_raw(HDX_FORMAT_MAJOR | 1u << 16) != HDX_OK;
        raw.data[at] = was;
      }
    assert_true(refused > 255);
    assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 1u << 16), HDX_OK);
    raw.data[from + 1]++; /* a byte more than what is told: it goes to the next section, or none is left */
    assert_int_equal(open_raw(HDX_FORMAT_MAJOR | 1u << 16), HDX_INTEGRITY);
    raw.data[from + 1]--;
  }
  small.parameters[1].type = (enum hdx_parameter_type)(HDX_PARAMETER_DOUBLE + 1);
  assert_int_equal(open_changed("section 7"), HDX_INTEGRITY);
}

/* ---- heads of blocks ---- */

/* Opens block 0 with other bytes, whose checksum fits. */
static enum hdx_status open_block(const struct hdx_buffer *bytes, const char *message) {
  struct hdx_error error = {0};
  struct hdx_block block;
  struct hdx_zone zone = small.zones[0];
  char *exact = malloc(bytes->size);
  memcpy(exact, bytes->data, bytes->size);
  zone.length = (uint32_t)bytes->size;
  zone.hash = hdx_hash(exact, zone.length);
  hdx_block_init(&block);
  enum hdx_status status = hdx_block_open(&block, &small.book, zstd, exact, &zone, &error);
  if (status != HDX_OK && !strstr(error.message, message))
    fail_msg("\"%s\" says nothing of \"%s\"", error.message, message);
  hdx_block_deinit(&block);
  free(exact);
  return status;
}

static void heads_that_cannot_be_are_refused(void **state) {
  (void)state;
  struct hdx_buffer bytes;
  const struct hdx_zone *zone = &small.zones[0];
  hdx_buffer_init(&bytes, SIZE_MAX);
  hdx_buffer_append(&bytes, small.blocks.data + zone->offset, zone->length);
  assert_int_equal(open_block(&bytes, ""), HDX_OK);
  hdx_buffer_append_byte(&bytes, 0);
  assert_int_equal(open_block(&bytes, "do not fill"), HDX_INTEGRITY);
  bytes.size -= 2;
  assert_int_equal(open_block(&bytes, "longer than the block"), HDX_INTEGRITY);
  bytes.size++;
  bytes.data[0] ^= HDX_BLOCK_BACKWARD;
  assert_int_equal(open_block(&bytes, "not what the footer says"), HDX_INTEGRITY);
  bytes.data[0] ^= HDX_BLOCK_BACKWARD;
  bytes.data[1] = (char)(HDX_CSV_EXTRA_MAX + 1);
  assert_int_equal(open_block(&bytes, HDX_CSV_EXTRA_MAX < 255 ? "not what the footer says" : ""), HDX_INTEGRITY);
  bytes.data[1] = 0;
  assert_int_equal(open_block(&bytes, "do not fill"), HDX_INTEGRITY);
  bytes.size = 1;
  assert_int_equal(open_block(&bytes, "not what the footer says"), HDX_INTEGRITY);
  hdx_buffer_deinit(&bytes);
}

static int setup(void **state) {
  (void)state;
  struct hdx_footer footer;
  struct hdx_error error;
  zstd = hdx_zstd_create();
  small_make(&small, SMALL_NO_STOP, 40, 3, 5);
  hdx_buffer_init(&raw, SIZE_MAX);
  size_t size = hdx_load_u32(small.file.data + small.file.size - HDX_TRAILER_BYTES + 12);
  if (hdx_footer_decode(&footer, small.file.data, small.file.size, &error) != HDX_OK)
    return 1;
  hdx_buffer_append(&raw, footer.raw, size);
  hdx_footer_deinit(&footer);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hdx_reader_close(reader);
  reader = NULL;
  free(bytes_read);
  bytes_read = NULL;
  hdx_buffer_deinit(&raw);
  small_free(&small);
  hdx_zstd_free(zstd);
  return 0;
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      T(zones_that_cannot_be_are_refused),
      T(lists_that_cannot_be_are_refused),
      T(sections_come_once_in_any_order),
      T(forms_and_parameters_are_read),
      T(fingerprints_differ),
      T(what_is_not_said_of_forms_depends_on_the_version),
      T(plain_files_take_no_room),
      T(forms_and_parameters_that_cannot_be_are_refused),
      T(heads_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
