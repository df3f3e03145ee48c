#include "transfer/proxy.h"

#include "base/url.h"
#include "transfer/environment.h"

#include <stdio.h>

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
    snprintf(out, size, " (through the proxy %s, by %s)", hdx_url_quote(hdx_text_of(proxy), quoted, sizeof quoted),
             variable);
  return out;
}
