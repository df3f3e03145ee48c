/* The index job, as hdx_index and queries that miss years run it.
 *
 *   index.c     a run: which datasets are under way, what came of them all
 *   discover.c  which index files exist, by lists of their folders
 *   dataset.c   one dataset: which years to ask for, what their answers mean together, its snapshot
 *   states.c    the states that its years have from now on
 *   year.c      one index file: fetched by the loop, scanned by workers
 *   scan.c      the same on a worker: its rows handed to the dataset's writer
 *   faults.c    what was bad or mended in it: counted against the run's limit, kept, told
 *   parameters.c what the extra columns of a dataset are, as a document beside its index files says
 *   year_name.c what it is called, and where it is kept
 *
 *   run ─has─ datasets: WAITING → opened (worker) → years under way → settled → committed (worker) → done
 *
 * All decisions are made on the loop thread; a worker owns a year or a dataset only while it runs its work. */
#ifndef HDX_JOB_INDEX_H
#define HDX_JOB_INDEX_H

#include "base/file.h"
#include "base/time.h"
#include "job/bad_rows.h"
#include "job/discover.h"
#include "job/session.h"
#include "parse/unpack.h"
#include "snapshot/snapshot.h"

#define HDX_ROWS_TEXT_BYTES (8u << 20) /* text of a year's rows in memory before they are written as a block */

/* Where index files lie together: what tells a gap from a refusal when the server says 403. */
struct hdx_prefix {
  struct hdx_text index;
  bool readable;           /* an object below it was read in this run */
  bool tells_missing;      /* its server said 404 of an object in this run: a 403 is a refusal then */
  size_t datasets_left;    /* that may still read one */
  size_t datasets_waiting; /* that have not begun */
  uint64_t wanted;         /* index files */
  enum hdx_discovery_state discovery_state;
  struct hdx_discovery *discovery; /* NULL: none was begun */
};

enum hdx_year_outcome {
  HDX_OUTCOME_NONE, /* under way */
  HDX_OUTCOME_NEW,  /* fetched and scanned */
  HDX_OUTCOME_UNCHANGED,
  HDX_OUTCOME_ABSENT, /* no such file */
  HDX_OUTCOME_DENIED, /* 403: absent or a failure, as the dataset will tell */
  HDX_OUTCOME_FAILED,
  HDX_OUTCOME_INTERRUPTED
};

/* What is left of a scan once its scanner reads for another year. */
struct hdx_year_scanned {
  uint64_t rows, bad_rows, bytes, repairs;
  int time_digits;
  bool unsorted;
};

/* A scanner, what unpacks for it, and the year it reads for; used again for other years. */
struct hdx_scanner {
  struct hdx_scanner *next;
  struct hdx_unpack *unpack;
  struct hdx_csv *csv;
  struct hdx_year_job *year;
};

struct hdx_year_job;
struct hdx_dataset_job;

/* Looks at index files in place of holding their rows: a run that has one opens, writes and locks nothing of the store.
 * `inspected` of a year is its own. */
struct hdx_inspector {
  /* On the worker that has the year: its scan begins, or begins anew; rows; a row that cannot be read; the file has
   * ended. */
  enum hdx_status (*begin)(struct hdx_year_job *year, struct hdx_error *error);
  enum hdx_status (*rows)(struct hdx_year_job *year, const struct hdx_csv_batch *batch, struct hdx_error *error);
  void (*bad)(struct hdx_year_job *year, const struct hdx_csv_bad_row *bad);
  void (*end)(struct hdx_year_job *year);
  void (*free)(void *inspected);
  /* On the loop thread: all years of a dataset have settled, or (status) it failed as a whole. */
  void (*dataset)(void *user, struct hdx_dataset_job *job, enum hdx_status status, const char *message);
  void *user;
};

struct hdx_year_job {
  struct hdx_work work;
  struct hdx_dataset_job *dataset;
  struct hdx_year_job *next;
  int year;
  char *location;             /* as published */
  struct hdx_target target;   /* as fetched */
  const struct hdx_year *old; /* what the older snapshot has of it, or NULL */
  enum hdx_year_outcome outcome;
  enum hdx_status status;
  char message[HDX_ERROR_TEXT_MAX];
  bool listed; /* a list has it */
  bool asked_again;
  bool gzipped;      /* it is looked for as .csv.gz */
  bool name_known;   /* the other name, .csv or .csv.gz, is not to be tried (any more) */
  bool name_changed; /* it is being tried, */
  bool name_denied;  /* as by the first one the answer was 403, not 404 */
  bool cached;       /* it is kept from an earlier run, and read from there */
  char *etag, *last_modified;
  uint64_t bytes, size; /* that came; that will come, as far as is known */
  /* scanning: blocks that wait, those that the worker has, and what it is to do with them */
  struct hdx_block *queue, **queue_last, *taken;
  bool busy, restarted, ended; /* as the loop knows it */
  bool settling;               /* the outcome is known, but the worker still has the year */
  bool restart, last;          /* told to the worker */
  enum hdx_status ready;       /* whether the year can be scanned at all */
  enum hdx_status scan_status; /* the worker's while busy */
  struct hdx_error scan_error;
  struct hdx_scanner *scanner;
  struct hdx_bad_rows bad_rows; /* that are to be told */
  uint64_t bad_count;           /* of the reading that counts */
  bool bad_ended;               /* the run's limit was reached in this file: scan_status tells */
  struct hdx_rows rows;
  size_t rows_bytes; /* of them, as counted in the run */
  struct hdx_year_scanned scanned;
  size_t *columns; /* places in rows of the file's extra columns */
  bool named;      /* those that no header names have the names that the dataset's parameters say */
  uint64_t duplicates;
  char *form;                        /* what the file looked like, once it was read */
  struct hdx_year_job *next_waiting; /* for the dataset's parameters */
  void *inspected;
  char *keep_path; /* where the file is kept as it came; NULL: nowhere */
  int64_t kept_at; /* when it was */
  struct hdx_temp keep;
  uint64_t keep_bytes;
};

struct hdx_dataset_job {
  struct hdx_work work;
  struct hdx_index_run *run;
  struct hdx_dataset_job *next; /* among the parked ones, or those that are written */
  const struct hdx_dataset *dataset;
  struct hdx_prefix *prefix;
  char *path;
  struct hdx_reader *old; /* the older snapshot, or NULL */
  bool corrupt;           /* there is one, but it cannot be read: error tells why */
  int64_t confirmed;      /* when all of its years were last confirmed */
  struct hdx_writer *writer;
  struct hdx_year_job *years;        /* that were asked for */
  struct hdx_parameters *parameters; /* NULL: no extra columns are held or were read yet */
  size_t years_left;
  bool failed;
  enum hdx_status begun; /* why not all years could be begun that were wanted; with `error` */
  bool concluded;        /* something came of it: not all of it was interrupted */
  /* for the worker that commits, and from it */
  struct hdx_year *states;
  size_t state_count;
  int *kept; /* years whose rows come from the older snapshot */
  size_t kept_count;
  int digits;
  struct hdx_temp file; /* the new snapshot, complete but for its name */
  enum hdx_status status;
  struct hdx_error error;
  uint64_t rows, file_bytes;
  uint64_t succeeded;  /* index files, counted in the run once the snapshot is written */
  uint64_t held_bytes; /* of its index files, as counted in the run */
};

struct hdx_index_run {
  struct hdx_session *session;
  const struct hdx_catalog *catalog;
  const struct hdx_dataset *const *datasets;
  size_t dataset_count;
  const struct hdx_index_options *options;
  bool for_query;    /* the options' range is a query's: the years that it needs are wanted */
  bool unknown_only; /* years that are known are not asked for; of the others, those in the index cache are not */
  struct hdx_index_summary *summary;
  const struct hdx_store *store;         /* where snapshots go; NULL: the session's */
  const char *keep_folder;               /* where index files are kept, set by hdx_index_run; NULL: nowhere */
  const struct hdx_inspector *inspector; /* NULL: rows become snapshots */

  struct hdx_arena arena;
  struct hdx_prefix *prefixes; /* by index */
  size_t prefix_count;
  struct hdx_dataset_job *parked;  /* settled but for what a 403 means */
  struct hdx_dataset_job *written; /* whose snapshots wait to be synced and named */
  struct hdx_group *group;         /* that is being synced: one at a time, so that the next one gathers meanwhile */
  struct hdx_scanner *scanners;    /* to be used again */
  size_t next_dataset, datasets_opening, datasets_open, datasets_parked, datasets_done;
  size_t datasets_max; /* under way at once */
  size_t years_pending, lists_open;
  size_t next_to_discover;
  uint64_t names_bytes; /* of listed files */
  uint64_t files_total, files_done, held_bytes, started_ns;
  int64_t now;
  uint64_t succeeded, failed;      /* index files */
  atomic_uint_fast64_t rows_bytes; /* of all rows in memory: of years that are being scanned, held back by writers */
  bool untold;                     /* there was no memory to begin a dataset with, or to tell of it */
  struct hdx_spool spool;          /* of bad rows, if somebody wants to be told */
  atomic_uint_fast64_t bad_rows;   /* so far, in all files */
  atomic_bool bad_ended;           /* they are too many: the run ends */
  enum hdx_status gravest;
  struct hdx_error first_error;
  bool stop; /* begin no more datasets: the disk is full, or the run was cancelled */
  bool done, advancing;
};

/* The catalog's datasets that `globs` name, each id once; in the order of the ids. *list is the caller's to free.
 * NOT_FOUND: a literal id that does not exist; EMPTY: no match. */
enum hdx_status hdx_index_choose(struct hdx_session *session, const struct hdx_catalog *catalog,
                                 const char *const *globs, size_t glob_count, const struct hdx_dataset ***list,
                                 size_t *count, struct hdx_error *error);
/* Whether a text is an id, and not a pattern of ids. */
bool hdx_index_literal(const char *glob);

/* Runs `run` (the members up to summary are given). Status as hdx_index's. */
enum hdx_status hdx_index_run(struct hdx_index_run *run, struct hdx_error *error);

/* index.c, for the others */
struct hdx_prefix *hdx_index_prefix(const struct hdx_index_run *run, struct hdx_text index);
/* Counts a failure of an index file or dataset. */
void hdx_index_failed(struct hdx_index_run *run, enum hdx_status status, const char *message);
/* Something was settled: begins datasets while there is room, wakes parked ones, sees whether all is done. */
void hdx_index_advance(struct hdx_index_run *run);

/* dataset.c */
/* The years to ask for, before it is known which are held. */
struct hdx_years hdx_index_wanted(const struct hdx_index_run *run, const struct hdx_dataset *dataset);
void hdx_dataset_start(struct hdx_index_run *run, const struct hdx_dataset *dataset, struct hdx_prefix *prefix);
/* What has to be known before is known: begins the years of the dataset. */
void hdx_dataset_begin_years(struct hdx_dataset_job *job);
void hdx_dataset_year_settled(struct hdx_year_job *year);
/* Begins to sync what is written, unless that is under way. */
void hdx_dataset_sync(struct hdx_index_run *run);
/* What is parked is decided: its prefix was readable, or never will be. */
void hdx_dataset_unpark(struct hdx_dataset_job *job);

/* states.c */
/* Whether the snapshot that is there says all that is known now (but for the time of asking). */
bool hdx_dataset_unchanged(const struct hdx_dataset_job *job);
/* Fills the job's states and kept from the years asked for and from the others of the older snapshot; counts and tells
 * what became of the former. MEMORY. */
enum hdx_status hdx_dataset_collect(struct hdx_dataset_job *job);
/* Whether a year was asked for in this run. */
bool hdx_dataset_asked(const struct hdx_dataset_job *job, int number);
/* Whether what is held says what the archive has of a year. */
static inline bool hdx_year_known(const struct hdx_year *year) {
  return year && year->state != HDX_YEAR_FAILED;
}

/* Opens the snapshot of a source's dataset. As hdx_reader_open; INTEGRITY: it is another dataset's. */
enum hdx_status hdx_dataset_open(const char *path, const struct hdx_source *source, struct hdx_text id,
                                 struct hdx_reader **reader, struct hdx_error *error);

/* When all years of a snapshot were last confirmed: its time of last change. HDX_TIME_MIN: there is none. */
int64_t hdx_dataset_confirmed(const char *path);

/* year.c */
enum hdx_status hdx_year_start(struct hdx_dataset_job *dataset, int year, const struct hdx_year *old,
                               struct hdx_error *error);
void hdx_year_free(struct hdx_year_job *year);
/* The file was read to its end, and what its extra columns are is known, if it has any. */
void hdx_year_go_on(struct hdx_year_job *year);

/* faults.c */
/* The scanner found a bad row (on a worker). */
void hdx_year_bad_row(struct hdx_year_job *year, const struct hdx_csv_bad_row *bad_row);
/* The file is read anew (on a worker). */
void hdx_year_forget_bad_rows(struct hdx_year_job *year);
/* Logs what the scan found. */
void hdx_year_log(struct hdx_year_job *year);
/* Tells the caller of each bad row. */
void hdx_year_tell_bad_rows(struct hdx_year_job *year);

/* scan.c */
/* A scanner for years of the run. NULL: out of memory. */
struct hdx_scanner *hdx_scanner_new(const struct hdx_index_run *run, struct hdx_error *error);
void hdx_scanner_free(struct hdx_scanner *scanner);
/* Frees the rows of a year that are in memory. No worker has it. */
void hdx_year_drop_rows(struct hdx_year_job *year);
/* The work of a year: what was taken is scanned, as the year's restart and last say. */
void hdx_year_scan(struct hdx_work *work);

/* year_name.c */
/* Takes the file from the index cache if it has it, and if the run reads what it has: its target is that file then. */
enum hdx_status hdx_year_find_kept(struct hdx_year_job *year, struct hdx_error *error);
/* The cache has it no longer: finds where its server has it. */
enum hdx_status hdx_year_forget_kept(struct hdx_year_job *year, struct hdx_error *error);
/* Finds where the file is, by the name that it is looked for; on an error all is as before. */
enum hdx_status hdx_year_locate(struct hdx_year_job *year, struct hdx_error *error);
void hdx_year_forget_name(struct hdx_year_job *year);
/* Whether rows are held of a file that is called .csv.gz. */
bool hdx_year_held_gzipped(const struct hdx_year *old);
/* Whether a file that is not there may be there by its other name: .csv.gz for .csv, and the other way round. */
bool hdx_year_has_other_name(const struct hdx_year_job *year);
/* Whether that is worth a request: not for a gap that is known, unless other files of the dataset are called .csv.gz.
 */
bool hdx_year_worth_asking(const struct hdx_year_job *year);
/* Looks for the file by its other name from now on; on an error all is as before. */
enum hdx_status hdx_year_change_name(struct hdx_year_job *year, struct hdx_error *error);

#endif
