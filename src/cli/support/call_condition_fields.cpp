// SPDX-License-Identifier: Apache-2.0
#include "cli/support/call_condition_fields.hpp"

#include "view/completeness.hpp"

namespace p11tape::cli {
namespace {

using model::call;
using model::call_context;
using value = std::optional<field_value>;

value number(std::uint64_t n) { return field_value{n, {}}; }
value known(std::uint64_t n) { return n == model::unknown ? value() : number(n); }
template <class Kind, tape::u64 None>
value known(model::number_of<Kind, None> n) {
  return n == model::none ? value() : number(n.value());
}
value text(std::string_view s) { return field_value{0, std::string(s)}; }

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.back() == ' ' || s.back() == '\0')) s.remove_suffix(1);
  return s;
}

const model::token* token_of(const call_context* now) {
  return now != nullptr && now->slot != nullptr && now->slot->token ? &*now->slot->token : nullptr;
}

constexpr call_field fields[] = {
    {"function", field_kind::text, "", false, "C_Sign; the prefix C_ may be left out",
     [](const call& c, const call_context*) { return c.function ? text(c.function->name) : value(); }},
    {"rv", field_kind::number, "return_value", false, "Return value: CKR_PIN_INCORRECT, 0xA0",
     [](const call& c, const call_context*) { return c.ended() ? number(c.return_value()) : value(); }},
    {"failed", field_kind::flag, "", false, "The call did not return CKR_OK",
     [](const call& c, const call_context*) { return number(c.failed()); }},
    {"returned", field_kind::flag, "", false, "The end of the call is on the tape",
     [](const call& c, const call_context*) { return number(c.ended()); }},
    {"duration", field_kind::duration, "", false, "Time in the module: 5ms, 2.5s",
     [](const call& c, const call_context*) { return c.has_duration() ? number(c.duration()) : value(); }},
    {"call", field_kind::number, "", false, "Number of the call on its tape",
     [](const call& c, const call_context*) { return number(c.number.value()); }},
    {"tape", field_kind::number, "", false, "Number of the tape among those that are read",
     [](const call& c, const call_context*) { return number(c.tape_index + 1); }},
    {"depth", field_kind::number, "", false, "How many calls of the same thread enclose the call",
     [](const call& c, const call_context*) { return number(c.depth); }},
    {"thread", field_kind::number, "", false, "Number of the thread on its tape",
     [](const call& c, const call_context*) { return number(c.thread.number.value()); }},
    {"tid", field_kind::number, "", false, "The kernel's id of the thread",
     [](const call& c, const call_context*) { return number(c.thread.id); }},
    {"pid", field_kind::number, "", false, "Process id",
     [](const call& c, const call_context*) { return number(c.tape->header().pid); }},
    {"program", field_kind::text, "", false, "File name of the program",
     [](const call& c, const call_context*) { return text(view::program_of(*c.tape)); }},
    {"slot", field_kind::number, "", true, "Slot id",
     [](const call&, const call_context* now) { return known(now->slot_id); }},
    {"token", field_kind::text, "", true, "Label of the token",
     [](const call&, const call_context* now) {
       const auto* t = token_of(now);
       return t ? text(trimmed(t->label)) : value();
     }},
    {"serial", field_kind::text, "", true, "Serial number of the token",
     [](const call&, const call_context* now) {
       const auto* t = token_of(now);
       return t ? text(trimmed(t->serial)) : value();
     }},
    {"session", field_kind::number, "", true, "Session handle",
     [](const call&, const call_context* now) { return known(now->session_handle); }},
    {"object", field_kind::number, "", true, "Handle of the object or key",
     [](const call&, const call_context* now) { return known(now->object_handle); }},
    {"key", field_kind::text, "", true, "Label of the key or object",
     [](const call&, const call_context* now) {
       return now->key != nullptr && now->key->label ? text(*now->key->label) : value();
     }},
    {"mechanism", field_kind::number, "mechanism", true, "CKM_RSA_PKCS; that of the operation for C_Sign and others",
     [](const call&, const call_context* now) { return known(now->mechanism); }},
};

}  // namespace

std::span<const call_field> call_fields() noexcept { return fields; }

}  // namespace p11tape::cli
