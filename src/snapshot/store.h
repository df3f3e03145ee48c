/* The store: a directory of snapshots and of the documents (registry, catalogs) they come from.
 *
 *   STORE/<authority>/<bucket and prefix>/<id>.hdx          snapshots (folder: hdx_source.folder)
 *   STORE/<authority>/<bucket and prefix>/catalog.json      the catalog as fetched, and catalog.json.meta about it
 *   STORE/<authority>/<bucket and prefix>/.lock             held while a process indexes the bucket
 *   STORE/registry/<encoded URL>.json, .json.meta           registries as fetched
 *   STORE/.scratch-XXXXXX/                                  a store of its own, for as long as a process needs it
 *
 * Names of files are the caller's, made harmless: a slash, a NUL and a dot in front become %2F, %00 and %2E, ids are
 * percent-encoded, and what is longer than a file name may be is cut and ends with "=" and a hash of the whole.
 *
 * Every file is replaced at once (temporary file, fsync, rename, fsync of the folder). The root is made for its
 * user alone (mode 0700), as the lists of private buckets are nobody else's; who wants to share one makes it
 * beforehand, and what is in it has the modes that the umask leaves. Nothing outside the store is touched, and links
 * out of it are not followed below its root. */
#ifndef HDX_SNAPSHOT_STORE_H
#define HDX_SNAPSHOT_STORE_H

#include "base/buffer.h"

struct hdx_store {
  char *root; /* absolute, without a final slash */
};

/* `root` NULL: $XDG_CACHE_HOME/heliodex, else $HOME/.cache/heliodex (relative values of XDG_CACHE_HOME are ignored, as
 * its specification says). Makes no directory. USAGE: no place to be found. */
enum hdx_status hdx_store_init(struct hdx_store *store, const char *root, struct hdx_error *error);
void hdx_store_deinit(struct hdx_store *store);

/* Why somebody else may have written what is in the store; NULL: nobody has, or there is none yet. */
const char *hdx_store_exposure(const struct hdx_store *store);

/* Makes STORE/<folder> with all that is above it. */
enum hdx_status hdx_store_make(const struct hdx_store *store, struct hdx_text folder, struct hdx_error *error);

/* Appends the path of a file in a folder, or of a snapshot (with .hdx). */
void hdx_store_path(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                    struct hdx_buffer *path);
void hdx_store_snapshot_path(const struct hdx_store *store, struct hdx_text folder, struct hdx_text id,
                             struct hdx_buffer *path);

/* What is known of a kept document; all of it, but for the bytes, lies in NAME.meta with a hash of them, so that a pair
 * that does not belong together counts as not kept. Texts are NUL-terminated views into `memory` (the caller's buffer).
 */
struct hdx_document {
  struct hdx_text url, etag, last_modified;
  int64_t checked_at; /* when its server last confirmed it */
  struct hdx_text bytes;
  struct hdx_buffer memory;
};

/* NOT_FOUND: nothing is kept (or for another URL); LIMIT: larger than bytes_max; IO. */
enum hdx_status hdx_store_load_document(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                                        struct hdx_text url, uint64_t bytes_max, struct hdx_document *document,
                                        struct hdx_error *error);
/* Copies all texts to the document's own memory; it was checked now. MEMORY. */
enum hdx_status hdx_document_make(struct hdx_text url, struct hdx_text etag, struct hdx_text last_modified,
                                  struct hdx_text bytes, struct hdx_document *document, struct hdx_error *error);
void hdx_document_deinit(struct hdx_document *document);
/* Writes bytes and what is known of them; folder is made if need be. */
enum hdx_status hdx_store_save_document(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                                        const struct hdx_document *document, struct hdx_error *error);

struct hdx_store_lock {
  int fd;
};

/* Takes the lock of a folder that is there (flock on .lock, whose text names pid and host) without waiting. TEMPORARY:
 * another process has it; the message names it. The kernel drops the lock of a process that died. */
enum hdx_status hdx_store_lock(const struct hdx_store *store, struct hdx_text folder, struct hdx_store_lock *lock,
                               struct hdx_error *error);
void hdx_store_unlock(struct hdx_store_lock *lock);

/* A store within the store, which nothing but its maker looks into. */
struct hdx_scratch {
  struct hdx_store store;
  struct hdx_store_lock lock; /* tells that its maker lives */
};

/* Makes one, and removes those that dead processes left. IO. */
enum hdx_status hdx_store_scratch_init(struct hdx_scratch *scratch, const struct hdx_store *store,
                                       struct hdx_error *error);
/* Removes it with all that is in it. */
void hdx_store_scratch_deinit(struct hdx_scratch *scratch);

/* Removes the temporary files that dead processes left in a folder; to be called with its lock held. Gives how many. */
size_t hdx_store_sweep(const struct hdx_store *store, struct hdx_text folder);

/* Calls `visit` for every snapshot below `folder` (empty: the whole store) in the order of their paths. */
enum hdx_status hdx_store_walk(const struct hdx_store *store, struct hdx_text folder,
                               void (*visit)(void *user, const char *path), void *user, struct hdx_error *error);

/* Removes a snapshot (NOT_FOUND: none), or with an empty id the folder with its documents, or with an empty folder
 * everything that the store wrote (and nothing else). *removed is the number of snapshots. NOT_FOUND: nothing was
 * there; TEMPORARY: another process holds a folder's lock, and the folder was left alone. */
enum hdx_status hdx_store_remove_files(const struct hdx_store *store, struct hdx_text folder, struct hdx_text id,
                                       uint64_t *removed, struct hdx_error *error);

#endif
