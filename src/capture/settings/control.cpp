// SPDX-License-Identifier: Apache-2.0
#include "capture/settings/control.hpp"

#include <sys/stat.h>

#include <cstring>

#include "capture/host/clock.hpp"
#include "capture/host/message.hpp"
#include "capture/settings/settings_table.hpp"

namespace p11tape::capture {

bool control_file::first_look(const settings& s) noexcept {
  inode_ = size_ = changed_ = 0;
  wanted_ = s.number(setting::record) != 0;
  if (s.text(setting::control)[0] == 0) return wanted_;
  next_.store(now() + 1000000000, std::memory_order_relaxed);
  return look(s);
}

bool control_file::look(const settings& s) noexcept {
  const char* path = s.text(setting::control);
  struct stat st {};
  if (stat(path, &st) != 0) {
    inode_ = 0;
    return wanted_ = s.number(setting::record) != 0;
  }
  const u64 changed = static_cast<u64>(st.st_ctim.tv_sec) * 1000000000u + static_cast<u64>(st.st_ctim.tv_nsec);
  if (st.st_ino == inode_ && static_cast<u64>(st.st_size) == size_ && changed == changed_) return wanted_;
  inode_ = st.st_ino;
  size_ = static_cast<u64>(st.st_size);
  changed_ = changed;

  char text[256];
  char why[256];
  std::size_t size = 0;
  if (!read_trusted(own_surroundings(nullptr), path, text, sizeof text, size, why)) {
    if (why[0] != 0) say("cannot use the control file %s: %s. Recording stays %s.", path, why, wanted_ ? "on" : "off");
    return wanted_;
  }
  if (why[0] != 0) say("the control file %s: %s.", path, why);
  const char* word = text + std::strspn(text, " \t\r\n");
  const std::size_t length = std::strcspn(word, " \t\r\n");
  // Whoever writes a file has it empty for a moment.
  if (length == 0) return wanted_;
  const auto is = [&](const char* w) noexcept { return std::strlen(w) == length && strncasecmp(word, w, length) == 0; };
  if (is("on") || is("yes") || is("true") || is("1")) return wanted_ = true;
  if (is("off") || is("no") || is("false") || is("0")) return wanted_ = false;
  say("the control file %s must contain on or off, and contains something else. Recording stays %s.", path,
      wanted_ ? "on" : "off");
  return wanted_;
}

}  // namespace p11tape::capture
