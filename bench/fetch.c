/* hdx-fetch: fetches the URLs on standard input with the engine and throws their bytes away.
 *
 * What the engine alone can do, beside a downloader in the same run: hdx-fetch [JOBS [PART_BYTES]] < URLS. */
#include "transfer/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
  struct hdx_engine *engine;
  uint64_t bytes, left, failed;
};

static void on_block(void *user, struct hdx_block *block) {
  struct run *run = user;
  run->bytes += block->size;
  hdx_engine_release(run->engine, block);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct run *run = user;
  if (result->status != HDX_OK && run->failed++ == 0)
    fprintf(stderr, "%s\n", result->message);
  run->left--;
}

int main(int argc, char **argv) {
  struct hdx_engine_options options = {.jobs = argc > 1 ? (uint32_t)atoi(argv[1]) : 256,
                                       .part_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 8 << 20,
                                       .memory_bytes = 256 << 20,
                                       .retries = 3,
                                       .retry_ms_max = 60000,
                                       .stall_ms_max = 30000,
                                       .connect_ms_max = 15000};
  struct run run = {0};
  struct hdx_error error;
  options.connections_per_host = options.jobs;
  if (hdx_engine_open(&options, &run.engine, &error) != HDX_OK) {
    fprintf(stderr, "hdx-fetch: %s\n", error.message);
    return 1;
  }
  char line[4096];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    struct hdx_fetch_request request = {
        .url = line, .bytes_max = UINT64_MAX, .block = on_block, .done = on_done, .user = &run};
    if (hdx_fetch(run.engine, &request, &error) != HDX_OK) {
      fprintf(stderr, "hdx-fetch: %s\n", error.message);
      return 1;
    }
    run.left++;
  }
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
  return run.failed > 0;
}
