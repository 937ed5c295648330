// SPDX-License-Identifier: Apache-2.0
// A module file is found by its name in three folders; the first one that has it decides.
#include "clients/formats/p11kit.hpp"

#include <algorithm>
#include <iterator>

namespace p11tape::clients {
namespace {

constexpr std::string_view known[] = {"module",         "critical",        "enable-in", "disable-in", "managed",
                                      "priority",       "trust-policy",    "remote",    "log-calls",  "server-address",
                                      "x-trust-lookup", "x-init-reserved", "filter"};
constexpr std::string_view suffix = ".module";

}  // namespace

reading read_p11_kit(std::string_view text, std::string_view file_name) {
  reading r;
  r.kind = client::p11_kit;
  bool remote = false, named = false;
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') return;
    const auto colon = line.find(':');
    const auto equals = line.find('=');
    if (colon == std::string_view::npos || equals < colon) {
      r.found.add(code::CFG763, "", number);
      return;
    }
    const std::string_view name = trim(line.substr(0, colon)), value = trim(line.substr(colon + 1));
    const bool is_known =
        std::find(std::begin(known), std::end(known), name) != std::end(known) || name.starts_with("x-");
    if (!is_known) r.found.add(code::CFG764, label::quoted(name), number);
    if (name == "remote") remote = true;
    if ((name == "enable-in" || name == "disable-in") && !value.empty())
      r.found.add(code::CFG767, std::string(name) + ": " + std::string(value), number);
    if (name != "module") return;
    named = true;
    if (value.empty()) {
      r.found.add(code::CFG765, "", number);
      return;
    }
    const std::size_t begin = offset_of(value, text);
    r.modules.push_back(
        {std::string(value), std::string(file_name), number, begin, begin + value.size(), escaping::none});
    if (!value.starts_with('/')) r.found.add(code::CFG762, label::quoted(value), number);
    if (value.find("p11-kit-proxy") != std::string_view::npos) r.found.add(code::CFG766, "", number);
  });
  r.recognised = named || remote || r.found.has(code::CFG763);
  if (remote)
    r.found.add(code::CFG769);
  else if (!named)
    r.found.add(code::CFG761);
  if (!file_name.empty() && !file_name.ends_with(suffix)) r.found.add(code::CFG768, label::quoted(file_name));
  return r;
}

std::vector<std::string> p11_kit_folders(std::string_view config_home) {
  std::vector<std::string> out;
  if (!config_home.empty()) out.push_back(std::string(config_home) + "/pkcs11/modules");
  out.emplace_back("/etc/pkcs11/modules");
  out.emplace_back("/usr/share/p11-kit/modules");
  return out;
}

p11_kit_file find_p11_kit_file(std::string_view name, std::string_view config_home,
                               const std::function<bool(const std::string&)>& exists) {
  p11_kit_file found;
  std::string file(name);
  if (!file.ends_with(suffix)) file += suffix;
  for (const auto& folder : p11_kit_folders(config_home)) {
    const std::string path = folder + '/' + file;
    if (!exists(path)) continue;
    if (found.path.empty())
      found.path = path;
    else
      found.also.push_back(path);
  }
  return found;
}

std::string p11_kit_module_path(std::string_view module, const std::function<bool(const std::string&)>& exists) {
  if (module.starts_with('/')) return std::string(module);
  for (const std::string_view folder :
       {"/usr/lib/x86_64-linux-gnu/pkcs11/", "/usr/lib/aarch64-linux-gnu/pkcs11/", "/usr/lib/s390x-linux-gnu/pkcs11/",
        "/usr/lib/powerpc64le-linux-gnu/pkcs11/", "/usr/lib64/pkcs11/", "/usr/lib/pkcs11/", "/usr/local/lib/pkcs11/"}) {
    std::string path = std::string(folder) + std::string(module);
    if (exists(path)) return path;
  }
  return std::string(module);
}

}  // namespace p11tape::clients
