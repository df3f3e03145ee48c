/* Profiles: both files are read as a whole, the settings of the profile are noted as views with their lines, and what
 * the two files come to is copied. */
#include "transfer/profile.h"

#include "base/error.h"
#include "base/file.h"
#include "parse/ini.h"
#include "transfer/environment.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, ARENA_BYTES_MAX = 16 << 20 };

/* The settings that are looked for. Those from UNSUPPORTED on ask for what is not supported; the most telling first. */
enum slot {
  REGION,
  ENDPOINT_URL,
  CA_BUNDLE,
  ADDRESSING_STYLE,
  USE_DUALSTACK,
  S3_USE_DUALSTACK,
  SERVICES,
  KEY_ID,
  SECRET,
  TOKEN,
  CREDENTIAL_PROCESS,
  UNSUPPORTED,
  SLOT_COUNT = UNSUPPORTED + 7
};

static const struct {
  const char *parent, *key;
} names[SLOT_COUNT] = {
    [REGION] = {"", "region"},
    [ENDPOINT_URL] = {"", "endpoint_url"},
    [CA_BUNDLE] = {"", "ca_bundle"},
    [ADDRESSING_STYLE] = {"s3", "addressing_style"},
    [USE_DUALSTACK] = {"", "use_dualstack_endpoint"},
    [S3_USE_DUALSTACK] = {"s3", "use_dualstack_endpoint"},
    [SERVICES] = {"", "services"},
    [KEY_ID] = {"", "aws_access_key_id"},
    [SECRET] = {"", "aws_secret_access_key"},
    [TOKEN] = {"", "aws_session_token"},
    [CREDENTIAL_PROCESS] = {"", "credential_process"},
    [UNSUPPORTED] = {"", "role_arn"},
    {"", "sso_session"},
    {"", "sso_start_url"},
    {"", "web_identity_token_file"},
    {"", "source_profile"},
    {"", "credential_source"},
    {"", "mfa_serial"},
};

struct setting {
  struct hdx_text value; /* views into the file's bytes */
  size_t line;
};

struct file {
  struct hdx_text path;
  struct hdx_buffer bytes;
  bool config;          /* sections are called "profile NAME" */
  struct hdx_text name; /* of the profile */
  bool found;
  bool prefixed; /* a "[profile NAME]" was seen: a "[default]" is nothing beside it */
  struct setting settings[SLOT_COUNT];
  struct hdx_text services, services_endpoint_url; /* the section looked for, what it says for S3 */
};

/* Whether a section is called "KIND NAME"; the name may be in quotes. */
static bool section_is(struct hdx_text section, struct hdx_text kind, struct hdx_text name) {
  if (!hdx_text_starts_with(section, kind))
    return false;
  struct hdx_text rest = hdx_text_sub(section, kind.size, section.size), trimmed = hdx_text_trim(rest);
  if (trimmed.size == rest.size)
    return false;
  char quote = trimmed.size >= 2 ? trimmed.data[0] : 0;
  if ((quote == '"' || quote == '\'') && trimmed.data[trimmed.size - 1] == quote)
    trimmed = hdx_text_sub(trimmed, 1, trimmed.size - 1);
  return hdx_text_equal(trimmed, name);
}

static bool of_profile(struct file *file, struct hdx_text section) {
  if (!file->config)
    return hdx_text_equal(section, file->name);
  if (section_is(section, HDX_TEXT("profile"), file->name)) {
    if (!file->prefixed)
      memset(file->settings, 0, sizeof file->settings);
    return file->prefixed = true;
  }
  return !file->prefixed && hdx_text_is(file->name, "default") && hdx_text_is(section, "default");
}

static void take_setting(void *user, const struct hdx_ini_setting *setting) {
  struct file *file = user;
  if (!of_profile(file, setting->section))
    return;
  file->found = true;
  /* Names are matched without case, as botocore does. */
  for (size_t i = 0; i < SLOT_COUNT; i++)
    if (hdx_text_is(setting->parent, names[i].parent) && hdx_text_equal_nocase(setting->key, hdx_text_of(names[i].key)))
      file->settings[i] = (struct setting){
          i == CREDENTIAL_PROCESS ? setting->value : hdx_ini_without_comment(setting->value), setting->line};
}

static void take_services_setting(void *user, const struct hdx_ini_setting *setting) {
  struct file *file = user;
  if (section_is(setting->section, HDX_TEXT("services"), file->services) && hdx_text_is(setting->parent, "s3") &&
      hdx_text_equal_nocase(setting->key, HDX_TEXT("endpoint_url")))
    file->services_endpoint_url = hdx_ini_without_comment(setting->value);
}

static enum hdx_status read_file(struct file *file, struct hdx_error *error) {
  struct stat stat_of;
  hdx_buffer_init(&file->bytes, FILE_BYTES_MAX + (FILE_BYTES_MAX >> 2));
  /* /dev/null is a usual way to say that there is no such file. */
  if (!file->path.size || (stat(file->path.data, &stat_of) == 0 && S_ISCHR(stat_of.st_mode)))
    return HDX_OK;
  enum hdx_status status = hdx_file_read(file->path.data, FILE_BYTES_MAX, &file->bytes, error);
  if (status == HDX_NOT_FOUND)
    return HDX_OK;
  if (status == HDX_OK)
    status = hdx_ini_read(hdx_buffer_text(&file->bytes), file->path.data, take_setting, file, error);
  return status;
}

/* A copy in the arena, also of the empty text; a failure shows at `ok`. */
static struct hdx_text keep(struct hdx_profile *profile, struct hdx_text text, bool *ok) {
  struct hdx_text copy = hdx_arena_copy(&profile->arena, text);
  if (copy.data)
    return copy;
  *ok = false;
  return (struct hdx_text){"", 0};
}

/* The path that a variable gives, else the one below the home; "" if there is no home. */
static struct hdx_text find_path(struct hdx_profile *profile, char *const *environment, const char *variable,
                                 const char *usual, bool *ok) {
  const char *path = hdx_environment_get(environment, variable), *home = hdx_environment_get(environment, "HOME");
  if (!path[0])
    path = usual;
  if (path[0] != '~' || path[1] != '/')
    return keep(profile, hdx_text_of(path), ok);
  size_t size = home[0] ? strlen(home) + strlen(path) : 1;
  char *joined = hdx_arena_bytes(&profile->arena, size);
  if (!joined) {
    *ok = false;
    return (struct hdx_text){"", 0};
  }
  /* The tilde's byte is where the NUL goes. */
  snprintf(joined, size, "%s%s", home, home[0] ? path + 1 : "");
  return hdx_text_of(joined);
}

/* The file whose setting counts. */
static const struct file *file_of(const struct file *credentials, const struct file *config, size_t slot) {
  return credentials->settings[slot].value.size ? credentials : config;
}

static void merge(struct hdx_profile *profile, const struct file *credentials, const struct file *config, bool *ok) {
  const struct file *keys =
      credentials->settings[KEY_ID].value.size ? credentials : file_of(credentials, config, SECRET);
  const struct {
    struct hdx_text *to;
    enum slot slot;
    const struct file *file;
    struct hdx_profile_place *at;
  } all[] = {
      {&profile->region, REGION, NULL, NULL},
      {&profile->endpoint_url, ENDPOINT_URL, NULL, NULL},
      {&profile->ca_bundle, CA_BUNDLE, NULL, NULL},
      {&profile->addressing_style, ADDRESSING_STYLE, NULL, NULL},
      {&profile->use_dualstack, S3_USE_DUALSTACK, NULL, NULL},
      {&profile->use_dualstack, USE_DUALSTACK, NULL, NULL},
      {&profile->secret, SECRET, keys, &profile->keys_at},
      {&profile->key_id, KEY_ID, keys, &profile->keys_at},
      {&profile->token, TOKEN, keys, NULL},
      {&profile->credential_process, CREDENTIAL_PROCESS, NULL, &profile->credential_process_at},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    const struct file *file = all[i].file ? all[i].file : file_of(credentials, config, all[i].slot);
    const struct setting *setting = &file->settings[all[i].slot];
    if (!setting->value.size)
      continue;
    *all[i].to = keep(profile, setting->value, ok);
    if (all[i].at)
      *all[i].at = (struct hdx_profile_place){file->path, setting->line};
  }
  for (size_t slot = SLOT_COUNT; slot-- > UNSUPPORTED;) {
    const struct file *file = file_of(credentials, config, slot);
    if (!file->settings[slot].value.size)
      continue;
    profile->unsupported = hdx_text_of(names[slot].key);
    profile->unsupported_at = (struct hdx_profile_place){file->path, file->settings[slot].line};
  }
}

/* The endpoint that the profile's section of services has for S3 goes before its own. The section may stand before the
 * profile, so it is looked for when the profile is known. */
static enum hdx_status read_services(struct hdx_profile *profile, const struct file *credentials, struct file *config,
                                     bool *ok, struct hdx_error *error) {
  config->services = file_of(credentials, config, SERVICES)->settings[SERVICES].value;
  if (!config->services.size || !config->bytes.size)
    return HDX_OK;
  enum hdx_status status =
      hdx_ini_read(hdx_buffer_text(&config->bytes), config->path.data, take_services_setting, config, error);
  if (status == HDX_OK && config->services_endpoint_url.size)
    profile->endpoint_url = keep(profile, config->services_endpoint_url, ok);
  return status;
}

static void name_profile(struct hdx_profile *profile, char *const *environment, const char *name, bool *ok) {
  if (!name || !name[0])
    name = hdx_environment_get(environment, "AWS_PROFILE");
  if (!name[0])
    name = hdx_environment_get(environment, "AWS_DEFAULT_PROFILE");
  profile->named = name[0];
  profile->name = keep(profile, hdx_text_of(name[0] ? name : "default"), ok);
}

enum hdx_status hdx_profile_read(char *const *environment, const char *name, struct hdx_profile *profile,
                                 struct hdx_error *error) {
  const struct hdx_text none = {"", 0};
  struct hdx_profile read = {.region = none,
                             .endpoint_url = none,
                             .ca_bundle = none,
                             .addressing_style = none,
                             .use_dualstack = none,
                             .key_id = none,
                             .secret = none,
                             .token = none,
                             .credential_process = none,
                             .unsupported = none,
                             .keys_at.file = none,
                             .credential_process_at.file = none,
                             .unsupported_at.file = none};
  bool ok = true;
  hdx_arena_init(&read.arena, ARENA_BYTES_MAX);
  name_profile(&read, environment, name, &ok);
  read.credentials_file = find_path(&read, environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &ok);
  read.config_file = find_path(&read, environment, "AWS_CONFIG_FILE", "~/.aws/config", &ok);
  struct file credentials = {.path = read.credentials_file, .name = read.name};
  struct file config = {.path = read.config_file, .name = read.name, .config = true};
  enum hdx_status status = ok ? read_file(&credentials, error) : HDX_OK;
  if (ok && status == HDX_OK)
    status = read_file(&config, error);
  if (ok && status == HDX_OK) {
    read.found = credentials.found || config.found;
    merge(&read, &credentials, &config, &ok);
    status = read_services(&read, &credentials, &config, &ok, error);
  }
  if (!ok)
    status = hdx_error_memory(error, FILE_BYTES_MAX);
  hdx_buffer_wipe(&credentials.bytes);
  hdx_buffer_wipe(&config.bytes);
  hdx_buffer_deinit(&credentials.bytes);
  hdx_buffer_deinit(&config.bytes);
  if (status == HDX_OK)
    *profile = read;
  else
    hdx_profile_free(&read);
  return status;
}

void hdx_profile_free(struct hdx_profile *profile) {
  hdx_arena_wipe(&profile->arena);
  hdx_arena_deinit(&profile->arena);
  *profile = (struct hdx_profile){0};
}

void hdx_profile_forget_keys(struct hdx_profile *profile) {
  struct hdx_text *keys[] = {&profile->key_id, &profile->secret, &profile->token, &profile->credential_process};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (keys[i]->size)
      explicit_bzero((char *)keys[i]->data, keys[i]->size); /* the arena's */
    *keys[i] = (struct hdx_text){"", 0};
  }
}
