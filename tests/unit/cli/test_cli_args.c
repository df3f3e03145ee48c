/* Command lines and the environment, the good and the bad. */
#include "unit/cli/cli_cmocka.h"

#include "cli/args.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>

static struct cli_args args;
static struct hdx_error error;
static char *words[64];

/* Parses a line whose words are divided by single blanks; "''" is an empty word. */
static enum hdx_status parse(const char *line) {
  static char copy[1024];
  int count = 0;
  error = (struct hdx_error){0};
  snprintf(copy, sizeof copy, "%s", line);
  char *rest = NULL;
  words[count++] = (char *)"heliodex";
  for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
    words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
  words[count] = NULL;
  return cli_args_parse(count, words, &args, &error);
}

static const struct cli_settings *good(const char *line) {
  cli_args_deinit(&args);
  if (parse(line) != HDX_OK)
    fail_msg("%s: %s", line, error.message);
  return &args.settings;
}

static void bad(const char *line, const char *expected) {
  cli_args_deinit(&args);
  if (parse(line) != HDX_USAGE)
    fail_msg("'%s' is taken", line);
  if (strcmp(error.message, expected) != 0)
    fail_msg("'%s' says: %s\nexpected:%*s: %s", line, error.message, (int)strlen(line), "", expected);
}

static void operands(void **state) {
  (void)state;
  good("query s3://b/ aia_0094");
  assert_string_equal(args.verb->name, "query");
  assert_int_equal(args.operand_count, 2);
  assert_string_equal(args.operands[0], "s3://b/");
  assert_string_equal(args.operands[1], "aia_0094");
  good("--jobs 3 registry endpoint --first Name");
  assert_string_equal(args.verb->name, "registry endpoint");
  assert_int_equal(args.operand_count, 1);
  good("registry");
  assert_string_equal(args.verb->name, "registry");
  good("index b -- --strict -x");
  assert_int_equal(args.operand_count, 3);
  assert_string_equal(args.operands[1], "--strict");
  assert_false(args.settings.strict);
  good("query - -");
  assert_string_equal(args.operands[0], "-");
  bad("query", "'query' needs more operands: heliodex query BUCKET [ID...]");
  good("query a b c d*");
  assert_int_equal(args.operand_count, 4);
  bad("info a b c", "too many operands, from 'c' on; expected: heliodex info BUCKET ID");
  bad("query a ''", "operand 2 of 'query' is empty; expected: heliodex query BUCKET [ID...]");
  bad("registry foo", "'registry' is followed by nothing or by a word of its own, found 'foo'");
}

static void verbs(void **state) {
  (void)state;
  good("");
  assert_null(args.verb);
  good("--help");
  assert_true(args.settings.help);
  good("query --help");
  assert_string_equal(args.verb->name, "query");
  bad("qurey a b", "unknown verb 'qurey': did you mean 'query'?");
  bad("QUERY a b", "unknown verb 'QUERY': did you mean 'query'?");
  bad("stroe list", "unknown verb 'stroe': did you mean 'store'?");
  bad("zzz", "unknown verb 'zzz'");
  bad("que a b", "unknown verb 'que': did you mean 'query'?");
  bad("store", "'store' needs a second word: 'store list' or 'store remove'");
  bad("store lits", "'store' needs a second word: 'store list' or 'store remove', found 'lits'");
  bad("''", "unknown verb ''");
}

static void option_forms(void **state) {
  (void)state;
  assert_int_equal(good("query b i --jobs 7")->jobs, 7);
  assert_int_equal(good("query b i --jobs=7")->jobs, 7);
  assert_int_equal(good("--jobs 7 query b i")->jobs, 7);
  assert_int_equal(good("query -j7 b i")->jobs, 7);
  assert_int_equal(good("query -j 7 b i")->jobs, 7);
  assert_int_equal(good("query -qvvj7 b i")->jobs, 7);
  assert_true(args.settings.quiet);
  assert_int_equal(args.settings.verbose, 2);
  assert_int_equal(good("query -vvvvv b i")->verbose, 2);
  assert_int_equal(good("query b i --jobs 7 --jobs 8")->jobs, 8);
  assert_string_equal(good("query b i -o-")->output, "-");
  assert_string_equal(good("query b i -o -")->output, "-");
  assert_string_equal(good("query b i --store=--offline")->store, "--offline");
  assert_true(good("query b i --offline=yes")->offline);
  assert_false(good("query b i --offline --offline=no")->offline);
  assert_int_equal(good("query b i --json")->format, CLI_FORMAT_NDJSON);
  assert_int_equal(good("query b i --json --format tsv")->format, CLI_FORMAT_TSV);
  assert_int_equal(good("query b i --format tsv --json")->format, CLI_FORMAT_NDJSON);
  bad("query b i --jobs", "--jobs needs a value: --jobs N");
  bad("query b i -j", "-j needs a value: -j N");
  bad("query b i --store --offline", "--store needs a value, found '--offline' (--store=--offline if that is meant)");
  bad("query b i --store --", "--store needs a value, found '--' (--store=-- if that is meant)");
  bad("query b i --store=", "--store: the value is empty");
  bad("query b i -j=7", "-j: expected a whole number from 1 to 4096, found '=7'");
  bad("query b i --offline=maybe", "--offline: expected yes or no, found 'maybe'");
}

static void unknown_options(void **state) {
  (void)state;
  bad("query b i --strat 1", "unknown option '--strat': did you mean --start?");
  bad("query b i --form csv", "unknown option '--form': did you mean --format?");
  bad("query b i --zzzz", "unknown option '--zzzz'");
  bad("query b i --Jobs 3", "unknown option '--Jobs': did you mean --jobs?");
  bad("query b i --=3", "unknown option '--'");
  bad("query b i -x", "unknown option '-x'");
  bad("query b i -qx", "unknown option '-x' in '-qx'");
  bad("query b i -format", "unknown option '-format': did you mean --format?");
  bad("query b i -\xc3\x85", "unknown option '-\xc3\x85' in '-\xc3\x85'");
  bad("query b i --strict", "'query' has no option --strict (it belongs to: index)");
  bad("--limit 3 registry", "'registry' has no option --limit (it belongs to: datasets, ls, search, query, mirror, "
                            "cat, plan)");
  assert_string_equal(args.verb->name, "registry"); /* so that the hint can name it */
}

/* Options that are given several times, and those that go together. */
static void conditions(void **state) {
  (void)state;
  const struct cli_settings *s =
      good("query b i --key *.cdf --key=a/* --key-exclude x --where a=b --where c!= --where d>=1=2");
  assert_int_equal(s->keys.count, 2);
  assert_string_equal(s->keys.items[0], "*.cdf");
  assert_string_equal(s->keys.items[1], "a/*");
  assert_int_equal(s->key_excludes.count, 1);
  assert_int_equal(s->wheres.count, 3);
  assert_string_equal(s->wheres.items[2], "d>=1=2");
  assert_int_equal(good("query b i --min-size 1K --max-size 1K")->min_size, 1024);
  assert_true(cli_args_given(&args, "min-size"));
  good("query b i");
  assert_false(cli_args_given(&args, "min-size"));
  bad("query b i --key=", "--key: the value is empty");
  bad("query b i --where a", "--where: expected COLUMN=VALUE (or with !=, <, <=, > or >=), found 'a'");
  bad("query b i --where =a", "--where: expected COLUMN=VALUE (or with !=, <, <=, > or >=), found '=a'");
  bad("query b i --where !=", "--where: expected COLUMN=VALUE (or with !=, <, <=, > or >=), found '!='");
  bad("query b i --where n<>94", "--where: there is no operator <>: there are =, !=, <, <=, > and >=; found 'n<>94'");
  bad("query b i --where n==94", "--where: there is no operator ==: there are =, !=, <, <=, > and >=; found 'n==94'");
  bad("query b i --where n=<94", "--where: there is no operator =<: there are =, !=, <, <=, > and >=; found 'n=<94'");
  bad("query b i --where n=>94", "--where: there is no operator =>: there are =, !=, <, <=, > and >=; found 'n=>94'");
  bad("query b i --where n!94", "--where: there is no operator !: there are =, !=, <, <=, > and >=; found 'n!94'");
  bad("query b i --where n!==94",
      "--where: there is no operator !==: there are =, !=, <, <=, > and >=; found 'n!==94'");
  bad("query b i --min-size 2 --max-size 1", "--max-size is less than --min-size: nothing can match");
  bad("query b i --summary --limit 1",
      "--summary has no rows: it goes with none of --limit, --reverse and the formats for other tools");
  bad("query b i --summary --format s5cmd",
      "--summary has no rows: it goes with none of --limit, --reverse and the formats for other tools");
  bad("query b i --count-by year --reverse",
      "--count-by has no rows: it goes with none of --limit, --reverse and the formats for other tools");
  bad("query b i --count-by year --summary", "--summary and --count-by exclude each other");
  bad("query b i --count-by week", "--count-by: expected year, month or day, found 'week'");
  bad("query b", "'query' needs an ID; it may be left out with --summary and --count-by only");
  assert_true(good("query b --summary")->summary);
  assert_int_equal(good("query b --count-by month")->count_by, CLI_COUNT_BY_MONTH);
  bad("query b i --format s5cmd -0", "--null goes with --format keys or urls only");
  bad("query b i --sign --no-sign-request", "--sign and --no-sign-request exclude each other");
  bad("ls s3://b/ --request-payer requester --no-sign-request",
      "--request-payer needs signed requests: it goes without --no-sign-request");
  bad("ls s3://b/ --request-payer owner", "--request-payer: expected requester, found 'owner'");
  bad("query b i --format urls --url-style presigned --no-sign-request",
      "--url-style presigned and --no-sign-request exclude each other");
  bad("query b i --format urls --expires 1h", "--expires goes with --url-style presigned only");
  bad("query b i --format urls --url-style presigned --expires 8d",
      "--expires: expected a duration from 1s to 7d, found '8d'");
  bad("query b i --format aria2 --url-style s3", "--url-style goes with --format urls only, and presigned with aria2");
  bad("datasets b -i", "--ignore-case goes with --path and --path-regex only");
  assert_true(good("datasets b -i --path-regex x")->ignore_case);
  bad("datasets b --format rclone", "--format rclone is a list of data files: it goes with 'query' only");
  assert_int_equal(good("query b i --format urls -0 --url-style s3")->url_style, CLI_URL_S3);
}

static void values(void **state) {
  (void)state;
  const struct cli_settings *s = good("query b i --start 2020-032 --stop 2020-02-01T06:00Z --match contained");
  int64_t first, last;
  assert_int_equal(hdx_time_parse(cli_text("2020-02-01"), &first, NULL), HDX_OK);
  assert_int_equal(hdx_time_parse(cli_text("2020-02-01T06:00:00Z"), &last, NULL), HDX_OK);
  assert_int_equal(s->start, first);
  assert_int_equal(s->stop, last);
  assert_int_equal(s->match, CLI_MATCH_CONTAINED);
  assert_int_equal(good("query b i")->start, HDX_TIME_NONE);
  s = good("query b i --start 2020 --stop 2020");
  assert_int_equal(s->start, s->stop);
  bad("query b i --start 2021 --stop 2020", "--stop 2020-01-01T00:00:00Z lies before --start 2021-01-01T00:00:00Z");
  bad("query b i --format xml",
      "--format: expected table, csv, tsv, ndjson, json, keys, urls, s5cmd, aria2 or rclone, found 'xml'");
  bad("query b i --format CSV",
      "--format: expected table, csv, tsv, ndjson, json, keys, urls, s5cmd, aria2 or rclone, found 'CSV'");
  bad("query b i --memory 1M", "--memory: expected a size from 16M to 1T, found '1M'");
  bad("query b i -0 --json", "--null goes with --format keys or urls only");
  bad("query b i --offline --refresh", "--offline and --refresh exclude each other");
  cli_args_deinit(&args);
  assert_int_equal(parse("query b i --start yesterday"), HDX_USAGE);
  assert_ptr_equal(strstr(error.message, "--start: "), error.message);
  assert_non_null(strstr(error.message, "yesterday"));
}

static void maps(void **state) {
  (void)state;
  const struct cli_list *list = &good("query b i --map s3://a/=http://h/x?y=z --map s3://b/year=1/=file:///d/")->maps;
  assert_int_equal(list->count, 2);
  assert_int_equal(cli_map_equals(list->items[0]), 7);
  assert_int_equal(cli_map_equals(list->items[1]), 14);
  static const char *const wrong[] = {"x", "=", "s3://a/", "=http://h/", "s3://a/=h", "a=http://h/", "s3://a/=://h"};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    char line[128], expected[160];
    snprintf(line, sizeof line, "query b i --map %s", wrong[i]);
    snprintf(expected, sizeof expected, "--map: expected A=URL such as s3://bucket/=http://127.0.0.1:8000/, found '%s'",
             wrong[i]);
    bad(line, expected);
  }
}

/* What the command line says wins over an environment that says the opposite. */
static void opposites(void **state) {
  (void)state;
  setenv("HELIODEX_SIGN", "yes", 1);
  setenv("HELIODEX_OFFLINE", "yes", 1);
  setenv("HELIODEX_EXPIRES", "2h", 1);
  assert_true(good("query b i")->sign);
  assert_int_equal(args.settings.expires_ms, 7200000);
  assert_false(good("query b i --no-sign-request")->sign);
  assert_true(args.settings.no_sign && args.settings.offline);
  assert_false(good("query b i --refresh")->offline);
  setenv("HELIODEX_NO_SIGN_REQUEST", "yes", 1);
  bad("query b i", "--sign and --no-sign-request exclude each other");
  assert_false(good("query b i --request-payer requester")->no_sign);
  unsetenv("HELIODEX_SIGN");
  unsetenv("HELIODEX_OFFLINE");
  unsetenv("HELIODEX_EXPIRES");
  unsetenv("HELIODEX_NO_SIGN_REQUEST");
}

static void environment(void **state) {
  (void)state;
  setenv("HELIODEX_JOBS", "9", 1);
  setenv("HELIODEX_MAX_CONNECTIONS_PER_HOST", "5", 1);
  setenv("HELIODEX_OFFLINE", "yes", 1);
  setenv("HELIODEX_FORMAT", "json", 1);
  setenv("HELIODEX_MAP", "s3://a/=http://h/ s3://b/=http://i/", 1);
  setenv("HELIODEX_STRICT", "nonsense", 1); /* not the verb's */
  setenv("HELIODEX_HELP", "1", 1);
  setenv("HELIODEX_STORE", "", 1); /* empty is as good as unset */
  const struct cli_settings *s = good("query b i");
  assert_int_equal(s->jobs, 9);
  assert_int_equal(s->connections_per_host, 5);
  assert_true(s->offline);
  assert_int_equal(s->format, CLI_FORMAT_JSON);
  assert_int_equal(s->maps.count, 2);
  assert_string_equal(s->maps.items[1], "s3://b/=http://i/");
  assert_null(s->store);
  s = good("query b i --jobs 3 --offline=no --json");
  assert_int_equal(s->jobs, 3);
  assert_false(s->offline);
  assert_int_equal(s->format, CLI_FORMAT_NDJSON);
  unsetenv("HELIODEX_FORMAT");
  setenv("HELIODEX_JSON", "on", 1);
  assert_int_equal(good("query b i")->format, CLI_FORMAT_NDJSON);
  setenv("HELIODEX_JSON", "off", 1);
  assert_int_equal(good("query b i")->format, CLI_FORMAT_AUTO);
  setenv("HELIODEX_JSON", "maybe", 1);
  bad("query b i", "HELIODEX_JSON in the environment: expected yes or no, found 'maybe'");
  unsetenv("HELIODEX_JSON");
  setenv("HELIODEX_JOBS", "many", 1);
  bad("query b i", "HELIODEX_JOBS in the environment: expected a whole number from 1 to 4096, found 'many'");
  good("query b i --jobs 3"); /* not asked */
  good("version");            /* nor by verbs without a session */
  static const char *const all[] = {"JOBS", "MAX_CONNECTIONS_PER_HOST", "OFFLINE", "FORMAT", "MAP", "STRICT", "HELP",
                                    "STORE"};
  for (size_t i = 0; i < COUNT(all); i++) {
    char name[64];
    snprintf(name, sizeof name, "HELIODEX_%s", all[i]);
    unsetenv(name);
  }
}

static void table(void **state) {
  (void)state;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    assert_ptr_equal(cli_option_find(option->name, strlen(option->name)), option);
    assert_true(!option->letter || cli_option_letter(option->letter) == option);
    bool flag = option->type == CLI_FLAG || option->type == CLI_COUNT || option->type == CLI_PRESET;
    assert_true(flag == (option->argument == NULL));
    assert_true((option->type == CLI_CHOICE) == (option->choices != NULL));
    assert_true(option->min <= option->max || option->max == 0);
    char variable[CLI_VARIABLE_MAX];
    assert_true(strlen(cli_option_variable(option, variable)) == strlen("HELIODEX_") + strlen(option->name));
  }
  for (size_t i = 0; i < cli_verb_count(); i++) {
    assert_int_equal(cli_verb_at(i)->bit, 1u << i);
    assert_ptr_equal(cli_verb_find(cli_verb_at(i)->name), cli_verb_at(i));
  }
  assert_int_equal((1u << cli_verb_count()) - 1, CLI_VERBS_ALL);
}

/* What is written into the settings without an option is the library's default: help tells the truth. */
static void defaults(void **state) {
  (void)state;
  struct hdx_config config;
  hdx_config_init(&config);
  const struct cli_settings *s = good("query b i");
  assert_int_equal(s->jobs, config.jobs);
  assert_int_equal(s->connections_per_host, config.connections_per_host);
  assert_int_equal(s->threads, config.threads);
  assert_int_equal(s->retries, config.retries);
  assert_int_equal(s->part_bytes, config.part_bytes);
  assert_int_equal(s->memory_bytes, config.memory_bytes);
  assert_int_equal(s->rate_bytes, config.rate_bytes);
  assert_int_equal(s->catalog_bytes_max, config.catalog_bytes_max);
  assert_int_equal(s->retry_ms_max, config.retry_ms_max);
  assert_int_equal(s->stall_ms_max, config.stall_ms_max);
  assert_int_equal(s->connect_ms_max, config.connect_ms_max);
}

static int release(void **state) {
  (void)state;
  cli_args_deinit(&args);
  args = (struct cli_args){0};
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(operands, release),     cmocka_unit_test_teardown(verbs, release),
      cmocka_unit_test_teardown(option_forms, release), cmocka_unit_test_teardown(unknown_options, release),
      cmocka_unit_test_teardown(conditions, release),   cmocka_unit_test_teardown(values, release),
      cmocka_unit_test_teardown(maps, release),         cmocka_unit_test_teardown(environment, release),
      cmocka_unit_test_teardown(opposites, release),    cmocka_unit_test_teardown(table, release),
      cmocka_unit_test_teardown(defaults, release)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
