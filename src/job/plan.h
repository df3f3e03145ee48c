/* Plans: the bytes of one. NDJSON, version 1; lines end with a newline, members stand in this order:
 *
 *   {"heliodex-plan":1,"digest":"…","created":"…","shards":N,"files":…,"bytes":…,"unsized":…,"twice":…,"snapshots":S}
 *   {"snapshot":"ID","source":"URL of the bucket","digest":"…"}            S lines: of a query's datasets
 *   {"shard":K,"files":…,"bytes":…}                                        N lines, K from 1
 *   {"shard":K,"id":…,"start":…,"stop":…,"datakey":…,"filesize":…,"checksum":…,"checksum_algorithm":…}
 *                                                                          a line for each file, by shard
 *
 *   digest    of the plan: XXH3 (128 bits, 32 hexadecimal digits) of the whole file, these 32 digits being zeros. It
 *             finds accidents, not attacks. Of a snapshot: the hash of its trailer (snapshot/format.h), 16 digits.
 *   bytes     sum of the sizes that are stated (unsized: files whose size is not); at most 2^64 - 1
 *   twice     rows and lines that were left out, as their location had come before
 *   datakey   the location, always with a scheme. Members of what is not known are left out; times are ISO 8601 with as
 *             many decimals as they need, or "static". So the lines of a shard are a list that hdx_files_read takes.
 *
 * How it is cut. The files stay in the list's order. Of all bytes before a file and half of its own (its middle) the
 * share of the total tells the shard: K = 1 + floor(N * middle / total). So a shard is a run of neighbours in time and
 * mostly in folders; it has at most the N-th part of all bytes, half of its first file and half of its last one. Giving
 * each file to the shard that has least so far (longest first) would bound the largest shard no better than by an N-th
 * part and one file, and would scatter every folder over all shards and need the list sorted by size. Files without a
 * size count as the mean of the others; where all bytes are 0, each file counts 1.
 *
 *   plan.c         opening, and shards as lists
 *   plan_write.c   cutting and writing
 *   plan_merge.c   reports beside a plan */
#ifndef HDX_JOB_PLAN_H
#define HDX_JOB_PLAN_H

#include "job/files.h"

#define HDX_PLAN_BEGINNING "{\"heliodex-plan\":"
#define HDX_PLAN_VERSION 1
#define HDX_PLAN_HEAD HDX_PLAN_BEGINNING "1,\"digest\":\"" /* what stands before the digest */
enum { HDX_PLAN_SHARDS_MAX = 1000000, HDX_PLAN_DIGEST_SIZE = 32 };

/* What is known of a plan, with what it points to. */
struct hdx_plan_record {
  struct hdx_plan_info info; /* first: what callers see, and free */
  char digest[HDX_PLAN_DIGEST_SIZE + 1];
  char created[HDX_TIME_TEXT_MAX];
  struct hdx_plan_shard shards[];
};
/* Has so many shards, without files; to be freed by hdx_plan_info_free. NULL: out of memory. */
struct hdx_plan_record *hdx_plan_record_new(uint32_t shards);

struct hdx_plan {
  struct hdx_session *session;
  struct hdx_input input;
  struct hdx_plan_record *record;
  uint64_t *offsets; /* of each shard's first line, and of the end: shard_count + 1 */
  uint64_t lines;    /* before the first file's */
};

#endif
