// SPDX-License-Identifier: Apache-2.0
// The value of one attribute of a template, told to a consumer.
#pragma once

#include <string_view>

#include "render/visitor.hpp"

namespace p11tape::render {

/// What is known around an attribute.
struct attribute_context {
  unsigned word_size = 8;  ///< of a CK_ULONG in the recorded process
  bool asking = false;     ///< the template of a question, as it was before the call: buffers without values
  bool answering = false;  ///< the same template after the call
  std::uint64_t key_type = ~std::uint64_t{0};  ///< as the same template says; all ones where it does not
  decode::attribute_decoder decoder = nullptr;
  unsigned depth = 0;  ///< of templates inside templates
};

/// Tells the value by the form that the attribute's row gives. Numbers, flags and lists are read here; what bytes mean
/// (names, certificates, curves ...) is the decoder's. A value that does not fit its type is told raw.
void render_attribute_value(const attribute_context& around, const tape::attribute_view& attribute, visitor& to);

/// Tells a whole template.
void render_template(attribute_context around, const label& which, tape::byte_view payload, std::uint32_t marks,
                     visitor& to);

/// A number with its meaning: a constant, flags, a handle, a boolean, a plain count. Tells it to the consumer.
void render_number(const label& which, std::uint64_t number, unsigned word_size, std::uint32_t marks, visitor& to);

/// True for CK_UNAVAILABLE_INFORMATION.
bool is_unavailable(std::uint64_t number, unsigned word_size) noexcept;

}  // namespace p11tape::render
