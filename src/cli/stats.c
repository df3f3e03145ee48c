#include "cli/stats.h"

#include <inttypes.h>
#include <time.h>

static void put_member(struct cli_writer *out, const char *name, uint64_t value) {
  cli_writer_format(out, ",\"%s\":%" PRIu64, name, value);
}

static void put_latency(struct cli_writer *out, const char *name, const struct hdx_latency *latency) {
  cli_writer_format(out, ",\"%s\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f}", name, latency->p50, latency->p90,
                    latency->p99);
}

static void put_hosts(struct cli_writer *out, const struct hdx_stats *stats) {
  cli_writer_string(out, ",\"hosts\":[");
  for (size_t i = 0; i < stats->host_count; i++) {
    const struct hdx_host_stats *host = &stats->hosts[i];
    cli_writer_string(out, i ? ",\n  {\"host\":" : "\n  {\"host\":");
    cli_writer_json(out, cli_text(host->host));
    put_member(out, "requests", host->requests);
    put_member(out, "connections", host->connections);
    put_member(out, "bytes", host->bytes);
    put_member(out, "retries", host->retries);
    put_latency(out, "first_byte_ms", &host->first_byte);
    put_latency(out, "total_ms", &host->total);
    cli_writer_byte(out, '}');
  }
  cli_writer_byte(out, ']');
}

static void put_summary(struct cli_writer *out, const struct hdx_index_summary *s) {
  cli_writer_format(out, ",\"index\":{\"datasets\":%" PRIu64, s->datasets);
  put_member(out, "datasets_failed", s->datasets_failed);
  put_member(out, "files", s->files);
  put_member(out, "files_fetched", s->files_fetched);
  put_member(out, "files_unchanged", s->files_unchanged);
  put_member(out, "files_failed", s->files_failed);
  put_member(out, "gaps", s->gaps);
  put_member(out, "vanished", s->vanished);
  put_member(out, "rows", s->rows);
  put_member(out, "rows_fetched", s->rows_fetched);
  put_member(out, "rows_bad", s->rows_bad);
  put_member(out, "repairs", s->repairs);
  put_member(out, "duplicates", s->duplicates);
  put_member(out, "files_unsorted", s->files_unsorted);
  put_member(out, "stale", s->stale);
  put_member(out, "bytes", s->bytes);
  put_member(out, "snapshot_bytes", s->snapshot_bytes);
  put_member(out, "warnings", s->warnings);
  cli_writer_format(out, ",\"elapsed_s\":%.6f}", (double)s->elapsed_ns / 1e9);
}

void cli_stats_write(struct cli *cli, enum hdx_status run_status, int exit_status) {
  struct cli_writer *out = &cli->stats;
  struct timespec now;
  struct hdx_stats stats = {0};
  hdx_session_stats(cli->session, &stats);
  clock_gettime(CLOCK_MONOTONIC, &now);
  double elapsed = (double)(now.tv_sec - cli->began.tv_sec) + (double)(now.tv_nsec - cli->began.tv_nsec) / 1e9;
  cli_writer_format(out, "{\"verb\":\"%s\",\"status\":\"%s\",\"exit\":%d,\"elapsed_s\":%.6f", cli->args.verb->name,
                    hdx_status_name(run_status), exit_status, elapsed);
  put_member(out, "requests", stats.requests);
  put_member(out, "connections", stats.connections);
  put_member(out, "connections_reused", stats.connections_reused);
  put_member(out, "bytes", stats.bytes);
  cli_writer_format(out, ",\"bytes_per_s\":%.0f", elapsed > 0 ? (double)stats.bytes / elapsed : 0.0);
  put_member(out, "retries", stats.retries);
  put_member(out, "throttled", stats.throttled);
  if (cli->indexed)
    put_summary(out, &cli->summary);
  put_hosts(out, &stats);
  cli_writer_string(out, "}\n");
}
