#include "job/verify.h"

#include "base/error.h"
#include "job/files.h"

#include <stdlib.h>

static bool stands(const struct hdx_digest *digest) {
  return digest->check != HDX_CHECK_SIZE;
}

void hdx_verify_init(struct hdx_verify *verify, const struct hdx_file *file, bool of_bucket, bool ignore_size,
                     bool ignore_checksums) {
  *verify = (struct hdx_verify){
      .location = file->location,
      .of_bucket = of_bucket,
      .ignore_checksums = ignore_checksums,
      .size_stated = file->size >= 0 && !ignore_size ? (uint64_t)file->size : UINT64_MAX,
      .size_served = UINT64_MAX,
      .stated.check = HDX_CHECK_SIZE,
      .served.check = HDX_CHECK_SIZE,
      .heard.check = HDX_CHECK_SIZE,
  };
  if (!ignore_checksums)
    hdx_file_digest(file, &verify->stated);
}

static void close_hashers(struct hdx_verify *verify) {
  hdx_hasher_close(verify->of_stated);
  hdx_hasher_close(verify->of_served);
  verify->of_stated = verify->of_served = NULL;
}

void hdx_verify_deinit(struct hdx_verify *verify) {
  close_hashers(verify);
  free(verify->heard_etag);
  verify->heard_etag = NULL;
}

/* The digest of one kind that the server states. What cannot be read as one is none. */
static bool served(const struct hdx_verify *verify, const struct hdx_fetch_head *head, enum hdx_check check,
                   struct hdx_digest *digest) {
  const char *text = head->checksums[check];
  if (text && text[0] && hdx_digest_read(check, hdx_text_of(text), digest))
    return true;
  return check == HDX_CHECK_MD5 && verify->of_bucket && !head->etag_is_no_md5 &&
         hdx_digest_of_etag(hdx_text_of(head->etag), digest);
}

/* Of the digests that the server states, the one of the index's kind, else the one that costs least. */
static void choose(struct hdx_verify *verify, const struct hdx_fetch_head *head) {
  /* By speed, as measured where the processor has instructions for them. */
  static const enum hdx_check fastest[] = {HDX_CHECK_CRC32C, HDX_CHECK_CRC32,  HDX_CHECK_CRC64NVME, HDX_CHECK_SHA256,
                                           HDX_CHECK_SHA1,   HDX_CHECK_SHA512, HDX_CHECK_MD5};
  bool found = stands(&verify->stated) && served(verify, head, verify->stated.check, &verify->served);
  for (size_t i = 0; !found && i < sizeof fastest / sizeof *fastest; i++)
    found = served(verify, head, fastest[i], &verify->served);
  if (!found)
    verify->served.check = HDX_CHECK_SIZE;
  const char *text = head->checksums[verify->served.check];
  verify->by_etag = verify->served.check == HDX_CHECK_MD5 && !(text && text[0]);
}

static bool one_kind(const struct hdx_verify *verify) {
  return stands(&verify->stated) && verify->stated.check == verify->served.check;
}

void hdx_verify_hear(struct hdx_verify *verify, const struct hdx_fetch_head *head) {
  free(verify->heard_etag);
  verify->heard_etag = NULL;
  verify->heard.check = HDX_CHECK_SIZE;
  if (verify->ignore_checksums || !head->etag[0])
    return;
  choose(verify, head);
  if (!verify->by_etag)
    verify->heard = verify->served;
  verify->heard_etag = strdup(head->etag);
}

/* What HEAD told is taken where the object itself comes without, and its tag is no better. */
static void recall(struct hdx_verify *verify, const struct hdx_fetch_head *head) {
  if (!stands(&verify->heard) || !verify->heard_etag || strcmp(verify->heard_etag, head->etag) != 0)
    return;
  if (stands(&verify->served) && (!verify->by_etag || one_kind(verify)))
    return;
  verify->served = verify->heard;
  verify->by_etag = false;
}

static enum hdx_status fail_size(const struct hdx_verify *verify, uint64_t expected, const char *by, uint64_t found,
                                 struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "%.*s: %llu bytes, expected %llu as %s states",
                       HDX_TEXT_ARG(hdx_url_shown(verify->location)), (unsigned long long)found,
                       (unsigned long long)expected, by);
}

static enum hdx_status fail_digest(const struct hdx_verify *verify, const struct hdx_digest *expected, const char *by,
                                   const struct hdx_digest *found, struct hdx_error *error) {
  char expected_text[HDX_DIGEST_TEXT_MAX], found_text[HDX_DIGEST_TEXT_MAX];
  hdx_digest_write(expected, expected_text);
  hdx_digest_write(found, found_text);
  return hdx_error_set(error, HDX_INTEGRITY, "%.*s: %s %s, expected %s as %s states",
                       HDX_TEXT_ARG(hdx_url_shown(verify->location)), hdx_check_name(expected->check), found_text,
                       expected_text, by);
}

/* Index and server contradict one another before a byte has come. */
static enum hdx_status compare_words(const struct hdx_verify *verify, struct hdx_error *error) {
  if (verify->size_stated != UINT64_MAX && verify->size_served != UINT64_MAX &&
      verify->size_stated != verify->size_served)
    return fail_size(verify, verify->size_stated, "the index", verify->size_served, error);
  if (one_kind(verify) && !hdx_digest_equal(&verify->stated, &verify->served))
    return fail_digest(verify, &verify->stated, "the index", &verify->served, error);
  return HDX_OK;
}

enum hdx_status hdx_verify_begin(struct hdx_verify *verify, const struct hdx_fetch_head *head,
                                 struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  close_hashers(verify);
  verify->size_served = head->size;
  verify->served.check = HDX_CHECK_SIZE;
  if (!verify->ignore_checksums) {
    choose(verify, head);
    recall(verify, head);
  }
  status = compare_words(verify, error);
  verify->settled = status != HDX_OK;
  if (status == HDX_OK && stands(&verify->stated))
    status = hdx_hasher_open(verify->stated.check, &verify->of_stated, error);
  if (status == HDX_OK && stands(&verify->served) && !one_kind(verify))
    status = hdx_hasher_open(verify->served.check, &verify->of_served, error);
  return status;
}

bool hdx_verify_hashes(const struct hdx_verify *verify) {
  return verify->of_stated || verify->of_served;
}

void hdx_verify_add(struct hdx_verify *verify, const void *data, size_t size) {
  if (verify->of_stated)
    hdx_hasher_add(verify->of_stated, data, size);
  if (verify->of_served)
    hdx_hasher_add(verify->of_served, data, size);
}

static enum hdx_status compare_sizes(const struct hdx_verify *verify, uint64_t size, uint32_t *checks,
                                     struct hdx_error *error) {
  if (verify->size_served != UINT64_MAX && size != verify->size_served)
    return fail_size(verify, verify->size_served, "the server", size, error);
  if (verify->size_stated != UINT64_MAX && size != verify->size_stated)
    return fail_size(verify, verify->size_stated, "the index", size, error);
  if (verify->size_stated != UINT64_MAX || verify->size_served != UINT64_MAX)
    *checks |= 1u << HDX_CHECK_SIZE;
  return HDX_OK;
}

enum hdx_status hdx_verify_finish(struct hdx_verify *verify, uint64_t size, uint32_t *checks, struct hdx_error *error) {
  struct hdx_digest found;
  *checks = 0;
  enum hdx_status status = compare_sizes(verify, size, checks, error);
  if (status != HDX_OK)
    return status;
  /* The server's first: if what came is what it keeps, and still not what the index states, that is settled. */
  if (verify->of_served) {
    hdx_hasher_finish(verify->of_served, &found);
    if (!hdx_digest_equal(&found, &verify->served))
      return fail_digest(verify, &verify->served, verify->by_etag ? "the server's entity tag" : "the server", &found,
                         error);
    *checks |= 1u << verify->served.check;
    verify->settled = true;
  }
  if (verify->of_stated) {
    hdx_hasher_finish(verify->of_stated, &found);
    if (!hdx_digest_equal(&found, &verify->stated))
      return fail_digest(verify, &verify->stated, "the index", &found, error);
    *checks |= 1u << verify->stated.check;
  }
  return HDX_OK;
}
