/* What a file's extra columns are called: each has a name of its own, so that no value is lost. */
#include "parse/csv_scan.h"

#include <stdio.h>

enum { CHECKSUMS = 2 };
static const char *const checksums[CHECKSUMS] = {"checksum", "checksum_algorithm"};

enum hdx_status hdx_csv_name_extras(struct hdx_csv *csv, const struct hdx_text *names, size_t count,
                                    struct hdx_error *error) {
  hdx_arena_clear(&csv->given_names);
  csv->given_count = 0;
  for (size_t i = 0; i < count && i < HDX_CSV_EXTRA_MAX; i++) {
    struct hdx_text copy = hdx_arena_copy(&csv->given_names, names[i]);
    if (!copy.data)
      return hdx_error_memory(error, names[i].size);
    csv->given[csv->given_count++] = copy;
  }
  return HDX_OK;
}

/* The name that the header has for a column; empty: none. */
static struct hdx_text header_name(const struct hdx_csv *csv, size_t column) {
  return column < csv->header_extras ? csv->header_names[column] : HDX_TEXT("");
}

/* The name that a column of `count` has from elsewhere; empty: none. Where no header tells of extra columns and there
 * are two more than names, the checksum and its algorithm stand before those that are named (CloudCatalog, "index
 * files"). */
static struct hdx_text given_name(const struct hdx_csv *csv, size_t column, size_t count) {
  bool more = !csv->header_extras && csv->given_count && count == csv->given_count + CHECKSUMS;
  size_t first = more ? CHECKSUMS : 0;
  if (column < first)
    return hdx_text_of(checksums[column]);
  return column - first < csv->given_count ? csv->given[column - first] : HDX_TEXT("");
}

/* Columns that have no name so far are empty. */
static bool is_taken(const struct hdx_csv *csv, struct hdx_text name) {
  for (size_t i = 0; i < csv->dialect.extra_count; i++)
    if (hdx_text_equal(csv->dialect.extra_names[i], name))
      return true;
  return false;
}

/* Calls a column `name`, or where another one is called so, name_2, name_3 …: the first from *number on that is free,
 * which *number becomes. */
static enum hdx_status name_column(struct hdx_csv *csv, size_t column, struct hdx_text name, size_t *number,
                                   struct hdx_error *error) {
  struct hdx_buffer numbered;
  hdx_buffer_init(&numbered, HDX_CSV_LINE_BYTES_MAX + 32);
  hdx_buffer_append_text(&numbered, name);
  while (numbered.status == HDX_OK && is_taken(csv, hdx_buffer_text(&numbered))) {
    numbered.size = name.size;
    hdx_buffer_append_format(&numbered, "_%zu", (*number)++);
  }
  enum hdx_status status = hdx_buffer_status(&numbered, "the name of a column", error);
  if (status == HDX_OK) {
    csv->dialect.extra_names[column] = hdx_arena_copy(&csv->names, hdx_buffer_text(&numbered));
    if (!csv->dialect.extra_names[column].data)
      status = hdx_error_memory(error, numbered.size);
  }
  hdx_buffer_deinit(&numbered);
  return status;
}

/* The header's names: each goes to the first column that has it, as it is, before others get numbers. */
static enum hdx_status name_by_header(struct hdx_csv *csv, struct hdx_error *error) {
  struct hdx_text *names = csv->dialect.extra_names;
  size_t numbers[HDX_CSV_EXTRA_MAX]; /* the next one that may be free, where a column's name was given again last */
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < csv->header_extras; i++)
    if (csv->header_names[i].size && !is_taken(csv, csv->header_names[i]))
      names[i] = csv->header_names[i];
  for (size_t i = 0; i < csv->header_extras && status == HDX_OK; i++) {
    numbers[i] = 2;
    if (!csv->header_names[i].size || names[i].size)
      continue;
    size_t before = i;
    while (!hdx_text_equal(csv->header_names[--before], csv->header_names[i]))
      ;
    numbers[i] = numbers[before];
    status = name_column(csv, i, csv->header_names[i], &numbers[i], error);
  }
  return status;
}

enum hdx_status hdx_csv_name_columns(struct hdx_csv *csv, size_t count, struct hdx_error *error) {
  struct hdx_csv_dialect *dialect = &csv->dialect;
  dialect->extra_count = count;
  dialect->names_made_up = false;
  dialect->names_misfit = !csv->header_extras && csv->given_count && count && count != csv->given_count &&
                          count != csv->given_count + CHECKSUMS;
  for (size_t i = 0; i < count; i++)
    dialect->extra_names[i] = HDX_TEXT("");
  enum hdx_status status = name_by_header(csv, error);
  for (size_t i = 0; i < count; i++) {
    struct hdx_text name = given_name(csv, i, count);
    if (!header_name(csv, i).size && name.size && !is_taken(csv, name))
      dialect->extra_names[i] = name;
  }
  for (size_t i = 0; i < count && status == HDX_OK; i++) {
    char made[32];
    size_t number = 2;
    if (dialect->extra_names[i].size)
      continue;
    snprintf(made, sizeof made, "column%zu", i + 5);
    status = name_column(csv, i, hdx_text_of(i < CHECKSUMS ? checksums[i] : made), &number, error);
    dialect->names_made_up = true;
  }
  return status;
}
