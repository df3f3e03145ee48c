/* The two services that hand out credentials on a machine: the container's and the instance's.
 *
 * Source: Amazon ECS Developer Guide, "Task IAM role"; Amazon EKS User Guide, "EKS Pod Identity"; Amazon EC2 User
 * Guide, "Use the Instance Metadata Service to access instance metadata". */
#include "transfer/credentials_source.h"

#include "base/error.h"
#include "base/file.h"
#include "base/url.h"
#include "transfer/environment.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char container[] = "the container's credential service";
static const char instance[] = "the instance metadata service";

enum { HEADER_MAX = 64 + HDX_CREDENTIALS_TOKEN_MAX, PATH_MAX_BYTES = 256 };

/* Asks and wants 200, whose body stays in `body`. */
static enum hdx_status ask(const struct hdx_credentials_context *context, const struct hdx_credentials_get *get,
                           struct hdx_buffer *body, long *code, struct hdx_error *error) {
  enum hdx_status status = hdx_credentials_http(context, get, body, code, error);
  if (status != HDX_OK || *code == 200)
    return status;
  return hdx_error_set(error, HDX_DENIED, "%s answered with status %ld", get->source, *code);
}

/* ------------------------------------------------------------------------------------------------------- container */

/* Whether the host may be asked without TLS: it is this machine or one of the addresses where ECS and EKS listen. */
static bool near(struct hdx_text host) {
  static const char *const names[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  char address[INET_ADDRSTRLEN] = "";
  unsigned char bytes[4];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (hdx_text_equal_nocase(host, hdx_text_of(names[i])))
      return true;
  if (host.size < sizeof address)
    memcpy(address, host.data, host.size);
  return inet_pton(AF_INET, address, bytes) == 1 && bytes[0] == 127;
}

/* The URL to ask, in `url`. NOT_FOUND: neither variable is set. */
static enum hdx_status container_url(const struct hdx_credentials_context *context, char *url, size_t size,
                                     struct hdx_error *error) {
  const char *variable = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", *host = "http://169.254.170.2";
  const char *value = hdx_environment_get(context->environment, variable);
  struct hdx_url parsed;
  struct hdx_error reason;
  if (value[0] && value[0] != '/')
    return hdx_error_set(error, HDX_DENIED, "%s: expected a path that begins with a slash", variable);
  if (!value[0]) {
    variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    value = hdx_environment_get(context->environment, variable);
    host = "";
  }
  if (!value[0])
    return hdx_error_set(error, HDX_NOT_FOUND, "not in a container (AWS_CONTAINER_CREDENTIALS_…)");
  int length = snprintf(url, size, "%s%s", host, value);
  if (length < 0 || (size_t)length >= size)
    return hdx_error_set(error, HDX_DENIED, "%s: longer than %zu bytes", variable, size - 1);
  if (hdx_url_parse(hdx_text_of(url), &parsed, &reason) != HDX_OK)
    return hdx_error_set(error, HDX_DENIED, "%s: %s", variable, reason.message);
  if (parsed.scheme != HDX_SCHEME_HTTPS && (parsed.scheme != HDX_SCHEME_HTTP || !near(parsed.host)))
    return hdx_error_set(error, HDX_DENIED,
                         "%s: expected an https URL, or an http URL of this machine or of ECS or EKS", variable);
  return HDX_OK;
}

/* The token that the service wants to see, appended as a header's line; nothing if there is none. */
static enum hdx_status authorization(const struct hdx_credentials_context *context, struct hdx_buffer *line,
                                     struct hdx_error *error) {
  const char *file_variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", *source = file_variable;
  const char *path = hdx_environment_get(context->environment, file_variable);
  struct hdx_buffer bytes;
  enum hdx_status status = HDX_OK;
  hdx_buffer_init(&bytes, 2 * HDX_CREDENTIALS_ANSWER_MAX);
  if (path[0]) {
    status = hdx_file_read(path, HDX_CREDENTIALS_TOKEN_MAX, &bytes, error);
    if (status != HDX_OK)
      hdx_error_context(error, status, "%s", file_variable);
    if (status == HDX_NOT_FOUND) /* which would mean that there is no service */
      status = HDX_DENIED;
  } else {
    source = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    hdx_buffer_append_text(&bytes, hdx_text_of(hdx_environment_get(context->environment, source)));
    status = hdx_buffer_status(&bytes, source, error);
  }
  struct hdx_text token = hdx_buffer_text(&bytes);
  if (status == HDX_OK && token.size > HDX_CREDENTIALS_TOKEN_MAX)
    status = hdx_error_set(error, HDX_DENIED, "%s: longer than %d bytes", source, HDX_CREDENTIALS_TOKEN_MAX);
  if (status == HDX_OK && path[0] && !token.size)
    status = hdx_error_set(error, HDX_DENIED, "%s: %s is empty", source, path);
  if (status == HDX_OK && !hdx_credentials_plain(token))
    status = hdx_error_set(error, HDX_DENIED,
                           "%s: the token has control bytes (such as an end of line) or bytes beyond ASCII", source);
  if (status == HDX_OK && token.size) {
    hdx_buffer_append_text(line, HDX_TEXT("Authorization: "));
    hdx_buffer_append_text(line, token);
  }
  hdx_buffer_wipe(&bytes);
  hdx_buffer_deinit(&bytes);
  return status;
}

enum hdx_status hdx_credentials_ask_container(const struct hdx_credentials_context *context,
                                              struct hdx_credentials *credentials, struct hdx_error *error) {
  char url[HDX_URL_BYTES_MAX + 1];
  enum hdx_status status = container_url(context, url, sizeof url, error);
  if (status != HDX_OK)
    return status;
  struct hdx_buffer line, body;
  long code;
  hdx_buffer_init(&line, HEADER_MAX);
  hdx_buffer_init(&body, HDX_CREDENTIALS_ANSWER_MAX);
  hdx_buffer_reserve(&line, line.max); /* so that it never moves */
  status = authorization(context, &line, error);
  if (status == HDX_OK) {
    struct hdx_credentials_get get = {.source = container, .url = url, .protocols = "http,https"};
    get.header = line.size ? hdx_buffer_string(&line) : NULL;
    status = ask(context, &get, &body, &code, error);
  }
  if (status == HDX_OK)
    status = hdx_credentials_take_json(hdx_buffer_text(&body), HDX_CREDENTIALS_SERVICE, container, credentials, error);
  hdx_buffer_wipe(&line);
  hdx_buffer_wipe(&body);
  hdx_buffer_deinit(&line);
  hdx_buffer_deinit(&body);
  return status;
}

/* -------------------------------------------------------------------------------------------------------- instance */

/* Where the service is, without a slash at the end. */
static enum hdx_status instance_url(const struct hdx_credentials_context *context, struct hdx_text *url,
                                    struct hdx_error *error) {
  const char *variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT", *mode_variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
  struct hdx_text mode = hdx_text_of(hdx_environment_get(context->environment, mode_variable));
  struct hdx_url parsed;
  struct hdx_error reason;
  bool ipv6 = hdx_text_equal_nocase(mode, HDX_TEXT("IPv6"));
  *url = hdx_text_of(hdx_environment_get(context->environment, variable));
  if (mode.size && !ipv6 && !hdx_text_equal_nocase(mode, HDX_TEXT("IPv4")))
    return hdx_error_set(error, HDX_DENIED, "%s: expected IPv4 or IPv6", mode_variable);
  if (!url->size)
    *url = hdx_text_of(ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
  if (hdx_url_parse(*url, &parsed, &reason) != HDX_OK)
    return hdx_error_set(error, HDX_DENIED, "%s: %s", variable, reason.message);
  if (parsed.scheme != HDX_SCHEME_HTTP || memchr(url->data, '?', url->size) || memchr(url->data, '#', url->size))
    return hdx_error_set(error, HDX_DENIED, "%s: expected an http URL without a query", variable);
  if (url->data[url->size - 1] == '/')
    url->size--;
  return HDX_OK;
}

/* What is asked of the instance in one go: the buffers outlive each request. */
struct instance {
  const struct hdx_credentials_context *context;
  struct hdx_text base;
  struct hdx_buffer url, header, body;
  long code;
};

static enum hdx_status ask_instance(struct instance *it, const char *path, struct hdx_text tail, bool put,
                                    struct hdx_error *error) {
  hdx_buffer_clear(&it->url);
  hdx_buffer_append_format(&it->url, "%.*s%s%.*s", HDX_TEXT_ARG(it->base), path, HDX_TEXT_ARG(tail));
  struct hdx_credentials_get get = {.source = instance,
                                    .url = hdx_buffer_string(&it->url),
                                    .protocols = "http",
                                    .header = hdx_buffer_string(&it->header),
                                    .put = put};
  enum hdx_status status = hdx_buffer_status(&it->url, instance, error);
  return status == HDX_OK ? ask(it->context, &get, &it->body, &it->code, error) : status;
}

/* The session's token as the header of the requests that follow. A service that gives none is not asked further: the
 * first version of the protocol, without a token, can be reached through others' careless proxies. */
static enum hdx_status open_session(struct instance *it, struct hdx_error *error) {
  hdx_buffer_append_text(&it->header, HDX_TEXT("X-aws-ec2-metadata-token-ttl-seconds: 21600"));
  enum hdx_status status = ask_instance(it, "/latest/api/token", HDX_TEXT(""), true, error);
  if (status == HDX_DENIED)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s gave no session token (status %ld)", instance, it->code);
  if (status != HDX_OK)
    return status;
  struct hdx_text token = hdx_text_trim(hdx_buffer_text(&it->body));
  if (!token.size || token.size > HDX_CREDENTIALS_TOKEN_MAX || !hdx_credentials_plain(token))
    return hdx_error_set(error, HDX_DENIED, "%s gave a session token that is empty, too long or malformed", instance);
  hdx_buffer_clear(&it->header);
  hdx_buffer_append_text(&it->header, HDX_TEXT("X-aws-ec2-metadata-token: "));
  hdx_buffer_append_text(&it->header, token);
  return HDX_OK;
}

/* The role's name: the first line of the body, copied to `role`. */
static enum hdx_status read_role(struct hdx_text body, char role[65], struct hdx_error *error) {
  const char *end = body.size ? memchr(body.data, '\n', body.size) : NULL;
  struct hdx_text name = hdx_text_trim(hdx_text_sub(body, 0, end ? (size_t)(end - body.data) : body.size));
  bool legal = name.size > 0 && name.size <= 64 && name.data[0] != '.';
  for (size_t i = 0; legal && i < name.size; i++) {
    char c = name.data[i];
    legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("+=,.@_-", c));
  }
  if (!legal)
    return hdx_error_set(error, HDX_DENIED, "%s: expected the name of a role, found something else", instance);
  memcpy(role, name.data, name.size);
  role[name.size] = 0;
  return HDX_OK;
}

static enum hdx_status ask_role(struct instance *it, struct hdx_credentials *credentials, struct hdx_error *error) {
  static const char roles[] = "/latest/meta-data/iam/security-credentials/";
  char role[65];
  enum hdx_status status = open_session(it, error);
  if (status == HDX_OK)
    status = ask_instance(it, roles, HDX_TEXT(""), false, error);
  if (status == HDX_DENIED && it->code == 404)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s has no role for this instance", instance);
  if (status == HDX_OK)
    status = read_role(hdx_buffer_text(&it->body), role, error);
  if (status == HDX_OK)
    status = ask_instance(it, roles, hdx_text_of(role), false, error);
  if (status == HDX_OK)
    status =
        hdx_credentials_take_json(hdx_buffer_text(&it->body), HDX_CREDENTIALS_SERVICE, instance, credentials, error);
  return status;
}

enum hdx_status hdx_credentials_ask_instance(const struct hdx_credentials_context *context,
                                             struct hdx_credentials *credentials, struct hdx_error *error) {
  const char *disabled = "AWS_EC2_METADATA_DISABLED";
  struct instance it = {.context = context};
  if (hdx_text_equal_nocase(hdx_text_of(hdx_environment_get(context->environment, disabled)), HDX_TEXT("true")))
    return hdx_error_set(error, HDX_NOT_FOUND, "%s is not to be asked (%s)", instance, disabled);
  enum hdx_status status = instance_url(context, &it.base, error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_init(&it.url, HDX_URL_BYTES_MAX + PATH_MAX_BYTES);
  hdx_buffer_init(&it.header, HEADER_MAX);
  hdx_buffer_init(&it.body, HDX_CREDENTIALS_ANSWER_MAX);
  hdx_buffer_reserve(&it.header, it.header.max); /* so that it never moves */
  status = ask_role(&it, credentials, error);
  hdx_buffer_wipe(&it.header);
  hdx_buffer_wipe(&it.body);
  hdx_buffer_deinit(&it.url);
  hdx_buffer_deinit(&it.header);
  hdx_buffer_deinit(&it.body);
  return status;
}
