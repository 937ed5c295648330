// SPDX-License-Identifier: Apache-2.0
// Commands that a swap leaves to the administrator, because they change what belongs to the system: SELinux types of the
// recorder and the tapes, and the directories that a systemd unit may write to. Ready to be pasted.
#pragma once

#include <string>
#include <string_view>

namespace p11tape::clients {

/// What stands between a service and its files on this machine.
struct confinement {
  bool selinux = false;
  bool systemd = false;
};

confinement confinement_here();

/// Text for people, with the commands indented by two spaces; "" if there is nothing to do. `recorder`: the client's
/// copy; `tapes`: their directory, or "".
std::string service_hints(const confinement& here, std::string_view recorder, std::string_view tapes);

}  // namespace p11tape::clients
