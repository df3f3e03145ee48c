#include "cli/options.h"

#include "cli/text.h"

#include <assert.h>
#include <ctype.h>

#define AT(member) offsetof(struct cli_settings, member)
#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)
#define DAY_MS UINT64_C(86400000)

static const char *const formats[] = {"table", "csv",   "tsv",   "ndjson", "json", "keys",
                                      "urls",  "s5cmd", "aria2", "rclone", NULL};
static const char *const url_styles[] = {"https", "s3", "presigned", NULL};
static const char *const payers[] = {"requester", NULL};
static const char *const addressings[] = {"auto", "virtual", "path", NULL};
static const char *const discoveries[] = {"auto", "list", "probe", NULL};
static const char *const progresses[] = {"auto", "plain", "json", "none", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const units[] = {"year", "month", "day", NULL};
static const char *const severities[] = {"note", "warning", "error", NULL};
static const char *const fsyncs[] = {"batch", "none", NULL};
static const char *const matches[] = {"overlap", "start", "contained", NULL};

/* Those that ask for rows by conditions. */
#define ASKING (CLI_VERB_QUERY | CLI_VERBS_FILES)
#define RANGED (CLI_VERB_INDEX | ASKING)
#define LISTING (CLI_VERB_REGISTRY | CLI_VERB_DATASETS | CLI_VERB_LS | CLI_VERB_SEARCH | CLI_VERB_STORE_LIST | ASKING)

static const struct cli_option options[] = {
    {"format", 0, "FORMAT", CLI_CHOICE, CLI_GROUP_OUTPUT, AT(format), .choices = formats,
     .fallback_text = "table on a terminal, otherwise csv", .verbs = CLI_VERBS_ROWS,
     .help =
         "How rows are written. table, csv, tsv, ndjson, json and keys are for every verb that writes rows; urls, "
         "s5cmd, aria2 and rclone for query alone. csv is RFC 4180 with a header, but with plain newlines; tsv "
         "escapes tab, newline, carriage return and backslash with a backslash; ndjson is one object a line, json one "
         "array of them; keys is the naming column alone, one a line. On a terminal, characters that would steer it "
         "are shown as "
         "\\x1b; -o - writes them as they are. Lists of data files for other tools: urls, one "
         "a line; s5cmd: commands for s5cmd run; aria2: for aria2c -i; rclone: keys within the bucket, for "
         "--files-from. All but urls take the files of one bucket, that of the first row. A row whose key is of "
         "another bucket, names no file, has a component . or .., would write outside of the destination, break its "
         "line or mean something else to the tool is left out: the first ten are told, all are counted, and the exit "
         "status is 1, or 7 if no row is left. A file that stands in rows one right behind the other is listed once."},
    {"json", 0, NULL, CLI_PRESET, CLI_GROUP_OUTPUT, AT(format), .min = CLI_FORMAT_NDJSON, .verbs = CLI_VERBS_ROWS,
     .help = "The same as --format ndjson."},
    {"null", '0', NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(null), .verbs = CLI_VERBS_ROWS | CLI_VERBS_FILES,
     .help = "Lists have a NUL behind each key in place of a newline: those that --format keys and urls write (for "
             "xargs -0), "
             "and the one that --keys-from reads."},
    {"output", 'o', "FILE", CLI_FILE, CLI_GROUP_OUTPUT, AT(output),
     .verbs = CLI_VERBS_ROWS | CLI_VERB_CAT | CLI_VERB_PLAN,
     .help = "Write rows (cat: bytes; plan: the plan) to FILE, which appears (or is replaced) only when all are "
             "written; - is standard output."},
    {"limit", 0, "N", CLI_NUMBER, CLI_GROUP_OUTPUT, AT(limit), .min = 1, .max = INT64_MAX,
     .verbs = CLI_VERB_DATASETS | CLI_VERB_LS | CLI_VERB_SEARCH | ASKING, .help = "At most N rows; 1 or more."},
    {"reverse", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(reverse), .verbs = ASKING,
     .help = "Rows in exactly the opposite order; with --limit N the last N rows."},
    {"summary", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(summary), .verbs = CLI_VERB_QUERY,
     .help =
         "Write, in place of rows, one row for each dataset that sums them up: id, rows, bytes (of the sizes that are "
         "stated), unsized (rows whose size is not), start (the first), stop (the last)."},
    {"count-by", 0, "UNIT", CLI_CHOICE, CLI_GROUP_OUTPUT, AT(count_by), .choices = units, .verbs = CLI_VERB_QUERY,
     .help =
         "Write, in place of rows, one row for each year, month or day in which rows of a dataset start: id, year "
         "(2020), month (2020-02) or day (2020-02-01), rows, bytes, unsized, as --summary has them. Rows without time "
         "are counted under the word static."},
    {"url-style", 0, "STYLE", CLI_CHOICE, CLI_GROUP_OUTPUT, AT(url_style), .choices = url_styles, .fallback = "https",
     .verbs = CLI_VERB_QUERY,
     .help = "What --format urls (and aria2: https or presigned) writes: https: the URL that a file is fetched from, "
             "percent-encoded, at AWS or below "
             "--endpoint-url; s3: s3://bucket/key as published; presigned: the https URL with a signature of yours in "
             "it, so that whoever has it may fetch a private file until it expires (a new file of -o is yours alone)."},
    {"expires", 0, "DURATION", CLI_DURATION, CLI_GROUP_OUTPUT, AT(expires_ms), .min = 1000, .max = 7 * DAY_MS,
     .fallback = "1h", .verbs = CLI_VERB_QUERY,
     .help = "How long presigned URLs hold: at most 7 days, and no longer than the credentials that sign them."},
    {"error-on-empty", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(error_on_empty), .verbs = LISTING | CLI_VERB_INDEX,
     .help =
         "End with exit status 9 where nothing matches (query: also where one of several patterns matches no dataset); "
         "without it that is a warning."},

    {"start", 0, "TIME", CLI_TIME, CLI_GROUP_SELECT, AT(start), .verbs = RANGED,
     .help = "From this time on: ISO 8601 in UTC, in any truncation (2020, 2020-02-01T06), or with the day of the year "
             "(2020-032); the final Z may be missing. Index takes whole years."},
    {"stop", 0, "TIME", CLI_TIME, CLI_GROUP_SELECT, AT(stop), .verbs = RANGED,
     .help = "Up to, but not including this time. A truncated time is its first instant, so --stop 2021 ends with "
             "2020."},
    {"match", 0, "RULE", CLI_CHOICE, CLI_GROUP_SELECT, AT(match), .choices = matches, .fallback = "overlap",
     .verbs = ASKING,
     .help = "Which rows are in the range: overlap: those that end at or behind the start and begin before the stop; "
             "start: those that begin in it; contained: those that begin and end in it."},
    {"allow-partial", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(allow_partial), .verbs = ASKING,
     .help = "Answer although a wanted year cannot be read, with a warning and exit status 1."},
    {"key", 0, "GLOB", CLI_LIST, CLI_GROUP_SELECT, AT(keys), .verbs = ASKING,
     .help = "Only rows whose key matches the shell pattern GLOB: the whole key if GLOB has a slash, otherwise what "
             "follows the key's last slash. May be given several times: any of them must match."},
    {"key-exclude", 0, "GLOB", CLI_LIST, CLI_GROUP_SELECT, AT(key_excludes), .verbs = ASKING,
     .help = "Only rows whose key does not match GLOB, by the same rule. May be given several times."},
    {"min-size", 0, "SIZE", CLI_SIZE, CLI_GROUP_SELECT, AT(min_size), .max = INT64_MAX, .verbs = ASKING,
     .help = "Only rows with at least SIZE bytes; those whose size is not stated do not match."},
    {"max-size", 0, "SIZE", CLI_SIZE, CLI_GROUP_SELECT, AT(max_size), .max = INT64_MAX, .verbs = ASKING,
     .help = "Only rows with at most SIZE bytes; those whose size is not stated do not match."},
    {"where", 0, "COLUMN=VALUE", CLI_WHERE, CLI_GROUP_SELECT, AT(wheres), .verbs = ASKING,
     .help =
         "Only rows with VALUE in an extra column of the index; or with !=, <, <=, > or >= in place of =. Compared as "
         "numbers if both are decimal numbers (0094 = 94), otherwise bytewise as text; blanks around the operator do "
         "not "
         "count. What is not stated equals the "
         "empty VALUE and is neither less nor greater than anything. May be given several times: all must hold."},
    {"latest-version", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(latest_version), .verbs = ASKING,
     .help =
         "Of rows of a dataset that start at the same instant and whose keys differ in their version alone only those "
         "with the greatest, compared number by number: a v behind one of _ - . / with digits, then further digits "
         "behind dots, as _v06. or _v7.1.1. or -V2 (the last one in the key). What follows behind an underscore or as "
         ".001 numbers parts and is no version. Versions that start at another instant stay, as do keys without a "
         "version. Rows are compared after all other conditions and before --limit; -v says how many were left out."},
    {"collection", 0, "GLOB", CLI_TEXT, CLI_GROUP_SELECT, AT(collection), .verbs = CLI_VERB_DATASETS,
     .help = "Only datasets of a collection that matches GLOB."},
    {"since", 0, "TIME", CLI_TIME, CLI_GROUP_SELECT, AT(since), .verbs = CLI_VERB_DATASETS,
     .help = "Only datasets that changed at TIME or later, as the catalog's \"modification\" says; those for which it "
             "says nothing are left out and counted in a warning."},
    {"path", 0, "PART", CLI_TEXT, CLI_GROUP_SELECT, AT(path), .verbs = CLI_VERB_DATASETS,
     .help = "Only datasets whose index location (s3://bucket/folder/) contains PART."},
    {"path-regex", 0, "RE", CLI_TEXT, CLI_GROUP_SELECT, AT(path_regex), .verbs = CLI_VERB_DATASETS,
     .help = "Only datasets in whose index location the POSIX extended regular expression RE matches a part."},
    {"ignore-case", 'i', NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(ignore_case), .verbs = CLI_VERB_DATASETS,
     .help = "Compare --path and --path-regex in any letter case."},
    {"tree", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(tree), .verbs = CLI_VERB_DATASETS,
     .help = "Write one row for each first word of the ids (what stands before the first - or _): the word, how many "
             "datasets begin with it, their first start, their last stop, their ids."},
    {"id", 0, "PART", CLI_TEXT, CLI_GROUP_SELECT, AT(search_id), .verbs = CLI_VERB_SEARCH,
     .help = "Only datasets whose id contains PART, in any letter case."},
    {"title", 0, "PART", CLI_TEXT, CLI_GROUP_SELECT, AT(search_title), .verbs = CLI_VERB_SEARCH,
     .help = "Only datasets whose title contains PART, in any letter case."},
    {"region-prefix", 0, "PREFIX", CLI_TEXT, CLI_GROUP_SELECT, AT(region_prefix), .verbs = CLI_VERB_REGISTRY_ENDPOINT,
     .help = "Only entries whose region begins with PREFIX."},
    {"recursive", 'r', NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(recursive), .verbs = CLI_VERB_LS,
     .help = "All objects, those in folders too, in place of the folders' names."},
    {"start-after", 0, "KEY", CLI_TEXT, CLI_GROUP_SELECT, AT(start_after), .verbs = CLI_VERB_LS,
     .help = "Only keys behind KEY, which need not exist."},
    {"first", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(first), .verbs = CLI_VERB_REGISTRY_ENDPOINT,
     .help = "Take the first where several match."},
    {"all", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(all), .verbs = CLI_VERB_INDEX,
     .help = "Index every bucket of the registry; all operands are ids then."},
    {"dry-run", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(dry_run),
     .verbs = CLI_VERB_INDEX | CLI_VERB_MIRROR | CLI_VERB_STORE_REMOVE,
     .help = "Only say what would be done; mirror: files, bytes and requests, and the room that they need."},
    {"strict", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(strict), .verbs = CLI_VERB_INDEX,
     .help = "Count a year without an index file as a failure."},
    {"deep", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(deep), .verbs = CLI_VERB_VALIDATE | CLI_VERB_VERIFY,
     .help =
         "validate: check all index files of the catalog, too. verify: fetch the index files anew and compare every "
         "row with them."},
    {"severity", 0, "LEAST", CLI_CHOICE, CLI_GROUP_SELECT, AT(severity), .choices = severities, .fallback = "warning",
     .verbs = CLI_VERB_VALIDATE,
     .help = "The least severity of findings that are written; all are counted. error: against the specification; "
             "warning: read only because readers are lenient; note: allowed, and worth a look."},
    {"findings", 0, "N", CLI_NUMBER, CLI_GROUP_SELECT, AT(findings_max), .max = INT64_MAX, .fallback = "20",
     .verbs = CLI_VERB_VALIDATE,
     .help = "Write at most N findings of one rule in one document one by one, and the others as one row that counts "
             "them; 0: all."},
    {"rules", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(rules), .verbs = CLI_VERB_VALIDATE,
     .help = "Write the table of rules: name, severity and what breaks them."},
    {"keep-vanished", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(keep_vanished), .verbs = CLI_VERB_INDEX,
     .help = "Keep the rows of index files that are gone from the archive."},
    {"max-bad-rows", 0, "N", CLI_NUMBER, CLI_GROUP_SELECT, AT(bad_rows_max), .max = INT64_MAX,
     .fallback_text = "no limit", .verbs = CLI_VERB_INDEX, .help = "End the run when more than N rows cannot be read."},
    {"discover", 0, "HOW", CLI_CHOICE, CLI_GROUP_SELECT, AT(discover), .choices = discoveries, .fallback = "auto",
     .verbs = CLI_VERB_INDEX,
     .help =
         "How to learn which index files exist, and which have changed: list: from lists of the bucket, a request "
         "for a thousand files; probe: by asking for each; auto: by a list where the bucket allows it and more than "
         "a few files are wanted."},
    {"keep-index", 0, "DIR", CLI_DIRECTORY, CLI_GROUP_SELECT, AT(keep_index), .verbs = CLI_VERB_INDEX,
     .help = "Also keep the index files as they came, as DIR/ID/ID_YYYY.csv (.csv.zip, .csv.gz)."},

    {"keys-from", 0, "FILE", CLI_FILE, CLI_GROUP_SELECT, AT(keys_from), .verbs = CLI_VERBS_FILES,
     .help =
         "The files of a list in place of a query's: keys or locations (s3://bucket/key, https://…), one a line, or "
         "rows as query writes them as csv or ndjson; - is standard input. BUCKET says where keys without a scheme "
         "are, and may be left out where there are none; if it is one of the network, the list may name no files of "
         "this machine (file://). The list is taken as it is: conditions on rows (--start, --key, --limit …) do not go "
         "with it."},
    {"from-failed", 0, "FILE", CLI_FILE, CLI_GROUP_SELECT, AT(from_failed), .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "The files that --failed-out of an earlier run wrote to FILE."},
    {"plan", 0, "FILE", CLI_FILE, CLI_GROUP_SELECT, AT(plan), .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "The files of a plan (see the verb plan); with --shard K those of its shard K."},
    {"shard", 0, "K[/N]", CLI_TEXT, CLI_GROUP_SELECT, AT(shard), .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "Only the K-th of N shards, from 1: a file's shard depends on its location and N alone. Of a plan: its "
             "shard K; N is the plan's and need not be given. Shards of one N, or of one plan, may run at the same "
             "time, also "
             "on one DEST."},
    {"shards", 0, "N", CLI_NUMBER, CLI_GROUP_SELECT, AT(shards), .min = 1, .max = 1000000, .verbs = CLI_VERB_PLAN,
     .help = "How many shards the plan has; must be given."},
    {"dest", 'd', "DIR", CLI_DIRECTORY, CLI_GROUP_OUTPUT, AT(dest), .verbs = CLI_VERB_MIRROR,
     .help = "The folder that files go to; it is made. Must be given. One file system, without links in it."},
    {"layout", 0, "TEMPLATE", CLI_TEXT, CLI_GROUP_OUTPUT, AT(layout), .opposites = {"flat"}, .fallback_text = "{key}",
     .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help =
         "The path of each file below DEST (cat --tar: in the archive): {key}, {name} (behind the key's last slash), "
         "{folder} (before it), {bucket}, {id}, {start:FORMAT} and {stop:FORMAT} with %Y %m %d %j %H %M %S and the "
         "like, as {id}/{start:%Y/%m}/{name}. Names that cannot exist are escaped as %XX."},
    {"flat", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(flat), .opposites = {"layout"},
     .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT, .help = "The same as --layout '{name}'."},
    {"fsync", 0, "WHEN", CLI_CHOICE, CLI_GROUP_OUTPUT, AT(fsync), .choices = fsyncs, .fallback = "batch",
     .verbs = CLI_VERB_MIRROR,
     .help =
         "batch: files are written out to the disk before they get their names, many at a time, so that a name means "
         "a complete file also after a power cut; none: when the system likes (then --recheck finds what was lost)."},
    {"ignore-size", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(ignore_size), .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "Sizes in the index may be wrong: files are as large as their server says."},
    {"ignore-checksums", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(ignore_checksums),
     .verbs = CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help =
         "Check sizes alone, and no checksum of the index or of S3. Otherwise, one of the index that cannot be read "
         "is warned of."},
    {"adopt", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(adopt), .verbs = CLI_VERB_MIRROR,
     .help =
         "Take files that are in DEST already, and have the size (and checksum) that the index states, for complete, "
         "whoever wrote them. Without this, files that heliodex did not put there are replaced by those that are "
         "wanted."},
    {"recheck", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(recheck), .verbs = CLI_VERB_MIRROR,
     .help = "Also read the files that are complete by size and time, and fetch anew those whose bytes are not as they "
             "were mirrored."},
    {"max-bytes", 0, "SIZE", CLI_SIZE, CLI_GROUP_SELECT, AT(bytes_max), .min = 1, .max = INT64_MAX,
     .fallback_text = "no limit", .verbs = CLI_VERB_MIRROR,
     .help = "End the run once SIZE bytes have come, with exit status 8; a rerun goes on."},
    {"max-duration", 0, "DURATION", CLI_DURATION, CLI_GROUP_SELECT, AT(duration_ms_max), .min = 1, .max = 3650 * DAY_MS,
     .fallback_text = "no limit", .verbs = CLI_VERB_MIRROR,
     .help = "End the run after DURATION, with exit status 8; a rerun goes on."},
    {"keep-free", 0, "SIZE", CLI_SIZE, CLI_GROUP_SELECT, AT(keep_free_bytes), .max = INT64_MAX, .fallback = "64M",
     .verbs = CLI_VERB_MIRROR, .help = "Begin and go on only while so much stays free on the disk of DEST."},
    {"delete-extra", 0, NULL, CLI_FLAG, CLI_GROUP_SELECT, AT(delete_extra), .verbs = CLI_VERB_MIRROR,
     .help = "In the end delete the files that earlier runs put into DEST and that are not wanted now, unless anything "
             "failed or the list is empty; files that heliodex did not put there, or that were changed since, stay. "
             "See first with --dry-run."},
    {"max-delete", 0, "N", CLI_NUMBER, CLI_GROUP_SELECT, AT(delete_max), .min = 1, .max = INT64_MAX,
     .fallback_text = "no limit", .verbs = CLI_VERB_MIRROR,
     .help = "Where --delete-extra would delete more than N files, delete none and end with exit status 8."},
    {"tar", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(tar), .verbs = CLI_VERB_CAT,
     .help = "Write a tar archive (pax where names or sizes need it) of the files, with their names, sizes and times."},
    {"exec", 0, "CMD", CLI_TEXT, CLI_GROUP_OUTPUT, AT(exec), .verbs = CLI_VERB_CAT,
     .help = "Run the shell command CMD once for each file in place of writing it, with the file's bytes, complete and "
             "verified, on its standard input and its row in HELIODEX_FILE_ID, _KEY, _NAME, _LOCATION, _START, _STOP, "
             "_SIZE and "
             "_NUMBER."},
    {"processes", 'P', "N", CLI_NUMBER, CLI_GROUP_TUNING, AT(processes), .max = 4096, .fallback = "0",
     .fallback_text = "0, the number of cores", .verbs = CLI_VERB_CAT, .help = "Commands of --exec at once."},
    {"mirror", 0, "DIR", CLI_DIRECTORY, CLI_GROUP_SELECT, AT(mirror), .verbs = CLI_VERB_VERIFY,
     .help =
         "Check the files that were mirrored to DIR, by the sizes and checksums that its journal has; the network is "
         "not asked."},

    {"store", 0, "DIR", CLI_DIRECTORY, CLI_GROUP_ACCESS, AT(store),
     .fallback_text = "$XDG_CACHE_HOME/heliodex, then ~/.cache/heliodex", .verbs = CLI_VERBS_ALL,
     .help = "Where snapshots, registries and catalogs are kept. It is made for you alone; one that is there keeps its "
             "mode, so that it can be shared."},
    {"offline", 0, NULL, CLI_FLAG, CLI_GROUP_ACCESS, AT(offline), .verbs = CLI_VERBS_ALL, .opposites = {"refresh"},
     .help = "Never ask the network; what is not held is an error."},
    {"refresh", 0, NULL, CLI_FLAG, CLI_GROUP_ACCESS, AT(refresh), .verbs = CLI_VERBS_ALL, .opposites = {"offline"},
     .help = "Ask the servers whether what is held is still current. Index always does."},
    {"registry", 0, "URL", CLI_TEXT, CLI_GROUP_ACCESS, AT(registry),
     .fallback_text = "$ROOT_CATALOG_REGISTRY_URL, then the HelioCloud registry", .verbs = CLI_VERBS_ALL,
     .help = "The registry of buckets: a URL (also s3://bucket/key), or the path of a file."},
    {"catalog-name", 0, "NAME", CLI_TEXT, CLI_GROUP_ACCESS, AT(catalog_name), .fallback_text = "catalog.json",
     .verbs = CLI_VERBS_ALL, .help = "The file name of the catalog in its bucket."},
    {"endpoint-url", 0, "URL", CLI_TEXT, CLI_GROUP_ACCESS, AT(endpoint_url),
     .fallback_text = "$AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, the profile's, then AWS", .verbs = CLI_VERBS_ALL,
     .empty = true,
     .help = "The S3 server that s3:// locations of the bucket are read from; empty: AWS whatever is set. Credentials "
             "go to this server alone then."},
    {"region", 0, "REGION", CLI_TEXT, CLI_GROUP_ACCESS, AT(region),
     .fallback_text = "the registry's, $AWS_REGION, $AWS_DEFAULT_REGION, then the profile's", .verbs = CLI_VERBS_ALL,
     .help = "The region of the bucket. A wrong one is put right once by what the server answers."},
    {"sign", 0, NULL, CLI_FLAG, CLI_GROUP_ACCESS, AT(sign), .verbs = CLI_VERBS_ALL, .opposites = {"no-sign-request"},
     .help = "Sign S3 requests from the first one on. Otherwise buckets are asked anonymously, and signed only if "
             "nothing of them may be read so."},
    {"no-sign-request", 0, NULL, CLI_FLAG, CLI_GROUP_ACCESS, AT(no_sign), .verbs = CLI_VERBS_ALL,
     .opposites = {"sign", "request-payer"}, .help = "Never sign: ask anonymously, and leave credentials alone."},
    {"request-payer", 0, "WHO", CLI_CHOICE, CLI_GROUP_ACCESS, AT(request_payer), .choices = payers,
     .verbs = CLI_VERBS_ALL, .opposites = {"no-sign-request"},
     .help = "requester: agree to pay for what is read, as some buckets want it. Requests are signed then."},
    {"profile", 0, "NAME", CLI_TEXT, CLI_GROUP_ACCESS, AT(profile), .fallback_text = "$AWS_PROFILE, then default",
     .verbs = CLI_VERBS_ALL,
     .help =
         "The profile of the shared configuration files (~/.aws/config, ~/.aws/credentials) to take credentials and "
         "settings from. Given here, it wins over AWS_ACCESS_KEY_ID."},
    {"addressing-style", 0, "STYLE", CLI_CHOICE, CLI_GROUP_ACCESS, AT(addressing), .choices = addressings,
     .fallback = "auto", .verbs = CLI_VERBS_ALL,
     .help = "Where the bucket stands in an address: virtual: in the host's name; path: in the path; auto: as the "
             "profile says, else virtual at AWS and path elsewhere."},
    {"dualstack", 0, NULL, CLI_FLAG, CLI_GROUP_ACCESS, AT(dualstack), .verbs = CLI_VERBS_ALL,
     .help = "Use addresses of AWS that answer by IPv6 as well as IPv4, also by AWS_USE_DUALSTACK_ENDPOINT=true."},
    {"map", 0, "A=URL", CLI_MAP, CLI_GROUP_ACCESS, AT(maps), .verbs = CLI_VERBS_ALL,
     .help = "Read locations that begin with A (as s3://bucket/) below URL. May be given several times."},
    {"ca-file", 0, "FILE", CLI_FILE, CLI_GROUP_ACCESS, AT(ca_file),
     .fallback_text = "$AWS_CA_BUNDLE, $CURL_CA_BUNDLE, $SSL_CERT_FILE, the profile's, then the system's",
     .verbs = CLI_VERBS_ALL, .help = "Certificates (PEM) that servers are checked against."},
    {"max-catalog", 0, "SIZE", CLI_SIZE, CLI_GROUP_ACCESS, AT(catalog_bytes_max), .min = KIB, .max = 4 * GIB,
     .fallback = "64M", .verbs = CLI_VERBS_ALL,
     .help = "Refuse a larger registry or catalog. With --memory below 224M the limit is lower, unless a higher one "
             "than 64M is set: a catalog takes up to four times its size."},

    {"jobs", 'j', "N", CLI_NUMBER, CLI_GROUP_TUNING, AT(jobs), .min = 1, .max = 4096, .fallback = "256",
     .verbs = CLI_VERBS_ALL, .help = "Requests in flight."},
    {"max-connections-per-host", 0, "N", CLI_NUMBER, CLI_GROUP_TUNING, AT(connections_per_host), .min = 1, .max = 4096,
     .fallback = "256", .verbs = CLI_VERBS_ALL, .help = "Connections to one host at a time."},
    {"part-size", 0, "SIZE", CLI_SIZE, CLI_GROUP_TUNING, AT(part_bytes), .min = 64 * KIB, .max = GIB, .fallback = "8M",
     .verbs = CLI_VERBS_ALL, .help = "Bytes that one request asks for of a large file."},
    {"threads", 0, "N", CLI_NUMBER, CLI_GROUP_TUNING, AT(threads), .max = 256, .fallback = "0",
     .fallback_text = "0, the number of cores", .verbs = CLI_VERBS_ALL, .help = "Threads that parse and encode."},
    {"memory", 0, "SIZE", CLI_SIZE, CLI_GROUP_TUNING, AT(memory_bytes), .min = 16 * MIB, .max = KIB * GIB,
     .fallback = "256M", .verbs = CLI_VERBS_ALL,
     .help =
         "Budget of all buffers; there are no more --jobs than it has 512K, no more threads than it has 8M, no more "
         "datasets in a query than it has 8K. What does not fit is refused."},
    {"limit-rate", 0, "RATE", CLI_SIZE, CLI_GROUP_TUNING, AT(rate_bytes), .max = KIB * GIB, .fallback = "0",
     .fallback_text = "0, no limit", .verbs = CLI_VERBS_ALL, .help = "Bytes a second over all connections."},
    {"retries", 0, "N", CLI_NUMBER, CLI_GROUP_TUNING, AT(retries), .max = 1000, .fallback = "8", .verbs = CLI_VERBS_ALL,
     .help = "Further attempts of a request that failed for a while only."},
    {"retry-max-time", 0, "DURATION", CLI_DURATION, CLI_GROUP_TUNING, AT(retry_ms_max), .max = DAY_MS, .fallback = "5m",
     .verbs = CLI_VERBS_ALL, .help = "No further attempt begins later than this after the first."},
    {"stall-time", 0, "DURATION", CLI_DURATION, CLI_GROUP_TUNING, AT(stall_ms_max), .min = 1, .max = DAY_MS,
     .fallback = "30s", .verbs = CLI_VERBS_ALL,
     .help = "An attempt of which less than 512 bytes come in so long is given up, and gone on with on another "
             "connection."},
    {"connect-timeout", 0, "DURATION", CLI_DURATION, CLI_GROUP_TUNING, AT(connect_ms_max), .min = 1, .max = DAY_MS,
     .fallback = "15s", .verbs = CLI_VERBS_ALL, .help = "A connection that takes longer is given up."},

    {"quiet", 'q', NULL, CLI_FLAG, CLI_GROUP_MESSAGES, AT(quiet), .verbs = CLI_VERBS_ALL,
     .help = "No progress, summary or warnings; only errors."},
    {"verbose", 'v', NULL, CLI_COUNT, CLI_GROUP_MESSAGES, AT(verbose), .max = 2, .verbs = CLI_VERBS_ALL,
     .help = "Say what is done, file by file; -vv also how."},
    {"progress", 0, "MODE", CLI_CHOICE, CLI_GROUP_MESSAGES, AT(progress), .choices = progresses, .fallback = "auto",
     .verbs = CLI_VERBS_ALL,
     .help = "auto: a live line on a terminal, otherwise a plain line every five seconds; plain; json: all messages as "
             "one JSON object a line; none."},
    {"color", 0, "WHEN", CLI_CHOICE, CLI_GROUP_MESSAGES, AT(color), .choices = colors, .fallback = "auto",
     .verbs = CLI_VERBS_ALL, .help = "Colour; auto: on a terminal, unless NO_COLOR is set."},
    {"stats", 0, "FILE", CLI_FILE, CLI_GROUP_MESSAGES, AT(stats), .verbs = CLI_VERBS_ALL,
     .help = "Write what the run took to FILE as JSON: requests, connections, bytes, retries, and latencies per host."},
    {"report", 0, "FILE", CLI_FILE, CLI_GROUP_MESSAGES, AT(report),
     .verbs = CLI_VERB_INDEX | CLI_VERB_VERIFY | CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "Write a line of JSON to FILE for each item that failed or changed, and for each row that cannot be read; "
             "mirror and cat: for every file, and for each row or line that names none (state refused)."},
    {"failed-out", 0, "FILE", CLI_FILE, CLI_GROUP_MESSAGES, AT(failed_out),
     .verbs = CLI_VERB_INDEX | CLI_VERB_VERIFY | CLI_VERB_MIRROR | CLI_VERB_CAT,
     .help = "Write the ids of datasets with failures to FILE, one a line, to be given as operands again; mirror and "
             "cat: the rows of files that failed or were left, and those that name no file, for --from-failed."},
    {"help", 'h', NULL, CLI_FLAG, CLI_GROUP_MESSAGES, AT(help), .verbs = CLI_VERBS_ALL, .help = "Explain the verb."},
    {"version", 'V', NULL, CLI_FLAG, CLI_GROUP_MESSAGES, AT(version), .verbs = CLI_VERBS_ALL,
     .help = "Print the version."},
    {"man", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(man), .verbs = CLI_VERB_HELP, .hidden = true,
     .help = "The manual page as roff."},
    {"markdown", 0, NULL, CLI_FLAG, CLI_GROUP_OUTPUT, AT(markdown), .verbs = CLI_VERB_HELP, .hidden = true,
     .help = "Verbs and options as Markdown."},
};

#define OPTION_COUNT (sizeof options / sizeof *options)
static_assert(OPTION_COUNT <= CLI_OPTIONS_MAX, "a place for each option");

const char *cli_group_title(enum cli_group group) {
  static const char *const titles[CLI_GROUP_COUNT] = {"Output", "Selection", "Access", "Tuning", "Messages"};
  return titles[group];
}

size_t cli_option_count(void) {
  return OPTION_COUNT;
}

const struct cli_option *cli_option_at(size_t i) {
  return &options[i];
}

const struct cli_option *cli_option_find(const char *name, size_t size) {
  for (size_t i = 0; i < OPTION_COUNT; i++)
    if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
      return &options[i];
  return NULL;
}

const struct cli_option *cli_option_letter(char letter) {
  for (size_t i = 0; i < OPTION_COUNT; i++)
    if (options[i].letter == letter && letter)
      return &options[i];
  return NULL;
}

size_t cli_option_place(const struct cli_option *option) {
  return (size_t)(option - options);
}

bool cli_option_global(const struct cli_option *option) {
  return option->verbs == CLI_VERBS_ALL;
}

const char *cli_option_variable(const struct cli_option *option, char out[CLI_VARIABLE_MAX]) {
  static const char prefix[] = "HELIODEX_";
  size_t size = sizeof prefix - 1;
  memcpy(out, prefix, size);
  for (const char *p = option->name; *p && size + 1 < CLI_VARIABLE_MAX; p++)
    out[size++] = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
  out[size] = 0;
  return out;
}
