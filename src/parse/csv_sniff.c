/* What the first bytes say: servers answer with HTML or XML pages, and archives hold parquet files and whatever else
 * under names that promise CSV. Zip and gzip files are unpacked before they come here (unpack.h): what is named as such
 * is packed twice. Whatever is not known here is read as CSV, where its lines are bad rows. Source: the formats' own
 * magic numbers. */
#include "parse/csv_scan.h"

static const struct {
  const char *magic;
  size_t size;
  const char *name;
} binaries[] = {
    {"PK\x03\x04", 4, "a zip file"},
    {"PK\x05\x06", 4, "an empty zip file"},
    {"PAR1", 4, "a parquet file, which cannot be read: ask its publisher for csv or csv-zip, or convert it in a copy"},
    {"\x1f\x8b", 2, "a gzip file"},
    {"\x28\xb5\x2f\xfd", 4, "a zstd file"},
    {"\xfd"
     "7zXZ",
     5, "an xz file"},
    {"BZh", 3, "a bzip2 file"},
    {"%PDF", 4, "a PDF document"},
    {"SIMPLE  =", 9, "a FITS file"},
    {"\xff\xfe", 2, "UTF-16 text"},
    {"\xfe\xff", 2, "UTF-16 text"},
};

static const struct {
  const char *begin; /* in any letter case, behind blanks */
  const char *name;
} documents[] = {
    {"<!doctype html", "an HTML page"}, {"<html", "an HTML page"},        {"<head", "an HTML page"},
    {"<?xml", "an XML document"},       {"<", "an XML or HTML document"}, {"{", "a JSON document"},
    {"[", "a JSON document"},
};

static enum hdx_status refuse(const char *name, struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "expected an index file (CSV), found %s", name);
}

enum hdx_status hdx_csv_sniff(const char *head, size_t size, struct hdx_error *error) {
  struct hdx_text text = {head, size};
  for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
    if (hdx_text_starts_with(text, (struct hdx_text){binaries[i].magic, binaries[i].size}))
      return refuse(binaries[i].name, error);
  size_t controls = 0;
  for (size_t i = 0; i < size; i++)
    controls += (unsigned char)head[i] < ' ' && head[i] != '\t' && head[i] != '\r' && head[i] != '\n';
  /* A stray NUL is a bad row; an eighth of the head is no text. */
  if (controls >= HDX_CSV_HEAD_BYTES / 8)
    return refuse("binary bytes", error);
  if (hdx_text_starts_with(text, HDX_TEXT("\xef\xbb\xbf")))
    text = hdx_text_sub(text, 3, text.size);
  text = hdx_text_trim(text);
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
    struct hdx_text begin = hdx_text_of(documents[i].begin);
    if (text.size >= begin.size && hdx_text_equal_nocase(hdx_text_sub(text, 0, begin.size), begin))
      return refuse(documents[i].name, error);
  }
  return HDX_OK;
}
