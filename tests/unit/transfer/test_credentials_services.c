/* The services that hand out credentials: what they are asked, what is taken from them, and when they are given up. */
#include "base/error.h"
#include "unit/transfer/aws_home.h"
#include "unit/transfer/http_server.h"

#include <time.h>

#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body
#define STATUS(line) "HTTP/1.1 " line "\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhush"
#define KEYS "\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\",\"Token\":\"hush-token\""
#define GOOD "{\"Code\":\"Success\"," KEYS ",\"Expiration\":\"2200-01-01T00:00:00Z\"}"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct server server;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Starts the server and has a variable say where it is. */
static void serve(const char *const *answers, size_t count, const char *variable, const char *path) {
  char url[100];
  assert_true(server_start(&server, answers, count));
  snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
  setenv(variable, url, 1);
}

static void serve_instance(const char *const *answers, size_t count) {
  unsetenv("AWS_EC2_METADATA_DISABLED");
  serve(answers, count, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
}

static void serve_container(const char *const *answers, size_t count) {
  serve(answers, count, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/hush?id=hush");
}

static void assert_asked(size_t index, const char *text) {
  assert_true(index < atomic_load(&server.asked));
  if (!strstr(server.heads[index], text))
    fail_msg("request %zu has no \"%s\": %s", index, text, server.heads[index]);
}

static void assert_not_asked(size_t index, const char *text) {
  if (strstr(server.heads[index], text))
    fail_msg("request %zu has \"%s\": %s", index, text, server.heads[index]);
}

/* ------------------------------------------------------------------------------------------------------- instance */

static void the_instance_is_asked_by_the_second_version(void **state) {
  static const char *const answers[] = {OK("hush-session"), OK("role+=,.@_-1\nother"), OK(GOOD)};
  (void)state;
  serve_instance(answers, COUNT(answers));
  enum hdx_status status = find();
  server_stop(&server);
  if (status != HDX_OK)
    fail_msg("%s", error.message);
  assert_found("ID", "hush", "hush-token");
  assert_true(found.expires == INT64_C(7258118400) * 1000000000 && found.renewable);
  assert_string_equal(found.origin, "the instance metadata service");
  assert_int_equal(atomic_load(&server.asked), 3);
  assert_asked(0, "PUT /latest/api/token HTTP/1.1\r\n");
  assert_asked(0, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
  assert_asked(0, "Content-Length: 0\r\n");
  assert_not_asked(0, "Expect:");
  assert_asked(1, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n");
  assert_asked(1, "X-aws-ec2-metadata-token: hush-session\r\n");
  assert_asked(2, "GET /latest/meta-data/iam/security-credentials/role+=,.@_-1 HTTP/1.1\r\n");
  assert_asked(2, "X-aws-ec2-metadata-token: hush-session\r\n");
}

static void without_a_session_nothing_more_is_asked(void **state) {
  static const struct {
    const char *answer, *said;
  } cases[] = {
      {STATUS("403 Forbidden"), "gave no session token (status 403)"},
      {STATUS("404 Not Found"), "gave no session token (status 404)"},
      {STATUS("405 Method Not Allowed"), "gave no session token (status 405)"},
      {STATUS("500 Oops"), "gave no session token (status 500)"},
      {"HTTP/1.1 302 Found\r\nLocation: /latest/api/hush\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
       "status 302"},
      {OK(""), "empty, too long or malformed"},
      {OK("hush\r\nX: y"), "empty, too long or malformed"},
      {OK("hush\xff"), "empty, too long or malformed"},
      {"garbage hush\r\n\r\n", "did not answer"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    serve_instance(&cases[i].answer, 1);
    enum hdx_status status = find();
    server_stop(&server);
    assert_int_equal(status, HDX_DENIED);
    assert_said(cases[i].said);
    assert_int_equal(atomic_load(&server.asked), 1);
  }
}

static void bad_answers_of_the_instance_are_refused(void **state) {
  static const struct {
    const char *role, *json, *said;
    size_t asked;
  } cases[] = {
      {STATUS("404 Not Found"), "", "has no role for this instance", 2},
      {STATUS("401 Unauthorized"), "", "answered with status 401", 2},
      {OK(""), "", "expected the name of a role", 2},
      {OK("hush/../role"), "", "expected the name of a role", 2},
      {OK(".."), "", "expected the name of a role", 2},
      {OK("role?hush"), "", "expected the name of a role", 2},
      {OK("role"), STATUS("404 Not Found"), "answered with status 404", 3},
      {OK("role"), OK("hush"), "expected JSON", 3},
      {OK("role"), OK("{\"Code\":\"hush\"," KEYS ",\"Expiration\":\"2200-01-01\"}"), "it refused", 3},
      {OK("role"), OK("{" KEYS "}"), "no Expiration", 3},
      {OK("role"), OK("{\"Code\":\"Success\"," KEYS ",\"Expiration\":\"2001-01-01T00:00:00Z\"}"), "expired at 2001", 3},
      {OK("role"), OK("{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"hush\",\"Expiration\":\"2200-01-01\"}"),
       "no Token", 3},
      {OK("role"), OK("{\"Token\":\"hush\",\"Expiration\":\"2200-01-01\"}"), "neither", 3},
      {"HTTP/1.1 302 Found\r\nLocation: /hush\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "", "status 302", 2},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *answers[] = {OK("hush-session"), cases[i].role, cases[i].json};
    serve_instance(answers, 3);
    enum hdx_status status = find();
    server_stop(&server);
    assert_int_equal(status, HDX_DENIED);
    assert_said(cases[i].said);
    assert_int_equal(atomic_load(&server.asked), cases[i].asked);
  }
}

static void an_answer_without_end_is_cut_off(void **state) {
  static char answer[200000];
  const char *answers[] = {answer};
  (void)state;
  memset(answer, 'h', sizeof answer - 1);
  memcpy(answer, OK(""), strlen(OK("")));
  serve_instance(answers, 1);
  assert_int_equal(find(), HDX_DENIED);
  server_stop(&server);
  assert_said("larger than the limit of 65536 bytes");
}

static void a_silent_instance_is_given_up(void **state) {
  static const char *const silent[] = {"", "", "", ""};
  (void)state;
  serve_instance(silent, COUNT(silent));
  int64_t from = now_ms();
  assert_int_equal(find(), HDX_DENIED);
  server_stop(&server);
  assert_in_range(now_ms() - from, 1800, 20000);
  assert_said("the instance metadata service did not answer");
  assert_int_equal(atomic_load(&server.asked), 1);
  /* More attempts, and a closed port. */
  setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2", 1);
  serve_instance(silent, COUNT(silent));
  assert_int_equal(find(), HDX_DENIED);
  server_stop(&server);
  assert_int_equal(atomic_load(&server.asked), 2);
  assert_int_equal(find(), HDX_DENIED);
  assert_said("did not answer");
}

static void attempts_go_on_only_where_that_may_help(void **state) {
  static const char *const again[] = {STATUS("503 Busy"), OK("hush-session"), OK("role"), STATUS("500 Oops"), OK(GOOD)};
  static const char *const final[] = {STATUS("403 Forbidden"), OK("hush-session")};
  (void)state;
  setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3", 1);
  serve_instance(again, COUNT(again));
  assert_int_equal(find(), HDX_OK);
  server_stop(&server);
  serve_instance(final, COUNT(final));
  assert_int_equal(find(), HDX_DENIED);
  server_stop(&server);
  assert_int_equal(atomic_load(&server.asked), 1);
}

static void *cancel_when_asked(void *user) {
  (void)user;
  while (!atomic_load(&server.asked))
    usleep(10000);
  atomic_store(&cancelled, true);
  return NULL;
}

static void cancelling_ends_the_wait(void **state) {
  static const char *const silent[] = {""};
  pthread_t thread;
  (void)state;
  setenv("AWS_METADATA_SERVICE_TIMEOUT", "60", 1);
  serve_instance(silent, 1);
  pthread_create(&thread, NULL, cancel_when_asked, NULL);
  int64_t from = now_ms();
  assert_int_equal(find(), HDX_INTERRUPTED);
  pthread_join(thread, NULL);
  server_stop(&server);
  assert_true(now_ms() - from < 20000);
  assert_int_equal(find(), HDX_INTERRUPTED); /* before anything is asked */
}

static void variables_that_say_how_to_ask_are_checked(void **state) {
  static const struct {
    const char *name, *value;
  } cases[] = {
      {"AWS_METADATA_SERVICE_TIMEOUT", "0"},
      {"AWS_METADATA_SERVICE_TIMEOUT", "1.5"},
      {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "x"},
      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "nonsense"},
      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "https://127.0.0.1"},
      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1/?x"},
      {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5"},
  };
  (void)state;
  unsetenv("AWS_EC2_METADATA_DISABLED");
  for (size_t i = 0; i < COUNT(cases); i++) {
    setenv(cases[i].name, cases[i].value, 1);
    assert_int_equal(find(), HDX_DENIED);
    assert_said(cases[i].name);
    unsetenv(cases[i].name);
  }
}

static void proxies_are_not_asked(void **state) {
  static const char *const answers[] = {OK("hush-session"), OK("role"), OK(GOOD)};
  (void)state;
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("all_proxy", "http://127.0.0.1:1", 1);
  serve_instance(answers, COUNT(answers));
  enum hdx_status status = find();
  server_stop(&server);
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  assert_int_equal(status, HDX_OK);
}

/* ------------------------------------------------------------------------------------------------------ container */

static void the_container_is_asked_before_the_instance(void **state) {
  static const char *const answers[] = {OK(GOOD)};
  (void)state;
  write_file(".aws/config", "[default]\nregion = r\n");
  serve_container(answers, 1);
  assert_int_equal(find(), HDX_OK);
  server_stop(&server);
  assert_found("ID", "hush", "hush-token");
  assert_string_equal(found.origin, "the container's credential service");
  assert_asked(0, "GET /hush?id=hush HTTP/1.1\r\n");
  assert_not_asked(0, "Authorization");
}

static void the_container_sees_its_token(void **state) {
  static const char *const answers[] = {OK(GOOD), OK(GOOD), OK(GOOD)};
  struct hdx_credentials_request *request;
  const struct hdx_credentials_options none = {0};
  (void)state;
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic hush", 1);
  serve_container(answers, 3);
  assert_int_equal(find(), HDX_OK);
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path_of("token"), 1);
  write_file("token", "hush-1");
  assert_int_equal(hdx_credentials_request_new(&none, &request, &error), HDX_OK);
  for (int i = 1; i <= 2; i++) {
    hdx_credentials_deinit(&found);
    assert_int_equal(hdx_credentials_find(request, &cancelled, &found, &error), HDX_OK);
    write_file("token", "hush-2"); /* the file is read anew each time */
  }
  hdx_credentials_request_free(request);
  server_stop(&server);
  assert_asked(0, "Authorization: Basic hush\r\n");
  assert_asked(1, "Authorization: hush-1\r\n");
  assert_asked(2, "Authorization: hush-2\r\n");
}

static void bad_tokens_are_not_sent(void **state) {
  static const char *const bad[] = {"hush\r\nX: y", "hush\n", "hush\xff"};
  static char large[9000];
  (void)state;
  memset(large, 'h', sizeof large - 1);
  serve_container(NULL, 0);
  for (size_t i = 0; i <= COUNT(bad); i++) {
    const char *token = i < COUNT(bad) ? bad[i] : large;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token, 1);
    assert_int_equal(find(), HDX_DENIED);
    assert_said("AWS_CONTAINER_AUTHORIZATION_TOKEN: ");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path_of("token"), 1);
    write_file("token", token);
    assert_int_equal(find(), HDX_DENIED);
    assert_said("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: ");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  }
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path_of("missing"), 1);
  assert_int_equal(find(), HDX_DENIED);
  assert_said("missing");
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path_of("token"), 1);
  write_file("token", "");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("token is empty");
  large[0] = '/';
  setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", large, 1);
  assert_int_equal(find(), HDX_DENIED);
  assert_said("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: longer than ");
  server_stop(&server);
  assert_int_equal(atomic_load(&server.asked), 0);
}

static void a_container_that_fails_is_an_error(void **state) {
  static const struct {
    const char *answer, *said;
  } cases[] = {
      {STATUS("403 Forbidden"), "the container's credential service answered with status 403"},
      {OK("{\"code\":\"hush\",\"message\":\"hush\"}"), "no Token"},
      {OK("hush"), "expected JSON"},
      {"HTTP/1.1 307 Moved\r\nLocation: /hush\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "status 307"},
      {"", "did not answer"},
  };
  (void)state;
  unsetenv("AWS_EC2_METADATA_DISABLED");
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
  for (size_t i = 0; i < COUNT(cases); i++) {
    serve_container(&cases[i].answer, 1);
    assert_int_equal(find(), HDX_DENIED);
    server_stop(&server);
    assert_said(cases[i].said);
    assert_null(strstr(error.message, "instance"));
    assert_int_equal(atomic_load(&server.asked), 1);
  }
}

static void only_near_hosts_are_asked_without_tls(void **state) {
  static const char *const relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
  static const char *const full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  static const char *const refused[] = {"http://example.org/",
                                        "http://169.254.169.254/",
                                        "http://127.0.0.1.example.org/",
                                        "http://localhost.x/",
                                        "http://127.1/",
                                        "http://0x7f.0.0.1/",
                                        "http://[::2]/",
                                        "http://2130706433/",
                                        "http://128.0.0.1/",
                                        "file:///etc/passwd",
                                        "s3://127.0.0.1/",
                                        "nonsense",
                                        "http://user:hush@localhost/",
                                        "http://[::ffff:127.0.0.1]/"};
  static const char *const tried[] = {"http://localhost:1/", "http://LOCALHOST:1/",  "http://127.255.0.3:1/",
                                      "http://[::1]:1/",     "https://127.0.0.1:1/", "https://no-such-host.invalid/"};
  (void)state;
  for (size_t i = 0; i < COUNT(refused); i++) {
    setenv(full, refused[i], 1);
    assert_int_equal(find(), HDX_DENIED);
    assert_said("AWS_CONTAINER_CREDENTIALS_FULL_URI: ");
  }
  for (size_t i = 0; i < COUNT(tried); i++) {
    setenv(full, tried[i], 1);
    assert_int_equal(find(), HDX_DENIED);
    assert_said("the container's credential service did not answer");
  }
  static const char *const paths[] = {"@example.org/hush", ":80@example.org/", ".example.org/", "hush", "/\n"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    setenv(relative, paths[i], 1); /* goes before the other */
    assert_int_equal(find(), HDX_DENIED);
    assert_said("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: ");
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)
  const struct CMUnitTest tests[] = {
      TEST(the_instance_is_asked_by_the_second_version),
      TEST(without_a_session_nothing_more_is_asked),
      TEST(bad_answers_of_the_instance_are_refused),
      TEST(an_answer_without_end_is_cut_off),
      TEST(a_silent_instance_is_given_up),
      TEST(attempts_go_on_only_where_that_may_help),
      TEST(cancelling_ends_the_wait),
      TEST(variables_that_say_how_to_ask_are_checked),
      TEST(proxies_are_not_asked),
      TEST(the_container_is_asked_before_the_instance),
      TEST(the_container_sees_its_token),
      TEST(bad_tokens_are_not_sent),
      TEST(a_container_that_fails_is_an_error),
      TEST(only_near_hosts_are_asked_without_tls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
