/* A consumer of Arrow streams, written from the specifications of the Arrow C data interface and the Arrow C stream
 * interface alone. It checks every rule of theirs that it can, and tells rows as text:
 *
 *   one line for each field: format, name, flags, and the pairs of its metadata, each a token
 *   one line "batch N" for each batch, and one for each of its rows, of one token for each column
 *   "error N TEXT" where the stream ends with an error; "end" where it ends
 *
 * A token is "-" (null, or no text) or the length of a text, a colon, the text and a space. A rule that is broken ends
 * all with "broken: …". */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  struct ArrowSchema **children, *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void **buffers;
  struct ArrowArray **children, *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

/* How a consumer may treat what it gets; the same rows must come of it. */
enum { RELEASE_IN_THREAD = 1, KEEP_ALL = 2, MOVE_CHILD = 4, SCHEMA_ONLY = 8, FIRST_ONLY = 16, NO_SCHEMA = 32 };

#define ARRAYS_MAX 4096

struct consumer {
  FILE *out;
  bool broken;
  struct ArrowSchema schema;
  struct ArrowArray kept[ARRAYS_MAX];
  size_t kept_count;
};

static bool must(struct consumer *consumer, bool holds, const char *rule, ...) {
  if (holds || consumer->broken)
    return holds;
  va_list arguments;
  va_start(arguments, rule);
  fputs("broken: ", consumer->out);
  vfprintf(consumer->out, rule, arguments);
  fputc('\n', consumer->out);
  va_end(arguments);
  consumer->broken = true;
  return false;
}

static void token(struct consumer *consumer, const void *text, size_t size) {
  fprintf(consumer->out, "%zu:", size);
  fwrite(text, 1, size, consumer->out);
  fputc(' ', consumer->out);
}

static bool is_utf8(const unsigned char *text, size_t size) {
  for (size_t i = 0; i < size;) {
    unsigned char c = text[i];
    size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;
    if (more > size - i - 1)
      return false;
    for (size_t k = 1; k <= more; k++)
      if ((text[i + k] & 0xC0) != 0x80)
        return false;
    if ((c == 0xE0 && text[i + 1] < 0xA0) || (c == 0xED && text[i + 1] > 0x9F) || (c == 0xF0 && text[i + 1] < 0x90) ||
        (c == 0xF4 && text[i + 1] > 0x8F))
      return false;
    i += more + 1;
  }
  return true;
}

/* ---- the schema ---- */

static void tell_metadata(struct consumer *consumer, const char *metadata) {
  if (!metadata)
    return;
  int32_t pairs, size;
  memcpy(&pairs, metadata, 4);
  metadata += 4;
  must(consumer, pairs > 0, "metadata of %d pairs", pairs);
  for (int32_t i = 0; i < 2 * pairs && !consumer->broken; i++) {
    memcpy(&size, metadata, 4);
    if (!must(consumer, size >= 0, "a metadata text of %d bytes", size))
      return;
    must(consumer, is_utf8((const unsigned char *)metadata + 4, (size_t)size), "metadata is no UTF-8");
    token(consumer, metadata + 4, (size_t)size);
    metadata += 4 + size;
  }
}

static void check_schema(struct consumer *consumer) {
  struct ArrowSchema *schema = &consumer->schema;
  if (!must(consumer, schema->release && schema->format && !strcmp(schema->format, "+s"), "no struct"))
    return;
  must(consumer, schema->n_children >= 0 && (schema->children || !schema->n_children) && !schema->dictionary,
       "children");
  for (int64_t i = 0; i < schema->n_children && !consumer->broken; i++) {
    struct ArrowSchema *child = schema->children[i];
    if (!must(consumer, child && child->release && child->format && child->name, "field %" PRId64, i))
      return;
    must(consumer, !child->n_children && !child->dictionary, "field %s is nested", child->name);
    must(consumer, is_utf8((const unsigned char *)child->name, strlen(child->name)), "a name is no UTF-8");
    must(consumer, (child->flags & ~ARROW_FLAG_NULLABLE) == 0, "flags of %s", child->name);
    token(consumer, child->format, strlen(child->format));
    token(consumer, child->name, strlen(child->name));
    token(consumer, child->flags ? "nullable" : "never null", child->flags ? 8 : 10);
    tell_metadata(consumer, child->metadata);
    fputc('\n', consumer->out);
  }
}

/* ---- arrays ---- */

static bool is_null(const struct ArrowArray *array, int64_t row) {
  const uint8_t *valid = array->buffers[0];
  return valid && !(valid[row / 8] >> row % 8 & 1);
}

static bool is_text(const char *format) {
  return !strcmp(format, "U") || !strcmp(format, "Z");
}

static void check_texts(struct consumer *consumer, const struct ArrowArray *array, const char *name, bool utf8) {
  const int64_t *offsets = array->buffers[1];
  if (!must(consumer, offsets && offsets[0] >= 0, "offsets of %s", name))
    return;
  for (int64_t i = 0; i < array->length; i++)
    if (!must(consumer, offsets[i] <= offsets[i + 1], "offset %" PRId64 " of %s descends", i + 1, name))
      return;
  must(consumer, array->buffers[2] || offsets[array->length] == 0, "no text of %s", name);
  for (int64_t i = 0; utf8 && i < array->length; i++)
    if (!must(consumer,
              is_utf8((const unsigned char *)array->buffers[2] + offsets[i], (size_t)(offsets[i + 1] - offsets[i])),
              "text %" PRId64 " of %s is no UTF-8", i, name))
      return;
}

static void check_column(struct consumer *consumer, const struct ArrowArray *array, const struct ArrowSchema *field,
                         int64_t rows) {
  bool texts = is_text(field->format);
  must(consumer,
       texts || !strcmp(field->format, "l") || !strcmp(field->format, "g") || !strcmp(field->format, "tsn:UTC"),
       "format %s", field->format);
  must(consumer, array && array->release && array->length == rows && array->offset == 0, "length of %s", field->name);
  must(consumer, !array->n_children && !array->dictionary, "children of %s", field->name);
  if (!must(consumer, array->n_buffers == (texts ? 3 : 2) && array->buffers, "buffers of %s", field->name))
    return;
  for (int64_t i = 0; i < array->n_buffers; i++)
    must(consumer, (uintptr_t)array->buffers[i] % 64 == 0, "buffer %" PRId64 " of %s is not aligned", i, field->name);
  int64_t nulls = 0;
  for (int64_t i = 0; i < rows; i++)
    nulls += is_null(array, i);
  must(consumer, nulls == array->null_count, "%s has %" PRId64 " nulls, and says %" PRId64, field->name, nulls,
       array->null_count);
  must(consumer, nulls == 0 || field->flags & ARROW_FLAG_NULLABLE, "nulls of %s, which has none", field->name);
  if (texts)
    check_texts(consumer, array, field->name, field->format[0] == 'U');
  else
    must(consumer, array->buffers[1] || !rows, "no values of %s", field->name);
}

static void tell_value(struct consumer *consumer, const struct ArrowArray *array, const char *format, int64_t row) {
  char number[64];
  if (is_null(array, row)) {
    fputs("- ", consumer->out);
  } else if (is_text(format)) {
    const int64_t *offsets = array->buffers[1];
    token(consumer, (const char *)array->buffers[2] + offsets[row], (size_t)(offsets[row + 1] - offsets[row]));
  } else {
    int size = format[0] == 'g'
                   ? snprintf(number, sizeof number, "%.17g", ((const double *)array->buffers[1])[row])
                   : snprintf(number, sizeof number, "%" PRId64, ((const int64_t *)array->buffers[1])[row]);
    token(consumer, number, (size_t)size);
  }
}

static void check_batch(struct consumer *consumer, const struct ArrowArray *array) {
  must(consumer, array->offset == 0 && !array->dictionary && array->null_count == 0, "the batch");
  must(consumer, array->n_buffers == 1 && array->buffers && !array->buffers[0], "the batch's buffers");
  must(consumer, array->n_children == consumer->schema.n_children, "%" PRId64 " columns", array->n_children);
  for (int64_t i = 0; i < array->n_children && !consumer->broken; i++)
    check_column(consumer, array->children[i], consumer->schema.children[i], array->length);
}

static void tell_rows(struct consumer *consumer, const struct ArrowArray *array) {
  fprintf(consumer->out, "batch %" PRId64 "\n", array->length);
  for (int64_t row = 0; row < array->length && !consumer->broken; row++) {
    for (int64_t i = 0; i < array->n_children; i++)
      tell_value(consumer, array->children[i], consumer->schema.children[i]->format, row);
    fputc('\n', consumer->out);
  }
}

static void *release_array(void *array) {
  ((struct ArrowArray *)array)->release(array);
  return NULL;
}

static void let_go(struct consumer *consumer, struct ArrowArray *array, int modes) {
  if (modes & RELEASE_IN_THREAD) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, release_array, array) == 0)
      pthread_join(thread, NULL);
  } else {
    release_array(array);
  }
  must(consumer, !array->release, "a batch is not marked as released");
}

/* Takes the first column out of a batch, lets go of the batch, and reads on. */
static void move_child(struct consumer *consumer, struct ArrowArray *array, int modes) {
  if (!array->n_children)
    return;
  struct ArrowArray child = *array->children[0];
  array->children[0]->release = NULL;
  int64_t rows = array->length;
  let_go(consumer, array, modes);
  check_column(consumer, &child, consumer->schema.children[0], rows);
  let_go(consumer, &child, modes);
}

static void take_batches(struct consumer *consumer, struct ArrowArrayStream *stream, int modes) {
  while (!consumer->broken) {
    struct ArrowArray given, array;
    memset(&given, 0xA5, sizeof given); /* a producer must not read what is there */
    int code = stream->get_next(stream, &given);
    if (code) {
      const char *text = stream->get_last_error(stream);
      fprintf(consumer->out, "error %d %s\n", code, text ? text : "");
      return;
    }
    if (!given.release) {
      fputs("end\n", consumer->out);
      return;
    }
    array = given; /* moved */
    memset(&given, 0xA5, sizeof given);
    check_batch(consumer, &array);
    if (!consumer->broken)
      tell_rows(consumer, &array);
    if (modes & KEEP_ALL && consumer->kept_count < ARRAYS_MAX)
      consumer->kept[consumer->kept_count++] = array;
    else if (modes & MOVE_CHILD)
      move_child(consumer, &array, modes);
    else
      let_go(consumer, &array, modes);
    if (modes & FIRST_ONLY)
      return;
  }
}

static void consume(struct consumer *consumer, struct ArrowArrayStream *stream, int modes) {
  struct ArrowSchema given;
  memset(&given, 0xA5, sizeof given);
  int code = stream->get_schema(stream, &given);
  if (code) {
    const char *text = stream->get_last_error(stream);
    fprintf(consumer->out, "error %d %s\n", code, text ? text : "");
    return;
  }
  consumer->schema = given;
  check_schema(consumer);
  if (!(modes & SCHEMA_ONLY) && !consumer->broken)
    take_batches(consumer, stream, modes);
}

/* Takes the stream that a capsule points to; *text is what is told, of malloc, and its size is returned. */
size_t arrow_consume(struct ArrowArrayStream *capsule, int modes, char **text) {
  size_t size = 0;
  struct consumer *consumer = calloc(1, sizeof *consumer);
  struct ArrowArrayStream stream = *capsule; /* moved: the capsule's is marked as released */
  capsule->release = NULL;
  consumer->out = open_memstream(text, &size);
  must(consumer, stream.release && stream.get_schema && stream.get_next && stream.get_last_error, "the stream");
  if (!(modes & NO_SCHEMA))
    consume(consumer, &stream, modes);
  stream.release(&stream);
  must(consumer, !stream.release, "the stream is not marked as released");
  for (size_t i = 0; i < consumer->kept_count; i++) {
    check_batch(consumer, &consumer->kept[i]); /* what was given lives longer than the stream */
    let_go(consumer, &consumer->kept[i], modes);
  }
  if (consumer->schema.release) {
    consumer->schema.release(&consumer->schema);
    must(consumer, !consumer->schema.release, "the schema is not marked as released");
  }
  fclose(consumer->out);
  free(consumer);
  return size;
}

/* Lets go of a stream while an exception is on its way, as a consumer that failed does; to be called with the GIL. */
extern void PyErr_SetString(void *type, const char *text) __attribute__((weak));
extern void *PyExc_ValueError __attribute__((weak));

void *arrow_fail(struct ArrowArrayStream *capsule) {
  struct ArrowArrayStream stream = *capsule;
  struct ArrowSchema schema;
  struct ArrowArray array = {0};
  capsule->release = NULL;
  stream.get_schema(&stream, &schema);
  stream.get_next(&stream, &array);
  PyErr_SetString(PyExc_ValueError, "the consumer's own");
  if (array.release)
    array.release(&array);
  schema.release(&schema);
  stream.release(&stream);
  return NULL;
}

/* Keeps a stream's first batch, which is let go of when the process ends: after the interpreter has. */
static struct ArrowArray last_array;
static struct ArrowSchema last_schema;
static struct ArrowArrayStream last_stream;

static void at_exit(void) {
  last_array.release(&last_array);
  last_schema.release(&last_schema);
  last_stream.release(&last_stream);
  puts("released at exit");
}

int arrow_keep(struct ArrowArrayStream *capsule) {
  last_stream = *capsule;
  capsule->release = NULL;
  if (last_stream.get_schema(&last_stream, &last_schema) || last_stream.get_next(&last_stream, &last_array) ||
      !last_array.release)
    return 1;
  return atexit(at_exit);
}
