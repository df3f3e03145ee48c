/* The order in which sources are asked, and what is said when none has credentials. */
#include "transfer/credentials.h"

#include "base/error.h"
#include "transfer/credentials_source.h"
#include "transfer/environment.h"
#include "transfer/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct hdx_credentials_request {
  struct hdx_credentials given; /* key_id is NULL if there are none */
  char *profile;                /* NULL: not given */
  char **environment;
  bool offline;
};

static void wipe_and_free(char *secret) {
  if (secret)
    explicit_bzero(secret, strlen(secret));
  free(secret);
}

void hdx_credentials_deinit(struct hdx_credentials *credentials) {
  wipe_and_free(credentials->key_id);
  wipe_and_free(credentials->secret);
  wipe_and_free(credentials->token);
  free((char *)credentials->origin);
  *credentials = (struct hdx_credentials){.expires = HDX_TIME_NONE};
}

static struct hdx_credentials_values lasting(const char *key_id, const char *secret, const char *token) {
  return (struct hdx_credentials_values){.key_id = hdx_text_of(key_id),
                                         .secret = hdx_text_of(secret),
                                         .token = hdx_text_of(token),
                                         .expires = HDX_TIME_NONE};
}

enum hdx_status hdx_credentials_request_new(const struct hdx_credentials_options *options,
                                            struct hdx_credentials_request **request, struct hdx_error *error) {
  struct hdx_credentials_request *made = calloc(1, sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  enum hdx_status status = HDX_OK;
  if (options->key_id || options->secret || options->token) {
    struct hdx_credentials_values values = lasting(options->key_id, options->secret, options->token);
    status = hdx_credentials_take(&values, "the credentials given", HDX_USAGE, &made->given, error);
  }
  made->offline = options->offline;
  bool profile = options->profile && options->profile[0];
  if (profile)
    made->profile = hdx_text_dup(hdx_text_of(options->profile));
  made->environment = hdx_environment_copy(options->environment ? options->environment : environ);
  if (status == HDX_OK && (!made->environment || (profile && !made->profile)))
    status = hdx_error_memory(error, sizeof *made);
  if (status == HDX_OK)
    *request = made;
  else
    hdx_credentials_request_free(made);
  return status;
}

void hdx_credentials_request_free(struct hdx_credentials_request *request) {
  if (!request)
    return;
  hdx_credentials_deinit(&request->given);
  hdx_environment_free(request->environment);
  free(request->profile);
  free(request);
}

/* ---------------------------------------------------------------------------------------------------- the sources */

static enum hdx_status find_given(const struct hdx_credentials_request *request, struct hdx_credentials *credentials,
                                  struct hdx_error *error) {
  const struct hdx_credentials *given = &request->given;
  if (!given->key_id)
    return HDX_NOT_FOUND;
  struct hdx_credentials_values values = lasting(given->key_id, given->secret, given->token);
  return hdx_credentials_take(&values, given->origin, HDX_DENIED, credentials, error);
}

static enum hdx_status find_in_environment(char *const *environment, struct hdx_credentials *credentials,
                                           struct hdx_error *error) {
  struct hdx_credentials_values values = lasting(hdx_environment_get(environment, "AWS_ACCESS_KEY_ID"),
                                                 hdx_environment_get(environment, "AWS_SECRET_ACCESS_KEY"),
                                                 hdx_environment_get(environment, "AWS_SESSION_TOKEN"));
  if (!values.key_id.size && !values.secret.size)
    return HDX_NOT_FOUND;
  return hdx_credentials_take(&values, "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)", HDX_DENIED,
                              credentials, error);
}

/* How messages call a setting of the profile. */
static void name_source(const char *what, const struct hdx_profile *profile, const struct hdx_profile_place *at,
                        char source[HDX_CREDENTIALS_SOURCE_MAX]) {
  snprintf(source, HDX_CREDENTIALS_SOURCE_MAX, "%sthe profile %s of %s, line %zu", what, profile->name.data,
           at->file.data, at->line);
}

static enum hdx_status refuse_unsupported(const struct hdx_profile *profile, struct hdx_error *error) {
  char source[HDX_CREDENTIALS_SOURCE_MAX];
  name_source("", profile, &profile->unsupported_at, source);
  return hdx_error_set(error, HDX_DENIED,
                       "%s: %s is not supported; have the AWS command line resolve it: credential_process = aws "
                       "configure export-credentials --profile %s in another profile, or eval \"$(aws configure "
                       "export-credentials --profile %s --format env)\"",
                       source, profile->unsupported.data, profile->name.data, profile->name.data);
}

static enum hdx_status find_in_profile(const struct hdx_credentials_context *context, const struct hdx_profile *profile,
                                       struct hdx_credentials *credentials, struct hdx_error *error) {
  char source[HDX_CREDENTIALS_SOURCE_MAX];
  /* A profile that takes on a role is somebody else than whose keys it has; signing on (sso_…) leads to the same. */
  if (hdx_text_is(profile->unsupported, "role_arn") || hdx_text_is(profile->unsupported, "web_identity_token_file"))
    return refuse_unsupported(profile, error);
  if (profile->keys_at.line) {
    struct hdx_credentials_values values = {profile->key_id, profile->secret, profile->token, HDX_TIME_NONE, true};
    name_source("", profile, &profile->keys_at, source);
    return hdx_credentials_take(&values, source, HDX_DENIED, credentials, error);
  }
  if (profile->credential_process.size) {
    name_source("the credential_process of ", profile, &profile->credential_process_at, source);
    return hdx_credentials_ask_process(context, profile->credential_process, source, credentials, error);
  }
  if (profile->unsupported.size)
    return refuse_unsupported(profile, error);
  if (profile->named && !profile->found)
    return hdx_error_set(error, HDX_DENIED, "there is no profile %s in %s and %s", profile->name.data,
                         profile->credentials_file.data, profile->config_file.data);
  return HDX_NOT_FOUND;
}

/* `instance` is why the last source that was asked has none. */
static enum hdx_status find_none(const struct hdx_credentials_request *request, const struct hdx_profile *profile,
                                 const struct hdx_error *instance, struct hdx_error *error) {
  bool web = hdx_environment_get(request->environment, "AWS_WEB_IDENTITY_TOKEN_FILE")[0];
  bool home = profile->credentials_file.size || profile->config_file.size;
  return hdx_error_set(error, HDX_DENIED,
                       "no credentials: not in %s, not in the profile %s of %s%s%s, not of a container "
                       "(AWS_CONTAINER_CREDENTIALS_…), and %s%s",
                       request->profile ? "the environment (left alone, as a profile is given)"
                                        : "the environment (AWS_ACCESS_KEY_ID)",
                       profile->name.data, home ? profile->credentials_file.data : "~/.aws (there is no HOME)",
                       home ? " and " : "", home ? profile->config_file.data : "", instance->message,
                       web ? "; AWS_WEB_IDENTITY_TOKEN_FILE is set, but web identities are not supported: eval \"$(aws "
                             "configure export-credentials --format env)\""
                           : "");
}

static enum hdx_status find_on_machine(const struct hdx_credentials_request *request,
                                       const struct hdx_credentials_context *context, const struct hdx_profile *profile,
                                       struct hdx_credentials *credentials, struct hdx_error *error) {
  struct hdx_error reason = {.message = "no service was asked, as the session is offline"};
  if (request->offline)
    return find_none(request, profile, &reason, error);
  enum hdx_status status = hdx_credentials_ask_container(context, credentials, error);
  if (status != HDX_NOT_FOUND)
    return status;
  status = hdx_credentials_ask_instance(context, credentials, &reason);
  if (status == HDX_NOT_FOUND || status == HDX_TEMPORARY)
    return find_none(request, profile, &reason, error);
  *error = reason;
  return status;
}

static enum hdx_status find_any(const struct hdx_credentials_request *request,
                                const struct hdx_credentials_context *context, struct hdx_credentials *credentials,
                                struct hdx_error *error) {
  struct hdx_profile profile;
  enum hdx_status status = find_given(request, credentials, error);
  if (status == HDX_NOT_FOUND && !request->profile)
    status = find_in_environment(request->environment, credentials, error);
  if (status != HDX_NOT_FOUND)
    return status;
  status = hdx_profile_read(request->environment, request->profile, &profile, error);
  if (status != HDX_OK)
    return status;
  status = find_in_profile(context, &profile, credentials, error);
  if (status == HDX_NOT_FOUND)
    status = find_on_machine(request, context, &profile, credentials, error);
  hdx_profile_free(&profile);
  return status;
}

enum hdx_status hdx_credentials_find(const struct hdx_credentials_request *request, const atomic_bool *cancelled,
                                     struct hdx_credentials *credentials, struct hdx_error *error) {
  const struct hdx_credentials_context context = {request->environment, cancelled};
  struct hdx_error reason = {0};
  enum hdx_status status = find_any(request, &context, credentials, &reason);
  if (status == HDX_OK)
    return HDX_OK;
  /* Whatever is wrong with a source, to the caller it comes to no credentials. */
  bool own = status == HDX_INTERRUPTED || status == HDX_MEMORY || status == HDX_INTERNAL;
  return hdx_error_set(error, own ? status : HDX_DENIED, "%s", reason.message);
}
