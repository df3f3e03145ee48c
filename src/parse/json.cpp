/* The one place that knows simdjson. Its stage 1 finds the structure and checks UTF-8 and strings; its on-demand
 * iterator is then walked over the whole document, because it checks only what it is asked for. Scalars that it would
 * skip unchecked (numbers, true, false, null) are checked by their token.
 *
 * Memory of a document, one allocation each:
 *   struct document | text, NUL, padding of blanks | values | arena of strings that have escapes
 *
 * Nothing throws: of simdjson only functions that are noexcept are called, and what they return is looked at, also
 * where it can only be success. */
/* Without optimisation it also checks how it is used, in memory of which it does not look whether it was there. */
#define SIMDJSON_DEVELOPMENT_CHECKS 0
#include <simdjson.h>

#include <atomic>
#include <cassert>
#include <cstdlib>
#include <cstring>

/* C allows what C++ warns of: a function named as its struct, an initializer that names some members. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
extern "C" {
#include "base/arena.h"
#include "base/error.h"
#include "parse/json.h"
#include "parse/json_fault.h"
}
#pragma GCC diagnostic pop

namespace ondemand = simdjson::ondemand;

namespace {

/* Values of a small document, and of a larger one per byte: a list of single digits is denser than any catalog, and an
 * array of values 32 times the size of the text must not be had for the asking. */
constexpr size_t values_min = size_t(1) << 20;
constexpr size_t value_bytes = 8;

struct document {
  char *text;
  hdx_json_value *values;
  hdx_arena arena;
};

class builder {
public:
  builder(document &to, hdx_text of, const ondemand::parser &by, ondemand::document &from)
      : doc(to), text(of), parser(by), root(from), max(values_min + of.size / value_bytes) {}
  builder(const builder &) = delete;
  builder &operator=(const builder &) = delete;
  ~builder() {
    std::free(unescaped);
  }

  bool walk_root() {
    char first = 0;
    for (size_t i = 0; i < text.size && !first; i++)
      first = blank(text.data[i]) ? 0 : text.data[i];
    if (first != '{' && first != '[')
      return walk_scalar_root();
    ondemand::value value;
    return root.get_value().get(value) == simdjson::SUCCESS && walk(value, {nullptr, 0}, 1) &&
           root.current_location().error() == simdjson::OUT_OF_BOUNDS;
  }

  uint32_t count = 0;
  hdx_status status = HDX_OK; /* what failed beside the grammar */

private:
  document &doc;
  hdx_text text;
  const ondemand::parser &parser;
  ondemand::document &root;
  size_t capacity = 0, max;
  uint8_t *unescaped = nullptr; /* room for any string of the text; NULL: not needed so far */

  static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }

  static hdx_text trim(const char *from, const char *to) {
    while (to > from && blank(to[-1]))
      to--;
    return {from, size_t(to - from)};
  }

  bool fail(hdx_status what) {
    status = what;
    return false;
  }

  /* A new last value; its address holds until the next call. */
  hdx_json_value *add(hdx_json_type type, hdx_text name, hdx_text raw) {
    if (count == capacity) {
      if (count == max) {
        fail(HDX_LIMIT);
        return nullptr;
      }
      size_t more = capacity ? capacity * 2 : 64 + text.size / 32;
      more = more < max ? more : max;
      void *memory = std::realloc(doc.values, more * sizeof(hdx_json_value));
      if (!memory) {
        fail(HDX_MEMORY);
        return nullptr;
      }
      doc.values = static_cast<hdx_json_value *>(memory);
      capacity = more;
    }
    hdx_json_value *value = &doc.values[count++];
    *value = {type, count, 0, name, raw, raw};
    return value;
  }

  /* The text of a string whose closing quote is before `end`: a view where it has no escape, else an unescaped copy.
   * simdjson has room of its own for that, but does not look whether there was memory for it. */
  bool string(ondemand::raw_json_string raw, const char *end, hdx_text &out) {
    const char *from = raw.raw();
    auto quote = static_cast<const char *>(std::memchr(from, '"', size_t(end - from)));
    if (!quote)
      return false;
    out = {from, size_t(quote - from)};
    if (!std::memchr(from, '\\', out.size))
      return true;
    if (!unescaped)
      unescaped = static_cast<uint8_t *>(std::malloc(text.size + simdjson::SIMDJSON_PADDING));
    if (!unescaped)
      return fail(HDX_MEMORY);
    uint8_t *to = unescaped;
    std::string_view view;
    if (parser.unescape(raw, to).get(view) != simdjson::SUCCESS)
      return false;
    out = hdx_arena_copy(&doc.arena, {view.data(), view.size()});
    return out.data || fail(HDX_MEMORY);
  }

  template <typename value_type> bool walk_string(value_type &value, hdx_text name, hdx_text raw) {
    /* Takes it from the iterator: what is left to be skipped is not checked ({"a":"b":1} would pass). */
    ondemand::raw_json_string written;
    hdx_text content;
    if (value.get_raw_json_string().get(written) != simdjson::SUCCESS || !string(written, raw.data + raw.size, content))
      return false;
    hdx_json_value *added = add(HDX_JSON_STRING, name, raw);
    if (added)
      added->text = content;
    return added != nullptr;
  }

  bool walk_token(hdx_text name, hdx_text raw) {
    hdx_json_type type;
    return hdx_json_scalar(raw, &type) && add(type, name, raw);
  }

  bool walk_scalar_root() {
    std::string_view token;
    if (root.raw_json_token().get(token) != simdjson::SUCCESS)
      return false;
    hdx_text raw = trim(token.data(), token.data() + token.size());
    hdx_text whole = trim(raw.data, text.data + text.size);
    if (raw.size != whole.size)
      return false;
    return raw.size && raw.data[0] == '"' ? walk_string(root, {nullptr, 0}, raw) : walk_token({nullptr, 0}, raw);
  }

  bool walk(ondemand::value value, hdx_text name, unsigned depth) {
    std::string_view token = value.raw_json_token();
    hdx_text raw = trim(token.data(), token.data() + token.size());
    if (raw.size == 0)
      return false;
    if (raw.data[0] == '"')
      return walk_string(value, name, raw);
    if (raw.data[0] != '{' && raw.data[0] != '[')
      return walk_token(name, raw);
    if (depth > HDX_JSON_DEPTH_MAX)
      return false;
    uint32_t index = count, children = 0;
    bool object = raw.data[0] == '{';
    if (!add(object ? HDX_JSON_OBJECT : HDX_JSON_LIST, name, raw))
      return false;
    if (!(object ? walk_object(value, depth, children) : walk_list(value, depth, children)))
      return false;
    /* The iterator stands on the token behind the closing bracket. */
    const char *behind = text.data + text.size;
    auto location = root.current_location();
    if (location.error() == simdjson::SUCCESS)
      behind = location.value_unsafe();
    else if (location.error() != simdjson::OUT_OF_BOUNDS)
      return false;
    hdx_json_value &added = doc.values[index];
    added.raw = added.text = trim(raw.data, behind);
    added.count = children;
    added.next = count;
    return true;
  }

  bool walk_list(ondemand::value &value, unsigned depth, uint32_t &children) {
    ondemand::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS)
      return false;
    for (auto element : list) {
      ondemand::value child;
      if (element.get(child) != simdjson::SUCCESS || !walk(child, {nullptr, 0}, depth + 1))
        return false;
      children++;
    }
    return true;
  }

  bool walk_object(ondemand::value &value, unsigned depth, uint32_t &children) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS)
      return false;
    for (auto member : object) {
      ondemand::field field;
      hdx_text name;
      if (std::move(member).get(field) != simdjson::SUCCESS)
        return false;
      if (!string(field.key(), text.data + text.size, name) || !walk(field.value(), name, depth + 1))
        return false;
      children++;
    }
    return true;
  }
};

void describe_byte(hdx_text text, size_t at, char *out, size_t size) {
  size_t end = at;
  while (end < text.size && end - at < 20 && ((text.data[end] | 0x20) >= 'a' && (text.data[end] | 0x20) <= 'z'))
    end++;
  end += end == at;
  unsigned char c = at < text.size ? static_cast<unsigned char>(text.data[at]) : 0;
  if (at >= text.size)
    std::snprintf(out, size, "the end of the document");
  else if (c < 0x20 || c >= 0x7f)
    std::snprintf(out, size, "byte 0x%02x", c);
  else
    std::snprintf(out, size, "'%.*s'", static_cast<int>(end - at), text.data + at);
}

void place_of(hdx_text text, size_t at, size_t *line, size_t *column) {
  size_t from = 0;
  *line = 1;
  while (from < at) {
    auto newline = static_cast<const char *>(std::memchr(text.data + from, '\n', at - from));
    if (!newline)
      break;
    from = static_cast<size_t>(newline - text.data) + 1;
    ++*line;
  }
  *column = at - from + 1;
}

hdx_status refuse(hdx_text text, const char *source, simdjson::error_code code, hdx_error *error) {
  hdx_json_fault fault;
  size_t line, column;
  char found[40];
  if (code == simdjson::MEMALLOC)
    return hdx_error_memory(error, text.size * 5);
  if (!hdx_json_find_fault(text, &fault))
    return hdx_error_set(error, HDX_INTEGRITY, "%s: not JSON: %s", source, simdjson::error_message(code));
  place_of(text, fault.at, &line, &column);
  describe_byte(text, fault.at, found, sizeof found);
  return hdx_error_set(error, HDX_INTEGRITY, "%s: line %zu column %zu: expected %s, found %s", source, line, column,
                       fault.expected, found);
}

/* When it is first used, simdjson makes names of what it may use, in functions that may not throw: the program would
 * end there. Whether there is memory for them is tried beforehand. Volatile: compilers may take an allocation that
 * nobody uses for one that succeeds. */
bool may_begin() {
  static std::atomic<bool> begun;
  void *volatile names = begun ? nullptr : std::malloc(4096);
  bool may = begun || names;
  std::free(names);
  begun = may;
  return may;
}

hdx_status parse_document(document &doc, hdx_text text, const char *source, uint32_t *count, hdx_error *error) {
  if (!may_begin())
    return refuse(text, source, simdjson::MEMALLOC, error);
  ondemand::parser parser;
  ondemand::document root;
  auto code = parser.iterate(text.data, text.size, text.size + simdjson::SIMDJSON_PADDING).get(root);
  if (code != simdjson::SUCCESS)
    return refuse(text, source, code, error);
  builder build(doc, text, parser, root);
  if (!build.walk_root()) {
    if (build.status == HDX_MEMORY)
      return hdx_error_memory(error, text.size);
    if (build.status == HDX_LIMIT)
      return hdx_error_set(error, HDX_LIMIT, "%s: more than %zu values in a JSON document of %zu bytes", source,
                           values_min + text.size / value_bytes, text.size);
    return refuse(text, source, simdjson::TAPE_ERROR, error);
  }
  *count = build.count;
  return HDX_OK;
}

void free_document(document *doc) {
  if (!doc)
    return;
  hdx_arena_deinit(&doc->arena);
  std::free(doc->values);
  std::free(doc->text);
  std::free(doc);
}

} // namespace

extern "C" hdx_status hdx_json_parse(hdx_text text, const char *source, hdx_json *json, hdx_error *error) {
  static const char mark[] = "\xef\xbb\xbf";
  if (text.size >= 3 && std::memcmp(text.data, mark, 3) == 0)
    text = {text.data + 3, text.size - 3};
  if (text.size >= UINT32_MAX) /* which simdjson cannot count */
    return hdx_error_set(error, HDX_LIMIT, "%s: a JSON document of %zu bytes is too large", source, text.size);
  auto doc = static_cast<document *>(std::calloc(1, sizeof(document)));
  size_t size = text.size + simdjson::SIMDJSON_PADDING;
  if (doc)
    doc->text = static_cast<char *>(std::malloc(size));
  if (!doc || !doc->text) {
    free_document(doc);
    return hdx_error_memory(error, size);
  }
  if (text.size)
    std::memcpy(doc->text, text.data, text.size);
  std::memset(doc->text + text.size, 0, simdjson::SIMDJSON_PADDING);
  /* No unescaped text is longer than its escaped form; the terminators and the arena's spare room come on top. */
  doc->arena.max = text.size * 2 + (size_t(4) << 20);
  hdx_json parsed = {nullptr, 0, {doc->text, text.size}, doc};
  hdx_status status = parse_document(*doc, parsed.text, source, &parsed.count, error);
  if (status != HDX_OK) {
    free_document(doc);
    return status;
  }
  assert(parsed.count > 0); /* a document is a value at the least */
  void *fitting = std::realloc(doc->values, parsed.count * sizeof(hdx_json_value));
  if (fitting)
    doc->values = static_cast<hdx_json_value *>(fitting);
  parsed.values = doc->values;
  *json = parsed;
  return HDX_OK;
}

extern "C" void hdx_json_deinit(hdx_json *json) {
  free_document(static_cast<document *>(json->memory));
  *json = {};
}

extern "C" const hdx_json_value *hdx_json_first(const hdx_json *, const hdx_json_value *parent) {
  return parent && parent->count ? parent + 1 : nullptr;
}

extern "C" const hdx_json_value *hdx_json_next(const hdx_json *json, const hdx_json_value *parent,
                                               const hdx_json_value *child) {
  return child->next < parent->next ? json->values + child->next : nullptr;
}

extern "C" const hdx_json_value *hdx_json_member(const hdx_json *json, const hdx_json_value *value, const char *name) {
  if (!value || value->type != HDX_JSON_OBJECT)
    return nullptr;
  hdx_text wanted = hdx_text_of(name);
  const hdx_json_value *child = hdx_json_first(json, value);
  while (child && !hdx_text_equal(child->name, wanted))
    child = hdx_json_next(json, value, child);
  return child;
}

extern "C" void hdx_json_place(const hdx_json *json, hdx_text view, size_t *line, size_t *column) {
  auto at = reinterpret_cast<uintptr_t>(view.data) - reinterpret_cast<uintptr_t>(json->text.data);
  *line = *column = 0;
  if (at <= json->text.size)
    place_of(json->text, at, line, column);
}

extern "C" const char *hdx_json_version(void) {
  return SIMDJSON_STRINGIFY(SIMDJSON_VERSION);
}
