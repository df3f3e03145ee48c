/* Which proxy libcurl asks for a URL, to name it in messages: by the variables http_proxy (in small letters alone),
 * https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy and NO_PROXY, as libcurl's manual has them. */
#ifndef HDX_TRANSFER_PROXY_H
#define HDX_TRANSFER_PROXY_H

#include "base/text.h"

#define HDX_PROXY_NOTE_MAX 384

/* " (through the proxy URL, by VARIABLE)", without user and password, or "" where none is asked. Returns `out`. */
const char *hdx_proxy_note(const char *url, char *out, size_t size);

#endif
