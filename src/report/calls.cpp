// SPDX-License-Identifier: Apache-2.0
// The list of calls. Each text that occurs again is on the page once: a client asks the same questions thousands of
// times, and the page stays small.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <unordered_map>

#include "card/description.hpp"
#include "decode/decode.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "model/call_stream.hpp"
#include "model/exchanges.hpp"
#include "model/extract.hpp"
#include "profile/report.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "report/call_choice.hpp"
#include "report/sections.hpp"
#include "text/json_writer.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;
using diagnose::counted;

// Texts by the order in which they came.
class interned {
 public:
  std::size_t of(std::string text) {
    const auto [at, is_new] = known_.try_emplace(std::move(text), known_.size());
    if (is_new) order_.push_back(&at->first);
    return at->second;
  }
  /// Appends a member of an object that has others.
  void write(std::string_view name, std::string& out) const {
    out += cat(",\"", name, "\":");
    text::json_writer json(out);
    json.begin_array();
    for (const auto* t : order_) json.element(std::string_view(*t));
    json.end_array();
  }

 private:
  std::unordered_map<std::string, std::size_t> known_;
  std::vector<const std::string*> order_;
};

// Handles as they are, and what they mean.
class meanings : public render::handle_words {
 public:
  void at(const model::call_context* now) noexcept { now_ = now; }
  std::string words_of(std::string_view kind, std::uint64_t handle) const override {
    const auto meaning = model::meaning(*now_, kind, handle);
    if (meaning.empty()) return {};
    return kind == "slot" ? cat(handle, " (", diagnose::hex(handle), "): ", meaning) : cat(handle, ": ", meaning);
  }

 private:
  const model::call_context* now_ = nullptr;
};

// The lines of a call below its heading.
std::string body_of(const render::call_view& view, const render::options& how) {
  std::string text;
  render::append_text(view, how, text);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto heading = text.find('\n');
  return heading == std::string::npos ? std::string() : text.substr(heading + 1);
}

std::string library_of(const tape::fields_view& info) {
  const auto text = [&](const char* name) {
    auto raw = model::text_named(info, name);
    while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\0')) raw.pop_back();
    std::string out;
    render::append_safe(raw, out);
    return out;
  };
  const auto version = model::number_named(info, "libraryVersion");
  return cat(text("manufacturerID"), ", ", text("libraryDescription"),
             version == 0 ? std::string() : cat(" ", version >> 8, ".", version & 0xff));
}

class lister {
 public:
  explicit lister(const source& from)
      : from_(from), choice_(from), offsets_(profile::offsets_of(from.tapes)), describers_(from.tapes.size()) {
    for (const auto& p : from.measured.processes) programs_.push_back(p.program);
    how_.decoder = decode::attribute;
    how_.handles = &handles_;
    values_.of("CKR_OK");
    result_.libraries.resize(from.tapes.size());
  }

  call_list run() {
    model::call_stream calls(from_.tapes);
    model::call_exchanges exchanges(from_.tapes);
    model::state state(from_.tapes);
    while (const auto* call = calls.next()) {
      const auto& now = state.take(*call);
      ++result_.all;
      told_.clear();
      for (const auto& e : exchanges.of(*call)) told_.push_back(describers_[call->tape_index].tell(e));
      if (now.is(cryptoki::function::C_GetInfo) && now.ok)
        if (const auto info = model::output_struct(*call, 0)) result_.libraries[call->tape_index] = library_of(*info);
      if (first_wall_ == 0) first_wall_ = call->start_wall() - std::min(since_start(*call), call->start_wall());
      if (choice_.wants(*call)) add(*call, now);
    }
    state.finish();
    write();
    return std::move(result_);
  }

 private:
  u64 since_start(const model::call& c) const { return c.start() + offsets_[c.tape_index]; }

  void add(const model::call& call, const model::call_context& now) {
    ++result_.listed;
    handles_.at(&now);
    auto view = view::view_of(call, programs_[call.tape_index], from_.tapes.size() > 1);
    view.exchanges = told_;
    const auto value = !call.ended() ? std::string("did not return") : render::return_name(call.return_value());
    const auto [thread, is_new] = threads_.try_emplace({call.tape_index, call.thread.number}, threads_.size());
    if (is_new) {
      std::string name;
      if (from_.tapes.size() > 1) render::append_safe(cat(programs_[call.tape_index], "[", view.pid, "] "), name);
      render::append_thread_name(view, name);
      thread_names_.emplace_back(name, call.thread.number);
    }
    char start[32];
    std::snprintf(start, sizeof start, "%.3f", static_cast<double>(since_start(call)) / 1e3);
    rows_ += cat(rows_.empty() ? "" : ",", "[", call.tape_index, ",", call.number, ",", thread->second, ",", start, ",",
                 call.state == tape::call_state::returned ? std::to_string(call.duration()) : std::string("-1"), ",",
                 functions_.of(render::function_name(view)), ",",
                 values_.of(value.empty() ? diagnose::hex(call.return_value()) : value), ",",
                 texts_.of(body_of(view, how_)), "]");
  }

  void write() {
    auto& out = result_.json;
    char base[40];
    const auto us = first_wall_ / 1000;
    std::snprintf(base, sizeof base, "%.3f", static_cast<double>(us) / 1e3);
    out = cat("{\"several\":", from_.tapes.size() > 1 ? "true" : "false", ",\"base\":", base,
              ",\"zone\":", zone_minutes(first_wall_), ",\"threads\":[");
    for (std::size_t i = 0; i < thread_names_.size(); ++i) {
      out += i == 0 ? "" : ",";
      text::json_writer json(out);
      json.begin_object();
      json.field("name", thread_names_[i].first);
      json.field("n", thread_names_[i].second.value());
      json.end_object();
    }
    out += "],\"marks\":[";
    const char* comma = "";
    for (const auto& [call, ids] : choice_.marks()) {
      out += cat(comma, "[", call.first, ",", call.second, ",\"", ids, "\"]");
      comma = ",";
    }
    out += "],\"calls\":[" + rows_ + "]";
    functions_.write("functions", out);
    values_.write("values", out);
    texts_.write("texts", out);
    out += "}";
  }

  const source& from_;
  call_choice choice_;
  std::vector<u64> offsets_;
  std::vector<std::string> programs_;
  std::vector<card::describer> describers_;
  std::vector<card::described> told_;
  meanings handles_;
  render::options how_;
  interned functions_, values_, texts_;
  std::map<std::pair<std::size_t, model::thread_number>, std::size_t> threads_;
  std::vector<std::pair<std::string, model::thread_number>> thread_names_;
  std::string rows_;
  u64 first_wall_ = 0;
  call_list result_;
};

void option(std::string_view field, std::string_view title, html& to) {
  to.markup(
      cat("<label>", escaped(title), "<select name=\"", field, "\"><option value=\"\">any</option></select></label>"));
}

}  // namespace

call_list list_calls(const source& from) { return lister(from).run(); }

void append_calls(const source& from, const call_list& calls, html& to) {
  to.section("calls", "Calls");
  if (calls.listed != calls.all)
    to.text("p",
            cat("The list has ", calls.listed, " of ", counted(calls.all, "call"),
                ": those around findings, those that failed, the slowest, the first and the last. p11tape show shows "
                "all of them."));
  to.markup(
      "<form class=\"choose\" role=\"search\" aria-label=\"Choose calls\"><label>Search<input type=\"search\" name=\"text\" "
      "placeholder=\"any word of a call\"></label>");
  option("function", "Function", to);
  option("value", "Return value", to);
  option("thread", from.tapes.size() > 1 ? "Process and thread" : "Thread", to);
  to.markup(
      "<label>At least, in ms<input type=\"number\" name=\"least\" min=\"0\" step=\"any\"></label><label "
      "class=\"tick\"><input type=\"checkbox\" name=\"failed\">failed</label><label class=\"tick\"><input type=\"checkbox\" "
      "name=\"marked\">named in findings</label><button type=\"reset\">All</button></form>\n<p class=\"soft keys\"><span "
      "class=\"count\" role=\"status\"></span>. Keys: / searches; in the list, arrows, Page Up and Page Down move, n and p "
      "go to the next and the previous call that failed.</p>\n<noscript><p>The list needs JavaScript, which is part of this "
      "page.</p></noscript>\n<div class=\"list\" role=\"grid\" tabindex=\"0\" aria-label=\"Calls\"><div class=\"all\" "
      "role=\"rowgroup\"></div></div>\n<div class=\"detail\" role=\"region\" aria-label=\"The chosen call\" "
      "aria-live=\"polite\"><p class=\"soft\">Choose a call to see its arguments, its results and what passed between the "
      "module and the card.</p></div>\n");
  to.data(calls.json);
  to.end_section();
}

}  // namespace p11tape::report
