// SPDX-License-Identifier: Apache-2.0
// A SmartCard-HSM 3.5, sold as Nitrokey HSM: the part that card-sc-hsm.c and pkcs15-sc-hsm.c of OpenSC use. Its PINs
// are not padded, so the length of a VERIFY is the length of the PIN: what a recorder must not tell.
#include <map>

#include "card.hpp"

namespace p11tape::virtual_card {
namespace {

constexpr std::uint8_t select = 0xa4, verify = 0x20, change = 0x24, reset_counter = 0x2c, initialize = 0x50,
                       enumerate = 0x58, sign = 0x68, challenge = 0x84, read_binary = 0xb1, update_binary = 0xd7;
constexpr std::uint8_t user_pin = 0x81, so_pin = 0x88;
constexpr unsigned device_certificate = 0x2f02, key_description = 0xc401, key_certificate = 0xce01;
constexpr std::size_t so_pin_size = 8;

const bytes application{0xe8, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xc3, 0x1f, 0x02, 0x01};

bytes head(const bytes& b, std::size_t size) { return {b.begin(), b.begin() + static_cast<std::ptrdiff_t>(size)}; }
bytes tail(const bytes& b, std::size_t from) { return {b.begin() + static_cast<std::ptrdiff_t>(from), b.end()}; }

// The key's description as PKCS#15 has it: label, identifier and use, size.
bytes describe_key() {
  return tlv(0x30, joined({tlv(0x30, tlv(0x0c, text("key1"))), tlv(0x30, {0x04, 0x01, 0x01, 0x03, 0x02, 0x05, 0x60}),
                           tlv(0xa1, tlv(0x30, {0x30, 0x02, 0x04, 0x00, 0x02, 0x02, 0x08, 0x00}))}));
}

// A card-verifiable certificate, of which OpenSC wants the holder's name: the serial number.
bytes describe_device() {
  bytes point(65, 0x11);
  point[0] = 4;
  const bytes ec_key{0x04, 0x00, 0x7f, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
  const auto body =
      joined({tlv(0x5f29, {0}), tlv(0x42, text("DESRCACC100001")),
              tlv(0x7f49, joined({tlv(0x06, ec_key), tlv(0x86, point)})), tlv(0x5f20, text("DENK010000100000"))});
  return tlv(0x7f21, joined({tlv(0x7f4e, body), tlv(0x5f37, bytes(64, 0x22))}));
}

class sc_hsm : public card {
 public:
  bytes atr() const override {
    return {0x3b, 0xfe, 0x18, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x45, 0x80, 0x31, 0x81,
            0x54, 0x48, 0x53, 0x4d, 0x31, 0x73, 0x80, 0x21, 0x40, 0x81, 0x07, 0xfa};
  }

  void reset() override {
    pin_.forget();
    current_ = 0;
  }

 protected:
  unsigned process(const command& c, bytes& out) override {
    switch (c.ins) {
      case select:
        return do_select(c, out);
      case verify:
        if (c.p2 != user_pin) return no_reference;
        return c.has_data() ? pin_.check(c.data) : pin_.state();
      case change:
        return do_change(c);
      case reset_counter:
        return do_reset_counter(c.data);
      case initialize:
        return do_initialize(c.data);
      case enumerate:
        out = {0xcc, 0x00, 0xcc, 0x01};
        return ok;
      case challenge:
        out.assign(c.expected != 0 && c.expected < 256 ? c.expected : 8, 0x5a);
        return ok;
      case read_binary:
        return do_read(c, out);
      case update_binary:
        return do_update(c);
      case sign:
        return do_sign(c, out);
      default:
        return unknown_instruction;
    }
  }

 private:
  const bytes* file(unsigned id) {
    if (files_.empty()) {
      files_[device_certificate] = describe_device();
      files_[key_description] = describe_key();
      files_[key_certificate] = key_.certificate();
    }
    const auto at = files_.find(id);
    return at == files_.end() ? nullptr : &at->second;
  }

  unsigned do_select(const command& c, bytes& out) {
    if (c.p1 == 4) {
      if (c.data != application) return not_found;
      pin_.forget();
      out = tlv(0x6f, joined({tlv(0x82, {0x78}), tlv(0x85, {0x00, 0x00, 0xff, 0x03, 0x05})}));
      return ok;
    }
    if (c.data.size() != 2) return bad_parameters;
    const unsigned id = unsigned{c.data[0]} << 8 | c.data[1];
    const auto* const found = file(id);
    if (found == nullptr) return not_found;
    current_ = id;
    const auto size = found->size();
    out = tlv(0x6f, joined({tlv(0x80, {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)}),
                            tlv(0x82, {0x01}), tlv(0x83, c.data)}));
    return ok;
  }

  unsigned do_change(const command& c) {
    auto& which = c.p2 == so_pin ? so_ : pin_;
    if (c.p2 != so_pin && c.p2 != user_pin) return no_reference;
    if (c.data.size() <= which.size()) return wrong_length;
    const unsigned sw = which.check(head(c.data, which.size()));
    if (sw == ok) which.set(tail(c.data, which.size()));
    return sw;
  }

  unsigned do_reset_counter(const bytes& data) {
    if (data.size() < so_pin_size) return wrong_length;
    const unsigned sw = so_.check(head(data, so_pin_size));
    if (sw != ok) return sw;
    if (data.size() > so_pin_size) pin_.set(tail(data, so_pin_size));
    pin_.unblock();
    return ok;
  }

  // Tags 81 (user PIN) and 82 (SO-PIN) among others.
  unsigned do_initialize(const bytes& data) {
    for (std::size_t i = 0; i + 2 <= data.size() && i + 2 + data[i + 1] <= data.size(); i += 2u + data[i + 1]) {
      const auto value = head(tail(data, i + 2), data[i + 1]);
      if (data[i] == 0x81) pin_.set(value);
      if (data[i] == 0x82) so_.set(value);
    }
    pin_.unblock();
    so_.unblock();
    return ok;
  }

  // The data is the offset, in a tag 54.
  unsigned do_read(const command& c, bytes& out) {
    const auto* const found = file(c.p1 != 0 || c.p2 != 0 ? unsigned{c.p1} << 8 | c.p2 : current_);
    if (found == nullptr) return no_current_file;
    const std::size_t offset = c.data.size() == 4 ? std::size_t{c.data[2]} << 8 | c.data[3] : 0;
    if (offset < found->size()) out = tail(*found, offset);
    if (c.expected != 0 && out.size() > c.expected) out.resize(c.expected);
    return out.size() < c.expected && c.expected < 65536 ? end_of_file : ok;
  }

  unsigned do_update(const command& c) {
    if (!pin_.verified()) return not_verified;
    file(0);  // so that a first write does not hide what is there
    current_ = unsigned{c.p1} << 8 | c.p2;
    files_[current_] = tail(c.data, c.data.size() > 6 ? 6 : c.data.size());
    return ok;
  }

  unsigned do_sign(const command& c, bytes& out) {
    constexpr std::uint8_t plain_rsa = 0x20;
    if (!pin_.verified()) return not_verified;
    if (c.p1 != 1 || c.p2 != plain_rsa || !key_.apply(c.data, out)) return bad_parameters;
    return ok;
  }

  secret pin_{text("648219"), 3};
  secret so_{{0x35, 0x37, 0x36, 0x32, 0x31, 0x38, 0x38, 0x30}, 15};
  unsigned current_ = 0;
  std::map<unsigned, bytes> files_;
  rsa_key key_{"virtual SC-HSM"};
};

}  // namespace

std::unique_ptr<card> make_sc_hsm() { return std::make_unique<sc_hsm>(); }

}  // namespace p11tape::virtual_card
