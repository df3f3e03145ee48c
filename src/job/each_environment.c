#include "job/each_environment.h"

#include "base/time.h"
#include "job/files.h"

#include <stdlib.h>

#define PREFIX "HELIODEX_FILE_"

static bool ours(const char *variable) {
  return strncmp(variable, PREFIX, strlen(PREFIX)) == 0;
}

/* A variable, ended by a NUL. What is not known is left out, and so is what no variable can hold. */
static void put(struct hdx_buffer *texts, size_t *count, const char *name, struct hdx_text value) {
  if (!value.size || memchr(value.data, 0, value.size))
    return;
  hdx_buffer_append_format(texts, PREFIX "%s=", name);
  hdx_buffer_append_text(texts, value);
  hdx_buffer_append_byte(texts, 0);
  ++*count;
}

static void put_number(struct hdx_buffer *texts, size_t *count, const char *name, uint64_t number) {
  char text[24];
  int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  put(texts, count, name, (struct hdx_text){text, (size_t)size});
}

static void put_time(struct hdx_buffer *texts, size_t *count, const char *name, int64_t time_ns) {
  char text[HDX_TIME_TEXT_MAX];
  if (time_ns != HDX_TIME_NONE && time_ns != HDX_TIME_STATIC && time_ns != HDX_TIME_MAX)
    put(texts, count, name, (struct hdx_text){text, hdx_time_format(time_ns, hdx_time_digits(time_ns), text)});
}

static void put_file(struct hdx_buffer *texts, size_t *count, const struct hdx_file *file) {
  struct hdx_text bucket, key = {"", 0};
  struct hdx_buffer decoded;
  hdx_buffer_init(&decoded, SIZE_MAX);
  put(texts, count, "ID", file->id);
  put(texts, count, "LOCATION", file->location);
  if (hdx_file_names(file->location, &decoded, &bucket, &key, NULL) == HDX_OK && key.size) {
    const char *slash = memrchr(key.data, '/', key.size);
    size_t name = slash ? (size_t)(slash + 1 - key.data) : 0;
    put(texts, count, "KEY", key);
    put(texts, count, "NAME", hdx_text_sub(key, name, key.size));
  }
  hdx_buffer_deinit(&decoded);
  put_time(texts, count, "START", file->start);
  put_time(texts, count, "STOP", file->stop);
}

char **hdx_each_environment(char *const *base, const struct hdx_file *file, uint64_t number, uint64_t size) {
  struct hdx_buffer texts;
  size_t count = 0, base_count = 0, at = 0;
  char **environment = NULL;
  hdx_buffer_init(&texts, SIZE_MAX);
  put_file(&texts, &count, file);
  put_number(&texts, &count, "SIZE", size);
  put_number(&texts, &count, "NUMBER", number);
  while (base[base_count])
    base_count++;
  if (texts.status == HDX_OK)
    environment = malloc((base_count + count + 1) * sizeof *environment + texts.size);
  if (environment) {
    char *to = (char *)(environment + base_count + count + 1);
    memcpy(to, texts.data, texts.size);
    for (size_t i = 0; i < base_count; i++)
      if (!ours(base[i]))
        environment[at++] = base[i];
    for (; count; count--, to += strlen(to) + 1)
      environment[at++] = to;
    environment[at] = NULL;
  }
  hdx_buffer_deinit(&texts);
  return environment;
}
