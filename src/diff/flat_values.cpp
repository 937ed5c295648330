// SPDX-License-Identifier: Apache-2.0
#include "diff/flat_values.hpp"

#include "decode/decode.hpp"
#include "render/text_value.hpp"
#include "render/value.hpp"
#include "render/words.hpp"
#include "text/numbers.hpp"

namespace p11tape::diff {
namespace {

constexpr std::size_t most_bytes = 32;  // of a byte string in words

int index_of(const render::call_view& call, std::string_view name) noexcept {
  const auto* f = call.function();
  if (f == nullptr) return -1;
  for (std::size_t i = 0; i < f->arguments.size(); ++i)
    if (f->arguments[i].name == name) return static_cast<int>(i);
  return -1;
}

// Labels of attributes die with the walk; those of handles do not need to live.
std::string_view kept_meaning(const render::label& which) noexcept {
  for (const std::string_view handle : {"session", "object", "slot"})
    if (which.meaning == handle) return handle;
  return which.is_attribute ? std::string_view() : which.meaning;
}

}  // namespace

void flat_values::take(const render::call_view& call, render::way side, bool with_words) {
  call_ = &call;
  wanted_ = side;
  words_ = with_words;
  nodes_.clear();
  open_.clear();
  structures_.clear();
  render::walk(call, *this, nullptr);
}

node& flat_values::add(const render::label& which) {
  auto& n = nodes_.emplace_back();
  n.side = now_;
  n.is_attribute = which.is_attribute;
  n.attribute = which.attribute;
  if (!which.is_attribute) n.name = which.name;
  n.meaning = kept_meaning(which);
  n.argument = open_.empty() ? index_of(*call_, which.name) : nodes_[open_.front()].argument;
  if (!structures_.empty()) n.structure = structures_.back();
  n.end = nodes_.size();
  return n;
}

void flat_values::leaf(const render::label& which, const render::value& what) {
  if (now_ != wanted_) return;
  auto& n = add(which);
  n.value = what.kind;
  n.marks = what.marks;
  // "Unavailable" is another number in a 32-bit process.
  const bool unavailable =
      what.kind == render::value_kind::number && render::is_unavailable(what.number, call_->word_size);
  n.number = unavailable ? ~std::uint64_t{0} : what.number;
  n.length = what.length;
  n.has_length = what.has_length;
  n.bytes = what.bytes;
  n.pin_anomalies = what.pin.anomalies;
  n.pin_number = what.pin.number;
  if (words_) render::append_value(which, what, most_bytes, n.words);
}

void flat_values::open(const render::label& which, const render::group& what) {
  if (now_ != wanted_) return;
  auto& n = add(which);
  n.is_group = true;
  n.group = what.kind;
  n.marks = what.marks;
  n.number = what.number;
  n.length = what.kind == render::group_kind::mechanism ? what.length : what.count;
  if (words_) {
    if (what.kind == render::group_kind::mechanism) {
      text::append_code(what.number, n.words);
      if (!what.name.empty()) (n.words += ' ') += what.name;
    } else if (what.kind == render::group_kind::record) {
      n.words += what.type;
    } else {
      const bool is_template = what.kind == render::group_kind::attributes;
      render::append_count(what.count, is_template ? "attribute" : "value", n.words);
    }
    render::append_marks(what.marks, n.words);
  }
  open_.push_back(nodes_.size() - 1);
  structures_.push_back(what.kind == render::group_kind::record ? what.type : std::string_view());
}

void flat_values::close() {
  if (now_ != wanted_) return;
  nodes_[open_.back()].end = nodes_.size();
  open_.pop_back();
  structures_.pop_back();
}

}  // namespace p11tape::diff
