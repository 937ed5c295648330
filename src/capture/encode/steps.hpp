// SPDX-License-Identifier: Apache-2.0
// The steps of each row, as constants: plan.cpp collects them for the interpreter, and encode_compiled.cpp has the compiler
// make code of those of the calls that most tapes consist of.
#pragma once

#include "capture/encode/plan.hpp"

namespace p11tape::capture::steps {

using namespace cryptoki;

consteval u16 target_of(const field& f) {
  const auto wanted = f.target.empty() ? f.meaning : f.target;
  if (f.target == "message_parameter") return message_parameter;
  const bool needed = !f.target.empty() || f.kind == shape::record || f.kind == shape::records ||
                      f.kind == shape::function_list || f.kind == shape::interface;
  if (!needed) return no_target;
  const auto n = record_named(wanted);
  if (n == record_count) invalid_row("a row points at a struct that has no row");
  return static_cast<u16>(n);
}

consteval redaction_class counted_by(std::span<const field> row, std::size_t me) {
  for (const auto& f : row)
    if (f.count == static_cast<int>(me) && f.kind == shape::bytes) return f.secret;
  return redaction_class::scalar;
}

consteval step make_step(std::span<const field> row, std::size_t i, place where) {
  const auto& f = row[i];
  step s{};
  s.kind = f.kind;
  s.way = f.way;
  s.secret = f.secret;
  s.counts_bits = f.counts_bits;
  s.terminated = f.terminated;
  s.embedded = !is_pointer(f.kind) && (f.fixed != 0 || f.kind == shape::record);
  s.counted = counted_by(row, i);
  s.written = f.kind == shape::numbers && f.way == flow::inout;
  s.count = f.count;
  for (const auto& other : row) s.makes = s.makes || other.maker == static_cast<int>(i);
  s.plain = !s.makes && (f.kind == shape::number || f.kind == shape::byte) && !s.embedded &&
            s.counted == redaction_class::scalar && f.way == flow::none;
  s.sealed = f.sealed;
  s.cap = f.cap;
  s.maker = f.maker;
  s.counts = -1;
  for (std::size_t k = 0; k < row.size(); ++k)
    if (row[k].count == static_cast<int>(i) && is_pointer(row[k].kind)) s.counts = static_cast<std::int8_t>(k);
  s.fixed = f.fixed;
  s.target = target_of(f);
  s.offset = where.offset;
  s.size = where.size;
  return s;
}

template <std::size_t N>
consteval auto function_steps(const std::array<field, N>& row) {
  std::array<step, N> steps{};
  for (std::size_t i = 0; i < N; ++i) steps[i] = make_step(row, i, {static_cast<u16>(i * 8), 8});
  return steps;
}

template <std::size_t N>
consteval auto record_steps(const std::array<field, N>& row, const std::array<place, N>& places) {
  std::array<step, N> steps{};
  for (std::size_t i = 0; i < N; ++i) steps[i] = make_step(row, i, places[i]);
  return steps;
}

#define FN(name, ...) inline constexpr auto name##_steps = function_steps(cryptoki::detail::name##_row);
#include "cryptoki/functions.def"
#undef FN
#define STRUCT(name, ...)              \
  inline constexpr auto name##_steps = \
      record_steps(cryptoki::detail::name##_row::fields, cryptoki::detail::name##_row::places);
#include "cryptoki/structs.def"
#undef STRUCT

}  // namespace p11tape::capture::steps
