/* Lists of files as people and programs write them, record by record. Pure.
 *
 *   lines    a key or location each. Empty lines are left out; blanks are part of a key. With `nul` each ends with
 *            a NUL, and everything but NULs is part of it.
 *   CSV      RFC 4180 with a header that has a column datakey, and perhaps id, start, stop, filesize, checksum,
 *            checksum_algorithm; others are left alone. All records have as many fields as the header.
 *   NDJSON   an object a line with the same members; null is as good as none. Others are left alone.
 *
 * The first line that is not empty tells which one it is: it begins with { or has a field datakey, or else a list of
 * lines begins with it. A byte order mark at the beginning is skipped; lines (without `nul`) may end with CR LF.
 * Nothing is mended: what is malformed is INTEGRITY, "NAME: line N: …". */
#ifndef HDX_PARSE_FILE_LIST_H
#define HDX_PARSE_FILE_LIST_H

#include "base/arena.h"

#define HDX_LIST_RECORD_BYTES_MAX (1u << 20) /* a longer record is malformed */
#define HDX_LIST_COLUMNS_MAX 4096            /* of CSV */

enum hdx_list_form { HDX_LIST_UNKNOWN, HDX_LIST_LINES, HDX_LIST_CSV, HDX_LIST_NDJSON };

/* What a list may say of a file. */
enum hdx_list_member {
  HDX_LIST_KEY,
  HDX_LIST_ID,
  HDX_LIST_START,
  HDX_LIST_STOP,
  HDX_LIST_SIZE,
  HDX_LIST_CHECKSUM,
  HDX_LIST_ALGORITHM,
  HDX_LIST_MEMBER_COUNT
};

struct hdx_list_row {
  uint64_t line;       /* that it begins in, from 1 */
  struct hdx_text key; /* not empty; of the others an empty text is not stated */
  struct hdx_text id, checksum, checksum_algorithm;
  int64_t start, stop; /* HDX_TIME_NONE: not stated; "static": HDX_TIME_STATIC and HDX_TIME_MAX */
  int64_t size;        /* -1: not stated */
};

struct hdx_file_list {
  const char *name; /* of the list, for messages; borrowed */
  bool nul;
  bool begun; /* behind the byte order mark */
  enum hdx_list_form form;
  uint64_t line;                       /* of the next byte, from 1 */
  size_t columns;                      /* of CSV */
  size_t place[HDX_LIST_MEMBER_COUNT]; /* of each member among the columns; SIZE_MAX: none */
  struct hdx_arena arena;              /* of texts that had to be unescaped */
};

void hdx_file_list_init(struct hdx_file_list *list, const char *name, bool nul);
void hdx_file_list_deinit(struct hdx_file_list *list);

/* Begins anew. */
void hdx_file_list_rewind(struct hdx_file_list *list);

/* The next row in `text`, the bytes that follow those that were used so far; `last`: none will come behind them. *used
 * of them are done with; *found: there was a row, else more bytes are needed or the list is at its end. Texts of rows
 * point into `text`, or live until hdx_file_list_forget. INTEGRITY; MEMORY. */
enum hdx_status hdx_file_list_next(struct hdx_file_list *list, struct hdx_text text, bool last, size_t *used,
                                   struct hdx_list_row *row, bool *found, struct hdx_error *error);
void hdx_file_list_forget(struct hdx_file_list *list);

/* Takes a row from an object that was parsed; the list's line is that of its beginning. Texts live until
 * hdx_file_list_forget. */
struct hdx_json;
enum hdx_status hdx_file_list_object(struct hdx_file_list *list, const struct hdx_json *json, struct hdx_list_row *row,
                                     struct hdx_error *error);

#endif
