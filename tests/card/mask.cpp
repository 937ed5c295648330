// SPDX-License-Identifier: Apache-2.0
// What is let through of commands and responses, and what is not.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "capture/encode/exchange.hpp"

namespace p11tape::capture {
namespace {

using bytes = std::vector<u8>;

exchange of(const bytes& command, const bytes& response = {}) {
  exchange e{};
  e.facts.function = static_cast<u8>(tape::card_call::transmit);
  take_command(e, command.data(), command.size());
  take_response(e, response.data(), response.size());
  return e;
}

bool has(const exchange& e, tape::exchange_flags f) { return (e.facts.flags & f) != 0; }

// Everything that a record would hold, as text, to be compared.
std::string kept(const exchange& e) {
  const auto* const at = reinterpret_cast<const char*>(&e.facts);
  return std::string(at, sizeof e.facts) + std::string(reinterpret_cast<const char*>(e.data), e.facts.data_size);
}

bytes with_data(bytes head, std::size_t size, u8 fill = '7') {
  head.push_back(static_cast<u8>(size));
  head.insert(head.end(), size, fill);
  return head;
}

}  // namespace

TEST_CASE("PIN commands leave nothing of the PIN, nor its length") {
  for (const auto cla : bytes{0x00, 0x01, 0x0c, 0x10, 0x40, 0x60, 0x80, 0x84, 0x8c, 0xb0})
    for (const auto ins : bytes{0x20, 0x21, 0x24, 0x25, 0x26, 0x28, 0x2c, 0x2d}) {
      INFO(int{cla} << " " << int{ins});
      const auto six = of(with_data({cla, ins, 0, 0x81}, 6), {0x63, 0xc2});
      CHECK(six.pin_command);
      CHECK(has(six, tape::exchange_length_withheld));
      CHECK(has(six, tape::exchange_has_data));
      CHECK(kept(six) == kept(of(with_data({cla, ins, 0, 0x81}, 15, 'x'), {0x63, 0xc2})));
      auto with_expected = with_data({cla, ins, 0, 0x81}, 6);
      with_expected.push_back(0);
      CHECK(kept(six) == kept(of(with_expected, {0x63, 0xc2})));
    }
}

TEST_CASE("VERIFY without a PIN is told from VERIFY with one") {
  CHECK(!has(of({0, 0x20, 0, 0x81}), tape::exchange_has_data));
  CHECK(has(of(with_data({0, 0x20, 0, 0x81}, 6)), tape::exchange_has_data));
  // A length without data: what a broken module may send.
  CHECK(kept(of({0, 0x20, 0, 0x81, 6})) == kept(of({0, 0x20, 0, 0x81, 9})));
}

TEST_CASE("a SmartCard-HSM's initialisation, Muscle's PINs, and proprietary commands leave nothing") {
  for (const auto& head :
       {bytes{0x80, 0x50, 0, 0}, bytes{0xb0, 0x42, 0, 0}, bytes{0xb0, 0x44, 0, 0}, bytes{0x80, 0x5a, 0, 0}}) {
    const auto e = of(with_data(head, 8));
    CHECK(kept(e) == kept(of(with_data(head, 12, 'y'))));
    CHECK(e.facts.data_size == 0);
    CHECK(e.facts.length == 0);
  }
  CHECK(of(with_data({0x80, 0x50, 0, 0}, 8)).pin_command);
  CHECK(of(with_data({0xb0, 0x42, 0, 0}, 8)).pin_command);
}

TEST_CASE("instructions that nobody knows leave nothing but their name") {
  for (unsigned ins = 0; ins < 256; ++ins) {
    const auto e = of(with_data({0x00, static_cast<u8>(ins), 1, 2}, 9));
    const bool shows_data = ins == 0xa4 || ins == 0xca || ins == 0xcb || ins == 0x22;
    INFO(ins);
    CHECK((e.facts.data_size != 0) == shows_data);
    CHECK((e.facts.length == 9) != has(e, tape::exchange_length_withheld));
  }
  CHECK(has(of(with_data({0x00, 0x5a, 0, 0}, 9)), tape::exchange_length_withheld));
  CHECK(has(of(with_data({0x00, 0xda, 0, 0xd3}, 9)), tape::exchange_length_withheld));  // OpenPGP's resetting code
  CHECK(of(with_data({0x00, 0xdb, 0x3f, 0xff}, 9)).facts.length == 9);
}

TEST_CASE("SELECT, GET DATA and MANAGE SECURITY ENVIRONMENT show their data in the plain class alone") {
  for (const auto ins : bytes{0xa4, 0xca, 0xcb, 0x22}) {
    const bytes tag{0x5c, 0x03, 0x5f, 0xc1, 0x05};
    for (unsigned cla = 0; cla < 256; ++cla) {
      bytes c{static_cast<u8>(cla), ins, 0x3f, 0xff, 5};
      c.insert(c.end(), tag.begin(), tag.end());
      const auto e = of(c);
      const bool plain = (cla & ~0x13u) == 0;
      INFO(cla);
      CHECK(e.facts.data_size == (plain ? 5u : 0u));
    }
  }
}

TEST_CASE("more data than a record takes are cut") {
  bytes c{0, 0xa4, 4, 0, 0, 1, 44};
  c.insert(c.end(), 300, 1);
  const auto e = of(c);
  CHECK(e.facts.length == 300);
  CHECK(e.facts.data_size == exchange::most_data);
  CHECK(has(e, tape::exchange_data_cut));
}

TEST_CASE("lengths, short and extended") {
  const auto expected = [](const bytes& c) {
    const auto e = of(c);
    return has(e, tape::exchange_has_expected) ? static_cast<int>(e.facts.expected) : -1;
  };
  CHECK(expected({0, 0xb0, 0, 0}) == -1);
  CHECK(expected({0, 0xb0, 0, 0, 0}) == 256);
  CHECK(expected({0, 0xb0, 0, 0, 9}) == 9);
  CHECK(expected({0, 0xb0, 0, 0, 0, 1, 0}) == 256);
  CHECK(expected({0, 0xb0, 0, 0, 0, 0, 0}) == 65536);
  CHECK(expected({0, 0xa4, 0, 0, 2, 0x2f, 2}) == -1);
  CHECK(expected({0, 0xa4, 0, 0, 2, 0x2f, 2, 0}) == 256);
  CHECK(expected({0, 0xa4, 0, 0, 0, 0, 2, 0x2f, 2}) == -1);
  CHECK(expected({0, 0xa4, 0, 0, 0, 0, 2, 0x2f, 2, 1, 2}) == 258);
  CHECK(has(of({0, 0xa4, 0, 0, 0, 0, 2, 0x2f, 2}), tape::exchange_extended));
}

TEST_CASE("what does not parse leaves nothing at all") {
  for (const auto& c :
       {bytes{}, bytes{0, 0xa4, 4}, bytes{0, 0xa4, 4, 0, 9, 1, 2, 3}, bytes{0, 0x20, 0, 0x81, 2, '1', '2', '3', '4'},
        bytes{0, 0x20, 0, 0x81, 0, '1', '2', '3'}, bytes{0, 0xa4, 0, 0, 0, 0, 9, 1}}) {
    const auto e = of(c, {0x6f, 0x00});
    CHECK(!has(e, tape::exchange_command));
    CHECK(kept(e) == kept(of({1}, {0x6f, 0x00})));
    CHECK(e.facts.status_word == 0x6f00);
  }
}

TEST_CASE("of a response there is its length and its status word") {
  const auto e = of({0, 0xb0, 0, 0, 0}, {1, 2, 3, 0x90, 0x00});
  CHECK(e.facts.received == 3);
  CHECK(e.facts.status_word == 0x9000);
  CHECK(!has(of({0, 0xb0, 0, 0, 0}, {0x90}), tape::exchange_has_status));
  CHECK(kept(e) == kept(of({0, 0xb0, 0, 0, 0}, {9, 9, 9, 0x90, 0x00})));
}

TEST_CASE("under secure messaging the card's own status word is found") {
  const bytes response{0x87, 0x03, 0x99, 0x02, 0x63, 0x99, 0x02, 0x69, 0x82, 0x8e, 0x02, 1, 2, 0x90, 0x00};
  const auto e = of({0x0c, 0xb0, 0, 0, 0}, response);
  CHECK(has(e, tape::exchange_inner_status));
  CHECK(e.facts.inner_status == 0x6982);
  CHECK(!has(of({0x00, 0xb0, 0, 0, 0}, response), tape::exchange_inner_status));
  CHECK(!has(of({0x0c, 0xb0, 0, 0, 0}, {0x87, 0x84, 0x99, 0x02, 0x63, 0x90, 0x00}), tape::exchange_inner_status));
  CHECK(!has(of({0x0c, 0xb0, 0, 0, 0}, {0x87, 0x20, 0x99, 0x02, 0x63, 0x90, 0x00}), tape::exchange_inner_status));
}

TEST_CASE("what a reader answers is kept only where it is a bare status word") {
  const auto control = [](const bytes& response) {
    exchange e{};
    e.facts.function = static_cast<u8>(tape::card_call::control);
    take_response(e, response.data(), response.size());
    return e;
  };
  CHECK(control({0x64, 0x00}).facts.status_word == 0x6400);
  CHECK(!has(control({0x00, 0x00, 0x90, 0x00}), tape::exchange_has_status));
  CHECK(control({1, 2, 3, 4, 5, 6}).facts.received == 0);
}

}  // namespace p11tape::capture
