#include "codec/hash.h"
#include "codec/zstd.h"
#include "job/session.h"
#include "parse/csv.h"
#include "snapshot/snapshot.h"
#include "transfer/curl_api.h"

#define TEXT(number) #number
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

void hdx_version(struct hdx_version *version) {
  const struct hdx_curl_api *curl;
  bool found = hdx_curl_api(&curl, NULL) == HDX_OK;
  *version = (struct hdx_version){
      .heliodex = VERSION(HDX_VERSION_MAJOR, HDX_VERSION_MINOR, HDX_VERSION_PATCH),
      .curl = found ? curl->version_info(CURLVERSION_NOW)->version : "not found",
      .uv = uv_version_string(),
      .zstd = hdx_zstd_version(),
      .simdjson = hdx_json_version(),
      .xxhash = hdx_hash_version(),
      .kernel = hdx_cpu_level_name(hdx_csv_kernel(hdx_cpu_level())),
      .format = HDX_SNAPSHOT_VERSION,
  };
}
