/* Profiles of AWS's shared files: which file and section a setting is of. */
#include "base/error.h"
#include "transfer/profile.h"
#include "unit/transfer/aws_home.h"

static struct hdx_profile profile;

static void read_profile(const char *name) {
  if (hdx_profile_read(environ, name, &profile, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

static void assert_setting(struct hdx_text value, const char *expected) {
  assert_string_equal(value.data, expected);
  assert_int_equal(value.size, strlen(expected));
}

static void without_files_a_profile_is_empty(void **state) {
  (void)state;
  read_profile(NULL);
  assert_false(profile.found || profile.named);
  assert_setting(profile.name, "default");
  assert_setting(profile.region, "");
  assert_setting(profile.key_id, "");
  assert_setting(profile.unsupported, "");
  assert_setting(profile.config_file, path_of(".aws/config"));
  hdx_profile_free(&profile);
  unsetenv("HOME");
  read_profile(NULL);
  assert_setting(profile.credentials_file, "");
  hdx_profile_free(&profile);
}

static void settings_are_of_the_profile_named(void **state) {
  (void)state;
  write_file(".aws/config", "[default]\nregion = d\n[profile a]\nregion = of-a\nREGION = of-A\nca_bundle = /ca\n"
                            "endpoint_url = http://h:1\ns3 =\n  addressing_style = path\n  region = no\n"
                            "  use_dualstack_endpoint = true\n[b]\nregion = no\n[profile 'c d']\nregion = of-cd\n"
                            "[profiled]\nregion = no\n[profile empty]\n");
  read_profile("a");
  assert_true(profile.found && profile.named);
  assert_setting(profile.region, "of-A"); /* the last one counts, names have no case */
  assert_setting(profile.ca_bundle, "/ca");
  assert_setting(profile.endpoint_url, "http://h:1");
  assert_setting(profile.addressing_style, "path");
  assert_setting(profile.use_dualstack, "true");
  hdx_profile_free(&profile);
  const struct {
    const char *name, *region;
    bool found;
  } cases[] = {{NULL, "d", true},   {"default", "d", true}, {"b", "", false}, {"c d", "of-cd", true},
               {"empty", "", true}, {"d", "", false},       {"A", "", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    read_profile(cases[i].name);
    assert_setting(profile.region, cases[i].region);
    assert_int_equal(profile.found, cases[i].found);
    hdx_profile_free(&profile);
  }
}

static void the_environment_names_the_profile_and_the_files(void **state) {
  (void)state;
  write_file("other", "[profile a]\nregion = of-a\n[profile b]\nregion = of-b\n");
  setenv("AWS_CONFIG_FILE", "~/other", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
  setenv("AWS_DEFAULT_PROFILE", "a", 1);
  read_profile(NULL);
  assert_setting(profile.region, "of-a");
  assert_setting(profile.config_file, path_of("other"));
  hdx_profile_free(&profile);
  setenv("AWS_PROFILE", "b", 1);
  read_profile(NULL);
  assert_true(profile.named);
  assert_setting(profile.region, "of-b");
  hdx_profile_free(&profile);
  read_profile("a");
  assert_setting(profile.region, "of-a");
  hdx_profile_free(&profile);
}

static void default_with_the_prefix_hides_default_without(void **state) {
  static const char *const files[] = {
      "[default]\nregion = plain\nca_bundle = x\n[profile default]\nregion = prefixed\n",
      "[profile default]\nregion = prefixed\n[default]\nregion = plain\nca_bundle = x\n"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    write_file(".aws/config", files[i]);
    read_profile(NULL);
    assert_setting(profile.region, "prefixed");
    assert_setting(profile.ca_bundle, "");
    hdx_profile_free(&profile);
  }
}

static void the_credentials_file_goes_first_and_keys_are_of_one_file(void **state) {
  (void)state;
  write_file(".aws/config", "[profile a]\nregion = config\naws_access_key_id = C\naws_secret_access_key = c\n"
                            "aws_session_token = t\ncredential_process = p\n[profile b]\naws_access_key_id = C\n");
  write_file(".aws/credentials", "[a]\n\nregion = credentials\naws_secret_access_key = s\naws_access_key_id = K\n"
                                 "[profile b]\naws_access_key_id = no\n");
  read_profile("a");
  assert_setting(profile.region, "credentials");
  assert_setting(profile.key_id, "K");
  assert_setting(profile.secret, "s");
  assert_setting(profile.token, "");
  assert_setting(profile.keys_at.file, path_of(".aws/credentials"));
  assert_int_equal(profile.keys_at.line, 5);
  assert_setting(profile.credential_process, "p");
  assert_setting(profile.credential_process_at.file, path_of(".aws/config"));
  assert_int_equal(profile.credential_process_at.line, 6);
  hdx_profile_free(&profile);
  read_profile("b");
  assert_setting(profile.key_id, "C");
  assert_setting(profile.keys_at.file, path_of(".aws/config"));
  hdx_profile_free(&profile);
}

static void services_give_an_endpoint_of_their_own(void **state) {
  (void)state;
  write_file(".aws/config", "[services near]\ndynamodb =\n  endpoint_url = http://d\ns3 =\n  endpoint_url = http://s3\n"
                            "[profile a]\nservices = near\nendpoint_url = http://all\n"
                            "[profile b]\nservices = far\nendpoint_url = http://all\n"
                            "[services far]\nec2 =\n  endpoint_url = http://ec2\n");
  read_profile("a");
  assert_setting(profile.endpoint_url, "http://s3");
  hdx_profile_free(&profile);
  read_profile("b");
  assert_setting(profile.endpoint_url, "http://all");
  hdx_profile_free(&profile);
}

static void what_is_not_supported_is_told(void **state) {
  static const char *const names[] = {"role_arn",       "sso_session",       "sso_start_url", "web_identity_token_file",
                                      "source_profile", "credential_source", "mfa_serial"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char content[200];
    snprintf(content, sizeof content, "[default]\nmfa_serial = m\n%s = x\n", names[i]);
    write_file(".aws/config", content);
    read_profile(NULL);
    assert_setting(profile.unsupported, names[i]);
    assert_int_equal(profile.unsupported_at.line, 3);
    hdx_profile_free(&profile);
  }
}

static void broken_files_are_refused(void **state) {
  (void)state;
  write_file(".aws/credentials", "[default]\naws_access_key_id = K\nhush\n");
  assert_int_equal(hdx_profile_read(environ, NULL, &profile, &error), HDX_INTEGRITY);
  assert_quiet();
  assert_said(path_of(".aws/credentials"));
  assert_said("line 3");
  setenv("AWS_SHARED_CREDENTIALS_FILE", home, 1);
  assert_int_equal(hdx_profile_read(environ, NULL, &profile, &error), HDX_IO);
  setenv("AWS_SHARED_CREDENTIALS_FILE", path_of("other"), 1);
  write_file("other", "");
  assert_int_equal(truncate(path_of("other"), (1 << 20) + 1), 0);
  assert_int_equal(hdx_profile_read(environ, NULL, &profile, &error), HDX_LIMIT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)
  const struct CMUnitTest tests[] = {
      TEST(without_files_a_profile_is_empty),
      TEST(settings_are_of_the_profile_named),
      TEST(the_environment_names_the_profile_and_the_files),
      TEST(default_with_the_prefix_hides_default_without),
      TEST(the_credentials_file_goes_first_and_keys_are_of_one_file),
      TEST(services_give_an_endpoint_of_their_own),
      TEST(what_is_not_supported_is_told),
      TEST(broken_files_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
