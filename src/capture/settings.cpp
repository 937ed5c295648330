#include "capture/settings.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace p11tape::capture {
namespace {

constexpr u64 default_limit = u64{256} << 20;
constexpr u64 least_limit = u64{1} << 20;
constexpr u64 largest_limit = u64{64} << 30;
constexpr u32 default_keep = 10;
constexpr u64 default_payload = 64 * 1024;

__attribute__((format(printf, 2, 3))) void problem(settings& s, const char* format, ...) noexcept {
  const std::size_t used = std::strlen(s.problems);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(s.problems + used, sizeof s.problems - used, format, arguments);
  va_end(arguments);
}

// secure_getenv: a setuid program must not take the path of a library from whoever starts it.
bool take(settings& s, const char* variable, setting_text& into) noexcept {
  const char* value = secure_getenv(variable);
  if (value == nullptr || value[0] == 0) return false;
  if (std::strlen(value) >= sizeof into.value) {
    problem(s, "%s is longer than %zu bytes and was ignored.\n", variable, sizeof into.value - 1);
    return false;
  }
  std::strcpy(into.value, value);
  std::snprintf(into.from, sizeof into.from, "%s", variable);
  return true;
}

bool is_off(const char* v) noexcept {
  return std::strcmp(v, "off") == 0 || std::strcmp(v, "no") == 0 || std::strcmp(v, "false") == 0 ||
         std::strcmp(v, "0") == 0;
}

// "64M", "1G", "500000".
bool parse_size(const char* text, u64& value) noexcept {
  char* end = nullptr;
  if (text[0] < '0' || text[0] > '9') return false;
  value = std::strtoull(text, &end, 10);
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
  if (end[0] == 'i' && end[1] == 'B') end += 2;
  if (*end != 0 || value > (~u64{0} >> shift)) return false;
  value <<= shift;
  return true;
}

void take_size(settings& s, const char* variable, u64 least, u64 most, u64& into) noexcept {
  setting_text text{};
  if (!take(s, variable, text)) return;
  u64 value = 0;
  if (!parse_size(text.value, value) || value < least || value > most) {
    problem(s, "%s=%s is not a size from %llu to %llu bytes (such as 64M) and was ignored.\n", variable, text.value,
            static_cast<unsigned long long>(least), static_cast<unsigned long long>(most));
    return;
  }
  into = value;
}

}  // namespace

void read_settings(settings& s, const char*) noexcept {
  std::memset(&s, 0, sizeof s);
  s.profile = tape::profile::standard;
  s.record = true;
  s.limit = default_limit;
  s.keep = default_keep;
  s.ring = true;
  s.most_payload = default_payload;

  if (!take(s, "P11TAPE_MODULE", s.module)) take(s, "PKCS11SPY", s.module);
  take(s, "P11TAPE_DIR", s.folder);
  take_size(s, "P11TAPE_LIMIT", least_limit, largest_limit, s.limit);
  take_size(s, "P11TAPE_PAYLOAD_LIMIT", 0, u64{1} << 20, s.most_payload);
  u64 keep = s.keep;
  take_size(s, "P11TAPE_KEEP", 0, 1000000, keep);
  s.keep = static_cast<u32>(keep);

  if (take(s, "P11TAPE_PROFILE", s.profile_text)) {
    const char* v = s.profile_text.value;
    if (std::strcmp(v, "strict") == 0) {
      s.profile = tape::profile::strict;
    } else if (std::strcmp(v, "payload") == 0) {
      s.profile = tape::profile::payload;
    } else if (std::strcmp(v, "default") != 0) {
      // Somebody who mistypes a profile may have wanted less to be recorded, not more.
      s.profile = tape::profile::strict;
      problem(s, "P11TAPE_PROFILE=%.40s is none of default, strict, payload: strict is used.\n", v);
    }
  }
  setting_text text{};
  if (take(s, "P11TAPE_WHEN_FULL", text)) {
    s.ring = std::strcmp(text.value, "stop") != 0;
    if (s.ring && std::strcmp(text.value, "ring") != 0)
      problem(s, "P11TAPE_WHEN_FULL=%.40s is neither ring nor stop: ring is used.\n", text.value);
  }
  if (take(s, "P11TAPE_OFF", s.record_text)) s.record = is_off(s.record_text.value);
}

}  // namespace p11tape::capture
