#include "job/place.h"

#include "base/error.h"

enum hdx_status hdx_place(const struct hdx_layout *layout, struct hdx_claims *claims, const struct hdx_file *file,
                          struct hdx_buffer *path, struct hdx_buffer *text, enum hdx_claim *claim,
                          struct hdx_error *error) {
  struct hdx_layout_subject subject = {.id = file->id, .start = file->start, .stop = file->stop};
  hdx_buffer_clear(path);
  enum hdx_status status = hdx_file_names(file->location, text, &subject.bucket, &subject.key, error);
  if (status == HDX_OK)
    status = hdx_layout_path(layout, &subject, path, error);
  if (status == HDX_OK)
    status = hdx_claims_take(claims, file->location, path, claim, error);
  if (status == HDX_OK && *claim == HDX_CLAIM_TAKEN)
    status = hdx_error_set(error, HDX_USAGE,
                           "%.*s: its place %.*s is that of another file: a layout with {key} and {bucket} tells them "
                           "apart",
                           HDX_TEXT_ARG(hdx_url_shown(file->location)), HDX_TEXT_ARG(hdx_buffer_text(path)));
  return status;
}
