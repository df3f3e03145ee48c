/* Which proxy a URL is asked through: by the variables http_proxy (in small letters alone), https_proxy, HTTPS_PROXY,
 * all_proxy, ALL_PROXY, no_proxy and NO_PROXY, as libcurl's manual has them, where an empty one is none. They are of a
 * copy of the environment (transfer/environment.h): libcurl would read the process's own, which another thread may be
 * changing. */
#ifndef HDX_TRANSFER_PROXY_H
#define HDX_TRANSFER_PROXY_H

#include "base/text.h"

#define HDX_PROXY_NOTE_MAX 384

/* The proxy for http (or, with `tls`, https), "" if there is none, and the variable that names it. */
const char *hdx_proxy_find(char *const *environment, bool tls, const char **variable);
/* The hosts that are asked without it, as CURLOPT_NOPROXY takes them; "": none. */
const char *hdx_proxy_exclusions(char *const *environment);

/* Whether libcurl's words about a failure quote a proxy that has a user and a password, as they do where libcurl cannot
 * make it out: they must not be shown. */
bool hdx_proxy_quoted(char *const *environment, const char *words);

/* " (through the proxy URL, by VARIABLE)", without user and password, or "" where none is asked. Returns `out`. */
const char *hdx_proxy_note(char *const *environment, const char *url, char *out, size_t size);

#endif
