#include "transfer/http_date.h"

#include "base/time.h"
#include "transfer/curl_api.h"

int64_t hdx_http_date_read(const char *text) {
  const struct hdx_curl_api *curl;
  bool given = text && text[0] && hdx_curl_api(&curl, NULL) == HDX_OK;
  time_t seconds = given ? curl->getdate(text, NULL) : -1;
  if (seconds < 0 || seconds > INT64_MAX / HDX_SECOND_NS)
    return HDX_TIME_NONE;
  return (int64_t)seconds * HDX_SECOND_NS;
}
