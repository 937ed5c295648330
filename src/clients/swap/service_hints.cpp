// SPDX-License-Identifier: Apache-2.0
#include "clients/swap/service_hints.hpp"

#include "clients/files.hpp"
#include "text/shell.hpp"

namespace p11tape::clients {
namespace {

// semanage takes regular expressions.
std::string regular_expression(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (std::string_view(".[](){}*+?|^$\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string selinux_lines(std::string_view recorder, std::string_view tapes) {
  std::string out = "SELinux: a confined service can load the recorder only with the type of a library:\n";
  out += "  semanage fcontext -a -t lib_t " + text::shell_word(regular_expression(recorder)) + "\n";
  out += "  restorecon -v " + text::shell_word(recorder) + "\n";
  if (tapes.empty()) return out;
  out +=
      "and write tapes only to a type that it may write (ls -dZ shows that of a directory where it writes already):\n";
  out += "  semanage fcontext -a -t TYPE " + text::shell_word(regular_expression(tapes) + "(/.*)?") + "\n";
  out += "  restorecon -Rv " + text::shell_word(tapes) + "\n";
  return out;
}

// systemd reads % and \ in a path of its own.
std::string unit_value(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '%') out += '%';
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out.find_first_of(" \t'\"\\") == std::string::npos ? out : '"' + out + '"';
}

std::string unit_lines(std::string_view tapes) {
  return "systemd: if a unit with ProtectSystem= or ProtectHome= starts the program, put these lines into it:\n"
         "  systemctl edit UNIT\n"
         "    [Service]\n"
         "    ReadWritePaths=" +
         unit_value(tapes) +
         "\n"
         "  systemctl restart UNIT\n";
}

}  // namespace

confinement confinement_here() { return {exists("/sys/fs/selinux/enforce"), exists("/run/systemd/system")}; }

std::string service_hints(const confinement& here, std::string_view recorder, std::string_view tapes) {
  std::string out;
  if (here.selinux) out += selinux_lines(recorder, tapes);
  if (here.systemd && !tapes.empty()) out += unit_lines(tapes);
  return out;
}

}  // namespace p11tape::clients
