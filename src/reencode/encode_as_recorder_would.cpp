// SPDX-License-Identifier: Apache-2.0
#include "reencode/encode_as_recorder_would.hpp"

#include <sys/random.h>

#include <algorithm>

#include "capture/settings/settings_table.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::reencode {

using tape::u64;

recorder_profile::recorder_profile(const tape::reader& tape)
    : profile(std::clamp<std::size_t>(tape.header().profile, 1, cryptoki::profile_count) - 1) {
  u64 limit = 0;
  if (capture::parse_size(std::string(tape.property("setting.payload_limit")).c_str(), limit)) most_payload = limit;
}

encoding_room::encoding_room(const recorder_profile& how)
    : operations_(std::make_unique<capture::session_mechanisms[]>(capture::operation_count)),
      numbers_(std::make_unique<capture::known_values>()),
      contents_(std::make_unique<capture::known_values>()),
      pins_(std::make_unique<capture::pin_memory>()) {
  // Hashes of PINs stay in memory; a key that nobody knows keeps a core dump from telling them.
  if (getrandom(pins_->key, sizeof pins_->key, GRND_NONBLOCK) < 0)
    pins_->key[0] = reinterpret_cast<std::uintptr_t>(this);
  how_.profile = how.profile;
  how_.most_bytes = capture::most_public_bytes;
  how_.most_payload = how.most_payload;
  how_.pins = pins_.get();
  how_.operations = operations_.get();
  how_.numbers = numbers_.get();
  how_.contents = contents_.get();
  how_.room_key[0] = pins_->key[0];
  how_.room_key[1] = pins_->key[1];
}

encoded_call::encoded_call(const encoding_room& room)
    : how_(room.how()),
      scratch_(std::make_unique<capture::scratch>()),
      rooms_(std::make_unique<capture::output_rooms>()) {}

// Into a buffer that grows until the record fits; one that is too large for any is shortened, as the recorder does.
template <class Body>
std::size_t encoded_call::put(buffer& into, Body body) {
  constexpr std::size_t usual = 4096, most = 4u << 20;  // words
  if (into.empty()) into.resize(usual);
  for (;;) {
    capture::encoder e(how_, pages_, caps_, *rooms_, 0, scratch_.get());
    const bool last = into.size() >= most;
    if (last) e.shorten();
    auto* const start = reinterpret_cast<tape::u8*>(into.data());
    capture::sink out(start, into.size() * 8);
    body(e, out);
    if (!out.overflowed()) return static_cast<std::size_t>(out.position() - start);
    if (last) return 0;
    into.resize(into.size() * 8);
  }
}

void encoded_call::enter(cryptoki::function f, const u64* words) {
  pages_ = {};  // the client may have unmapped what it passed before
  leave_size_ = 0;
  enter_size_ = put(enter_, [&](capture::encoder& e, capture::sink& out) {
    if (const auto& plan = capture::plan_of(f); plan.changes_mechanism) e.remember_mechanism(plan, words);
    e.enter(out, f, words);
  });
}

void encoded_call::settle(cryptoki::function f, const u64* words, u64 value) {
  capture::encoder e(how_, pages_, caps_, *rooms_, 0, scratch_.get());
  if (const auto& plan = capture::plan_of(f); plan.begins) e.settle_mechanism(plan, words, value);
}

void encoded_call::leave(cryptoki::function f, const u64* words, u64 value) {
  leave_size_ = put(leave_, [&](capture::encoder& e, capture::sink& out) {
    out.number(value);
    if (const auto& plan = capture::plan_of(f); plan.begins) e.settle_mechanism(plan, words, value);
    e.leave(out, f, words, value);
  });
}

}  // namespace p11tape::reencode
