/* layer: transfer */
/* Where credentials come from, with any bytes in it: AWS's configuration files, the environment, what a service answers
 * and what a credential_process prints. Each fails with a clean status, or gives what a header may hold; no address but
 * the services' own is asked without TLS; no program but that of the command is started.
 *
 * The first byte's lowest bits tell what the rest is:
 *   0  the JSON of a process
 *   1  the JSON of a service
 *   2  parts, each ended by a byte 0xff: the config file, the credentials file, a container's token, then variables as
 *      NAME=VALUE of those that are read, an empty part, and the answers of services: a byte that chooses the status,
 *      and the body
 *   3  the same without the file of a container's token
 *
 * libcurl and posix_spawn are stand-ins. */
#include "base/url.h"
#include "transfer/credentials_source.h"
#include "transfer/curl_api.h"
#include "transfer/profile.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIABLES_MAX = 24, PATH_BYTES = 64, COMMAND_BYTES_MAX = 1 << 20 };

static struct hdx_text answers;

/* The next part of the text, up to a byte 0xff. */
static struct hdx_text take_part(struct hdx_text *text) {
  const char *at = text->size ? memchr(text->data, 0xff, text->size) : NULL;
  struct hdx_text part = {text->data, at ? (size_t)(at - text->data) : text->size};
  *text = hdx_text_sub(*text, part.size + (at != NULL), text->size);
  return part;
}

/* ---- a stand-in for libcurl ---- */

static struct {
  const char *url;
  size_t (*write)(char *data, size_t one, size_t size, void *user);
  void *user;
  bool redirects, proxy;
  long status;
} asked;

static CURL *easy_init(void) {
  asked.redirects = asked.proxy = true;
  return (CURL *)&asked;
}

static CURLcode easy_setopt(CURL *easy, CURLoption option, ...) {
  va_list values;
  (void)easy;
  va_start(values, option);
  if (option == CURLOPT_URL)
    asked.url = va_arg(values, const char *);
  else if (option == CURLOPT_WRITEFUNCTION)
    asked.write = va_arg(values, size_t(*)(char *, size_t, size_t, void *));
  else if (option == CURLOPT_WRITEDATA)
    asked.user = va_arg(values, void *);
  else if (option == CURLOPT_FOLLOWLOCATION)
    asked.redirects = va_arg(values, long);
  else if (option == CURLOPT_NOPROXY)
    asked.proxy = strcmp(va_arg(values, const char *), "*") != 0;
  else if (option == CURLOPT_HTTPHEADER)
    for (struct curl_slist *list = va_arg(values, struct curl_slist *); list; list = list->next)
      CHECK(hdx_credentials_plain(hdx_text_of(list->data)));
  va_end(values);
  return CURLE_OK;
}

static CURLcode easy_perform(CURL *easy) {
  static const long codes[] = {200, 404, 500, 403, 200};
  struct hdx_url url;
  struct hdx_text body = take_part(&answers);
  (void)easy;
  CHECK(!asked.redirects && !asked.proxy && hdx_url_parse(hdx_text_of(asked.url), &url, NULL) == HDX_OK);
  CHECK(url.scheme == HDX_SCHEME_HTTP || url.scheme == HDX_SCHEME_HTTPS);
  if (!body.size)
    return CURLE_COULDNT_CONNECT;
  asked.status = codes[(unsigned char)body.data[0] % 5];
  body = hdx_text_sub(body, 1, body.size);
  size_t first = body.size / 2;
  char *bytes =
      (char *)(uintptr_t)body.data; /* NOLINT(performance-no-int-to-ptr): libcurl's type, which is not const */
  if (asked.write(bytes, 1, first, asked.user) != first ||
      asked.write(bytes + first, 1, body.size - first, asked.user) != body.size - first)
    return CURLE_WRITE_ERROR;
  return CURLE_OK;
}

static CURLcode easy_getinfo(CURL *easy, CURLINFO info, ...) {
  va_list values;
  (void)easy;
  CHECK(info == CURLINFO_RESPONSE_CODE);
  va_start(values, info);
  *va_arg(values, long *) = asked.status;
  va_end(values);
  return CURLE_OK;
}

static void easy_cleanup(CURL *easy) {
  CHECK(easy == (CURL *)&asked);
}

static const char *easy_strerror(CURLcode code) {
  (void)code;
  return "why";
}

static struct curl_slist *slist_append(struct curl_slist *list, const char *text) {
  struct curl_slist *item = malloc(sizeof *item);
  CHECK(item && !list && (item->data = strdup(text)));
  item->next = NULL;
  return item;
}

static void slist_free_all(struct curl_slist *list) {
  free(list->data);
  free(list);
}

enum hdx_status hdx_curl_api(const struct hdx_curl_api **result, struct hdx_error *error) {
  static const struct hdx_curl_api api = {.easy_init = easy_init,
                                          .easy_setopt = easy_setopt,
                                          .easy_perform = easy_perform,
                                          .easy_getinfo = easy_getinfo,
                                          .easy_cleanup = easy_cleanup,
                                          .easy_strerror = easy_strerror,
                                          .slist_append = slist_append,
                                          .slist_free_all = slist_free_all};
  (void)error;
  *result = &api;
  return HDX_OK;
}

/* ---- a stand-in for processes ---- */

/* Starts nothing: what the words are is all that matters. */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const *words, char *const *environment) {
  size_t bytes = 0;
  (void)pid, (void)actions, (void)attributes, (void)environment;
  CHECK(words[0] && path[0]);
  for (size_t i = 0; words[i]; i++)
    bytes += strlen(words[i]) + 1;
  CHECK(bytes <= COMMAND_BYTES_MAX);
  return ENOENT;
}

/* ---- what is fuzzed ---- */

static void check_taken(const struct hdx_credentials *credentials) {
  struct hdx_text token = hdx_text_of(credentials->token), secret = hdx_text_of(credentials->secret);
  struct hdx_text key_id = hdx_text_of(credentials->key_id);
  CHECK(key_id.size > 0 && key_id.size <= 128 && hdx_credentials_plain(key_id));
  CHECK(secret.size > 0 && secret.size <= 256 && hdx_credentials_plain(secret));
  CHECK(token.size <= HDX_CREDENTIALS_TOKEN_MAX && hdx_credentials_plain(token) && credentials->origin[0]);
}

static void fuzz_json(struct hdx_text text, enum hdx_credentials_form form) {
  struct hdx_credentials credentials = {.expires = HDX_TIME_NONE};
  struct hdx_error error;
  char *copy = malloc(text.size + 1); /* it is wiped */
  memcpy(copy, text.data, text.size);
  struct hdx_text json = {copy, text.size};
  enum hdx_status status = hdx_credentials_take_json(json, form, "fuzz", &credentials, &error);
  if (status == HDX_OK)
    check_taken(&credentials);
  else
    CHECK(status == HDX_DENIED && strncmp(error.message, "fuzz: ", 6) == 0);
  hdx_credentials_deinit(&credentials);
  free(copy);
}

static int make_file(struct hdx_text bytes, const char *variable, char path[PATH_BYTES]) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  CHECK(fd >= 0 && (bytes.size == 0 || write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size));
  snprintf(path, PATH_BYTES, "%s=/proc/self/fd/%d", variable, fd);
  return fd;
}

/* The variables that the input states, of those that are read and name no file. */
static size_t read_variables(struct hdx_text *text, char **environment, size_t count) {
  static const char *const names[] = {"AWS_PROFILE=",
                                      "AWS_ACCESS_KEY_ID=",
                                      "AWS_SECRET_ACCESS_KEY=",
                                      "AWS_SESSION_TOKEN=",
                                      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=",
                                      "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
                                      "AWS_CONTAINER_AUTHORIZATION_TOKEN=",
                                      "AWS_EC2_METADATA_SERVICE_ENDPOINT=",
                                      "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=",
                                      "AWS_EC2_METADATA_DISABLED=",
                                      "AWS_METADATA_SERVICE_TIMEOUT=",
                                      "AWS_METADATA_SERVICE_NUM_ATTEMPTS="};
  for (struct hdx_text part; text->size && (part = take_part(text)).size;)
    for (size_t i = 0; i < sizeof names / sizeof *names && count < VARIABLES_MAX; i++)
      if (hdx_text_starts_with(part, hdx_text_of(names[i])))
        CHECK((environment[count++] = hdx_text_dup(part)));
  environment[count] = NULL;
  return count;
}

static void check_profile(char *const *environment) {
  struct hdx_profile profile;
  struct hdx_error error;
  enum hdx_status status = hdx_profile_read(environment, NULL, &profile, &error);
  CHECK(status == HDX_OK || ((status == HDX_INTEGRITY || status == HDX_LIMIT) && error.message[0]));
  if (status != HDX_OK)
    return;
  CHECK(profile.secret.data[profile.secret.size] == 0 && profile.region.data[profile.region.size] == 0);
  CHECK(!profile.key_id.size || profile.keys_at.line > 0);
  hdx_profile_forget_keys(&profile);
  CHECK(!profile.key_id.size && !profile.secret.size && !profile.token.size && !profile.credential_process.size);
  hdx_profile_free(&profile);
}

static void fuzz_sources(struct hdx_text text, bool token_file) {
  char paths[3][PATH_BYTES], *environment[VARIABLES_MAX + 1] = {paths[0], paths[1], paths[2]};
  const atomic_bool cancelled = false;
  int fds[3];
  fds[0] = make_file(take_part(&text), "AWS_CONFIG_FILE", paths[0]);
  fds[1] = make_file(take_part(&text), "AWS_SHARED_CREDENTIALS_FILE", paths[1]);
  fds[2] = make_file(take_part(&text), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", paths[2]);
  size_t first = token_file ? 3 : 2, count = read_variables(&text, environment, first);
  struct hdx_credentials_request *request;
  struct hdx_credentials credentials = {.expires = HDX_TIME_NONE};
  struct hdx_credentials_options options = {.environment = environment};
  struct hdx_error error;
  answers = text;
  check_profile(environment);
  CHECK(hdx_credentials_request_new(&options, &request, &error) == HDX_OK);
  enum hdx_status status = hdx_credentials_find(request, &cancelled, &credentials, &error);
  if (status == HDX_OK)
    check_taken(&credentials);
  else
    CHECK(status == HDX_DENIED && error.message[0]);
  hdx_credentials_deinit(&credentials);
  hdx_credentials_request_free(request);
  for (size_t i = first; i < count; i++)
    free(environment[i]);
  for (size_t i = 0; i < 3; i++)
    close(fds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  struct hdx_text text = {(const char *)data + 1, size - 1};
  if (data[0] & 2)
    fuzz_sources(text, !(data[0] & 1));
  else
    fuzz_json(text, data[0] & 1 ? HDX_CREDENTIALS_SERVICE : HDX_CREDENTIALS_PROCESS);
  return 0;
}
