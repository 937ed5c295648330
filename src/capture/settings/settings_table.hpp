// SPDX-License-Identifier: Apache-2.0
// The rows of settings.def as a table, and how a value's text becomes a value: for whoever reads or shows settings.
#pragma once

#include "capture/settings/settings.hpp"

namespace p11tape::capture {

enum class setting_kind : u32 { text, path, choice, on_off, size, count, duration, calls };

struct setting_row {
  const char* key;
  const char* variable;
  setting_kind kind;
  const char* standard;  ///< the default
  const char* allowed;
  const char* if_wrong;
  const char* help;
  const char* heading;  ///< of the group that begins with this row, or null
};

extern const setting_row setting_rows[setting_count];

inline const setting_row& row_of(setting s) noexcept { return setting_rows[static_cast<std::size_t>(s)]; }

/// The setting of that key; setting_count where there is none.
std::size_t setting_of_key(const char* key) noexcept;

/// A name so near to `word` that it may have been meant: a key (`variables` false) or a variable; null where none is
/// near.
const char* nearest_name(const char* word, bool variables) noexcept;

/// Appends a sentence, with its newline, to s.problems.
__attribute__((format(printf, 2, 3))) void problem(settings& s, const char* format, ...) noexcept;

/// True for text that is no path and no name, but a configuration string (cryptoki/pin_text.hpp): it may hold a PIN.
bool is_configuration(const char* text) noexcept;

/// The text, or what stands in its place where it may hold a PIN. The same for a name that somebody has made up: only
/// what looks like a name is shown.
const char* shown_text(const char* text) noexcept;
const char* shown_name(const char* text) noexcept;

/// Takes a value. `from` is where it came from, for people; `key` is how that source calls the setting. Where the text
/// is wrong, says so in s.problems and takes the row's fallback.
void take_setting(settings& s, setting which, const char* text, const char* from, const char* key) noexcept;

/// Sets every setting to its default.
void take_defaults(settings& s) noexcept;

/// "5ms", "2s", "100us", "0" in ns. False where it is none.
bool parse_duration(const char* text, u64& ns) noexcept;

/// "64M", "1GiB", "500000". False where it is none.
bool parse_size(const char* text, u64& bytes) noexcept;

/// Reads the text of a settings file: settings at the top level, then those of the section of `program`. What is wrong
/// anywhere in it is a problem. No exception leaves it.
void read_settings_text(settings& s, const char* path, const char* text, std::size_t size,
                        const char* program) noexcept;

/// Finds out which file `module` means, in s.module_path: itself where it has a slash, else the module that p11-kit's
/// configuration knows by that name, else the name for the loader to look for.
void find_module(settings& s, const surroundings& where) noexcept;

/// A whole file, at most `size` - 1 bytes and a NUL behind. Under AT_SECURE only a file that nobody can write but root
/// and the effective user. On failure `why` has the reason, "" where there is no such file.
bool read_trusted(const surroundings& where, const char* path, char* into, std::size_t size, std::size_t& read,
                  char (&why)[256]) noexcept;

}  // namespace p11tape::capture
