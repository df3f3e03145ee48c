/* What the head of an answer to a part's request means: whether it is what was asked for, and of which object. */
#include "transfer/engine.h"
#include "transfer/http_date.h"

static void refuse(struct hdx_part *part, enum hdx_refusal refusal, enum hdx_status status, const char *what) {
  part->refusal = refusal;
  hdx_error_set(&part->refused, status, "%s: %s", part->fetch->name, what);
}

/* The checksums of an answer that are of the whole object: those of an upload in parts are of its parts' checksums, and
 * end with their number (Amazon S3 User Guide, "Checking object integrity"). */
static void tell_checksums(const struct hdx_part *part, const char *checksums[HDX_CHECK_COUNT]) {
  const struct hdx_head *head = &part->head;
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++) {
    bool whole = head->status == 200 && !head->checksums_of_parts && !strchr(head->checksums[i], '-');
    checksums[i] = whole ? head->checksums[i] : "";
  }
}

static void begin(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_head *head = &part->head;
  struct hdx_fetch_head told = {.size = fetch->size,
                                .etag = head->etag,
                                .last_modified = head->last_modified,
                                .modified = hdx_http_date_read(head->last_modified),
                                .anew = fetch->anew,
                                .etag_is_no_md5 = head->encrypted};
  if (fetch->size != HDX_SIZE_UNKNOWN && fetch->size > fetch->request.bytes_max) {
    part->refusal = HDX_REFUSAL_FINAL;
    fetch->too_large = true;
    hdx_error_set(&part->refused, HDX_LIMIT, "%s: %llu bytes, more than the limit of %llu", fetch->name,
                  (unsigned long long)fetch->size, (unsigned long long)fetch->request.bytes_max);
    return;
  }
  memcpy(fetch->etag, head->etag, sizeof fetch->etag);
  memcpy(fetch->last_modified, head->last_modified, sizeof fetch->last_modified);
  fetch->begun = fetch->announced = true;
  fetch->bytes = 0;
  fetch->range = 0;
  fetch->planned = part->to;
  tell_checksums(part, told.checksums);
  if (fetch->request.begin && !fetch->aborted)
    fetch->request.begin(fetch->request.user, &told);
  hdx_fetch_plan(fetch); /* out of memory: tried again when this part is finished */
}

static void accept_whole(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  if (hdx_fetch_in_ranges(fetch) && !fetch->begun && part->received == 0) {
    fetch->anew = true; /* all of it comes, whatever was asked for */
    part->from = 0;
  }
  if (part->from + part->received > 0 || part != fetch->parts || part->sibling) {
    refuse(part, HDX_REFUSAL_WHOLE, HDX_INTEGRITY, "the server sent the whole object where a range was asked for");
    return;
  }
  fetch->size = part->head.length;
  part->to = fetch->size != HDX_SIZE_UNKNOWN || fetch->request.head ? hdx_fetch_end(fetch, fetch->size) : UINT64_MAX;
  begin(part);
  part->enough = fetch->request.head;
}

/* Whether the object is another version than the one that the request's ranges are of. */
static bool is_other(const struct hdx_fetch *fetch, const struct hdx_head *head) {
  const struct hdx_fetch_request *request = &fetch->request;
  const char *version = request->if_match;
  if (!hdx_fetch_in_ranges(fetch))
    return false;
  return request->ranges[request->range_count - 1].to > head->range_total ||
         (version && strcmp(version, hdx_head_strong(version) ? head->etag : head->last_modified) != 0);
}

/* Whether several answers could be told to be of one version: by a tag, or else by a date. */
static bool is_named(const struct hdx_head *head) {
  return head->etag[0] || head->last_modified[0];
}

/* Whether the object is another version than what has come of it. Not every server knows conditions. */
static bool has_changed(const struct hdx_fetch *fetch, const struct hdx_head *head) {
  return head->range_total != fetch->size || strcmp(head->etag, fetch->etag) != 0 ||
         (!head->etag[0] && strcmp(head->last_modified, fetch->last_modified) != 0);
}

static void accept_range(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_head *head = &part->head;
  if (!part->ranged || !head->has_range || head->range_first != part->from + part->received ||
      head->range_last >= part->to) {
    refuse(part, HDX_REFUSAL_RETRY, HDX_INTEGRITY, "the answer is not the range that was asked for (Content-Range)");
  } else if (head->length != HDX_SIZE_UNKNOWN && head->length != head->range_last + 1 - head->range_first) {
    refuse(part, HDX_REFUSAL_RETRY, HDX_INTEGRITY, "Content-Length and Content-Range differ");
  } else if (head->range_total == HDX_SIZE_UNKNOWN) {
    refuse(part, HDX_REFUSAL_WHOLE, HDX_INTEGRITY, "the server does not tell the object's size");
  } else if (!fetch->begun && is_other(fetch, head)) {
    refuse(part, HDX_REFUSAL_CHANGED, HDX_INTEGRITY, "the object is another version than was asked for");
  } else if (!fetch->begun && !is_named(head) && (head->range_first || head->range_last + 1 < head->range_total)) {
    refuse(part, HDX_REFUSAL_WHOLE, HDX_INTEGRITY, "the server names no version that several ranges could be of");
  } else if (!fetch->begun) {
    fetch->size = head->range_total;
    part->to = part->to < fetch->size ? part->to : fetch->size;
    begin(part);
  } else if (has_changed(fetch, head)) {
    refuse(part, HDX_REFUSAL_CHANGED, HDX_INTEGRITY, "the object changed while it was fetched");
  }
}

void hdx_fetch_accept(struct hdx_part *part) {
  part->accepted = true;
  if (part->head.status == 200 || part->head.status == 206 || part->head.status == 304)
    hdx_bucket_readable(part);
  if (part->head.status == 200)
    accept_whole(part);
  else if (part->head.status == 206)
    accept_range(part);
}

bool hdx_fetch_enough(const struct hdx_part *part) {
  const struct hdx_fetch *fetch = part->fetch;
  uint64_t first = fetch->request.first_bytes;
  return first && part->head.status == 200 && part->received >= first && fetch->size > first;
}
