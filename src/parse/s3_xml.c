/* Two layers: a reader that follows a document from place to place by expat's events and gathers texts, and on top of
 * it what errors and pages make of the places that end. */
#include "parse/s3_xml.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/library.h"
#include "base/time.h"
#include "base/url.h"

#include <expat.h>
#include <pthread.h>
#include <stdio.h>

/* What is used of expat, without XML_. */
#define EXPAT_MAP(X)                                                                                                   \
  X(ParserCreate)                                                                                                      \
  X(ParserFree)                                                                                                        \
  X(SetUserData)                                                                                                       \
  X(SetElementHandler)                                                                                                 \
  X(SetCharacterDataHandler)                                                                                           \
  X(SetStartDoctypeDeclHandler)                                                                                        \
  X(Parse)                                                                                                             \
  X(StopParser)                                                                                                        \
  X(GetErrorCode)                                                                                                      \
  X(GetCurrentLineNumber)                                                                                              \
  X(ErrorString)

/* Pointers to functions as the header declares them. */
static struct {
#define X(name) __typeof__(&XML_##name) name; /* NOLINT(bugprone-macro-parentheses) */
  EXPAT_MAP(X)
#undef X
} expat;

#define X(name) "XML_" #name,
static const char *const symbols[] = {EXPAT_MAP(X)};
#undef X
#define X(name) &expat.name,
static void *const functions[] = {EXPAT_MAP(X)};
#undef X
static struct hdx_library library = HDX_LIBRARY("libexpat.so.1", symbols, functions);

/* ---------------------------------------------------------------------------------------------------------- reader */

enum {
  DEPTH_MAX = 32,
  TEXT_BYTES_MAX = HDX_S3_TOKEN_BYTES_MAX - 1, /* holds a key with each of its bytes percent-encoded */
  ETAG_BYTES_MAX = 256,
  NAME_SHOWN_MAX = 64,
  ERROR_DOCUMENT_BYTES_MAX = 1 << 20
};

/* The elements that are read. Each counts at its one place only; all others are passed over with all that they hold. */
enum place {
  NOWHERE,
  ERROR,
  ERROR_CODE,
  ERROR_MESSAGE,
  ERROR_KEY,
  ERROR_REGION,
  ERROR_REQUEST_ID,
  LIST,
  LIST_ENCODING,
  LIST_TRUNCATED,
  LIST_TOKEN,
  OBJECT,
  OBJECT_KEY,
  OBJECT_MODIFIED,
  OBJECT_ETAG,
  OBJECT_SIZE,
  PREFIXES,
  PREFIXES_PREFIX,
  PLACES
};

static const struct {
  const char *name;
  enum place parent;
  bool text; /* text is what it holds, rather than elements */
} places[PLACES] = {
    [ERROR] = {"Error", NOWHERE, false},
    [ERROR_CODE] = {"Code", ERROR, true},
    [ERROR_MESSAGE] = {"Message", ERROR, true},
    [ERROR_KEY] = {"Key", ERROR, true},
    [ERROR_REGION] = {"Region", ERROR, true},
    [ERROR_REQUEST_ID] = {"RequestId", ERROR, true},
    [LIST] = {"ListBucketResult", NOWHERE, false},
    [LIST_ENCODING] = {"EncodingType", LIST, true},
    [LIST_TRUNCATED] = {"IsTruncated", LIST, true},
    [LIST_TOKEN] = {"NextContinuationToken", LIST, true},
    [OBJECT] = {"Contents", LIST, false},
    [OBJECT_KEY] = {"Key", OBJECT, true},
    [OBJECT_MODIFIED] = {"LastModified", OBJECT, true},
    [OBJECT_ETAG] = {"ETag", OBJECT, true},
    [OBJECT_SIZE] = {"Size", OBJECT, true},
    [PREFIXES] = {"CommonPrefixes", LIST, false},
    [PREFIXES_PREFIX] = {"Prefix", PREFIXES, true},
};

struct reader {
  XML_Parser parser;
  enum place root, place; /* what the document must be; where it is */
  unsigned depth;         /* of open elements */
  unsigned passed;        /* the innermost of them, that are passed over */
  uint32_t seen;          /* a bit for each place */
  bool strict;            /* a place that stands again, or holds what it may not, is an error */
  bool cut;               /* the text was longer */
  size_t size;
  char text[TEXT_BYTES_MAX]; /* of the place */
  void (*ended)(struct reader *reader, enum place place);
  void *user;
  const char *source;
  enum hdx_status status; /* the first failure */
  struct hdx_error *error;
};

static uint32_t bit(enum place place) {
  return UINT32_C(1) << place;
}

/* How much of a text fits into `max` bytes without half a character of UTF-8 at the end. */
static size_t fitting(const char *text, size_t size, size_t max) {
  if (size <= max)
    return size;
  while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
    max--;
  return max;
}

/* The first failure ends the document. Expat may still have events at hand: nobody takes them. */
static void stop(struct reader *reader, enum hdx_status status) {
  reader->status = status;
  expat.SetElementHandler(reader->parser, NULL, NULL);
  expat.SetCharacterDataHandler(reader->parser, NULL);
  expat.StopParser(reader->parser, XML_FALSE);
}

__attribute__((format(printf, 2, 3))) static void fail(struct reader *reader, const char *format, ...) {
  char expected[256];
  va_list args;
  va_start(args, format);
  vsnprintf(expected, sizeof expected, format, args);
  va_end(args);
  stop(reader, hdx_error_set(reader->error, HDX_INTEGRITY, "%s: line %llu: expected %s", reader->source,
                             (unsigned long long)expat.GetCurrentLineNumber(reader->parser), expected));
}

static enum place find(enum place parent, const char *name) {
  for (enum place place = NOWHERE + 1; place < PLACES; place++)
    if (places[place].parent == parent && strcmp(places[place].name, name) == 0)
      return place;
  return NOWHERE;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes) {
  struct reader *reader = user;
  (void)attributes;
  enum place next = reader->passed ? NOWHERE : find(reader->place, name);
  bool again = (reader->seen & bit(next)) != 0;
  if (++reader->depth > DEPTH_MAX)
    fail(reader, "no deeper nesting than %d elements", DEPTH_MAX);
  else if (reader->depth == 1 && next != reader->root)
    fail(reader, "<%s>, found <%.*s>", places[reader->root].name, (int)fitting(name, strlen(name), NAME_SHOWN_MAX),
         name);
  else if (reader->strict && !reader->passed && places[reader->place].text)
    fail(reader, "nothing but text in <%s>", places[reader->place].name);
  else if (reader->strict && again)
    fail(reader, "no second <%s>", places[next].name);
  else if (next == NOWHERE || again)
    reader->passed++;
  else {
    reader->seen |= bit(next);
    reader->place = next;
    reader->size = 0;
    reader->cut = false;
  }
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length) {
  struct reader *reader = user;
  if (reader->passed || reader->cut || !places[reader->place].text)
    return;
  size_t size = fitting(text, (size_t)length, sizeof reader->text - reader->size);
  memcpy(reader->text + reader->size, text, size);
  reader->size += size;
  reader->cut = size < (size_t)length;
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
  struct reader *reader = user;
  (void)name;
  reader->depth--;
  if (reader->passed) {
    reader->passed--;
    return;
  }
  enum place place = reader->place;
  reader->place = places[place].parent;
  if (reader->strict && places[place].text && reader->cut)
    fail(reader, "at most %d bytes in <%s>", TEXT_BYTES_MAX, places[place].name);
  else
    reader->ended(reader, place);
}

/* Comes before anything of a DTD is read: no entity is ever declared. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int internal) {
  struct reader *reader = user;
  (void)name, (void)system, (void)public, (void)internal;
  fail(reader, "no document type declaration");
}

/* Reads the whole document; at most INT32_MAX bytes. */
static enum hdx_status read_document(struct reader *reader, struct hdx_text body) {
  enum hdx_status status = hdx_library_need(&library, reader->error);
  if (status != HDX_OK)
    return status;
  /* The encoding that S3 has, whatever the document declares. */
  reader->parser = expat.ParserCreate("UTF-8");
  if (!reader->parser)
    return hdx_error_memory(reader->error, body.size);
  expat.SetUserData(reader->parser, reader);
  expat.SetElementHandler(reader->parser, on_start, on_end);
  expat.SetCharacterDataHandler(reader->parser, on_text);
  expat.SetStartDoctypeDeclHandler(reader->parser, on_doctype);
  if (expat.Parse(reader->parser, body.data, (int)body.size, 1) != XML_STATUS_OK && reader->status == HDX_OK) {
    enum XML_Error code = expat.GetErrorCode(reader->parser);
    if (code == XML_ERROR_NO_MEMORY)
      reader->status = hdx_error_memory(reader->error, body.size);
    else
      fail(reader, "well-formed XML: %s", expat.ErrorString(code));
  }
  expat.ParserFree(reader->parser);
  return reader->status;
}

/* ----------------------------------------------------------------------------------------------------------- errors */

static bool control(char byte) {
  return (unsigned char)byte < 0x20 || byte == 0x7f;
}

/* Without control bytes, cut to fit, terminated. */
static void keep(const struct reader *reader, char *to, size_t capacity) {
  size_t size = 0;
  char clean[TEXT_BYTES_MAX];
  for (size_t i = 0; i < reader->size; i++)
    if (!control(reader->text[i]))
      clean[size++] = reader->text[i];
  size = fitting(clean, size, capacity - 1);
  memcpy(to, clean, size);
  to[size] = 0;
}

static void error_ended(struct reader *reader, enum place place) {
  struct hdx_s3_error *error = reader->user;
  if (place == ERROR_CODE)
    keep(reader, error->code, sizeof error->code);
  else if (place == ERROR_MESSAGE)
    keep(reader, error->message, sizeof error->message);
  else if (place == ERROR_KEY)
    keep(reader, error->key, sizeof error->key);
  else if (place == ERROR_REGION)
    keep(reader, error->region, sizeof error->region);
  else if (place == ERROR_REQUEST_ID)
    keep(reader, error->request_id, sizeof error->request_id);
}

bool hdx_s3_error_read(struct hdx_text body, struct hdx_s3_error *error) {
  struct reader reader = {.root = ERROR, .ended = error_ended, .user = error, .source = ""};
  *error = (struct hdx_s3_error){.code = ""};
  if (body.size > ERROR_DOCUMENT_BYTES_MAX)
    body.size = ERROR_DOCUMENT_BYTES_MAX;
  read_document(&reader, body); /* what breaks off, or breaks later, has stated something all the same */
  return (reader.seen & bit(ERROR)) != 0;
}

/* ------------------------------------------------------------------------------------------------------------ pages */

struct list {
  struct hdx_s3_page *page;
  void (*object)(void *user, const struct hdx_s3_object *object);
  void *user;
  bool encoded;   /* EncodingType is url */
  bool surveying; /* the first of the two readings */
  struct hdx_s3_object now;
  struct hdx_buffer key; /* of `now` */
  char etag[ETAG_BYTES_MAX];
};

static void read_key(struct reader *reader, enum place place) {
  struct list *list = reader->user;
  struct hdx_text text = {reader->text, reader->size};
  bool good = true;
  if (list->surveying)
    return;
  hdx_buffer_clear(&list->key);
  if (list->encoded) {
    for (size_t i = 0; i < reader->size; i++)
      if (reader->text[i] == '+')
        reader->text[i] = ' ';
    good = hdx_url_decode(&list->key, text);
  } else {
    hdx_buffer_append_text(&list->key, text);
  }
  if (list->key.status == HDX_MEMORY)
    stop(reader, hdx_error_memory(reader->error, text.size));
  else if (list->key.status != HDX_OK)
    fail(reader, "at most %d bytes in <%s>", HDX_S3_KEY_BYTES_MAX, places[place].name);
  else if (!good)
    fail(reader, "two hexadecimal digits behind each %% in <%s>", places[place].name);
  else if (list->key.size == 0)
    fail(reader, "something in <%s>", places[place].name);
  list->now.key = hdx_buffer_text(&list->key);
}

/* An entity tag may become a header's value, so one that cannot is none. */
static void read_etag(struct reader *reader) {
  struct list *list = reader->user;
  bool clean = reader->size <= sizeof list->etag;
  for (size_t i = 0; clean && i < reader->size; i++)
    clean = !control(reader->text[i]);
  size_t size = clean ? reader->size : 0;
  memcpy(list->etag, reader->text, size);
  list->now.etag = (struct hdx_text){list->etag, size};
}

static void read_modified(struct reader *reader) {
  struct list *list = reader->user;
  int digits;
  size_t at;
  struct hdx_text text = {reader->text, reader->size};
  if (hdx_time_read(text, false, &list->now.modified, &digits, &at) >= HDX_TIME_SATURATED_LATE)
    list->now.modified = HDX_TIME_NONE;
}

static const struct hdx_s3_object nothing = {.key = {"", 0}, .etag = {"", 0}, .modified = HDX_TIME_NONE};

/* <Contents> or <CommonPrefixes> has ended: hands it out, and forgets it and its parts, that the next may have them. */
static void hand_out(struct reader *reader, enum place place) {
  struct list *list = reader->user;
  bool prefix = place == PREFIXES;
  enum place key = prefix ? PREFIXES_PREFIX : OBJECT_KEY;
  if (!(reader->seen & bit(key)))
    fail(reader, "a <%s> in <%s>", places[key].name, places[place].name);
  else if (!prefix && !(reader->seen & bit(OBJECT_SIZE)))
    fail(reader, "a <%s> in <%s>", places[OBJECT_SIZE].name, places[place].name);
  else if (!list->surveying) {
    list->now.prefix = prefix;
    if (prefix)
      list->page->prefixes++;
    else
      list->page->objects++;
    list->object(list->user, &list->now);
  }
  list->now = nothing;
  for (enum place part = NOWHERE + 1; part < PLACES; part++)
    if (part == place || places[part].parent == place)
      reader->seen &= ~bit(part);
}

static void list_ended(struct reader *reader, enum place place) {
  struct list *list = reader->user;
  struct hdx_s3_page *page = list->page;
  struct hdx_text text = {reader->text, reader->size};
  if (place == OBJECT_KEY || place == PREFIXES_PREFIX) {
    read_key(reader, place);
  } else if (place == OBJECT_ETAG) {
    read_etag(reader);
  } else if (place == OBJECT_MODIFIED) {
    read_modified(reader);
  } else if (place == OBJECT_SIZE) {
    if (!hdx_text_to_u64(text, INT64_MAX, &list->now.size))
      fail(reader, "a number of bytes below 2^63 in <Size>");
  } else if (place == OBJECT || place == PREFIXES) {
    hand_out(reader, place);
  } else if (place == LIST_ENCODING) {
    list->encoded = hdx_text_is(text, "url");
    if (!list->encoded && text.size > 0)
      fail(reader, "url in <EncodingType>");
  } else if (place == LIST_TRUNCATED) {
    page->truncated = hdx_text_is(text, "true");
    if (!page->truncated && !hdx_text_is(text, "false"))
      fail(reader, "true or false in <IsTruncated>");
  } else if (place == LIST_TOKEN) {
    memcpy(page->token, text.data, text.size);
    page->token[text.size] = 0;
  } else if (place == LIST) {
    if (!(reader->seen & bit(LIST_TRUNCATED)))
      fail(reader, "<IsTruncated> in <ListBucketResult>");
    else if (page->truncated && !page->token[0])
      fail(reader, "<NextContinuationToken> in a list that is truncated");
  }
}

enum hdx_status hdx_s3_page_read(struct hdx_text body, const char *source,
                                 void (*object)(void *user, const struct hdx_s3_object *object), void *user,
                                 struct hdx_s3_page *page, struct hdx_error *error) {
  if (body.size > HDX_S3_PAGE_BYTES_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s: a list of %zu bytes is too large", source, body.size);
  struct hdx_s3_page made = {.token = ""};
  struct list list = {.page = &made, .object = object, .user = user, .surveying = true, .now = nothing};
  const struct reader fresh = {
      .root = LIST, .strict = true, .ended = list_ended, .user = &list, .source = source, .error = error};
  hdx_buffer_init(&list.key, HDX_S3_KEY_BYTES_MAX);
  /* Twice, for EncodingType may stand behind the keys that it speaks of. */
  struct reader reader = fresh;
  enum hdx_status status = read_document(&reader, body);
  if (status == HDX_OK) {
    list.surveying = false;
    reader = fresh;
    status = read_document(&reader, body);
  }
  hdx_buffer_deinit(&list.key);
  if (status == HDX_OK)
    *page = made;
  return status;
}
