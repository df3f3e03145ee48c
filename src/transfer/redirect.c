/* Where a fetch is sent by an answer: to another place, if that is allowed. */
#include "transfer/engine.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACE_BYTES_MAX = 320 }; /* a host has 255 at the most */

static void fail(struct hdx_part *part, enum hdx_status status, const char *message) {
  hdx_fetch_complete(part->fetch, status, false, part->head.status, message);
}

/* Without the queries of both places, which may hold a signature. */
static char *redirected_name(const struct hdx_fetch *fetch, const char *to) {
  struct hdx_text from = hdx_url_shown(hdx_text_of(fetch->request.url));
  int size = (int)strcspn(to, "?#");
  size_t room = from.size + (size_t)size + sizeof " (redirected to )";
  char *name = malloc(room);
  if (name)
    snprintf(name, room, "%.*s (redirected to %.*s)", HDX_TEXT_ARG(from), size, to);
  return name;
}

/* Where the place is, for messages: " to https://host", without what may be a secret. Empty if it is none. */
static const char *describe_place(const char *place, char text[PLACE_BYTES_MAX]) {
  struct hdx_url url;
  text[0] = 0;
  if (place && hdx_url_parse(hdx_text_of(place), &url, NULL) == HDX_OK)
    snprintf(text, PLACE_BYTES_MAX, " to %s://%.*s", hdx_url_scheme_name(url.scheme),
             HDX_TEXT_ARG(hdx_url_authority(&url)));
  return text;
}

/* `said` tells what the answer is. */
void hdx_fetch_redirect(struct hdx_part *part, const char *to, const char *said) {
  struct hdx_fetch *fetch = part->fetch;
  char text[HDX_ERROR_TEXT_MAX], place[PLACE_BYTES_MAX];
  struct hdx_url from_url, to_url;
  struct hdx_error error;
  if (part->redirects != fetch->redirects) { /* another part was sent elsewhere meanwhile: that place is asked first */
    hdx_fetch_enqueue(part);
    return;
  }
  if (!to) {
    snprintf(text, sizeof text, "%.900s, without a place to go", said);
    fail(part, HDX_INTEGRITY, text);
    return;
  }
  if (part->generation) {
    snprintf(text, sizeof text, "%.700s, redirects a signed request%s, which is never sent to another place", said,
             describe_place(to, place));
    fail(part, HDX_DENIED, text);
    return;
  }
  /* A link-local address is refused here too: a proxy would ask it for us. */
  bool allowed =
      hdx_url_parse(hdx_text_of(to), &to_url, &error) == HDX_OK && !hdx_url_link_local(to_url.host) &&
      hdx_url_parse(hdx_text_of(fetch->url), &from_url, &error) == HDX_OK &&
      (to_url.scheme == HDX_SCHEME_HTTPS || (to_url.scheme == HDX_SCHEME_HTTP && from_url.scheme == HDX_SCHEME_HTTP));
  if (!allowed || fetch->redirects >= HDX_REDIRECTS_MAX) {
    if (allowed)
      snprintf(text, sizeof text, "%s: more than five redirects", fetch->name);
    else
      snprintf(text, sizeof text,
               "%s: a redirect%s that is not allowed (from https to http, to a link-local or no web address)",
               fetch->name, describe_place(to, place));
    fail(part, allowed ? HDX_INTEGRITY : HDX_DENIED, text);
    return;
  }
  char *url = strdup(to), *name = redirected_name(fetch, to);
  struct hdx_host *host = url && name ? hdx_engine_host(fetch->engine, &to_url) : NULL;
  if (!host) {
    free(url);
    free(name);
    snprintf(text, sizeof text, "%s: out of memory", fetch->name);
    fail(part, HDX_MEMORY, text);
    return;
  }
  free(fetch->url);
  if (fetch->name != fetch->request.url)
    free((char *)fetch->name);
  fetch->url = url;
  fetch->name = name;
  fetch->host = host;
  fetch->bucket = NULL;
  fetch->redirects++;
  hdx_fetch_enqueue(part);
}
