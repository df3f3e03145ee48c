/* layer: catalog */
/* Any bytes as a file of parameters: a clean status, or columns that have names of their own or none. */
#include "catalog/parameters.h"
#include "parse/csv.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  CHECK(level == HDX_LOG_WARNING && memcmp(message, "fuzz: ", 6) == 0 && memcmp(message + 6, "line 0:", 7) != 0);
}

static const struct hdx_log warnings = {HDX_LOG_WARNING, check_message, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_parameters_doc doc;
  struct hdx_error error = {.status = HDX_OK};
  struct hdx_text text = {(const char *)data, size};
  if (size > HDX_PARAMETERS_BYTES_MAX)
    return 0;
  if (hdx_parameters_doc_parse(text, "fuzz", &warnings, &doc, &error) != HDX_OK) {
    CHECK(error.status == HDX_INTEGRITY && error.message[0]);
    return 0;
  }
  CHECK(doc.count <= HDX_CSV_EXTRA_MAX);
  for (size_t i = 0; i < doc.count; i++) {
    CHECK(doc.parameters[i].type <= HDX_PARAMETER_DOUBLE);
    CHECK(doc.names[i].size == 0 || !memchr(doc.names[i].data, 0, doc.names[i].size));
    for (size_t j = 0; j < i; j++)
      CHECK(!doc.names[i].size || !hdx_text_equal(doc.names[i], doc.names[j]));
  }
  hdx_parameters_doc_deinit(&doc);
  return 0;
}
