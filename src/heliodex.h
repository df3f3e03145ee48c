/* heliodex: fetch, store and query CloudCatalog file registries.
 *
 * This is the whole public interface of libheliodex; the command line uses nothing else.
 *
 * A session owns the settings, the network and the store. From a session one loads a registry (which buckets there
 * are), a catalog (which datasets a bucket has), indexes datasets (index files become snapshots in the store) and
 * queries them (rows of a dataset in a range of time).
 *
 * Conventions
 *   errors    Every function that can fail returns an enum hdx_status and takes a struct hdx_error last, which may be
 *             NULL. On failure outputs are untouched unless said otherwise.
 *   text      struct hdx_text is a view and never owns; it is not terminated by a NUL. Who owns what a view points to
 *             is said where the view is handed out.
 *   time      int64_t nanoseconds since 1970-01-01T00:00:00Z, UTC without leap seconds (1678 to 2261). Intervals are
 *             half-open: [start, stop).
 *   threads   A session and what was loaded from it belong to one thread at a time; hdx_session_cancel alone may be
 *             called from any thread and from a signal handler. Different sessions are independent.
 *   signals   A session that first uses the network ignores SIGPIPE and SIGXFSZ, if the process has left them at their
 *             defaults. No handler is installed. Snapshots of the store, and journals of a mirror's destination, are
 *             mapped while they are read: if one is cut in place meanwhile, or its disk cannot read it any more, the
 *             process gets a SIGBUS, as with any mapped file, and what was being called cannot go on (the program
 *             heliodex says so and ends). heliodex itself, any number of processes, replaces snapshots as a whole and
 *             never cuts one. A process that must not end so reads from a store of its own, on a disk of its own, or
 *             asks in a child.
 *
 * Source: the CloudCatalog specification, versions 0.1 to 1.1. */
#ifndef HELIODEX_H
#define HELIODEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HDX_API __attribute__((visibility("default")))
#else
#define HDX_API
#endif

#define HDX_VERSION_MAJOR 0
#define HDX_VERSION_MINOR 1
#define HDX_VERSION_PATCH 0

/* ------------------------------------------------------------------------------------------------- status, error */

/* name, exit code of the program, what it means */
#define HDX_STATUS_MAP(X)                                                                                              \
  X(OK, 0, "all done")                                                                                                 \
  X(PARTIAL, 1, "finished, some items failed")                                                                         \
  X(USAGE, 2, "an argument is wrong")                                                                                  \
  X(NOT_FOUND, 3, "not found")                                                                                         \
  X(DENIED, 4, "authentication or permission failed")                                                                  \
  X(TEMPORARY, 5, "a temporary failure: a rerun resumes")                                                              \
  X(UNAVAILABLE, 5, "the archive says that it is unavailable for now")                                                 \
  X(IO, 6, "local input or output failed")                                                                             \
  X(INTEGRITY, 7, "malformed, changed or corrupt data")                                                                \
  X(LIMIT, 8, "a limit was reached")                                                                                   \
  X(MEMORY, 8, "out of memory")                                                                                        \
  X(EMPTY, 9, "nothing matched")                                                                                       \
  X(INTERNAL, 70, "internal error")                                                                                    \
  X(INTERRUPTED, 130, "interrupted")

enum hdx_status {
#define X(name, code, text) HDX_##name,
  HDX_STATUS_MAP(X)
#undef X
};

/* "NOT_FOUND" and the like; never NULL. */
HDX_API
const char *hdx_status_name(enum hdx_status status);
/* What it means, in a few words; never NULL. */
HDX_API
const char *hdx_status_text(enum hdx_status status);
/* The exit code that the program ends with for one failed item of this status. */
HDX_API
int hdx_status_exit_code(enum hdx_status status);

#define HDX_ERROR_TEXT_MAX 1024

/* Filled by the function that fails: what was expected, what was found and where (URL, line, byte). */
struct hdx_error {
  enum hdx_status status;
  char message[HDX_ERROR_TEXT_MAX];
};

/* ---------------------------------------------------------------------------------------------------- text, time */

struct hdx_text {
  const char *data;
  size_t size;
};

#define HDX_TIME_MIN (INT64_MIN + 2) /* the first instant that can be told */
#define HDX_TIME_MAX INT64_MAX       /* the last one; as a stop: open end */
#define HDX_TIME_NONE INT64_MIN      /* no time given */
/* The start of a row without time ("static" in the index), whose stop is HDX_TIME_MAX; no other row has it. So it
 * overlaps every range, starts in those that have no start, and is contained in those that have neither start nor stop.
 */
#define HDX_TIME_STATIC HDX_TIME_MIN
#define HDX_TIME_TEXT_MAX 36 /* bytes that hdx_time_format needs at the most, NUL included */

/* Reads an ISO 8601 time in UTC in any truncation (a year alone to nanoseconds, calendar date or day of year, with or
 * without the final Z) as its first instant. USAGE: not such a time (the message says what was expected and where), an
 * offset other than Z, or outside of 1678 to 2261. */
HDX_API
enum hdx_status hdx_time_parse(struct hdx_text text, int64_t *time_ns, struct hdx_error *error);

/* Writes YYYY-MM-DDThh:mm:ss, then a dot and `digits` (0, 3, 6 or 9) decimals if any, then Z and a NUL to `out`, which
 * has HDX_TIME_TEXT_MAX bytes. Decimals beyond `digits` are cut. Returns the length without the NUL. */
HDX_API
size_t hdx_time_format(int64_t time_ns, int digits, char *out);

/* -------------------------------------------------------------------------------------------------------- session */

enum hdx_log_level { HDX_LOG_WARNING, HDX_LOG_INFO, HDX_LOG_DEBUG };

/* What a long call has done so far. Totals are what is known now; they may still grow. */
struct hdx_progress {
  uint64_t datasets_done, datasets_total;
  uint64_t files_done, files_total;
  uint64_t rows, bytes;
  uint64_t objects; /* listed, of hdx_list */
  uint64_t requests_active, requests_done, retries;
  uint64_t gaps, failures;
  uint64_t bytes_total;     /* of mirrors and the like: what `bytes` will be, as far as sizes are known; 0: not known */
  const char *slowest_host; /* of several hosts that are asked, the one whose answers take longest to begin; NULL */
  double slowest_host_ms;   /* the half of its answers took longer */
  uint64_t elapsed_ns;
};

/* Sends locations that begin with `from` (as "s3://a/") below `to` (a URL: http, https, file or s3). */
struct hdx_map {
  const char *from;
  const char *to;
};

/* How an S3 bucket is part of an address. */
enum hdx_addressing {
  HDX_ADDRESSING_AUTO,    /* in the host's name at AWS (in the path where it has dots), in the path elsewhere */
  HDX_ADDRESSING_VIRTUAL, /* in the host's name */
  HDX_ADDRESSING_PATH     /* in the path */
};

/* Whether S3 requests are signed with the user's credentials. */
enum hdx_sign {
  HDX_SIGN_AUTO,   /* anonymous first; a bucket of which nothing can be read so is tried signed */
  HDX_SIGN_ALWAYS, /* from the first request on */
  HDX_SIGN_NEVER
};

/* Settings of a session; hdx_config_init fills in the defaults. Strings and callbacks must live as long as the
 * session. Callbacks run on the thread that called into the session. */
struct hdx_config {
  /* Directory of snapshots, made with mode 0700; NULL: $XDG_CACHE_HOME/heliodex, then ~/.cache/heliodex. Files in it
   * are mapped: see "signals" above. */
  const char *store;
  const char *registry_url; /* or a path; NULL: $ROOT_CATALOG_REGISTRY_URL, then the public HelioCloud registry */
  const char *catalog_name; /* NULL: "catalog.json" */
  const char *endpoint_url; /* S3 server; NULL: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, the profile's, then AWS */
  const char *region;       /* NULL: the registry's, $AWS_REGION, $AWS_DEFAULT_REGION, the profile's, then none */
  const char *ca_file;      /* NULL: $AWS_CA_BUNDLE, $CURL_CA_BUNDLE, $SSL_CERT_FILE, the profile's, the system's */
  const struct hdx_map *maps;
  size_t map_count;

  /* Access to S3. Credentials go to AWS, or to the endpoint_url where there is one, and nowhere else. */
  enum hdx_sign sign;
  bool request_payer;  /* say that the user pays for requests (x-amz-request-payer); all requests are signed then */
  const char *profile; /* of the shared configuration files; NULL: $AWS_PROFILE, then "default" */
  const char *access_key_id, *secret_access_key, *session_token; /* NULL: as AWS's tools find them, see README */
  enum hdx_addressing addressing;
  bool dualstack;     /* addresses of AWS that have IPv6 as well */
  uint32_t presign_s; /* how long presigned URLs hold, 1 to 604,800 seconds; an hour */

  /* Folder of index files, <id>/<id>_YYYY.csv, as the original tool's cache has them: a query reads those that are
   * there in place of asking for them, and keeps there what it fetches; hdx_index asks, and keeps there what comes,
   * unless its options name another folder. What is read there counts as last confirmed when the file was written, and
   * answers offline as well if the catalog is held. NULL, "": none. */
  const char *index_cache;

  bool offline; /* never ask the network: what is not held is an error */
  bool refresh; /* ask again (conditionally) also for what is held */

  uint32_t jobs;                 /* requests in flight, 1 to 4096; 256 */
  uint32_t connections_per_host; /* 1 to 4096; 256 */
  uint32_t threads;              /* that parse and encode, 1 to 256; 0: the cores */
  uint32_t retries;              /* after the first attempt of a request; 8 */
  uint64_t part_bytes;           /* of a range request, 64 KiB to 1 GiB; 8 MiB */
  uint64_t memory_bytes;         /* budget of all buffers, at least 16 MiB; 256 MiB. There are no more jobs than it has
                                    512 KiB, and no more threads than it has 8 MiB */
  uint64_t rate_bytes;           /* limit of bytes a second over all connections; 0: none */
  uint64_t catalog_bytes_max;    /* a larger registry or catalog is refused (LIMIT); 64 MiB, less where memory_bytes is
                                    less than 224 MiB. It takes up to four times its size of memory */
  uint64_t retry_ms_max;         /* no retry begins later than this after a request's first attempt; 5 minutes */
  uint64_t stall_ms_max;         /* less than 512 bytes in so long end an attempt; 30 s */
  uint64_t connect_ms_max;       /* 15 s */

  enum hdx_log_level log_level;
  void (*log)(void *user, enum hdx_log_level level, const char *message); /* NULL: silence */
  void *log_user;
  void (*progress)(void *user, const struct hdx_progress *progress); /* NULL: none */
  void *progress_user;
  uint32_t progress_ms; /* how often it is called; 100 */
  /* Called every 100 ms or more often while a call waits, for the network or for another process, on the thread of that
   * call; true is as hdx_session_cancel. It must not use the session. For callers whose signals are noticed only when
   * they are asked, as an interpreter's. NULL: none. */
  bool (*interrupted)(void *user);
  void *interrupted_user;
};

HDX_API
void hdx_config_init(struct hdx_config *config);

struct hdx_session;

/* Opens a session; the store's directory is made when first written to. Variables of the environment (credentials,
 * proxies and all others) count as they are now. USAGE: a setting out of its range, a URL or map that is none, no
 * directory for the store (neither given nor $HOME set); IO: the ca_file that is given cannot be read. */
HDX_API
enum hdx_status hdx_session_open(const struct hdx_config *config, struct hdx_session **session,
                                 struct hdx_error *error);
/* Everything loaded from the session must be closed before. NULL is allowed. */
HDX_API
void hdx_session_close(struct hdx_session *session);

/* Makes the call that runs, and those that come, end soon with INTERRUPTED; finished datasets stay written. May be
 * called from any thread and from a signal handler. */
HDX_API
void hdx_session_cancel(struct hdx_session *session);
/* Lets calls work again after a cancellation that was heeded; none may run meanwhile. A query of which a call was
 * interrupted is to begin anew; a stream whose files were under way stays ended. */
HDX_API
void hdx_session_resume(struct hdx_session *session);

/* The store's directory; owned by the session. */
HDX_API
const char *hdx_session_store(const struct hdx_session *session);

struct hdx_latency { /* milliseconds */
  double p50, p90, p99;
};

struct hdx_host_stats {
  const char *host; /* scheme, host and port */
  uint64_t requests, connections, bytes, retries;
  struct hdx_latency first_byte, total;
};

/* Counted since the session was opened. */
struct hdx_stats {
  uint64_t requests, connections, connections_reused, bytes, retries, throttled;
  const struct hdx_host_stats *hosts; /* owned by the session, until the next call of any function of it */
  size_t host_count;
};

HDX_API
void hdx_session_stats(struct hdx_session *session, struct hdx_stats *stats);

/* ------------------------------------------------------------------------------------------------------- registry */

struct hdx_registry;

struct hdx_registry_entry {
  struct hdx_text endpoint, name, region;
  struct hdx_text provider; /* "aws" where the registry says nothing */
};

/* Loads the registry from the store, or fetches (and keeps) it. INTEGRITY: not a registry, with the place; LIMIT: too
 * large; NOT_FOUND, DENIED, TEMPORARY: it could not be fetched. */
HDX_API
enum hdx_status hdx_registry_load(struct hdx_session *session, struct hdx_registry **registry, struct hdx_error *error);
HDX_API
void hdx_registry_close(struct hdx_registry *registry);

/* All views point into the registry. */
HDX_API
size_t hdx_registry_count(const struct hdx_registry *registry);
HDX_API
const struct hdx_registry_entry *hdx_registry_at(const struct hdx_registry *registry, size_t i);
HDX_API
struct hdx_text hdx_registry_json(const struct hdx_registry *registry);
HDX_API
const char *hdx_registry_url(const struct hdx_registry *registry);
/* When what is held was last confirmed by its server. */
HDX_API
int64_t hdx_registry_checked_at(const struct hdx_registry *registry);

/* Whether the endpoint of an entry may be followed. DENIED: the registry is of the network, and the endpoint a file or
 * a link-local address; INTEGRITY: endpoint or region are none. */
HDX_API
enum hdx_status hdx_registry_allowed(const struct hdx_registry *registry, size_t i, struct hdx_error *error);

/* The endpoint of the entry called `name` whose region begins with `region_prefix` (may be ""). NOT_FOUND: none;
 * USAGE: several and not `first`; the message says whether a region prefix would settle it; DENIED: as above. */
HDX_API
enum hdx_status hdx_registry_endpoint(const struct hdx_registry *registry, const char *name, const char *region_prefix,
                                      bool first, struct hdx_text *endpoint, struct hdx_error *error);

/* -------------------------------------------------------------------------------------------------------- catalog */

struct hdx_catalog;

struct hdx_dataset {
  struct hdx_text id, index, title;
  struct hdx_text start_text, stop_text; /* as published */
  int64_t start, stop;                   /* HDX_TIME_NONE: not a time (such as "static") */
  struct hdx_text indextype;             /* as published, "csv" where absent */
  struct hdx_text filetype, modification, description, resource, creation, expiration, verified, citation, contact,
      about;
  int64_t modified;                  /* the time that `modification` says; HDX_TIME_NONE: it says none */
  struct hdx_text collections, tags; /* the JSON list as published; empty where absent */
  bool multiyear;
  struct hdx_text json; /* the whole entry as published */
};

/* Loads the catalog of `bucket` (s3:// URL or bucket name, registry name, http(s):// prefix, file:// directory) from
 * the store, or fetches (and keeps) it. Malformed entries are skipped with a warning. Errors as hdx_registry_load, and
 * USAGE: the bucket's name is ambiguous, or cannot be one; UNAVAILABLE: the catalog says that it is (status 1400).
 */
HDX_API
enum hdx_status hdx_catalog_load(struct hdx_session *session, const char *bucket, struct hdx_catalog **catalog,
                                 struct hdx_error *error);
/* Takes `json` for the catalog of `bucket`, as if its server had just answered with it: it is held in the place of what
 * the store has, until its server is asked again. Errors as hdx_catalog_load, but for those of the network (which
 * only a registry name may need); IO: it cannot be written. */
HDX_API
enum hdx_status hdx_catalog_put(struct hdx_session *session, const char *bucket, struct hdx_text json,
                                struct hdx_error *error);
HDX_API
void hdx_catalog_close(struct hdx_catalog *catalog);

/* All views point into the catalog. */
HDX_API
size_t hdx_catalog_count(const struct hdx_catalog *catalog);
HDX_API
const struct hdx_dataset *hdx_catalog_at(const struct hdx_catalog *catalog, size_t i);
HDX_API
struct hdx_text hdx_catalog_json(const struct hdx_catalog *catalog);
HDX_API
const char *hdx_catalog_url(const struct hdx_catalog *catalog);
HDX_API
int64_t hdx_catalog_checked_at(const struct hdx_catalog *catalog);
/* A member of the top level as text: "name", "endpoint", "contact", "version", "egress", "status" …; empty if absent.
 */
HDX_API
struct hdx_text hdx_catalog_member(const struct hdx_catalog *catalog, const char *name);

/* A member of a dataset's entry as published. Views point into the catalog. */
struct hdx_member {
  struct hdx_text name;
  struct hdx_text value; /* of a string: unescaped; of all others: JSON as written */
  bool text;             /* it is a string */
  bool known;            /* it is what a member of struct hdx_dataset was read from */
};

/* Whether one of the dataset's collections matches a shell pattern (as those of hdx_index): *found. MEMORY. */
HDX_API
enum hdx_status hdx_dataset_in_collection(const struct hdx_dataset *dataset, const char *glob, bool *found,
                                          struct hdx_error *error);

/* Calls `visit` for each member of the entry of a dataset of this catalog, in the order as published. */
HDX_API
void hdx_catalog_members(const struct hdx_catalog *catalog, const struct hdx_dataset *dataset,
                         void (*visit)(void *user, const struct hdx_member *member), void *user);

/* The dataset called `id`, exactly or else in any letter case. NOT_FOUND: none (near names are suggested); INTEGRITY:
 * several. */
HDX_API
enum hdx_status hdx_catalog_find(const struct hdx_catalog *catalog, const char *id, const struct hdx_dataset **dataset,
                                 struct hdx_error *error);

/* What is looked for in catalogs. All texts are compared in any letter case; of everything that is given, a dataset
 * must satisfy all. */
struct hdx_search_options {
  const char *id;           /* a part of its id; NULL: any */
  const char *title;        /* a part of its title; NULL: any */
  const char *const *words; /* any of them must occur in id, index, title or tags */
  size_t word_count;
};

struct hdx_search_hit {
  const struct hdx_registry_entry *bucket;
  const struct hdx_dataset *dataset;
  uint64_t score; /* how often the words occur in its id, index, title and tags */
};

/* A bucket whose catalog could not be read. */
struct hdx_search_failure {
  const struct hdx_registry_entry *bucket;
  enum hdx_status status;
  const char *message;
};

struct hdx_search;

/* Looks through the catalogs of all buckets of the registry, those that are not held (or, as the session refreshes, all
 * of them) fetched at once. Hits are in the order of descending score, then as the registry and the catalogs have them.
 * A bucket whose hits need more than the session's memory_bytes, together with those before, fails with LIMIT.
 *
 * *search is made where the registry could be read: with OK, EMPTY (no hit, and no bucket failed), PARTIAL (some
 * buckets failed) and the gravest failure where all of them failed; otherwise it is NULL. USAGE: a word or part that is
 * empty. */
HDX_API
enum hdx_status hdx_search(struct hdx_session *session, const struct hdx_search_options *options,
                           struct hdx_search **search, struct hdx_error *error);
HDX_API
void hdx_search_close(struct hdx_search *search); /* NULL is allowed */
/* All views point into the search. */
HDX_API
size_t hdx_search_count(const struct hdx_search *search);
HDX_API
const struct hdx_search_hit *hdx_search_at(const struct hdx_search *search, size_t i);
HDX_API
size_t hdx_search_failure_count(const struct hdx_search *search);
HDX_API
const struct hdx_search_failure *hdx_search_failure(const struct hdx_search *search, size_t i);

/* -------------------------------------------------------------------------------------------------------- listing */

/* An object of a bucket, or what many of them have in common up to a slash ("folder"). Texts live during the call. */
struct hdx_object {
  struct hdx_text key;
  bool folder;      /* the members below are not set */
  int64_t size;     /* bytes; -1: not set */
  int64_t modified; /* ns; HDX_TIME_NONE: not set, or not stated */
  struct hdx_text etag;
};

struct hdx_list_options {
  bool recursive;          /* all objects; false: those in folders are told as folders */
  uint64_t limit;          /* objects and folders; 0: all */
  const char *start_after; /* only keys behind this one; NULL: all */
  void (*object)(void *user, const struct hdx_object *object); /* must be given */
  void *user;
};
HDX_API
void hdx_list_options_init(struct hdx_list_options *options);

/* Lists the objects below `location`, "s3://bucket/prefix" (any beginning of a key) or a BUCKET as in hdx_catalog_load,
 * in the order of their keys, a thousand with each request. *count (may be NULL) is how many were told. EMPTY: there is
 * none; USAGE: not in a bucket of S3; NOT_FOUND: no such bucket; DENIED, TEMPORARY, INTEGRITY: as the server answered;
 * LIMIT, MEMORY, INTERRUPTED. Objects may have been told before an error. */
HDX_API
enum hdx_status hdx_list(struct hdx_session *session, const char *location, const struct hdx_list_options *options,
                         uint64_t *count, struct hdx_error *error);

/* ---------------------------------------------------------------------------------------------------------- index */

/* How index files are found. */
enum hdx_discover {
  HDX_DISCOVER_AUTO,  /* by a list where that saves requests and is allowed */
  HDX_DISCOVER_LIST,  /* by a list of the index's folder; what cannot be listed fails */
  HDX_DISCOVER_PROBE, /* by asking for each year's */
};

enum hdx_year_state {
  HDX_YEAR_PRESENT,  /* the rows of its index file are held */
  HDX_YEAR_GAP,      /* the archive has no such file */
  HDX_YEAR_STALE,    /* rows of an earlier version are held; the last try to refresh them failed */
  HDX_YEAR_VANISHED, /* the file is gone; its rows were kept on request */
  HDX_YEAR_FAILED    /* nothing is held; the last try failed */
};

HDX_API
const char *hdx_year_state_name(enum hdx_year_state state);

/* What became of one index file. Views live during the callback. */
struct hdx_index_item {
  const char *bucket; /* canonical URL */
  struct hdx_text id;
  int year; /* 0: the dataset as a whole, or a file without a year (static): its url is that of an index file */
  enum hdx_year_state state;
  bool unchanged; /* the server said so: nothing was fetched */
  bool dropped;   /* it vanished and its rows were dropped */
  enum hdx_status status;
  const char *url;
  const char *message; /* the reason of a failure or warning, else "" */
  uint64_t rows, bad_rows, bytes;
};

/* A row of an index file that cannot be read. Views live during the callback. The rows of a file are told in the order
 * of their lines, once its outcome is known and before its item, be it a failure: each once, however often the file was
 * fetched. They wait in a temporary file in the store where they are many. */
struct hdx_bad_row {
  const char *bucket; /* canonical URL */
  struct hdx_text id;
  int year;
  const char *url;
  uint64_t line, byte; /* line from 1; byte of the line's beginning in the file, from 0 */
  uint32_t column;     /* byte of the line, from 1 */
  const char *reason;  /* what was expected and found */
};

struct hdx_index_options {
  int64_t start, stop;        /* only the years that these name; HDX_TIME_NONE: from the first, to the last */
  bool dry_run;               /* only count what would be asked for */
  bool strict;                /* a gap is a failure */
  enum hdx_discover discover; /* how index files are found */
  bool keep_vanished;         /* keep rows of index files that are gone */
  uint64_t bad_rows_max;      /* of the whole run: more end it, and fail the file that they are in (INTEGRITY) */
  const char *keep_index;     /* directory that also gets the index files as they came; NULL: index_cache */
  void (*item)(void *user, const struct hdx_index_item *item);    /* for each index file; NULL: none */
  void (*bad_row)(void *user, const struct hdx_bad_row *bad_row); /* for each bad row; NULL: none */
  void *user;
};

HDX_API
void hdx_index_options_init(struct hdx_index_options *options);

struct hdx_index_summary {
  uint64_t datasets, datasets_failed;
  uint64_t files, files_fetched, files_unchanged, files_failed, gaps, vanished;
  uint64_t rows, rows_fetched, rows_bad; /* held after the run; parsed in the run; refused in the run */
  uint64_t repairs;                      /* times and quotes mended in the run */
  uint64_t duplicates;                   /* rows parsed in the run as counted in struct hdx_year; all are kept */
  uint64_t files_unsorted;               /* parsed in the run, whose rows were out of order */
  uint64_t stale;                        /* index files whose last refresh failed, after the run */
  uint64_t bytes;                        /* of index files, as they came */
  uint64_t snapshot_bytes;               /* written */
  uint64_t warnings, elapsed_ns;
};

/* Fetches and parses the index files of the bucket's datasets that match one of `globs` (shell patterns over ids; a
 * count of 0: all), and writes or refreshes their snapshots; index files that did not change are not fetched. They may
 * be packed (gzip, zip) whatever they are called; where there is no .csv, .csv.gz is looked for. Datasets of parquet
 * files fail (INTEGRITY). `summary` is filled in any case. PARTIAL: some failed; otherwise the gravest failure (in the
 * order IO, DENIED, INTEGRITY, TEMPORARY, UNAVAILABLE, NOT_FOUND) where none succeeded. NOT_FOUND: a literal id that
 * does not exist. EMPTY: globs that match nothing. INTERRUPTED: cancelled; what was finished is kept, a rerun goes on.
 *
 * Once more rows are bad than options->bad_rows_max nothing further is begun, and what is under way is completed, but
 * for files with further bad rows: those are left as they were. */
HDX_API
enum hdx_status hdx_index(struct hdx_session *session, const char *bucket, const char *const *globs, size_t glob_count,
                          const struct hdx_index_options *options, struct hdx_index_summary *summary,
                          struct hdx_error *error);

/* An index file as its server has it now. */
struct hdx_probed_file {
  int year;                  /* 0: a file without a year (static) */
  enum hdx_year_state state; /* PRESENT, GAP or FAILED */
  const char *url;
  uint64_t size;                    /* bytes; UINT64_MAX: not stated */
  const char *etag, *last_modified; /* "" if not stated */
  const char *message;              /* of a failure, else "" */
};

struct hdx_probe {
  size_t count;
  const struct hdx_probed_file *files; /* by year */
  bool has_row;                        /* the members below: of the first row of the first file that is present */
  int64_t start, stop, size;           /* HDX_TIME_NONE, -1: not stated */
  struct hdx_text key;
  const char *form;    /* of that file, as in struct hdx_year */
  const char *message; /* why there is no first row, else "" */
};

/* Asks which index files of a dataset exist, by a list where that is allowed or else for each of them, and reads the
 * first row by a small range request. The answer is the caller's, to be freed by hdx_probe_free. NOT_FOUND: no such
 * dataset; USAGE: the session is offline; what fails of a file is told with the file. */
HDX_API
enum hdx_status hdx_probe(struct hdx_session *session, const char *bucket, const char *id, struct hdx_probe **probe,
                          struct hdx_error *error);
HDX_API
void hdx_probe_free(struct hdx_probe *probe);

/* ------------------------------------------------------------------------------------------------------- validate */

enum hdx_severity {
  HDX_SEVERITY_NOTE,    /* allowed, and worth a look */
  HDX_SEVERITY_WARNING, /* against a recommendation, or read only because readers are lenient */
  HDX_SEVERITY_ERROR    /* against the specification: readers may lose rows */
};

/* "note", "warning", "error". */
HDX_API
const char *hdx_severity_name(enum hdx_severity severity);

/* What documents are checked for: its short name ("dataset-id", "row-order" …), and what breaks it. */
struct hdx_rule {
  const char *name;
  enum hdx_severity severity;
  const char *text;
};

HDX_API
size_t hdx_rule_count(void);
/* i < hdx_rule_count(): first those of documents of JSON, then those of index files. */
HDX_API
const struct hdx_rule *hdx_rule_at(size_t i);

/* Something that a published document has wrong. Texts live during the call. */
struct hdx_finding {
  enum hdx_severity severity;
  const char *rule;      /* its short name */
  const char *document;  /* URL or path */
  const char *path;      /* JSON path ("$.catalog[3].start") in a document of JSON, else "" */
  uint64_t line, column; /* from 1; 0: the document as a whole */
  struct hdx_text id;    /* of the dataset; empty: none */
  struct hdx_text value; /* that was found, cut to 200 bytes; empty: none */
  const char *message;   /* what was expected, and found */
  uint64_t count;        /* 1; more: what was found beyond options.findings_max, without a place */
};

struct hdx_validate_options {
  bool deep; /* index files too */
  /* The first so many findings of one rule in one document are told, the others as one that counts them; 0: all, but of
   * one index file no more than fit into 64 MiB, and of those whose turn has not come no more than fit into the
   * session's memory_bytes. 20. */
  uint64_t findings_max;
  void (*finding)(void *user, const struct hdx_finding *finding); /* NULL: only counted */
  void *user;
};
HDX_API
void hdx_validate_options_init(struct hdx_validate_options *options);

struct hdx_validate_summary {
  uint64_t errors, warnings, notes;
  uint64_t documents, datasets, files, rows; /* that were looked at */
  uint64_t unread;                           /* documents and index files that could not be read (errors, too) */
  uint64_t elapsed_ns;
};

/* Checks a published document against the specification. `target` is one of
 *   NULL    the session's registry
 *   path    what contains a slash or ends with .json or .csv (.csv.gz, .csv.zip) and has no "://", or is a file that is
 *           there: a registry, catalog or index file (told apart by what it holds), or the folder of a bucket's copy
 *   URL     one whose path ends so: the same, elsewhere
 *   BUCKET  as in hdx_catalog_load: its catalog
 * With `deep` all index files of a catalog are checked, too: those of a catalog at a path are read from where the
 * catalog says that they are, all others as hdx_index does. Findings are told in the order of the catalog's entries,
 * then by dataset id and year. Nothing of it is kept in the store (but a registry that is asked for a bucket's name).
 * PARTIAL: there are errors; NOT_FOUND, DENIED, TEMPORARY, LIMIT …: the document itself could not be read; USAGE: the
 * session is offline. */
HDX_API
enum hdx_status hdx_validate(struct hdx_session *session, const char *target,
                             const struct hdx_validate_options *options, struct hdx_validate_summary *summary,
                             struct hdx_error *error);

/* ---------------------------------------------------------------------------------------------------------- query */

/* Which rows are in [a, b). */
enum hdx_match {
  HDX_MATCH_OVERLAP,  /* stop >= a and start < b, as the Python client has it */
  HDX_MATCH_START,    /* a <= start < b */
  HDX_MATCH_CONTAINED /* a <= start and stop <= b */
};

/* How the value of an extra column is compared. */
enum hdx_operator { HDX_EQUAL, HDX_NOT_EQUAL, HDX_LESS, HDX_LESS_OR_EQUAL, HDX_GREATER, HDX_GREATER_OR_EQUAL };

/* A condition on an extra column, by its name. If both sides are decimal numbers (as 94, -0.5, 0094) they are compared
 * as numbers, exactly and whatever their length, so that 0094 equals 94; otherwise bytewise as text. A value that is
 * not stated equals the empty text, differs from all others, and is neither less nor greater than anything. */
struct hdx_where {
  const char *column;
  enum hdx_operator operation;
  const char *value;
};

/* What is asked for. Of everything that is given, a row must satisfy all; strings need to live no longer than the call
 * that they are passed to.
 *
 * latest_version: a key's version is the last part of it that is a v or V behind one of _ - . and /, then a group of 1
 * to 18 digits, then up to six groups more, each a dot and one to three digits (three that begin with 0, as .001,
 * number parts of a file and are none), each group followed by one of _ - . and / or the key's end: _v06. _v7.1.1. -v2
 * /v3/. Of rows of one dataset that start at the same instant and whose keys are equal but for this part, those with
 * the greatest version are kept, compared number by number (a group that is missing counts as 0; rows with equal
 * versions are all kept). All others are kept: keys without a version, and versions that start at another instant,
 * however little later, as names alone do not tell them from parts. Rows are compared after all other conditions and
 * before `limit`. */
struct hdx_query_options {
  int64_t start, stop; /* HDX_TIME_NONE: from the first row, to the last */
  enum hdx_match match;
  bool allow_partial; /* answer although a wanted year cannot be read */

  /* Shell patterns, of characters of UTF-8 (a byte that is none counts as one). With a slash they are matched with the
   * whole key, without with what follows its last slash. */
  const char *const *keys; /* any of them must match; a count of 0: any key */
  size_t key_count;
  const char *const *key_excludes; /* none of them may match */
  size_t key_exclude_count;
  int64_t min_size, max_size; /* bytes, both included; -1: no bound. Rows without a size are within no bounds. */
  const struct hdx_where *wheres;
  size_t where_count;
  bool latest_version;

  bool no_extras; /* of no use but to conditions: rows come without extra columns, however many the datasets have */
  bool reverse;   /* in exactly the opposite order */
  uint64_t limit; /* rows; 0: all */
};

HDX_API
void hdx_query_options_init(struct hdx_query_options *options);

struct hdx_query;

/* Rows, one array per column, borrowed from the query until its next call. */
struct hdx_batch {
  size_t count;
  const int64_t *start, *stop; /* ns */
  const int64_t *size;         /* bytes; -1: not stated */
  const struct hdx_text *key;  /* as published */
  size_t extra_count;
  const struct hdx_text *const *extra; /* extra[column][row]; empty: not stated */
  const uint32_t *dataset;             /* which of the query's datasets each row is of; NULL: the query has only one */
};

/* Of a query, or of one of its datasets. */
struct hdx_query_info {
  struct hdx_text id; /* of several: the first one's */
  const char *source; /* canonical URL of the bucket */
  int time_digits;    /* 0, 3, 6 or 9: what is exact for the dataset, for all of several */
  bool stop_made_up; /* the index has no stop column: stops are the next row's start; true if any of several has none */
  int64_t checked_at; /* when the oldest of the years asked for was last confirmed */
  size_t extra_count;
  const struct hdx_text *extra_names; /* of several: of all, each name once; sorted */
  const struct hdx_parameter *extras; /* as many; of several: what the datasets that state it agree on */
  size_t incomplete_years; /* wanted years that are stale (all, if what is held could not be renewed) or, with
                            * allow_partial, cannot be read */
  size_t dataset_count, failure_count;
  uint64_t older_versions; /* of the query: rows that latest_version left out so far, or of the last sum */
};

/* A dataset that is asked for and cannot be answered for. */
struct hdx_query_failure {
  struct hdx_text id;
  enum hdx_status status;
  const char *message;
};

/* Opens the answer to a range of one dataset, in the order start, stop, key. Years that are not held are fetched and
 * kept first, unless the session is offline. If everything is held, no request is made. Errors: NOT_FOUND (dataset, or
 * offline: a wanted year is unknown), those of hdx_index for a wanted year that cannot be read (unless allow_partial),
 * INTEGRITY: the snapshot is corrupt, USAGE: a condition on a column that there is not (the message names those that
 * there are). */
HDX_API
enum hdx_status hdx_query_open(struct hdx_session *session, const char *bucket, const char *id,
                               const struct hdx_query_options *options, struct hdx_query **query,
                               struct hdx_error *error);

/* The same for several datasets of a bucket, merged into one answer in the order start, stop, key, id: those called
 * `ids`, which may be shell patterns as those of hdx_index; each dataset counts once. What is missing of all of them is
 * fetched in one run. A column that a dataset lacks is not stated in its rows.
 *
 * A dataset that fails as hdx_query_open would has no rows in the answer and is one of its failures: the caller is to
 * tell them. If all fail, the gravest failure is the call's. Further errors: NOT_FOUND: an id that is no pattern does
 * not exist; EMPTY: patterns that match nothing; LIMIT: the datasets have more than 1,000 different extra columns (but
 * with no_extras), or are more than the session's memory_bytes has 8 KiB each for. */
HDX_API
enum hdx_status hdx_query_open_many(struct hdx_session *session, const char *bucket, const char *const *ids,
                                    size_t id_count, const struct hdx_query_options *options, struct hdx_query **query,
                                    struct hdx_error *error);
HDX_API
void hdx_query_close(struct hdx_query *query);

/* Owned by the query. */
HDX_API
const struct hdx_query_info *hdx_query_info(const struct hdx_query *query);
/* Of its dataset i < dataset_count, in the order of the ids. */
HDX_API
const struct hdx_query_info *hdx_query_dataset(const struct hdx_query *query, size_t i);
/* i < failure_count. */
HDX_API
const struct hdx_query_failure *hdx_query_failure(const struct hdx_query *query, size_t i);

/* The next rows; a count of 0 is the end. INTEGRITY: a block is corrupt (named); no row of it is handed out. LIMIT:
 * more datasets are merged than the session's memory_bytes has 12 KiB each for; or what has to be in memory at once
 * needs more than half of what open catalogs leave of it (of several datasets a quarter): rows of one instant that are
 * to be turned around, or whose versions are to be compared, or that stand in blocks which overlap in time; all such
 * blocks of an index without stops. INTERRUPTED: the session was cancelled. An error is told again at each call until
 * the query begins anew, by hdx_query_rewind or hdx_query_range. */
HDX_API
enum hdx_status hdx_query_next(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error);
/* Begins anew with another range of the same datasets, as long as their years are held (else NOT_FOUND): the cheap way
 * to ask the same dataset many questions. */
HDX_API
enum hdx_status hdx_query_range(struct hdx_query *query, int64_t start, int64_t stop, struct hdx_error *error);

struct hdx_summary {
  uint64_t rows;
  uint64_t bytes;        /* the sum of the sizes that are stated; UINT64_MAX if greater */
  uint64_t size_missing; /* rows whose size is not stated */
  int64_t first, last;   /* the least start, the greatest stop; HDX_TIME_NONE without rows */
};

#define HDX_QUERY_ALL SIZE_MAX

/* Sums up the rows of one dataset of the answer, or of all (HDX_QUERY_ALL), without regard to `limit`, and leaves the
 * query at its beginning. Without conditions on rows only the blocks at the range's ends are decoded, so this takes
 * microseconds. INTEGRITY, LIMIT as hdx_query_next. */
HDX_API
enum hdx_status hdx_query_summary(struct hdx_query *query, size_t dataset, struct hdx_summary *summary,
                                  struct hdx_error *error);

/* What rows are counted by. */
enum hdx_unit { HDX_UNIT_YEAR, HDX_UNIT_MONTH, HDX_UNIT_DAY };

/* Sums up the rows of one dataset of the answer, or of all (HDX_QUERY_ALL), by the calendar year, month or day that
 * they start in, ascending: calls `visit` for each in which there are rows, `from` being its first instant that can be
 * told (HDX_TIME_STATIC: rows without time); and leaves the query at its beginning. As hdx_query_summary otherwise:
 * blocks that lie wholly in one of them are not looked at. `visit` is not called where this fails: INTEGRITY,
 * LIMIT as hdx_query_next. */
HDX_API
enum hdx_status hdx_query_counts(struct hdx_query *query, size_t dataset, enum hdx_unit unit,
                                 void (*visit)(void *user, int64_t from, const struct hdx_summary *summary), void *user,
                                 struct hdx_error *error);

enum hdx_location {
  HDX_LOCATION_PUBLISHED, /* a URL, mostly s3://bucket/key, as published; a bare key is made one */
  HDX_LOCATION_FETCHED,   /* the http, https or file URL that it is fetched from, percent-encoded */
  HDX_LOCATION_PRESIGNED  /* the URL of an object of S3 with a signature: whoever has it may fetch it for a while */
};

/* Where the data file called `key` of the query's dataset is; *location is borrowed from the query until its next call.
 * May ask for the catalog (which is mostly held) to see which bucket is its own. USAGE: not a location, too long
 * for one, or none that can be presigned; DENIED: a remote index names a file:// or link-local address, or a key that
 * climbs (..); to presign, also: there are no credentials. The first to be presigned looks for them, which may block
 * for a minute; the bucket's region should be known (from the configuration, the registry, or an earlier answer of the
 * bucket's). */
HDX_API
enum hdx_status hdx_query_location(struct hdx_query *query, size_t dataset, struct hdx_text key, enum hdx_location kind,
                                   struct hdx_text *location, struct hdx_error *error);

/* Texts of many rows, one behind the other, in arrays of the caller: that of row i is bytes [end[i - 1], end[i]), the
 * first from 0. */
struct hdx_text_array {
  int64_t *end;    /* an element for each row; NULL: these texts are not wanted */
  char *bytes;     /* `capacity` bytes */
  size_t capacity; /* bytes */
};

/* Arrays of the caller for rows. What is NULL is not wanted, and not decoded. */
struct hdx_arrays {
  size_t capacity;              /* rows: elements of each array but those of bytes */
  int64_t *start, *stop;        /* ns */
  int64_t *size;                /* bytes; -1: not stated */
  uint32_t *dataset;            /* which of the query's datasets each row is of */
  struct hdx_text_array key;    /* as published */
  size_t extra_count;           /* 0, or the query's */
  struct hdx_text_array *extra; /* of each extra column; empty texts are not stated */
  bool lines; /* each text is followed by a newline, which counts as one of its bytes: all of them can be split at once
                 (a text may hold newlines of its own: then there are more lines than rows) */
};

/* Copies the next rows to arrays of the caller: as many as fit, in the order of hdx_query_next, of which it is the
 * other way to read on (after one of them, the other must not be called before the query begins anew, by
 * hdx_query_rewind or hdx_query_range). *rows is how many were copied; 0 is the end. What arrays hold behind them is
 * not defined. LIMIT: the texts of a single row do not fit; *text_bytes (may be NULL) is what the largest of them
 * needs, and a call with more room goes on with that row. USAGE: no room for a row, another number of extra columns, or
 * a column is wanted that was not when the query began. Errors of hdx_query_next, behind the rows that were copied
 * before. */
HDX_API
enum hdx_status hdx_query_take(struct hdx_query *query, const struct hdx_arrays *arrays, size_t *rows,
                               size_t *text_bytes, struct hdx_error *error);
/* Goes back to the first row. */
HDX_API
void hdx_query_rewind(struct hdx_query *query);

/* ---------------------------------------------------------------------------------------------------------- files */

/* What the bytes of a file are checked by: name, bytes of the digest. */
#define HDX_CHECK_MAP(X)                                                                                               \
  X(SIZE, "size", 0)                                                                                                   \
  X(MD5, "md5", 16)                                                                                                    \
  X(CRC32, "crc32", 4)                                                                                                 \
  X(CRC32C, "crc32c", 4)                                                                                               \
  X(CRC64NVME, "crc64nvme", 8)                                                                                         \
  X(SHA1, "sha1", 20)                                                                                                  \
  X(SHA256, "sha256", 32)                                                                                              \
  X(SHA512, "sha512", 64)

enum hdx_check {
#define X(name, text, bytes) HDX_CHECK_##name,
  HDX_CHECK_MAP(X)
#undef X
      HDX_CHECK_COUNT
};

/* "size", "md5" …; never NULL. */
HDX_API
const char *hdx_check_name(enum hdx_check check);

/* A data file that is wanted. Who owns the texts is said where it is handed out. */
struct hdx_file {
  struct hdx_text id;                           /* of its dataset; empty: not known */
  struct hdx_text location;                     /* as published, with a scheme: "s3://bucket/key", https:// … */
  int64_t start, stop;                          /* of its row; HDX_TIME_NONE: not known */
  int64_t size;                                 /* bytes, as the index states; -1: not stated */
  struct hdx_text checksum, checksum_algorithm; /* as the index states; empty: not stated */
};

/* A list of files that are wanted: the rows of a query, a list that was written to a file, a shard of a plan. It is
 * handed out in portions, from its beginning as often as need be, and never held as a whole. */
struct hdx_files;

/* The files of a query's rows, in their order; the query must outlive the list, which uses up its rows. A row whose key
 * is no location of a file is one of the list's `refused`. MEMORY. */
HDX_API
enum hdx_status hdx_files_of_query(struct hdx_session *session, struct hdx_query *query, struct hdx_files **files,
                                   struct hdx_error *error);

/* Reads a list of files from `path` ("-": standard input, which is kept in a temporary file). It is one of
 *   lines   a location (s3://bucket/key, https://…, file://…) or key each; `nul`: each ended by a NUL
 *   CSV     with a header that has a column datakey, as the program's query writes it: id, start, stop, filesize,
 *           checksum and checksum_algorithm are taken, other columns are left alone
 *   NDJSON  objects with the same members, as query and --failed-out write them
 * as its first line tells. Empty lines are left out. `bucket` is where keys without a scheme are, and what locations of
 * its own bucket are read through (NULL: s3:// locations are where they say). IO, NOT_FOUND: it cannot be read; USAGE:
 * a key without a scheme and no bucket; errors of hdx_catalog_load for the bucket; INTEGRITY: a line is malformed (the
 * message names file and line) - found as it is read. */
HDX_API
enum hdx_status hdx_files_read(struct hdx_session *session, const char *path, const char *bucket, bool nul,
                               struct hdx_files **files, struct hdx_error *error);
/* The files of an array, in its order; it must outlive the list. `bucket` as in hdx_files_read. A location that names
 * no file is one of the list's `refused`. USAGE: a key without a scheme and no bucket; errors of hdx_catalog_load for
 * the bucket; MEMORY. */
HDX_API
enum hdx_status hdx_files_of_array(struct hdx_session *session, const struct hdx_file *array, size_t count,
                                   const char *bucket, struct hdx_files **files, struct hdx_error *error);
HDX_API
void hdx_files_close(struct hdx_files *files); /* NULL is allowed */

/* Only the files of shard `number` of `count` (from 1) from now on: those whose location's hash (XXH3) modulo count is
 * number - 1, so that a file is in the same shard whatever else is in the list. USAGE: not 1 <= number <= count <=
 * 1,000,000; the list is of a plan. */
HDX_API
enum hdx_status hdx_files_shard(struct hdx_files *files, uint32_t number, uint32_t count, struct hdx_error *error);

/* The next files; *count 0 is the end. *list is borrowed until the next call of any function of the list or its query.
 * Errors of hdx_query_next and hdx_files_read. */
HDX_API
enum hdx_status hdx_files_next(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                               struct hdx_error *error);
/* Goes back to the beginning. */
HDX_API
void hdx_files_rewind(struct hdx_files *files);

struct hdx_files_totals {
  uint64_t files, unsized; /* all; those whose size is not stated */
  uint64_t bytes;          /* of those whose size is */
  uint64_t refused;        /* rows and lines that name no file: left out */
};
/* Counts the list, and leaves it at its beginning. */
HDX_API
enum hdx_status hdx_files_count(struct hdx_files *files, struct hdx_files_totals *totals, struct hdx_error *error);

/* Calls `visit` for each file behind the first `after`: what a run that ended early has left. Goes on also where the
 * session was cancelled; of what names no file it tells what was not told yet; leaves the list at its beginning. */
HDX_API
void hdx_files_left(struct hdx_files *files, uint64_t after,
                    void (*visit)(void *user, const struct hdx_file *file, uint64_t number), void *user);

/* Tells of the rows or lines that name no file, as they come by, and why. Views live during the call. The file is what
 * is wanted, its location as published (of a key without a scheme below the bucket), but that a user and password are
 * left out, and that one which is too long is cut, and too long still: read again, it is refused again. */
HDX_API
void hdx_files_on_refused(struct hdx_files *files,
                          void (*refused)(void *user, const struct hdx_file *file, const char *message), void *user);

/* --------------------------------------------------------------------------------------------------------- mirror */

enum hdx_fsync {
  HDX_FSYNC_BATCH, /* files are on the disk before they get their names, many at a time: also after a power cut a name
                      means a complete file */
  HDX_FSYNC_NONE   /* the system writes when it likes: after a power cut files may be empty or cut */
};

enum hdx_mirror_outcome {
  HDX_MIRROR_UNCHANGED, /* was complete: not asked for */
  HDX_MIRROR_FETCHED,
  HDX_MIRROR_RESUMED, /* fetched, but for what an earlier run had left of it */
  HDX_MIRROR_FAILED,
  HDX_MIRROR_LEFT,   /* not begun or not completed, as the run ended early: a rerun goes on */
  HDX_MIRROR_DELETED /* was mirrored earlier, is not wanted any more, and was deleted (dry_run: would be) */
};
HDX_API
const char *hdx_mirror_outcome_name(enum hdx_mirror_outcome outcome);

/* What became of one file. Views live during the call. */
struct hdx_mirror_item {
  const struct hdx_file *file; /* of DELETED only its location is known */
  const char *path;            /* below the destination; "": none was found */
  enum hdx_mirror_outcome outcome;
  enum hdx_status status;
  const char *message; /* of a failure, else "" */
  uint64_t size;       /* that the file has; of a failure 0 */
  uint64_t bytes;      /* that came from the network for it */
  uint32_t checks;     /* what it was verified by: bits 1 << enum hdx_check */
};

struct hdx_mirror_options {
  const char *layout; /* the path of each file below the destination; NULL: "{key}". Fields are {key}, {name}, {folder},
                         {bucket}, {id}, {start:FORMAT} and {stop:FORMAT} with %Y %m %d %j %H %M %S and the like;
                         what cannot be a name is escaped as %XX */
  enum hdx_fsync fsync;     /* HDX_FSYNC_BATCH */
  bool ignore_size;         /* the index may be wrong about sizes: what the server says counts */
  bool ignore_checksums;    /* size alone is checked */
  bool adopt;               /* files that are there and have the right size (and checksum, where the index states one)
                               are taken for complete, whoever wrote them */
  uint64_t bytes_max;       /* but for the first, no file is begun that would pass it, and the run stops once more have
                               come; 0: no limit */
  uint64_t duration_ms_max; /* stop after that; 0: no limit */
  uint64_t keep_free_bytes; /* of the destination's file system, 64 MiB: stop before less is free */
  const char *shard;        /* name of the shard that this run is (letters, digits, - and _); shards of one list may
                               run at the same time on one destination; NULL: the run has the destination alone */
  bool recheck;        /* files that are complete by size and time are read, and fetched anew where their bytes are not
                          those that were mirrored */
  bool delete_extra;   /* files that earlier runs put there and that this list does not have are deleted, unless
                          anything failed, rows may be missing or the list is empty; those that were changed since stay */
  uint64_t delete_max; /* more files than that are not deleted, none of them (LIMIT); 0: no limit */
  bool dry_run;        /* only say what would be done */
  void (*item)(void *user, const struct hdx_mirror_item *item); /* for each file; NULL: none */
  void *user;
};
HDX_API
void hdx_mirror_options_init(struct hdx_mirror_options *options);

struct hdx_mirror_summary {
  uint64_t files, bytes; /* wanted, each once; sizes that are known */
  uint64_t unchanged, fetched, resumed, failed, left, deleted;
  uint64_t twice;                     /* in the list more than once */
  uint64_t refused;                   /* rows or lines that name no file */
  uint64_t bytes_fetched, bytes_kept; /* from the network; of files that earlier runs had begun */
  /* What the survey of the list found, before anything was fetched, as far as sizes are known. */
  uint64_t files_to_fetch, bytes_to_fetch, unsized_to_fetch, requests_to_make;
  uint64_t bytes_free;               /* of the destination's file system then; UINT64_MAX: not known */
  uint64_t checked[HDX_CHECK_COUNT]; /* files fetched or resumed that were verified by each check */
  uint64_t elapsed_ns;
};

/* Downloads the list's files to the folder `dest`, which is made; what is complete (an earlier run's journal says so,
 * and size and time of the file are as it left them) is not asked for, unless the session refreshes: then its server is
 * asked whether it has changed. Many files and ranges of large files come at once; each is written under another name,
 * verified and renamed. A file that fails is told and the others go on.
 *
 * Verified are: size, against the index and the server; the index's checksum; MD5, where the entity tag of S3 is one;
 * S3's additional checksums, where it sends them. A file that is not what it should be is fetched anew once, then fails
 * with INTEGRITY. A CRC-32C of every file is kept in the journal, for hdx_mirror_verify.
 *
 * `summary` is filled in any case. PARTIAL: some failed; otherwise the gravest failure where none succeeded. USAGE: the
 * layout, or dest is no folder; IO: it cannot be written to, too little room (nothing was begun, all is LEFT), or the
 * disk became full; TEMPORARY is never returned for a destination that another process works on: it is waited for.
 * LIMIT: bytes_max or duration_ms_max was reached, a rerun goes on; or delete_max would be passed. INTERRUPTED. */
HDX_API
enum hdx_status hdx_mirror(struct hdx_session *session, struct hdx_files *files, const char *dest,
                           const struct hdx_mirror_options *options, struct hdx_mirror_summary *summary,
                           struct hdx_error *error);

/* What became of checking one mirrored file. Views live during the call. */
struct hdx_mirror_check {
  const char *location, *path;
  uint64_t size;
  enum hdx_status status; /* OK; NOT_FOUND: it is gone; INTEGRITY: other size or bytes; IO: it cannot be read */
  const char *message;    /* "" if all is well */
};

/* Reads every file that `dest` should have by its journal and compares size and CRC-32C, on the session's threads, in
 * no certain order. Asks no network. *files and *bytes (may be NULL) are what was read. NOT_FOUND: nothing was ever
 * mirrored there; PARTIAL: some are not sound; otherwise the gravest failure where none is. */
HDX_API
enum hdx_status hdx_mirror_verify(struct hdx_session *session, const char *dest,
                                  void (*visit)(void *user, const struct hdx_mirror_check *check), void *user,
                                  uint64_t *files, uint64_t *bytes, struct hdx_error *error);

/* --------------------------------------------------------------------------------------------------------- stream */

/* Some of the bytes of a file, in the order of the list and of the file. Borrowed until the next call. */
struct hdx_chunk {
  const struct hdx_file *file;
  const char *path; /* by the stream's layout, as in a mirror; "" without one */
  uint64_t size;    /* of the file, as its server says; UINT64_MAX: it does not */
  int64_t modified; /* when the object was last changed; HDX_TIME_NONE: not stated */
  const char *data;
  size_t bytes;     /* may be 0 */
  bool first, last; /* of the file */
  /* With `last`: what became of the file. Not OK with first and last: nothing of it could be had. Not OK with last
   * alone: what was handed out of it is not to be trusted (cut off, changed, a wrong checksum). */
  enum hdx_status status;
  const char *message;
  uint32_t checks; /* with `last` and OK: what it was verified by */
};

struct hdx_stream_options {
  uint64_t hold_bytes; /* files of no more than so many bytes are handed out once they are complete and verified, so
                          that they never end with a failure; 8 MiB, and at most a quarter of memory_bytes */
  bool ignore_size, ignore_checksums; /* as of a mirror */
  const char *layout; /* of the chunks' paths, as of a mirror, where no two files have the same one (which
                         takes 40 bytes of memory for each); NULL: they have none */
};
HDX_API
void hdx_stream_options_init(struct hdx_stream_options *options);

struct hdx_stream;

/* Opens the bytes of a list's files one after the other; many are fetched ahead, within the session's memory_bytes.
 * Files that fail are told as chunks, and the others go on. The list must outlive the stream, which alone reads on in
 * it. A file is asked for anew once if it is not what it should be and nothing of it was handed out. USAGE: the layout.
 */
HDX_API
enum hdx_status hdx_stream_open(struct hdx_session *session, struct hdx_files *files,
                                const struct hdx_stream_options *options, struct hdx_stream **stream,
                                struct hdx_error *error);
/* The next chunk; *chunk NULL is the end. Errors of hdx_files_next; INTERRUPTED. */
HDX_API
enum hdx_status hdx_stream_next(struct hdx_stream *stream, const struct hdx_chunk **chunk, struct hdx_error *error);
HDX_API
void hdx_stream_close(struct hdx_stream *stream); /* NULL is allowed */

/* ----------------------------------------------------------------------------------------------------------- each */

/* What became of the command of one file. Views live during the call. */
struct hdx_each_item {
  const struct hdx_file *file;
  uint64_t number;        /* in the list, from 1 */
  enum hdx_status status; /* OK: exit code 0; PARTIAL: another one, or a signal; INTERRUPTED: it was not begun, as the
                             run ended early; others: the file could not be had */
  int exit_code, signal;  /* signal 0: none */
  const char *message;
  uint64_t size;
  uint32_t checks; /* what the file was verified by: bits 1 << enum hdx_check */
};

struct hdx_each_options {
  const char *command; /* for /bin/sh -c */
  uint32_t processes;  /* at once; 0: as many as there are cores; fewer where few files may be open */
  bool ignore_size, ignore_checksums;
  void (*item)(void *user, const struct hdx_each_item *item); /* in the order of their ends; NULL: none */
  void *user;
};
HDX_API
void hdx_each_options_init(struct hdx_each_options *options);

struct hdx_each_summary {
  uint64_t files, succeeded, failed, left; /* left: not begun, as the run ended early */
  uint64_t bytes, elapsed_ns;
};

/* Runs the command once for each file of the list, with the file's bytes on its standard input: complete and verified,
 * from an unnamed temporary file in the store's folder, so that it may seek. Its environment is the session's and
 *   HELIODEX_FILE_ID, _LOCATION, _KEY, _NAME (what follows the key's last slash), _START, _STOP (ISO 8601), _SIZE,
 *   _NUMBER (in the list, from 1); variables of what is not known are not set.
 * Its standard output and error are the caller's; no other descriptor is open. Files that were not begun, as the run
 * ended early, are told as well. PARTIAL: some failed; otherwise the gravest failure where none succeeded. IO: no
 * temporary file can be made or written, which ends the run. INTERRUPTED: no command begins any more, and those that
 * run are waited for. */
HDX_API
enum hdx_status hdx_each(struct hdx_session *session, struct hdx_files *files, const struct hdx_each_options *options,
                         struct hdx_each_summary *summary, struct hdx_error *error);

/* ----------------------------------------------------------------------------------------------------------- plan */

/* A list of files cut into shards of about equal bytes, for jobs that share a mirror without talking to one another. A
 * plan is a file of NDJSON that never changes: a head (format, digest of all lines, number of shards, files and bytes),
 * a line for each snapshot that it was made from, a line for each shard, then a line for each file. Each shard is a run
 * of files that stand together in the list, so that folders stay together; files whose size is not stated count as the
 * mean of the others. No shard has more than its share and half of its largest file at either end. */
struct hdx_plan_shard {
  uint64_t files, bytes;
};

struct hdx_plan_info {
  uint32_t shard_count;
  const struct hdx_plan_shard *shards;   /* of number i + 1 */
  uint64_t files, bytes, unsized, twice; /* twice: rows and lines left out, as their location came before */
  const char *digest;                    /* of its lines: 32 hexadecimal digits */
  const char *created;                   /* ISO 8601 */
};

/* Takes a piece of a plan, which follows those before. What it returns other than OK ends the call. */
typedef enum hdx_status hdx_plan_writer(void *user, struct hdx_text piece, struct hdx_error *error);

/* Cuts the list (each location once) into `shards` and hands the plan to `write`. Goes through the list four times;
 * needs memory for a hash of each file (20 to 45 bytes), not for their names. *info (may be NULL) is the caller's, to
 * be freed by hdx_plan_info_free. A location that is no UTF-8 is one of the list's `refused`, which are told once.
 * USAGE: not 1 <= shards <= 1,000,000; EMPTY: no file, nothing was written; INTEGRITY: the list changed while it was
 * read (what was written is no plan). Errors of hdx_files_next, and those of `write`. */
HDX_API
enum hdx_status hdx_plan_write(struct hdx_files *files, uint32_t shards, hdx_plan_writer *write, void *user,
                               struct hdx_plan_info **info, struct hdx_error *error);
HDX_API
void hdx_plan_info_free(struct hdx_plan_info *info); /* NULL is allowed */

struct hdx_plan;
/* Opens a plan and checks it. INTEGRITY: it is none, of a later version, cut, or changed since (digest); NOT_FOUND, IO.
 */
HDX_API
enum hdx_status hdx_plan_open(struct hdx_session *session, const char *path, struct hdx_plan **plan,
                              struct hdx_error *error);
HDX_API
void hdx_plan_close(struct hdx_plan *plan); /* NULL is allowed */
HDX_API
const struct hdx_plan_info *hdx_plan_info(const struct hdx_plan *plan); /* owned by the plan */
/* The files of a shard (from 1), or of all (0), in the plan's order; the plan must outlive the list. `bucket` as in
 * hdx_files_read. USAGE: there is no such shard. */
HDX_API
enum hdx_status hdx_plan_files(struct hdx_plan *plan, uint32_t shard, const char *bucket, struct hdx_files **files,
                               struct hdx_error *error);

/* What reports of shards say together. */
struct hdx_merge_summary {
  uint64_t files, bytes; /* of the plan */
  uint64_t complete;     /* unchanged, fetched or resumed in some report, and neither failed nor left in the latest */
  uint64_t failed, missing;   /* the latest report says so; no report has them */
  uint64_t foreign, overlaps; /* lines about files that the plan does not have; that a shard has that is not its own */
  uint32_t shards_complete;
};
struct hdx_merge_item {
  const struct hdx_file *file;
  uint32_t shard;              /* of the plan; 0: the plan does not have it */
  const char *state, *message; /* "failed", "missing", "foreign", "overlap" */
  const char *report;          /* the file that says so; "": none */
};

/* Compares the reports of a plan's shards (what the program writes with --report; of a task that was repeated all
 * reports may be given, oldest first) with the plan. Calls `visit` for each file that is not complete, and each that
 * should not be there. PARTIAL: not all are complete, or a shard did what is not its own. INTEGRITY: a report is
 * malformed (file and line), or of another plan. */
HDX_API
enum hdx_status hdx_plan_merge(struct hdx_plan *plan, const char *const *reports, size_t report_count,
                               void (*visit)(void *user, const struct hdx_merge_item *item), void *user,
                               struct hdx_merge_summary *summary, struct hdx_error *error);

/* ---------------------------------------------------------------------------------------------------------- store */

struct hdx_year {
  int year; /* 0: a file without a year (static) */
  enum hdx_year_state state;
  const char *url, *etag, *last_modified, *reason; /* "" where unknown */
  int64_t checked_at;                              /* when its server last spoke of it */
  uint64_t rows, bad_rows, bytes;                  /* of the index file */
  /* What the file looked like, in words: "csv, header, quoted with ', no stop column, gzip"; "" if not known. */
  const char *form;
  uint64_t repairs;    /* times and quotes mended */
  uint64_t duplicates; /* rows that equal another of the file in start, stop and key, which are kept; of files out of
                          order with more than 8,192 rows, only those that equal the row before */
  bool unsorted;       /* its rows were out of order */
};

/* What an extra column is, as the file of parameters beside the index files says ("<id>.info" or "<id>.json"), which
 * also names columns that no header names. An index run asks for it when a dataset has extra columns, and reads the
 * index files anew if it says something else than before. One that is not there or malformed (a warning) leaves names
 * that are made up; one that cannot be read for now fails the index files that need it. */
enum hdx_parameter_type { HDX_PARAMETER_UNKNOWN, HDX_PARAMETER_STRING, HDX_PARAMETER_INTEGER, HDX_PARAMETER_DOUBLE };
struct hdx_parameter {
  enum hdx_parameter_type type;
  struct hdx_text units, description; /* empty: not stated */
};
/* "string", "int", "double"; "" for UNKNOWN. */
HDX_API
const char *hdx_parameter_type_name(enum hdx_parameter_type type);

struct hdx_snapshot_info {
  const char *path;
  const char *source; /* canonical URL of the bucket */
  struct hdx_text id;
  uint64_t rows, blocks, file_bytes;
  uint64_t size_sum, size_missing; /* of the data files */
  int64_t first, last;             /* the least start, the greatest stop; HDX_TIME_NONE without rows */
  int time_digits;
  bool stop_made_up;
  size_t year_count;
  const struct hdx_year *years;
  size_t extra_count;
  const struct hdx_text *extra_names;
  const struct hdx_parameter *extras; /* as many */
};

/* Describes what the store holds of a dataset (no network but for a registry name that is unknown). NOT_FOUND: nothing
 * is held. The answer is the caller's, to be freed by hdx_snapshot_info_free. */
HDX_API
enum hdx_status hdx_snapshot_info(struct hdx_session *session, const char *bucket, const char *id,
                                  struct hdx_snapshot_info **info, struct hdx_error *error);
HDX_API
void hdx_snapshot_info_free(struct hdx_snapshot_info *info);

/* How a column of a snapshot is written. */
struct hdx_column_info {
  const char *name;     /* "times", "filesize", "year", "datakey", or an extra column's */
  uint64_t bytes;       /* in all blocks together */
  const char *encoding; /* in words, the most frequent way first, with the number of blocks: "symbols (193)" */
};

/* Looks at every block of a described snapshot (their heads, not their rows; checks their hashes). The list is the
 * caller's, to be freed by hdx_column_info_free. INTEGRITY: a block is corrupt, or the snapshot could not be described;
 * MEMORY. */
HDX_API
enum hdx_status hdx_snapshot_columns(const struct hdx_snapshot_info *info, struct hdx_column_info **columns,
                                     size_t *count, struct hdx_error *error);
HDX_API
void hdx_column_info_free(struct hdx_column_info *columns);

/* Calls `visit` for each snapshot held (of `bucket`, or of all where NULL; of `ids`, or all where none), in the order
 * of their paths. `error` of a visit is set where the snapshot cannot be read; `info` then has path alone. `deep`:
 * every block is checked and decoded. Returns INTEGRITY or IO if any is unreadable. */
HDX_API
enum hdx_status
hdx_store_visit(struct hdx_session *session, const char *bucket, const char *const *ids, size_t id_count, bool deep,
                void (*visit)(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error),
                void *user, struct hdx_error *error);

/* What became of comparing a snapshot with its source. Views live during the call. */
struct hdx_comparison {
  const char *bucket; /* canonical URL */
  struct hdx_text id;
  size_t years, years_changed; /* index files compared; with other rows, or names of columns, than are held, as those
                                  are newer */
  uint64_t rows;               /* compared */
  bool differs;                /* rows differ although the index file is the same one */
  /* OK: every row is as its index file has it. PARTIAL: so are all but those of index files that changed since they
   * were fetched, which an index run would take over. INTEGRITY: rows differ.
   * Others (and INTEGRITY without `differs`): an index file could not be read, as hdx_index has it. */
  enum hdx_status status;
  const char *message; /* what differs, where, and how; "" if nothing does */
};

/* Fetches and parses the index files of a bucket's snapshots (of `ids`, or of all that are held where none) anew, and
 * compares them with what is held, row by row, calling `visit` for each dataset, first for those whose snapshot cannot
 * be read (`id` is then the name of its file, without .hdx). Needs as much room in the store as these snapshots take,
 * for as long as it runs; changes nothing. Returns the gravest status. NOT_FOUND: nothing of the kind is held; USAGE:
 * the session is offline. */
HDX_API
enum hdx_status hdx_store_compare(struct hdx_session *session, const char *bucket, const char *const *ids,
                                  size_t id_count, void (*visit)(void *user, const struct hdx_comparison *comparison),
                                  void *user, struct hdx_error *error);

/* Removes what is held of a bucket's ids (none: the whole bucket; bucket NULL: everything). NOT_FOUND: nothing of the
 * kind is held. */
HDX_API
enum hdx_status hdx_store_remove(struct hdx_session *session, const char *bucket, const char *const *ids,
                                 size_t id_count, uint64_t *removed, struct hdx_error *error);

/* ---------------------------------------------------------------------------------------------------------- arrow */

/* What lets go of structures of the Arrow C data interface (arrow.apache.org, which defines them) that a binding of
 * another language has put together. A consumer calls such a function from any thread, while an exception of the
 * language is on its way, or when its runtime has ended: functions of the language itself would fail then, these need
 * nothing but free. */
struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;

/* ArrowSchema.release, ArrowArray.release: frees the texts or buffers, lets go of the children and frees them, and the
 * arrays that point to them. Each of these is NULL or was allocated by malloc, or aligned_alloc; there is no
 * dictionary, and private_data is not regarded. */
HDX_API
void hdx_arrow_release_schema(struct ArrowSchema *schema);
HDX_API
void hdx_arrow_release_array(struct ArrowArray *array);

/* ArrowArrayStream.release: private_data points to an int32_t of the binding's, which becomes 1 (atomically): whoever
 * sees that frees it, and what else belongs to the stream. */
HDX_API
void hdx_arrow_release_stream(struct ArrowArrayStream *stream);

/* The destructor of a PyCapsule of Python called "arrow_array_stream": releases its stream unless a consumer has taken
 * it, and frees the structure, which was allocated by malloc. */
HDX_API
void hdx_arrow_end_capsule(void *capsule);

/* -------------------------------------------------------------------------------------------------------- version */

struct hdx_version {
  const char *heliodex, *curl, *uv, *zstd, *simdjson, *xxhash;
  const char *kernel; /* the CSV kernel in use: avx512, avx2, sse2, neon, scalar */
  const char *format; /* of snapshots, "1.1" */
};

HDX_API
void hdx_version(struct hdx_version *version);

#ifdef __cplusplus
}
#endif
#endif
