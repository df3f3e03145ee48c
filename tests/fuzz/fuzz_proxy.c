/* layer: transfer */
/* The variables that name proxies, of any bytes: the first that counts is taken, a host is excluded as a plain reading
 * of no_proxy has it, and no message shows a user or a password.
 *
 * The input is a host, a newline, no_proxy, a newline, the proxy. */
#include "base/url.h"
#include "transfer/environment.h"
#include "transfer/proxy.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 2000 };

/* Whether an item of no_proxy, without blanks around it, is the host or the end of it behind a dot. */
static bool excludes(struct hdx_text item, struct hdx_text host) {
  if (item.size && item.data[0] == '.')
    item = hdx_text_sub(item, 1, item.size);
  if (hdx_text_is(item, "*"))
    return true;
  for (size_t at = 0; item.size && at < host.size; at++)
    if ((at == 0 || host.data[at - 1] == '.') && hdx_text_equal_nocase(hdx_text_sub(host, at, host.size), item))
      return true;
  return false;
}

static bool excluded(const char *list, struct hdx_text host) {
  bool found = false;
  for (const char *at = list; !found; at += strcspn(at, ",") + 1) {
    size_t size = strcspn(at, ",");
    found = excludes(hdx_text_trim((struct hdx_text){at, size}), host);
    if (!at[size])
      break;
  }
  return found;
}

static void check_note(char *const *environment, const char *host, const char *list, const char *proxy) {
  char url[INPUT_BYTES_MAX + 32], note[HDX_PROXY_NOTE_MAX];
  struct hdx_url parsed;
  snprintf(url, sizeof url, "https://%s/k", host);
  hdx_proxy_note(environment, url, note, sizeof note);
  CHECK(strlen(note) < sizeof note && !strchr(note, '\n'));
  if (hdx_url_parse(hdx_text_of(url), &parsed, NULL) != HDX_OK) {
    CHECK(!note[0]);
    return;
  }
  CHECK((note[0] != 0) == (proxy[0] && !excluded(list, parsed.host)));
  CHECK(!memchr(note, '@', strlen(note))); /* behind which alone a user and a password are not */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > INPUT_BYTES_MAX)
    return 0;
  char *text = malloc(size + 1), *parts[3] = {text, NULL, NULL};
  memcpy(text, data, size);
  text[size] = 0;
  for (size_t i = 1; i < 3; i++) {
    char *end = strchr(parts[i - 1], '\n');
    if (end)
      *end = 0;
    parts[i] = end ? end + 1 : parts[i - 1] + strlen(parts[i - 1]);
  }
  char list[INPUT_BYTES_MAX + 16], proxy[INPUT_BYTES_MAX + 16], other[] = "http_proxy=http://other.example";
  char *variables[] = {list, other, proxy, NULL};
  snprintf(list, sizeof list, "no_proxy=%s", parts[1]);
  snprintf(proxy, sizeof proxy, "HTTPS_PROXY=%s", parts[2]);
  char **copy = hdx_environment_copy(variables);
  const char *variable;
  CHECK(copy && strcmp(hdx_proxy_exclusions(copy), parts[1]) == 0);
  CHECK(strcmp(hdx_proxy_find(copy, true, &variable), parts[2]) == 0);
  CHECK(strcmp(hdx_proxy_find(copy, false, &variable), "http://other.example") == 0);
  CHECK(strcmp(variable, "http_proxy") == 0);
  check_note(copy, parts[0], parts[1], parts[2]);
  hdx_environment_free(copy);
  free(text);
  return 0;
}
