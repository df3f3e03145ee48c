/* Layouts and claims without memory, allocation for allocation: a path is the right one, or there is none. */
#include "mirror/claims.h"
#include "mirror/layout.h"

#include "unit/failing.h"

#include <string.h>

enum { FILES = 1500 }; /* the table of claims grows */

/* Puts files into folders that change their places by turns, one of them under a name that has to be escaped. */
static enum hdx_status place_files(const struct hdx_layout *layout, struct hdx_claims *claims,
                                   struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  enum hdx_claim claim;
  struct hdx_buffer path;
  hdx_buffer_init(&path, SIZE_MAX);
  for (int i = 0; status == HDX_OK && i < FILES; i++) {
    char key[64];
    snprintf(key, sizeof key, "data/%d/%s/%d.cdf", i % 7, i ? "x" : "..", i);
    hdx_buffer_clear(&path);
    status = hdx_layout_path(layout, &(struct hdx_layout_subject){.key = hdx_text_of(key)}, &path, error);
    if (status == HDX_OK)
      status = hdx_claims_take(claims, hdx_text_of(key), &path, &claim, error);
    if (status == HDX_OK)
      assert_true(claim == HDX_CLAIM_NEW && hdx_text_is(hdx_buffer_text(&path), i ? key : "data/0/%2E./0.cdf"));
  }
  hdx_buffer_deinit(&path);
  return status;
}

static enum hdx_status place(void *user, struct hdx_error *error) {
  struct hdx_layout *layout = NULL;
  struct hdx_claims *claims = NULL;
  (void)user;
  enum hdx_status status = hdx_layout_parse(HDX_LAYOUT_KEY, &layout, error);
  if (status == HDX_OK)
    status = hdx_claims_new(true, &claims, error);
  if (status == HDX_OK)
    status = place_files(layout, claims, error);
  hdx_claims_free(claims);
  hdx_layout_free(layout);
  return status;
}

static void test_33_memory_for_layouts_and_claims(void **state) {
  (void)state;
  failing_memory(place, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_33_memory_for_layouts_and_claims)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
