/* Dates of HTTP, as in Last-Modified (RFC 9110, 5.6.7); they are libcurl's to read. */
#ifndef HDX_TRANSFER_HTTP_DATE_H
#define HDX_TRANSFER_HTTP_DATE_H

#include "heliodex.h"

/* The instant that a date tells of; HDX_TIME_NONE: none. */
int64_t hdx_http_date_read(const char *text);

#endif
