// SPDX-License-Identifier: Apache-2.0
// Conditions on calls, as `show -e` takes them: function=C_Sign and rv!=CKR_OK and duration>5ms
//
//   expression = term { "or" term }
//   term       = factor { "and" factor }
//   factor     = "not" factor | "(" expression ")" | field operator value | flag
//   operator   = "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~"
//
// `||`, `&&` and `!` mean the same as the words. A value is a word, or a text in single or double quotes; `~` matches a
// pattern with * and ?. A field that a call does not have (the token of C_Initialize) matches no condition but its
// negation. call_condition::help() lists the fields.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/call.hpp"
#include "model/state.hpp"

namespace p11tape::cli {

class call_condition {
 public:
  call_condition();
  ~call_condition();
  call_condition(call_condition&&) noexcept;
  call_condition& operator=(call_condition&&) noexcept;

  /// Replaces the condition by the one that `text` states. Returns "", or what is wrong and where, in two lines: the
  /// second is `text` with a caret under the place.
  std::string parse(std::string_view text);

  /// Adds a condition that must hold too. Returns as parse().
  std::string require(std::string_view text);

  bool empty() const noexcept { return root_ == nullptr; }

  /// Whether matches() must be given the state of the model at the call.
  bool needs_context() const noexcept { return needs_context_; }

  /// `now` may be nullptr where needs_context() is false.
  bool matches(const model::call& call, const model::call_context* now) const;

  /// The fields, a line each, for --help.
  static std::string help();

  struct node;

 private:
  std::unique_ptr<node> root_;
  bool needs_context_ = false;
};

}  // namespace p11tape::cli
