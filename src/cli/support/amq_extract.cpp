// SPDX-License-Identifier: Apache-2.0
#include "cli/support/amq_extract.hpp"

#include "clients/files.hpp"
#include "label/token_label.hpp"
#include "text/lines.hpp"
#include "text/times.hpp"

namespace p11tape::cli {
namespace {

constexpr std::size_t largest_log = std::size_t{1} << 30;
constexpr std::uint64_t second = 1000000000, minute = 60 * second;
constexpr std::string_view withheld = "(withheld)";

}  // namespace

std::vector<diagnose::amq_message> read_amq_log(const std::string& path, std::uint64_t near) {
  return diagnose::parse_amq_log(clients::read_whole(path, largest_log).view(), near);
}

std::vector<diagnose::window> windows_of(std::span<const diagnose::amq_message> log) {
  std::vector<diagnose::window> all;
  for (const auto& m : log) {
    diagnose::window w;
    const auto from = m.only_seconds ? m.wall : m.wall / second * second;
    w.from = from - second;
    w.to = from + 2 * second - 1;
    all.push_back(w);
  }
  return all;
}

std::string without_pins(std::string_view line) {
  const auto low = text::lower(line);
  std::size_t cut = line.size();
  if (const auto string = low.find("gsk_pkcs11"); string != std::string::npos) {
    auto end = line.find(';', string);
    if (end != std::string_view::npos) end = line.find(';', end + 1);
    // A label may contain what looks like an end, so everything behind it goes.
    cut = std::min(cut, end == std::string_view::npos ? string : end + 1);
  }
  for (const auto* word : {"pin", "password", "passwd", "pwd", "passphrase"})
    for (auto at = low.find(word); at != std::string::npos; at = low.find(word, at + 1)) {
      auto sign = at + std::string_view(word).size();
      while (sign < low.size() && low[sign] == ' ') ++sign;
      if (sign < low.size() && (low[sign] == '=' || low[sign] == ':' || low[sign] == '('))
        cut = std::min(cut, sign + 1);
    }
  return cut == line.size() ? std::string(line) : std::string(line.substr(0, cut)) + std::string(withheld);
}

std::string amq_extract(std::span<const diagnose::amq_message> log, std::span<const diagnose::process_facts> all) {
  std::uint64_t first = ~std::uint64_t{0}, last = 0;
  for (const auto& p : all) {
    if (p.tally.total().calls == 0) continue;
    first = std::min(first, p.tally.first_wall());
    last = std::max(last, p.tally.last_wall());
  }
  std::string out;
  for (const auto& m : log) {
    if (m.wall + minute < first || m.wall > last + minute) continue;
    text::append_local_time(m.wall, out);
    out += "  process " + std::to_string(m.pid) + "  " + m.code + " " + without_pins(label::printable(m.text)) + "\n";
  }
  return out.empty() ? "The log has no message from the time of the calls.\n" : out;
}

}  // namespace p11tape::cli
