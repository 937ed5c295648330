// SPDX-License-Identifier: Apache-2.0
// Copies, not links: a process loads one file once, under whichever name came first, and one settings file goes with
// it.
#include "clients/swap/shim_copy.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "clients/reading.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view mark = "P11TAPE_MODULE";  // the name of its first setting is in every recorder
constexpr std::string_view entry = "C_GetFunctionList";
constexpr std::string_view configured_line = "# In the client's configuration: ";
constexpr std::size_t largest_library = 256 * 1024 * 1024;

constexpr std::string_view backup_line = "# Backup: ";

// "# Backup: 2049 131 /etc/java.cfg": device, inode, and the configuration.
std::optional<noted_backup> parse_backup(std::string_view line) {
  if (!line.starts_with(backup_line)) return std::nullopt;
  line.remove_prefix(backup_line.size());
  const char* const end = line.data() + line.size();
  noted_backup out;
  const auto device = std::from_chars(line.data(), end, out.file.device);
  if (device.ec != std::errc() || device.ptr == end) return std::nullopt;
  const auto inode = std::from_chars(device.ptr + 1, end, out.file.inode);
  if (inode.ec != std::errc() || inode.ptr == end) return std::nullopt;
  out.of = std::string(inode.ptr + 1, end);
  return out;
}

std::string without_backup(std::string_view text, const std::string& configuration) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const auto line = text.substr(at, end - at);
    const auto note = parse_backup(line.substr(0, line.find('\n')));
    if (!note || note->of != label::printable(configuration)) out += line;
    at = end;
  }
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + escape(text, escaping::quoted) + '"'; }

}  // namespace

shim_copy copy_for(std::string_view folder, std::string_view tag) {
  const std::string stem = std::string(folder) + "/p11" + std::string(tag);
  return {stem + ".so", stem + ".yaml"};
}

std::string settings_beside(std::string_view library) {
  const auto slash = library.rfind('/');
  const auto suffix = library.find(".so", slash == std::string_view::npos ? 0 : slash);
  return std::string(library.substr(0, suffix)) + ".yaml";
}

bool is_recorder(const std::string& path) {
  try {
    const secret_buffer bytes = read_whole(path, largest_library);
    return bytes.view().starts_with("\177ELF") && bytes.view().find(mark) != std::string_view::npos &&
           bytes.view().find(entry) != std::string_view::npos;
  } catch (const file_error&) {
    return false;
  }
}

std::optional<copy_settings> read_copy_settings(const std::string& settings) {
  if (!exists(settings)) return std::nullopt;
  copy_settings s;
  try {
    const secret_buffer text = read_whole(settings);
    const auto root = YAML::Load(std::string(text.view()));
    if (!root.IsMap() || !root["module"].IsDefined() || !root["module"].IsScalar()) return std::nullopt;
    s.module = root["module"].Scalar();
    if (root["dir"].IsDefined() && root["dir"].IsScalar()) s.tape_folder = root["dir"].Scalar();
    for_each_line(text.view(), [&](std::string_view line, std::size_t, std::size_t) {
      if (const auto note = parse_backup(line)) s.backups.push_back(*note);
      if (line.starts_with(configured_line)) s.configured = std::string(line.substr(configured_line.size()));
    });
  } catch (const YAML::Exception&) {
    return std::nullopt;
  } catch (const file_error&) {
    return std::nullopt;
  }
  if (s.module.empty()) return std::nullopt;
  if (s.configured.empty()) s.configured = s.module;
  return s;
}

std::string compose_settings(const copy_settings& s, std::string_view client) {
  std::string out = "# Settings of the recorder that replaces a PKCS#11 module of " + std::string(client) +
                    ".\n"
                    "# Written by p11tape swap. p11tape restore puts the module back.\n" +
                    std::string(configured_line) + s.configured + "\nmodule: " + in_quotes(s.module) + '\n';
  if (!s.tape_folder.empty()) out += "dir: " + in_quotes(s.tape_folder) + '\n';
  return out;
}

std::string with_backup(std::string_view text, const std::string& configuration, const file_id& backup) {
  std::string out = without_backup(text, configuration);
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  return out + std::string(backup_line) + std::to_string(backup.device) + ' ' + std::to_string(backup.inode) + ' ' +
         label::printable(configuration) + '\n';
}

void forget_backup(const file_location& settings, const std::string& configuration, const before_step& step) {
  try {
    const acting_as_owner owner(settings.where);
    if (!settings.where.has(settings.name)) return;
    const auto file = open_to_change(settings);
    const auto text = read_whole(file.bytes.get(), settings.path());
    const auto without = without_backup(text.view(), configuration);
    if (without != text.view()) replace_file(file, without, step);
  } catch (const file_error&) {
    // A note too many is harmless: it matches no file that anybody else can make.
  }
}

std::optional<file_id> backup_noted_for(const copy_settings& s, const std::string& configuration) {
  for (const auto& note : s.backups)
    if (note.of == label::printable(configuration)) return note.file;
  return std::nullopt;
}

}  // namespace p11tape::clients
