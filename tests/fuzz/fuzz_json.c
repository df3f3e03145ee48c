/* layer: parse */
/* Any bytes: the parser and the walk that places faults agree, every view lies in the document, and every part of a
 * document parses alone to the same number of values. */
#include "parse/json_fault.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct hdx_text part, struct hdx_text whole) {
  return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void check_children(const struct hdx_json *json, const struct hdx_json_value *value) {
  uint32_t count = 0;
  const struct hdx_json_value *child = hdx_json_first(json, value);
  for (; child; child = hdx_json_next(json, value, child)) {
    CHECK(inside(child->raw, value->raw));
    CHECK((child->name.data != NULL) == (value->type == HDX_JSON_OBJECT));
    count++;
    check_children(json, child);
  }
  CHECK(count == value->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_json json, part;
  struct hdx_error error = {.status = HDX_OK};
  struct hdx_json_fault fault;
  struct hdx_text text = {(const char *)data, size};
  if (hdx_json_parse(text, "fuzz", &json, &error) != HDX_OK) {
    CHECK(error.status == HDX_INTEGRITY && strstr(error.message, ": expected "));
    return 0;
  }
  CHECK(!hdx_json_find_fault(json.text, &fault));
  CHECK(json.values->next == json.count && inside(json.values->raw, json.text));
  check_children(&json, json.values);
  for (uint32_t i = 0; i < json.count && i < 16; i++) {
    CHECK(hdx_json_parse(json.values[i].raw, "part", &part, NULL) == HDX_OK);
    CHECK(part.count == json.values[i].next - i && part.values->type == json.values[i].type);
    hdx_json_deinit(&part);
  }
  hdx_json_deinit(&json);
  return 0;
}
