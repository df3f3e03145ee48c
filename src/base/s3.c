#include "base/s3.h"

#include "base/url.h"

bool hdx_s3_region(struct hdx_text region) {
  for (size_t i = 0; i < region.size; i++) {
    char c = region.data[i];
    if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '-')
      return false;
  }
  return region.size <= HDX_S3_REGION_BYTES_MAX;
}

static bool in_host(const struct hdx_s3_place *place) {
  bool dots = memchr(place->bucket.data, '.', place->bucket.size) != NULL;
  if (!hdx_url_bucket_name(place->bucket))
    return false;
  if (place->endpoint.size)
    return place->addressing == HDX_ADDRESSING_VIRTUAL;
  return !dots && place->addressing != HDX_ADDRESSING_PATH;
}

static void append_aws(const struct hdx_s3_place *place, bool host, struct hdx_buffer *url) {
  struct hdx_text region = place->region;
  if (place->dualstack && !region.size)
    region = HDX_TEXT(HDX_S3_REGION_DEFAULT); /* dual-stack addresses have none for all regions */
  hdx_buffer_append_text(url, HDX_TEXT("https://"));
  if (host)
    hdx_buffer_append_format(url, "%.*s.", HDX_TEXT_ARG(place->bucket));
  hdx_buffer_append_text(url, place->dualstack ? HDX_TEXT("s3.dualstack.") : HDX_TEXT("s3."));
  if (region.size)
    hdx_buffer_append_format(url, "%.*s.", HDX_TEXT_ARG(region));
  hdx_buffer_append_text(url, HDX_TEXT("amazonaws.com"));
  if (hdx_text_starts_with(region, HDX_TEXT("cn-")))
    hdx_buffer_append_text(url, HDX_TEXT(".cn"));
}

static void append_endpoint(const struct hdx_s3_place *place, bool host, struct hdx_buffer *url) {
  struct hdx_text endpoint = place->endpoint, scheme = HDX_TEXT("https://");
  if (!hdx_text_starts_with(endpoint, scheme))
    scheme = HDX_TEXT("http://");
  if (host) {
    hdx_buffer_append_format(url, "%s%.*s.", scheme.data, HDX_TEXT_ARG(place->bucket));
    endpoint = hdx_text_sub(endpoint, scheme.size, endpoint.size);
  }
  hdx_buffer_append_text(url, endpoint);
}

void hdx_s3_append_base(const struct hdx_s3_place *place, struct hdx_buffer *url) {
  bool host = in_host(place);
  if (place->endpoint.size)
    append_endpoint(place, host, url);
  else
    append_aws(place, host, url);
  if (!host)
    hdx_buffer_append_format(url, "/%.*s", HDX_TEXT_ARG(place->bucket));
  hdx_buffer_append_byte(url, '/');
}
