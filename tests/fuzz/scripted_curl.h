/* A stand-in for libcurl's multi interface, whose servers answer as a script says, and a clock that goes on by what is
 * waited for: nothing is really waited for, and nothing leaves the process.
 *
 * The script is a list of answers, taken in the order in which requests are made. Each begins with a byte:
 *   bits 0-2  0 the object as it is  1 the same, broken off after as many bytes as the next byte says (times 16)
 *             2 the object, changed from now on  3 the object without an entity tag  4 silence
 *             5 the status that the next byte chooses, and an error document of S3
 *             6 libcurl fails in the way that the next byte chooses
 *             7 head and body as they follow: lines up to an empty one, then bytes to 0xff
 *   bits 3-4  in pieces of which size it comes
 * Behind the script's end all objects come as they are. */
#ifndef HDX_FUZZ_SCRIPTED_CURL_H
#define HDX_FUZZ_SCRIPTED_CURL_H

#include "base/text.h"
#include "transfer/curl_api.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

enum { EASIES_MAX = 64, OBJECT_BYTES_MAX = 8192, HEAD_BYTES_MAX = 8192 };

struct easy {
  bool used, active, done, paused, silent;
  const char *url, *range;
  bool no_body, is_signed;
  size_t (*write)(char *data, size_t one, size_t size, void *user);
  size_t (*head)(char *data, size_t one, size_t size, void *user);
  void *write_user, *head_user, *private;
  /* the answer */
  bool begun;
  char *body;
  size_t size, at, piece;
  CURLcode code;
  char location[512];
  struct CURLMsg message;
};

static struct {
  struct hdx_text script;
  size_t object_size;
  unsigned version; /* of the object */
  bool honest;      /* nothing but 7 can make the bytes others than the object's */
  unsigned in_flight, in_flight_max;
  bool secure; /* all requests have to be by TLS */
  int (*on_timer)(CURLM *multi, long timeout_ms, void *user);
  void *timer_user;
  struct easy easies[EASIES_MAX];
} net;

/* ---- time ---- */

/* Not hidden: libuv is to find them. */
#define VISIBLE __attribute__((visibility("default")))

static uint64_t waited_ns;

VISIBLE int clock_gettime(clockid_t clock, struct timespec *time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock != CLOCK_REALTIME) {
    uint64_t ns = (uint64_t)time->tv_nsec + waited_ns % 1000000000;
    time->tv_sec += (time_t)(waited_ns / 1000000000 + ns / 1000000000);
    time->tv_nsec = (long)(ns % 1000000000);
  }
  return (int)result;
}

VISIBLE int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask) {
  long found = syscall(SYS_epoll_pwait, epoll, events, count, 0, mask, 8);
  if (found == 0 && timeout > 0)
    waited_ns += (uint64_t)timeout * 1000000;
  return (int)found;
}

VISIBLE int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
  return epoll_pwait(epoll, events, count, timeout, NULL);
}

/* What is given to a thread is done at once. */
int uv_thread_create_ex(uv_thread_t *thread, const uv_thread_options_t *options, uv_thread_cb entry, void *argument) {
  (void)thread;
  (void)options;
  entry(argument);
  return 0;
}

int uv_thread_join(uv_thread_t *thread) {
  (void)thread;
  return 0;
}

/* ---- answers ---- */

static uint8_t script_byte(void) {
  uint8_t byte = net.script.size ? (uint8_t)net.script.data[0] : 0;
  net.script = hdx_text_sub(net.script, net.script.size > 0, net.script.size);
  return byte;
}

/* What is before a byte of the script, which goes on behind it. */
static struct hdx_text script_until(const char *end, size_t end_size) {
  const char *at = net.script.size ? memmem(net.script.data, net.script.size, end, end_size) : NULL;
  struct hdx_text part = {net.script.data, at ? (size_t)(at - net.script.data) : net.script.size};
  net.script = hdx_text_sub(net.script, part.size + (at ? end_size : 0), net.script.size);
  return part;
}

static char object_byte(unsigned version, size_t i) {
  return (char)(i * 7 ^ i >> 8 ^ version * 0x55);
}

__attribute__((format(printf, 2, 3))) static void tell(struct easy *easy, const char *format, ...) {
  char line[1024];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  CHECK(size < (int)sizeof line && easy->head(line, 1, (size_t)size, easy->head_user) == (size_t)size);
}

static void add_body(struct easy *easy, const char *data, size_t size) {
  if (easy->no_body)
    return;
  easy->body = malloc(size + 1);
  CHECK(easy->body);
  memcpy(easy->body, data, size);
  easy->size = size;
}

static void tell_object(struct easy *easy, bool named) {
  size_t from = 0, to = net.object_size;
  char data[OBJECT_BYTES_MAX];
  if (easy->range) {
    char *dash;
    from = strtoull(easy->range, &dash, 10);
    CHECK(*dash == '-');
    to = strtoull(dash + 1, NULL, 10) + 1;
    CHECK(from < to);
    if (from >= net.object_size) {
      tell(easy, "HTTP/1.1 416 Range\r\n");
      tell(easy, "Content-Range: bytes */%zu\r\n", net.object_size);
      tell(easy, "\r\n");
      return;
    }
    to = to < net.object_size ? to : net.object_size;
  }
  tell(easy, easy->range ? "HTTP/1.1 206 Part\r\n" : "HTTP/1.1 200 OK\r\n");
  if (named)
    tell(easy, "ETag: \"v%u\"\r\n", net.version);
  tell(easy, "Last-Modified: Thu, 01 Jan 2026 00:00:%02u GMT\r\n", net.version % 60);
  if (easy->range)
    tell(easy, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, net.object_size);
  tell(easy, "Content-Length: %zu\r\n", to - from);
  tell(easy, "\r\n");
  for (size_t i = from; i < to; i++)
    data[i - from] = object_byte(net.version, i);
  add_body(easy, data, to - from);
}

static void tell_status(struct easy *easy) {
  static const struct {
    int status;
    const char *head, *code;
  } answers[] = {{503, "Retry-After: 1", "SlowDown"},
                 {404, "x: y", "NoSuchKey"},
                 {403, "x: y", "AccessDenied"},
                 {500, "x: y", "InternalError"},
                 {304, "ETag: \"v0\"", ""},
                 {412, "x: y", "PreconditionFailed"},
                 {416, "x: y", "InvalidRange"},
                 {429, "Retry-After: Thu, 01 Jan 2026 00:00:00 GMT", "TooManyRequests"},
                 {400, "x-amz-bucket-region: eu-west-1", "AuthorizationHeaderMalformed"},
                 {301, "x-amz-bucket-region: ap-east-2", "PermanentRedirect"},
                 {400, "x: y", "ExpiredToken"},
                 {403, "Date: Thu, 01 Jan 2026 00:00:00 GMT", "RequestTimeTooSkewed"},
                 {403, "x: y", "SignatureDoesNotMatch"},
                 {407, "x: y", ""},
                 {206, "Content-Range: bytes */*", ""}};
  size_t i = script_byte() % (sizeof answers / sizeof *answers);
  char body[256];
  tell(easy, "HTTP/1.1 %d Why\r\n", answers[i].status);
  tell(easy, "%s\r\n", answers[i].head);
  tell(easy, "\r\n");
  int size = snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>m</Message></Error>", answers[i].code);
  if (answers[i].code[0])
    add_body(easy, body, (size_t)size);
}

/* Lines as libcurl hands them over, each with its newline. */
static void tell_raw(struct easy *easy) {
  struct hdx_text head = script_until("\n\n", 2);
  while (head.size) {
    const char *end = memchr(head.data, '\n', head.size);
    size_t size = end ? (size_t)(end - head.data) : head.size;
    struct hdx_text line = hdx_text_sub(head, 0, size), name = HDX_TEXT("Location:");
    if (line.size > name.size && hdx_text_equal_nocase(hdx_text_sub(line, 0, name.size), name))
      snprintf(easy->location, sizeof easy->location, "%.*s",
               (int)(line.size - name.size < sizeof easy->location ? line.size - name.size : 0),
               hdx_text_trim(hdx_text_sub(line, name.size, line.size)).data);
    if (size < HEAD_BYTES_MAX)
      easy->head((char *)(uintptr_t)head.data, 1, size, easy->head_user);
    head = hdx_text_sub(head, size + (end != NULL), head.size);
  }
  tell(easy, "\r\n");
  struct hdx_text body = script_until("\xff", 1);
  add_body(easy, body.data, body.size);
}

static void begin_answer(struct easy *easy) {
  static const size_t pieces[] = {16384, 7, 300, 1000};
  static const CURLcode codes[] = {CURLE_COULDNT_CONNECT,      CURLE_RECV_ERROR,    CURLE_COULDNT_RESOLVE_HOST,
                                   CURLE_OPERATION_TIMEDOUT,   CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION,
                                   CURLE_COULDNT_RESOLVE_PROXY};
  uint8_t kind = script_byte();
  easy->begun = true;
  easy->piece = pieces[kind >> 3 & 3];
  easy->code = CURLE_OK;
  net.version += (kind & 7) == 2;
  if ((kind & 7) <= 3)
    tell_object(easy, (kind & 7) != 3);
  if ((kind & 7) == 1) {
    size_t left = (size_t)script_byte() * 16;
    easy->code = CURLE_PARTIAL_FILE;
    easy->size = left < easy->size ? left : easy->size;
  } else if ((kind & 7) == 4) {
    easy->silent = true;
  } else if ((kind & 7) == 5) {
    tell_status(easy);
  } else if ((kind & 7) == 6) {
    easy->code = codes[script_byte() % (sizeof codes / sizeof *codes)];
  } else if ((kind & 7) == 7) {
    net.honest = false;
    tell_raw(easy);
  }
}

static void end_answer(struct easy *easy, CURLcode code) {
  easy->done = true;
  easy->message = (struct CURLMsg){.msg = CURLMSG_DONE, .easy_handle = easy, .data.result = code};
  free(easy->body);
  easy->body = NULL;
}

/* Hands over the next piece. */
static void go_on(struct easy *easy) {
  if (!easy->begun)
    begin_answer(easy);
  if (easy->silent)
    return;
  size_t size = easy->size - easy->at < easy->piece ? easy->size - easy->at : easy->piece;
  if (size) {
    size_t taken = easy->write(easy->body + easy->at, 1, size, easy->write_user);
    easy->paused = taken == CURL_WRITEFUNC_PAUSE;
    if (easy->paused)
      return;
    easy->at += size;
    if (taken != size) {
      end_answer(easy, CURLE_WRITE_ERROR);
      return;
    }
  }
  if (easy->at == easy->size)
    end_answer(easy, easy->code);
}

/* ---- the interface ---- */

static CURL *easy_init(void) {
  for (size_t i = 0; i < EASIES_MAX; i++)
    if (!net.easies[i].used) {
      net.easies[i] = (struct easy){.used = true};
      return (CURL *)&net.easies[i];
    }
  abort();
}

static CURLcode easy_setopt(CURL *handle, CURLoption option, ...) {
  struct easy *easy = handle;
  va_list values;
  va_start(values, option);
  if (option == CURLOPT_URL)
    easy->url = va_arg(values, const char *);
  else if (option == CURLOPT_RANGE) {
    free((char *)easy->range);
    easy->range = strdup(va_arg(values, const char *));
  } else if (option == CURLOPT_NOBODY)
    easy->no_body = va_arg(values, long);
  else if (option == CURLOPT_WRITEFUNCTION)
    easy->write = va_arg(values, size_t(*)(char *, size_t, size_t, void *));
  else if (option == CURLOPT_WRITEDATA)
    easy->write_user = va_arg(values, void *);
  else if (option == CURLOPT_HEADERFUNCTION)
    easy->head = va_arg(values, size_t(*)(char *, size_t, size_t, void *));
  else if (option == CURLOPT_HEADERDATA)
    easy->head_user = va_arg(values, void *);
  else if (option == CURLOPT_PRIVATE)
    easy->private = va_arg(values, void *);
  else if (option == CURLOPT_FOLLOWLOCATION)
    CHECK(!va_arg(values, long));
  else if (option == CURLOPT_HTTPHEADER)
    for (struct curl_slist *list = va_arg(values, struct curl_slist *); list; list = list->next) {
      CHECK(!strpbrk(list->data, "\r\n"));
      easy->is_signed |= strncmp(list->data, "Authorization:", 14) == 0;
    }
  va_end(values);
  return CURLE_OK;
}

static CURLcode easy_getinfo(CURL *handle, CURLINFO info, ...) {
  const struct easy *easy = handle;
  va_list values;
  va_start(values, info);
  if (info == CURLINFO_PRIVATE)
    *va_arg(values, void **) = easy->private;
  else if (info == CURLINFO_REDIRECT_URL)
    *va_arg(values, const char **) = easy->location[0] ? easy->location : NULL;
  else if (info == CURLINFO_HTTP_CONNECTCODE)
    *va_arg(values, long *) = 0;
  else
    *va_arg(values, curl_off_t *) = 1000;
  va_end(values);
  return CURLE_OK;
}

static void easy_reset(CURL *handle) {
  struct easy *easy = handle;
  CHECK(!easy->active);
  free(easy->body);
  free((char *)easy->range);
  *easy = (struct easy){.used = true};
}

static void easy_cleanup(CURL *handle) {
  easy_reset(handle);
  ((struct easy *)handle)->used = false;
}

static CURLcode easy_pause(CURL *handle, int mask) {
  struct easy *easy = handle;
  CHECK(mask == CURLPAUSE_CONT && easy->paused);
  easy->paused = false;
  size_t size = easy->size - easy->at < easy->piece ? easy->size - easy->at : easy->piece;
  size_t taken = easy->write(easy->body + easy->at, 1, size, easy->write_user);
  easy->paused = taken == CURL_WRITEFUNC_PAUSE;
  net.on_timer(&net, 0, net.timer_user);
  if (easy->paused)
    return CURLE_OK;
  easy->at += size;
  return taken == size ? CURLE_OK : CURLE_WRITE_ERROR;
}

static const char *easy_strerror(CURLcode code) {
  (void)code;
  return "why";
}

static CURLM *multi_init(void) {
  return (CURLM *)&net;
}

static CURLMcode multi_cleanup(CURLM *multi) {
  (void)multi;
  CHECK(net.in_flight == 0);
  return CURLM_OK;
}

static CURLMcode multi_setopt(CURLM *multi, CURLMoption option, ...) {
  va_list values;
  (void)multi;
  va_start(values, option);
  if (option == CURLMOPT_TIMERFUNCTION)
    net.on_timer = va_arg(values, int (*)(CURLM *, long, void *));
  else if (option == CURLMOPT_TIMERDATA)
    net.timer_user = va_arg(values, void *);
  va_end(values);
  return CURLM_OK;
}

static void check_request(const struct easy *easy);

static CURLMcode multi_add_handle(CURLM *multi, CURL *handle) {
  struct easy *easy = handle;
  (void)multi;
  check_request(easy);
  easy->active = true;
  CHECK(++net.in_flight <= net.in_flight_max);
  net.on_timer(&net, 0, net.timer_user);
  return CURLM_OK;
}

static CURLMcode multi_remove_handle(CURLM *multi, CURL *handle) {
  struct easy *easy = handle;
  (void)multi;
  CHECK(easy->active);
  easy->active = false;
  net.in_flight--;
  return CURLM_OK;
}

static CURLMcode multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running) {
  bool more = false;
  (void)multi, (void)socket, (void)events;
  for (size_t i = 0; i < EASIES_MAX; i++) {
    struct easy *easy = &net.easies[i];
    if (!easy->active || easy->done || easy->paused)
      continue;
    go_on(easy);
    more |= easy->active && !easy->done && !easy->paused && !easy->silent;
  }
  *running = (int)net.in_flight;
  if (more)
    net.on_timer(&net, 0, net.timer_user);
  return CURLM_OK;
}

static CURLMsg *multi_info_read(CURLM *multi, int *left) {
  (void)multi;
  *left = 0;
  for (size_t i = 0; i < EASIES_MAX; i++)
    if (net.easies[i].active && net.easies[i].done && net.easies[i].message.msg == CURLMSG_DONE) {
      static struct CURLMsg message;
      message = net.easies[i].message;
      net.easies[i].message.msg = CURLMSG_NONE;
      return &message;
    }
  return NULL;
}

static const char *multi_strerror(CURLMcode code) {
  (void)code;
  return "why";
}

static time_t read_date(const char *text, const time_t *unused) {
  static time_t (*real)(const char *text, const time_t *unused);
  if (!real) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    CHECK(library);
    real = (time_t(*)(const char *, const time_t *))dlsym(library, "curl_getdate");
    CHECK(real);
  }
  return real(text, unused);
}

enum hdx_status hdx_curl_api(const struct hdx_curl_api **result, struct hdx_error *error) {
  static const struct hdx_curl_api api = {.getdate = read_date,
                                          .easy_init = easy_init,
                                          .easy_setopt = easy_setopt,
                                          .easy_getinfo = easy_getinfo,
                                          .easy_reset = easy_reset,
                                          .easy_cleanup = easy_cleanup,
                                          .easy_pause = easy_pause,
                                          .easy_strerror = easy_strerror,
                                          .multi_init = multi_init,
                                          .multi_cleanup = multi_cleanup,
                                          .multi_setopt = multi_setopt,
                                          .multi_add_handle = multi_add_handle,
                                          .multi_remove_handle = multi_remove_handle,
                                          .multi_socket_action = multi_socket_action,
                                          .multi_info_read = multi_info_read,
                                          .multi_strerror = multi_strerror};
  (void)error;
  *result = &api;
  return HDX_OK;
}

#endif
