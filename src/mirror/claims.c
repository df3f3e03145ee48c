#include "mirror/claims.h"

#include "base/error.h"
#include "codec/hash.h"
#include "mirror/layout.h"
#include "mirror/path.h"

#include <stdlib.h>

enum { SLOTS_MIN = 1024 };

/* What is told of a path beside its hash: a folder, or a file of the location with this hash. */
#define FOLDER 0u
#define OWNER_BITS (UINT64_MAX >> 1)
#define ASKED (UINT64_MAX ^ OWNER_BITS)

struct slot {
  struct hdx_hash128 path; /* all zero: the slot is empty */
  uint64_t owner;          /* FOLDER; or OWNER_BITS of the location's hash, and ASKED */
};

struct hdx_claims {
  struct slot *slots;
  size_t used, size; /* a power of two */
  uint64_t seed;
  bool fold;
  struct hdx_buffer folded; /* the path as it is hashed */
  struct hdx_buffer folder; /* of the latest path: it and all above it are folders */
};

enum hdx_status hdx_claims_new(bool fold, struct hdx_claims **claims, struct hdx_error *error) {
  struct hdx_claims *made = calloc(1, sizeof *made);
  if (made)
    made->slots = calloc(SLOTS_MIN, sizeof *made->slots);
  if (!made || !made->slots) {
    free(made);
    return hdx_error_memory(error, SLOTS_MIN * sizeof *made->slots);
  }
  made->size = SLOTS_MIN;
  made->seed = hdx_hash_seed();
  made->fold = fold;
  hdx_buffer_init(&made->folded, SIZE_MAX);
  hdx_buffer_init(&made->folder, SIZE_MAX);
  *claims = made;
  return HDX_OK;
}

void hdx_claims_free(struct hdx_claims *claims) {
  if (!claims)
    return;
  hdx_buffer_deinit(&claims->folded);
  hdx_buffer_deinit(&claims->folder);
  free(claims->slots);
  free(claims);
}

/* ---- the table ---- */

/* The path's slot, or the empty one where it would be. */
static struct slot *find(struct slot *slots, size_t size, struct hdx_hash128 path) {
  size_t at = path.low & (size - 1);
  for (;; at = (at + 1) & (size - 1)) {
    struct slot *slot = &slots[at];
    if ((slot->path.low == path.low && slot->path.high == path.high) || (slot->path.low | slot->path.high) == 0)
      return slot;
  }
}

static bool is_empty(const struct slot *slot) {
  return (slot->path.low | slot->path.high) == 0;
}

/* Makes room for `count` more. */
static enum hdx_status make_room(struct hdx_claims *claims, size_t count, struct hdx_error *error) {
  size_t size = claims->size;
  while (claims->used + count > size / 4 * 3)
    size *= 2;
  if (size == claims->size)
    return HDX_OK;
  struct slot *slots = calloc(size, sizeof *slots);
  if (!slots)
    return hdx_error_memory(error, size * sizeof *slots);
  for (size_t i = 0; i < claims->size; i++)
    if (!is_empty(&claims->slots[i]))
      *find(slots, size, claims->slots[i].path) = claims->slots[i];
  free(claims->slots);
  claims->slots = slots;
  claims->size = size;
  return HDX_OK;
}

static void put(struct hdx_claims *claims, struct hdx_hash128 path, uint64_t owner) {
  struct slot *slot = find(claims->slots, claims->size, path);
  claims->used += is_empty(slot);
  *slot = (struct slot){path, owner};
}

static struct hdx_hash128 hash_of(const struct hdx_claims *claims, const char *data, size_t size) {
  struct hdx_hash128 hash = hdx_hash128_seeded(data, size, claims->seed);
  hash.high += (hash.low | hash.high) == 0;
  return hash;
}

/* ---- paths ---- */

static void fold_ascii(char *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (data[i] >= 'A' && data[i] <= 'Z')
      data[i] = (char)(data[i] + ('a' - 'A'));
}

/* The path as it is compared; borrowed until the next call. */
static struct hdx_text compared(struct hdx_claims *claims, struct hdx_text path) {
  if (!claims->fold)
    return path;
  hdx_buffer_clear(&claims->folded);
  hdx_buffer_append_text(&claims->folded, path);
  if (claims->folded.status == HDX_OK)
    fold_ascii(claims->folded.data, claims->folded.size);
  return hdx_buffer_text(&claims->folded);
}

/* Puts "%=" behind the component of the path that ends at `end`. One that would be too long for a name becomes two. */
static void set_apart(struct hdx_buffer *path, size_t end) {
  size_t from = end;
  while (from > 0 && path->data[from - 1] != '/')
    from--;
  char ending[HDX_PATH_BYTES_MAX];
  const size_t tail = path->size - end;
  memcpy(ending, path->data + end, tail);
  path->size = end;
  if (end - from + 2 > HDX_NAME_BYTES_MAX) {
    const size_t cut = from + hdx_path_piece(hdx_text_sub(hdx_buffer_text(path), from, end));
    char rest[HDX_PATH_BYTES_MAX];
    memcpy(rest, path->data + cut, end - cut);
    path->size = cut;
    hdx_buffer_append_text(path, HDX_TEXT("%+/"));
    hdx_buffer_append(path, rest, end - cut);
  }
  hdx_buffer_append_text(path, HDX_TEXT("%="));
  hdx_buffer_append(path, ending, tail);
}

/* ---- claims ---- */

/* The end of the first folder above the path that another file is called as; 0: there is none. */
static size_t find_clash(struct hdx_claims *claims, struct hdx_text path, size_t *folders) {
  *folders = 0;
  for (size_t end = 1; end < path.size; end++)
    if (path.data[end] == '/') {
      const struct slot *slot = find(claims->slots, claims->size, hash_of(claims, path.data, end));
      if (!is_empty(slot) && slot->owner != FOLDER)
        return end;
      ++*folders;
    }
  return 0;
}

/* Has the path be the file's and all above it folders. */
static enum hdx_status settle(struct hdx_claims *claims, struct hdx_text path, size_t folders, uint64_t owner,
                              struct hdx_error *error) {
  enum hdx_status status = make_room(claims, folders + 1, error);
  if (status != HDX_OK)
    return status;
  for (size_t end = 1; folders && end < path.size; end++)
    if (path.data[end] == '/')
      put(claims, hash_of(claims, path.data, end), FOLDER);
  put(claims, hash_of(claims, path.data, path.size), owner);
  return HDX_OK;
}

/* Whether the path lies in the same folder as the one before, of which it is known that no file is called so. */
static bool in_latest_folder(const struct hdx_claims *claims, struct hdx_text path) {
  size_t size = claims->folder.size;
  return path.size > size && hdx_text_starts_with(path, hdx_buffer_text(&claims->folder)) &&
         !memchr(path.data + size, '/', path.size - size);
}

static void keep_folder(struct hdx_claims *claims, struct hdx_text path) {
  const char *slash = memrchr(path.data, '/', path.size);
  hdx_buffer_clear(&claims->folder);
  hdx_buffer_append(&claims->folder, path.data, slash ? (size_t)(slash - path.data) + 1 : 0);
  if (claims->folder.status != HDX_OK)
    hdx_buffer_clear(&claims->folder);
}

static enum hdx_status check_buffers(const struct hdx_claims *claims, const struct hdx_buffer *path,
                                     struct hdx_error *error) {
  char shown[100];
  if (path->status == HDX_OK && path->size > HDX_PATH_BYTES_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s…: the path would be longer than %d bytes",
                         hdx_text_show(hdx_buffer_text(path), shown, sizeof shown), HDX_PATH_BYTES_MAX);
  enum hdx_status status = hdx_buffer_status(path, "path", error);
  return status == HDX_OK ? hdx_buffer_status(&claims->folded, "path", error) : status;
}

/* Takes the path as it is now, or changes it and says *again. */
static enum hdx_status try_path(struct hdx_claims *claims, uint64_t owner, struct hdx_buffer *path,
                                enum hdx_claim *claim, bool *again, struct hdx_error *error) {
  struct hdx_text text = compared(claims, hdx_buffer_text(path));
  enum hdx_status status = check_buffers(claims, path, error);
  size_t folders = 0, clash = 0;
  if (status != HDX_OK)
    return status;
  if (!in_latest_folder(claims, text))
    clash = find_clash(claims, text, &folders);
  struct slot *slot = find(claims->slots, claims->size, hash_of(claims, text.data, text.size));
  bool is_folder = !is_empty(slot) && slot->owner == FOLDER;
  *again = clash || is_folder;
  if (*again) {
    set_apart(path, clash ? clash : path->size);
  } else if (is_empty(slot)) {
    *claim = HDX_CLAIM_NEW;
    status = settle(claims, text, folders, owner | ASKED, error);
    if (status == HDX_OK)
      keep_folder(claims, text);
  } else if ((slot->owner & OWNER_BITS) != owner) {
    *claim = HDX_CLAIM_TAKEN;
  } else {
    *claim = slot->owner & ASKED ? HDX_CLAIM_TWICE : HDX_CLAIM_AGAIN;
    slot->owner |= ASKED;
    keep_folder(claims, text);
  }
  return status;
}

enum hdx_status hdx_claims_take(struct hdx_claims *claims, struct hdx_text location, struct hdx_buffer *path,
                                enum hdx_claim *claim, struct hdx_error *error) {
  uint64_t owner = hdx_hash_seeded(location.data, location.size, claims->seed) & OWNER_BITS;
  enum hdx_status status;
  bool again;
  do {
    /* No location has the number of folders. */
    status = try_path(claims, owner ? owner : 1, path, claim, &again, error);
  } while (status == HDX_OK && again);
  return status;
}

void hdx_claims_renew(struct hdx_claims *claims) {
  for (size_t i = 0; i < claims->size; i++)
    claims->slots[i].owner &= OWNER_BITS;
}

bool hdx_claims_asked(const struct hdx_claims *claims, struct hdx_text path) {
  struct hdx_buffer folded;
  hdx_buffer_init(&folded, SIZE_MAX);
  if (claims->fold) {
    hdx_buffer_append_text(&folded, path);
    if (folded.status == HDX_OK)
      fold_ascii(folded.data, folded.size);
    path = hdx_buffer_text(&folded);
  }
  const struct slot *slot = find(claims->slots, claims->size, hash_of(claims, path.data, path.size));
  bool asked = !is_empty(slot) && (slot->owner & ASKED);
  hdx_buffer_deinit(&folded);
  return asked;
}
