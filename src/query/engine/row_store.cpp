// SPDX-License-Identifier: Apache-2.0
#include "query/engine/row_store.hpp"

namespace p11tape::query {

row_store::row_store(std::vector<unsigned> used, symbols& pool)
    : pool_(&pool), used_(std::move(used)), columns_(used_.size()), texts_(1) {
  for (std::size_t i = 0; i < used_.size(); ++i) slot_[used_[i]] = static_cast<std::uint8_t>(i);
}

// A symbol has the same address again and again, so the address finds it quickly; one text may have several addresses.
// A text that is no symbol lies at one address again and again, with other bytes.
std::uint32_t row_store::text_number(std::string_view text) {
  if (text.empty()) return 0;
  auto& known = recent_[(reinterpret_cast<std::uintptr_t>(text.data()) >> 3) % recent_.size()];
  if (known.at == text.data() && known.size == text.size()) return known.number;
  const auto kept = pool_->keep(text);
  const auto [i, is_new] = text_numbers_.try_emplace(kept.data(), static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(kept);
  known = {text.data(), text.size(), i->second};
  return i->second;
}

void row_store::read(row_source& from) {
  while (from.next()) {
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const auto c = from.at(used_[i]);
      auto& column = columns_[i];
      if (c.what == cell::kind::symbol) {
        column.values.push_back(text_number(c.text));
      } else if (c.what == cell::kind::text) {
        column.values.push_back(text_number(pool_->keep(c.text)));
      } else {
        column.values.push_back(c.number);
      }
      column.kinds.push_back(c.is_text() ? is_text : c.what == cell::kind::null ? is_null : is_number);
    }
  }
}

cell row_store::at(std::uint32_t row, unsigned column) const noexcept {
  switch (kind_of(row, column)) {
    case is_text:
      return cell::of_symbol(texts_[value(row, column)]);
    case is_number:
      return cell::of(value(row, column));
    default:
      return {};
  }
}

}  // namespace p11tape::query
