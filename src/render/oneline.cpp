// SPDX-License-Identifier: Apache-2.0
// A call on one line, for grep and for the eye that looks for the odd one out.
#include <vector>

#include "render/render.hpp"
#include "render/text_value.hpp"
#include "render/words.hpp"

namespace p11tape::render {
namespace {

constexpr std::size_t most_bytes = 24;
constexpr std::size_t most_values = 8;  // of a list
constexpr std::size_t widest = 4096;    // of what is told of the arguments

// Collects "hSession=1 pMechanism=CKM_RSA_PKCS ...": what was passed, then, behind "->", what came back.
class argument_writer : public visitor {
 public:
  argument_writer(const options& how, std::string& out) : how_(how), out_(out), start_(out.size()) {}

  void begin(const call_view&) override {}
  void end(const call_view&) override {
    if (out_.size() - start_ > widest) {
      out_.resize(start_ + widest);
      while (!out_.empty() && (static_cast<unsigned char>(out_.back()) & 0xC0) == 0x80) out_.pop_back();
      if (!out_.empty() && static_cast<unsigned char>(out_.back()) >= 0xC0) out_.pop_back();
      out_ += " ...";
    }
  }

  void section(way direction) override {
    direction_ = direction;
    arrow_pending_ = direction == way::out;
  }

  void leaf(const label& which, const value& v) override {
    if (hidden_ > 0 || full()) return;
    constexpr std::uint32_t dull = mark_routine | mark_room | mark_null;
    if (v.marks & dull || v.kind == value_kind::pointer || v.kind == value_kind::nothing) return;
    const bool counts = v.kind == value_kind::number && which.meaning == "plain";
    if (!in_list_ && groups_ == 0 && counts && direction_ == way::in) return;
    if (in_list_) {
      if (++listed_ > most_values) {
        if (listed_ == most_values + 1) out_ += ",...";
        return;
      }
      if (listed_ > 1) out_ += ',';
    } else {
      name(which.name);
    }
    append_short(which, v);
  }

  void open(const label& which, const group& g) override {
    if (hidden_ > 0 || g.marks & mark_routine || full() || (g.kind == group_kind::record && direction_ == way::out)) {
      ++hidden_;
      return;
    }
    ++groups_;
    switch (g.kind) {
      case group_kind::mechanism:
        name(which.name);
        if (g.name.empty()) {
          append_code(g.number, out_);
        } else {
          out_ += g.name;
        }
        break;
      case group_kind::numbers:
        name(which.name);
        in_list_ = true;
        listed_ = 0;
        out_ += '[';
        break;
      default:
        break;
    }
    kinds_.push_back(g.kind);
  }

  void close() override {
    if (hidden_ > 0) {
      --hidden_;
      return;
    }
    if (kinds_.back() == group_kind::numbers) {
      out_ += ']';
      in_list_ = false;
    }
    kinds_.pop_back();
    --groups_;
  }

 private:
  bool full() const noexcept { return out_.size() - start_ > widest; }

  void name(std::string_view what) {
    if (arrow_pending_) {
      out_ += " ->";
      arrow_pending_ = false;
    }
    out_ += ' ';
    append_safe(what, out_);
    out_ += '=';
  }

  void append_short(const label& which, const value& v) {
    if (v.kind == value_kind::handle && how_.handles != nullptr)
      if (const auto words = how_.handles->words_of(which.meaning, v.number); !words.empty()) {
        out_ += words;
        return;
      }
    if (!v.name.empty()) {
      out_ += v.name;
    } else {
      append_value(which, v, most_bytes, out_);
    }
  }

  const options& how_;
  std::string& out_;
  std::size_t start_;
  way direction_ = way::in;
  bool arrow_pending_ = false, in_list_ = false;
  std::size_t listed_ = 0, groups_ = 0, hidden_ = 0;
  std::vector<group_kind> kinds_;
};

void append_result(const call_view& call, std::string& out) {
  if (call.has_result()) {
    const auto code = tape::result_view(call.leave).return_value();
    const auto name = return_name(code);
    name.empty() ? append_code(code, out) : void(out += name);
  } else if (call.result_lost || call.state == tape::call_state::result_lost) {
    out += "result-lost";
  } else {
    out += call.state == tape::call_state::left ? "left" : "in-flight";
  }
}

}  // namespace

void append_oneline(const call_view& call, const options& how, std::string& out) {
  const auto start = out.size();
  append_call_name(call.tape, call.number, out);
  out += ' ';
  call.time_unknown ? void(out += '-') : append_local_time(call.wall, out);
  if (how.name_process) {
    out += ' ';
    append_safe(call.program, out);
    out += '[';
    append_decimal(call.pid, out);
    out += ']';
  }
  out += " thread ";
  append_decimal(call.thread_number, out);
  out += ' ';
  out += function_name(call);
  out += ' ';
  const bool red = how.colour && call.has_result() && tape::result_view(call.leave).return_value() != 0;
  if (red) out += "\x1b[31m";
  append_result(call, out);
  if (red) out += "\x1b[0m";
  if (call.state == tape::call_state::returned && !call.duration_unknown) {
    out += ' ';
    append_duration(call.duration, out);
  }
  argument_writer writer(how, out);
  walk(call, writer, how.decoder);
  for (auto i = start; i < out.size(); ++i)
    if (out[i] == '\n') out[i] = ' ';
  out += '\n';
}

}  // namespace p11tape::render
