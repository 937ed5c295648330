// SPDX-License-Identifier: Apache-2.0
// The rows by which a tape describes itself: its functions, their arguments, its structs.
//
// A reader understands a tape by these, not by its own rows, so that a tape of a newer or older version is read right.
// Copies are cheap and share the rows; everything handed out lives as long as any copy.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "p11tape/layout.hpp"
#include "p11tape/row.hpp"

namespace p11tape::tape {

struct function_info {
  std::string_view name;
  std::string_view since;  ///< "v2_40", "v3_0" ...
  std::string_view family;
  cryptoki::effect does = cryptoki::effect::none;  ///< none also for an effect that this program does not know
  std::span<const cryptoki::field> arguments;
};

struct struct_info {
  std::string_view name;
  std::span<const cryptoki::field> fields;
};

class schema {
 public:
  /// The rows of this program. Parses nothing.
  static const schema& built_in();

  /// Parses the schema text of a tape. Falls back to the rows of this program where the text is damaged, and says so in
  /// `trouble` (which stays empty otherwise). Fields whose notes a newer version has added are kept and marked
  /// `broken`.
  static schema parse(std::string_view text, std::string& trouble);

  std::span<const function_info> functions() const noexcept;
  std::span<const struct_info> structs() const noexcept;

  /// The row with that number in the tape's schema, or nullptr.
  const function_info* function(u64 number) const noexcept {
    const auto all = functions();
    return number < all.size() ? &all[number] : nullptr;
  }
  const struct_info* structure(u64 number) const noexcept {
    const auto all = structs();
    return number < all.size() ? &all[number] : nullptr;
  }

  /// The number of the function of that name, or functions().size().
  std::size_t function_named(std::string_view name) const noexcept;

 private:
  struct rows;
  class parser;
  explicit schema(std::shared_ptr<const rows> r) : rows_(std::move(r)) {}
  std::shared_ptr<const rows> rows_;
};

}  // namespace p11tape::tape
