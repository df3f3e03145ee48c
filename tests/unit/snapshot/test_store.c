/* The store: where it is, what names become, documents that survive and torn ones that do not, locks, walking, and
 * removing nothing but its own. */
#include "snapshot/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static struct hdx_store store;
static struct hdx_error error;

static const char *path_of(const char *below) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", root, below);
  return path;
}

static void write_file(const char *below, const char *text) {
  FILE *file = fopen(path_of(below), "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static bool exists(const char *below) {
  struct stat stat;
  return lstat(path_of(below), &stat) == 0;
}

static int setup(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/hdx-store-XXXXXX");
  return mkdtemp(root) && hdx_store_init(&store, root, &error) == HDX_OK ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  char command[128];
  hdx_store_deinit(&store);
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

static void its_place_follows_the_environment(void **state) {
  (void)state;
  struct hdx_store other;
  setenv("XDG_CACHE_HOME", "/x/cache", 1);
  setenv("HOME", "/h", 1);
  assert_int_equal(hdx_store_init(&other, NULL, &error), HDX_OK);
  assert_string_equal(other.root, "/x/cache/heliodex");
  hdx_store_deinit(&other);
  setenv("XDG_CACHE_HOME", "relative", 1);
  assert_int_equal(hdx_store_init(&other, NULL, &error), HDX_OK);
  assert_string_equal(other.root, "/h/.cache/heliodex");
  hdx_store_deinit(&other);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  assert_int_equal(hdx_store_init(&other, NULL, &error), HDX_USAGE);
  assert_int_equal(hdx_store_init(&other, "", &error), HDX_USAGE);
  assert_int_equal(hdx_store_init(&other, "/a/b///", &error), HDX_OK);
  assert_string_equal(other.root, "/a/b");
  hdx_store_deinit(&other);
  assert_int_equal(hdx_store_init(&other, "here", &error), HDX_OK);
  assert_int_equal(other.root[0], '/');
  hdx_store_deinit(&other);
  assert_int_equal(hdx_store_init(&other, "//", &error), HDX_OK);
  assert_string_equal(other.root, "/.");
  hdx_store_deinit(&other);
}

/* A folder that was removed while one is in it has no path. */
static void the_current_folder_may_be_gone(void **state) {
  (void)state;
  struct hdx_store other;
  char *here = getcwd(NULL, 0);
  assert_int_equal(mkdir(path_of("gone"), 0700), 0);
  assert_int_equal(chdir(path_of("gone")), 0);
  assert_int_equal(rmdir(path_of("gone")), 0);
  assert_int_equal(hdx_store_init(&other, "store", &error), HDX_USAGE);
  assert_string_equal(error.message, "store: the current folder cannot be told: No such file or directory");
  assert_int_equal(chdir(here), 0);
  free(here);
}

static void scratch_has_a_place_or_is_none(void **state) {
  (void)state;
  struct hdx_store nowhere;
  struct hdx_scratch scratch;
  assert_int_equal(hdx_store_init(&nowhere, "/proc/self", &error), HDX_OK); /* where nothing can be made */
  assert_int_equal(hdx_store_scratch_init(&scratch, &nowhere, &error), HDX_IO);
  assert_non_null(strstr(error.message, "/proc/self/.scratch-"));
  hdx_store_scratch_deinit(&scratch); /* nothing happens */
  hdx_store_deinit(&nowhere);
}

static void names_are_harmless(void **state) {
  (void)state;
  static const struct {
    const char *name, *want;
  } cases[] = {{"catalog.json", "catalog.json"},
               {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
               {".lock", "%2Elock"},
               {"a/b", "a%2Fb"}};
  struct hdx_buffer nul;
  hdx_buffer_init(&nul, 4096);
  hdx_store_path(&store, HDX_TEXT("f"), HDX_TEXT("a\0b"), &nul);
  assert_true(hdx_text_ends_with(hdx_buffer_text(&nul), HDX_TEXT("/f/a%00b")));
  hdx_buffer_deinit(&nul);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_buffer path;
    hdx_buffer_init(&path, 4096);
    hdx_store_path(&store, HDX_TEXT("aws/b"), hdx_text_of(cases[i].name), &path);
    char want[256];
    snprintf(want, sizeof want, "%s/aws/b/%s", root, cases[i].want);
    assert_string_equal(hdx_buffer_string(&path), want);
    hdx_buffer_deinit(&path);
  }
  char long_a[1000], long_b[1000];
  memset(long_a, 'a', sizeof long_a);
  memset(long_b, 'a', sizeof long_b);
  long_b[999] = 'b';
  struct hdx_buffer a, b;
  hdx_buffer_init(&a, 4096);
  hdx_buffer_init(&b, 4096);
  hdx_store_snapshot_path(&store, HDX_TEXT("f"), (struct hdx_text){long_a, 1000}, &a);
  hdx_store_snapshot_path(&store, HDX_TEXT("f"), (struct hdx_text){long_b, 1000}, &b);
  assert_true(a.size < 280 && a.size == b.size && memcmp(a.data, b.data, a.size) != 0);
  assert_true(hdx_text_ends_with(hdx_buffer_text(&a), HDX_TEXT(".hdx")));
  hdx_buffer_deinit(&a);
  hdx_buffer_deinit(&b);
}

static const struct hdx_text folder = {"aws/bucket", 10}, name = {"catalog.json", 12}, url = {"s3://bucket/", 12};

static void save(const char *bytes, int64_t checked_at) {
  struct hdx_document document = {.url = url,
                                  .etag = HDX_TEXT("\"tag\""),
                                  .last_modified = HDX_TEXT("Mon, 01 Jan 2024 00:00:00 GMT"),
                                  .checked_at = checked_at,
                                  .bytes = hdx_text_of(bytes)};
  assert_int_equal(hdx_store_save_document(&store, folder, name, &document, &error), HDX_OK);
}

static void a_document_has_texts_of_its_own(void **state) {
  (void)state;
  struct hdx_document document;
  char tag[] = "\"t\"", bytes[] = "{\0}";
  assert_int_equal(
      hdx_document_make(url, hdx_text_of(tag), HDX_TEXT(""), (struct hdx_text){bytes, 3}, &document, &error), HDX_OK);
  memset(tag, 'x', 3);
  memset(bytes, 'x', 3);
  assert_true(hdx_text_equal(document.url, url) && document.url.data[url.size] == 0);
  assert_string_equal(document.etag.data, "\"t\"");
  assert_string_equal(document.last_modified.data, "");
  assert_true(document.bytes.size == 3 && memcmp(document.bytes.data, "{\0}", 3) == 0);
  assert_true(document.checked_at > INT64_C(1700000000000000000));
  hdx_document_deinit(&document);
}

static void documents_come_back(void **state) {
  (void)state;
  struct hdx_document document;
  assert_int_equal(hdx_store_load_document(&store, folder, name, url, 100, &document, &error), HDX_NOT_FOUND);
  save("{\"a\": 1}", 12345);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(hdx_store_load_document(&store, folder, name, url, 100, &document, &error), HDX_OK);
    assert_true(hdx_text_is(document.bytes, round ? "" : "{\"a\": 1}"));
    assert_string_equal(document.etag.data, "\"tag\"");
    assert_string_equal(document.last_modified.data, "Mon, 01 Jan 2024 00:00:00 GMT");
    assert_string_equal(document.url.data, "s3://bucket/");
    assert_int_equal(document.bytes.data[document.bytes.size], 0);
    assert_int_equal(document.checked_at, round ? -7 : 12345);
    hdx_document_deinit(&document);
    save("", -7);
  }
  save("123456789", 1);
  assert_int_equal(hdx_store_load_document(&store, folder, name, url, 8, &document, &error), HDX_LIMIT);
  assert_int_equal(hdx_store_load_document(&store, folder, name, HDX_TEXT("s3://other/"), 100, &document, &error),
                   HDX_NOT_FOUND);
  assert_int_equal(hdx_store_load_document(&store, HDX_TEXT("../x"), name, url, 8, &document, &error), HDX_USAGE);
}

/* A value that would break its line is left out: nothing else can be read from it. */
static void values_keep_to_their_line(void **state) {
  (void)state;
  const struct hdx_document hostile = {.url = url,
                                       .etag = HDX_TEXT("\"tag\"\nlast-modified: never"),
                                       .last_modified = HDX_TEXT("\x7f"),
                                       .checked_at = 5,
                                       .bytes = HDX_TEXT("{}")};
  struct hdx_document document;
  assert_int_equal(hdx_store_save_document(&store, folder, name, &hostile, &error), HDX_OK);
  assert_int_equal(hdx_store_load_document(&store, folder, name, url, 100, &document, &error), HDX_OK);
  assert_string_equal(document.etag.data, "");
  assert_string_equal(document.last_modified.data, "");
  assert_true(hdx_text_is(document.bytes, "{}"));
  hdx_document_deinit(&document);
}

/* Whatever byte of the two files is changed or cut: the document is the old one or counts as not kept. */
static void torn_documents_are_not_kept(void **state) {
  (void)state;
  static const char *const files[] = {"aws/bucket/catalog.json", "aws/bucket/catalog.json.meta"};
  save("0123456789", 5);
  for (int f = 0; f < 2; f++) {
    char bytes[512];
    FILE *file = fopen(path_of(files[f]), "r");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof bytes);
    for (size_t i = 0; i < 2 * size; i++) {
      char changed[512];
      memcpy(changed, bytes, size);
      changed[i / 2] = (char)(changed[i / 2] ^ (i % 2 ? 0x01 : 0x80));
      file = fopen(path_of(files[f]), "w");
      fwrite(changed, 1, i % 4 == 3 ? i / 2 : size, file);
      fclose(file);
      struct hdx_document document;
      enum hdx_status status = hdx_store_load_document(&store, folder, name, url, 100, &document, &error);
      if (status == HDX_OK) {
        assert_true(f == 1 && hdx_text_is(document.bytes, "0123456789"));
        hdx_document_deinit(&document);
      } else {
        assert_int_equal(status, HDX_NOT_FOUND);
      }
    }
    file = fopen(path_of(files[f]), "w");
    fwrite(bytes, 1, size, file);
    fclose(file);
  }
  struct hdx_document document;
  assert_int_equal(hdx_store_load_document(&store, folder, name, url, 100, &document, &error), HDX_OK);
  hdx_document_deinit(&document);
}

static void one_process_at_a_time_has_the_lock(void **state) {
  (void)state;
  struct hdx_store_lock lock, second;
  assert_int_equal(hdx_store_lock(&store, folder, &lock, &error), HDX_NOT_FOUND);
  assert_int_equal(lock.fd, -1);
  assert_int_equal(hdx_store_make(&store, folder, &error), HDX_OK);
  assert_int_equal(hdx_store_lock(&store, folder, &lock, &error), HDX_OK);
  char mine[64];
  snprintf(mine, sizeof mine, "pid %ld on ", (long)getpid());
  assert_int_equal(hdx_store_lock(&store, folder, &second, &error), HDX_TEMPORARY);
  assert_non_null(strstr(error.message, mine));
  hdx_store_unlock(&second);
  hdx_store_unlock(&lock);
  /* A process that dies with the lock loses it. */
  pid_t child = fork();
  if (child == 0)
    _exit(hdx_store_lock(&store, folder, &lock, &error) == HDX_OK ? 0 : 1);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(hdx_store_lock(&store, folder, &lock, &error), HDX_OK);
  hdx_store_unlock(&lock);
}

static void temporary_files_of_the_dead_are_swept(void **state) {
  (void)state;
  assert_int_equal(hdx_store_sweep(&store, folder), 0);
  assert_int_equal(hdx_store_make(&store, folder, &error), HDX_OK);
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  waitpid(child, NULL, 0);
  char dead[128], living[128];
  snprintf(dead, sizeof dead, "aws/bucket/.x.hdx.%ld-a.tmp", (long)child);
  snprintf(living, sizeof living, "aws/bucket/.x.hdx.%ld-a.tmp", (long)getpid());
  write_file(dead, "x");
  write_file(living, "x");
  write_file("aws/bucket/.x.hdx.tmp", "x");
  assert_int_equal(hdx_store_sweep(&store, folder), 1);
  assert_false(exists(dead));
  assert_true(exists(living) && exists("aws/bucket/.x.hdx.tmp"));
}

static void collect(void *user, const char *path) {
  char *list = user;
  snprintf(list + strlen(list), 1000 - strlen(list), "%s\n", path + strlen(root));
}

static void make_store(void) {
  assert_int_equal(hdx_store_make(&store, HDX_TEXT("aws/b"), &error), HDX_OK);
  assert_int_equal(hdx_store_make(&store, HDX_TEXT("aws/a"), &error), HDX_OK);
  save("{}", 1);
  write_file("aws/b/one.hdx", "");
  write_file("aws/b/One.hdx", "");
  write_file("aws/b/.two.hdx", "");
  write_file("aws/b/notes.txt", "mine");
  write_file("aws/a/z.hdx", "");
  write_file("aws/a.hdx", "");
}

static void walking_is_in_the_order_of_paths(void **state) {
  (void)state;
  char list[1000] = "";
  assert_int_equal(hdx_store_walk(&store, HDX_TEXT(""), collect, list, &error), HDX_OK);
  assert_string_equal(list, "");
  make_store();
  assert_int_equal(symlink("/etc", path_of("aws/link")), 0);
  assert_int_equal(symlink(root, path_of("aws/b/loop")), 0);
  assert_int_equal(hdx_store_walk(&store, HDX_TEXT(""), collect, list, &error), HDX_OK);
  assert_string_equal(list, "/aws/a.hdx\n/aws/a/z.hdx\n/aws/b/One.hdx\n/aws/b/one.hdx\n");
  *list = 0;
  assert_int_equal(hdx_store_walk(&store, HDX_TEXT("aws/b"), collect, list, &error), HDX_OK);
  assert_string_equal(list, "/aws/b/One.hdx\n/aws/b/one.hdx\n");
  assert_int_equal(hdx_store_walk(&store, HDX_TEXT("aws/link"), collect, list, &error), HDX_IO);
  assert_int_equal(hdx_store_make(&store, HDX_TEXT("aws/link/x"), &error), HDX_IO);
}

static void only_its_own_files_are_removed(void **state) {
  (void)state;
  uint64_t removed = 0;
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT(""), HDX_TEXT(""), &removed, &error), HDX_NOT_FOUND);
  make_store();
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT("aws/b"), HDX_TEXT("none"), &removed, &error),
                   HDX_NOT_FOUND);
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT("aws/b"), HDX_TEXT("one"), &removed, &error), HDX_OK);
  assert_int_equal(removed, 1);
  assert_false(exists("aws/b/one.hdx"));
  assert_true(exists("aws/b/One.hdx"));
  struct hdx_store_lock lock;
  assert_int_equal(hdx_store_lock(&store, HDX_TEXT("aws/b"), &lock, &error), HDX_OK);
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT("aws/b"), HDX_TEXT(""), &removed, &error), HDX_TEMPORARY);
  assert_true(exists("aws/b/One.hdx"));
  hdx_store_unlock(&lock);
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT("aws/b"), HDX_TEXT(""), &removed, &error), HDX_OK);
  assert_int_equal(removed, 1);
  assert_true(exists("aws/b/notes.txt") && !exists("aws/b/.lock") && exists("aws/a/z.hdx"));
  assert_int_equal(hdx_store_remove_files(&store, HDX_TEXT(""), HDX_TEXT(""), &removed, &error), HDX_OK);
  assert_int_equal(removed, 2);
  assert_true(!exists("aws/a") && !exists("aws/bucket") && exists("aws/b/notes.txt"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_are_harmless, setup, teardown),
      cmocka_unit_test_setup_teardown(the_current_folder_may_be_gone, setup, teardown),
      cmocka_unit_test(scratch_has_a_place_or_is_none),
      cmocka_unit_test(a_document_has_texts_of_its_own),
      cmocka_unit_test_setup_teardown(documents_come_back, setup, teardown),
      cmocka_unit_test_setup_teardown(values_keep_to_their_line, setup, teardown),
      cmocka_unit_test_setup_teardown(torn_documents_are_not_kept, setup, teardown),
      cmocka_unit_test_setup_teardown(one_process_at_a_time_has_the_lock, setup, teardown),
      cmocka_unit_test_setup_teardown(temporary_files_of_the_dead_are_swept, setup, teardown),
      cmocka_unit_test_setup_teardown(walking_is_in_the_order_of_paths, setup, teardown),
      cmocka_unit_test_setup_teardown(only_its_own_files_are_removed, setup, teardown),
      cmocka_unit_test(its_place_follows_the_environment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
