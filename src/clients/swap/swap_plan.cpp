// SPDX-License-Identifier: Apache-2.0
// A change is made by replacing a range of bytes, and then proved by reading the result: the module must be the new
// one, and label, password and the other modules must be what they were.
#include "clients/swap/swap_plan.hpp"

#include <algorithm>

#include "clients/formats/mq_sslcryp.hpp"

namespace p11tape::clients {
namespace {

std::string line_at(std::string_view text, std::size_t number) {
  std::string out;
  for_each_line(text, [&](std::string_view line, std::size_t n, std::size_t) {
    if (n == number) out = std::string(line);
  });
  return out;
}

// A line as it may be printed. Only MQ's line holds a password beside the path.
std::string printable_line(client kind, const reading& r, std::string_view text, std::size_t number) {
  if (kind == client::mq_ini) return "   SSLCryptoHardware=" + r.shown + "   (without escapes)";
  return label::printable(line_at(text, number));
}

// A copy of the recorder for that module; or one that is gone, whose settings cannot be asked any more.
bool stands_for(const std::string& copy, const std::string& configured) {
  if (!exists(copy)) return file_of(copy).starts_with("p11");
  const auto settings = read_copy_settings(settings_beside(copy));
  return settings && settings->configured == configured && is_recorder(copy);
}

// Between single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

}  // namespace

secret_buffer with_paths(std::string_view text, const reading& r,
                         const std::vector<std::pair<std::size_t, std::string>>& paths) {
  std::string out(text);
  auto sorted = paths;
  // From the end on, so that the places in front stay where they are.
  std::sort(sorted.begin(), sorted.end(),
            [&](const auto& a, const auto& b) { return r.modules[a.first].begin > r.modules[b.first].begin; });
  for (const auto& [index, path] : sorted) {
    const auto& place = r.modules[index];
    std::string next = out.substr(0, place.begin) + escape(path, place.how) + out.substr(place.end);
    secret_buffer::wipe(out);
    out = std::move(next);
  }
  return secret_buffer(std::move(out));
}

bool only_swapped(client kind, std::string_view before, std::string_view now, std::string_view file_name) {
  const auto was = read_as(kind, before, file_name), is = read_as(kind, now, file_name);
  if (was.modules.size() != is.modules.size()) return false;
  std::vector<std::pair<std::size_t, std::string>> paths;
  for (std::size_t i = 0; i < was.modules.size(); ++i) {
    if (was.modules[i].path == is.modules[i].path) continue;
    if (!stands_for(is.modules[i].path, was.modules[i].path)) return false;
    paths.emplace_back(i, is.modules[i].path);
  }
  return with_paths(before, was, paths).view() == now;
}

std::string difference(client kind, std::string_view before, std::string_view after, std::string_view file_name) {
  const auto was = read_as(kind, before, file_name), is = read_as(kind, after, file_name);
  std::string out;
  for (std::size_t i = 0; i < std::min(was.modules.size(), is.modules.size()); ++i) {
    if (was.modules[i].path == is.modules[i].path) continue;
    const std::size_t line = was.modules[i].line;
    out += "@@ line " + std::to_string(line) + " @@\n-" + printable_line(kind, was, before, line) + "\n+" +
           printable_line(kind, is, after, is.modules[i].line) + '\n';
  }
  return out;
}

std::string reason_not_to(const reading& r) {
  for (const auto& f : r.found.all())
    if (row(f.what).blocks_swap)
      return f.title + (f.line != 0 ? " (line " + std::to_string(f.line) + ")" : "") + ". " + f.advice + " [" +
             std::string(f.id()) + "]";
  if (!r.recognised) return "This does not look like a configuration of " + std::string(name_of(r.kind)) + ".";
  if (r.modules.empty()) return "It names no module.";
  return "";
}

std::string unlike_expected(const reading& before, const reading& after, std::size_t index, std::string_view path) {
  if (after.found.has(code::CFG113) && !before.found.has(code::CFG113))
    return "The string would be longer than the 256 bytes that MQ keeps. Name a directory with a shorter path "
           "(--into).";
  bool same = after.modules.size() == before.modules.size() && after.token_label == before.token_label &&
              after.password.length == before.password.length && after.recognised == before.recognised;
  for (std::size_t i = 0; same && i < after.modules.size(); ++i)
    same = after.modules[i].path == (i == index ? path : std::string_view(before.modules[i].path));
  return same ? ""
              : "The path " + label::quoted(path) +
                    " cannot be written in the syntax of this file. Name another directory (--into).";
}

std::pair<std::optional<std::size_t>, std::string> choose_module(const reading& r, std::string_view only) {
  std::optional<std::size_t> found;
  std::string names;
  for (std::size_t i = 0; i < r.modules.size(); ++i) {
    const auto& m = r.modules[i];
    names += (names.empty() ? "" : ", ") + (m.name.empty() ? "" : label::quoted(m.name) + " ") + m.path;
    if (!only.empty() && m.name != only && m.path != only) continue;
    if (found) return {std::nullopt, "The file names several modules (" + names + " ...). Select one with --only."};
    found = i;
  }
  if (!found) return {std::nullopt, "No module " + label::quoted(only) + " is named. Named: " + names + "."};
  return {found, ""};
}

std::string tag_of(client kind, std::string_view file, std::string_view only) {
  std::string tag(row(kind).tag);
  std::string_view more = only;
  if (kind == client::p11_kit) {
    more = file_of(file);
    if (more.ends_with(".module")) more.remove_suffix(7);
  } else {
    more = file_of(more);
  }
  if (more.empty()) return tag;
  tag += '-';
  for (const char c : more.substr(0, more.find(".so"))) {
    const bool plain =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    tag += plain ? c : '_';
  }
  return tag;
}

void put_into_words(string_swap& out, const reading& r, const std::string& path) {
  const std::string start = "GSK_PKCS11=" + label::printable(r.modules[0].path);
  const std::string hiding = "GSK_PKCS11=" + path + r.shown.substr(std::min(r.shown.size(), start.size()));
  std::string to_fill = hiding;
  if (const auto at = to_fill.rfind(hidden); at != std::string::npos) to_fill.replace(at, hidden.size(), "<password>");
  if (const auto at = to_fill.find(hidden); at != std::string::npos)
    to_fill.replace(at, hidden.size(), "<token label>");
  out.mqsc = "ALTER QMGR SSLCRYP(" + mqsc_quoted(to_fill) + ")\nREFRESH SECURITY TYPE(SSL)";
  out.shell = "export MQSSLCRYP='" + shell_quoted(to_fill) + "'";
  out.shown = to_fill;
  out.result.difference = "-" + r.shown + "\n+" + hiding + '\n';
  out.result.restart = restart_advice(client::mq_string);
}

std::vector<std::string> restart_advice(client kind) {
  std::vector<std::string> lines;
  for_each_line(row(kind).restart, [&](std::string_view line, std::size_t, std::size_t) { lines.emplace_back(line); });
  return lines;
}

}  // namespace p11tape::clients
