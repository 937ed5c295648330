// SPDX-License-Identifier: Apache-2.0
#include "model/roles.hpp"

#include "model/same_rows.hpp"

namespace p11tape::model {
namespace {

using cryptoki::effect;
using cryptoki::field;
using cryptoki::flow;
using cryptoki::shape;

cryptoki::function function_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < cryptoki::function_count; ++i)
    if (cryptoki::functions[i].name == name) return static_cast<cryptoki::function>(i);
  return unknown_function;
}

bool works_on_operation(effect e) noexcept {
  switch (e) {
    case effect::begin:
    case effect::single:
    case effect::update:
    case effect::finish:
    case effect::message:
    case effect::message_begin:
    case effect::message_next:
    case effect::find_begin:
    case effect::find_step:
    case effect::find_end:
      return true;
    default:
      return false;
  }
}

operation operation_of(const tape::function_info& f) noexcept {
  if (!works_on_operation(f.does)) return operation::no_operation;
  if (f.family == "search") return operation::search;
  if (f.family == "encrypt") return operation::encrypt;
  if (f.family == "decrypt") return operation::decrypt;
  if (f.family == "digest") return operation::digest;
  if (f.family == "sign") return operation::sign;
  if (f.family == "verify") return operation::verify;
  if (f.family != "message") return operation::no_operation;
  const auto has = [&](std::string_view word) { return f.name.find(word) != std::string_view::npos; };
  if (has("Encrypt")) return operation::message_encrypt;
  if (has("Decrypt")) return operation::message_decrypt;
  if (has("Sign")) return operation::message_sign;
  return has("Verify") ? operation::message_verify : operation::no_operation;
}

void put_first(std::int8_t& first, std::int8_t& second, std::int8_t i) noexcept {
  if (first < 0)
    first = i;
  else if (second < 0)
    second = i;
}

void place(function_role& r, const field& f, std::int8_t i) noexcept {
  std::int8_t ignored = 0;  // where only the first of a kind counts
  const bool comes_out = f.way == flow::out;
  if (f.broken) return;
  switch (f.kind) {
    case shape::number:
      if (f.meaning == "session") put_first(r.session, ignored, i);
      if (f.meaning == "slot") put_first(r.slot, ignored, i);
      if (f.meaning == "object") put_first(r.object, r.second_object, i);
      if (f.meaning == "user_type") put_first(r.user, ignored, i);
      if (f.type == "CK_FLAGS") put_first(r.flags, ignored, i);
      break;
    case shape::numbers:
      if (comes_out && (f.meaning == "session" || f.meaning == "object" || f.meaning == "slot")) {
        if (r.result < 0) r.result_count = f.count;
        put_first(r.result, r.more_result, i);
      }
      break;
    case shape::mechanism:
      put_first(r.mechanism, ignored, i);
      break;
    case shape::attributes:
      if (comes_out)
        r.question = i;
      else
        put_first(r.values, r.more_values, i);
      break;
    case shape::bytes:
      if (f.secret == cryptoki::redaction_class::pin) {
        put_first(r.pin, r.new_pin, i);
      } else if (comes_out && r.output < 0) {
        r.output = i;
        r.output_length = f.count;
      } else if (f.way == flow::in && r.input < 0) {
        r.input = i;
        r.input_length = f.count;
      }
      break;
    default:
      break;
  }
}

}  // namespace

const char* name_of(operation o) noexcept {
  constexpr const char* names[] = {
      "a search",        "encryption",           "decryption",         "a digest",
      "signing",         "verification",         "message encryption", "message decryption",
      "message signing", "message verification", "no operation"};
  static_assert(std::size(names) == operations + 1);
  return names[static_cast<std::size_t>(o)];
}

std::vector<function_role> roles_of(const tape::schema& rows) {
  std::vector<function_role> all;
  for (const auto& f : rows.functions()) {
    auto& r = all.emplace_back();
    r.which = function_named(f.name);
    r.same_row = same_row(f, r.which);
    r.does = f.does;
    r.on = operation_of(f);
    for (std::size_t i = 0; i < f.arguments.size() && i < 127; ++i)
      place(r, f.arguments[i], static_cast<std::int8_t>(i));
  }
  return all;
}

}  // namespace p11tape::model
