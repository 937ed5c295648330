// SPDX-License-Identifier: Apache-2.0
// Errors first, then warnings, then what was asked; the rest on request.
#include "clients/doctor/doctor_report.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace p11tape::clients {
namespace {

using nlohmann::json;

// Hints that answer what was asked; the others are left for --verbose.
constexpr code answers[] = {code::CFG101, code::CFG116, code::CFG148, code::CFG213, code::CFG301, code::CFG310,
                            code::CFG314, code::CFG407, code::CFG513, code::CFG612, code::CFG614, code::CFG617,
                            code::CFG621, code::CFG622, code::CFG624, code::CFG712, code::CFG722, code::CFG729,
                            code::CFG741, code::CFG765, code::CFG769, code::CFG771, code::CFG782, code::CFG783,
                            code::CFG802, code::CFG821, code::CFG823};

bool is_answer(code c) { return std::find(std::begin(answers), std::end(answers), c) != std::end(answers); }

// Wraps prose; lines of a picture are shorter than the width and stay as they are.
void put(std::string& out, std::string_view text, std::string_view first, std::string_view rest, std::size_t width) {
  std::string_view indent = first;
  for (std::size_t at = 0; at <= text.size();) {
    std::string_view line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    do {
      std::size_t end = line.size();
      if (indent.size() + end > width) {
        end = line.rfind(' ', width - indent.size());
        if (end == std::string_view::npos || end == 0) end = std::min(line.find(' '), line.size());
      }
      if (end > 0) out += std::string(indent) + std::string(line.substr(0, end));
      out += '\n';
      line.remove_prefix(std::min(end + 1, line.size()));
      indent = rest;
    } while (!line.empty());
  }
}

void put_finding(std::string& out, const finding& f, std::size_t width) {
  const std::string head = std::string(name_of(f.level)) + ": " + f.title +
                           (f.line == 0 ? "" : ", line " + std::to_string(f.line)) + "  [" + std::string(f.id()) + "]";
  put(out, head, "  ", "    ", width);
  // A picture of bytes has many lines: what to do comes before it.
  const auto picture = f.detail.find("\n\n");
  if (!f.detail.empty()) put(out, std::string_view(f.detail).substr(0, picture), "      ", "      ", width);
  if (!f.advice.empty()) put(out, f.advice, "      -> ", "         ", width);
  // Not wrapped: it is to be pasted.
  if (!f.setting.empty()) out += "         " + label::printable(f.setting) + '\n';
  if (picture != std::string::npos) put(out, std::string_view(f.detail).substr(picture + 1), "      ", "      ", width);
}

std::vector<finding> sorted(const findings& found) {
  auto all = found.all();
  std::stable_sort(all.begin(), all.end(), [](const finding& a, const finding& b) { return a.level > b.level; });
  return all;
}

json to_json(const probe_result& p) {
  json tokens = json::array();
  for (const auto& t : p.tokens)
    tokens.push_back({{"slot", std::to_string(t.slot)},
                      {"label", label::printable(label::unpadded(t.label))},
                      {"manufacturer", label::printable(label::unpadded(t.manufacturer))},
                      {"model", label::printable(label::unpadded(t.model))},
                      {"serial", label::printable(label::unpadded(t.serial))},
                      {"flags", std::to_string(t.flags)}});
  return {{"library", label::printable(p.library)}, {"slots", p.slots}, {"tokens", tokens}};
}

json to_json(const examination& e) {
  json out{{"title", e.title}, {"usable", e.usable}};
  if (!e.shown.empty()) out["shown"] = label::printable(e.shown);
  out["modules"] = json::array();
  for (const auto& m : e.modules) {
    json module{{"configured", label::printable(m.configured)},
                {"loaded", label::printable(m.loaded)},
                {"name", label::printable(m.name)}};
    if (m.probe) module.update(to_json(*m.probe));
    out["modules"].push_back(std::move(module));
  }
  out["findings"] = json::array();
  for (const auto& f : sorted(e.found)) {
    json one{
        {"id", f.id()}, {"severity", name_of(f.level)}, {"title", f.title}, {"detail", f.detail}, {"advice", f.advice}};
    if (f.line != 0) one["line"] = f.line;
    if (!f.setting.empty()) one["setting"] = f.setting;
    out["findings"].push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string report_text(const std::vector<examination>& all, bool verbose, std::size_t width) {
  if (all.empty()) return "No configuration was found: nothing was checked.\n";
  std::string out;
  std::size_t errors = 0, warnings = 0, hints = 0;
  for (const auto& e : all) {
    if (!out.empty()) out += '\n';
    put(out, e.title, "", "  ", width);
    if (!e.shown.empty()) put(out, e.shown, "  ", "  ", width);
    for (const auto& m : e.modules) {
      out += "  module " + label::printable(m.configured) +
             (m.name.empty() ? "" : "  (" + label::printable(m.name) + ")") + '\n';
      if (m.probe && !m.probe->library.empty()) out += "    " + label::printable(m.probe->library) + '\n';
    }
    for (const auto& f : sorted(e.found)) {
      errors += f.level == severity::error;
      warnings += f.level == severity::warning;
      const bool shown = verbose || f.level != severity::info || is_answer(f.what);
      hints += !shown;
      if (shown) put_finding(out, f, width);
    }
  }
  out += '\n' + std::to_string(errors) + (errors == 1 ? " error, " : " errors, ") + std::to_string(warnings) +
         (warnings == 1 ? " warning" : " warnings");
  if (hints != 0) out += ", " + std::to_string(hints) + (hints == 1 ? " hint" : " hints") + " more with --verbose";
  return out + ".\n";
}

std::string report_json(const std::vector<examination>& all) {
  json out{{"status", status_of(all)}, {"examined", json::array()}};
  for (const auto& e : all) out["examined"].push_back(to_json(e));
  return out.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace p11tape::clients
