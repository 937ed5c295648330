#include "replay/encoded.hpp"

#include <charconv>

namespace p11tape::replay {
namespace {

using tape::u64;

// "64K"
u64 size_of(std::string_view text, u64 otherwise) noexcept {
  u64 number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > (u64{1} << 30)) return otherwise;
  if (end != text.data() + text.size() && *end == 'K') number <<= 10;
  if (end != text.data() + text.size() && *end == 'M') number <<= 20;
  return number;
}

}  // namespace

encoding_room::encoding_room(const tape::reader& tape)
    : operations_(std::make_unique<capture::session_mechanisms[]>(capture::operation_count)),
      pins_(std::make_unique<capture::pin_memory>()) {
  const auto profile = tape.header().profile;
  how_.profile = profile >= 1 && profile <= cryptoki::profile_count ? profile - 1 : 0;
  how_.most_bytes = 8 * 1024;
  how_.most_payload = size_of(tape.property("setting.payload_limit"), 64 * 1024);
  how_.pins = pins_.get();
  how_.operations = operations_.get();
}

encoded_call::encoded_call(const encoding_room& room)
    : how_(room.how()),
      scratch_(std::make_unique<capture::scratch>()),
      templates_(std::make_unique<capture::template_room>()) {}

// Into a buffer that grows until the record fits; one that is too large for any is shortened, as the recorder does.
template <class Body>
std::size_t encoded_call::put(buffer& into, Body body) {
  constexpr std::size_t usual = 4096, most = 4u << 20;  // words
  if (into.empty()) into.resize(usual);
  for (;;) {
    capture::encoder e(how_, pages_, caps_, *templates_, call_, scratch_.get());
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
  ++call_;
  leave_size_ = 0;
  enter_size_ = put(enter_, [&](capture::encoder& e, capture::sink& out) {
    e.remember_mechanism(f, words);
    e.enter(out, f, words);
  });
}

void encoded_call::leave(cryptoki::function f, const u64* words, u64 value) {
  leave_size_ = put(leave_, [&](capture::encoder& e, capture::sink& out) {
    out.number(value);
    e.leave(out, f, words, value);
  });
}

}  // namespace p11tape::replay
