// SPDX-License-Identifier: Apache-2.0
#include "capture/start_live_log.hpp"

#include "capture/host/message.hpp"

namespace p11tape::capture {
namespace {

void complain(const char* sentence) noexcept { say("%s", sentence); }

}  // namespace

bool start_log(const settings& s) noexcept {
  if (s.text(setting::log)[0] == 0) return false;
  const auto here = own_surroundings(nullptr);
  return log::start({s.text(setting::log), s.number(setting::log_format) == 1,
                     static_cast<log::level>(s.number(setting::log_level)), s.number(setting::log_slow),
                     s.number(setting::log_entry) != 0, s.number(setting::log_size),
                     static_cast<unsigned>(s.number(setting::log_files)), here.program, complain});
}

}  // namespace p11tape::capture
