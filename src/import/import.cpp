// SPDX-License-Identifier: Apache-2.0
#include "import/import.hpp"

#include <algorithm>

#include "import/display.hpp"

namespace p11tape::import {
namespace {

constexpr std::size_t sample_bytes = 4 << 20, sample_lines = 20000;
// A single line of a form that other programs may print as well is no proof.
constexpr int enough = 2;

}  // namespace

importer::importer(input& from, const log_kind* wanted) : from_(from), kind_(wanted) {
  const auto kinds = log_kinds();
  std::vector<u64> scores(kinds.size());
  std::size_t bytes = 0;
  std::string room;
  u64 narrow = 0, wide = 0;
  while (bytes < sample_bytes && sample_.size() < sample_lines) {
    const auto raw = from_.next();
    if (!raw) break;
    bytes += raw->size() + 1;
    sample_.emplace_back(*raw);
    const auto text = without_wrapping(*raw, room);
    for (std::size_t i = 0; i < kinds.size(); ++i) scores[i] += static_cast<u64>(kinds[i].recognise(text));
    switch (display_lines::word_size_shown(text)) {
      case 4:
        ++narrow;
        break;
      case 8:
        ++wide;
        break;
      default:
        break;
    }
  }
  if (kind_ == nullptr) {
    const auto best = std::max_element(scores.begin(), scores.end());
    if (best != scores.end() && *best >= enough) kind_ = &kinds[static_cast<std::size_t>(best - scores.begin())];
  }
  if (narrow > 0 && wide == 0) word_size_ = 4;
}

std::optional<std::string_view> importer::next() {
  if (replayed_ < sample_.size()) return sample_[replayed_++];
  if (!sample_.empty()) {
    sample_.clear();
    sample_.shrink_to_fit();
    replayed_ = 0;
  }
  return from_.next();
}

void importer::pass(reader& r, std::string_view raw, const clean_line& clean, std::size_t keep, import_result& result) {
  static thread_local std::string room;
  const line l{without_wrapping(raw, room), ++result.lines};
  // What --clean wrote in place of lines says nothing.
  const auto use = l.text.starts_with("[p11tape: ") ? line_use::used : r.take(l);
  if (use == line_use::unknown) {
    ++result.unknown_lines;
    if (result.unknown.size() < keep) result.unknown.emplace_back(l.number, std::string(raw));
  }
  if (!clean) return;
  if (use == line_use::used) {
    clean(raw, true);
  } else if (use == line_use::unknown) {
    clean(raw, false);
  } else {
    // What stands before the text is the mail's or the collector's, and stays.
    std::string text(l.text.data() >= raw.data() && l.text.data() <= raw.data() + raw.size()
                         ? raw.substr(0, static_cast<std::size_t>(l.text.data() - raw.data()))
                         : std::string_view{});
    clean(text + r.cleaned(), true);
  }
}

import_result importer::read(call_sink& to, const clean_line& clean, std::size_t keep_unknown) {
  import_result result;
  result.kind = kind_;
  result.word_size = word_size_;
  if (kind_ == nullptr) return result;
  const auto reader = kind_->make(to);
  while (const auto raw = next()) pass(*reader, *raw, clean, keep_unknown, result);
  reader->finish();
  result.facts = reader->facts();
  return result;
}

}  // namespace p11tape::import
