// SPDX-License-Identifier: Apache-2.0
#include "diff/tape_outline.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diff/compare.hpp"
#include "model/call_stream.hpp"
#include "model/extract.hpp"

namespace p11tape::diff {
namespace {

using cryptoki::effect;

// FNV-1a over whatever a call asks for.
class hash {
 public:
  hash& add(u64 n) noexcept {
    for (int i = 0; i < 8; ++i) byte(static_cast<unsigned char>(n >> (8 * i)));
    return *this;
  }
  hash& add(std::string_view text) noexcept {
    for (const char c : text) byte(static_cast<unsigned char>(c));
    return add(text.size());
  }
  u64 value() const noexcept { return value_; }

 private:
  void byte(unsigned char c) noexcept { value_ = (value_ ^ c) * 0x100000001b3u; }
  u64 value_ = 0xcbf29ce484222325u;
};

bool is_query(const model::call_context& now) {
  switch (now.role->does) {
    case effect::none:
    case effect::describe_token:
    case effect::describe_object:
    case effect::wait:
      // Of the calls that change nothing some nevertheless do work: random numbers, digests, wrapped keys.
      return now.role->mechanism < 0 && now.role->input < 0 && (now.role->output < 0 || now.asks);
    default:
      return now.asks;
  }
}

// Answers that polls and queries get in the normal course of things.
bool is_routine(u64 value) noexcept {
  return value == CKR_OK || value == CKR_BUFFER_TOO_SMALL || value == CKR_NO_EVENT ||
         value == CKR_ATTRIBUTE_SENSITIVE || value == CKR_ATTRIBUTE_TYPE_INVALID || value == CKR_TOKEN_NOT_PRESENT ||
         value == CKR_FUNCTION_NOT_PARALLEL;
}

element key_of(const model::call_context& now) {
  const auto& r = *now.role;
  hash h;
  h.add(now.call->function != nullptr ? now.call->function->name : std::string_view("?"));
  element key;
  key.weak = h.value();
  h.add(now.asks);
  if (r.mechanism >= 0) h.add(now.mechanism);
  if (r.user >= 0) h.add(now.word(r.user));
  if (r.does == effect::find_begin) {
    model::search s;
    model::learn(s, model::template_of(*now.call, r.values));
    h.add(s.object_class).add(s.key_type).add(s.label.value_or("")).add(s.id.value_or(""));
  }
  if (r.question >= 0)
    for (const auto& a : tape::sequence<tape::attribute_view>(model::template_of(*now.call, r.question))) h.add(a.type);
  key.strong = h.value();
  return key;
}

void remember(digest& d, const model::call_context& now) {
  for (const auto* o : {now.key})
    if (o != nullptr) d.objects.insert_or_assign(o->number, *o);
  if (now.slot != nullptr && now.slot->token) d.tokens[now.slot_id] = now.slot->token->label;
}

bool is_generated(const model::object& o) noexcept {
  return o.created &&
         (o.object_class == CKO_PRIVATE_KEY || o.object_class == CKO_PUBLIC_KEY || o.object_class == CKO_SECRET_KEY);
}

}  // namespace

digest digest_of(const tape::reader& tape, u64 most, const std::function<void(u64)>& seen) {
  digest d;
  std::map<model::thread_number, std::size_t> place;  // index in d.lines
  struct thread_facts {
    std::size_t index = 0;
    bool left_out = false;
  };
  std::map<model::thread_number, thread_facts> facts;
  for (std::size_t t = 0; t < tape.threads().size(); ++t)
    facts[model::thread_number(tape.threads()[t].number)] = {t, is_lookup_thread(tape, t)};
  d.end = std::make_shared<model::state>(tape);
  model::call_stream calls(tape);
  u64 bytes = 0;
  while (const auto* c = calls.next()) {
    if (d.calls == most) {
      d.cut = true;
      break;
    }
    const auto& now = d.end->take(*c);
    const auto& thread = facts[c->thread.number];
    if (thread.left_out) {
      ++d.lookups;
      continue;
    }
    remember(d, now);
    const auto [i, is_new] = place.try_emplace(c->thread.number, d.lines.size());
    if (is_new) {
      d.threads.push_back(thread.index);
      d.lines.emplace_back();
    }
    line l;
    l.key = key_of(now);
    l.number = c->number;
    l.mechanism = now.mechanism;
    l.slot = now.slot_id;
    l.object = now.key != nullptr ? now.key->number : model::none;
    l.value = now.value;
    l.ended = now.ended;
    l.harmless = now.ended && is_query(now) && is_routine(now.value);
    l.fresh = now.key != nullptr && is_generated(*now.key);
    d.lines[i->second].push_back(l);
    d.time_in_module += c->duration();
    bytes += c->enter.stored + c->leave.stored;
    if (++d.calls % 65536 == 0) {
      seen(bytes);
      bytes = 0;
    }
  }
  d.end->finish();
  return d;
}

}  // namespace p11tape::diff
