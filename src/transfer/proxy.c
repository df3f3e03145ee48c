#include "transfer/proxy.h"

#include "base/url.h"

#include <stdio.h>
#include <stdlib.h>

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

const char *hdx_proxy_note(const char *url, char *out, size_t size) {
  static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
  static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  struct hdx_url parsed;
  char proxy[256];
  out[0] = 0;
  if (hdx_url_parse(hdx_text_of(url), &parsed, NULL) != HDX_OK)
    return out;
  bool secure = parsed.scheme == HDX_SCHEME_HTTPS;
  const char *const *variables = secure ? tls : plain;
  const char *none = getenv("no_proxy") ? getenv("no_proxy") : getenv("NO_PROXY");
  if (none && excluded(none, parsed.host))
    return out;
  for (size_t i = 0; i < (secure ? 4 : 3); i++) {
    const char *value = getenv(variables[i]);
    if (!value || !value[0])
      continue;
    snprintf(out, size, " (through the proxy %s, by %s)", hdx_url_quote(hdx_text_of(value), proxy, sizeof proxy),
             variables[i]);
    break;
  }
  return out;
}
