// SPDX-License-Identifier: Apache-2.0
#include "capture/settings/settings_table.hpp"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cryptoki/pin_text.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::capture {

namespace {

struct heading_and_row {
  const char* heading;
  setting_row row;
};

// A heading belongs to the row behind it.
constexpr heading_and_row with_headings[] = {
#define GROUP(text) {text, {}},
#define SETTING(name, key, variable, kind, standard, allowed, if_wrong, help) \
  {nullptr, {key, variable, setting_kind::kind, standard, allowed, if_wrong, help, nullptr}},
#include "capture/settings/settings.def"
#undef SETTING
#undef GROUP
};

struct table {
  setting_row rows[setting_count];
};

consteval table make_table() {
  table t{};
  std::size_t n = 0;
  const char* heading = nullptr;
  for (const auto& h : with_headings) {
    if (h.heading != nullptr) {
      heading = h.heading;
      continue;
    }
    t.rows[n] = h.row;
    t.rows[n++].heading = heading;
    heading = nullptr;
  }
  return t;
}

constexpr table the_table = make_table();

bool is_any_of(const char* text, const char* a, const char* b, const char* c, const char* d) noexcept {
  return strcasecmp(text, a) == 0 || strcasecmp(text, b) == 0 || strcasecmp(text, c) == 0 || strcasecmp(text, d) == 0;
}

bool parse_on_off(const char* text, u64& value) noexcept {
  value = is_any_of(text, "on", "yes", "true", "1") ? 1 : 0;
  return value == 1 || is_any_of(text, "off", "no", "false", "0");
}

// The place of `text` among "one|two|three".
bool parse_choice(const char* words, const char* text, u64& value) noexcept {
  const std::size_t size = std::strlen(text);
  value = 0;
  for (const char* at = words; *at != 0; ++value) {
    const std::size_t word = std::strcspn(at, "|");
    if (word == size && std::strncmp(at, text, size) == 0) return true;
    at += word + (at[word] == '|' ? 1 : 0);
  }
  return false;
}

// "LEAST..MOST"
void parse_range(const char* allowed, u64& least, u64& most) noexcept {
  char text[32];
  std::snprintf(text, sizeof text, "%s", allowed);
  char* dots = std::strstr(text, "..");
  *dots = 0;
  parse_size(text, least);
  parse_size(dots + 2, most);
}

// What is wrong with a template of tape names; null: nothing.
bool name_is_wrong(const char* text, char (&why)[160]) noexcept {
  static constexpr char known[] = "{program}{pid}{ppid}{start}{host}{uid}{module}{shim}";
  for (const char* at = text; (at = std::strpbrk(at, "{}/")) != nullptr; ++at) {
    if (*at == '/') {
      std::snprintf(why, sizeof why, "must be a file name, not a path (the directory is `dir`)");
      return true;
    }
    const char* end = std::strchr(at, '}');
    const auto size = end != nullptr ? static_cast<std::size_t>(end - at) + 1 : 0;
    char word[32] = {};
    if (*at == '{' && size < sizeof word) std::memcpy(word, at, size);
    if (word[0] == 0 || std::strstr(known, word) == nullptr) {
      std::snprintf(why, sizeof why,
                    "contains braces around a word that is not one of {program} {pid} {ppid} {start} {host} {uid} "
                    "{module} {shim}");
      return true;
    }
    at = end;
  }
  return false;
}

void leave_out(settings& s, std::size_t function) noexcept { s.left_out[function / 64] |= u64{1} << function % 64; }

// One word of leave_out: a function or a family. Functions that change state stay, whoever names them.
bool leave_out_word(settings& s, const char* word, unsigned number, char (&why)[160]) noexcept {
  bool known = false, any = false;
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto& f = cryptoki::functions[i];
    if (f.name != word && f.family != word) continue;
    known = true;
    if (cryptoki::changes_state(f.does)) continue;
    leave_out(s, i);
    any = true;
  }
  if (!known) {
    std::snprintf(
        why, sizeof why,
        "is wrong: its word %u is neither a function of PKCS#11, such as C_Sign, nor a family, such as digest", number);
  } else if (!any) {
    std::snprintf(why, sizeof why, "names `%.40s`, which changes the state of the library and is always recorded",
                  word);
  }
  return any;
}

bool parse_calls(settings& s, const char* text, char (&why)[160]) noexcept {
  std::memset(s.left_out, 0, sizeof s.left_out);
  unsigned number = 0;
  for (const char* at = text;;) {
    at += std::strspn(at, " ,\t");
    const std::size_t size = std::strcspn(at, " ,\t");
    if (size == 0) return true;
    char word[64] = {};
    std::memcpy(word, at, size < sizeof word ? size : sizeof word - 1);
    if (!leave_out_word(s, word, ++number, why)) return false;
    at += size;
  }
}

// Checks a value and fills in its number. `why` completes "KEY: `VALUE` ...".
bool parse(settings& s, setting which, const char* text, u64& number, char (&why)[160]) noexcept {
  const auto& row = row_of(which);
  u64 least = 0, most = 0;
  switch (row.kind) {
    case setting_kind::text:
      return !name_is_wrong(text, why);
    case setting_kind::path:
      return true;
    case setting_kind::calls:
      return parse_calls(s, text, why);
    case setting_kind::choice: {
      if (parse_choice(row.allowed, text, number)) return true;
      std::size_t n = static_cast<std::size_t>(std::snprintf(why, sizeof why, "is not one of "));
      for (const char* c = row.allowed; *c != 0 && n + 3 < sizeof why; ++c) {
        if (*c == '|') why[n++] = ',';
        why[n++] = *c == '|' ? ' ' : *c;
      }
      why[n] = 0;
      return false;
    }
    case setting_kind::on_off:
      if (parse_on_off(text, number)) return true;
      std::snprintf(why, sizeof why, "is neither on nor off");
      return false;
    case setting_kind::duration:
      if (parse_duration(text, number)) return true;
      std::snprintf(why, sizeof why, "is not a duration such as 500us, 5ms or 2s");
      return false;
    case setting_kind::size:
    case setting_kind::count:
      parse_range(row.allowed, least, most);
      if (parse_size(text, number) && number >= least && number <= most) return true;
      std::snprintf(why, sizeof why,
                    row.kind == setting_kind::size ? "is not a size such as 64M in the range %s"
                                                   : "is not a number in the range %s",
                    row.allowed);
      return false;
  }
  return false;
}

// How many letters have to be changed, added or left out to make one word of the other; no more than 3 are counted.
unsigned distance(const char* a, const char* b) noexcept {
  constexpr std::size_t longest = 40;
  const std::size_t m = std::strlen(a), n = std::strlen(b);
  if (m > longest || n > longest) return 3;
  unsigned char line[longest + 1];
  for (std::size_t j = 0; j <= n; ++j) line[j] = static_cast<unsigned char>(j);
  for (std::size_t i = 1; i <= m; ++i) {
    unsigned char diagonal = line[0];
    line[0] = static_cast<unsigned char>(i);
    for (std::size_t j = 1; j <= n; ++j) {
      const unsigned char above = line[j];
      unsigned best = diagonal + (a[i - 1] != b[j - 1] ? 1u : 0u);
      if (above + 1u < best) best = above + 1u;
      if (line[j - 1] + 1u < best) best = line[j - 1] + 1u;
      diagonal = above;
      line[j] = static_cast<unsigned char>(best);
    }
  }
  return line[n];
}

}  // namespace

const setting_row setting_rows[setting_count] = {
#define GROUP(heading)
#define SETTING(name, ...) the_table.rows[static_cast<std::size_t>(setting::name)],
#include "capture/settings/settings.def"
#undef SETTING
#undef GROUP
};

std::size_t setting_of_key(const char* key) noexcept {
  std::size_t i = 0;
  while (i < setting_count && std::strcmp(setting_rows[i].key, key) != 0) ++i;
  return i;
}

const char* nearest_name(const char* word, bool variables) noexcept {
  const char* nearest = nullptr;
  // Of a short name, one letter is as much as can be a slip.
  constexpr std::size_t prefix = sizeof "P11TAPE_" - 1;
  const std::size_t length = std::strlen(word), own = variables && length > prefix ? length - prefix : length;
  unsigned least = own < 5 ? 2 : 3;
  const auto look_at = [&](const char* name) noexcept {
    if (const unsigned d = distance(word, name); d < least) {
      least = d;
      nearest = name;
    }
  };
  for (const auto& row : setting_rows) look_at(variables ? row.variable : row.key);
  look_at(variables ? "P11TAPE_CONFIG" : "programs");
  if (variables) look_at("P11TAPE_OFF");
  return nearest;
}

bool parse_size(const char* text, u64& bytes) noexcept {
  if (text[0] < '0' || text[0] > '9' || std::strlen(text) > 24) return false;
  char* end = nullptr;
  errno = 0;
  bytes = std::strtoull(text, &end, 10);
  if (errno != 0) return false;
  unsigned shift = 0;
  switch (*end) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    default:
      return *end == 0;
  }
  ++end;
  if (std::strcmp(end, "iB") == 0) end += 2;
  if (*end != 0 || bytes > (~u64{0} >> shift)) return false;
  bytes <<= shift;
  return true;
}

bool parse_duration(const char* text, u64& ns) noexcept {
  static constexpr struct {
    const char* unit;
    u64 ns;
  } units[] = {{"ns", 1},         {"us", 1000},         {"ms", 1000000},
               {"s", 1000000000}, {"h", 3600000000000}, {"d", 86400000000000}};
  if (std::strcmp(text, "0") == 0) {
    ns = 0;
    return true;
  }
  if (text[0] < '0' || text[0] > '9' || std::strlen(text) > 24) return false;
  char* end = nullptr;
  errno = 0;
  const u64 number = std::strtoull(text, &end, 10);
  while (*end == ' ') ++end;
  for (const auto& u : units) {
    if (std::strcmp(end, u.unit) != 0) continue;
    ns = number * u.ns;
    return errno == 0 && number <= u64{1000000000000000000} / u.ns;
  }
  return false;
}

void problem(settings& s, const char* format, ...) noexcept {
  const std::size_t used = std::strlen(s.problems);
  char* at = s.problems + used;
  const std::size_t room = sizeof s.problems - used;
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(at, room, format, arguments);
  va_end(arguments);
  // A sentence that does not fit wholly is left out wholly.
  if (size < 0 || static_cast<std::size_t>(size) + 1 >= room) {
    *at = 0;
    return;
  }
  // Each problem is one line, whatever it quotes.
  for (char* c = at; *c != 0; ++c)
    if (static_cast<unsigned char>(*c) < ' ' || *c == 0x7f) *c = '?';
  at[size] = '\n';
  at[size + 1] = 0;
}

bool is_configuration(const char* text) noexcept {
  if (cryptoki::holds_pin(text)) return true;
  return cryptoki::is_configuration_string(text) && access(text, F_OK) != 0;  // files may be named like anything
}

const char* shown_text(const char* text) noexcept {
  return is_configuration(text) ? cryptoki::withheld_text.data() : text;
}

const char* shown_name(const char* text) noexcept {
  static constexpr char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
  static constexpr char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-+/";
  const std::size_t size = std::strlen(text);
  const bool plain = size > 0 && size <= 64 && std::strspn(text, letters) > 0 && std::strspn(text, others) == size;
  return plain && !cryptoki::holds_pin(text) ? text : "(a name that is not shown)";
}

void take_setting(settings& s, setting which, const char* text, const char* from, const char* key) noexcept {
  const auto& row = row_of(which);
  auto& value = s[which];
  const bool is_module = which == setting::module;
  const auto wrong = [&](const char* why) noexcept {
    if (is_module) {
      value.text[0] = 0;
      s.module_unclear = true;
      problem(s, "%s: %s %s.", from, key, why);
      return;
    }
    char ignored[160];
    parse(s, which, row.if_wrong, value.number, ignored);
    std::snprintf(value.text, sizeof value.text, "%s", row.if_wrong);
    const bool plain = row.if_wrong[0] == 0;
    // The value is not quoted: it may be anything, a PIN in the wrong line among others.
    problem(s, "%s: %s: the value %s. %s%s%s is used.", from, key, why, plain ? "The default" : "`", row.if_wrong,
            plain ? "" : "`");
  };
  std::snprintf(value.from, sizeof value.from, "%s", from);
  value.given = true;
  if (is_module) s.module_unclear = false;
  char why[160] = {};
  if (std::strlen(text) >= sizeof value.text) {
    std::snprintf(why, sizeof why, "is longer than %zu bytes", sizeof value.text - 1);
    return wrong(why);
  }
  for (const char* c = text; *c != 0; ++c)
    if (*c == '\n' || *c == '\r') return wrong("contains a newline");
  if (is_configuration(text))
    return wrong("is a configuration string, which may hold a PIN, instead of a path or name; the string is not shown");
  if (!parse(s, which, text, value.number, why)) return wrong(why);
  std::memcpy(value.text, text, std::strlen(text) + 1);
}

void take_defaults(settings& s) noexcept {
  char why[160];
  for (std::size_t i = 0; i < setting_count; ++i) {
    auto& value = s.values[i];
    std::snprintf(value.text, sizeof value.text, "%s", setting_rows[i].standard);
    std::strcpy(value.from, "default");
    value.given = false;
    value.number = 0;
    parse(s, static_cast<setting>(i), value.text, value.number, why);
  }
}

}  // namespace p11tape::capture
