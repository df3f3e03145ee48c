/* libcurl's sockets on libuv's loop.
 *
 * A socket stays armed when libcurl lets go of it (it may come back for the next request on that connection at once);
 * only if it stirs while nobody wants it is it disarmed. It is closed before its file descriptor is. Sockets that
 * libcurl makes by itself (its resolver's pair) do not tell when they are closed, so those are dropped as soon as they
 * are let go. */
#include "transfer/engine.h"
#include "transfer/proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct hdx_socket {
  uv_poll_t poll;
  struct hdx_engine *engine;
  curl_socket_t fd;
  int wanted, armed; /* events of uv_poll_event */
  bool tells;        /* opened by our callback: will be closed by our callback */
  ino_t inode;       /* of those: no other socket has it */
};

static void drain(struct hdx_engine *engine) {
  CURLMsg *message;
  int left;
  while (engine->multi && (message = engine->curl->multi_info_read(engine->multi, &left))) {
    assert(message->msg == CURLMSG_DONE); /* there is no other one */
    struct hdx_part *part = NULL;
    CURLcode code = message->data.result;
    engine->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &part);
    hdx_fetch_outcome(part, code);
  }
  hdx_engine_kick(engine);
}

/* A multi handle that has failed, for lack of memory or because a callback could do nothing, may crash later. */
static void act(struct hdx_engine *engine, curl_socket_t fd, int action) {
  int running;
  CURLMcode code = engine->multi ? engine->curl->multi_socket_action(engine->multi, fd, action, &running) : CURLM_OK;
  if (engine->multi_code == CURLM_OK)
    engine->multi_code = code;
  drain(engine);
}

static void on_closed(uv_handle_t *handle) {
  struct hdx_socket *socket = handle->data;
  socket->engine->sockets_open--;
  free(socket);
}

static void forget(struct hdx_engine *engine, curl_socket_t fd) {
  struct hdx_socket *socket = (size_t)fd < engine->socket_count ? engine->sockets[fd] : NULL;
  if (!socket)
    return;
  engine->sockets[fd] = NULL;
  uv_close((uv_handle_t *)&socket->poll, on_closed);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  struct hdx_socket *socket = poll->data;
  struct hdx_engine *engine = socket->engine;
  int action = 0;
  if (!socket->wanted) {
    uv_poll_stop(poll);
    socket->armed = 0;
    return;
  }
  /* Readable too: what came before a reset is still there to be read. */
  if (status < 0)
    action = CURL_CSELECT_ERR | CURL_CSELECT_IN;
  if (events & UV_READABLE)
    action |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    action |= CURL_CSELECT_OUT;
  act(engine, socket->fd, action);
}

static struct hdx_socket *watch(struct hdx_engine *engine, curl_socket_t fd) {
  if ((size_t)fd >= engine->socket_count) {
    size_t count = (size_t)fd + 64;
    struct hdx_socket **sockets = realloc(engine->sockets, count * sizeof *sockets);
    if (!sockets)
      return NULL;
    memset(sockets + engine->socket_count, 0, (count - engine->socket_count) * sizeof *sockets);
    engine->sockets = sockets;
    engine->socket_count = count;
  }
  if (engine->sockets[fd])
    return engine->sockets[fd];
  struct hdx_socket *socket = calloc(1, sizeof *socket);
  if (!socket)
    return NULL;
  socket->engine = engine;
  socket->fd = fd;
  if (uv_poll_init_socket(&engine->loop, &socket->poll, fd) != 0) {
    free(socket);
    return NULL;
  }
  socket->poll.data = socket;
  engine->sockets_open++;
  engine->sockets[fd] = socket;
  return socket;
}

static ino_t inode_of(curl_socket_t fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

/* What libcurl then says, that a callback has ended it, is not the reason. */
static int no_memory(struct hdx_engine *engine) {
  if (engine->multi_code == CURLM_OK)
    engine->multi_code = CURLM_OUT_OF_MEMORY;
  return -1;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *ignored) {
  struct hdx_engine *engine = user;
  (void)easy, (void)ignored;
  if (what == CURL_POLL_REMOVE) {
    struct hdx_socket *socket = (size_t)fd < engine->socket_count ? engine->sockets[fd] : NULL;
    /* A socket that never got connected is closed by libcurl 7.88 itself, before it lets go of it. Another thread may
     * have something else under its number by now. */
    if (socket && socket->tells && inode_of(fd) == socket->inode)
      socket->wanted = 0;
    else
      forget(engine, fd);
    return 0;
  }
  struct hdx_socket *socket = watch(engine, fd);
  if (!socket)
    return no_memory(engine);
  socket->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  if (socket->wanted != socket->armed) {
    if (!hdx_loop_room(&engine->loop, fd) || uv_poll_start(&socket->poll, socket->wanted, on_event) != 0)
      return no_memory(engine);
    socket->armed = socket->wanted;
  }
  return 0;
}

static bool link_local(const struct sockaddr *address) {
  char name[INET6_ADDRSTRLEN + 2] = "[";
  if (address->sa_family == AF_INET)
    return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, name, INET6_ADDRSTRLEN) &&
           hdx_url_link_local(hdx_text_of(name));
  if (address->sa_family != AF_INET6 ||
      !inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, name + 1,
                 INET6_ADDRSTRLEN))
    return false;
  name[strlen(name)] = ']'; /* the last byte stays 0 */
  return hdx_url_link_local(hdx_text_of(name));
}

/* Has the connection go to the next of the host's addresses. Not so through a proxy, which has its own. */
static void spread(const struct hdx_part *part, struct sockaddr *address) {
  struct hdx_host *host = part->host;
  char note[HDX_PROXY_NOTE_MAX], name[256], port[8];
  struct hdx_url url;
  struct in_addr number;
  if (hdx_url_parse(hdx_text_of(host->name), &url, NULL) != HDX_OK || url.host.size >= sizeof name ||
      hdx_proxy_note(part->fetch->engine->options.environment, part->fetch->url, note, sizeof note)[0])
    return;
  snprintf(name, sizeof name, "%.*s", HDX_TEXT_ARG(url.host));
  if (name[0] == '[' || inet_pton(AF_INET, name, &number) == 1)
    return; /* it is its only address */
  if (!url.port.size)
    url.port = url.scheme == HDX_SCHEME_HTTPS ? HDX_TEXT("443") : HDX_TEXT("80");
  snprintf(port, sizeof port, "%.*s", HDX_TEXT_ARG(url.port));
  hdx_addresses_ask(&host->addresses, &part->fetch->engine->loop, name, port);
  hdx_addresses_turn(&host->addresses, address);
}

/* The names in a catalog are anybody's: whatever they resolve to, the machine's own metadata service is not asked. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  struct hdx_part *part = user;
  if (purpose == CURLSOCKTYPE_IPCXN)
    spread(part, &address->addr);
  if (purpose == CURLSOCKTYPE_IPCXN && link_local(&address->addr)) {
    hdx_error_set(&part->refused, HDX_DENIED, "%s: the host has a link-local address, which is never asked",
                  part->fetch->name);
    part->refusal = HDX_REFUSAL_FINAL;
    return CURL_SOCKET_BAD;
  }
  struct hdx_engine *engine = part->fetch->engine;
  curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd == CURL_SOCKET_BAD)
    return fd;
  forget(engine, fd); /* what still stands under this number was closed without a word */
  struct hdx_socket *socket = watch(engine, fd);
  if (!socket) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  socket->tells = true;
  socket->inode = inode_of(fd);
  engine->connections++;
  part->host->connections++;
  return fd;
}

static int on_close(void *user, curl_socket_t fd) {
  forget(user, fd);
  return close(fd);
}

void hdx_sockets_adopt(struct hdx_part *part) {
  struct hdx_engine *engine = part->fetch->engine;
  engine->curl->easy_setopt(part->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  engine->curl->easy_setopt(part->easy, CURLOPT_OPENSOCKETDATA, part);
  engine->curl->easy_setopt(part->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  engine->curl->easy_setopt(part->easy, CURLOPT_CLOSESOCKETDATA, engine);
}

void hdx_sockets_timeout(struct hdx_engine *engine) {
  act(engine, CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(uv_timer_t *timer) {
  hdx_sockets_timeout(timer->data);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *user) {
  struct hdx_engine *engine = user;
  (void)multi;
  /* libuv runs a timer of 0 that is started by a timer before it looks at any socket: libcurl, which does that often,
   * would have the loop for itself. */
  engine->curl_due = timeout_ms == 0;
  if (timeout_ms == 0)
    hdx_engine_kick(engine);
  if (timeout_ms <= 0)
    uv_timer_stop(&engine->curl_timer);
  else
    uv_timer_start(&engine->curl_timer, on_timer, (uint64_t)timeout_ms, 0);
  return 0;
}

enum hdx_status hdx_sockets_open(struct hdx_engine *engine, struct hdx_error *error) {
  const struct hdx_curl_api *curl = engine->curl;
  engine->multi = curl->multi_init();
  if (!engine->multi)
    return hdx_error_set(error, HDX_MEMORY, "out of memory: libcurl has none for its connections");
  curl->multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl->multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
  curl->multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl->multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
  curl->multi_setopt(engine->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  /* Below the number in flight, libcurl would close a connection for every request that ends. */
  curl->multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long)engine->options.jobs + 16);
  return HDX_OK;
}

/* libcurl's part: the loop turns once more, and nothing in it may call libcurl. */
static void close_multi(struct hdx_engine *engine) {
  if (engine->multi)
    engine->curl->multi_cleanup(engine->multi);
  engine->multi = NULL;
  engine->multi_code = CURLM_OK;
  engine->curl_due = false;
  uv_timer_stop(&engine->curl_timer);
  for (size_t fd = 0; fd < engine->socket_count; fd++)
    forget(engine, (curl_socket_t)fd);
}

void hdx_sockets_renew(struct hdx_engine *engine) {
  close_multi(engine);
  if (hdx_sockets_open(engine, NULL) != HDX_OK)
    engine->multi_code = CURLM_OUT_OF_MEMORY; /* to be tried again */
}

void hdx_sockets_close(struct hdx_engine *engine) {
  close_multi(engine);
  while (engine->sockets_open > 0)
    uv_run(&engine->loop, UV_RUN_ONCE);
  free(engine->sockets);
}
