/* A store within the store, for as long as a process needs it. Its lock tells whether that process lives: what dead
 * ones left is removed by the next that comes. */
#include "base/error.h"
#include "base/file.h"
#include "snapshot/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char prefix[] = ".scratch-";

/* Removes all that a store wrote below its root, and the root. Its lock is held, or nobody's. */
static void remove_store(struct hdx_store *store) {
  uint64_t removed;
  hdx_store_remove_files(store, HDX_TEXT(""), HDX_TEXT(""), &removed, NULL);
  rmdir(store->root);
}

static void remove_if_dead(const struct hdx_store *store, const char *name) {
  struct hdx_store left = {NULL};
  struct hdx_store_lock lock;
  if (asprintf(&left.root, "%s/%s", store->root, name) < 0)
    return;
  if (hdx_store_lock(&left, HDX_TEXT(""), &lock, NULL) == HDX_OK) {
    hdx_store_unlock(&lock);
    remove_store(&left);
  }
  hdx_store_deinit(&left);
}

static void sweep(const struct hdx_store *store) {
  DIR *list = opendir(store->root);
  for (struct dirent *entry; list && (entry = readdir(list));)
    if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0)
      remove_if_dead(store, entry->d_name);
  if (list)
    closedir(list);
}

enum hdx_status hdx_store_scratch_init(struct hdx_scratch *scratch, const struct hdx_store *store,
                                       struct hdx_error *error) {
  *scratch = (struct hdx_scratch){.lock = {-1}};
  enum hdx_status status = hdx_file_make_folders(store->root, true, error);
  if (status != HDX_OK)
    return status;
  sweep(store);
  if (asprintf(&scratch->store.root, "%s/%sXXXXXX", store->root, prefix) < 0) {
    scratch->store.root = NULL;
    return hdx_error_memory(error, strlen(store->root));
  }
  if (!mkdtemp(scratch->store.root)) {
    status = hdx_error_errno(error, scratch->store.root, "cannot be made", errno);
    hdx_store_deinit(&scratch->store);
    return status;
  }
  status = hdx_store_lock(&scratch->store, HDX_TEXT(""), &scratch->lock, error);
  if (status != HDX_OK)
    hdx_store_scratch_deinit(scratch);
  return status;
}

void hdx_store_scratch_deinit(struct hdx_scratch *scratch) {
  if (!scratch->store.root)
    return;
  hdx_store_unlock(&scratch->lock);
  remove_store(&scratch->store);
  hdx_store_deinit(&scratch->store);
}
