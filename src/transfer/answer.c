/* What an answer that is no object means: its words, its status, how long it asks to wait. */
#include "transfer/engine.h"

#include <stdio.h>

enum hdx_status hdx_answer_status(long http_status) {
  switch (http_status) {
  case 404:
  case 410:
    return HDX_NOT_FOUND;
  case 401:
  case 402:
  case 403:
  case 407:
  case 451:
    return HDX_DENIED;
  default:
    return hdx_retry_status(http_status) || http_status >= 500 ? HDX_TEMPORARY : HDX_INTEGRITY;
  }
}

uint64_t hdx_answer_retry_ms(const struct hdx_part *part) {
  uint64_t seconds;
  const char *text = part->head.retry_after;
  if (!text[0])
    return 0;
  if (hdx_text_to_u64(hdx_text_of(text), 86400, &seconds))
    return seconds * 1000;
  time_t date = part->fetch->engine->curl->getdate(text, NULL), now = time(NULL);
  return date > now ? (uint64_t)(date - now) * 1000 : 0;
}

/* What a refusal most often means, where the server does not say. */
static const char *meaning(long status) {
  switch (status) {
  case 401:
  case 403:
    return ", not allowed: not public, or no such object (S3 says so where listing is not allowed)";
  case 404:
    return ", no such object";
  case 407:
    return ", the proxy asks for a user and password";
  default:
    return "";
  }
}

void hdx_answer_describe(const struct hdx_part *part, const struct hdx_s3_error *answer,
                         char text[HDX_ERROR_TEXT_MAX]) {
  const struct hdx_identity *identity = &part->fetch->engine->identity;
  long status = part->head.status;
  bool shown = answer->code[0] && !hdx_identity_betrayed(identity, answer->code, sizeof answer->code) &&
               !hdx_identity_betrayed(identity, answer->message, sizeof answer->message) &&
               !hdx_identity_betrayed(identity, answer->request_id, sizeof answer->request_id);
  if (shown)
    snprintf(text, HDX_ERROR_TEXT_MAX, "%.500s: status %ld, %s%s%.255s%s%.100s%s", part->fetch->name, status,
             answer->code, answer->message[0] ? ": " : "", answer->message, answer->request_id[0] ? " (request " : "",
             answer->request_id, answer->request_id[0] ? ")" : "");
  else
    snprintf(text, HDX_ERROR_TEXT_MAX, "%s: status %ld%s", part->fetch->name, status, meaning(status));
}
