// SPDX-License-Identifier: Apache-2.0
#include "profile/report.hpp"

namespace p11tape::profile {

std::string title_of(const diagnose::process_facts& d) {
  // A log that was imported may not say which process it was.
  return label::printable(d.program) + (d.pid == 0 ? std::string() : ", process " + std::to_string(d.pid));
}

}  // namespace p11tape::profile
