// SPDX-License-Identifier: Apache-2.0
// A name on the command line becomes a file here: p11-kit's by its search order, NSS's by its folder.
#include "cli/support/client_options.hpp"

#include <cstdlib>

#include "clients/files.hpp"
#include "clients/formats/p11kit.hpp"

namespace p11tape::cli {
namespace {

using clients::client;

// As p11-kit finds it.
std::string config_folder() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder != '\0') return folder;
  const std::string home = home_folder();
  return home.empty() ? home : home + "/.config";
}

client_options::target nss_database(std::string folder) {
  for (const std::string_view prefix : {"sql:", "dbm:"})
    if (folder.starts_with(prefix)) folder.erase(0, prefix.size());
  const std::string text = folder + "/pkcs11.txt", old = folder + "/secmod.db";
  if (!clients::exists(text) && clients::exists(old)) return {client::nss, old, "", ""};
  return {client::nss, text, "", ""};
}

client_options::target p11_kit_file(const std::string& name) {
  if (name.find('/') != std::string::npos) return {client::p11_kit, name, "", ""};
  const auto found = clients::find_p11_kit_file(name, config_folder(), clients::exists);
  if (found.path.empty()) {
    std::string where;
    for (const auto& folder : clients::p11_kit_folders(config_folder())) where += (where.empty() ? "" : ", ") + folder;
    return {client::p11_kit, "", name + " was not found in " + where + ".", ""};
  }
  std::string note;
  for (const auto& path : found.also) note += (note.empty() ? found.path + " overrides " : ", ") + path;
  return {client::p11_kit, found.path, "", note};
}

}  // namespace

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home != nullptr ? home : "";
}

void client_options::add_to(CLI::App& command, which rows) {
  for (const auto& row : clients::client_rows())
    if (row.swappable || rows == which::all)
      command.add_option(row.option, (*this)[row.kind], row.help)->type_name(row.argument);
}

std::vector<client_options::target> client_options::files() const {
  std::vector<target> out;
  for (const auto& row : clients::client_rows()) {
    const auto& given = (*this)[row.kind];
    if (given.empty() || !row.swappable || row.kind == client::mq_string) continue;
    if (row.kind == client::nss)
      out.push_back(nss_database(given));
    else if (row.kind == client::p11_kit)
      out.push_back(p11_kit_file(given));
    else
      out.push_back({row.kind, given, "", ""});
  }
  return out;
}

bool client_options::any() const {
  for (const auto& row : clients::client_rows())
    if (row.swappable && !(*this)[row.kind].empty()) return true;
  return false;
}

bool client_options::any_of_caller() const {
  for (const auto& row : clients::client_rows())
    if (row.user == clients::runs_as::caller && !(*this)[row.kind].empty()) return true;
  return false;
}

}  // namespace p11tape::cli
