/* What published documents are checked for: the table of rules, what collects findings, and the rules of registries,
 * catalogs and index files. Pure.
 *
 * Each rule has one severity. What readers (this program's, the Python client) mend or take leniently is a warning;
 * what makes them fail, skip an entry or lose rows is an error; what is allowed but seldom meant is a note.
 *
 * Source: the CloudCatalog specification, versions 0.1 to 1.1, and what published catalogs have been seen to hold. */
#ifndef HDX_CATALOG_RULES_H
#define HDX_CATALOG_RULES_H

#include "parse/csv.h"
#include "parse/json.h"

/* id, name, severity, what breaks it */
#define HDX_RULE_MAP(X)                                                                                                \
  X(UNREADABLE, "unreadable", ERROR, "a document or index file that cannot be read")                                   \
  X(JSON, "json", ERROR, "a document that is not JSON")                                                                \
  X(DOCUMENT, "document", ERROR, "a document without the list \"registry\" or \"catalog\", or an entry that is none")  \
  X(MEMBER_REQUIRED, "member-required", ERROR, "a required member that is missing, null, empty or no text")            \
  X(MEMBER_USUAL, "member-usual", WARNING, "a recommended member that is missing")                                     \
  X(MEMBER_OPTIONAL, "member-optional", NOTE, "a usual member that is missing")                                        \
  X(MEMBER_TYPE, "member-type", WARNING, "a member of another type than the specification has it")                     \
  X(MEMBER_TWICE, "member-twice", WARNING, "a member that stands twice in its object: readers take either")            \
  X(MEMBER_LEGACY, "member-legacy", WARNING, "a name of an early specification: loc, startdate, Cloudy …")             \
  X(MEMBER_CASE, "member-case", WARNING, "a known name in other letter case")                                          \
  X(MEMBER_NEAR, "member-near", NOTE, "an unknown name that looks like a known one misspelt")                          \
  X(TIME, "time", ERROR, "a start, stop or the like that is no time in UTC")                                           \
  X(TIME_FORM, "time-form", WARNING, "a time that only lenient readers understand: a dot for a colon …")               \
  X(TIME_ZONE, "time-zone", WARNING, "a time without its final Z")                                                     \
  X(REGISTRY_ENDPOINT, "registry-endpoint", ERROR, "an endpoint that is no URL of a bucket or web server")             \
  X(REGISTRY_SLASH, "registry-slash", WARNING, "an endpoint without its final slash")                                  \
  X(REGISTRY_TWICE, "registry-twice", ERROR, "an endpoint that an earlier entry has, too")                             \
  X(REGISTRY_NAME, "registry-name", NOTE, "a name that an earlier entry has, too")                                     \
  X(REGISTRY_REGION, "registry-region", WARNING, "a region that does not look like one (us-east-1)")                   \
  X(REGISTRY_PROVIDER, "registry-provider", WARNING, "a provider that is not known")                                   \
  X(STATUS_FORM, "status-form", WARNING, "a status that is not {\"code\": 1200, \"message\": \"OK\"}")                 \
  X(STATUS_CODE, "status-code", WARNING, "a status code that the specification does not have")                         \
  X(STATUS_UNAVAILABLE, "status-unavailable", WARNING, "status 1400: the catalog says that it is unavailable")         \
  X(CATALOG_ENDPOINT, "catalog-endpoint", WARNING, "an endpoint that is no URL with a final slash")                    \
  X(EGRESS, "egress", WARNING, "a word in \"egress\" that the specification does not have")                            \
  X(DATASET_ID, "dataset-id", ERROR, "an id with other characters than letters, digits, dashes and underscores")       \
  X(DATASET_TWICE, "dataset-twice", ERROR, "an id that an earlier dataset has, too")                                   \
  X(DATASET_CASE, "dataset-case", WARNING, "an id that differs from an earlier one in letter case alone")              \
  X(INDEX_URL, "index-url", ERROR, "an index that is no s3:// or http(s):// URL")                                      \
  X(INDEX_SLASH, "index-slash", ERROR, "an index without its final slash")                                             \
  X(INDEX_QUERY, "index-query", ERROR, "an index with a query or fragment")                                            \
  X(INDEX_LOCAL, "index-local", ERROR, "an index on the reader's own machine: file:// or a link-local address")        \
  X(INDEX_ELSEWHERE, "index-elsewhere", NOTE, "an index in another bucket than the catalog's endpoint")                \
  X(INDEXTYPE, "indextype", ERROR, "an index type that is not csv, csv-zip or parquet")                                \
  X(INDEXTYPE_PARQUET, "indextype-parquet", NOTE, "index files in parquet, which this program cannot read")            \
  X(FILETYPE, "filetype", WARNING, "a word in \"filetype\" that the specification does not have")                      \
  X(WORD_CASE, "word-case", NOTE, "a word of the specification in other letter case")                                  \
  X(STATIC, "static", WARNING, "\"static\" in place of a time, which the specification dropped in version 1.0")        \
  X(RANGE_ORDER, "range-order", ERROR, "a dataset that starts after its stop")                                         \
  X(RANGE_FAR, "range-far", NOTE, "a range that begins before 1900 or in the future, or ends in ten years or later")   \
  X(MULTIYEAR, "multiyear", WARNING, "a \"multiyear\" that is not true or false but a word")                           \
  X(LIST, "list", WARNING, "\"collections\" or \"tags\" that are no list of strings")                                  \
  X(DATASET_EMPTY, "dataset-empty", ERROR, "a dataset without any index file")                                         \
  X(RANGE_START, "range-start", WARNING, "a start that is a second or more from the first row's")                      \
  X(RANGE_STOP, "range-stop", WARNING,                                                                                 \
    "a stop that is a second or more from the last row's (before its start, if rows have none)")                       \
  X(YEAR_GAP, "year-gap", NOTE, "years within the dataset's range without an index file")                              \
  X(FILE_NAME, "file-name", NOTE, "an index file whose name does not end with _YYYY.csv or _static.csv")               \
  X(FILE_EMPTY, "file-empty", NOTE, "an index file without rows")                                                      \
  X(FILE_MARK, "file-mark", NOTE, "an index file with a byte order mark")                                              \
  X(STOP_MISSING, "stop-missing", WARNING, "an index file without stops, which specification 0.5 demands")             \
  X(CHECKSUM, "checksum", WARNING, "a checksum whose algorithm is not told")                                           \
  X(ROW, "row", ERROR, "a row that cannot be read")                                                                    \
  X(ROW_MENDED, "row-mended", WARNING, "times, quotes or sizes that only lenient readers understand")                  \
  X(ROW_DATE, "row-date", NOTE, "times that are dates alone: they mean the first instant")                             \
  X(ROW_YEAR, "row-year", ERROR, "a row that starts in another year than its index file's")                            \
  X(ROW_REVERSED, "row-reversed", ERROR, "a row that stops before it starts")                                          \
  X(ROW_ORDER, "row-order", WARNING, "a row that starts before the row above it")                                      \
  X(ROW_TWICE, "row-twice", WARNING, "a row with the times and key of the row above it")                               \
  X(ROW_OVERLAP, "row-overlap", NOTE, "a row that starts before the row above it stops, where not multiyear")          \
  X(SIZE_MISSING, "size-missing", WARNING, "a row without a file size")                                                \
  X(SIZE_ZERO, "size-zero", WARNING, "a file size of zero")                                                            \
  X(KEY_URL, "key-url", ERROR, "a key that is no absolute s3:// or http(s):// URL")                                    \
  X(KEY_CONTROL, "key-control", ERROR, "a key with control characters")                                                \
  X(KEY_ELSEWHERE, "key-elsewhere", NOTE, "a key outside of the bucket of the catalog and of the index")

enum hdx_rule_id {
#define X(id, name, severity, text) HDX_RULE_##id,
  HDX_RULE_MAP(X)
#undef X
      HDX_RULE_COUNT
};

#define HDX_FINDING_VALUE_MAX 200
#define HDX_FINDING_PATH_MAX 256

/* A byte of a document, its line (from 1), and where that begins. */
struct hdx_spot {
  size_t at, line, line_begin;
};

/* Collects what is found in one document. */
struct hdx_findings {
  const char *document;        /* URL or path, borrowed */
  const struct hdx_json *json; /* of a document of JSON, else NULL; borrowed */
  struct hdx_text id;          /* of the dataset that is being looked at */
  uint64_t max;                /* of a rule's findings that are told; 0: all */
  /* Takes a finding, whose texts live during the call; false: it could not be kept, and is only counted. */
  bool (*take)(void *user, const struct hdx_finding *finding);
  void *user;
  uint64_t found[HDX_RULE_COUNT], told[HDX_RULE_COUNT];
  char path[HDX_FINDING_PATH_MAX]; /* of the value that is being looked at */
  size_t path_size;
  struct hdx_spot spot; /* where a place was last looked up: the next is counted from there, as most come in order */
  uint64_t near_checks; /* how many unknown names were held against the known ones */
};

void hdx_findings_init(struct hdx_findings *findings, const char *document, uint64_t max,
                       bool (*take)(void *user, const struct hdx_finding *finding), void *user);

/* Goes to a member or element, and back to where the path had `size` bytes. Returns the size before. */
size_t hdx_findings_enter(struct hdx_findings *findings, struct hdx_text name);
size_t hdx_findings_enter_element(struct hdx_findings *findings, size_t i);
void hdx_findings_leave(struct hdx_findings *findings, size_t size);

/* The spot of a value. Who comes back to values in no order keeps theirs in findings->spot before: otherwise all the
 * lines between are counted each time. */
struct hdx_spot hdx_findings_spot(struct hdx_findings *findings, const struct hdx_json_value *value);

/* Finds something about the value at the path; the place is that of `value`. A list or object is not quoted. */
__attribute__((format(printf, 4, 5))) void hdx_findings_json(struct hdx_findings *findings, enum hdx_rule_id rule,
                                                             const struct hdx_json_value *value, const char *format,
                                                             ...);
/* Finds something at a line and column (0: about the document as a whole). */
__attribute__((format(printf, 6, 7))) void hdx_findings_line(struct hdx_findings *findings, enum hdx_rule_id rule,
                                                             uint64_t line, uint64_t column, struct hdx_text value,
                                                             const char *format, ...);
/* Tells for each rule how much was found and not told; to be called once, at the end. */
void hdx_findings_end(struct hdx_findings *findings);

/* Parses a document of JSON; INTEGRITY: a finding of the rule "json" was made. Others as hdx_json_parse. */
enum hdx_status hdx_rules_json(struct hdx_findings *findings, struct hdx_text text, struct hdx_json *json,
                               struct hdx_error *error);

/* Whether a document has a member "registry". */
bool hdx_rules_is_registry(const struct hdx_json *json);

/* Checks a registry; *entries is how many it has. MEMORY. */
enum hdx_status hdx_rules_registry(struct hdx_findings *findings, size_t *entries, struct hdx_error *error);
/* Checks a catalog, without its index files; *datasets is how many entries it has. `now` is what the future begins
 * with. MEMORY. */
enum hdx_status hdx_rules_catalog(struct hdx_findings *findings, int64_t now, size_t *datasets,
                                  struct hdx_error *error);
/* The version of the specification that a catalog states, as major * 1000 + minor; -1: none, or none that is known. */
int hdx_rules_version(const struct hdx_json *json);

/* What the index files of a dataset came to. */
struct hdx_dataset_facts {
  int64_t start, stop; /* of the first and last row; HDX_TIME_NONE: there is none */
  bool stops;          /* rows have stops; else `stop` is the last start */
  const int *years;    /* that have a file, ascending */
  size_t year_count;
  size_t unread; /* of them that could not be read */
};

/* Checks what the catalog says of a dataset, whose entry is `entry` at the path, against its index files. */
struct hdx_dataset;
void hdx_rules_dataset(struct hdx_findings *findings, const struct hdx_json_value *entry,
                       const struct hdx_dataset *dataset, const struct hdx_dataset_facts *facts);

/* ---- index files ---- */

/* Checks the rows of one index file, batch by batch as the scanner hands them out (with lines). */
struct hdx_index_check {
  struct hdx_findings *findings;
  int year;                 /* 0: not known */
  bool multiyear;           /* rows may overlap */
  bool stops_expected;      /* the specification has stops */
  struct hdx_text homes[2]; /* "s3://bucket/": where keys lie, of index and catalog; empty: not known */
  /* what came before */
  int64_t year_begin, year_end;
  uint64_t rows;
  int64_t start, stop; /* of the row above */
  char *key;           /* a copy of the key above, owned */
  size_t key_size, key_capacity;
  int64_t first, last; /* the least start, the greatest stop (or start); HDX_TIME_NONE without rows with a time */
  bool stops;          /* any row has a stop */
};

/* The views are borrowed. */
void hdx_index_check_init(struct hdx_index_check *check, struct hdx_findings *findings, int year, bool multiyear,
                          bool stops_expected, struct hdx_text index_home, struct hdx_text catalog_home);
void hdx_index_check_deinit(struct hdx_index_check *check);
/* MEMORY. */
enum hdx_status hdx_index_check_rows(struct hdx_index_check *check, const struct hdx_csv_batch *batch,
                                     const struct hdx_csv_dialect *dialect, struct hdx_error *error);
void hdx_index_check_bad(struct hdx_index_check *check, const struct hdx_csv_bad_row *bad);
/* The file has been read to its end. */
void hdx_index_check_end(struct hdx_index_check *check, const struct hdx_csv_result *result,
                         const struct hdx_csv_dialect *dialect);

/* "s3://bucket/" or "https://host:port/" of a location; empty if it is none. A view into the location. */
struct hdx_text hdx_index_home(struct hdx_text location);

/* Takes "ID_YYYY.csv" or "ID_static.csv" (year 0), also with .gz or .zip behind it and folders before it, apart; false:
 * it is no such name. */
bool hdx_index_file_name(struct hdx_text path, struct hdx_text *id, int *year);

#endif
