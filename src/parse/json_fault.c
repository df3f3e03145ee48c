/* A pushdown automaton over bytes: one bit of stack for each open list or object, one state for what may come next. */
#include "parse/json_fault.h"

enum state { VALUE, FIRST_VALUE, NAME, FIRST_NAME, COLON, COMMA, END };

struct walk {
  struct hdx_text text;
  size_t at;
  uint64_t objects; /* bit d - 1: depth d is an object, otherwise a list */
  unsigned depth;
  enum state state;
  struct hdx_json_fault *fault;
};

_Static_assert(HDX_JSON_DEPTH_MAX <= 64, "one bit of the stack for each level");

/* Returns false, so that a rule can end with it. */
static bool fault(struct walk *walk, size_t at, const char *expected) {
  *walk->fault = (struct hdx_json_fault){at, expected};
  return false;
}

/* The byte, or -1 behind the end. */
static int peek(struct hdx_text text, size_t at) {
  return at < text.size ? (unsigned char)text.data[at] : -1;
}

static bool digit(int c) {
  return c >= '0' && c <= '9';
}

static size_t digits(struct hdx_text text, size_t at) {
  while (digit(peek(text, at)))
    at++;
  return at;
}

/* Moves *at behind a number; false with *at where it stops being one. */
static bool number(struct hdx_text text, size_t *at) {
  *at += peek(text, *at) == '-';
  if (!digit(peek(text, *at)))
    return false;
  *at = peek(text, *at) == '0' ? *at + 1 : digits(text, *at);
  if (peek(text, *at) == '.') {
    size_t from = ++*at;
    if ((*at = digits(text, from)) == from)
      return false;
  }
  if (peek(text, *at) == 'e' || peek(text, *at) == 'E') {
    ++*at;
    *at += peek(text, *at) == '+' || peek(text, *at) == '-';
    size_t from = *at;
    if ((*at = digits(text, from)) == from)
      return false;
  }
  return true;
}

bool hdx_json_scalar(struct hdx_text token, enum hdx_json_type *type) {
  size_t at = 0;
  if (hdx_text_equal(token, HDX_TEXT("true")))
    *type = HDX_JSON_TRUE;
  else if (hdx_text_equal(token, HDX_TEXT("false")))
    *type = HDX_JSON_FALSE;
  else if (hdx_text_equal(token, HDX_TEXT("null")))
    *type = HDX_JSON_NULL;
  else if (number(token, &at) && at == token.size)
    *type = HDX_JSON_NUMBER;
  else
    return false;
  return true;
}

static int hex4(struct hdx_text text, size_t at) {
  int value = 0;
  for (size_t i = at; i < at + 4; i++) {
    int c = peek(text, i);
    int lower = c | 0x20;
    if (!digit(c) && (lower < 'a' || lower > 'f'))
      return -1;
    value = value << 4 | (digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return value;
}

/* Moves behind the escape at walk->at, a backslash. */
static bool escape(struct walk *walk) {
  size_t at = walk->at;
  int c = peek(walk->text, at + 1);
  if (c != 'u') {
    walk->at += 2;
    return (c > 0 && strchr("\"\\/bfnrt", c)) ||
           fault(walk, at, "an escape (\\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX)");
  }
  int code = hex4(walk->text, at + 2);
  if (code < 0)
    return fault(walk, at, "four hexadecimal digits behind \\u");
  walk->at += 6;
  if (code < 0xd800 || code > 0xdfff)
    return true;
  int second = peek(walk->text, at + 6) == '\\' && peek(walk->text, at + 7) == 'u' ? hex4(walk->text, at + 8) : -1;
  if (code > 0xdbff || second < 0xdc00 || second > 0xdfff)
    return fault(walk, at, "a pair of surrogates (\\uD800 to \\uDBFF, then \\uDC00 to \\uDFFF)");
  walk->at += 6;
  return true;
}

/* Moves behind the string at walk->at, a quote. */
static bool string(struct walk *walk) {
  size_t from = walk->at++;
  for (;;) {
    int c = peek(walk->text, walk->at);
    if (c < 0)
      return fault(walk, from, "a string with a closing quote");
    if (c < 0x20)
      return fault(walk, walk->at, "a closing quote, or an escape in place of a control byte");
    size_t size = hdx_text_utf8(walk->text, walk->at);
    if (size == 0)
      return fault(walk, walk->at, "UTF-8");
    if (c == '\\') {
      if (!escape(walk))
        return false;
      continue;
    }
    walk->at += size;
    if (c == '"')
      return true;
  }
}

/* What comes behind a value: of the document, or of the list or object around it. */
static void leave(struct walk *walk) {
  walk->state = walk->depth ? COMMA : END;
}

static bool in_object(const struct walk *walk) {
  return walk->depth && (walk->objects >> (walk->depth - 1) & 1);
}

static bool value(struct walk *walk) {
  int c = peek(walk->text, walk->at);
  size_t from = walk->at;
  if (c == '{' || c == '[') {
    if (walk->depth == HDX_JSON_DEPTH_MAX)
      return fault(walk, from, "no deeper nesting than 64 levels");
    uint64_t bit = UINT64_C(1) << walk->depth++;
    walk->objects = c == '{' ? walk->objects | bit : walk->objects & ~bit;
    walk->state = c == '{' ? FIRST_NAME : FIRST_VALUE;
    walk->at++;
    return true;
  }
  leave(walk);
  if (c == '"')
    return string(walk);
  if (c == '-' || digit(c)) {
    if (!number(walk->text, &walk->at))
      return fault(walk, walk->at, "a digit");
  } else {
    while ((peek(walk->text, walk->at) | 0x20) >= 'a' && (peek(walk->text, walk->at) | 0x20) <= 'z')
      walk->at++;
    enum hdx_json_type type;
    if (!hdx_json_scalar(hdx_text_sub(walk->text, from, walk->at), &type))
      return fault(walk, from, "a value");
  }
  return true;
}

static bool close(struct walk *walk) {
  walk->depth--;
  walk->at++;
  leave(walk);
  return true;
}

static bool step(struct walk *walk) {
  int c = peek(walk->text, walk->at);
  bool object = in_object(walk);
  switch (walk->state) {
  case FIRST_VALUE:
    return c == ']' ? close(walk) : value(walk);
  case VALUE:
    return value(walk);
  case FIRST_NAME:
  case NAME:
    if (c == '}' && walk->state == FIRST_NAME)
      return close(walk);
    if (c != '"')
      return fault(walk, walk->at, walk->state == NAME ? "a name in double quotes" : "a name in double quotes or a }");
    walk->state = COLON;
    return string(walk);
  case COLON:
    walk->state = VALUE;
    return walk->at++, c == ':' || fault(walk, walk->at - 1, "a colon behind the name");
  case COMMA:
    if (c == (object ? '}' : ']'))
      return close(walk);
    walk->state = object ? NAME : VALUE;
    return walk->at++, c == ',' || fault(walk, walk->at - 1, object ? "a comma or a }" : "a comma or a ]");
  case END:
    break;
  }
  return fault(walk, walk->at, "the end of the document");
}

bool hdx_json_find_fault(struct hdx_text text, struct hdx_json_fault *found) {
  struct walk walk = {.text = text, .fault = found};
  for (;;) {
    int c = peek(text, walk.at);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      c = peek(text, ++walk.at);
    if (c < 0 && walk.state == END)
      return false;
    if (!step(&walk))
      return true;
  }
}
