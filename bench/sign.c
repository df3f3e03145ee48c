/* hdx-sign: what it costs to sign a ranged GET of S3 in its headers, beside the ceiling of merely hashing what signing
 * has to hash.
 *
 *   hdx-sign [--count N] [--rounds N]
 *
 * A known example of the Amazon S3 API Reference is signed and compared first. Then requests for the ranges of an
 * object are signed without and with a session token (of 1,100 bytes, as those of a role are), --count (200000) each,
 * by one signer and so with a kept signing key. The ceiling is hdx_sha256 over as many bytes as take the same number of
 * 64-byte blocks: those of the canonical request, those of the string to sign, and one for the outer hash of the HMAC,
 * in a single message. The best of --rounds (9) counts; a line of JSON is printed for each of the two. */
#include "base/time.h"
#include "shared/files.h"
#include "transfer/sha256.h"
#include "transfer/sigv4.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 64, PADDING = 9, TOKEN_BYTES = 1100, BLOCKS_MAX = 256 };

#define KEY_ID HDX_TEXT("AKIAIOSFODNN7EXAMPLE")
#define SECRET HDX_TEXT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

struct job {
  struct hdx_signer *signer;
  struct hdx_sigv4_scope scope;
  struct hdx_sigv4_field fields[2]; /* host, range */
  struct hdx_sigv4_request request;
  struct hdx_sigv4_headers headers;
};

static void prepare(struct job *job, struct hdx_text token) {
  struct hdx_error error;
  int digits;
  size_t at;
  *job = (struct job){.scope.region = HDX_TEXT("us-east-1"), .scope.service = HDX_TEXT("s3")};
  hdx_time_read(HDX_TEXT("2013-05-24T00:00:00Z"), false, &job->scope.time_ns, &digits, &at);
  job->fields[0] = (struct hdx_sigv4_field){HDX_TEXT("Host"), HDX_TEXT("examplebucket.s3.amazonaws.com")};
  job->fields[1] = (struct hdx_sigv4_field){HDX_TEXT("Range"), HDX_TEXT("bytes=0-9")};
  job->request = (struct hdx_sigv4_request){.method = HDX_TEXT("GET"),
                                            .path = HDX_TEXT("/test.txt"),
                                            .query = HDX_TEXT(""),
                                            .fields = job->fields,
                                            .field_count = 2,
                                            .payload_hash = HDX_TEXT(HDX_SIGV4_EMPTY_PAYLOAD)};
  hdx_sigv4_headers_init(&job->headers);
  bench_check(hdx_signer_new(KEY_ID, SECRET, token, &job->signer, &error), "signer", &error);
}

static void finish(struct job *job) {
  hdx_sigv4_headers_deinit(&job->headers);
  hdx_signer_free(job->signer);
}

static void sign(struct job *job) {
  struct hdx_error error;
  bench_check(hdx_sigv4_sign_headers(job->signer, &job->scope, &job->request, &job->headers, &error), "sign", &error);
}

static void check_example(void) {
  struct job job;
  prepare(&job, HDX_TEXT(""));
  sign(&job);
  if (!hdx_text_ends_with(hdx_buffer_text(&job.headers.authorization),
                          HDX_TEXT("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")))
    bench_fail("GET object", "its signature is not that of the S3 API Reference");
  finish(&job);
}

/* A request as the engine makes them, for one of the ranges of an object. */
static void make_realistic(struct job *job) {
  job->request.path = HDX_TEXT("/sdo/aia/20100513/0094/sdo_aia_h2_20100513T000000_0094_v1.fits");
  job->fields[0].value = HDX_TEXT("gov-nasa-hdrl-data1.s3.us-east-1.amazonaws.com");
  job->fields[1].value = HDX_TEXT("bytes=134217728-142606335");
}

/* What SHA-256 makes of a message: its bytes, and at least nine more. */
static size_t blocks_of(size_t bytes) {
  return (bytes + PADDING + BLOCK - 1) / BLOCK;
}

/* How many blocks signing the job's request hashes. */
static size_t count_blocks(const struct job *job, struct hdx_text token) {
  static const char hash[] = HDX_SIGV4_EMPTY_PAYLOAD;
  struct hdx_sigv4_field fields[5] = {job->fields[0],
                                      job->fields[1],
                                      {HDX_TEXT("x-amz-date"), HDX_TEXT("20130524T000000Z")},
                                      {HDX_TEXT("x-amz-content-sha256"), HDX_TEXT(hash)},
                                      {HDX_TEXT("x-amz-security-token"), token}};
  struct hdx_sigv4_request whole = job->request;
  struct hdx_buffer canonical, names;
  hdx_buffer_init(&canonical, SIZE_MAX);
  hdx_buffer_init(&names, SIZE_MAX);
  whole.fields = fields;
  whole.field_count = token.size ? 5 : 4;
  hdx_sigv4_canonical(&whole, &canonical, &names);
  size_t blocks = blocks_of(canonical.size);
  hdx_buffer_clear(&names);
  hdx_sigv4_string_to_sign(&job->scope, hdx_buffer_text(&canonical), &names);
  blocks += blocks_of(names.size) + 1;
  hdx_buffer_deinit(&canonical);
  hdx_buffer_deinit(&names);
  if (blocks > BLOCKS_MAX)
    bench_fail("blocks", "more than there is room for");
  return blocks;
}

static double time_signing(struct job *job, size_t count) {
  double begin = bench_seconds();
  for (size_t i = 0; i < count; i++) {
    job->scope.time_ns += HDX_SECOND_NS / 1000;
    sign(job);
  }
  return (bench_seconds() - begin) / (double)count;
}

static double time_hashing(size_t blocks, size_t count) {
  static char message[BLOCKS_MAX * BLOCK];
  unsigned char digest[HDX_SHA256_SIZE];
  double begin = bench_seconds();
  for (size_t i = 0; i < count; i++) {
    hdx_sha256((struct hdx_text){message, blocks * BLOCK - PADDING}, digest);
    message[0] = (char)digest[0];
  }
  return (bench_seconds() - begin) / (double)count;
}

static void measure(const char *name, struct hdx_text token, size_t count, size_t rounds) {
  struct job job;
  double best = 0, ceiling = 0;
  prepare(&job, token);
  make_realistic(&job);
  size_t blocks = count_blocks(&job, token);
  for (size_t round = 0; round < rounds; round++) {
    double signing = time_signing(&job, count), hashing = time_hashing(blocks, count);
    best = round == 0 || signing < best ? signing : best;
    ceiling = round == 0 || hashing < ceiling ? hashing : ceiling;
  }
  printf("{\"bench\":\"sign\",\"case\":\"%s\",\"count\":%zu,\"blocks\":%zu,\"ns_per_signature\":%.0f,"
         "\"ceiling_ns\":%.0f,\"ratio\":%.3f}\n",
         name, count, blocks, best * 1e9, ceiling * 1e9, ceiling / best);
  finish(&job);
}

static size_t number(const char *text) {
  uint64_t value = 0;
  if (!text || !hdx_text_to_u64(hdx_text_of(text), UINT32_MAX, &value) || value == 0)
    bench_fail(text ? text : "option", "expected a number");
  return (size_t)value;
}

int main(int argc, char **argv) {
  size_t count = 200000, rounds = 9;
  char token[TOKEN_BYTES];
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--count") == 0)
      count = number(argv[++i]);
    else if (strcmp(argv[i], "--rounds") == 0)
      rounds = number(argv[++i]);
    else
      bench_fail(argv[i], "no such option");
  }
  memset(token, 't', sizeof token);
  check_example();
  measure("headers", HDX_TEXT(""), count, rounds);
  measure("headers and token", (struct hdx_text){token, sizeof token}, count, rounds);
  return 0;
}
