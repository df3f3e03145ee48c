/* layer: mirror */
/* Lists of any locations and paths: each file has a path of its own, and none is called as the folder of another. What
 * was set apart is the path that was asked for, but for what sets it apart. The same list gives the same paths,
 * whatever the seed of the table, and each file keeps its own when the list comes again in another order.
 *
 * All is compared with a plain list of who has which path. The input's first byte: whether letter cases are told apart.
 * Then files, each ended by 0xff: a byte that names the location, and the path. */
#include "../unit/mirror/path_rules.h"
#include "mirror/claims.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES_MAX = 48, BYTES_MAX = 12000 };

/* A file of the list, and what became of it. */
struct file {
  struct hdx_text location, wanted;
  char path[HDX_PATH_BYTES_MAX + 1];
  enum hdx_claim claim;
  enum hdx_status status;
  bool asked; /* since the claims were begun anew */
};

static struct file files[FILES_MAX];
static size_t file_count;
static bool fold;

/* ---- the plain list ---- */

static bool same(struct hdx_text a, struct hdx_text b) {
  return fold ? hdx_text_equal_nocase(a, b) : hdx_text_equal(a, b);
}

/* Whether the path `below` lies in a folder that is called `path`. */
static bool is_above(struct hdx_text path, struct hdx_text below) {
  return below.size > path.size && below.data[path.size] == '/' && same(hdx_text_sub(below, 0, path.size), path);
}

/* The file that got the path first; NULL: none of the first `count` has it. */
static struct file *owner_of(struct hdx_text path, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (files[i].status == HDX_OK && files[i].claim == HDX_CLAIM_NEW && same(hdx_text_of(files[i].path), path))
      return &files[i];
  return NULL;
}

/* Without what sets apart: "%=" at the ends of components, and "%+/" within names that became too long for it. */
static void undo(struct hdx_text path, struct hdx_buffer *out) {
  for (size_t i = 0; i < path.size; i++) {
    if (path.size - i >= 3 && memcmp(path.data + i, "%+/", 3) == 0)
      i += 2;
    else
      hdx_buffer_append_byte(out, path.data[i]);
    while (out->size >= 2 && memcmp(out->data + out->size - 2, "%=", 2) == 0)
      out->size -= 2;
  }
}

static bool differs_by_marks_alone(struct hdx_text one, struct hdx_text other) {
  struct hdx_buffer a, b;
  hdx_buffer_init(&a, SIZE_MAX);
  hdx_buffer_init(&b, SIZE_MAX);
  undo(one, &a);
  undo(other, &b);
  bool equal = hdx_text_equal(hdx_buffer_text(&a), hdx_buffer_text(&b));
  hdx_buffer_deinit(&a);
  hdx_buffer_deinit(&b);
  return equal;
}

/* ---- claims ---- */

static void take(struct hdx_claims *claims, struct file *file) {
  struct hdx_buffer path;
  struct hdx_error error;
  hdx_buffer_init(&path, SIZE_MAX);
  hdx_buffer_append_text(&path, file->wanted);
  file->status = hdx_claims_take(claims, file->location, &path, &file->claim, &error);
  CHECK(file->status == HDX_OK || (file->status == HDX_LIMIT && path.size > HDX_PATH_BYTES_MAX && error.message[0]));
  if (file->status == HDX_OK) {
    CHECK(path.size && path.size <= HDX_PATH_BYTES_MAX);
    memcpy(file->path, path.data, path.size);
    file->path[path.size] = 0;
  }
  hdx_buffer_deinit(&path);
}

static void check_components(struct hdx_text path) {
  for (size_t from = 0, to; from <= path.size; from = to + 1) {
    for (to = from; to < path.size && path.data[to] != '/'; to++)
      continue;
    CHECK(to > from && to - from <= HDX_NAME_BYTES_MAX);
  }
}

/* What became of file number `n`, beside those before it. */
static void check(size_t n) {
  struct file *file = &files[n];
  struct hdx_text path = hdx_text_of(file->path);
  if (file->status != HDX_OK)
    return;
  check_components(path);
  CHECK(differs_by_marks_alone(path, file->wanted));
  struct file *owner = owner_of(path, n);
  bool own = owner && hdx_text_equal(owner->location, file->location);
  CHECK(file->claim == (!owner         ? HDX_CLAIM_NEW
                        : !own         ? HDX_CLAIM_TAKEN
                        : owner->asked ? HDX_CLAIM_TWICE
                                       : HDX_CLAIM_AGAIN));
  for (size_t i = 0; i < n; i++)
    if (files[i].status == HDX_OK && files[i].claim == HDX_CLAIM_NEW)
      CHECK(!is_above(hdx_text_of(files[i].path), path) && !is_above(path, hdx_text_of(files[i].path)));
  if (!owner)
    file->asked = true;
  else if (own)
    owner->asked = true;
}

static void check_asked(const struct hdx_claims *claims) {
  for (size_t i = 0; i < file_count; i++)
    if (files[i].status == HDX_OK && files[i].claim == HDX_CLAIM_NEW)
      CHECK(hdx_claims_asked(claims, hdx_text_of(files[i].path)) == files[i].asked);
}

/* The list once more, from its end: each file where it was. */
static void take_again(struct hdx_claims *claims) {
  for (size_t i = 0; i < file_count; i++)
    files[i].asked = false;
  hdx_claims_renew(claims);
  check_asked(claims);
  for (size_t i = file_count; i-- > 0;) {
    struct file again = files[i];
    take(claims, &again);
    CHECK(again.status == files[i].status);
    if (again.status != HDX_OK)
      continue;
    struct file *owner = owner_of(hdx_text_of(again.path), file_count);
    CHECK(owner && strcmp(again.path, files[i].path) == 0);
    CHECK((again.claim == HDX_CLAIM_TAKEN) == (files[i].claim == HDX_CLAIM_TAKEN));
    if (again.claim == HDX_CLAIM_TAKEN)
      continue;
    CHECK(again.claim == (owner->asked ? HDX_CLAIM_TWICE : HDX_CLAIM_AGAIN));
    owner->asked = true;
  }
  check_asked(claims);
}

/* The same list in a table of its own, with another seed. */
static void take_elsewhere(void) {
  struct hdx_claims *claims;
  CHECK(hdx_claims_new(fold, &claims, NULL) == HDX_OK);
  for (size_t i = 0; i < file_count; i++) {
    struct file other = files[i];
    take(claims, &other);
    CHECK(other.status == files[i].status &&
          (other.status != HDX_OK || (other.claim == files[i].claim && strcmp(other.path, files[i].path) == 0)));
  }
  hdx_claims_free(claims);
}

/* ---- the input ---- */

/* What a layout makes, and a journal may hold: components that can be names, the last of which has no other part. */
static bool possible(struct hdx_text path) {
  if (path.size == 0 || hdx_text_ends_with(path, HDX_TEXT("%+")) || path.size > HDX_PATH_BYTES_MAX ||
      memchr(path.data, 0, path.size))
    return false;
  for (size_t from = 0, to; from <= path.size; from = to + 1) {
    for (to = from; to < path.size && path.data[to] != '/'; to++)
      continue;
    if (to == from || to - from > HDX_NAME_BYTES_MAX)
      return false;
  }
  return true;
}

static void read_files(struct hdx_text input) {
  file_count = 0;
  while (input.size && file_count < FILES_MAX) {
    const char *end = memchr(input.data, 0xff, input.size);
    size_t size = end ? (size_t)(end - input.data) : input.size;
    struct hdx_text path = hdx_text_sub(input, 1, size);
    if (size > 1 && possible(path))
      files[file_count++] = (struct file){.location = hdx_text_sub(input, 0, 1), .wanted = path};
    input = hdx_text_sub(input, size + (end != NULL), input.size);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_claims *claims;
  if (size == 0 || size > BYTES_MAX)
    return 0;
  fold = data[0] & 1;
  read_files((struct hdx_text){(const char *)data + 1, size - 1});
  CHECK(hdx_claims_new(fold, &claims, NULL) == HDX_OK);
  for (size_t i = 0; i < file_count; i++) {
    take(claims, &files[i]);
    check(i);
  }
  check_asked(claims);
  take_elsewhere();
  take_again(claims);
  hdx_claims_free(claims);
  return 0;
}
