// SPDX-License-Identifier: Apache-2.0
// A PIV card (NIST SP 800-73-4, the part that card-piv.c of OpenSC and libykpiv use), with the answer to reset and the
// two instructions of its own that make both take it for a YubiKey.
#include <algorithm>

#include "card.hpp"

namespace p11tape::virtual_card {
namespace {

constexpr std::uint8_t select = 0xa4, verify = 0x20, change = 0x24, reset_counter = 0x2c, get_data = 0xcb,
                       general_authenticate = 0x87, yubico_version = 0xfd, yubico_serial = 0xf8;
constexpr std::uint8_t pin_reference = 0x80, puk_reference = 0x81, authentication_key = 0x9a, rsa_2048 = 0x07;

const bytes application{0xa0, 0x00, 0x00, 0x03, 0x08};

// PIV pads PINs to eight bytes.
bytes padded(std::string_view pin) {
  bytes b = text(pin);
  b.resize(8, 0xff);
  return b;
}

class piv : public card {
 public:
  bytes atr() const override {
    return {0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 0x80, 0x73, 0xc0,
            0x21, 0xc0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4b, 0x65, 0x79, 0x40};
  }

  void reset() override {
    selected_ = false;
    pin_.forget();
    puk_.forget();
  }

 protected:
  unsigned process(const command& c, bytes& out) override {
    if (c.ins != select && !selected_) return unknown_instruction;
    switch (c.ins) {
      case select:
        return do_select(c, out);
      case verify:
        return do_verify(c);
      case change:
        return do_change(c);
      case reset_counter:
        return do_reset_counter(c);
      case get_data:
        return do_get_data(c.data, out);
      case general_authenticate:
        return do_authenticate(c, out);
      case yubico_version:
        out = {5, 2, 7};
        return ok;
      case yubico_serial:
        out = {0x01, 0x23, 0x45, 0x67};
        return ok;
      default:
        return unknown_instruction;
    }
  }

 private:
  unsigned do_select(const command& c, bytes& out) {
    if (c.p1 != 4 || c.data.size() < application.size() ||
        !std::equal(application.begin(), application.end(), c.data.begin()))
      return not_found;
    selected_ = true;
    out = tlv(0x61, joined({tlv(0x4f, {0x00, 0x00, 0x10, 0x00, 0x01, 0x00}), tlv(0x79, tlv(0x4f, application))}));
    return ok;
  }

  unsigned do_verify(const command& c) {
    if (c.p2 != pin_reference) return no_reference;
    if (!c.has_data()) return pin_.state();
    return c.data.size() == 8 ? pin_.check(c.data) : unsigned{bad_data};
  }

  unsigned do_change(const command& c) {
    if (c.data.size() != 16) return bad_data;
    auto& which = c.p2 == puk_reference ? puk_ : pin_;
    const unsigned sw = which.check({c.data.begin(), c.data.begin() + 8});
    if (sw == ok) which.set({c.data.begin() + 8, c.data.end()});
    return sw;
  }

  unsigned do_reset_counter(const command& c) {
    if (c.p2 != pin_reference) return no_reference;
    if (c.data.size() != 16) return bad_data;
    const unsigned sw = puk_.check({c.data.begin(), c.data.begin() + 8});
    if (sw != ok) return sw;
    pin_.set({c.data.begin() + 8, c.data.end()});
    pin_.unblock();
    return ok;
  }

  unsigned do_get_data(const bytes& list, bytes& out) {
    if (list.size() < 3 || list[0] != 0x5c || list.size() != 2u + list[1]) return bad_data;
    unsigned tag = 0;
    for (std::size_t i = 2; i < list.size(); ++i) tag = tag << 8 | list[i];
    switch (tag) {
      case 0x7e:  // discovery object: the application, and that it has a PIN
        out = tlv(0x7e, joined({tlv(0x4f, {0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0}), tlv(0x5f2f, {0x40, 0x00})}));
        return ok;
      case 0x5fc102:  // cardholder unique identifier
        out = tlv(0x53, joined({tlv(0x30, bytes(25, 0xd4)), tlv(0x34, bytes(16, 0x11)), tlv(0x35, text("20300101")),
                                tlv(0x3e, {}), tlv(0xfe, {})}));
        return ok;
      case 0x5fc105:  // certificate of key 9A
        out = tlv(0x53, joined({tlv(0x70, key_.certificate()), tlv(0x71, {0}), tlv(0xfe, {})}));
        return ok;
      case 0x5fc109:  // printed information
        if (!pin_.verified()) return not_verified;
        out = tlv(0x53, tlv(0xfe, {}));
        return ok;
      default:
        return not_found;
    }
  }

  // 7C: an empty 82 that asks for the result, and 81 with the padded block, which is the tail.
  unsigned do_authenticate(const command& c, bytes& out) {
    if (c.p2 != authentication_key || c.p1 != rsa_2048) return bad_parameters;
    if (!pin_.verified()) return not_verified;
    bytes result;
    if (c.data.size() < 256 || !key_.apply({c.data.end() - 256, c.data.end()}, result)) return bad_data;
    out = tlv(0x7c, tlv(0x82, result));
    return ok;
  }

  secret pin_{padded("123456"), 3};
  secret puk_{padded("12345678"), 3};
  bool selected_ = false;
  rsa_key key_{"virtual PIV"};
};

}  // namespace

std::unique_ptr<card> make_piv() { return std::make_unique<piv>(); }

}  // namespace p11tape::virtual_card
