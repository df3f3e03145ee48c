/* Whole runs of the program over a library in memory: exit status, standard output, standard error, files. */
#include "unit/cli/cli_run.h"

static void usage(void **state) {
  (void)state;
  assert_run("", 2, "", "heliodex: a verb is needed: heliodex VERB [OPTION...] [OPERAND...]\nTry 'heliodex help'.\n");
  assert_run("query b", 2, "",
             "heliodex: 'query' needs an ID; it may be left out with --summary and --count-by only\nTry 'heliodex help "
             "query'.\n");
  assert_run("query b i\n\x1b[2J --bogus", 2, "", "heliodex: unknown option '--bogus'\nTry 'heliodex help query'.\n");
  assert_run("a\n\x1b[2J", 2, "", "heliodex: unknown verb 'a\\n\\x1b[2J'\nTry 'heliodex help'.\n");
  assert_run("help stroe", 2, "", "heliodex: unknown verb 'stroe': did you mean 'store'?\nTry 'heliodex help'.\n");
  assert_run("--version", 0, "heliodex 0.1.0\n", "");
  assert_run("index", 2, "", NULL);
  assert_run("index --all s3://b/", 2, "", NULL);
  assert_run("completion tcsh", 2, "", NULL);
  assert_run("datasets /data/b", 2, "",
             "heliodex: '/data/b' is a path: a folder is a BUCKET as file:///data/b\nTry 'heliodex help datasets'.\n");
  assert_run("verify ./b", 2, "", NULL);
}

static void help(void **state) {
  (void)state;
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const struct cli_verb *verb = cli_verb_at(i);
    char line[64], usage_line[128];
    snprintf(line, sizeof line, "%s --help", verb->name);
    snprintf(usage_line, sizeof usage_line, "usage: heliodex %s [OPTION...]%s%s\n", verb->name,
             *verb->operands ? " " : "", verb->operands);
    assert_run(line, 0, NULL, "");
    assert_ptr_equal(strstr(out, usage_line), out);
    char *again = strdup(out);
    snprintf(line, sizeof line, "help %s", verb->name);
    assert_run(line, 0, again, "");
    free(again);
  }
  assert_run("help store", 0, NULL, "");
  assert_non_null(strstr(out, "usage: heliodex store remove"));
  assert_run("help", 0, NULL, "");
  char *text = strdup(out);
  assert_run("--help", 0, text, "");
  free(text);
}

/* Whatever the tables hold appears in all that is made from them. */
static void help_is_complete(void **state) {
  (void)state;
  static const char *const lines[] = {"help --man", "help --markdown", "completion bash", "completion zsh",
                                      "completion fish"};
  for (size_t k = 0; k < COUNT(lines); k++) {
    assert_run(lines[k], 0, NULL, "");
    for (size_t i = 0; i < cli_verb_count(); i++) {
      char word[32];
      snprintf(word, sizeof word, "%.*s", (int)strcspn(cli_verb_at(i)->name, " "), cli_verb_at(i)->name);
      assert_non_null(strstr(out, word));
    }
    for (size_t i = 0; i < cli_option_count(); i++) {
      const struct cli_option *option = cli_option_at(i);
      char name[64] = "", *p = name;
      for (const char *q = option->name; *q; q++) /* roff writes its dashes with a backslash */
        p += sprintf(p, k == 0 && *q == '-' ? "\\-" : "%c", *q);
      bool there = strstr(out, name) != NULL;
      if (!option->hidden && !there)
        fail_msg("%s lacks --%s", lines[k], option->name);
    }
    assert_null(strstr(out, "--markdown"));
  }
  assert_run("help", 0, NULL, "");
  for (size_t i = 0; i < CLI_HELP_EXIT_COUNT; i++)
    assert_non_null(strstr(out, cli_help_exits[i].text));
}

/* A failure in mid-answer leaves what was there. */
static void output_file(void **state) {
  (void)state;
  assert_run("query b i -o ~/whole", 0, "", "");
  assert_non_null(strstr(file_content("whole"), "start,stop,datakey,filesize\n2020"));
  fake.rows = 5000;
  fake.next_status = HDX_INTEGRITY;
  assert_run("query b i -o ~/half", 7, "", "heliodex: it was arranged to fail\n");
  assert_null(file_content("half"));
  fake.next_status = HDX_OK;
  assert_run("query b i -o ~/none/rows", 6, "", NULL);
  assert_run("query b i -o ~", 2, "", NULL);
  assert_run("query b i --report ~/x", 2, "", NULL);
  assert_run("verify --report -", 2, "", NULL);
  assert_run("index b --stats ~/x --report ~/x", 2, "", NULL);
}

/* Rows, help and statistics alike. The device is opened here and only handed over, never named to the program. */
static void full_standard_output(void **state) {
  (void)state;
  static const char *const lines[] = {"query b i", "help", "--version", "index b -q --stats -"};
  for (size_t i = 0; i < COUNT(lines); i++) {
    FILE *err_file = tmpfile();
    int full = open("/dev/full", O_WRONLY);
    int code = wait_for(start(lines[i], full, fileno(err_file)));
    close(full);
    take(err_file, err);
    assert_int_equal(code, 6);
    assert_string_equal(err, "heliodex: standard output: not written: No space left on device\n");
  }
}

static void registry(void **state) {
  (void)state;
  assert_run("registry", 0,
             "name,region,endpoint,provider\nOne,us-east-1,s3://one/,aws\n"
             "\"Two, \"\"too\"\"\",us-west-2,s3://two/,aws\n\"Two, \"\"too\"\"\",eu-west-1,s3://two-b/,gcs\n",
             "");
  assert_run("registry endpoint One", 0, "s3://one/\n", "");
  assert_run("registry endpoint One --json", 0, "{\"endpoint\":\"s3://one/\"}\n", "");
  assert_run("registry endpoint Three", 3, "", NULL);
}

static void datasets(void **state) {
  (void)state;
  assert_run("datasets b aia_*3? MMS1_FEEPS", 0,
             "id,title,start,stop\naia_0131,AIA \x1b[31mred,2010-05-13T00:00Z,2022-12-31T23:59Z\n"
             "MMS1_FEEPS,MMS,2015,2021\n",
             "");
  assert_run("datasets b --collection S?O", 0,
             "id,title,start,stop\naia_0094,\"AIA, 94 \xc3\x85\",2010-05-13T00:00Z,2022-12-31T23:59Z\n", "");
  assert_run("datasets b nothing*", 0, "id,title,start,stop\n",
             "heliodex: warning: no dataset of s3://one/catalog.json matches nothing*\n");
  assert_run("datasets b nothing* --error-on-empty", 9, NULL, NULL);
  assert_run("datasets b nothing", 3, "", NULL);
  assert_run("datasets b --limit 1 --format keys", 0, "aia_0094\n", "");
  fake.catalog_status = HDX_TEMPORARY;
  assert_run("datasets b", 5, "", "heliodex: it was arranged to fail\n");
  fake.catalog_status = HDX_UNAVAILABLE;
  assert_run("datasets b", 5, "", "heliodex: it was arranged to fail\n");
}

static void info(void **state) {
  (void)state;
  assert_run("info b aia_0094", 0, NULL, "");
  assert_non_null(strstr(out, "title,\"AIA, 94 \xc3\x85\"\n"));
  assert_non_null(strstr(out, "index file 2020,\"gap, checked "));
  assert_non_null(strstr(out, "held years,\"2019 to 2020: 1 present, 1 gap\"\n"));
  assert_non_null(strstr(out, "held as of,2020-01-01T00:00:00Z\n"));
  assert_non_null(strstr(out, "held bytes,\"2.0 KiB, 2.048 a row\"\n"));
  assert_non_null(strstr(out, "column,\"datakey: 250 B, 0.2500 bytes a row, s3://one/{start:%Y}.fits (1)\"\n"));
  assert_run("info b aia_0094 --json", 0, NULL, "");
  assert_non_null(strstr(out, "\"entry\":{\"id\":\"aia_0094\",\"say\":\"a \\\" b\"}"));
  assert_non_null(strstr(out, "{\"year\":2020,\"state\":\"gap\""));
  assert_non_null(strstr(out, "\"columns\":[{\"name\":\"datakey\",\"bytes\":250,\"bytes_per_row\":0.250000,"));
  assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
  assert_run("info b aia_0131 --json", 0, NULL, "");
  assert_non_null(strstr(out, "\"snapshot\":null"));
  assert_run("info b aia_0094 --format keys", 0, "s3://one/aia/aia_0094_2019.csv\ns3://one/aia/aia_0094_2020.csv\n",
             "");
  assert_run("info b nothing", 3, "", NULL);
}

static void info_asks(void **state) {
  (void)state;
  assert_run("info b aia_0094", 0, NULL, "");
  assert_int_equal(asked->probe_calls, 0); /* what is held is shown as it is */
  assert_non_null(strstr(out, "say,\"a \"\" b\"\n"));
  assert_non_null(strstr(out, "\x1b[2J,\"{\"\"deep\"\":[1,2]}\"\n"));
  assert_non_null(strstr(out, "catalog version,0.5\ncatalog status,1200 OK\n"));
  assert_run("info b aia_0131 --offline", 0, NULL, "");
  assert_int_equal(asked->probe_calls, 0);
  assert_run("info b aia_0131", 0, NULL, "");
  assert_int_equal(asked->probe_calls, 1);
  assert_string_equal(asked->id, "aia_0131");
  assert_non_null(strstr(out, "index files,\"2019 to 2021: 2 present, 1 gap\"\n"));
  assert_non_null(
      strstr(out, "first row,\"2020-01-01T00:00:00Z to 2020-01-01T00:00:00.500Z, s3://one/a.fits, 17 bytes\"\n"));
  assert_non_null(strstr(out, "form,\"csv, header\"\n"));
  assert_run("info b aia_0131 --format keys", 0, "s3://one/aia/aia_0131_2019.csv\ns3://one/aia/aia_0131_2021.csv\n",
             "");
  assert_run("info b aia_0094 --refresh --json", 0, NULL, "");
  assert_int_equal(asked->probe_calls, 1);
  assert_non_null(strstr(out,
                         "\"probe\":{\"first_row\":{\"start\":\"2020-01-01T00:00:00Z\","
                         "\"stop\":\"2020-01-01T00:00:00.500Z\",\"datakey\":\"s3://one/a.fits\",\"filesize\":17},"));
  assert_non_null(strstr(out, "\"snapshot\":{"));
  fake.probe_status = HDX_DENIED;
  assert_run("info b aia_0131", 4, NULL, "heliodex: it was arranged to fail\n");
  assert_non_null(strstr(out, "title,"));
}

static void info_of_files_that_cannot_be_asked_for(void **state) {
  (void)state;
  fake.unasked = true;
  assert_run("info b aia_0131", 1, NULL,
             "heliodex: 1 of 3 index files could not be asked for; the first: 503 Slow Down\n");
  assert_non_null(strstr(out, "1 present, 1 gap, 1 failed"));
}

static void search(void **state) {
  (void)state;
  assert_run(
      "search sun --id aia --title x moon", 0,
      "bucket,id,title,start,stop,score\ns3://two/,aia_0131,AIA \x1b[31mred,2010-05-13T00:00Z,2022-12-31T23:59Z,3\n"
      "s3://one/,aia_0094,\"AIA, 94 \xc3\x85\",2010-05-13T00:00Z,2022-12-31T23:59Z,1\n",
      "");
  assert_string_equal(asked->search, "aia|x|sun moon ");
  assert_run("search --id aia --limit 1 --json", 0, NULL, "");
  assert_non_null(strstr(out, "{\"bucket\":\"s3://two/\",\"id\":\"aia_0131\",\"title\":\"AIA \\u001b[31mred\","));
  assert_non_null(
      strstr(out, "\"score\":null,\"name\":\"Two, \\\"too\\\"\",\"index\":\"https://two/AIA/\",\"tags\":null}\n"));
  assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
  assert_run("search", 2, "", NULL);
  fake.search_status = HDX_PARTIAL;
  assert_run("search sun --format keys", 1, "aia_0131\naia_0094\n",
             "heliodex: s3://two-b/ (Two, \"too\"): 403\\nForbidden\nheliodex: it was arranged to fail\n");
  fake.search_status = HDX_TEMPORARY; /* the registry itself */
  assert_run("search sun", 5, "", "heliodex: it was arranged to fail\n");
  fake.search_status = HDX_OK;
  fake.hits = 0;
  assert_run("search sun", 0, "bucket,id,title,start,stop,score\n", "heliodex: warning: it was arranged to fail\n");
  assert_run("search sun --error-on-empty", 9, NULL, NULL);
}

static void datasets_chosen(void **state) {
  (void)state;
  assert_run("datasets b --since 2020 --format keys", 0, "aia_0094\n",
             "heliodex: warning: --since leaves out 1 dataset of which the catalog does not say when they changed\n");
  assert_run("datasets b aia* --since 2019-12-31T23:59:59.999999999 --format keys", 0, "aia_0094\naia_0131\n", "");
  assert_run("datasets b --path /aia/ --format keys", 0, "aia_0094\n", "");
  assert_run("datasets b --path /aia/ -i --format keys", 0, "aia_0094\naia_0131\n", "");
  assert_run("datasets b --path-regex ^s3 --format keys", 0, "aia_0094\nMMS1_FEEPS\n", "");
  assert_run("datasets b --path-regex ( --format keys", 2, "", NULL);
  assert_run("datasets b --path nowhere --since 2000 -q", 0, "id,title,start,stop\n", "");
  assert_run("datasets b --tree", 0,
             "word,datasets,start,stop,ids\naia,2,2010-05-13T00:00Z,2022-12-31T23:59Z,\"[\"\"aia_0094\"\",\"\"aia_"
             "0131\"\"]\"\n"
             "MMS1,1,,,\"[\"\"MMS1_FEEPS\"\"]\"\n",
             "");
  assert_run("datasets b --tree --limit 1 --json", 0,
             "{\"word\":\"aia\",\"datasets\":2,\"start\":\"2010-05-13T00:00Z\",\"stop\":\"2022-12-31T23:59Z\","
             "\"ids\":[\"aia_0094\",\"aia_0131\"]}\n",
             "");
  assert_run("datasets b nothing* --tree --error-on-empty", 9, NULL, NULL);
}

static void index_summary(void **state) {
  (void)state;
  assert_run("index b aia_*", 0, "", NULL);
  assert_non_null(strstr(err, "rows      1,496,151 held, 1,496,151 parsed (748,075/s)"));
  assert_string_equal(asked->globs, "aia_* ");
  assert_int_equal(asked->index_options.bad_rows_max, 777); /* the library's own */
  assert_run("index b -q", 0, "", "");
  assert_run("index b -v", 0, "", NULL);
  assert_non_null(strstr(err, "heliodex: aia_0094 2020: present, 131,040 rows"));
  assert_run("index b --max-bad-rows 0 --strict --keep-vanished --keep-index ~ --start 2020 --stop 2021 --dry-run", 0,
             "", "would ask for 1 index files of 2 datasets\n");
  assert_int_equal(asked->index_options.bad_rows_max, 0);
  assert_true(asked->index_options.strict && asked->index_options.keep_vanished && asked->index_options.dry_run);
  assert_int_equal(asked->index_options.start, INT64_C(1577836800000000000));
  assert_run("index b --progress json", 0, "", NULL);
  assert_non_null(strstr(err, "{\"event\":\"summary\","));
}

static void index_failures(void **state) {
  (void)state;
  fake.failing_items = 30;
  fake.index_status = HDX_PARTIAL;
  assert_run("index b --report ~/report --failed-out ~/failed --stats ~/stats", 1, "", NULL);
  assert_non_null(strstr(err, "heliodex: aia_0131 1990: 503\\nSlow \\x1b[2J Down\n"));
  assert_non_null(strstr(err, "aia_0131 2009: "));
  assert_null(strstr(err, " 2010: "));
  assert_non_null(strstr(err, "and 10 more failures"));
  assert_non_null(strstr(err, "30 failed, 15 stale\n"));
  assert_string_equal(file_content("failed"), "MMS1_FEEPS\naia_0131\n");
  char *report = file_content("report");
  size_t lines = 0;
  for (char *p = report; *p; p++)
    lines += *p == '\n';
  assert_int_equal(lines, 31);
  assert_non_null(strstr(report, "{\"status\":\"TEMPORARY\",\"exit\":5,\"bucket\":\"s3://one/\",\"id\":\"aia_0131\","
                                 "\"year\":1990,\"state\":\"failed\","));
  assert_non_null(strstr(report, "\"message\":\"503\\nSlow \\u001b[2J Down\""));
  char *stats = file_content("stats");
  assert_ptr_equal(strstr(stats, "{\"verb\":\"index\",\"status\":\"PARTIAL\",\"exit\":1,"), stats);
  assert_non_null(strstr(stats, "\"first_byte_ms\":{\"p50\":1.500,\"p90\":2.500,\"p99\":3.500}"));
  assert_run("index b -v", 1, "", NULL);
  assert_non_null(strstr(err, "MMS1_FEEPS 2019: "));
  fake_reset();
  fake.index_status = HDX_EMPTY;
  assert_run("index b nothing*", 0, "", NULL);
  assert_run("index b nothing* --error-on-empty", 9, "", NULL);
  assert_run("index b --report ~/none/report", 6, "", NULL);
  assert_int_equal(asked->index_calls, 0); /* said before any work */
  assert_run("index b --stats ~/none/stats", 6, "", NULL);
  assert_int_equal(asked->index_calls, 0);
}

static void index_bad_rows(void **state) {
  (void)state;
  assert_run("index b", 0, "", NULL);
  assert_non_null(strstr(err, " 0 failed\nrows "));
  assert_non_null(strstr(err, "/s), 0 bad\n"));
  fake.bad_rows = 2;
  assert_run("index b --report ~/report", 0, "", NULL);
  assert_non_null(strstr(err, " 0 failed, 1 out of order\n"));
  assert_non_null(strstr(err, ", 2 bad, 6 repaired, 8 duplicates\n"));
  static const char line[] = "{\"status\":\"INTEGRITY\",\"exit\":7,\"kind\":\"bad "
                             "row\",\"bucket\":\"s3://one/\",\"id\":\"aia_0131\",\"year\":2020,"
                             "\"url\":\"s3://one/aia/x.csv\",\"line\":7,\"column\":26,\"byte\":1234,"
                             "\"reason\":\"stop: expected a time, found '\\\"x\\\"'\"}\n";
  const char *first = strstr(file_content("report"), line);
  assert_non_null(first);
  assert_int_equal(strncmp(first + sizeof line - 1, line, sizeof line - 1), 0);
  assert_run("index b --progress json", 0, "", NULL);
  assert_non_null(strstr(err, ",\"rows_bad\":2,\"repairs\":6,\"duplicates\":8,"));
  assert_null(asked->index_options.bad_row); /* nobody would be told */
  /* The limit is of all buckets together: what is left of it goes on to the next. */
  assert_run("index --all --max-bad-rows 5", 0, "", NULL);
  assert_int_equal(asked->index_calls, 3);
  assert_int_equal(asked->index_options.bad_rows_max, 1);
  assert_run("index --all --max-bad-rows 3", 0, "", NULL);
  assert_int_equal(asked->index_calls, 2);
  assert_int_equal(asked->index_options.bad_rows_max, 1);
}

static void index_all(void **state) {
  (void)state;
  assert_run("index --all", 0, "", NULL);
  assert_int_equal(asked->index_calls, 3);
  assert_string_equal(asked->bucket, "s3://two-b/");
  assert_run("index --all aia_0094 MMS*", 0, "", NULL);
  assert_string_equal(asked->globs, "[aA][iI][aA]_0094 MMS* ");
  assert_run("index --all aia_0094 nonsense MMS*", 1, "", NULL);
  assert_non_null(strstr(err, "heliodex: nonsense: no bucket of the registry has such a dataset\n"));
  fake.index_status = HDX_EMPTY;
  assert_run("index --all nonsense", 3, "", NULL);
  fake.index_status = HDX_TEMPORARY;
  assert_run("index --all", 5, "", NULL);
  assert_int_equal(asked->index_calls, 3);
  fake.index_status = HDX_IO;
  assert_run("index --all", 6, "", NULL);
  assert_int_equal(asked->index_calls, 1);
  fake.index_status = HDX_EMPTY;
  assert_run("index --all nothing*", 0, "", NULL);
  assert_non_null(strstr(err, "no dataset of the registry's 3 buckets matches"));
}

static void store(void **state) {
  (void)state;
  fake.snapshots = 1;
  assert_run("store list", 0,
             "id,source,rows,years,first,last,bytes,path\n"
             "aia_0094,s3://one/,1000,1,2019-12-31T23:59:59Z,2020-01-01T00:00:00Z,2048,"
             "/the/store/aws/one/aia_0094.hdx\n",
             "");
  assert_run("store remove b aia_0094", 0, "", "removed 1 snapshot from /the/store\n");
  assert_string_equal(asked->bucket, "b");
  assert_string_equal(asked->id, "aia_0094");
  assert_run("store remove b aia_0094 --dry-run", 0, "", "would remove /the/store/aws/one/aia_0094.hdx\n");
  assert_run("verify b aia_0094", 0, NULL, "");
  assert_string_equal(asked->id, "aia_0094");
  fake.snapshots = 0;
  assert_run("store list", 0, NULL, "heliodex: warning: /the/store: no snapshot is held\n");
  assert_run("store list b", 3, NULL, NULL);
  fake.remove_status = HDX_NOT_FOUND;
  assert_run("store remove b", 3, "", NULL);
}

static void verify(void **state) {
  (void)state;
  assert_run("verify", 0, NULL, "");
  fake.corrupt = true;
  assert_run("verify --failed-out ~/failed --report ~/report", 7, NULL,
             "heliodex: aia_0131: /the/store/aws/one/aia_0131.hdx: block 7: wrong checksum\n"
             "heliodex: 1 of 3 snapshots are not sound; 'heliodex index BUCKET ID' fetches them anew\n");
  assert_non_null(strstr(out, "\naia_0131,,,,,corrupt,/the/store/aws/one/aia_0131.hdx\n"));
  assert_string_equal(file_content("failed"), "aia_0131\n");
  assert_non_null(strstr(file_content("report"), "\"state\":\"corrupt\""));
}

static void validate(void **state) {
  (void)state;
  assert_run("validate --format csv", 1,
             "severity,rule,place,id,value,message,count,document,path,line,column\n"
             "error,dataset-id,s3://one/catalog.json:12:5 $.catalog[3].id,a b,a b,expected letters,1,"
             "s3://one/catalog.json,$.catalog[3].id,12,5\n",
             NULL);
  assert_string_equal(asked->bucket, "(registry)");
  assert_non_null(strstr(err, "checked   1 documents, 4 datasets, 0 index files, 0 rows, 0 unread, in "));
  assert_non_null(strstr(err, "findings  1 errors, 0 warnings, 42 notes; not shown: 42 (--severity note shows all)\n"));
  assert_run("validate ./b --deep --severity note --format csv -o ~/found", 1, "", NULL);
  assert_string_equal(asked->bucket, "./b"); /* a path may stand here */
  assert_non_null(strstr(err, "4 datasets, 9 index files"));
  assert_non_null(strstr(file_content("found"), "\nnote,row-overlap,s3://one/i/a_2020.csv,a,,41 more,41,"));
  assert_run("validate unreadable", 4, NULL, NULL);
  assert_run("validate --rules --format csv", 0,
             "rule,severity,text\ndataset-id,error,an id with other characters than letters\n"
             "row-overlap,note,a row that starts early\n",
             "");
  assert_run("validate a b", 2, "", NULL);
}

static void verify_deep(void **state) {
  (void)state;
  assert_run("verify --deep", 2, NULL,
             "heliodex: verify --deep: expected a BUCKET, whose index files are fetched anew\n"
             "Try 'heliodex help verify'.\n");
  assert_run("verify --deep b aia_0094", 0,
             "id,source,years,rows,state,difference\naia_0094,s3://one/,2,1000,as its source,\n", "");
  assert_string_equal(asked->bucket, "b");
  assert_string_equal(asked->id, "aia_0094");
  fake.compare_status = HDX_PARTIAL;
  assert_run("verify --deep b --failed-out ~/failed", 1, NULL, NULL);
  assert_non_null(
      strstr(out, "\naia_0131,s3://one/,2,1000,source changed,2019: row 7 differs in stop (s3://one/a.fits)\n"));
  assert_non_null(strstr(err, "1 of 2 datasets are not as their source is now"));
  assert_string_equal(file_content("failed"), "aia_0131\n");
  fake.compare_status = HDX_INTEGRITY;
  assert_run("verify --deep b", 7, NULL, NULL);
  assert_non_null(strstr(out, ",differs,"));
}

static void settings_reach_the_library(void **state) {
  (void)state;
  assert_run("query b i --store /s --registry http://r/ --catalog-name c.json --endpoint-url http://e/ --region r "
             "--ca-file /c --offline -j 1 --max-connections-per-host 2 --part-size 1M --threads 3 --memory 32M "
             "--retries 4 --retry-max-time 5s --stall-time 6s --connect-timeout 7s --limit-rate 8K --max-catalog 9M "
             "--map s3://a/=http://h/ -vv --limit 1",
             0, NULL, NULL);
  const struct hdx_config *c = &asked->config;
  assert_true(c->offline && !c->refresh && c->map_count == 1);
  assert_int_equal(c->jobs, 1);
  assert_int_equal(c->connections_per_host, 2);
  assert_int_equal(c->part_bytes, 1 << 20);
  assert_int_equal(c->threads, 3);
  assert_int_equal(c->memory_bytes, 32 << 20);
  assert_int_equal(c->retries, 4);
  assert_int_equal(c->retry_ms_max, 5000);
  assert_int_equal(c->stall_ms_max, 6000);
  assert_int_equal(c->connect_ms_max, 7000);
  assert_int_equal(c->rate_bytes, 8192);
  assert_int_equal(c->catalog_bytes_max, 9 << 20);
  assert_int_equal(c->log_level, HDX_LOG_DEBUG);
}

/* Like head: takes a little and goes away. */
static void closed_pipe(void **state) {
  (void)state;
  int ends[2];
  char little[64];
  FILE *err_file = tmpfile();
  assert_int_equal(pipe(ends), 0);
  fake.rows = 1000000;
  pid_t pid = start("query b i", ends[1], fileno(err_file));
  close(ends[1]);
  assert_int_equal(read(ends[0], little, sizeof little), sizeof little);
  close(ends[0]);
  assert_int_equal(wait_for(pid), CLI_EXIT_CLOSED_PIPE);
  take(err_file, err);
  assert_string_equal(err, "");
}

/* The file opened next would get standard output's number, and the rows with it. */
static void no_standard_output(void **state) {
  (void)state;
  FILE *err_file = tmpfile();
  assert_int_equal(wait_for(start("query b i --stats ~/stats", -1, fileno(err_file))), 6);
  take(err_file, err);
  assert_string_equal(err, "heliodex: standard output: not written: Bad file descriptor\n");
}

/* Waits until the run is under way: its first event stands in the file. */
static void wait_for_text(FILE *file, const char *text) {
  char content[4096];
  for (int i = 0; i < 2000; i++) {
    ssize_t size = pread(fileno(file), content, sizeof content - 1, 0);
    content[size > 0 ? size : 0] = 0;
    if (strstr(content, text))
      return;
    usleep(5000);
  }
  fail_msg("never said: %s", text);
}

static void signals(void **state) {
  (void)state;
  static const struct {
    int number, code;
    const char *name;
  } cases[] = {{SIGINT, 130, "SIGINT"}, {SIGTERM, 143, "SIGTERM"}, {SIGHUP, 129, "SIGHUP"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    char expected[160];
    FILE *err_file = tmpfile();
    fake.waits = true;
    pid_t pid = start("index b --progress plain --report ~/report", STDOUT_FILENO, fileno(err_file));
    wait_for_text(err_file, " of 1,000 files");
    kill(pid, cases[i].number);
    assert_int_equal(wait_for(pid), cases[i].code);
    take(err_file, err);
    snprintf(expected, sizeof expected,
             "heliodex: interrupted by %s: what was finished is kept, the same command goes on from there\n",
             cases[i].name);
    assert_non_null(strstr(err, expected));
    assert_non_null(file_content("report")); /* flushed */
    char path[128];
    snprintf(path, sizeof path, "%s/report", folder);
    unlink(path);
  }
}

/* A signal that finds no session yet is not lost. */
static void early_signal(void **state) {
  (void)state;
  fake.raises = true;
  fake.waits = true;
  assert_run("index b", 143, "", NULL);
  assert_non_null(strstr(err, "interrupted by SIGTERM"));
}

/* A consumer that does not read holds the program in write(2); the first signal gets it out, and no file is left. */
static void signal_while_blocked(void **state) {
  (void)state;
  int ends[2];
  char some[16];
  FILE *err_file = tmpfile();
  assert_int_equal(pipe(ends), 0);
  fake.rows = 100000000;
  pid_t pid = start("query b i", ends[1], fileno(err_file));
  close(ends[1]);
  assert_int_equal(read(ends[0], some, sizeof some), sizeof some);
  kill(pid, SIGTERM);
  assert_int_equal(wait_for(pid), 143);
  close(ends[0]);
  take(err_file, err);
  assert_non_null(strstr(err, "interrupted by SIGTERM"));
}

/* Standard error on a terminal of 40 columns: a live line that never wraps and is gone at the end. */
static void live_line(void **state) {
  (void)state;
  int master, slave;
  struct winsize size = {.ws_row = 24, .ws_col = 40};
  static char seen[1 << 20];
  size_t count = 0;
  setenv("TERM", "xterm", 1);
  assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
  fake.waits = true;
  pid_t pid = start("index b", STDOUT_FILENO, slave);
  close(slave);
  bool signalled = false;
  for (ssize_t n; count < sizeof seen - 1 && (n = read(master, seen + count, sizeof seen - 1 - count)) > 0;) {
    count += (size_t)n;
    seen[count] = 0;
    if (!signalled && strstr(seen, "30 of 1,000 files")) {
      kill(pid, SIGINT);
      signalled = true;
    }
  }
  assert_int_equal(wait_for(pid), 130);
  close(master);
  assert_true(signalled);
  size_t width = 0, widest = 0;
  for (char *line = strtok(seen, "\r"); line; line = strtok(NULL, "\r")) {
    char *erase = strstr(line, "\x1b[K");
    width = erase ? (size_t)(erase - line) : 0;
    widest = width > widest ? width : widest;
  }
  assert_in_range(widest, 20, 39);
}

int main(void) {
  const struct CMUnitTest tests[] = {RUN(usage),
                                     RUN(help),
                                     RUN(help_is_complete),
                                     RUN(output_file),
                                     RUN(full_standard_output),
                                     RUN(registry),
                                     RUN(datasets),
                                     RUN(info),
                                     RUN(info_asks),
                                     RUN(info_of_files_that_cannot_be_asked_for),
                                     RUN(search),
                                     RUN(datasets_chosen),
                                     RUN(index_summary),
                                     RUN(index_failures),
                                     RUN(index_bad_rows),
                                     RUN(index_all),
                                     RUN(store),
                                     RUN(verify),
                                     RUN(validate),
                                     RUN(verify_deep),
                                     RUN(settings_reach_the_library),
                                     RUN(closed_pipe),
                                     RUN(no_standard_output),
                                     RUN(signals),
                                     RUN(early_signal),
                                     RUN(signal_while_blocked),
                                     RUN(live_line)};
  return cmocka_run_group_tests(tests, begin, end);
}
