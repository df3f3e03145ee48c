/* layer: cli */
/* Values of options of any bytes: what is taken is within its bounds and, written as the program writes it, is read to
 * the same again; what is refused says why. And any bytes made visible steer no terminal. */
#include "cli/text.h"
#include "cli/values.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_BYTES_MAX = 2000 };

static void check_refused(enum hdx_status status, const struct hdx_error *error) {
  CHECK(status == HDX_USAGE && error->status == HDX_USAGE && error->message[0]);
}

static void check_number(const char *text) {
  struct hdx_error error;
  uint64_t value, again;
  char written[CLI_VALUE_TEXT_MAX];
  enum hdx_status status = cli_value_number(text, 1, 1000000, &value, &error);
  if (status == HDX_OK)
    CHECK(value >= 1 && value <= 1000000);
  else
    check_refused(status, &error);
  if (cli_value_number(text, 0, UINT64_MAX, &value, NULL) == HDX_OK) {
    snprintf(written, sizeof written, "%llu", (unsigned long long)value);
    CHECK(cli_value_number(written, value, value, &again, NULL) == HDX_OK && again == value);
    CHECK(strspn(text, "0123456789") == strlen(text));
  }
}

static void check_amounts(const char *text) {
  struct hdx_error error;
  uint64_t value, again;
  char written[CLI_VALUE_TEXT_MAX];
  enum hdx_status status = cli_value_size(text, 0, UINT64_MAX, &value, &error);
  if (status == HDX_OK)
    CHECK(cli_value_size(cli_value_size_text(value, written), value, value, &again, NULL) == HDX_OK && again == value);
  else
    check_refused(status, &error);
  status = cli_value_duration(text, 0, UINT64_MAX, &value, &error);
  if (status != HDX_OK)
    check_refused(status, &error);
  else if (value) /* 0 is written without a unit, which would be seconds */
    CHECK(cli_value_duration(cli_value_duration_text(value, written), value, value, &again, NULL) == HDX_OK &&
          again == value);
}

static void check_condition(const char *text) {
  struct hdx_error error;
  enum hdx_operator operation;
  size_t column;
  const char *value;
  bool flag;
  enum hdx_status status = cli_value_where(text, &column, &operation, &value, &error);
  if (status == HDX_OK) {
    size_t at = strcspn(text, "=!<>");
    CHECK(column > 0 && column <= at && value > text + at && value <= text + strlen(text));
    CHECK(operation <= HDX_GREATER_OR_EQUAL && *value != ' ' && *value != '\t');
  } else {
    check_refused(status, &error);
  }
  status = cli_value_bool(text, &flag, &error);
  if (status != HDX_OK)
    check_refused(status, &error);
}

/* Whether it is UTF-8 without control characters and what else steers a terminal. */
static bool harmless(const char *text, size_t size) {
  uint32_t point;
  for (size_t i = 0, length; i < size; i += length) {
    if ((length = cli_utf8_decode(text + i, size - i, &point)) == 0)
      return false;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x202a && point <= 0x202e) ||
        (point >= 0x2066 && point <= 0x2069))
      return false;
  }
  return true;
}

static void check_visible(struct hdx_text text) {
  size_t columns, cut_columns, room = 4 * text.size;
  char *all = malloc(room + 1), *cut = malloc(room / 2 + 1), *again = malloc(room + 1);
  size_t all_size = cli_visible(text, all, room, &columns);
  size_t cut_size = cli_visible(text, cut, room / 8, &cut_columns);
  CHECK(all_size <= room && columns <= all_size && harmless(all, all_size));
  CHECK(cut_size <= room / 8 && cut_columns <= columns && memcmp(all, cut, cut_size) == 0 && harmless(cut, cut_size));
  /* What is visible stays as it is. */
  CHECK(cli_visible((struct hdx_text){all, all_size}, again, room, NULL) == all_size &&
        memcmp(all, again, all_size) == 0);
  free(all);
  free(cut);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > VALUE_BYTES_MAX)
    return 0;
  char *text = malloc(size + 1); /* of its exact size, for AddressSanitizer */
  memcpy(text, data, size);
  text[size] = 0;
  check_visible((struct hdx_text){text, size});
  check_number(text);
  check_amounts(text);
  check_condition(text);
  free(text);
  return 0;
}
