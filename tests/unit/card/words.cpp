// SPDX-License-Identifier: Apache-2.0
// What status words, commands and PC/SC results are called, and what exchanges say together.
#include <catch2/catch.hpp>

#include "card/description.hpp"
#include "card/status.hpp"
#include "card/text.hpp"
#include "cryptoki/pkcs11.hpp"

namespace p11tape::card {
namespace {

using tape::exchange_view;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> b;
  for (const int v : values) b.push_back(static_cast<std::byte>(v));
  return b;
}

exchange_view command(int cla, int ins, int p1, int p2, int sw, unsigned flags = 0) {
  exchange_view e;
  e.cla = static_cast<tape::u8>(cla);
  e.ins = static_cast<tape::u8>(ins);
  e.p1 = static_cast<tape::u8>(p1);
  e.p2 = static_cast<tape::u8>(p2);
  e.status_word = static_cast<tape::u16>(sw);
  e.flags = static_cast<tape::u16>(tape::exchange_command | tape::exchange_has_status | flags);
  return e;
}

constexpr unsigned with_pin = tape::exchange_has_data | tape::exchange_length_withheld;

exchange_view select(const std::vector<std::byte>& aid, int sw = 0x9000) {
  auto e = command(0, 0xa4, 4, 0, sw, tape::exchange_has_data);
  e.data = aid;
  e.length = static_cast<tape::u32>(aid.size());
  return e;
}

std::string line(const described& d) {
  std::string text;
  append_line(d, text);
  return text;
}

const auto piv = bytes({0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00});
const auto sc_hsm = bytes({0xe8, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xc3, 0x1f, 0x02, 0x01});

}  // namespace

TEST_CASE("status words have meanings, all of them") {
  CHECK(status_meaning(0x9000) == "done");
  CHECK(status_meaning(0x63c2) == "wrong, 2 tries left");
  CHECK(status_meaning(0x63c1) == "wrong, 1 try left");
  CHECK(status_meaning(0x63c0) == "wrong, no tries left");
  CHECK(status_meaning(0x6105) == "done, 5 bytes available");
  CHECK(status_meaning(0x6100) == "done, 256 or more bytes available");
  CHECK(status_meaning(0x6c10) == "wrong expected length, 16 is correct");
  CHECK(status_meaning(0x6a82) == "no such file or application");
  CHECK(status_meaning(0x69ff) == "command not allowed");
  CHECK(status_meaning(0x9001) == "done, with something particular to this card");
  CHECK(status_meaning(0x1234) == "not a status word of ISO/IEC 7816");
  for (unsigned w = 0x6100; w < 0x7000; ++w)
    CHECK(status_meaning(static_cast<std::uint16_t>(w)).find("not a status") == std::string::npos);
}

TEST_CASE("what modules make of status words") {
  CHECK(typical_return_value(0x9000) == CKR_OK);
  CHECK(typical_return_value(0x63c2) == CKR_PIN_INCORRECT);
  CHECK(typical_return_value(0x6983) == CKR_PIN_LOCKED);
  CHECK(typical_return_value(0x6982) == CKR_USER_NOT_LOGGED_IN);
  CHECK(typical_return_value(0x6700) == CKR_DATA_LEN_RANGE);
  CHECK(typical_return_value(0x6985) == CKR_GENERAL_ERROR);
  CHECK(typical_return_value(0x6fff) == CKR_GENERAL_ERROR);
  CHECK(typical_status(CKR_PIN_INCORRECT) == 0x63c0);
  CHECK(typical_status(CKR_GENERAL_ERROR) == 0);
  for (const auto rv : {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_NOT_LOGGED_IN, CKR_DATA_LEN_RANGE, CKR_DATA_INVALID,
                        CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR})
    CHECK(typical_return_value(typical_status(rv)) == rv);
}

TEST_CASE("PC/SC results have names") {
  REQUIRE(find_pcsc_result(0x80100069) != nullptr);
  CHECK(find_pcsc_result(0x80100069)->name == "SCARD_W_REMOVED_CARD");
  CHECK(find_pcsc_result(0x80100069)->return_value == CKR_DEVICE_REMOVED);
  CHECK(find_pcsc_result(1) == nullptr);
  CHECK(control_meaning(0x42330006) == "verify a PIN from the reader's keys");
  CHECK(control_meaning(0x42330020) == "establish a PACE channel");
  CHECK(control_meaning(7).empty());
}

TEST_CASE("commands are called by the application that gets them") {
  describer n;
  CHECK(n.tell(command(0, 0x20, 0, 0x80, 0x63c3)).target.empty());
  CHECK(n.tell(select(piv)).target == "application PIV");
  CHECK(n.tell(command(0, 0x20, 0, 0x80, 0x9000, with_pin)).target == "PIN");
  CHECK(n.tell(command(0, 0xfd, 0, 0, 0x9000)).command == "GET VERSION (YubiKey)");
  CHECK(n.tell(select(sc_hsm, 0x6a82)).target == "application SmartCard-HSM");
  CHECK(n.tell(command(0, 0x20, 0, 0x80, 0x9000, with_pin)).target == "PIN");  // not selected: the card had none
  n.tell(select(sc_hsm));
  CHECK(n.tell(command(0, 0x20, 0, 0x81, 0x9000, with_pin)).target == "user PIN");
  CHECK(n.tell(command(0x80, 0x50, 0, 0, 0x9000, with_pin)).command == "INITIALIZE DEVICE");
  n.tell(select(bytes({1, 2, 3, 4, 5})));
  CHECK(n.tell(command(0x80, 0x50, 0, 0, 0x9000)).command == "INITIALIZE UPDATE");
  CHECK(n.tell(command(0, 0x5a, 0, 0, 0x6d00)).command.empty());
}

TEST_CASE("PIV is told by its objects where nothing was selected") {
  describer n;
  const auto discovery = bytes({0x5c, 0x01, 0x7e});
  auto e = command(0, 0xcb, 0x3f, 0xff, 0x6a82, tape::exchange_has_data);
  e.data = discovery;
  n.tell(e);
  CHECK(n.tell(command(0, 0x20, 0, 0x80, 0x63c3)).target.empty());
  e.status_word = 0x9000;
  n.tell(e);
  CHECK(n.tell(command(0, 0x20, 0, 0x80, 0x63c3)).target == "PIN");
}

TEST_CASE("each card has its own selection") {
  describer n;
  auto first = select(piv);
  first.card = 1;
  auto second = select(sc_hsm);
  second.card = 2;
  n.tell(first);
  n.tell(second);
  auto verify = command(0, 0x20, 0, 0x81, 0x9000, with_pin);
  verify.card = 1;
  CHECK(n.tell(verify).target == "PUK");
  verify.card = 2;
  CHECK(n.tell(verify).target == "user PIN");
}

TEST_CASE("objects of GET DATA") {
  describer n;
  n.tell(select(piv));
  const auto list = bytes({0x5c, 0x03, 0x5f, 0xc1, 0x05});
  auto e = command(0, 0xcb, 0x3f, 0xff, 0x9000, tape::exchange_has_data);
  e.data = list;
  CHECK(n.tell(e).target == "certificate of key 9A, authentication");
  const auto unknown = bytes({0x5c, 0x02, 0x12, 0x34});
  e.data = unknown;
  CHECK(n.tell(e).target == "object 5C021234");
  CHECK(n.tell(command(0, 0xca, 0x00, 0x6e, 0x9000)).target == "object 6E");
}

TEST_CASE("outcomes: wrong, blocked, asked, refused") {
  describer n;
  const auto what = [&](const exchange_view& e) { return n.tell(e); };
  auto d = what(command(0, 0x20, 0, 0x80, 0x63c2, with_pin));
  CHECK(d.what == outcome::wrong_pin);
  CHECK(d.has_tries);
  CHECK(d.tries == 2);
  CHECK(d.is_trouble());
  d = what(command(0, 0x20, 0, 0x80, 0x63c2));
  CHECK(d.what == outcome::tries_asked);
  CHECK(d.status == "not verified, 2 tries left");
  CHECK(!d.is_trouble());
  CHECK(what(command(0, 0x20, 0, 0x80, 0x9000)).status == "already verified");
  CHECK(what(command(0, 0x20, 0, 0x80, 0x63c0, with_pin)).what == outcome::blocked);
  CHECK(what(command(0, 0x20, 0, 0x80, 0x6983, with_pin)).what == outcome::blocked);
  CHECK(what(command(0, 0x20, 0, 0x80, 0x6300, with_pin)).what == outcome::wrong_pin);
  CHECK(what(command(0, 0x2a, 0x9e, 0x9a, 0x6982)).what == outcome::not_allowed);
  CHECK(what(command(0, 0xa4, 4, 0, 0x6a82)).what == outcome::refused);
  CHECK(what(command(0, 0xb0, 0, 0, 0x6105)).what == outcome::fine);
}

TEST_CASE("outcomes without a command: removed, reset, held") {
  describer n;
  const auto failed = [&](tape::card_call f, tape::u32 result) {
    exchange_view e;
    e.function = f;
    e.result = result;
    return n.tell(e);
  };
  const auto removed = failed(tape::card_call::begin_transaction, 0x80100069);
  CHECK(removed.what == outcome::removed);
  CHECK(line(removed) == "SCardBeginTransaction  ->  0x80100069 SCARD_W_REMOVED_CARD: the card has been removed");
  CHECK(failed(tape::card_call::begin_transaction, 0x80100068).what == outcome::reset);
  CHECK(failed(tape::card_call::connect, 0x8010000b).what == outcome::held);
  CHECK(failed(tape::card_call::transmit, 0x80100013).what == outcome::reader_failed);
  CHECK(failed(tape::card_call::control, 0x8010001f).what == outcome::unknown);
  CHECK(line(failed(tape::card_call::connect, 0x12345678)) == "SCardConnect  ->  0x12345678");
  CHECK(line(failed(static_cast<tape::card_call>(99), 1)) == "a PC/SC function  ->  0x00000001");
}

TEST_CASE("lines for people") {
  describer n;
  n.tell(select(sc_hsm));
  CHECK(line(n.tell(command(0, 0x20, 0, 0x81, 0x63c2, with_pin))) ==
        "00 20 00 81  VERIFY user PIN, data not recorded  ->  63C2 wrong, 2 tries left");
  auto secure = command(0x0c, 0xb0, 0, 0, 0x9000, tape::exchange_inner_status);
  secure.inner_status = 0x6982;
  CHECK(
      line(n.tell(secure)) ==
      "0C B0 00 00  READ BINARY  ->  6982 not allowed without a PIN or key being verified first (by secure messaging; "
      "outside 9000)");
  auto chained = command(0x10, 0x2a, 0x9e, 0x9a, 0x9000, tape::exchange_has_data);
  chained.length = 255;
  CHECK(line(n.tell(chained)) ==
        "10 2A 9E 9A  PERFORM SECURITY OPERATION sign, more follows, 255 bytes  ->  9000 done");
}

TEST_CASE("a damaged exchange is none") {
  tape::record_view r;
  r.kind = tape::record_kind::exchange;
  exchange_view out;
  std::vector<std::byte> body(sizeof(tape::exchange_facts));
  r.body = body;
  CHECK(exchange_view::parse(r, 1, out));
  body[offsetof(tape::exchange_facts, data_size)] = std::byte{9};
  CHECK(!exchange_view::parse(r, 1, out));
  body[offsetof(tape::exchange_facts, data_size) + 3] = std::byte{0xff};
  CHECK(!exchange_view::parse(r, 1, out));
  for (std::size_t size = 0; size < body.size(); ++size) {
    r.body = tape::byte_view(body).first(size);
    CHECK(!exchange_view::parse(r, 1, out));
  }
  r.kind = tape::record_kind::leave;
  CHECK(!exchange_view::parse(r, 1, out));
}

}  // namespace p11tape::card
