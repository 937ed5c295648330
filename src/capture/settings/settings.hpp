// SPDX-License-Identifier: Apache-2.0
// What the recorder is told from outside, and by whom.
//
// settings.def has a row for each setting; this is what becomes of them in memory. Plain data without destructors: it
// is read for the first time before main may have begun, and for the last time after static destructors have run.
//
// Two sources, in this order: the variable of a setting (never in a setuid program), and one file, the first that
// exists of: what P11TAPE_CONFIG names, FOLDER/NAME.yaml beside the shared object FOLDER/NAME.so, the same beside its
// real path, /etc/p11tape/NAME.yaml. A file that exists and cannot be used ends the search, so that a mistake in it can
// never make another file, and so another module, count. PKCS11SPY comes last.
#pragma once

#include <cstddef>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u32;
using tape::u64;

enum class setting : u32 {
#define GROUP(heading)
#define SETTING(name, ...) name,
#include "capture/settings/settings.def"
#undef SETTING
#undef GROUP
};

inline constexpr std::size_t setting_count = 0
#define GROUP(heading)
#define SETTING(name, ...) +1
#include "capture/settings/settings.def"
#undef SETTING
#undef GROUP
    ;

struct setting_value {
  char text[1024];  ///< as it was given, or the default
  char from[1088];  ///< "P11TAPE_LIMIT", "/etc/p11tape/p11tape.yaml:12", or "default"
  u64 number;       ///< of a size, a count; ns of a duration; 0 or 1 of on_off; the place of a choice's word
  bool given;       ///< somebody gave it: it is not the default
};

struct settings {
  setting_value values[setting_count];
  char file[1024];         ///< the settings file that was found; empty: none
  bool module_unclear;     ///< something names the module, but wrongly: then no other source may
  char module_path[4096];  ///< what `module` means: the path that is to be loaded
  u64 left_out[4];         ///< a bit a function: leave_out
  char problems[6000];     ///< what was wrong, a sentence a line; for people and for the tape

  const setting_value& operator[](setting s) const noexcept { return values[static_cast<std::size_t>(s)]; }
  setting_value& operator[](setting s) noexcept { return values[static_cast<std::size_t>(s)]; }
  const char* text(setting s) const noexcept { return (*this)[s].text; }
  u64 number(setting s) const noexcept { return (*this)[s].number; }
  bool is_left_out(unsigned function) const noexcept { return (left_out[function / 64] >> function % 64 & 1) != 0; }
  tape::profile profile() const noexcept { return static_cast<tape::profile>(number(setting::profile) + 1); }
};

/// Where settings are looked for. The recorder describes its own process; `p11tape settings` describes another one.
struct surroundings {
  const char* shim;                ///< path of the shared object, as it was loaded
  const char* program;             ///< file name of the executable
  bool secure;                     ///< AT_SECURE: no variables, and only files that nobody else can write
  u32 user;                        ///< effective user id
  const char* root;                ///< put before every path: "", or /proc/PID/root
  const char* const* environment;  ///< as environ; may be null
};

/// Those of this process. `program` points to static memory.
surroundings own_surroundings(const char* shim) noexcept;

/// Reads all settings. What is wrong is in `problems`; then the fallback of its row counts.
void read_settings(settings& s, const surroundings& where) noexcept;

/// Says each problem, once.
void say_problems(const settings& s) noexcept;

}  // namespace p11tape::capture
