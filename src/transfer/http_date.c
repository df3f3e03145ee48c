#include "transfer/http_date.h"

#include "base/time.h"
#include "transfer/curl_api.h"

int64_t hdx_http_date_read(const char *text) {
  const struct hdx_curl_api *curl = text && text[0] ? hdx_curl_api(NULL) : NULL;
  time_t seconds = curl ? curl->getdate(text, NULL) : -1;
  if (seconds < 0 || seconds > INT64_MAX / HDX_SECOND_NS)
    return HDX_TIME_NONE;
  return (int64_t)seconds * HDX_SECOND_NS;
}
