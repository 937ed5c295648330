// SPDX-License-Identifier: Apache-2.0
#include "export/metrics.hpp"

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "query/sources/collector.hpp"
#include "query/sources/scan_sources.hpp"

namespace p11tape::exporting {
namespace {

using query::u64;

// Upper bounds of the buckets in ns; the last is +Inf.
constexpr std::array<u64, 8> bounds = {10'000,      100'000,       1'000'000,      10'000'000,
                                       100'000'000, 1'000'000'000, 10'000'000'000, 60'000'000'000};
constexpr std::array<const char*, 8> bound_texts = {"1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10", "60"};

struct durations {
  std::array<u64, bounds.size() + 1> buckets{};
  u64 sum = 0, count = 0;
  void add(u64 ns) {
    std::size_t i = 0;
    while (i < bounds.size() && ns > bounds[i]) ++i;
    ++buckets[i];
    sum += ns;
    ++count;
  }
};

// A label's value as the format wants it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

// At most so many different texts; "other" for those beyond.
class bounded {
 public:
  explicit bounded(std::size_t most) : most_(most) {}
  std::string_view of(std::string_view text) {
    if (const auto i = known_.find(text); i != known_.end()) return *i;
    if (known_.size() >= most_) return "other";
    return *known_.insert(std::string(text)).first;
  }

 private:
  std::size_t most_;
  std::set<std::string, std::less<>> known_;
};

std::string seconds(u64 ns) {
  char text[48];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(ns) / 1e9);
  return text;
}

struct token_state {
  u64 logins = 0, failed = 0, failed_since_good = 0, alarm = 0;
};

struct program_state {
  u64 calls = 0, lost = 0, open_sessions = 0, unfinished = 0, tapes = 0, damaged = 0;
};

class collection {
 public:
  void read(const tape::reader& tape) {
    const tape::reader* one = &tape;
    query::symbols pool;
    query::call_scan scan(std::span(&one, 1), pool, {});
    query::collected_tables collected;
    std::unique_ptr<query::tape_collector> collector;
    query::call_cells none(tape, pool);
    const auto program = programs_.of(none.tape().program);
    while (scan.next()) {
      if (!collector) collector = std::make_unique<query::tape_collector>(tape, scan.cells(), collected);
      collector->see(*scan.now());
      see(scan, program);
    }
    if (!collector) collector = std::make_unique<query::tape_collector>(tape, none, collected);
    collector->finish();
    using col = query::tapes_column;
    auto& p = by_program_[std::string(program)];
    p.calls += collected.tapes.at(0, col::calls).number;
    p.lost += collected.tapes.at(0, col::lost).number;
    p.unfinished += collected.tapes.at(0, col::unfinished).number;
    p.open_sessions += collected.tapes.at(0, col::open_sessions).number;
    p.damaged += collected.tapes.at(0, col::damaged).number;
    ++p.tapes;
  }

  std::string text() const;

 private:
  using function_key = std::pair<std::string, std::string>;

  void see(query::call_scan& scan, std::string_view program) {
    const auto& c = scan.call();
    auto& cells = scan.cells();
    const auto name = cells.function_name(c);
    const auto function = name.empty() ? std::string_view("other") : name;
    if (function.data() != last_function_ || program.data() != last_program_) {
      last_ = &by_function_[{std::string(program), std::string(function)}];
      last_function_ = function.data();
      last_program_ = program.data();
    }
    if (c.has_duration())
      last_->add(c.duration());
    else
      ++without_duration_[{std::string(program), std::string(function)}];
    if (c.ended() && c.return_value() != 0) {
      auto rv = std::string(cells.return_value(c));
      auto key = std::tuple(std::string(program), std::string(function), rv);
      if (errors_.size() >= most_errors && !errors_.contains(key)) key = {"other", "other", "other"};
      ++errors_[key];
    }
    if (scan.now()->role->does == cryptoki::effect::login) see_login(scan);
  }

  void see_login(query::call_scan& scan) {
    const auto& now = *scan.now();
    auto& cells = scan.cells();
    const auto& token = cells.token(now.slot);
    const auto serial = tokens_.of(std::string(token.label) + '\n' + std::string(token.serial));
    const auto cut = serial.find('\n');
    const auto user = std::string(cells.user(*now.call));
    auto& t = by_token_[{std::string(serial.substr(0, cut)),
                         cut == std::string_view::npos ? "other" : std::string(serial.substr(cut + 1)), user}];
    ++t.logins;
    const auto alarm = query::login_cell(query::logins_column::pin_alarm, cells, *now.call, &now).number;
    if (now.ok) {
      t.failed_since_good = 0;
      t.alarm = 0;
      return;
    }
    if (!now.ended) return;
    ++t.failed;
    const auto rv = cells.return_value(*now.call);
    t.failed_since_good += rv == "CKR_PIN_INCORRECT";
    t.alarm = rv == "CKR_PIN_LOCKED" ? 3 : alarm;
  }

  bounded programs_{most_programs}, tokens_{most_tokens};
  std::map<function_key, durations> by_function_;
  std::map<function_key, u64> without_duration_;
  std::map<std::tuple<std::string, std::string, std::string>, u64> errors_;
  std::map<std::tuple<std::string, std::string, std::string>, token_state> by_token_;
  std::map<std::string, program_state> by_program_;
  const char *last_function_ = nullptr, *last_program_ = nullptr;
  durations* last_ = nullptr;
};

void head(const char* name, const char* type, const char* help, std::string& out) {
  ((((((out += "# HELP ") += name) += ' ') += help) += "\n# TYPE ") += name) += ' ';
  (out += type) += '\n';
}

std::string collection::text() const {
  std::string out;
  const auto line = [&](const char* name, const std::string& labels, const std::string& value) {
    ((((out += name) += '{') += labels) += "} ") += value;
    out += '\n';
  };
  const auto of_program = [&](const char* name, const char* type, const char* help, auto value) {
    head(name, type, help, out);
    for (const auto& [program, p] : by_program_) line(name, "program=" + quoted(program), std::to_string(value(p)));
  };
  of_program("p11tape_tapes", "gauge", "Tapes that were read.", [](const auto& p) { return p.tapes; });
  of_program("p11tape_damaged_tapes", "gauge", "Tapes of which a part cannot be read.",
             [](const auto& p) { return p.damaged; });
  of_program("p11tape_lost_calls_total", "counter", "Calls that could not be recorded.",
             [](const auto& p) { return p.lost; });
  of_program("p11tape_unfinished_calls", "gauge", "Calls whose end is not on a tape.",
             [](const auto& p) { return p.unfinished; });
  of_program("p11tape_open_sessions", "gauge", "Sessions that were opened and not closed.",
             [](const auto& p) { return p.open_sessions; });

  head("p11tape_call_duration_seconds", "histogram", "Time in the module.", out);
  for (const auto& [key, d] : by_function_) {
    const auto labels = "program=" + quoted(key.first) + ",function=" + quoted(key.second);
    u64 sum = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i)
      line("p11tape_call_duration_seconds_bucket", labels + ",le=\"" + bound_texts[i] + "\"",
           std::to_string(sum += d.buckets[i]));
    line("p11tape_call_duration_seconds_bucket", labels + ",le=\"+Inf\"", std::to_string(d.count));
    line("p11tape_call_duration_seconds_sum", labels, seconds(d.sum));
    line("p11tape_call_duration_seconds_count", labels, std::to_string(d.count));
  }
  head("p11tape_calls_total", "counter", "Calls, those without a duration included.", out);
  for (const auto& [key, d] : by_function_) {
    const auto without = without_duration_.find(key);
    line("p11tape_calls_total", "program=" + quoted(key.first) + ",function=" + quoted(key.second),
         std::to_string(d.count + (without == without_duration_.end() ? 0 : without->second)));
  }
  head("p11tape_errors_total", "counter", "Calls that returned something other than CKR_OK.", out);
  for (const auto& [key, n] : errors_)
    line("p11tape_errors_total",
         "program=" + quoted(std::get<0>(key)) + ",function=" + quoted(std::get<1>(key)) +
             ",rv=" + quoted(std::get<2>(key)),
         std::to_string(n));

  const auto of_token = [&](const char* name, const char* type, const char* help, auto value) {
    head(name, type, help, out);
    for (const auto& [key, t] : by_token_)
      line(name,
           "token=" + quoted(std::get<0>(key)) + ",serial=" + quoted(std::get<1>(key)) +
               ",user=" + quoted(std::get<2>(key)),
           std::to_string(value(t)));
  };
  of_token("p11tape_logins_total", "counter", "Logins that were tried.", [](const auto& t) { return t.logins; });
  of_token("p11tape_failed_logins_total", "counter", "Logins that failed.", [](const auto& t) { return t.failed; });
  of_token("p11tape_wrong_pins_since_login", "gauge",
           "Wrong PINs since the last good login, as far as these tapes tell.",
           [](const auto& t) { return t.failed_since_good; });
  of_token("p11tape_pin_alarm", "gauge",
           "What the token said of the PIN at the last failed login: 0 nothing, 1 count low, 2 final try, 3 locked.",
           [](const auto& t) { return t.alarm; });
  return out;
}

}  // namespace

std::string metrics_of(query::tape_list tapes) {
  collection all;
  for (const auto* t : tapes) all.read(*t);
  return all.text();
}

}  // namespace p11tape::exporting
