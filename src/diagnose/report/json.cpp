// SPDX-License-Identifier: Apache-2.0
// The answer as JSON; JSON.md describes it.
#include "diagnose/diagnosis.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "text/json_writer.hpp"
#include "text/times.hpp"

namespace p11tape::diagnose {
namespace {

std::string utc(u64 wall) {
  std::string text;
  text::append_utc_time(wall, text);
  return text;
}

class writer {
 public:
  writer(const report_context& around, std::string& out) : around_(around), json_(out) {}

  void tell(const diagnosis& d) {
    json_.begin_object();
    json_.field("schema", text::json_schema);
    json_.field("kind", "diagnosis");
    json_.key("tapes");
    json_.begin_array();
    for (const auto& one : around_.all) tell(one);
    json_.end_array();
    json_.key("findings");
    json_.begin_array();
    for (const auto& f : d.found) tell(f);
    json_.end_array();
    json_.field("errors", u64{d.errors});
    json_.field("warnings", u64{d.warnings});
    json_.field("infos", u64{d.infos});
    json_.key("silent");
    json_.begin_array();
    for (const auto& u : d.silent)
      for (const auto* r : u.rules) json_.element(r->id);
    json_.end_array();
    json_.key("not_checked");
    json_.begin_array();
    for (const auto& u : d.silent) {
      json_.begin_object();
      json_.field("because", reason(u));
      json_.key("rules");
      json_.begin_array();
      for (const auto* r : u.rules) json_.element(r->id);
      json_.end_array();
      json_.end_object();
    }
    json_.end_array();
    if (!around_.log.empty()) tell_log();
    json_.end_object();
    json_.end_line();
  }

 private:
  void tell(const process_facts& one) {
    json_.begin_object();
    json_.field("tape", u64{one.index + 1});
    json_.field("path", one.tape->path());
    json_.field("program", one.program);
    json_.field("pid", one.pid);
    json_.field("module", one.module);
    json_.field("calls", one.tally.total().calls);
    json_.field("failed", one.tally.total().failed);
    json_.field("filtered", one.filtered);
    if (one.index < around_.missing.size()) {
      json_.field("complete", around_.missing[one.index].empty());
      strings("missing", around_.missing[one.index]);
    }
    json_.end_object();
  }

  void tell(const finding& f) {
    json_.begin_object();
    json_.field("id", f.id);
    json_.field("slug", f.slug);
    json_.field("severity", name_of(f.level));
    json_.field("title", find_rule(f.id)->title);
    json_.field("tape", u64{f.tape + 1});
    json_.key("tapes");
    json_.begin_array();
    json_.element(u64{f.tape + 1});
    for (const auto also : f.also_in) json_.element(u64{also + 1});
    json_.end_array();
    json_.field("say", f.say);
    if (f.wall != 0) json_.field("time", utc(f.wall));
    json_.field("cause", f.cause);
    json_.field("fault", name_of(f.fault));
    strings("details", f.first_lines);
    json_.key("evidence");
    json_.begin_array();
    for (const auto& e : f.shown) {
      json_.begin_object();
      json_.key("calls");
      json_.begin_array();
      std::string numbers;
      for (const auto n : e.calls)
        if (n != none) json_.element(n.value());
      json_.end_array();
      json_.field("text", e.text);
      json_.end_object();
    }
    json_.end_array();
    if (!f.labels.empty()) tell(f.labels.front());
    json_.key("reported");
    json_.begin_array();
    for (const auto* w : reports(f, around_)) {
      json_.begin_object();
      json_.field("by", name_of(w->by));
      json_.field("code", w->code);
      json_.field("text", w->text);
      json_.field("hint", w->hint);
      json_.end_object();
    }
    json_.end_array();
    json_.field("advice", f.advice);
    strings("commands", f.commands);
    json_.key("consequences");
    json_.begin_array();
    for (const auto& c : f.consequences) tell(c);
    json_.end_array();
    json_.end_object();
  }

  // Bytes in hex too: a label may be no text.
  void tell(const label_pair& p) {
    json_.key("label");
    json_.begin_object();
    const auto both = [&](std::string_view name, std::string_view text) {
      json_.field(name, label::printable(text));
      json_.hex(cat(name, "_hex"), std::as_bytes(std::span(text)));
    };
    both("configured", p.configured);
    both("token", p.token);
    both("configure", p.configure);
    json_.field("setting", p.setting);
    json_.end_object();
  }

  void tell_log() {
    json_.key("log");
    json_.begin_array();
    for (std::size_t m = 0; m < around_.log.size(); ++m) {
      const auto& message = around_.log[m];
      for (const auto& one : around_.all) {
        if (m >= one.windows.size() || one.windows[m].calls == 0) continue;
        const auto& w = one.windows[m];
        json_.begin_object();
        json_.field("time", utc(message.wall));
        json_.field("code", message.code);
        json_.field("text", message.text);
        json_.field("line", u64{message.line});
        json_.field("tape", u64{one.index + 1});
        json_.field("first_call", w.first.value());
        json_.field("last_call", w.last.value());
        json_.field("same_process", message.pid != 0 && message.pid == one.pid);
        if (w.failed != none) json_.field("failed_call", w.failed.value());
        json_.end_object();
      }
    }
    json_.end_array();
  }

  void strings(std::string_view name, const std::vector<std::string>& all) {
    json_.key(name);
    json_.begin_array();
    for (const auto& s : all) json_.element(s);
    json_.end_array();
  }

  const report_context& around_;
  text::json_writer json_;
};

}  // namespace

void append_json(const diagnosis& d, const report_context& around, std::string& out) { writer(around, out).tell(d); }

}  // namespace p11tape::diagnose
