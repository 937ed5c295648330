// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/mq_error_log.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <optional>

#include "clients/reading.hpp"

namespace p11tape::diagnose {
namespace {

using u64 = std::uint64_t;
constexpr u64 second = 1000000000;
constexpr std::size_t most_messages = 100000;

// Numbers in a text, in order: at most seven, of at most nine digits.
struct figures {
  long value[7] = {};
  std::size_t digits[7] = {};
  std::size_t count = 0;
  std::size_t end = 0;  // behind the last
};

figures read_figures(std::string_view text, std::size_t wanted) {
  figures f;
  for (std::size_t i = 0; i < text.size() && f.count < wanted;) {
    if (!std::isdigit(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    long n = 0;
    std::size_t digits = 0;
    for (; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) && digits < 9; ++i, ++digits)
      n = n * 10 + (text[i] - '0');
    f.value[f.count] = n;
    f.digits[f.count++] = digits;
    f.end = i;
  }
  return f;
}

std::optional<u64> moment_of(long year, long month, long day, long hour, long minute, long seconds, bool utc) {
  if (year < 100) year += 2000;
  if (year < 1990 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
      seconds > 60)
    return {};
  std::tm t{};
  t.tm_year = static_cast<int>(year - 1900);
  t.tm_mon = static_cast<int>(month - 1);
  t.tm_mday = static_cast<int>(day);
  t.tm_hour = static_cast<int>(hour);
  t.tm_min = static_cast<int>(minute);
  t.tm_sec = static_cast<int>(seconds);
  t.tm_isdst = -1;
  const auto when = utc ? ::timegm(&t) : ::mktime(&t);
  return when < 0 ? std::optional<u64>() : static_cast<u64>(when) * second;
}

// "2026-11-21T18:05:01.123Z": UTC, as Time() and ibm_datetime have it.
std::optional<u64> iso_time(std::string_view text) {
  const auto f = read_figures(text, 7);
  if (f.count < 6 || f.digits[0] != 4) return {};
  auto when = moment_of(f.value[0], f.value[1], f.value[2], f.value[3], f.value[4], f.value[5], true);
  if (when && f.count == 7 && f.digits[6] <= 9) {
    u64 fraction = static_cast<u64>(f.value[6]);
    for (auto d = f.digits[6]; d < 9; ++d) fraction *= 10;
    *when += fraction;
  }
  return when;
}

// The date at the beginning of a header is in the order of the locale: the reading nearest to the tapes is taken.
std::optional<u64> local_time(std::string_view text, u64 near) {
  const auto f = read_figures(text, 6);
  if (f.count < 6) return {};
  const auto rest = text.substr(0, std::min(f.end + 4, text.size()));
  const bool afternoon = rest.find("PM") != std::string_view::npos;
  const bool morning = rest.find("AM") != std::string_view::npos;
  const auto hour = afternoon ? f.value[3] % 12 + 12 : morning ? f.value[3] % 12 : f.value[3];
  constexpr std::size_t orders[][3] = {{2, 0, 1}, {2, 1, 0}, {0, 1, 2}};  // where year, month and day stand
  std::optional<u64> best;
  const auto away = [&](u64 t) { return t > near ? t - near : near - t; };
  for (const auto& o : orders) {
    const auto t = moment_of(f.value[o[0]], f.value[o[1]], f.value[o[2]], hour, f.value[4], f.value[5], false);
    if (t && (!best || away(*t) < away(*best))) best = t;
  }
  return best;
}

// The text between `key(` and the bracket that closes it.
std::string_view inside(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return {};
  const auto from = at + key.size();
  const auto end = line.find(')', from);
  return end == std::string_view::npos ? std::string_view() : line.substr(from, end - from);
}

// "key":"value" of a JSON line; escapes are of no interest here.
std::string_view json_text(std::string_view line, std::string_view key) {
  const auto at = line.find("\"" + std::string(key) + "\"");
  if (at == std::string_view::npos) return {};
  const auto colon = line.find(':', at + key.size() + 2);
  if (colon == std::string_view::npos) return {};
  auto from = line.find_first_not_of(" \t", colon + 1);
  if (from == std::string_view::npos) return {};
  if (line[from] != '"') return line.substr(from, line.find_first_of(",}", from) - from);
  const auto end = line.find('"', ++from);
  return end == std::string_view::npos ? std::string_view() : line.substr(from, end - from);
}

u64 number_of(std::string_view text) {
  const auto f = read_figures(text, 1);
  return f.count == 0 ? 0 : static_cast<u64>(f.value[0]);
}

// AMQ, four digits, perhaps the letter of its severity.
std::string_view code_of(std::string_view text) {
  if (!text.starts_with("AMQ") || text.size() < 7) return {};
  std::size_t n = 3;
  while (n < text.size() && n < 7 && std::isdigit(static_cast<unsigned char>(text[n]))) ++n;
  if (n != 7) return {};
  if (n < text.size() && std::isupper(static_cast<unsigned char>(text[n]))) ++n;
  return text.substr(0, n);
}

bool is_header(std::string_view line) {
  return line.find("Process(") != std::string_view::npos && !line.empty() && line[0] != ' ';
}

}  // namespace

std::vector<amq_message> parse_amq_log(std::string_view text, u64 near) {
  std::vector<amq_message> all;
  amq_message now;
  bool waiting = false;  // a header has been read, its message not
  clients::for_each_line(text, [&](std::string_view line, std::size_t number, std::size_t) {
    if (all.size() == most_messages) return;
    if (line.starts_with('{')) {
      const auto when = iso_time(json_text(line, "ibm_datetime"));
      const auto code = code_of(json_text(line, "ibm_messageId"));
      if (!when || code.empty()) return;
      auto message = json_text(line, "message");
      if (message.starts_with(code))
        message.remove_prefix(std::min(message.find_first_not_of(": ", code.size()), message.size()));
      all.push_back({*when, false, std::string(code), std::string(message), number_of(json_text(line, "ibm_processId")),
                     std::string(json_text(line, "ibm_processName")), number});
      return;
    }
    if (is_header(line)) {
      const auto when = local_time(line, near);
      now = {};
      now.only_seconds = true;
      now.wall = when.value_or(0);
      now.pid = number_of(inside(line, "Process("));
      now.program = inside(line, "Program(");
      now.line = number;
      waiting = true;
      return;
    }
    if (!waiting) return;
    if (const auto time = inside(line, "Time("); !time.empty())
      if (const auto when = iso_time(time)) {
        now.wall = *when;
        now.only_seconds = false;
      }
    if (now.program.empty()) now.program = inside(line, "Program(");
    const auto code = code_of(line);
    if (code.empty()) return;
    now.code = code;
    auto rest = line.substr(code.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(": "), rest.size()));
    now.text = rest;
    if (now.wall != 0) all.push_back(now);
    waiting = false;
  });
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.wall < b.wall; });
  return all;
}

}  // namespace p11tape::diagnose
