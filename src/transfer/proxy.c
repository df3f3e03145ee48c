#include "transfer/proxy.h"

#include "base/url.h"
#include "transfer/environment.h"

#include <stdio.h>

enum { QUOTED_BYTES = 12 /* of a proxy, by which it is found in a text that may be cut */ };

/* Whether `list` (hosts and domains between commas, or *) names the host. */
static bool excluded(const char *list, struct hdx_text host) {
  struct hdx_text rest = hdx_text_of(list);
  while (rest.size) {
    const char *comma = memchr(rest.data, ',', rest.size);
    size_t end = comma ? (size_t)(comma - rest.data) : rest.size;
    struct hdx_text name = hdx_text_trim(hdx_text_sub(rest, 0, end));
    rest = hdx_text_sub(rest, comma ? end + 1 : end, rest.size);
    if (name.size && name.data[0] == '.')
      name = hdx_text_sub(name, 1, name.size);
    if (hdx_text_is(name, "*"))
      return true;
    if (!name.size || name.size > host.size)
      continue;
    size_t before = host.size - name.size;
    if (hdx_text_equal_nocase(hdx_text_sub(host, before, host.size), name) && (!before || host.data[before - 1] == '.'))
      return true;
  }
  return false;
}

const char *hdx_proxy_exclusions(char *const *environment) {
  const char *list = hdx_environment_get(environment, "no_proxy");
  return list[0] ? list : hdx_environment_get(environment, "NO_PROXY");
}

const char *hdx_proxy_find(char *const *environment, bool tls, const char **variable) {
  static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
  static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
  const char *value = "";
  for (const char *const *next = tls ? secure : plain; !value[0] && *next; next++) {
    *variable = *next;
    value = hdx_environment_get(environment, *next);
  }
  return value;
}

/* A proxy as messages may show it. Other than a URL it need not have a scheme, and what is before its last @ is secret
 * wherever a slash stands. */
static const char *show(const char *proxy, char *out, size_t size) {
  const char *at = strrchr(proxy, '@');
  return hdx_url_quote(hdx_text_of(at ? at + 1 : proxy), out, size);
}

bool hdx_proxy_quoted(char *const *environment, const char *words) {
  char beginning[QUOTED_BYTES + 1];
  const char *variable;
  for (int tls = 0; tls < 2; tls++) {
    const char *proxy = hdx_proxy_find(environment, tls, &variable);
    snprintf(beginning, sizeof beginning, "%s", proxy);
    if (strchr(proxy, '@') && strstr(words, beginning))
      return true;
  }
  return false;
}

const char *hdx_proxy_note(char *const *environment, const char *url, char *out, size_t size) {
  struct hdx_url parsed;
  const char *variable;
  char quoted[256];
  out[0] = 0;
  if (hdx_url_parse(hdx_text_of(url), &parsed, NULL) != HDX_OK ||
      excluded(hdx_proxy_exclusions(environment), parsed.host))
    return out;
  const char *proxy = hdx_proxy_find(environment, parsed.scheme == HDX_SCHEME_HTTPS, &variable);
  if (proxy[0])
    snprintf(out, size, " (through the proxy %s, by %s)", show(proxy, quoted, sizeof quoted), variable);
  return out;
}
