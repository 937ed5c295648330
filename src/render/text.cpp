// SPDX-License-Identifier: Apache-2.0
// Calls as text: a block of lines for each, in the manner of OpenSC's spy.
#include <vector>

#include "cryptoki/tables.hpp"
#include "render/exchanges.hpp"
#include "render/render.hpp"
#include "render/text_value.hpp"
#include "render/words.hpp"

namespace p11tape::render {
namespace {

constexpr std::size_t heading_width = 46;
constexpr std::size_t line_width = 110;

std::string_view words_of(tape::call_state s, bool stopped, bool imported) noexcept {
  switch (s) {
    case tape::call_state::in_flight:
      return stopped ? "nothing: recording stopped while the call was running"
                     : "nothing: the call was still running when the tape ended";
    case tape::call_state::left:
      return "nothing: the thread left the call (cancellation, thread exit, exception or longjmp)";
    case tape::call_state::result_lost:
      return imported ? "unknown: the log does not show it" : "unknown: this part of the tape is lost";
    default:
      return "";
  }
}

// The kinds of the groups that are open. Allocates nothing for the depths that calls have: this runs in the recorded
// process for each call of a live log.
class small_stack {
 public:
  bool empty() const noexcept { return kinds_.empty(); }
  std::size_t size() const noexcept { return kinds_.size(); }
  group_kind back() const noexcept { return static_cast<group_kind>(kinds_.back()); }
  void push_back(group_kind k) { kinds_.push_back(static_cast<char>(k)); }
  void pop_back() noexcept { kinds_.pop_back(); }

 private:
  std::string kinds_;  // short ones are inside the object
};

class text_writer : public visitor {
 public:
  text_writer(const options& how, std::string& out) : how_(how), out_(out) {}

  void begin(const call_view& call) override {
    auto start = out_.size();
    if (how_.colour) {
      out_ += "\x1b[1m";
      start += 4;
    }
    append_heading(call, out_);
    if (how_.colour) {
      out_ += "\x1b[0m";
      start += 4;
    }
    pad(start + heading_width);
    out_ += " ";
    if (how_.name_process) {
      append_safe(call.program, out_);
      out_ += '[';
      append_decimal(call.pid, out_);
      out_ += "]  ";
    }
    append_thread_name(call, out_);
    out_ += "   ";
    call.time_unknown ? void(out_ += "time unknown") : append_local_time(call.wall, out_);
    if (call.state == tape::call_state::returned && !call.duration_unknown) {
      out_ += "   ";
      append_duration(call.duration, out_);
    }
    out_ += '\n';
    if (call.state == tape::call_state::result_only)
      note("its start is not on the tape: overwritten, or made by the parent process before a fork");
    if (call.arguments_lost) note("its arguments are lost with a damaged part of the tape");
    if (call.result_lost) note("its result is lost with a damaged part of the tape");
    if (call.function() == nullptr) note("the tape does not describe this function");
  }

  void section(way direction) override { direction_ = direction; }

  void leaf(const label& which, const value& v) override {
    if (!groups_.empty() && groups_.back() == group_kind::numbers) {
      std::string words;
      const bool meant = append_meant(which, v, words);
      named_ |= meant || !v.name.empty();
      numbers_.push_back(std::move(words));
      return;
    }
    if (v.marks & mark_routine) return;
    start_line(which.name);
    append_meant(which, v, out_);
    out_ += '\n';
  }

  void open(const label& which, const group& g) override {
    if (g.marks & mark_routine) {
      // Nothing new: no line, and nothing inside.
    } else if (g.kind != group_kind::numbers) {
      start_line(which.name);
      append_group(g);
      out_ += '\n';
    } else {
      start_line(which.name);
      append_count(g.count, "value", out_);
      append_marks(g.marks, out_);
      numbers_.clear();
      named_ = false;
    }
    groups_.push_back(g.kind);
  }

  void close() override {
    const auto kind = groups_.back();
    groups_.pop_back();
    if (kind == group_kind::numbers) write_numbers();
  }

  void end(const call_view& call) override {
    append_exchanges(call, out_);
    out_ += "  Returned: ";
    if (call.result_lost) {
      out_ += "unknown: this part of the tape is lost";
    } else if (call.has_result()) {
      const auto code = tape::result_view(call.leave).return_value();
      const bool red = how_.colour && code != 0;
      if (red) out_ += "\x1b[31m";
      append_code(code, out_);
      const auto name = return_name(code);
      out_ += ' ';
      out_ += name.empty() ? "(not a return value of the standard)" : name;
      if (red) out_ += "\x1b[0m";
    } else {
      out_ += words_of(call.state, call.recording_stopped, call.imported);
    }
    out_ += "\n\n";
  }

 private:
  void pad(std::size_t column) {
    if (out_.size() < column) out_.append(column - out_.size(), ' ');
  }

  // A handle as what it is, where somebody knows that; true then.
  bool append_meant(const label& which, const value& v, std::string& out) const {
    const auto words = v.kind == value_kind::handle && how_.handles != nullptr
                           ? how_.handles->words_of(which.meaning, v.number)
                           : std::string();
    words.empty() ? append_value(which, v, how_.most_bytes, out) : void(out += words);
    return !words.empty();
  }

  void note(std::string_view words) {
    out_ += "  (";
    out_ += words;
    out_ += ")\n";
  }

  void start_line(std::string_view name) {
    if (groups_.empty()) {
      out_ += direction_ == way::in ? "  [in]  " : "  [out] ";
    } else {
      out_.append(8 + 2 * groups_.size(), ' ');
    }
    if (name.empty()) return;
    append_safe(name, out_);
    out_ += " = ";
  }

  void append_group(const group& g) {
    switch (g.kind) {
      case group_kind::record:
        out_ += g.type;
        break;
      case group_kind::records:
        append_count(g.count, "element", out_);
        break;
      case group_kind::attributes:
        append_count(g.count, "attribute", out_);
        break;
      case group_kind::mechanism:
        append_code(g.number, out_);
        if (!g.name.empty()) (out_ += ' ') += g.name;
        if (g.length != 0) {
          out_ += ", parameter of ";
          append_count(g.length, "byte", out_);
        }
        break;
      case group_kind::numbers:
        break;
    }
    append_marks(g.marks, out_);
  }

  // Constants one a line, so that they can be searched for; plain numbers side by side.
  void write_numbers() {
    const std::size_t indent = 8 + 2 * (groups_.size() + 1);
    std::size_t length = 0;
    for (const auto& n : numbers_) length += n.size() + 2;
    if (!named_ && length <= line_width / 2) {
      for (std::size_t i = 0; i < numbers_.size(); ++i) (out_ += i == 0 ? ": " : ", ") += numbers_[i];
      out_ += '\n';
      return;
    }
    out_ += '\n';
    std::size_t line = 0;
    for (const auto& n : numbers_) {
      const bool fits = line != 0 && !named_ && line + n.size() + 2 <= line_width;
      if (fits) {
        out_ += ", ";
        line += n.size() + 2;
      } else {
        if (line != 0) out_ += '\n';
        out_.append(indent, ' ');
        line = indent + n.size();
      }
      out_ += n;
    }
    if (line != 0) out_ += '\n';
  }

  const options& how_;
  std::string& out_;
  way direction_ = way::in;
  small_stack groups_;
  std::vector<std::string> numbers_;
  bool named_ = false;
};

}  // namespace

std::string return_name(std::uint64_t value) { return cryptoki::display_name("return_value", value); }

std::string function_name(const call_view& call) {
  if (const auto* f = call.function()) return std::string(f->name);
  return "function number " + std::to_string(call.function_number);
}

void append_call_name(std::uint64_t tape, std::uint64_t number, std::string& out) {
  if (tape != 0) {
    append_decimal(tape, out);
    out += ':';
  }
  append_decimal(number, out);
}

void append_thread_name(std::uint64_t number, std::uint64_t id, std::string& out) {
  out += "thread ";
  append_decimal(number, out);
  if (id == 0) return;
  out += " (tid ";
  append_decimal(id, out);
  out += ')';
}

void append_thread_name(const call_view& call, std::string& out) {
  append_thread_name(call.thread_number, call.thread, out);
}

void append_heading(const call_view& call, std::string& out) {
  append_call_name(call.tape, call.number, out);
  out += ": ";
  if (const auto* f = call.function()) {
    out += f->name;
  } else {
    out += function_name(call);
  }
  if (call.outer != 0) {
    out += " (in call ";
    append_call_name(call.tape, call.outer, out);
    out += ')';
  } else if (call.depth != 0) {
    out += " (in another call)";
  }
}

void append_text(const call_view& call, const options& how, std::string& out) {
  text_writer writer(how, out);
  walk(call, writer, how.decoder);
}

}  // namespace p11tape::render
