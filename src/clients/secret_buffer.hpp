// SPDX-License-Identifier: Apache-2.0
// Text that may hold a password: overwritten when it goes. It cannot be copied or printed by accident; readers take a
// view.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace p11tape::clients {

class secret_buffer {
 public:
  secret_buffer() = default;
  explicit secret_buffer(std::string&& text) : text_(std::move(text)) { wipe(text); }
  explicit secret_buffer(std::string_view text) : text_(text) {}
  secret_buffer(secret_buffer&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  secret_buffer& operator=(secret_buffer&& other) noexcept {
    if (this != &other) {
      wipe(text_);
      text_ = std::move(other.text_);
      wipe(other.text_);
    }
    return *this;
  }
  secret_buffer(const secret_buffer&) = delete;
  secret_buffer& operator=(const secret_buffer&) = delete;
  ~secret_buffer() { wipe(text_); }

  std::string_view view() const noexcept { return text_; }
  std::size_t size() const noexcept { return text_.size(); }
  bool empty() const noexcept { return text_.empty(); }

  /// Overwrites all that the string has room for, also bytes beyond its present end.
  static void wipe(std::string& text) noexcept {
    // Also of a string that was moved from: short ones stay in its own bytes. NOLINTNEXTLINE(clang-analyzer-cplusplus.Move)
    text.resize(text.capacity());
    explicit_bzero(text.data(), text.size());
    text.clear();
  }

 private:
  std::string text_;
};

}  // namespace p11tape::clients
