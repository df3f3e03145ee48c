/* The tables that the parser, the help, the man page, the completions and the README's synopsis are made from: every
 * option and every verb once. */
#ifndef HDX_CLI_OPTIONS_H
#define HDX_CLI_OPTIONS_H

#include "heliodex.h"

struct cli;

enum cli_format {
  CLI_FORMAT_AUTO, /* not given */
  CLI_FORMAT_TABLE,
  CLI_FORMAT_CSV,
  CLI_FORMAT_TSV,
  CLI_FORMAT_NDJSON,
  CLI_FORMAT_JSON,
  CLI_FORMAT_KEYS,
  /* lists for other tools, of data files alone */
  CLI_FORMAT_URLS,
  CLI_FORMAT_S5CMD,
  CLI_FORMAT_ARIA2,
  CLI_FORMAT_RCLONE
};

static inline bool cli_format_is_manifest(unsigned format) {
  return format >= CLI_FORMAT_URLS;
}

enum cli_progress_mode { CLI_PROGRESS_AUTO = 1, CLI_PROGRESS_PLAIN, CLI_PROGRESS_JSON, CLI_PROGRESS_NONE };
enum cli_color_mode { CLI_COLOR_AUTO = 1, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };
enum cli_url_style { CLI_URL_HTTPS = 1, CLI_URL_S3, CLI_URL_PRESIGNED };
enum cli_count_by { CLI_COUNT_BY_YEAR = 1, CLI_COUNT_BY_MONTH, CLI_COUNT_BY_DAY };
enum cli_fsync_mode { CLI_FSYNC_BATCH = 1, CLI_FSYNC_NONE };
enum cli_match_mode { CLI_MATCH_OVERLAP = 1, CLI_MATCH_START, CLI_MATCH_CONTAINED };

/* Values given several times, in their order; the texts belong to argv or the environment. */
struct cli_list {
  char **items;
  size_t count;
};

/* One member for each option. */
struct cli_settings {
  /* output */
  unsigned format;
  const char *output;
  bool null;
  uint64_t limit;
  bool error_on_empty;
  bool reverse, summary;
  unsigned count_by;
  unsigned url_style;
  uint64_t expires_ms;
  /* what is asked for */
  int64_t start, stop;
  unsigned match;
  bool allow_partial;
  struct cli_list keys, key_excludes, wheres;
  uint64_t min_size, max_size; /* where given */
  bool latest_version;
  const char *collection, *path, *path_regex;
  bool ignore_case, tree;
  int64_t since;
  const char *search_id, *search_title;
  const char *region_prefix;
  bool recursive;
  const char *start_after;
  unsigned discover;
  bool first;
  bool all, dry_run, strict, keep_vanished, deep;
  unsigned severity; /* enum hdx_severity + 1 */
  uint64_t findings_max;
  bool rules;
  uint64_t bad_rows_max;
  const char *keep_index;
  /* data files */
  const char *keys_from, *from_failed, *plan, *shard;
  uint64_t shards;
  const char *dest, *layout, *mirror;
  bool flat, ignore_size, ignore_checksums, adopt, recheck, delete_extra;
  uint64_t delete_max;
  unsigned fsync;
  uint64_t bytes_max, duration_ms_max, keep_free_bytes;
  bool tar;
  const char *exec;
  uint64_t processes;
  /* access */
  const char *store, *registry, *catalog_name, *endpoint_url, *region, *ca_file, *profile;
  bool sign, no_sign, dualstack;
  unsigned request_payer, addressing;
  struct cli_list maps;
  bool offline, refresh;
  uint64_t catalog_bytes_max;
  /* tuning */
  uint64_t jobs, connections_per_host, part_bytes, threads, memory_bytes, retries;
  uint64_t retry_ms_max, stall_ms_max, connect_ms_max, rate_bytes;
  /* messages */
  unsigned progress, color;
  bool quiet;
  uint64_t verbose;
  const char *stats, *report, *failed_out;
  bool help, version;
  /* what help prints instead of help */
  bool man, markdown;
};

enum cli_type {
  CLI_FLAG,     /* bool; --flag, or --flag=yes|no */
  CLI_COUNT,    /* uint64_t: how often it is given, at most max */
  CLI_NUMBER,   /* uint64_t in [min, max] */
  CLI_SIZE,     /* uint64_t, bytes */
  CLI_DURATION, /* uint64_t, milliseconds */
  CLI_TIME,     /* int64_t, ns; HDX_TIME_NONE: not given */
  CLI_TEXT,     /* const char * */
  CLI_FILE,     /* const char *, completed as a file name */
  CLI_DIRECTORY,
  CLI_CHOICE, /* unsigned: place in choices from 1; 0: not given */
  CLI_PRESET, /* a flag that sets a choice: min is its place */
  CLI_MAP,    /* struct cli_list of A=URL */
  CLI_LIST,   /* struct cli_list; given by the environment, one item */
  CLI_WHERE   /* the same, of conditions: COLUMN=VALUE */
};

enum cli_group { CLI_GROUP_OUTPUT, CLI_GROUP_SELECT, CLI_GROUP_ACCESS, CLI_GROUP_TUNING, CLI_GROUP_MESSAGES };
#define CLI_GROUP_COUNT 5

const char *cli_group_title(enum cli_group group);

/* Verbs as a set of bits, in the order of the table of verbs. */
enum cli_verb_bit {
  CLI_VERB_REGISTRY = 1 << 0,
  CLI_VERB_REGISTRY_ENDPOINT = 1 << 1,
  CLI_VERB_DATASETS = 1 << 2,
  CLI_VERB_INFO = 1 << 3,
  CLI_VERB_LS = 1 << 4,
  CLI_VERB_SEARCH = 1 << 5,
  CLI_VERB_INDEX = 1 << 6,
  CLI_VERB_QUERY = 1 << 7,
  CLI_VERB_MIRROR = 1 << 8,
  CLI_VERB_CAT = 1 << 9,
  CLI_VERB_PLAN = 1 << 10,
  CLI_VERB_MERGE = 1 << 11,
  CLI_VERB_VALIDATE = 1 << 12,
  CLI_VERB_VERIFY = 1 << 13,
  CLI_VERB_STORE_LIST = 1 << 14,
  CLI_VERB_STORE_REMOVE = 1 << 15,
  CLI_VERB_VERSION = 1 << 16,
  CLI_VERB_COMPLETION = 1 << 17,
  CLI_VERB_HELP = 1 << 18
};
#define CLI_VERBS_ALL ((1u << 19) - 1)
/* Those that want data files: of a query, of a list or of a plan. */
#define CLI_VERBS_FILES (CLI_VERB_MIRROR | CLI_VERB_CAT | CLI_VERB_PLAN)
/* Those that print rows. */
#define CLI_VERBS_ROWS                                                                                                 \
  (CLI_VERB_REGISTRY | CLI_VERB_REGISTRY_ENDPOINT | CLI_VERB_DATASETS | CLI_VERB_INFO | CLI_VERB_LS |                  \
   CLI_VERB_SEARCH | CLI_VERB_QUERY | CLI_VERB_MERGE | CLI_VERB_VALIDATE | CLI_VERB_VERIFY | CLI_VERB_STORE_LIST |     \
   CLI_VERB_VERSION)

#define CLI_OPTIONS_MAX 128
#define CLI_OPPOSITES_MAX 2

struct cli_option {
  const char *name;     /* without the dashes */
  char letter;          /* 0: none */
  const char *argument; /* what its value is called; NULL: takes none */
  enum cli_type type;
  enum cli_group group;
  size_t offset; /* in struct cli_settings */
  uint64_t min, max;
  const char *const *choices; /* of a CLI_CHOICE, NULL at the end */
  const char *fallback;       /* the default as the parser reads it; NULL: not given */
  const char *fallback_text;  /* the default as the help says it, where that differs */
  uint32_t verbs;
  const char *opposites[CLI_OPPOSITES_MAX]; /* options of the command line that undo this one of the environment */
  bool hidden;
  bool empty; /* a CLI_TEXT that may be empty */
  const char *help;
};

size_t cli_option_count(void);
const struct cli_option *cli_option_at(size_t i);
/* By its long name; NULL: none. */
const struct cli_option *cli_option_find(const char *name, size_t size);
const struct cli_option *cli_option_letter(char letter);
/* Its place in the table. */
size_t cli_option_place(const struct cli_option *option);
/* Whether all verbs take it. */
bool cli_option_global(const struct cli_option *option);

#define CLI_VARIABLE_MAX 64
/* "HELIODEX_PART_SIZE" for --part-size. */
const char *cli_option_variable(const struct cli_option *option, char out[CLI_VARIABLE_MAX]);

enum cli_verb_need {
  CLI_NEED_SESSION = 1, /* reads the environment, opens a session, answers signals */
  CLI_NEED_OUTPUT = 2,  /* writes to standard output */
  CLI_NEED_FILES = 4    /* operands are files (which completions propose) */
};

#define CLI_OPERANDS_ANY SIZE_MAX

struct cli_verb {
  const char *name;     /* one word, or two: "store list" */
  const char *operands; /* as the synopsis shows them: "BUCKET ID"; "" where it takes none */
  size_t operands_min, operands_max;
  uint32_t bit;
  uint32_t needs;
  const char *summary;         /* one line, no full stop */
  const char *description;     /* paragraphs, divided by blank lines */
  const char *const *examples; /* command lines, NULL at the end; may be NULL */
  enum hdx_status (*run)(struct cli *cli, struct hdx_error *error);
};

size_t cli_verb_count(void);
const struct cli_verb *cli_verb_at(size_t i);
const struct cli_verb *cli_verb_find(const char *name);
/* The verb that the operands begin with, and how many of them name it; NULL: none. */
const struct cli_verb *cli_verb_of(char *const *operands, size_t count, size_t *words);
/* Whether `name` is the first word of verbs of two words, as "store" is. */
bool cli_verb_family(const char *name);

/* The day of the release, for the man page. */
#define CLI_RELEASE_DATE "2026-11-22"
#define CLI_TEXT_OF(x) #x
#define CLI_VERSION_TEXT_OF(a, b, c) CLI_TEXT_OF(a) "." CLI_TEXT_OF(b) "." CLI_TEXT_OF(c)
#define CLI_VERSION_TEXT CLI_VERSION_TEXT_OF(HDX_VERSION_MAJOR, HDX_VERSION_MINOR, HDX_VERSION_PATCH)

#endif
