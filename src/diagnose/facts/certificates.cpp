// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/certificates.hpp"

#include <cstdio>
#include <ctime>

#include "cryptoki/pkcs11.hpp"
#include "decode/decode.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

constexpr std::size_t shortest = 128;  // no certificate is shorter

// "2026-12-31T23:59:59Z"; false for what is no such time.
bool seconds_of(const std::string& text, std::int64_t& out) {
  std::tm t{};
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%dZ", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
                  &t.tm_sec) != 6)
    return false;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  out = ::timegm(&t);
  return true;
}

}  // namespace

void certificates::take(const model::call_context& now) {
  if (now.role->question < 0) return;
  const auto& c = *now.call;
  tape::item_view item;
  if (all_.size() == most || !c.result().find(static_cast<std::size_t>(now.role->question), item)) return;
  for (const auto& a : tape::sequence<tape::attribute_view>(item.payload)) {
    constexpr tape::u32 not_whole = tape::item_unreadable | tape::item_cut | tape::item_withheld | tape::item_null;
    if (a.type != CKA_VALUE || a.form != tape::item_form::bytes || (a.flags & not_whole) != 0) continue;
    if (a.payload.size() < shortest) continue;
    if (!known_.insert(model::recorded_process::key_of(now.slot_id, now.object_handle)).second) return;
    const auto told = decode::certificate({reinterpret_cast<const std::uint8_t*>(a.payload.data()), a.payload.size()});
    if (!told) return;
    seen_certificate s;
    s.call = c.number;
    s.wall = c.start_wall();
    s.slot = now.slot_id;
    s.handle = now.object_handle;
    for (const auto& f : told.facts) {
      if (f.name == "subject") s.subject = f.text;
      if (f.name == "not_before") s.not_before = f.text;
      if (f.name == "not_after") s.not_after = f.text;
    }
    if (!seconds_of(s.not_before, s.from) || !seconds_of(s.not_after, s.until)) return;
    if (now.key != nullptr) {
      s.label = now.key->label;
      s.id = now.key->id;
    }
    if (now.session != nullptr) s.sought = now.session->find.label.has_value() || now.session->find.id.has_value();
    all_.push_back(std::move(s));
    return;
  }
}

}  // namespace p11tape::diagnose
