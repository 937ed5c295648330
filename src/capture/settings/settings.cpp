// SPDX-License-Identifier: Apache-2.0
// Which sources there are, and which of them counts.
#include "capture/settings/settings.hpp"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capture/host/message.hpp"
#include "capture/settings/settings_table.hpp"

namespace p11tape::capture {
namespace {

constexpr std::size_t largest_file = 256 * 1024;

const char* base_name(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// The value of a variable; null where it is not set, or empty.
const char* variable(const surroundings& where, const char* name) noexcept {
  if (where.secure || where.environment == nullptr) return nullptr;
  const std::size_t size = std::strlen(name);
  for (const char* const* e = where.environment; *e != nullptr; ++e)
    if (std::strncmp(*e, name, size) == 0 && (*e)[size] == '=') return (*e)[size + 1] != 0 ? *e + size + 1 : nullptr;
  return nullptr;
}

// "/x/p11tape-luna.so" -> "/x/p11tape-luna.yaml"; with `folder`, that folder's file of the name instead.
bool yaml_name(char (&into)[PATH_MAX], const char* shim, const char* folder) noexcept {
  const char* name = base_name(shim);
  const char* suffix = std::strstr(name, ".so");
  const auto size = static_cast<int>(
      suffix != nullptr && suffix != name ? suffix - name : static_cast<std::ptrdiff_t>(std::strlen(name)));
  const int n = folder != nullptr
                    ? std::snprintf(into, sizeof into, "%s/%.*s.yaml", folder, size, name)
                    : std::snprintf(into, sizeof into, "%.*s.yaml", static_cast<int>(name - shim) + size, shim);
  return size > 0 && n > 0 && static_cast<std::size_t>(n) < sizeof into;
}

enum class found { none, used, unusable };

found try_file(settings& s, const surroundings& where, const char* path) noexcept {
  static char text[largest_file];  // settings are read once, by one thread
  std::size_t size = 0;
  char why[256];
  if (!read_trusted(where, path, text, sizeof text, size, why)) {
    if (why[0] == 0) return found::none;
    std::snprintf(s.file, sizeof s.file, "%s", path);
    problem(s, "%s: the settings file is ignored: %s.", path, why);
    s.module_unclear = true;
    return found::unusable;
  }
  std::snprintf(s.file, sizeof s.file, "%s", path);
  if (why[0] != 0) problem(s, "%s: %s.", path, why);
  read_settings_text(s, path, text, size, where.program);
  return found::used;
}

void read_file(settings& s, const surroundings& where) noexcept {
  static char path[PATH_MAX];
  static char real[PATH_MAX];
  if (const char* named = variable(where, "P11TAPE_CONFIG"); named != nullptr) {
    if (try_file(s, where, named) != found::none) return;
    problem(s, "P11TAPE_CONFIG: the file %s does not exist. No settings file is used.", shown_text(named));
    s.module_unclear = true;
    return;
  }
  const char* shim = where.shim;
  if (shim == nullptr || shim[0] == 0) return;
  // In a setuid program whoever starts it decides what a relative path means.
  if (shim[0] == '/' || !where.secure)
    if (yaml_name(path, shim, nullptr) && try_file(s, where, path) != found::none) return;
  const bool resolved = where.root[0] == 0 && realpath(shim, real) != nullptr && std::strcmp(real, shim) != 0;
  if (resolved && yaml_name(path, real, nullptr) && try_file(s, where, path) != found::none) return;
  if (yaml_name(path, shim, "/etc/p11tape") && try_file(s, where, path) != found::none) return;
  if (resolved && yaml_name(path, real, "/etc/p11tape")) try_file(s, where, path);
}

// In a setuid program variables say nothing; whoever set them should know.
void tell_ignored(settings& s, const surroundings& where) noexcept {
  if (!where.secure || where.environment == nullptr) return;
  char names[300] = "";
  std::size_t used = 0;
  const auto look_for = [&](const char* name) noexcept {
    const std::size_t size = std::strlen(name);
    for (const char* const* e = where.environment; *e != nullptr; ++e) {
      if (std::strncmp(*e, name, size) != 0 || (*e)[size] != '=' || (*e)[size + 1] == 0) continue;
      if (used + size + 3 >= sizeof names) return;
      used += static_cast<std::size_t>(
          std::snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? "" : ", ", name));
      return;
    }
  };
  look_for("P11TAPE_CONFIG");
  look_for("P11TAPE_OFF");
  for (const auto& row : setting_rows) look_for(row.variable);
  if (used == 0) return;
  problem(
      s,
      "%s: set, but ignored: the program runs with other privileges than the user who started it (setuid, setgid or "
      "file capabilities). Use a settings file.",
      names);
}

void read_variables(settings& s, const surroundings& where) noexcept {
  tell_ignored(s, where);
  for (std::size_t i = 0; i < setting_count; ++i) {
    const auto& row = setting_rows[i];
    if (const char* text = variable(where, row.variable); text != nullptr)
      take_setting(s, static_cast<setting>(i), text, row.variable, row.key);
  }
  if (const char* off = variable(where, "P11TAPE_OFF"); off != nullptr) {
    const bool means_on = std::strcmp(off, "0") == 0 || strcasecmp(off, "no") == 0 || strcasecmp(off, "off") == 0 ||
                          strcasecmp(off, "false") == 0;
    if (!means_on) take_setting(s, setting::record, "off", "P11TAPE_OFF", "record");
  }
  if (where.secure || where.environment == nullptr) return;
  // A slip of the pen; other names that begin like ours may be anybody's.
  for (const char* const* e = where.environment; *e != nullptr; ++e) {
    if (std::strncmp(*e, "P11TAPE_", 8) != 0) continue;
    char name[64];
    const std::size_t size = std::strcspn(*e, "=");
    if (size >= sizeof name) continue;
    std::memcpy(name, *e, size);
    name[size] = 0;
    const char* meant = nearest_name(name, true);
    if (meant != nullptr && std::strcmp(meant, name) != 0)
      problem(s, "%s: unknown environment variable (did you mean %s?).", name, meant);
  }
}

// The variables of OpenSC's pkcs11-spy: its recipes work here too. They count where nothing else names a module, and
// then there is a log, as there: in the file named, or on stderr.
void read_spy_variables(settings& s, const surroundings& where) noexcept {
  if (s[setting::module].given || s.module_unclear) return;
  const char* spied = variable(where, "PKCS11SPY");
  if (spied == nullptr) return;
  take_setting(s, setting::module, spied, "PKCS11SPY", "module");
  if (s[setting::log].given) return;
  const char* output = variable(where, "PKCS11SPY_OUTPUT");
  take_setting(s, setting::log, output != nullptr ? output : "stderr",
               output != nullptr ? "PKCS11SPY_OUTPUT" : "PKCS11SPY", "log");
}

// The program's environ. A host that loads this object with RTLD_DEEPBIND would have us find one that is libc's alone,
// and that nobody sets.
const char* const* the_environment() noexcept {
  void* const program = dlopen(nullptr, RTLD_LAZY);
  const auto* const found = program != nullptr ? static_cast<char***>(dlsym(program, "environ")) : nullptr;
  if (program != nullptr) dlclose(program);
  return found != nullptr ? *found : environ;
}

}  // namespace

surroundings own_surroundings(const char* shim) noexcept {
  static char program[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  program[n > 0 ? n : 0] = 0;
  return {shim, base_name(program), getauxval(AT_SECURE) != 0, geteuid(), "", the_environment()};
}

void read_settings(settings& s, const surroundings& where) noexcept {
  const int e = errno;
  std::memset(&s, 0, sizeof s);
  take_defaults(s);
  read_file(s, where);
  read_variables(s, where);
  read_spy_variables(s, where);
  find_module(s, where);
  errno = e;
}

void say_problems(const settings& s) noexcept {
  for (const char* at = s.problems; *at != 0;) {
    const std::size_t size = std::strcspn(at, "\n");
    say("%.*s", static_cast<int>(size), at);
    at += size + (at[size] == '\n' ? 1 : 0);
  }
}

}  // namespace p11tape::capture
