#include "diagnose/phrase.hpp"

#include <cstdio>

#include "cryptoki/pkcs11.hpp"
#include "render/words.hpp"

namespace p11tape::diagnose {

std::string hex(u64 n) {
  std::string text;
  render::append_hexadecimal(n, text);
  return text;
}

std::string short_code(u64 value) {
  const auto name = cryptoki::display_name("return_value", value);
  return name.empty() ? "return value " + hex(value) : name;
}

std::string code(u64 value) {
  const auto name = cryptoki::display_name("return_value", value);
  return name.empty() ? "return value " + hex(value) : name + " (" + hex(value) + ")";
}

std::string mechanism(u64 type) {
  if (type == unknown) return "an unknown mechanism";
  const auto name = cryptoki::display_name("mechanism", type);
  return name.empty() ? "mechanism " + hex(type) : name;
}

std::string name_of(cryptoki::function f) {
  return f == model::unknown_function ? "a function that this program does not know"
                                      : std::string(cryptoki::row(f).name);
}

std::string user_name(u64 user) {
  switch (user) {
    case CKU_SO:
      return "the security officer";
    case CKU_USER:
      return "the user";
    case CKU_CONTEXT_SPECIFIC:
      return "a single operation (CKU_CONTEXT_SPECIFIC)";
    default:
      return "user type " + hex(user);
  }
}

std::string duration(u64 ns) {
  char text[40];
  const auto n = static_cast<double>(ns);
  if (ns < 1000)
    std::snprintf(text, sizeof text, "%llu ns", static_cast<unsigned long long>(ns));
  else if (ns < 1000000)
    std::snprintf(text, sizeof text, "%.0f µs", n / 1e3);
  else if (ns < 1000000000)
    std::snprintf(text, sizeof text, "%.0f ms", n / 1e6);
  else
    std::snprintf(text, sizeof text, "%.2f s", n / 1e9);
  return text;
}

std::string counted(u64 n, std::string_view one, std::string_view many) {
  return n == 1 ? cat(1, " ", one) : many.empty() ? cat(n, " ", one, "s") : cat(n, " ", many);
}

std::string percent(u64 part, u64 whole) {
  return whole == 0 ? "0 %"
                    : cat(static_cast<u64>(100.0 * static_cast<double>(part) / static_cast<double>(whole)), " %");
}

std::string listed(const std::vector<std::string>& all, std::size_t most) {
  std::string out;
  const auto shown = all.size() <= most ? all.size() : most;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == all.size();
    out += (i == 0 ? "" : last ? " and " : ", ") + all[i];
  }
  if (shown < all.size()) out += cat(" and ", all.size() - shown, " more");
  return out;
}

std::string how_often(const incident& i) {
  return i.count == 1
             ? cat(name_of(i.which), " answered ", code(i.value))
             : cat(i.count, " calls of ", name_of(i.which), " answered ", code(i.value), ", the last is call ", i.last);
}

}  // namespace p11tape::diagnose
