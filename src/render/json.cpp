// SPDX-License-Identifier: Apache-2.0
// Calls as JSON, one object a line. JSON.md describes it.
#include <vector>

#include "render/exchanges.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "text/json_writer.hpp"
#include "text/safe.hpp"

namespace p11tape::render {
namespace {

constexpr struct {
  std::uint32_t bit;
  std::string_view word;
} anomaly_words[] = {
    {tape::pin_blank_at_end, "blank_at_end"},
    {tape::pin_line_break, "line_break"},
    {tape::pin_nul, "nul"},
    {tape::pin_quote, "quote"},
    {tape::pin_semicolon, "semicolon"},
    {tape::pin_non_ascii, "non_ascii"},
    {tape::pin_protected, "protected"},
};

constexpr struct {
  std::uint32_t mark;
  std::string_view key;
} true_marks[] = {
    {mark_asks_length, "asks_for_length"},
    {mark_bad, "bad_pointer"},
    {mark_unreadable, "unreadable"},
    {mark_cut, "cut"},
    {mark_length_rounded, "length_rounded"},
    {mark_wrong_size, "wrong_size"},
    {mark_damaged, "damaged"},
    {mark_missing, "missing"},
    {mark_unknown, "unknown"},
    {mark_unavailable, "unavailable"},
    {mark_unproven, "unproven"},
    {mark_unchanged, "unchanged"},
};

class json_consumer : public visitor {
 public:
  json_consumer(std::string& out, const handle_words* handles) : json_(out), handles_(handles) {}

  void begin(const call_view& call) override {
    json_.begin_object();
    json_.field("schema", text::json_schema);
    json_.field("kind", "call");
    json_.field("number", call.number);
    if (call.tape != 0) json_.field("tape", call.tape);
    json_.field("program", call.program);
    json_.field("pid", call.pid);
    json_.field("thread", call.thread);
    json_.field("thread_number", call.thread_number);
    if (call.depth != 0) json_.field("depth", std::uint64_t{call.depth});
    if (call.outer != 0) json_.field("outer", call.outer);
    if (call.function() != nullptr) json_.field("function", call.function()->name);
    json_.field("function_number", std::uint64_t{call.function_number});
    if (!call.time_unknown) {
      std::string time;
      append_utc_time(call.wall, time);
      json_.field("time", time);
    }
    json_.field("state", state_word(call.state));
    if (call.state == tape::call_state::returned && !call.duration_unknown) json_.field("duration_ns", call.duration);
    if (call.recording_stopped) json_.field("recording_stopped", true);
    if (call.arguments_lost) json_.field("arguments_lost", true);
    if (call.result_lost) json_.field("result_lost", true);
  }

  void section(way direction) override {
    if (in_section_) json_.end_object();
    json_.key(direction == way::in ? "in" : "out");
    json_.begin_object();
    in_section_ = true;
  }

  void leaf(const label& which, const value& v) override {
    begin_value(which);
    switch (v.kind) {
      case value_kind::number:
      case value_kind::handle:
        json_.field("value", v.number);
        if (!v.name.empty()) json_.field("name", v.name);
        if (v.kind == value_kind::handle) write_handle(which.meaning, v.number);
        break;
      case value_kind::flags:
        write_flags(which.meaning, v.number);
        break;
      case value_kind::boolean:
        if (v.number <= 1) {
          json_.field("value", v.number == 1);
        } else {
          json_.field("value", v.number);
        }
        break;
      case value_kind::version:
        json_.field("version", std::to_string(v.number >> 8) + "." + std::to_string(v.number & 0xff));
        break;
      case value_kind::text:
        write_text(v);
        break;
      case value_kind::bytes:
        json_.hex("hex", v.bytes);
        if (v.meaning != nullptr) json_.field("trouble", v.meaning->trouble);
        break;
      case value_kind::decoded:
        write_decoded(v);
        break;
      case value_kind::pin:
        write_pin(v);
        break;
      case value_kind::sum:
        json_.hex("sha256", v.bytes);
        break;
      case value_kind::pointer:
        json_.field("given", (v.marks & mark_null) == 0);
        break;
      case value_kind::nothing:
        if (v.marks & mark_null) json_.field("given", false);
        break;
    }
    if (v.has_length)
      json_.field((v.marks & mark_room) ? "room" : (v.marks & mark_needs) ? "needed" : "length", v.length);
    if ((v.marks & mark_withheld) || v.kind == value_kind::sum) json_.field("recorded", false);
    if (v.marks & mark_length_withheld) json_.field("length_recorded", false);
    write_marks(v.marks);
    json_.end_object();
  }

  void open(const label& which, const group& g) override {
    begin_value(which);
    bool list = true;
    switch (g.kind) {
      case group_kind::record:
        json_.field("struct", g.type);
        list = false;
        break;
      case group_kind::mechanism:
        json_.field("mechanism", g.number);
        if (!g.name.empty()) json_.field("name", g.name);
        json_.field("parameter_length", g.length);
        list = false;
        break;
      default:
        break;
    }
    write_marks(g.marks);
    json_.key(list ? (g.kind == group_kind::attributes ? "attributes" : "items") : "fields");
    list ? json_.begin_array() : json_.begin_object();
    lists_.push_back(list);
  }

  void close() override {
    lists_.back() ? json_.end_array() : json_.end_object();
    lists_.pop_back();
    json_.end_object();
  }

  void end(const call_view& call) override {
    if (in_section_) json_.end_object();
    write_exchanges(call, json_);
    if (call.has_result()) {
      const auto code = tape::result_view(call.leave).return_value();
      json_.key("rv");
      json_.begin_object();
      json_.field("value", code);
      if (const auto name = return_name(code); !name.empty()) json_.field("name", name);
      json_.end_object();
    }
    json_.end_object();
    json_.end_line();
  }

 private:
  // Inside a list a value is an object of its own, elsewhere the value of a key.
  void begin_value(const label& which) {
    const bool in_list = !lists_.empty() && lists_.back();
    if (!in_list) json_.key(which.name);
    json_.begin_object();
    if (!in_list) return;
    if (which.is_attribute) {
      json_.field("attribute", which.name);
      json_.field("type", which.attribute);
    }
  }

  void write_handle(std::string_view kind, std::uint64_t handle) {
    json_.field("handle", kind);
    if (handles_ == nullptr) return;
    if (const auto words = handles_->words_of(kind, handle); !words.empty()) json_.field("meaning", words);
  }

  void write_marks(std::uint32_t marks) {
    for (const auto& m : true_marks)
      if (marks & m.mark) json_.field(m.key, true);
  }

  void write_flags(std::string_view meaning, std::uint64_t bits) {
    json_.field("value", bits);
    json_.key("flags");
    json_.begin_array();
    const auto unnamed = for_each_flag(meaning, bits, [&](std::string_view name) { json_.element(name); });
    json_.end_array();
    if (unnamed != 0) json_.field("unnamed", unnamed);
  }

  void write_text(const value& v) {
    const auto text = v.bytes.first(v.bytes.size() - v.padding);
    if (text::is_utf8(as_decode(text))) {
      json_.field("text", std::string_view(reinterpret_cast<const char*>(text.data()), text.size()));
    } else {
      json_.hex("hex", text);
    }
    if (v.padding == 0) return;
    json_.field("padding", v.padding);
    json_.field("padded_with", v.padded_with == padding_kind::nuls ? "nuls" : "blanks");
  }

  void write_decoded(const value& v) {
    json_.field("text", v.meaning->text);
    if (!v.meaning->facts.empty()) {
      json_.key("facts");
      json_.begin_object();
      for (const auto& f : v.meaning->facts) json_.field(f.name, f.text);
      json_.end_object();
    }
    json_.hex("hex", v.bytes);
  }

  void write_pin(const value& v) {
    if (v.pin.number != 0) json_.field("pin", std::uint64_t{v.pin.number});
    if (v.pin.anomalies == 0) return;
    json_.key("anomalies");
    json_.begin_array();
    for (const auto& a : anomaly_words)
      if (v.pin.anomalies & a.bit) json_.element(a.word);
    json_.end_array();
  }

  text::json_writer json_;
  const handle_words* handles_;
  std::vector<bool> lists_;
  bool in_section_ = false;
};

}  // namespace

void append_json(const call_view& call, const options& how, std::string& out) {
  json_consumer writer(out, how.handles);
  walk(call, writer, how.decoder);
}

}  // namespace p11tape::render
