/* Planning how integers are written, before they are: the parts of the encoder that look for the cheapest way. */
#ifndef HDX_CODEC_INTS_PLAN_H
#define HDX_CODEC_INTS_PLAN_H

#include "codec/ints_unit.h"

/* A whole stream, one of the two that SPARSE has, or one of those that SPLIT has. */
enum hdx_ints_depth { HDX_INTS_WHOLE, HDX_INTS_OF_STREAM, HDX_INTS_PART };

struct hdx_ints_plan {
  enum hdx_ints_body body;
  const int64_t *residuals;
  size_t count;
  double bytes; /* about */
  int64_t least, most, base;
  uint64_t unit;
  uint8_t form;
  uint8_t widths[HDX_INTS_GROUPS_MAX];
  size_t name_count, exceptions;
  /* of a sample, once it was taken: the median, which stands for the centre, the most frequent value, how many there
   * are
   */
  bool sampled;
  int64_t centre, mode;
  size_t distinct, mode_in_sample;
};

/* Finds the extremes of the plan's residuals, and plans to pack them (or a constant). */
void hdx_ints_plan_packed(struct hdx_ints_plan *plan);

/* Goes on from there: finds the cheapest body, or goes by the habit. Symbols of it are in the encoder. */
void hdx_ints_plan_body(struct hdx_ints_encoder *encoder, enum hdx_ints_depth depth, const struct hdx_ints_habit *habit,
                        struct hdx_ints_plan *plan);

/* Both of a stream that is part of another, without a predictor. */
void hdx_ints_plan_part(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                        enum hdx_ints_depth depth, struct hdx_ints_plan *plan);

/* Packs by one predictor; or by the better one, which is told: whether it is DELTA. */
void hdx_ints_plan_with(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, bool delta,
                        struct hdx_ints_plan *plan);
bool hdx_ints_plan_any(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                       struct hdx_ints_plan *plan);

/* Exceptions into the encoder's places and values; quotients and remainders into its own. */
void hdx_ints_split_exceptions(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan);
void hdx_ints_split_units(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan);

#endif
