// SPDX-License-Identifier: Apache-2.0
// A module named by its name in p11-kit's configuration: NAME.module in the folders that p11-kit looks in.
#include <dirent.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstring>

#include "capture/settings/settings_table.hpp"

namespace p11tape::capture {
namespace {

constexpr std::size_t largest_file = 16 * 1024;

// Where p11-kit keeps module files, the user's own first, and where it looks for modules that are named without a path.
constexpr const char* file_folders[] = {"/etc/pkcs11/modules", "/usr/share/p11-kit/modules"};
constexpr const char* module_folders[] = {
#ifdef P11TAPE_LIBRARY_ARCHITECTURE
    "/usr/lib/" P11TAPE_LIBRARY_ARCHITECTURE "/pkcs11",
#endif
    "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/usr/local/lib/pkcs11"};

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }

// The value of the line "module: VALUE".
bool module_line(char* text, char (&value)[PATH_MAX]) noexcept {
  for (char* line = text; line != nullptr && *line != 0;) {
    char* next = std::strchr(line, '\n');
    if (next != nullptr) *next++ = 0;
    while (is_blank(*line)) ++line;
    if (std::strncmp(line, "module", 6) == 0) {
      char* at = line + 6;
      while (is_blank(*at)) ++at;
      if (*at == ':') {
        ++at;
        while (is_blank(*at)) ++at;
        std::size_t size = std::strlen(at);
        while (size > 0 && is_blank(at[size - 1])) --size;
        if (size == 0 || size >= sizeof value) return false;
        std::memcpy(value, at, size);
        value[size] = 0;
        return true;
      }
    }
    line = next;
  }
  return false;
}

// The module that a p11-kit file names, with its folder.
bool read_module_file(settings& s, const surroundings& where, const char* path) noexcept {
  static char text[largest_file];
  static char value[PATH_MAX];
  std::size_t size = 0;
  char why[256];
  if (!read_trusted(where, path, text, sizeof text, size, why)) {
    if (why[0] != 0) problem(s, "%s: %s cannot be used: %s.", s[setting::module].from, path, why);
    return false;
  }
  if (why[0] != 0) problem(s, "%s: %s.", path, why);
  if (!module_line(text, value)) return false;
  if (is_configuration(value)) {
    problem(s, "%s: `module` is a configuration string, which may hold a PIN, instead of a path (it is not shown).",
            path);
    return false;
  }
  if (value[0] == '/') {
    std::snprintf(s.module_path, sizeof s.module_path, "%s", value);
    return true;
  }
  for (const char* folder : module_folders) {
    char inside[2 * PATH_MAX];
    std::snprintf(s.module_path, sizeof s.module_path, "%.2000s/%.2000s", folder, value);
    std::snprintf(inside, sizeof inside, "%.4000s%s", where.root, s.module_path);
    if (access(inside, F_OK) == 0) return true;
  }
  std::snprintf(s.module_path, sizeof s.module_path, "%s", value);
  return true;
}

// The home of whoever starts the program says nothing in a setuid one.
const char* home_of(const surroundings& where) noexcept {
  if (where.secure || where.environment == nullptr) return nullptr;
  for (const char* const* e = where.environment; *e != nullptr; ++e)
    if (std::strncmp(*e, "HOME=", 5) == 0) return *e + 5;
  return nullptr;
}

}  // namespace

void find_module(settings& s, const surroundings& where) noexcept {
  const char* name = s.text(setting::module);
  std::snprintf(s.module_path, sizeof s.module_path, "%s", name);
  if (name[0] == 0 || std::strchr(name, '/') != nullptr) return;
  char path[PATH_MAX];
  if (const char* home = home_of(where); home != nullptr) {
    std::snprintf(path, sizeof path, "%.2000s/.config/pkcs11/modules/%.1000s.module", home, name);
    if (read_module_file(s, where, path)) return;
  }
  for (const char* folder : file_folders) {
    std::snprintf(path, sizeof path, "%s/%.1000s.module", folder, name);
    if (read_module_file(s, where, path)) return;
  }
}

}  // namespace p11tape::capture
