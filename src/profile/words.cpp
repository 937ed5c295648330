// SPDX-License-Identifier: Apache-2.0
#include "profile/report.hpp"

namespace p11tape::profile {

std::string title_of(const diagnose::process_facts& d) {
  return label::printable(d.program) + ", process " + std::to_string(d.pid);
}

}  // namespace p11tape::profile
