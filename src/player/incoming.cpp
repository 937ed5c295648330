#include "player/incoming.hpp"

#include <sys/random.h>

namespace p11tape::player {

incoming::incoming(std::size_t profile, tape::u64 most_payload)
    : pins_(std::make_unique<capture::pin_memory>()),
      room_(std::make_unique<capture::scratch>()),
      templates_(std::make_unique<capture::template_room>()),
      operations_(capture::operation_count),
      bytes_(64 * 1024) {
  // Hashes of PINs stay in memory; a key that nobody knows keeps a core dump from telling them.
  if (getrandom(pins_->key, sizeof pins_->key, GRND_NONBLOCK) < 0)
    pins_->key[0] = reinterpret_cast<std::uintptr_t>(this);
  how_.profile = profile;
  how_.most_bytes = capture::most_public_bytes;
  how_.most_payload = most_payload;
  how_.pins = pins_.get();
  how_.operations = operations_.data();
}

tape::fields_view incoming::encode(cryptoki::function f, const tape::u64* words) {
  constexpr std::size_t most = 64 * 1024 * 1024;
  for (;;) {
    // Pages are probed anew for each call: the client may have unmapped what it passed before.
    capture::known_pages pages{};
    capture::capacities room{};
    capture::sink out(bytes_.data(), bytes_.size());
    capture::encoder e(how_, pages, room, *templates_, 1, room_.get());
    const bool last_try = bytes_.size() >= most;
    if (last_try) e.shorten();
    e.enter(out, f, words);
    if (out.overflowed() && !last_try) {
      bytes_.resize(bytes_.size() * 4);
      continue;
    }
    e.remember_mechanism(f, words);
    const auto size = out.overflowed() ? 0 : static_cast<std::size_t>(out.position() - bytes_.data());
    body_ = std::as_bytes(std::span(bytes_.data(), size));
    return {cryptoki::row(f).arguments, body_};
  }
}

}  // namespace p11tape::player
