/* A template taken apart. (How its texts are made and matched: template_text.c; how one is found: template_infer.c.) */
#include "codec/template.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <stdlib.h>

enum { LITERAL_SLACK = 16 };

static const int64_t units[] = {0,    HDX_DAY_NS, 3600 * HDX_SECOND_NS, 60 * HDX_SECOND_NS, HDX_SECOND_NS, 1000000,
                                1000, 1};

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "template: %s", what);
}

static const char *open_instants(struct hdx_template *template, struct hdx_bytes *in) {
  template->instant_count = hdx_get_u8(in);
  if (template->instant_count > HDX_TEMPLATE_INSTANTS_MAX)
    return "too many instants";
  for (size_t i = 0; i < template->instant_count; i++) {
    uint8_t unit = hdx_get_u8(in);
    if ((unit & 0x7f) >= sizeof units / sizeof *units)
      return "an unknown unit";
    template->instants[i].unit_ns = units[unit & 0x7f];
    template->instants[i].of_stop = unit >> 7;
    template->needs_stop |= unit >> 7;
    if (unit & 0x7f)
      template->instants[i].stream = (uint8_t) template->stream_count++;
  }
  return NULL;
}

static const char *open_time(struct hdx_template *template, struct hdx_part *part, size_t *pieces,
                             struct hdx_bytes *in) {
  part->index = hdx_get_u8(in);
  size_t size = hdx_get_u8(in);
  part->text = (struct hdx_text){(const char *)hdx_get_bytes(in, size), size};
  if (in->bad || size == 0 || size > HDX_TEMPLATE_LETTERS_MAX || part->index >= template->instant_count)
    return "a time of no letters, too many, or an instant that is not there";
  part->piece = (uint8_t)*pieces;
  struct hdx_piece *at = template->pieces + *pieces;
  for (size_t i = 0; i < size; i++) {
    struct hdx_piece piece;
    if (!hdx_clock_letter(part->text.data[i], &piece.place, &piece.size))
      return "an unknown letter";
    part->width = (uint8_t)(part->width + piece.size);
    if (i && at[-1].place + at[-1].size == piece.place && at[-1].size + piece.size <= 8)
      at[-1].size = (uint8_t)(at[-1].size + piece.size);
    else
      *at++ = piece;
  }
  *pieces = (size_t)(at - template->pieces);
  if (*pieces > HDX_TEMPLATE_PIECES_MAX)
    return "too many times";
  part->piece_end = (uint8_t)*pieces;
  template->size += part->width;
  return NULL;
}

/* REPEAT names its field by its place among the numbers: finds the part. */
static const char *open_repeat(struct hdx_template *template, size_t p, struct hdx_bytes *in) {
  size_t field = hdx_get_u8(in), seen = 0;
  for (size_t i = 0; i < p; i++) {
    enum hdx_part_kind kind = template->parts[i].kind;
    if (kind != HDX_PART_FIXED && kind != HDX_PART_PLAIN && kind != HDX_PART_MARKED)
      continue;
    if (seen++ != field)
      continue;
    template->parts[p].index = (uint8_t)i;
    template->size += kind == HDX_PART_FIXED ? template->parts[i].width : 0;
    template->varies |= kind != HDX_PART_FIXED;
    return NULL;
  }
  return "it repeats a number that is not there";
}

static const char *open_part(struct hdx_template *template, size_t p, size_t *pieces, struct hdx_bytes *in) {
  struct hdx_part *part = &template->parts[p];
  uint8_t kind = hdx_get_u8(in);
  if (kind > HDX_PART_REPEAT)
    return "an unknown part";
  part->kind = (enum hdx_part_kind)kind;
  if (part->kind == HDX_PART_LITERAL) {
    uint64_t size = hdx_get_varint(in);
    if (size > HDX_TEMPLATE_BYTES_MAX)
      return "a literal that is too long";
    part->text = (struct hdx_text){(const char *)hdx_get_bytes(in, (size_t)size), (size_t)size};
    template->size += (size_t)size;
    return NULL;
  }
  if (part->kind == HDX_PART_TIME)
    return open_time(template, part, pieces, in);
  if (part->kind == HDX_PART_REPEAT)
    return open_repeat(template, p, in);
  part->index = (uint8_t) template->stream_count++;
  template->varies |= part->kind != HDX_PART_FIXED;
  if (part->kind == HDX_PART_FIXED) {
    part->width = hdx_get_u8(in);
    if (part->width == 0 || part->width > HDX_TEMPLATE_DIGITS_MAX)
      return "a number of no digits, or too many";
    template->size += part->width;
  }
  return NULL;
}

static const char *open_template(struct hdx_template *template, size_t *pieces) {
  struct hdx_bytes in = hdx_bytes_of(template->bytes.data, template->bytes.size);
  const char *wrong = open_instants(template, &in);
  if (wrong)
    return wrong;
  template->part_count = hdx_get_u8(&in);
  if (template->part_count > HDX_TEMPLATE_PARTS_MAX)
    return "too many parts";
  for (size_t p = 0; !wrong && p < template->part_count; p++)
    wrong = open_part(template, p, pieces, &in);
  if (wrong)
    return wrong;
  return in.bad || hdx_bytes_left(&in) ? "its parts are not as long as it is" : NULL;
}

/* Notes where the digits of times lie in texts that are all of one size. */
static void plan_image(struct hdx_template *template) {
  size_t at = 0;
  template->imaged = !template->varies && template->size <= HDX_TEMPLATE_IMAGE_MAX;
  if (!template->imaged)
    return;
  for (int dates = 1; dates >= 0; dates--) {
    at = 0;
    for (size_t p = 0; p < template->part_count; p++) {
      const struct hdx_part *part = &template->parts[p];
      size_t digits = at;
      for (size_t i = part->piece; part->kind == HDX_PART_TIME && i < part->piece_end; i++) {
        const struct hdx_piece *piece = &template->pieces[i];
        if ((piece->place < HDX_CLOCK_HOUR) == dates)
          template->patches[template->patch_count++] =
              (struct hdx_patch){(uint16_t)digits, piece->place, piece->size, part->index};
        digits += piece->size;
      }
      at += part->kind == HDX_PART_LITERAL  ? part->text.size
            : part->kind == HDX_PART_REPEAT ? template->parts[part->index].width
                                            : part->width;
    }
    template->date_count = dates ? template->patch_count : template->date_count;
  }
}

/* Lists of the size that they came to, in one piece of memory, in place of the largest there can be. */
static bool keep_lists(struct hdx_template *template, size_t pieces) {
  size_t parts_bytes = template->part_count * sizeof *template->parts, pieces_bytes = pieces * sizeof *template->pieces;
  char *lists = malloc(parts_bytes + pieces * sizeof *template->patches + pieces_bytes + 1);
  if (!lists)
    return false;
  struct hdx_part *parts = (struct hdx_part *)(void *)lists;
  struct hdx_patch *patches = (struct hdx_patch *)(void *)(lists + parts_bytes);
  struct hdx_piece *kept = (struct hdx_piece *)(patches + pieces);
  memcpy(parts, template->parts, parts_bytes);
  memcpy(kept, template->pieces, pieces_bytes);
  template->parts = parts;
  template->pieces = kept;
  template->patches = patches;
  return true;
}

enum hdx_status hdx_template_create(struct hdx_text bytes, struct hdx_template **result, struct hdx_error *error) {
  struct hdx_part parts[HDX_TEMPLATE_PARTS_MAX] = {{0}};
  struct hdx_piece pieces[HDX_TEMPLATE_PIECES_MAX + HDX_TEMPLATE_LETTERS_MAX];
  size_t piece_count = 0;
  if (bytes.size > HDX_TEMPLATE_BYTES_MAX)
    return broken(error, "more bytes than one may have");
  struct hdx_template *template = calloc(1, sizeof *template + bytes.size + LITERAL_SLACK);
  if (!template)
    return hdx_error_memory(error, sizeof *template + bytes.size);
  template->bytes = (struct hdx_text){(char *)(template + 1), bytes.size};
  template->parts = parts;
  template->pieces = pieces;
  if (bytes.size)
    memcpy(template + 1, bytes.data, bytes.size);
  const char *wrong = open_template(template, &piece_count);
  if (wrong || !keep_lists(template, piece_count)) {
    free(template);
    return wrong ? broken(error, wrong) : hdx_error_memory(error, sizeof parts);
  }
  plan_image(template);
  *result = template;
  return HDX_OK;
}

void hdx_template_free(struct hdx_template *template) {
  if (template)
    free(template->parts);
  free(template);
}

size_t hdx_template_size_max(const struct hdx_template *template) {
  size_t size = template->size;
  for (size_t p = 0; template->varies && p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_part *said = part->kind == HDX_PART_REPEAT ? &template->parts[part->index] : part;
    if (said->kind == HDX_PART_PLAIN || said->kind == HDX_PART_MARKED)
      size += HDX_TEMPLATE_DIGITS_MAX + 2;
  }
  return size;
}

void hdx_template_show(const struct hdx_template *template, struct hdx_buffer *out) {
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_instant *instant = &template->instants[part->index % HDX_TEMPLATE_INSTANTS_MAX];
    if (part->kind == HDX_PART_LITERAL) {
      hdx_buffer_append_text(out, part->text);
    } else if (part->kind == HDX_PART_TIME) {
      hdx_buffer_append_format(out, "{%s%s:", instant->unit_ns ? "near " : "", instant->of_stop ? "stop" : "start");
      for (size_t i = 0; i < part->text.size; i++)
        hdx_buffer_append_format(out, "%%%c", part->text.data[i]);
      hdx_buffer_append_byte(out, '}');
    } else if (part->kind == HDX_PART_FIXED) {
      hdx_buffer_append_format(out, "{%u digits}", part->width);
    } else {
      hdx_buffer_append_text(out, part->kind == HDX_PART_REPEAT ? HDX_TEXT("{again}") : HDX_TEXT("{number}"));
    }
  }
}
