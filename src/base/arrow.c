#include "base/arrow.h"
#include "heliodex.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>

void hdx_arrow_release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; schema->children && i < schema->n_children; i++) {
    struct ArrowSchema *child = schema->children[i];
    if (child && child->release)
      child->release(child);
    free(child);
  }
  free(schema->children);
  free((void *)schema->format);
  free((void *)schema->name);
  free((void *)schema->metadata);
  schema->release = NULL;
}

void hdx_arrow_release_array(struct ArrowArray *array) {
  for (int64_t i = 0; array->children && i < array->n_children; i++) {
    struct ArrowArray *child = array->children[i];
    if (child && child->release)
      child->release(child);
    free(child);
  }
  free(array->children);
  for (int64_t i = 0; array->buffers && i < array->n_buffers; i++)
    free((void *)array->buffers[i]);
  free(array->buffers);
  array->release = NULL;
}

void hdx_arrow_release_stream(struct ArrowArrayStream *stream) {
  atomic_store_explicit((_Atomic int32_t *)stream->private_data, 1, memory_order_release);
  stream->release = NULL;
}

void hdx_arrow_end_capsule(void *capsule) {
  /* POSIX has it that what dlsym finds may be called; C does not convert it */
  union {
    void *found;
    void *(*function)(void *capsule, const char *name);
  } pointer_of = {dlsym(RTLD_DEFAULT, "PyCapsule_GetPointer")};
  struct ArrowArrayStream *stream = pointer_of.found ? pointer_of.function(capsule, "arrow_array_stream") : NULL;
  if (stream && stream->release)
    stream->release(stream);
  free(stream);
}
