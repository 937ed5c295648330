// SPDX-License-Identifier: Apache-2.0
// The report as one JSON object; JSON.md describes it.
#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "text/json_writer.hpp"
#include "text/times.hpp"

namespace p11tape::profile {
namespace {

constexpr std::size_t most_rows = 1000;

class writer {
 public:
  writer(std::span<const std::vector<std::string>> missing, std::string& out) : missing_(missing), json_(out) {}

  void tell(const measured& all) {
    json_.begin_object();
    json_.field("schema", text::json_schema);
    json_.field("kind", "profile");
    const bool several = all.each.size() > 1;
    if (several) {
      json_.key("total");
      json_.begin_object();
      sentences(verdict(all));
      tell(all.total, true);
      json_.end_object();
    }
    json_.key("tapes");
    json_.begin_array();
    for (std::size_t i = 0; i < all.each.size(); ++i) tell(all, i);
    json_.end_array();
    json_.end_object();
    json_.end_line();
  }

 private:
  void sentences(const std::vector<std::string>& all) {
    json_.key("verdict");
    json_.begin_array();
    for (const auto& s : all) json_.element(s);
    json_.end_array();
  }

  void tell(const measured& all, std::size_t i) {
    const auto& m = all.each[i];
    const auto& d = all.processes[i];
    json_.begin_object();
    json_.field("tape", u64{i + 1});
    json_.field("path", d.tape->path());
    json_.field("program", d.program);
    json_.field("pid", d.pid);
    json_.field("module", d.module);
    json_.field("filtered", d.filtered);
    if (i < missing_.size()) {
      json_.field("complete", missing_[i].empty());
      json_.key("missing");
      json_.begin_array();
      for (const auto& s : missing_[i]) json_.element(s);
      json_.end_array();
    }
    sentences(verdict(m, d, all.findings));
    json_.field("span_ns", d.pace.last_end - d.pace.first_start);
    json_.field("busy_ns", d.pace.busy);
    tell(m.breakdown, false);
    tell(m.logins);
    tell(m.between);
    tell(m.concurrency);
    json_.key("findings");
    json_.begin_array();
    for (const auto* f : about_time(all.findings, i)) {
      json_.begin_object();
      json_.field("id", f->id);
      json_.field("slug", f->slug);
      json_.field("say", f->say);
      json_.field("advice", f->advice);
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  void tell(const call_stats& f) {
    json_.field("calls", f.calls);
    json_.field("failed", f.failed);
    if (f.no_end != 0) json_.field("no_end", f.no_end);
    json_.field("total_ns", f.time);
    json_.field("p50_ns", f.quantile(0.5));
    json_.field("p95_ns", f.quantile(0.95));
    json_.field("p99_ns", f.quantile(0.99));
    json_.field("max_ns", f.longest);
    if (f.longest_in != none) json_.field("max_call", f.longest_in.value());
    if (f.exchanges == 0) return;
    json_.field("card_ns", f.card_time);
    json_.field("exchanges", f.exchanges);
  }

  void rows(std::string_view name, const std::vector<row>& all, call_stats others, u64 others_rows) {
    json_.key(name);
    json_.begin_array();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i >= most_rows) {
        others.add(all[i].f);
        ++others_rows;
        continue;
      }
      json_.begin_object();
      json_.field("name", all[i].name);
      tell(all[i].f);
      json_.end_object();
    }
    if (others_rows != 0) {
      json_.begin_object();
      json_.field("name", "others");
      json_.field("rows", others_rows);
      tell(others);
      json_.end_object();
    }
    json_.end_array();
  }
  void rows(std::string_view name, const table& t) { rows(name, t.by_time(), t.others(), t.others_rows()); }

  void tell(const breakdown& b, bool of_several) {
    json_.key("module");
    json_.begin_object();
    tell(b.total());
    json_.end_object();
    rows("functions", b.functions(), {}, 0);
    rows("mechanisms", b.mechanisms());
    rows("keys", b.keys());
    rows("tokens", b.slots());
    if (of_several) return;
    rows("sessions", b.sessions());
    rows("threads", b.threads());
    json_.key("slowest");
    json_.begin_array();
    for (const auto& s : b.slowest()) tell(s);
    json_.end_array();
    if (b.commands().empty()) return;
    json_.key("card_commands");
    json_.begin_array();
    for (const auto& [name, c] : b.commands()) {
      json_.begin_object();
      json_.field("name", name);
      json_.field("times", c.times);
      json_.field("total_ns", c.time);
      json_.field("max_ns", c.longest);
      json_.end_object();
    }
    json_.end_array();
  }

  void tell(const slow_call& s) {
    json_.begin_object();
    json_.field("call", s.number.value());
    json_.field("function", diagnose::name_of(s.which));
    std::string time;
    text::append_utc_time(s.start_wall, time);
    json_.field("time", time);
    json_.field("duration_ns", s.duration);
    json_.field("thread_number", s.thread.value());
    if (s.mechanism != unknown) json_.field("mechanism", diagnose::mechanism(s.mechanism));
    if (!s.on.empty()) json_.field("on", s.on);
    if (s.value != 0) json_.field("returned", diagnose::short_code(s.value));
    if (s.exchanges != 0) json_.field("card_ns", s.card_time);
    json_.end_object();
  }

  void tell(const anatomist& logins) {
    json_.field("logins_count", logins.count());
    json_.field("logins_ns", logins.elapsed());
    json_.key("logins");
    json_.begin_array();
    for (const auto& a : logins.all()) {
      json_.begin_object();
      json_.field("first_call", a.first_call.value());
      if (a.until_login != 0) json_.field("until_login_ns", a.until_login);
      if (a.until_login != 0) json_.field("login_call", a.login_call.value());
      if (a.until_use != 0) json_.field("until_use_ns", a.until_use);
      if (a.until_use != 0) json_.field("use_call", a.use_call.value());
      json_.key("phases");
      json_.begin_array();
      for (const auto& p : a.phases) tell(p);
      json_.end_array();
      json_.end_object();
    }
    json_.end_array();
  }

  void tell(const phase& p) {
    json_.begin_object();
    json_.field("name", p.name);
    json_.field("elapsed_ns", p.elapsed);
    json_.field("module_ns", p.in_module);
    json_.field("calls", p.calls);
    json_.field("failed", p.failed);
    json_.key("functions");
    json_.begin_array();
    for (const auto& f : p.by_function) {
      json_.begin_object();
      json_.field("name", diagnose::name_of(f.which));
      json_.field("calls", f.calls);
      json_.field("total_ns", f.time);
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  void tell(const between& b) {
    json_.key("between");
    json_.begin_object();
    json_.field("gaps", b.pauses().total());
    json_.field("total_ns", b.pauses().sum());
    json_.field("p50_ns", b.pauses().quantile(0.5));
    json_.field("p99_ns", b.pauses().quantile(0.99));
    json_.key("widest");
    json_.begin_array();
    for (const auto& p : b.widest()) {
      json_.begin_object();
      json_.field("ns", p.time);
      json_.field("before_call", p.before.value());
      json_.field("function", diagnose::name_of(p.which));
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  void tell(const concurrency& c) {
    json_.key("concurrency");
    json_.begin_object();
    json_.field("overlapping", c.overlapping());
    json_.field("most_in_flight", c.most_in_flight());
    json_.key("functions");
    json_.begin_array();
    for (const auto& f : c.findings()) {
      json_.begin_object();
      json_.field("name", diagnose::name_of(f.which));
      json_.field("verdict", f.one_at_a_time() ? "one at a time"
                             : f.in_parallel() ? "in parallel"
                                               : "partly in parallel");
      json_.field("gain_percent", static_cast<u64>(100 * f.gain));
      json_.field("waited_ns", f.waited);
      json_.key("by_calls_in_flight");
      json_.begin_array();
      const auto& levels = *c.of(f.which);
      for (std::size_t l = 0; l < levels.size(); ++l) {
        if (levels[l].calls == 0) continue;
        json_.begin_object();
        json_.field("in_flight", concurrency::names[l]);
        json_.field("calls", levels[l].calls);
        json_.field("p50_ns", levels[l].durations.quantile(0.5));
        json_.field("p99_ns", levels[l].durations.quantile(0.99));
        json_.end_object();
      }
      json_.end_array();
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  std::span<const std::vector<std::string>> missing_;
  text::json_writer json_;
};

}  // namespace

void append_json(const measured& all, std::span<const std::vector<std::string>> missing, std::string& out) {
  writer(missing, out).tell(all);
}

}  // namespace p11tape::profile
