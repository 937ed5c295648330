// SPDX-License-Identifier: Apache-2.0
// Plans, made from steps at compile time: plan.cpp has one for each row, and code that is compiled for one row knows its
// plan as a constant.
#pragma once

#include <bit>

#include "capture/encode/steps.hpp"

namespace p11tape::capture::steps {

constexpr plan make_plan(std::span<const step> steps) {
  plan p{steps, 0, std::endian::native == std::endian::little};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& s = steps[i];
    if (is_pointer(s.kind) && (s.way == flow::out || s.way == flow::inout)) p.outputs |= u32{1} << i;
    p.flat = p.flat && s.plain && s.size == 8 && s.offset == 8 * i;
  }
  return p;
}

constexpr operation operation_of(const function_row& row) {
  constexpr struct {
    std::string_view family, part_of_name;
    operation is;
  } operations[] = {{"message", "Encrypt", operation::message_encrypt},
                    {"message", "Decrypt", operation::message_decrypt},
                    {"message", "Sign", operation::message_sign},
                    {"message", "Verify", operation::message_verify},
                    {"encrypt", "", operation::encrypt},
                    {"decrypt", "", operation::decrypt},
                    {"digest", "", operation::digest},
                    {"sign", "", operation::sign},
                    {"verify", "", operation::verify},
                    {"dual", "", operation::dual}};
  for (const auto& o : operations)
    if (o.family == row.family && row.name.find(o.part_of_name) != std::string_view::npos) return o.is;
  return operation::none;
}

constexpr function_plan make_function_plan(std::span<const step> steps, const function_row& row) {
  function_plan p{};
  static_cast<plan&>(p) = make_plan(steps);
  p.goes = retention::ring;
  p.part_of = operation_of(row);
  p.decrypts = p.part_of == operation::message_decrypt || p.part_of == operation::message_verify ||
               row.name == "C_UnwrapKeyAuthenticated";
  const bool authenticated = row.name == "C_WrapKeyAuthenticated" || row.name == "C_UnwrapKeyAuthenticated";
  p.context = row.family == "message" ? layout::where::message
              : authenticated         ? layout::where::wrap
                                      : layout::where::call;
  p.begins = row.does == effect::begin;
  p.restores = row.does == effect::restore_state;
  p.changes_mechanism = p.begins || p.restores || row.name == "C_DigestKey";
  if (changes_state(row.does)) p.goes = retention::kept;
  if (row.does == effect::describe_token) p.goes = retention::kept_half;
  return p;
}

}  // namespace p11tape::capture::steps
