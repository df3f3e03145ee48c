/* Where credentials are looked for, in which order, and what is said when there are none. */
#include "base/error.h"
#include "unit/transfer/aws_home.h"

static const char keys[] = "aws_access_key_id = ID\naws_secret_access_key = hush-file\n";

/* A section with keys that tell where they are from. */
static void write_keys(const char *file, const char *section) {
  char content[400];
  snprintf(content, sizeof content,
           "[%s]\naws_access_key_id = %s\naws_secret_access_key = hush+/=\naws_session_token = hush-token\n", section,
           section);
  write_file(file, content);
}

static void set_environment(const char *key_id, const char *secret, const char *token) {
  setenv("AWS_ACCESS_KEY_ID", key_id, 1);
  setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
  setenv("AWS_SESSION_TOKEN", token, 1);
}

static void what_is_given_goes_first(void **state) {
  (void)state;
  set_environment("ENV", "hush-e", "hush-t");
  struct hdx_credentials_options options = {.key_id = "GIVEN", .secret = "hush-g", .profile = "no such profile"};
  assert_int_equal(find_with(options), HDX_OK);
  assert_found("GIVEN", "hush-g", "");
  assert_false(found.renewable);
  assert_true(found.expires == HDX_TIME_NONE);
  options.token = "hush-t";
  assert_int_equal(find_with(options), HDX_OK);
  assert_found("GIVEN", "hush-g", "hush-t");
}

static void no_service_is_asked_offline(void **state) {
  (void)state;
  setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
  assert_int_equal(find_with((struct hdx_credentials_options){.offline = true}), HDX_DENIED);
  assert_said("offline");
  set_environment("ENV", "hush-e", "");
  assert_int_equal(find_with((struct hdx_credentials_options){.offline = true}), HDX_OK);
}

static void what_is_given_is_checked_at_once(void **state) {
  static char long_text[8200];
  (void)state;
  memset(long_text, 'h', sizeof long_text - 1);
  const struct {
    const char *key_id, *secret, *token;
  } wrong[] = {
      {"hush-id", NULL, NULL},
      {NULL, "hush", NULL},
      {NULL, NULL, "hush"},
      {"", "hush", NULL},
      {"hush-id\n", "hush", NULL},
      {"hush-id", "hush\x01", NULL},
      {"hush-id", "hush\x7f", NULL},
      {"hush-id", "hush", "hush\r\nX: y"},
      {"hush-id", "hush-\xc3\xa9", ""},
      {"hush-id", "hush", long_text},
      {"hush-id", long_text, ""},
      {long_text, "hush", ""},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const struct hdx_credentials_options options = {
        .key_id = wrong[i].key_id, .secret = wrong[i].secret, .token = wrong[i].token};
    assert_int_equal(find_with(options), HDX_USAGE);
    assert_said("the credentials given: ");
  }
}

static void the_environment_goes_before_files_unless_a_profile_is_given(void **state) {
  (void)state;
  write_keys(".aws/credentials", "p");
  set_environment("ENV", "hush-e", "hush-t");
  assert_int_equal(find(), HDX_OK);
  assert_found("ENV", "hush-e", "hush-t");
  assert_false(found.renewable);
  setenv("AWS_PROFILE", "p", 1);
  assert_int_equal(find(), HDX_OK);
  assert_found("ENV", "hush-e", "hush-t");
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = ""}), HDX_OK);
  assert_found("ENV", "hush-e", "hush-t");
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = "p"}), HDX_OK);
  assert_found("p", "hush+/=", "hush-token");
  assert_true(found.renewable);
  set_environment("", "", "hush-t"); /* empty: not set */
  assert_int_equal(find(), HDX_OK);
  assert_found("p", "hush+/=", "hush-token");
}

static void half_of_the_environment_is_an_error(void **state) {
  (void)state;
  set_environment("ENV", "", "");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("no secret access key");
  assert_said("AWS_SECRET_ACCESS_KEY");
  set_environment("", "hush", "");
  assert_int_equal(find(), HDX_DENIED);
  set_environment("ENV", "hush\n", "");
  assert_int_equal(find(), HDX_DENIED);
}

static void the_environment_is_copied_when_the_request_is_made(void **state) {
  (void)state;
  struct hdx_credentials_request *request;
  const struct hdx_credentials_options none = {0};
  set_environment("BEFORE", "hush-b", "");
  assert_int_equal(hdx_credentials_request_new(&none, &request, &error), HDX_OK);
  set_environment("AFTER", "hush-a", "");
  assert_int_equal(hdx_credentials_find(request, &cancelled, &found, &error), HDX_OK);
  assert_found("BEFORE", "hush-b", "");
  hdx_credentials_request_free(request);
}

static void files_go_before_each_other_and_the_process(void **state) {
  (void)state;
  write_file(".aws/config", "[default]\naws_access_key_id = CONFIG\naws_secret_access_key = hush-c\n"
                            "credential_process = /bin/false\n");
  assert_int_equal(find(), HDX_OK);
  assert_found("CONFIG", "hush-c", "");
  write_keys(".aws/credentials", "default");
  assert_int_equal(find(), HDX_OK);
  assert_found("default", "hush+/=", "hush-token");
  assert_non_null(strstr(found.origin, "the profile default of "));
  assert_non_null(strstr(found.origin, path_of(".aws/credentials, line 2")));
}

static void half_of_the_keys_is_an_error_that_names_the_place(void **state) {
  (void)state;
  write_file(".aws/config", "[default]\naws_access_key_id = ID\naws_secret_access_key = hush\n");
  write_file(".aws/credentials", "[default]\n\naws_secret_access_key = hush\n");
  assert_int_equal(find(), HDX_DENIED); /* keys of two files are not put together */
  assert_said("no access key id");
  assert_said(path_of(".aws/credentials, line 3"));
}

static void a_profile_that_is_named_must_be_there(void **state) {
  (void)state;
  write_keys(".aws/credentials", "p");
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = "q"}), HDX_DENIED);
  assert_said("no profile q");
  assert_said(path_of(".aws/credentials"));
  assert_said(path_of(".aws/config"));
  setenv("AWS_PROFILE", "default", 1);
  assert_int_equal(find(), HDX_DENIED);
  assert_said("no profile default");
  setenv("AWS_PROFILE", "p", 1);
  assert_int_equal(find(), HDX_OK);
}

static void what_is_not_supported_is_refused_with_a_way_out(void **state) {
  (void)state;
  write_file(".aws/config", "[profile p]\nregion = r\nsso_session = hush\n");
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = "p"}), HDX_DENIED);
  assert_said("sso_session is not supported");
  assert_said(path_of(".aws/config, line 3"));
  assert_said("aws configure export-credentials --profile p");
  char content[300];
  snprintf(content, sizeof content, "[p]\n%s", keys);
  write_file(".aws/credentials", content);
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = "p"}), HDX_OK);
  /* With a role it is somebody else's name under which requests would be made. */
  write_file(".aws/config", "[profile p]\nrole_arn = arn:hush\nsource_profile = p\n");
  assert_int_equal(find_with((struct hdx_credentials_options){.profile = "p"}), HDX_DENIED);
  assert_said("role_arn is not supported");
}

static void a_broken_file_is_refused(void **state) {
  (void)state;
  write_file(".aws/credentials", "[default]\naws_secret_access_key hush\n");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("line 2");
  set_environment("ENV", "hush", "");
  assert_int_equal(find(), HDX_OK); /* not read */
}

static void where_they_were_looked_for_is_told(void **state) {
  (void)state;
  assert_int_equal(find(), HDX_DENIED);
  assert_said("no credentials: not in the environment (AWS_ACCESS_KEY_ID)");
  assert_said("the profile default of ");
  assert_said(path_of(".aws/credentials and "));
  assert_said(path_of(".aws/config"));
  assert_said("AWS_EC2_METADATA_DISABLED");
  assert_null(strstr(error.message, "AWS_WEB_IDENTITY_TOKEN_FILE"));
  setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/hush", 1);
  assert_int_equal(find(), HDX_DENIED);
  assert_said("AWS_WEB_IDENTITY_TOKEN_FILE");
  unsetenv("HOME");
  assert_int_equal(find(), HDX_DENIED);
  assert_said("no HOME");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)
  const struct CMUnitTest tests[] = {
      TEST(what_is_given_goes_first),
      TEST(no_service_is_asked_offline),
      TEST(what_is_given_is_checked_at_once),
      TEST(the_environment_goes_before_files_unless_a_profile_is_given),
      TEST(half_of_the_environment_is_an_error),
      TEST(the_environment_is_copied_when_the_request_is_made),
      TEST(files_go_before_each_other_and_the_process),
      TEST(half_of_the_keys_is_an_error_that_names_the_place),
      TEST(a_profile_that_is_named_must_be_there),
      TEST(what_is_not_supported_is_refused_with_a_way_out),
      TEST(a_broken_file_is_refused),
      TEST(where_they_were_looked_for_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
