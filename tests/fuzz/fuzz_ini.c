/* layer: parse */
/* Any bytes: what is given out lies in the text, is trimmed and in order, and what is refused says why and where. */
#include "parse/ini.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
  struct hdx_text text;
  size_t line;
};

static bool trimmed(struct hdx_text text) {
  return hdx_text_trim(text).size == text.size && (text.size == 0 || !memchr(text.data, '\n', text.size));
}

static void check_view(struct hdx_text view, struct hdx_text text) {
  CHECK(trimmed(view));
  CHECK(view.size == 0 || (view.data >= text.data && view.data + view.size <= text.data + text.size));
}

static void look(void *user, const struct hdx_ini_setting *setting) {
  struct seen *seen = user;
  CHECK(setting->line > seen->line);
  CHECK(setting->section.size >= 1 && setting->section.size <= HDX_INI_SECTION_BYTES_MAX && trimmed(setting->section));
  CHECK(setting->key.size > 0 || setting->parent.size + setting->value.size == 0);
  CHECK(setting->key.size == 0 || !memchr(setting->key.data, '=', setting->key.size));
  check_view(setting->parent, seen->text);
  check_view(setting->key, seen->text);
  check_view(setting->value, seen->text);
  seen->line = setting->line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct seen seen = {.text = {(const char *)data, size}};
  struct hdx_error error = {.status = HDX_OK};
  if (hdx_ini_read(seen.text, "fuzz", look, &seen, &error) != HDX_OK)
    CHECK(error.status == HDX_INTEGRITY && strstr(error.message, ": expected "));
  return 0;
}
