/* Runs of `heliodex query` over a library in memory: what it asks for, prints and ends with. */
#include "unit/cli/cli_run.h"

static void query(void **state) {
  (void)state;
  fake.key = (struct hdx_text){"s3://b/a,b.cdf", 14};
  fake.extra_count = 2;
  assert_run("query b aia_0094 --start 2020 --stop 2020-02 --limit 2", 0,
             "start,stop,datakey,filesize,checksum,\"say, what\"\n"
             "2020-01-01T00:00:00.000Z,2020-01-01T00:00:02.500Z,\"s3://b/a,b.cdf\",1742991,abc,\"a,\"\"b\"\"\"\n"
             "2020-01-01T00:04:00.000Z,2020-01-01T00:04:02.500Z,\"s3://b/a,b.cdf\",1742991,abc,\n",
             "");
  assert_int_equal(asked->query_options.limit, 2);
  assert_int_equal(asked->query_options.start, INT64_C(1577836800000000000));
  assert_int_equal(asked->query_options.match, HDX_MATCH_OVERLAP);
  assert_string_equal(asked->id, "aia_0094");
  assert_run("query b aia_0094 --match start --allow-partial --json --limit 1", 0, NULL, "");
  assert_int_equal(asked->query_options.match, HDX_MATCH_START);
  assert_true(asked->query_options.allow_partial);
  assert_int_equal(asked->query_options.stop, HDX_TIME_NONE);
  assert_ptr_equal(strstr(out, "{\"start\":\"2020-01-01T00:00:00.000Z\",\"stop\":"), out);
  /* An index may call its columns as it likes. */
  fake.extra_count = 5;
  assert_run(
      "query b i --limit 1", 0,
      "start,stop,datakey,filesize,checksum,\"say, what\",id_3,id_2,start_2\n2020-01-01T00:00:00.000Z,2020-01-01T00:"
      "00:02.500Z,\"s3://b/a,b.cdf\",1742991,abc,\"a,\"\"b\"\"\",abc,\"a,\"\"b\"\"\",abc\n",
      "");
  assert_run("query b aia_* --limit 1 --json", 0, NULL, "");
  assert_non_null(strstr(out, "\"id_3\":\"abc\",\"id_2\":\"a,\\\"b\\\"\",\"start_2\":\"abc\"}"));
}

static void query_statuses(void **state) {
  (void)state;
  fake.rows = 0;
  assert_run("query b i", 0, "start,stop,datakey,filesize\n", "heliodex: warning: aia_0094: no row in this range\n");
  assert_run("query b i --error-on-empty", 9, NULL, "heliodex: aia_0094: no row in this range\n");
  assert_run("query b i --min-size 1 --format json", 0, "[]\n", "heliodex: warning: aia_0094: no row matches\n");
  assert_run("query b i --limit 0", 2, "", NULL);
  fake_reset();
  fake.query_status = HDX_EMPTY;
  assert_run("query b x* --format json", 0, "[]\n", "heliodex: warning: it was arranged to fail\n");
  assert_run("query b x* --format csv", 0, "id,start,stop,datakey,filesize\n", NULL);
  assert_run("query b x* --summary --error-on-empty", 9, "id,rows,bytes,unsized,start,stop\n", NULL);
  assert_run("query b x* --format s5cmd", 0, "", NULL);
  fake_reset();
  fake.incomplete_years = 2;
  assert_run("query b i", 0, NULL, NULL);
  assert_non_null(strstr(err, "2 wanted years are stale"));
  assert_run("query b i --refresh -q", 1, NULL,
             "heliodex: aia_0094: 2 wanted years could not be refreshed; these are the rows held\n");
  assert_run("query b i --allow-partial -o ~/rows", 1, "", NULL);
  assert_non_null(file_content("rows"));
  static const struct {
    enum hdx_status status;
    int code;
  } failures[] = {{HDX_NOT_FOUND, 3}, {HDX_DENIED, 4}, {HDX_TEMPORARY, 5}, {HDX_IO, 6},
                  {HDX_INTEGRITY, 7}, {HDX_LIMIT, 8},  {HDX_INTERNAL, 70}};
  for (size_t i = 0; i < COUNT(failures); i++) {
    fake_reset();
    fake.query_status = failures[i].status;
    assert_run("query b i", failures[i].code, "", "heliodex: it was arranged to fail\n");
  }
  fake.query_status = HDX_NOT_FOUND;
  assert_run("query b i --offline", 3, "",
             "heliodex: it was arranged to fail\n--offline is set: the network was not asked.\n");
}

static void query_options(void **state) {
  (void)state;
  assert_run("query b i --key *.cdf --key-exclude x* --where a>=1 --where b!= --min-size 1K --reverse --latest-version",
             0, NULL, "");
  assert_string_equal(asked->keys, "*.cdf !x* ");
  assert_string_equal(asked->where, "a 5 1; b 1 ; ");
  assert_int_equal(asked->query_options.min_size, 1024);
  assert_int_equal(asked->query_options.max_size, -1);
  assert_true(asked->query_options.reverse && asked->query_options.latest_version);
  assert_run("query b i --max-size 0", 0, NULL, "");
  assert_int_equal(asked->query_options.max_size, 0);
  assert_int_equal(asked->query_options.min_size, -1);
}

static void query_several(void **state) {
  (void)state;
  fake.key = (struct hdx_text){"k", 1};
  fake.rows = 1;
  assert_run("query b aia_* MMS1_FEEPS", 0,
             "id,start,stop,datakey,filesize\naia_0094,2020-01-01T00:00:00.000Z,2020-01-01T00:00:02.500Z,k,1742991\n",
             "");
  assert_string_equal(asked->globs, "aia_* MMS1_FEEPS ");
  assert_run("query b aia_* --format keys", 0, "k\n", "");
  fake.failing_datasets = 1;
  assert_run("query b aia_* --format keys -o ~/list", 1, "",
             "heliodex: aia_0131: 503 Slow Down\nheliodex: 1 of 2 datasets could not be answered for; their rows are "
             "missing\n");
  assert_string_equal(file_content("list"), "k\n");
  fake.rows = 0;
  fake.failing_datasets = 0;
  assert_run("query b aia_*", 0, NULL, "heliodex: warning: no row in this range in 1 dataset\n");
  assert_run("query b aia_* --where a=1", 0, NULL, "heliodex: warning: no row matches in 1 dataset\n");
  fake.rows = 1;
  assert_run("query b aia_* x* y*", 0, NULL,
             "heliodex: warning: no dataset matches x*\nheliodex: warning: no dataset matches y*\n");
  assert_run("query b aia_* x* --error-on-empty -q", 9, NULL, "heliodex: no dataset matches x*\n");
}

static void query_summary(void **state) {
  (void)state;
  assert_run("query b i --summary", 0,
             "id,rows,bytes,unsized,start,stop\naia_0094,3,5000,1,2020-01-01T00:00:00.000Z,2020-01-01T00:04:00.000Z\n",
             "");
  fake.rows = 0;
  assert_run("query b i --summary --json", 0,
             "{\"id\":\"aia_0094\",\"rows\":0,\"bytes\":5000,\"unsized\":1,\"start\":null,\"stop\":null}\n",
             "heliodex: warning: aia_0094: no row in this range\n");
}

static void query_counts(void **state) {
  (void)state;
  assert_run("query b i --count-by year", 0,
             "id,year,rows,bytes,unsized\naia_0094,static,2,5000,1\naia_0094,1677,2,5000,1\naia_0094,2020,2,5000,1\n",
             "");
  assert_run("query b i --count-by month --format tsv", 0,
             "id\tmonth\trows\tbytes\tunsized\naia_0094\tstatic\t2\t5000\t1\naia_0094\t1677-09\t2\t5000\t1\n"
             "aia_0094\t2020-01\t2\t5000\t1\n",
             "");
  assert_run("query b i --count-by day --json", 0,
             "{\"id\":\"aia_0094\",\"day\":\"static\",\"rows\":2,\"bytes\":5000,\"unsized\":1}\n"
             "{\"id\":\"aia_0094\",\"day\":\"1677-09-21\",\"rows\":2,\"bytes\":5000,\"unsized\":1}\n"
             "{\"id\":\"aia_0094\",\"day\":\"2020-01-02\",\"rows\":2,\"bytes\":5000,\"unsized\":1}\n",
             "");
  assert_run("query b --count-by year --format keys", 0, "aia_0094\naia_0094\naia_0094\n", "");
  assert_string_equal(asked->globs, "* ");
  fake.rows = 0;
  assert_run("query b i --count-by year --format json", 0, "[]\n",
             "heliodex: warning: aia_0094: no row in this range\n");
  fake.query_status = HDX_EMPTY;
  assert_run("query b --count-by day", 0, "id,day,rows,bytes,unsized\n", NULL);
  fake_reset();
  fake.next_status = HDX_INTEGRITY;
  assert_run("query b i --count-by day", 7, NULL, NULL);
}

/* Keys are text that an archive chose: what a tool would do with them is not up to it. */
static void manifests(void **state) {
  (void)state;
  static const struct {
    const char *key, *format, *out; /* out: NULL where the key is refused */
  } samples[] = {
      {"s3://b/a/x.cdf", "s5cmd", "cp 's3://b/a/x.cdf' 'a/x.cdf'\n"},
      {"s3://b/it's", "s5cmd", "cp 's3://b/it'\\''s' 'it'\\''s'\n"},
      {"s3://b/a*", "s5cmd", "cp --raw 's3://b/a*' 'a*'\n"},
      {"s3://b/-rf", "s5cmd", "cp 's3://b/-rf' './-rf'\n"},
      {"s3://b/s3://c/x", "s5cmd", NULL},
      {"s3://b/a/b://c", "s5cmd", NULL},
      {"s3://b/s3:/c//x", "s5cmd", "cp 's3://b/s3:/c//x' 's3:/c//x'\n"},
      {"s3://b/$(x);`y`", "s5cmd", "cp 's3://b/$(x);`y`' '$(x);`y`'\n"},
      {"s3://b/a\nrm 's3://b/*'", "s5cmd", NULL},
      {"s3://b/a/../../x", "s5cmd", NULL},
      {"s3://b/..", "s5cmd", NULL},
      {"s3://b/./x", "s5cmd", NULL},
      {"s3://b/..\\x", "s5cmd", NULL},
      {"s3://b//x", "s5cmd", NULL},
      {"s3://b/x/", "s5cmd", NULL},
      {"s3://b/", "s5cmd", NULL},
      {"s3://b", "s5cmd", NULL},
      {"https://h/x", "s5cmd", NULL},
      {"s3://b/a/x.cdf", "rclone", "a/x.cdf\n"},
      {"s3://b/..x/y..", "rclone", "..x/y..\n"},
      {"s3://b/#x", "rclone", NULL},
      {"s3://b/;x", "rclone", NULL},
      {"s3://b/ x", "rclone", NULL},
      {"s3://b/x\r", "rclone", NULL},
      {"s3://b/a x", "aria2", "https://host/b/a%20x\n  out=a x\n"},
      {"s3://b/x ", "aria2", NULL},
      {"s3://b/x\n  dir=/", "aria2", NULL},
      {"s3://b/a x", "urls", "https://host/b/a%20x\n"},
      {"s3://b/a\nb", "urls", NULL},
      {"s3://b/a\tb", "urls --url-style s3", NULL},
      {"s3://b/a x", "urls --url-style s3", "s3://b/a x\n"},
      {"https://h/d/x.cdf?version=2#a", "aria2", "https://h/d/x.cdf?version=2#a\n  out=d/x.cdf\n"},
      {"https://h/?x", "aria2", NULL},
      {"s3://b/x?y", "rclone", "x?y\n"},
      {"s3://b", "urls", NULL},
      {"s3://b/", "urls", NULL},
      {"s3://b/a/../x", "urls", NULL},
      {"s3://b", "urls --url-style s3", NULL},
      {"s3://b/", "urls --url-style s3", NULL},
      {"s3://b/a/../x", "urls --url-style s3", NULL},
      {"s3://b/a/./x", "urls --url-style s3", NULL},
  };
  for (size_t i = 0; i < COUNT(samples); i++) {
    char line[128];
    fake.rows = 1;
    fake.key = (struct hdx_text){samples[i].key, strlen(samples[i].key)};
    snprintf(line, sizeof line, "query b i --format %s", samples[i].format);
    assert_run(line, samples[i].out ? 0 : 7, samples[i].out ? samples[i].out : "", samples[i].out ? "" : NULL);
    if (!samples[i].out)
      assert_non_null(strstr(err, "is left out: "));
  }
  fake.rows = 3; /* of one file */
  fake.key = (struct hdx_text){"s3://b/x", 8};
  assert_run("query b i --format aria2", 0, "https://host/b/x\n  out=x\n", "");
  assert_run("query b i --format urls", 0, "https://host/b/x\n", "");
  fake.rows = 1;
  fake.key = (struct hdx_text){"s3://b/a\nb", 10};
  assert_run("query b i --format urls --url-style s3 -0 -o ~/urls", 0, "", "");
  assert_memory_equal(file_content("urls"), "s3://b/a\nb\0", 11);
  fake.key = (struct hdx_text){"s3://b/a\0b", 10}; /* of a forged snapshot: the list would have two entries of it */
  assert_run("query b i --format urls --url-style s3 -0", 7, "", NULL);
  assert_non_null(strstr(err, "is left out: it has a NUL"));
  fake.location_status = HDX_TEMPORARY;
  assert_run("query b i --format urls -o ~/none", 5, "", "heliodex: it was arranged to fail\n");
  assert_null(file_content("none"));
}

static void keys(void **state) {
  (void)state;
  fake.rows = 2;
  fake.key = (struct hdx_text){"a\nb", 3};
  assert_run("query b i --format keys", 0, "a\nb\na\nb\n",
             "heliodex: warning: 2 keys hold a newline and cannot be told apart in this list: use --null\n");
  assert_run("query b i -0 -o ~/keys", 0, "", "");
  assert_memory_equal(file_content("keys"), "a\nb\0a\nb\0", 9);
  assert_run("datasets b --format keys", 0, "aia_0094\naia_0131\nMMS1_FEEPS\n", "");
  assert_run("registry --format keys", 0, "s3://one/\ns3://two/\ns3://two-b/\n", "");
}

int main(void) {
  const struct CMUnitTest tests[] = {RUN(query),         RUN(query_statuses), RUN(query_options), RUN(query_several),
                                     RUN(query_summary), RUN(query_counts),   RUN(manifests),     RUN(keys)};
  return cmocka_run_group_tests(tests, begin, end);
}
