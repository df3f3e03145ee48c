/* Programs that print credentials: their words, their output, and how they end. */
#include "base/error.h"
#include "unit/transfer/aws_home.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static const char good[] = "{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"";

static void set_command(const char *command) {
  char content[2000];
  snprintf(content, sizeof content, "[default]\nregion = r\ncredential_process = %s\n", command);
  write_file(".aws/config", content);
}

/* Has the profile run a shell script. */
static void set_script(const char *script) {
  char command[300];
  write_file("script", script);
  snprintf(command, sizeof command, "sh %s", path_of("script"));
  set_command(command);
}

/* Has the profile print the text. */
static void set_output(const char *json) {
  char script[2000];
  snprintf(script, sizeof script, "cat <<'END'\n%s\nEND\n", json);
  set_script(script);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_good_answer_is_taken(void **state) {
  char json[500];
  (void)state;
  snprintf(json, sizeof json, "%s}", good);
  set_output(json);
  assert_int_equal(find(), HDX_OK);
  assert_found("ID", "hush", "");
  assert_true(found.expires == HDX_TIME_NONE && found.renewable);
  assert_non_null(strstr(found.origin, "the credential_process of the profile default of "));
  assert_non_null(strstr(found.origin, "line 3"));
  const struct {
    const char *text;
    int64_t seconds;
  } times[] = {{"2200-01-01T00:00:00Z", 0},
               {"2200-01-01T00:00:00+00:00", 0},
               {"2200-01-01T01:30:00+01:30", 0},
               {"2199-12-31T22:00:00-02:00", 0},
               {"2200-01-01T00:00:01.000000+00:00", 1}};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    snprintf(json, sizeof json, "%s,\"SessionToken\":\"hush\\u0021\",\"Expiration\":\"%s\",\"Other\":[1]}", good,
             times[i].text);
    set_output(json);
    assert_int_equal(find(), HDX_OK);
    assert_found("ID", "hush", "hush!");
    assert_true(found.expires == (INT64_C(7258118400) + times[i].seconds) * 1000000000);
  }
  snprintf(json, sizeof json, "%s,\"SessionToken\":null,\"Expiration\":null}", good);
  set_output(json);
  assert_int_equal(find(), HDX_OK);
  assert_found("ID", "hush", "");
}

static void bad_answers_are_refused(void **state) {
  static const struct {
    const char *json, *said;
  } cases[] = {
      {"", "expected JSON"},
      {"hush", "expected JSON"},
      {"{\"Version\":1,\"SecretAccessKey\":\"hush", "expected JSON"},
      {"{\"Version\":1,\"SecretAccessKey\":hush}", "expected JSON"},
      {"[1]", "Version"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}", "Version"},
      {"{\"Version\":2,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}", "Version"},
      {"{\"Version\":\"1\",\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}", "Version"},
      {"{\"Version\":1,\"AccessKeyId\":\"ID\"}", "no secret access key"},
      {"{\"Version\":1,\"SecretAccessKey\":\"hush\"}", "no access key id"},
      {"{\"Version\":1}", "neither"},
      {"{\"Version\":1,\"AccessKeyId\":[\"hush\"],\"SecretAccessKey\":\"hush\"}", "expected texts"},
      {"{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\\n\"}", "control bytes"},
      {"{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\",\"SessionToken\":\"hush\xc3\xa4\"}",
       "control bytes"},
      {"{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\",\"Expiration\":\"hush\"}", "malformed"},
      {"{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\",\"Expiration\":\"2020-01-01T00:00:00Z\"}",
       "expired at 2020-01-01T00:00:00Z"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_output(cases[i].json);
    assert_int_equal(find(), HDX_DENIED);
    assert_said(cases[i].said);
    assert_said(path_of(".aws/config, line 3"));
  }
}

static void a_failing_program_is_told_without_its_output(void **state) {
  (void)state;
  set_script("echo '{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}'; echo hush >&2; exit 7");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("ended with status 7");
  set_script("kill -9 $$");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("signal 9");
  set_command("hush-is-no-program hush");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("cannot be started: No such file or directory");
  set_command("/tmp hush");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("cannot be started");
  set_script("exec cat /dev/zero");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("more than 65536 bytes");
}

/* Words as Python's shlex.split gives them: the program prints them, one a line, into a file. */
static void words_are_split_without_a_shell(void **state) {
  static const struct {
    const char *words, *expected;
  } cases[] = {
      {"a  b\tc", "[a][b][c]"},
      {"'a b' \"c d\" e' 'f", "[a b][c d][e f]"},
      {"'a\\b' \"a\\b\" \"a\\\"b\\\\\" a\\ b \\'", "[a\\b][a\\b][a\"b\\][a b][']"},
      {"'' \"\" $HOME ~ * `id` a;b a|b >c", "[][][$HOME][~][*][`id`][a;b][a|b][>c]"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[600], read[200];
    write_file("script",
               "for word; do printf '[%s]' \"$word\"; done >\"$0.out\"; mv \"$0.out\" \"${0%script}other\"\n");
    snprintf(command, sizeof command, "sh %s %s", path_of("script"), cases[i].words);
    set_command(command);
    assert_int_equal(find(), HDX_DENIED);
    FILE *file = fopen(path_of("other"), "r");
    assert_non_null(file);
    read[fread(read, 1, sizeof read - 1, file)] = 0;
    fclose(file);
    assert_string_equal(read, cases[i].expected);
  }
  static const char *const endless[] = {"sh 'hush", "sh \"hush", "sh hush\\"};
  for (size_t i = 0; i < 3; i++) {
    set_command(endless[i]);
    assert_int_equal(find(), HDX_DENIED);
    assert_said("has no end");
  }
}

static void the_program_gets_the_environment_but_no_input_and_no_descriptor(void **state) {
  (void)state;
  int fd = open("/dev/zero", O_RDONLY); /* to be inherited, but for us */
  assert_int_equal(dup2(fd, 77), 77);
  setenv("MARK", "1", 1);
  set_script("[ -e /proc/$$/fd/77 ] && exit 1\n[ \"$(wc -c)\" -eq 0 ] || exit 2\n[ \"$MARK\" = 1 ] || exit 3\n"
             "echo '{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}'");
  enum hdx_status status = find();
  close(77);
  close(fd);
  if (status != HDX_OK)
    fail_msg("%s", error.message);
}

/* Asked of the program itself, for a shell sets signals as it likes: it ends well, having printed nothing. */
static void the_program_gets_its_signals(void **state) {
  sigset_t all, before;
  (void)state;
  sigfillset(&all);
  signal(SIGPIPE, SIG_IGN);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  set_command("grep -q '^SigBlk:.0*$' /proc/self/status");
  find();
  assert_said("expected JSON");
  set_command("grep -q '^SigIgn:.*[02468ace]...$' /proc/self/status");
  find();
  assert_said("expected JSON");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  signal(SIGPIPE, SIG_DFL);
}

static void a_program_that_leaves_another_running_is_not_waited_for(void **state) {
  (void)state;
  set_script("sleep 50 & echo $! >${0%script}pid\n"
             "echo '{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\"}'");
  int64_t from = now_ms();
  assert_int_equal(find(), HDX_OK);
  assert_true(now_ms() - from < 20000);
  FILE *file = fopen(path_of("pid"), "r");
  int pid;
  assert_int_equal(fscanf(file, "%d", &pid), 1);
  fclose(file);
  assert_int_equal(kill(pid, SIGKILL), 0); /* it was left alone */
}

static void *cancel_soon(void *user) {
  (void)user;
  while (access(path_of("pid"), F_OK) != 0)
    usleep(10000);
  usleep(100000);
  atomic_store(&cancelled, true);
  return NULL;
}

static void a_hanging_program_is_ended_with_its_children_when_cancelled(void **state) {
  pthread_t thread;
  (void)state;
  set_script("sleep 50 & echo $! >${0%script}other; mv ${0%script}other ${0%script}pid; wait");
  char pid_path[256];
  snprintf(pid_path, sizeof pid_path, "%s", path_of("pid"));
  pthread_create(&thread, NULL, cancel_soon, NULL);
  int64_t from = now_ms();
  assert_int_equal(find(), HDX_INTERRUPTED);
  assert_true(now_ms() - from < 20000);
  pthread_join(thread, NULL);
  FILE *file = fopen(pid_path, "r");
  int pid;
  assert_int_equal(fscanf(file, "%d", &pid), 1);
  fclose(file);
  for (int i = 0; i < 200; i++) { /* it may be a zombie until init has taken note */
    char name[64], line[256] = "";
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *stat = fopen(name, "r");
    if (!stat)
      return;
    bool gone = !fgets(line, sizeof line, stat);
    fclose(stat);
    if (gone || strstr(line, ") Z "))
      return;
    usleep(10000);
  }
  fail_msg("the program's child lives on");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_good_answer_is_taken),
      TEST(bad_answers_are_refused),
      TEST(a_failing_program_is_told_without_its_output),
      TEST(words_are_split_without_a_shell),
      TEST(the_program_gets_the_environment_but_no_input_and_no_descriptor),
      TEST(the_program_gets_its_signals),
      TEST(a_program_that_leaves_another_running_is_not_waited_for),
      TEST(a_hanging_program_is_ended_with_its_children_when_cancelled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
