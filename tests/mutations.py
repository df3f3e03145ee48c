#!/usr/bin/python3
"""Takes the protection against each fault out of a copy of the sources, and sees the tests of that fault fail.

    tests/mutations.py [ROW...]      all rows of the table of faults, or some: 03 15 p6

The copy and its build (release) are below build/mutants. For each row the protection is taken out, the program built
and the tests named here run, which must fail; what survives is told, and the exit status is 1. Takes half an hour.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutants"
TARGETS = ["heliodex", "hdx-faults", "hdx-session", "hdx-generate"]

# row, what is taken out, file below src/, text, text in its place, tests (file of tests/e2e, expression of pytest's -k)
MUTATIONS = [
    ("01", "the hint", "transfer/fetch.c", " (is the name right, and is there a network?)", "",
     "test_faults_network", "test_01"),
    ("02", "retries", "transfer/fetch.c", "part->attempts >= attempts_max || late", "true || late", "test_faults",
     "test_02_reset"),
    ("02", "chance in waits", "transfer/retry.c", "hdx_retry_random(random_state) % (most + 1)", "most",
     "test_faults_network", "test_02_waits"),
    ("03", "going on at byte k", "transfer/attempt.c", "part->from + part->received, part->to - 1",
     "part->from, part->to - 1", "test_faults_network", "test_03"),
    ("02", "the end of the head", "transfer/fetch.c", "code == CURLE_OK && !part->head.ended", "false",
     "test_faults_network", "test_02_what_is_no_http"),
    ("04", "the stall limit", "transfer/engine.c", "!part->paused && now - part->progress_ns > stall_ns", "false",
     "test_mirror_faults", "test_04"),
    ("05", "drips that count as silence", "transfer/attempt.c", "DRIP_BYTES_MAX = 511", "DRIP_BYTES_MAX = 0",
     "test_faults_network", "test_05_a_drip_is_ended"),
    ("06", "no second attempt", "transfer/fetch.c", "  case CURLE_PEER_FAILED_VERIFICATION:\n", "",
     "test_faults_network", "test_06 and expired and index"),
    ("07", "the end at a proxy's refusal", "transfer/fetch.c", "tunnel == 401 || tunnel == 403 || tunnel == 407",
     "false", "test_faults_network", "test_07_a_real and https"),
    ("08", "the region of an answer", "transfer/bucket.c", "status != 301 && status != 307 && status != 400",
     "true", "test_s3_amazon", "test_08_region_is_put_right"),
    ("09", "credentials after a refusal", "transfer/bucket.c", "bucket->access = HDX_ACCESS_SIGNED;",
     "bucket->access = HDX_ACCESS_ANONYMOUS;", "test_s3_amazon", "test_09_private"),
    ("10", "the renewal", "transfer/identity.c", "if (identity->renewable && !identity->renewed) {",
     "if (false && !identity->renewed) {", "test_faults_access", "test_10_files_go_on"),
    ("11", "what 404 means", "transfer/answer.c", "return HDX_NOT_FOUND;", "return HDX_INTEGRITY;",
     "test_mirror_faults", "test_11"),
    ("12", "gaps", "job/year.c", "bool missing = result->status == HDX_NOT_FOUND && !result->not_of_object;",
     "bool missing = false;", "test_refresh", "test_12_gap"),
    ("13", "416 as a change", "transfer/fetch.c", "status == 412 || status == 416", "status == 412", "test_faults",
     "test_13"),
    ("14", "the look at the entity tag", "transfer/accept.c", "} else if (has_changed(fetch, head)) {",
     "} else if (false && has_changed(fetch, head)) {", "test_faults", "test_14_other"),
    ("15", "halving", "transfer/host.c", "host->limit = host->limit > 1 ? host->limit / 2 : 1;", "",
     "test_faults_network", "test_15_p6_a_refusal"),
    ("15", "dates in Retry-After", "transfer/answer.c", "date > now ? (uint64_t)(date - now) * 1000 : 0", "now < 0",
     "test_faults", "test_15_retry_after_may_be_a_date"),
    ("16", "500 among what is retried", "transfer/retry.c", "429, 500, 502", "429, 502", "test_faults_network",
     "test_16"),
    ("16", "pages that are no progress", "transfer/attempt.c", "part->unwanted_bytes += size;",
     "part->unwanted_bytes += size, part->attempt_bytes += size;", "test_faults", "test_16_retries_are_bounded"),
    ("17", "the place of a whole object", "transfer/accept.c",
     "if (part->from + part->received > 0 || part != fetch->parts || part->sibling) {", "if (false) {",
     "test_faults", "test_17"),
    ("18", "the look at Content-Range", "transfer/accept.c",
     "!part->ranged || !head->has_range || head->range_first != part->from + part->received ||\n"
     "      head->range_last >= part->to",
     "false", "test_faults_documents", "test_18"),
    ("18", "ranges of unknown size", "transfer/accept.c", "head->range_total == HDX_SIZE_UNKNOWN) {", "false) {",
     "test_faults", "test_18_ranges_of_an_object"),
    ("19", "the end that was promised", "transfer/attempt.c", "if (size > end - part->from - part->received) {",
     "if (false) {", "test_faults_documents", "test_19_more"),
    ("18", "the rest of a range", "transfer/fetch.c",
     "part->to == UINT64_MAX || part->from + part->received == part->to", "true", "test_faults_documents",
     "test_18_ranges_that_are_shorter"),
    ("20", "the shape of a page", "parse/csv_sniff.c", "expected an index file (CSV), found %s", "found",
     "test_faults_documents", "test_20_a_page"),
    ("20", "the size of the index", "job/verify.c",
     "verify->size_stated != UINT64_MAX && size != verify->size_stated", "false", "test_faults_documents",
     "test_20_cat"),
    ("21", "the server's checksum", "job/verify.c", "if (!hdx_digest_equal(&found, &verify->served))", "if (false)",
     "test_mirror_faults", "test_21"),
    ("21", "the index's checksum", "job/verify.c", "if (!hdx_digest_equal(&found, &verify->stated))", "if (false)",
     "test_mirror_faults", "test_21"),
    ("22", "bytes as they are", "transfer/curl_begin.c", "  api->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);",
     '  api->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);\n  api->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");',
     "test_faults_documents", "test_22"),
    ("23", "endpoints that stand twice", "catalog/registry.c",
     "if (hdx_text_equal(places[i - 1].endpoint, places[i].endpoint))", "if (false)", "test_faults_documents",
     "test_23_endpoints"),
    ("24", "the limit of catalogs", "job/document.c", ".bytes_max = session->config.catalog_bytes_max",
     ".bytes_max = UINT64_MAX", "test_faults_documents", "test_24_a_catalog or test_23_a_registry_without"),
    ("25", "the limit of bad rows", "job/faults.c", "atomic_fetch_add(&run->bad_rows, 1) < most",
     "atomic_fetch_add(&run->bad_rows, 1) + 1", "test_bad_rows", "test_25"),
    ("25", "lines that end otherwise", "parse/csv_line.c", "if (cr) {", "if (false) {", "test_bad_rows",
     "test_25_lines_that_a_carriage"),
    ("26", "leap seconds", "base/time.c", "number(c, 2, 0, 60, &clock->second)",
     "number(c, 2, 0, 59, &clock->second)", "test_faults_documents", "test_25_26"),
    ("27", "the ratio of bombs", "parse/inflate.c", "made > HDX_INFLATE_SLACK_BYTES && ", "false && ",
     "test_faults_documents", "test_27"),
    ("28", "failed writes of snapshots", "base/file.c",
     'return hdx_error_errno(error, path, "cannot be written", n < 0 ? errno : ENOSPC);', "return HDX_OK;",
     "test_faults_disk", "test_28_29_30_p5 and pwrite"),
    ("28", "failed writes of output", "cli/writer.c", "writer->state = CLI_WRITER_FAILED;\n    }\n    /* A signal",
     "size = 0;\n    }\n    /* A signal", "test_faults_disk", "test_28_standard"),
    ("29", "the signal of file sizes", "job/session.c", "{SIGPIPE, SIGXFSZ}", "{SIGPIPE, SIGPIPE}", "test_store",
     "test_29_file_size_limit_of_a_process"),
    ("29", "quotas among what breaks a destination", "mirror/destination.c", " || code == EDQUOT", "",
     "test_mirror_disk", "test_28_29_30 and EDQUOT and rename"),
    ("29", "limits of file sizes", "cli/signals.c", "  signal(SIGXFSZ, SIG_IGN);", "", "test_faults_disk",
     "test_29_a_limit_of_file_sizes_is_told"),
    ("30", "a failed fsync", "base/file.c", "if (fsync(temp->fd) != 0)",
     "if (fsync(temp->fd) != 0 && fsync(temp->fd) != 0)", "test_faults_disk", "test_28_29_30_p5 and fsync"),
    ("31", "a destination that is no folder", "mirror/destination.c", "if (code == ENOTDIR)", "if (false)",
     "test_mirror_faults", "test_31"),
    ("32", "fewer connections", "transfer/engine.c", "limit.rlim_cur);\n  options->jobs = (uint32_t)most;",
     "limit.rlim_cur);", "test_faults_disk", "test_32"),
    ("30", "the look at what is to be replaced", "cli/writer.c", "if (!exists && errno != ENOENT)", "if (false)",
     "test_faults_disk", "test_30_an_output_that_cannot_be_looked_at"),
    ("30", "the failure of bad rows that were not told", "job/faults.c",
     "    hdx_index_failed(run, status, error.message);\n", "", "test_faults_query", "test_28_30_bad_rows"),
    ("p1", "the look at the length of a partial file", "job/mirror_write.c", "(uint64_t)info.st_size > file->begun_size",
     "false", "test_mirror_midway", "test_p1_a_partial_file"),
    ("35", "quiet where a verb has ended by itself", "cli/cli.c",
     "if (status == HDX_INTERRUPTED && !cli_signals_pending())", "if (false)", "test_faults_output",
     "test_35_40 or test_28_many"),
    ("33", "the look at what was allocated", "base/buffer.c", "    if (!data) {", "    if (false) {", "test_torture",
     "test_33_memory"),
    ("34", "files of the dead", "base/file.c", "flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat", "false && unlinkat",
     "test_index_kill", "test_34"),
    ("35", "handlers", "cli/signals.c", "{SIGINT, SIGTERM, SIGHUP}", "{SIGUSR1, SIGUSR1, SIGUSR1}",
     "test_faults_disk", "test_35"),
    ("36", "the lock of the store", "snapshot/store.c", "if (flock(fd, LOCK_EX | LOCK_NB) != 0) {", "if (false) {",
     "test_faults_disk", "test_36"),
    ("37", "the hash of a block", "snapshot/unblock.c", "hdx_hash(bytes, zone->length) != zone->hash", "false",
     "test_store", "test_37"),
    ("38", "the escape of ..", "mirror/path.c", 'hdx_text_is(text, "..")', "false", "test_mirror_safety",
     "test_38"),
    ("39", "the server's date", "transfer/identity.c", "  identity->skew_ns = off;", "", "test_faults_access",
     "test_39"),
    ("40", "waiting for an output that does not block", "cli/writer.c",
     "return poll(&entry, 1, -1) >= 0 || errno == EINTR;", "return entry.fd < 0;", "test_cli", "test_40_standard_output"),
    ("40", "patience with oneself", "transfer/engine.c", "!part->paused && now - part->progress_ns > stall_ns",
     "now - part->progress_ns > stall_ns", "test_cat", "test_40_p4"),
    ("40", "a reader that goes", "cli/writer.c", "} else if (code == EPIPE) {", "} else if (false) {", "test_cat",
     "test_35_40"),
    ("41", "link-local addresses", "transfer/redirect.c", "!hdx_url_link_local(to_url.host) &&", "",
     "test_s3_amazon", "test_41_unsigned_redirect_to"),
    ("41", "signed requests that stay", "transfer/redirect.c", "if (part->generation) {", "if (false) {",
     "test_s3_amazon", "test_41_signed"),
    ("p1", "outputs that are whole or not there", "cli/writer.c", "if (!keep || writer->state != CLI_WRITER_GOOD) {",
     "if (false) {", "test_cat", "test_p1"),
    ("p2", "the line of what failed", "cli/report.c", "  if (report->lines.data)\n    put_file(",
     "  if (report->lines.data && !item->failed)\n    put_file(", "test_promises", "test_p2_every_file"),
    ("p2", "reports that are not written beside what has failed", "cli/report.c", "} else if (closed != HDX_OK) {",
     "} else if (false) {", "test_faults_disk", "test_28_p2"),
    ("p2", "snapshots that cannot be compared", "job/compare.c", "  else if (status != HDX_OK)\n    tell(",
     "  else if (false)\n    tell(", "test_snapshot", "test_37_p2"),
    ("p3", "the word of what is complete", "job/mirror_commit.c", "    status = note(run, file, &error);",
     "    (void)note;", "test_mirror", "test_p3"),
    ("p3", "the look at what is gone on with", "job/mirror_write.c", "crc32c == extent->crc32c)", "true)",
     "test_mirror_care", "test_p3_what_a_power_cut"),
    ("p3", "the place that is cleared before the journal speaks of it", "job/mirror_commit.c",
     "if (!file->there || file->there_size", "if (true || file->there_size", "test_mirror_disk", "test_30_p3"),
    ("p3", "the version of the rows that are held", "job/states.c", "state->state = HDX_YEAR_STALE;",
     "state->state = HDX_YEAR_STALE, state->etag = year->etag ? year->etag : \"\";", "test_refresh",
     "test_p3_what_was_not"),
    ("p4", "rows that are written when there are many", "job/scan.c", "crowded(year->dataset->run) ?", "false ?",
     "test_ceilings", "test_p4_25_hostile"),
    ("p4", "the memory that is shared", "job/session.c", "uint64_t bytes = session->config.memory_bytes, taken",
     "uint64_t bytes = UINT64_C(1) << 40, taken", "test_ceilings", "test_p4_25"),
    ("p4", "the budget of files that are fetched ahead", "job/stream.c", "session->config.memory_bytes / 2;",
     "UINT64_C(1) << 40;", "test_cat", "test_40_p4"),
    ("p4", "the room of lists", "job/discover.c",
     "run->names_bytes + bytes > run->session->config.memory_bytes / NAMES_SHARE", "false", "test_s3_lists_hostile",
     "test_p4_memory"),
    ("p5", "the hash of the footer", "snapshot/footer_read.c", "hdx_hash_parts(parts, 2) !=", "false &&",
     "test_store", "test_37_p5"),
    ("p5", "the sync before the name", "base/file.c", "    statuses[i] = sync_and_close(&temps[i], &errors[i]);",
     "    statuses[i] = rename(temps[i].path, temps[i].target) == 0 ? sync_and_close(&temps[i], &errors[i]) : HDX_IO;",
     "test_faults_disk", "test_30_p5"),
    ("p5", "the old one until the new one has its name", "base/file.c", "if (rename(temp->path, temp->target) != 0)",
     "if (unlink(temp->target), rename(temp->path, temp->target) != 0)", "test_faults_disk",
     "test_28_29_30_p5 and rename"),
    ("p5", "the name of its own while it is written", "base/file.c", "    temp->path = temp_path(target);",
     "    unlink(target);\n    temp->path = hdx_text_dup(hdx_text_of(target));", "test_snapshot", "test_p5"),
    ("p4", "pieces of blocks that overlap", "snapshot/merge.c", "return bytes > most;", "return false;",
     "test_ceilings", "test_p4_p9_a_large"),
    ("p4", "the bound of cursors that stay open", "job/query_rows.c",
     "return part->query->cursor_bytes <= hdx_query_memory(part->query);", "return true;", "test_ceilings",
     "test_p4_p9_many"),
    ("p4", "the bound of datasets at once", "job/query_open.c",
     "count <= query->session->config.memory_bytes / bytes", "true", "test_ceilings", "test_p4_more_datasets"),
    ("p4", "the bound of files that wait for the disk", "job/mirror.c", "run->ready_count >= READY_MAX", "false",
     "test_faults_moments", "test_p4_files_that_wait"),
    ("p4", "what indexing took, given back", "job/compare.c", "    malloc_trim(0);", "", "test_ceilings",
     "test_p4_p9_many_columns"),
    ("p9", "rows of one instant that were handed out", "job/query_rows.c", "part->to_skip = part->skipped;",
     "part->to_skip = part->skipped + 1;", "test_ceilings", "test_p4_p9_rows_of_one_instant"),
    ("p6", "the bound of connections", "transfer/host.c", "host->limit_max = limit_max;",
     "host->limit_max = 4 * limit_max;", "test_faults_network", "test_p6"),
    ("p7", "the rule of overlap", "snapshot/match.c", "stops.least = range->start;",
     "stops.least = range->start + 1;", "test_index_query", "test_p7_random"),
    ("p8", "links that are not followed", "mirror/folders.c",
     ".resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS", ".resolve = 0", "test_mirror_safety",
     "test_38_p8"),
    ("p8", "the last link that is not followed", "mirror/folders.c", " | O_CLOEXEC | O_NOFOLLOW }", " | O_CLOEXEC }",
     "test_mirror_safety", "test_38_p8"),
    ("p8", "the escape of .. in archives", "mirror/path.c", 'hdx_text_is(text, "..")', "false", "test_tar",
     "test_38_p8"),
    ("p8", "what an id may be", "catalog/dataset.c", "c != '-' && c != '_')",
     "c != '-' && c != '_' && c != '.' && c != '/')", "test_index_cache", "test_38_p8"),
    ("p8", "locks with another name", "snapshot/store.c", "S_ISREG(mine.st_mode) && mine.st_nlink == 1 &&", "",
     "test_security", "test_36_p8"),
    ("p8", "locks of destinations with another name", "mirror/destination.c", " || info.st_nlink != 1)", ")",
     "test_security", "test_36_p8"),
    ("p9", "the order of equal rows of datasets", "job/query_rows.c", "order = order ? order : a < b ? -1 : 1;",
     "order = order ? order : uv_hrtime() & 32 ? -1 : 1;", "test_promises", "test_p9_rows"),
    ("p9", "the order of equal rows of years", "catalog/rows.c",
     "return order ? order : (rows->year[a] > rows->year[b]) - (rows->year[a] < rows->year[b]);", "return order;",
     "test_snapshot", "test_p9"),
    ("p9", "the order of snapshots", "snapshot/store.c", "  qsort(list, count, sizeof *list, by_path);\n", "",
     "test_promises", "test_p9_datasets"),
    ("p9", "times of members that are those of the files", "cli/tar.c", "sizeof head.mtime, seconds);",
     "sizeof head.mtime, seconds + (uint64_t)getpid());", "test_tar", "test_p9"),
    ("p10", "secrets that a server sends back", "transfer/answer.c",
     "!hdx_identity_betrayed(identity, answer->message, sizeof answer->message)", "true", "test_s3_signing", "test_p10"),
    ("15", "why there is no other attempt", "transfer/fetch.c",
     "    describe_last(part, attempts_max, after_ms, message, text);", '    snprintf(text, sizeof text, "%s", message);',
     "test_faults", "test_15_a_wait"),
    ("23", "damage that is no misuse", "job/registry.c", "if (status != HDX_USAGE)", "if (true)", "test_discovery",
     "test_23_what_is_wrong"),
    ("33", "stacks of their own", "transfer/loop.c", ".flags = UV_THREAD_HAS_STACK_SIZE", ".flags = UV_THREAD_NO_FLAGS",
     "test_faults_output", "test_33_a_small"),
]


def run(*command, **options):
    return subprocess.run([str(each) for each in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", **options)


def prepare():
    """A copy of what git knows, as it is now."""
    names = set(filter(None, run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")))
    for old in (WORK / "tree" / "src").rglob("*"):
        if old.is_file() and str(old.relative_to(WORK / "tree")) not in names:
            old.unlink()  # it would be built
    for name in sorted(names):
        source, target = ROOT / name, WORK / "tree" / name
        if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    done = run("cmake", "--preset", "release", "-DHDX_WERROR=OFF", cwd=WORK / "tree")
    if done.returncode or build():
        sys.exit("the unchanged sources are not built: " + done.stderr)


def build():
    done = run("cmake", "--build", "--preset", "release", "--target", *TARGETS, cwd=WORK / "tree")
    return done.returncode and done.stdout[-2000:]


def fails(file, expression):
    """Whether the tests fail on the program that was built."""
    environment = {**os.environ, "HDX_BUILD": str(WORK / "tree" / "build" / "release"), "HELIODEX_TEST_KILLS": "20"}
    done = run("/usr/bin/python3", "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"{file}.py", "-k",
               expression, cwd=ROOT / "tests" / "e2e", env=environment)
    return {0: "survived", 1: "failed"}.get(done.returncode, "no such test")


def mutate(row, what, file, text, instead, tests, expression):
    path = WORK / "tree" / "src" / file
    source = path.read_text()
    if source.count(text) != 1:
        return "cannot be taken out: the source has changed"
    path.write_text(source.replace(text, instead))
    try:
        return "is not built" if build() else fails(tests, expression)
    finally:
        path.write_text(source)


def main(rows):
    prepare()
    survived = 0
    for row, what, *rest in MUTATIONS:
        if not rows or row in rows:
            result = mutate(row, what, *rest)
            survived += result != "failed"
            print(f"{row:>3}  {what}: {result}", flush=True)
    sys.exit(survived > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
