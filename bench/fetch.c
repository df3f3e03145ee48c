/* hdx-fetch: fetches objects with the engine alone and throws their bytes away, or keeps them in a folder.
 *
 *   hdx-fetch [-j JOBS] [-p PART_BYTES] [-z SIZE] [-u] < URLS                      a URL a line
 *   hdx-fetch -b BUCKET [-e ENDPOINT] [-r REGION] [-s | -a] [-o DIR] … < KEYS      keys, each with a NUL behind it
 *
 * -s signs, with the credentials of the environment, -a only what is refused otherwise; -z says how large the objects
 * are, -u takes their blocks in any order; -o writes object n (from 0) to DIR/n. -h asks by HEAD, with checksums, and
 * writes a line of JSON for each object. What the engine can do, beside a downloader in the same run; and, for the
 * tests, whether an object comes as it is whatever its key. */
#include "transfer/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
  struct hdx_engine *engine;
  struct hdx_fetch_request like; /* what all requests have in common */
  const char *folder;
  uint64_t bytes, left, failed;
};

struct object {
  struct run *run;
  FILE *file; /* NULL: thrown away */
  uint64_t number;
};

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct object *object = user;
  if (object->run->like.head)
    printf("{\"object\":%llu,\"size\":%llu,\"etag\":%s,\"last_modified\":\"%s\",\"crc32\":\"%s\"}\n",
           (unsigned long long)object->number, (unsigned long long)head->size, head->etag[0] ? head->etag : "null",
           head->last_modified, head->checksums[HDX_CHECK_CRC32]);
}

static void on_block(void *user, struct hdx_block *block) {
  struct object *object = user;
  object->run->bytes += block->size;
  if (object->file && (fseeko(object->file, (off_t)block->offset, SEEK_SET) != 0 ||
                       fwrite(block->data, 1, block->size, object->file) != block->size))
    perror("hdx-fetch");
  hdx_engine_release(object->run->engine, block);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct object *object = user;
  struct run *run = object->run;
  if (object->file)
    fclose(object->file);
  if (result->status != HDX_OK && run->failed++ == 0)
    fprintf(stderr, "%s\n", result->message);
  run->left--;
  free(object);
}

static bool start(struct run *run, struct hdx_bucket *bucket, struct hdx_text name, uint64_t number) {
  struct hdx_error error = {.message = "out of memory"};
  struct object *object = calloc(1, sizeof *object);
  char path[4096];
  if (!object)
    return false;
  object->run = run;
  object->number = number;
  snprintf(path, sizeof path, "%s/%llu", run->folder ? run->folder : "", (unsigned long long)number);
  if (run->folder && !(object->file = fopen(path, "wb"))) {
    perror(path);
    free(object);
    return false;
  }
  struct hdx_fetch_request request = run->like;
  request.url = bucket ? "object" : name.data;
  request.bucket = bucket;
  request.key = name;
  request.user = object;
  bool begun = hdx_fetch(run->engine, &request, &error) == HDX_OK;
  if (!begun)
    fprintf(stderr, "hdx-fetch: %s\n", error.message);
  run->left += begun;
  return begun;
}

static bool start_all(struct run *run, struct hdx_bucket *bucket) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  uint64_t number = 0;
  bool good = true;
  while (good && (size = getdelim(&line, &capacity, bucket ? 0 : '\n', stdin)) > 0) {
    if (line[size - 1] == (bucket ? 0 : '\n'))
      line[--size] = 0;
    good = start(run, bucket, (struct hdx_text){line, (size_t)size}, number++);
  }
  free(line);
  return good;
}

int main(int argc, char **argv) {
  struct hdx_engine_options options = {.jobs = 256,
                                       .part_bytes = 8 << 20,
                                       .memory_bytes = 256 << 20,
                                       .retries = 3,
                                       .retry_ms_max = 60000,
                                       .stall_ms_max = 30000,
                                       .connect_ms_max = 15000,
                                       .environment = environ,
                                       .sign = HDX_SIGN_NEVER};
  struct hdx_s3_place place = {.bucket = {"", 0}, .region = {"", 0}, .endpoint = {"", 0}, .trust = HDX_S3_TRUST_FULL};
  struct hdx_bucket *bucket = NULL;
  struct run run = {.like = {.bytes_max = UINT64_MAX, .begin = on_begin, .block = on_block, .done = on_done}};
  struct hdx_error error;
  for (int option; (option = getopt(argc, argv, "j:p:b:e:r:so:az:uh")) != -1;) {
    struct hdx_text text = hdx_text_of(optarg ? optarg : "");
    switch (option) {
    case 'j':
      options.jobs = (uint32_t)atoi(text.data);
      break;
    case 'p':
      options.part_bytes = strtoull(text.data, NULL, 10);
      break;
    case 'b':
      place.bucket = text;
      break;
    case 'e':
      place.endpoint = text;
      break;
    case 'r':
      place.region = text;
      break;
    case 's':
      options.sign = HDX_SIGN_ALWAYS;
      break;
    case 'a':
      options.sign = HDX_SIGN_AUTO;
      break;
    case 'z':
      run.like.size = strtoull(text.data, NULL, 10);
      break;
    case 'u':
      run.like.scattered = true;
      break;
    case 'h':
      run.like.head = run.like.checksums = true;
      break;
    case 'o':
      run.folder = optarg;
      break;
    default:
      return 2;
    }
  }
  options.connections_per_host = options.jobs;
  enum hdx_status status = hdx_engine_open(&options, &run.engine, &error);
  if (status == HDX_OK && place.bucket.size)
    status = hdx_engine_bucket(run.engine, &place, &bucket, &error);
  if (status != HDX_OK) {
    fprintf(stderr, "hdx-fetch: %s\n", error.message);
    return 1;
  }
  bool good = start_all(&run, bucket);
  uint64_t count = run.left, begun = uv_hrtime();
  while (run.left)
    uv_run(hdx_engine_loop(run.engine), UV_RUN_ONCE);
  double seconds = (double)(uv_hrtime() - begun) / 1e9;
  struct hdx_engine_totals totals;
  hdx_engine_totals(run.engine, &totals);
  printf("{\"bench\":\"fetch\",\"files\":%llu,\"failed\":%llu,\"bytes\":%llu,\"seconds\":%.3f,\"requests\":%llu,"
         "\"connections\":%llu,\"retries\":%llu}\n",
         (unsigned long long)count, (unsigned long long)run.failed, (unsigned long long)run.bytes, seconds,
         (unsigned long long)totals.requests, (unsigned long long)totals.connections,
         (unsigned long long)totals.retries);
  hdx_engine_close(run.engine);
  return run.failed > 0 || !good;
}
