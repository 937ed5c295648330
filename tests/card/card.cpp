// SPDX-License-Identifier: Apache-2.0
#include "card.hpp"

#include <algorithm>

namespace p11tape::virtual_card {

command::command(const bytes& a) {
  if (a.size() < 4) return;
  cla = a[0];
  ins = a[1];
  p1 = a[2];
  p2 = a[3];
  std::size_t at = 4;
  std::size_t length = 0;
  const auto left = [&] { return a.size() - at; };
  extended = a.size() >= 7 && a[4] == 0;
  if (extended) {
    at = 5;
    if (left() > 2) {
      length = std::size_t{a[5]} << 8 | a[6];
      at = 7;
    }
  } else if (left() > 1) {
    length = a[4];
    at = 5;
  }
  if (left() < length) return;
  data.assign(a.begin() + static_cast<std::ptrdiff_t>(at), a.begin() + static_cast<std::ptrdiff_t>(at + length));
  at += length;
  if (left() == 1) {
    expected = a[at] != 0 ? a[at] : 256;
  } else if (left() == 2) {
    expected = std::size_t{a[at]} << 8 | a[at + 1];
    if (expected == 0) expected = 65536;
  }
  complete = left() <= 2;
}

unsigned secret::check(const bytes& given) {
  if (left_ == 0) return blocked;
  --left_;
  verified_ = given == value_;
  if (!verified_) return left_ != 0 ? wrong | left_ : blocked;
  left_ = most_;
  return ok;
}

bytes card::transmit(const bytes& apdu) {
  constexpr std::uint8_t chained = 0x10;
  constexpr std::uint8_t get_response = 0xc0;
  const auto answer = [](bytes data, unsigned sw) {
    data.push_back(static_cast<std::uint8_t>(sw >> 8));
    data.push_back(static_cast<std::uint8_t>(sw));
    return data;
  };
  command c(apdu);
  if (!c.complete) return answer({}, wrong_length);
  if (c.ins == get_response) return rest(c.expected);
  chain_.insert(chain_.end(), c.data.begin(), c.data.end());
  if ((c.cla & chained) != 0) return answer({}, ok);
  c.data = std::move(chain_);
  chain_.clear();
  pending_.clear();
  bytes out;
  const unsigned sw = process(c, out);
  if (sw != ok || c.extended) return answer(std::move(out), sw);
  pending_ = std::move(out);
  return rest(c.expected != 0 ? c.expected : 256);
}

bytes card::rest(std::size_t most) {
  const auto size = static_cast<std::ptrdiff_t>(std::min({most, pending_.size(), std::size_t{256}}));
  bytes part(pending_.begin(), pending_.begin() + size);
  pending_.erase(pending_.begin(), pending_.begin() + size);
  const auto more = std::min<std::size_t>(pending_.size(), 256);
  part.push_back(more == 0 ? 0x90 : 0x61);
  part.push_back(static_cast<std::uint8_t>(more == 256 ? 0 : more));
  return part;
}

std::unique_ptr<card> make_card(std::string_view name) {
  if (name == "piv") return make_piv();
  if (name == "sc-hsm") return make_sc_hsm();
  return nullptr;
}

bytes tlv(unsigned tag, const bytes& value) {
  bytes out;
  if (tag > 0xff) out.push_back(static_cast<std::uint8_t>(tag >> 8));
  out.push_back(static_cast<std::uint8_t>(tag));
  if (value.size() > 0xff) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(value.size() >> 8));
  } else if (value.size() > 0x7f) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

bytes joined(std::initializer_list<bytes> parts) {
  bytes all;
  for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}

bytes text(std::string_view s) { return {s.begin(), s.end()}; }

}  // namespace p11tape::virtual_card
