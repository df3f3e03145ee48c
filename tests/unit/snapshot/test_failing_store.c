/* What the store does where memory or a call of the system fails: an error, and of a document never a part; nothing
 * that is held is left out of a list, and what was to go is gone or the failure told. */
#include "folder.h"
#include "snapshot/store.h"
#include "unit/failing.h"

#include <ftw.h>

static char root[160];

static int remove_one(const char *name, const struct stat *stat, int type, struct FTW *place) {
  (void)stat, (void)type, (void)place;
  return remove(name);
}

static size_t files;

static int count_one(const char *name, const struct stat *stat, int type, struct FTW *place) {
  (void)stat, (void)place;
  files += type == FTW_F && !strstr(name, "/.lock");
  return 0;
}

/* What a store has besides locks, and where it is to begin anew, nothing. */
static size_t count_files(bool empty) {
  faults_pause();
  files = 0;
  nftw(root, count_one, 8, FTW_PHYS);
  if (empty)
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  faults_resume();
  return files;
}

static void put_file(const char *name) {
  char file[300];
  faults_pause();
  snprintf(file, sizeof file, "%s/%s", root, name);
  FILE *out = fopen(file, "w");
  assert_non_null(out);
  fclose(out);
  faults_resume();
}

/* ---- documents ---- */

static enum hdx_status keep(const struct hdx_store *store, struct hdx_text bytes, struct hdx_error *error) {
  struct hdx_document document;
  enum hdx_status status =
      hdx_document_make(HDX_TEXT("s3://b/doc"), HDX_TEXT("\"tag\""), HDX_TEXT("date"), bytes, &document, error);
  if (status != HDX_OK)
    return status;
  status = hdx_store_save_document(store, HDX_TEXT("aws/b"), HDX_TEXT("doc"), &document, error);
  hdx_document_deinit(&document);
  return status;
}

/* OK: it is there and whole. */
static enum hdx_status load(const struct hdx_store *store, const char *bytes, struct hdx_error *error) {
  struct hdx_document document;
  enum hdx_status status = hdx_store_load_document(store, HDX_TEXT("aws/b"), HDX_TEXT("doc"), HDX_TEXT("s3://b/doc"),
                                                   1000, &document, error);
  if (status != HDX_OK)
    return status;
  assert_true(hdx_text_is(document.bytes, bytes) && hdx_text_is(document.etag, "\"tag\""));
  hdx_document_deinit(&document);
  return HDX_OK;
}

static enum hdx_status use_documents(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_store store = {NULL};
  enum hdx_status status = hdx_store_init(&store, root, error);
  if (status == HDX_OK)
    status = keep(&store, HDX_TEXT("the first"), error);
  if (status == HDX_OK)
    status = load(&store, "the first", error);
  if (status == HDX_OK) {
    status = keep(&store, HDX_TEXT("the second"), error);
    faults_pause();
    struct hdx_error none;
    if (status == HDX_OK) {
      assert_int_equal(load(&store, "the second", &none), HDX_OK);
    } else { /* the first one, or none; only where the folder was not synced perhaps the second */
      struct hdx_document document;
      enum hdx_status found = hdx_store_load_document(&store, HDX_TEXT("aws/b"), HDX_TEXT("doc"),
                                                      HDX_TEXT("s3://b/doc"), 1000, &document, &none);
      assert_true(found == HDX_NOT_FOUND || (found == HDX_OK && (hdx_text_is(document.bytes, "the first") ||
                                                                 strstr(error->message, "the folder"))));
      hdx_document_deinit(&document);
    }
    faults_resume();
  }
  hdx_store_deinit(&store);
  size_t left = count_files(true);
  assert_true(left <= 2); /* the bytes and what is known of them, and nothing temporary */
  return status;
}

static void test_30_33_documents(void **state) {
  (void)state;
  static const char *const calls[] = {"open", "mkdir", "pwrite", "fsync", "close", "rename", "read", "stat"};
  failing_memory(use_documents, NULL);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    failing_calls(calls[i], "", use_documents, NULL, HDX_IO);
}

/* ---- snapshots ---- */

static void count_path(void *user, const char *name) {
  (void)name;
  ++*(size_t *)user;
}

/* A store that holds three snapshots in two folders, and documents. */
static void fill(void) {
  static const char *const folders[] = {"aws/b", "aws/b/c"};
  struct hdx_store store;
  faults_pause();
  assert_int_equal(hdx_store_init(&store, root, NULL), HDX_OK);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(hdx_store_make(&store, hdx_text_of(folders[i]), NULL), HDX_OK);
  hdx_store_deinit(&store);
  char name[200] = "aws/b/"; /* more than fits into the first piece of memory that a path gets */
  memset(name + strlen(name), 'x', 150);
  strcat(name, ".hdx");
  put_file(name);
  put_file("aws/b/two.hdx");
  put_file("aws/b/c/one.hdx");
  put_file("aws/b/doc");
  put_file("aws/b/doc.meta");
  faults_resume();
}

static enum hdx_status use_walk(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_store store = {NULL};
  size_t count = 0;
  fill();
  enum hdx_status status = hdx_store_init(&store, root, error);
  if (status == HDX_OK)
    status = hdx_store_walk(&store, HDX_TEXT(""), count_path, &count, error);
  assert_true(status != HDX_OK || count == 3);
  hdx_store_deinit(&store);
  count_files(true);
  return status;
}

static enum hdx_status use_removal(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_store store = {NULL};
  uint64_t removed;
  fill();
  enum hdx_status status = hdx_store_init(&store, root, error);
  if (status == HDX_OK) {
    status = hdx_store_remove_files(&store, HDX_TEXT("aws/b"), HDX_TEXT("two"), &removed, error);
    assert_int_equal(removed, status == HDX_OK);
  }
  if (status == HDX_OK) {
    status = hdx_store_remove_files(&store, HDX_TEXT(""), HDX_TEXT(""), &removed, error);
    assert_true(status != HDX_OK || removed == 2);
  }
  hdx_store_deinit(&store);
  size_t left = count_files(true);
  assert_true(status != HDX_OK || left == 0);
  return status;
}

static void test_30_33_snapshots_are_listed_and_removed(void **state) {
  (void)state;
  static const char *const walked[] = {"open", "readdir", "stat"}, *const removed[] = {"open", "readdir", "unlink"};
  failing_memory(use_walk, NULL);
  failing_memory(use_removal, NULL);
  for (size_t i = 0; i < 3; i++) {
    failing_calls(walked[i], "", use_walk, NULL, HDX_IO);
    failing_calls(removed[i], "", use_removal, NULL, HDX_IO);
  }
  failing_calls("stat", "", use_removal, NULL, HDX_IO);
}

/* What others remove meanwhile is not there, and no failure. */
static void test_36_files_vanish_while_they_are_listed(void **state) {
  (void)state;
  for (unsigned n = 1, failed = 1; failed; n++) {
    char what[32];
    struct hdx_store store;
    size_t count = 0;
    fill();
    snprintf(what, sizeof what, "stat:%u:ENOENT", n);
    faults_begin(what);
    assert_int_equal(hdx_store_init(&store, root, NULL), HDX_OK);
    assert_int_equal(hdx_store_walk(&store, HDX_TEXT(""), count_path, &count, NULL), HDX_OK);
    failed = faults_end() > 0;
    assert_true(failed ? count <= 3 : count == 3);
    hdx_store_deinit(&store);
    count_files(true);
  }
}

static void test_36_files_vanish_while_they_are_removed(void **state) {
  (void)state;
  for (unsigned n = 1, failed = 1; failed; n++) {
    char what[32];
    struct hdx_store store;
    uint64_t removed;
    fill();
    snprintf(what, sizeof what, "stat:%u:ENOENT", n);
    faults_begin(what);
    assert_int_equal(hdx_store_init(&store, root, NULL), HDX_OK);
    enum hdx_status status = hdx_store_remove_files(&store, HDX_TEXT(""), HDX_TEXT(""), &removed, NULL);
    failed = faults_end() > 0;
    assert_int_equal(status, removed ? HDX_OK : HDX_NOT_FOUND);
    assert_true(failed || removed == 3);
    hdx_store_deinit(&store);
    count_files(true);
  }
}

/* ---- the place of a store ---- */

static enum hdx_status use_root(void *user, struct hdx_error *error) {
  struct hdx_store store = {NULL};
  enum hdx_status status = hdx_store_init(&store, user, error);
  if (status == HDX_OK)
    assert_true(store.root[0] == '/' && hdx_text_ends_with(hdx_text_of(store.root), HDX_TEXT("a/store")));
  hdx_store_deinit(&store);
  return status;
}

static void test_33_memory_for_a_place(void **state) {
  (void)state;
  static char relative[] = "a/store", absolute[] = "/a/store";
  failing_memory(use_root, relative);
  failing_memory(use_root, absolute);
}

/* ---- locks ---- */

/* What dead processes left is swept as far as that can be done, which is not told: whether it was. */
static bool swept;

static enum hdx_status use_locks(void *user, struct hdx_error *error) {
  (void)user;
  char dead[300];
  struct hdx_store store = {NULL};
  struct hdx_store_lock lock = {-1}, second = {-1};
  struct hdx_scratch scratch = {.lock = {-1}};
  struct hdx_error held;
  enum hdx_status status = hdx_store_init(&store, root, error);
  if (status == HDX_OK)
    status = hdx_store_make(&store, HDX_TEXT("aws/b"), error);
  if (status == HDX_OK)
    status = hdx_store_lock(&store, HDX_TEXT("aws/b"), &lock, error);
  if (status == HDX_OK)
    assert_int_not_equal(hdx_store_lock(&store, HDX_TEXT("aws/b"), &second, &held), HDX_OK);
  hdx_store_unlock(&lock);
  if (status == HDX_OK) {
    put_file("aws/.dead"); /* nobody's */
    faults_pause();
    snprintf(dead, sizeof dead, "%s/.scratch-dead", root);
    assert_int_equal(mkdir(dead, 0700), 0);
    faults_resume();
    put_file(".scratch-dead/x.hdx");
    status = hdx_store_scratch_init(&scratch, &store, error);
  }
  if (status == HDX_OK) {
    swept = access(dead, F_OK) != 0;
    assert_true(access(scratch.store.root, F_OK) == 0);
    hdx_store_scratch_deinit(&scratch);
  }
  hdx_store_deinit(&store);
  size_t left = count_files(true);
  if (status == HDX_OK)
    assert_in_range(left, 1, swept ? 1 : 2);
  return status;
}

static void test_33_36_locks(void **state) {
  (void)state;
  static const char *const calls[] = {"open", "mkdir", "flock"};
  failing_memory(use_locks, NULL);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    failing_calls(calls[i], "", use_locks, NULL, HDX_IO);
  assert_true(swept);
  failing_calls("stat", "", use_locks, NULL, HDX_IO); /* a lock file that cannot be looked at is opened anew */
  /* Who holds a lock is only told: it is one all the same. */
  faults_begin("pwrite:1:ENOSPC:on");
  assert_int_equal(use_locks(NULL, NULL), HDX_OK);
  assert_true(faults_end() > 0);
}

static int setup(void **state) {
  int failed = folder_setup(state);
  snprintf(root, sizeof root, "%s/store", folder);
  return failed;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_30_33_documents),
      cmocka_unit_test(test_30_33_snapshots_are_listed_and_removed),
      cmocka_unit_test(test_36_files_vanish_while_they_are_listed),
      cmocka_unit_test(test_36_files_vanish_while_they_are_removed),
      cmocka_unit_test(test_33_memory_for_a_place),
      cmocka_unit_test(test_33_36_locks),
  };
  return cmocka_run_group_tests(tests, setup, folder_teardown);
}
