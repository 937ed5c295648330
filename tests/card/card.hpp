// SPDX-License-Identifier: Apache-2.0
// Virtual smart cards for the tests: what answers when a module talks PC/SC, and no hardware is there.
//
// A card is a function from command to response, with the state that a real one has: what is selected, who is verified,
// how many tries are left. pcsc_library.cpp puts one into a PC/SC library of our own, vpcd_card.cpp into the virtual
// reader of Debian's pcscd. They do what OpenSC and ykcs11 ask for, and no more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::virtual_card {

using bytes = std::vector<std::uint8_t>;

/// Status words that the cards answer with.
enum status : unsigned {
  ok = 0x9000,
  end_of_file = 0x6282,
  wrong = 0x63c0,  ///< and the tries that are left
  wrong_length = 0x6700,
  not_verified = 0x6982,
  blocked = 0x6983,
  no_current_file = 0x6986,
  bad_data = 0x6a80,
  not_found = 0x6a82,
  bad_parameters = 0x6a86,
  no_reference = 0x6a88,
  unknown_instruction = 0x6d00,
};

/// A command APDU in pieces (ISO/IEC 7816-3, 12.1): short or extended, with or without data.
struct command {
  std::uint8_t cla = 0, ins = 0, p1 = 0, p2 = 0;
  bytes data;
  std::size_t expected = 0;  ///< Le; 0: none
  bool extended = false;
  bool complete = false;  ///< the lengths fit

  explicit command(const bytes& apdu);
  bool has_data() const { return !data.empty(); }
};

/// A PIN or PUK and its retry counter. The counter goes down before the comparison is known to fail, as on a card.
class secret {
 public:
  secret(bytes value, unsigned tries) : value_(std::move(value)), most_(tries), left_(tries) {}

  /// Compares, and gives the status word.
  unsigned check(const bytes& given);
  /// What VERIFY without data is answered with.
  unsigned state() const { return verified_ ? ok : left_ == 0 ? blocked : wrong | left_; }
  void set(bytes value) { value_ = std::move(value); }
  void unblock() { left_ = most_; }
  void forget() { verified_ = false; }
  bool verified() const { return verified_; }
  std::size_t size() const { return value_.size(); }

 private:
  bytes value_;
  unsigned most_, left_;
  bool verified_ = false;
};

class card {
 public:
  virtual ~card() = default;
  virtual bytes atr() const = 0;
  /// Power off and on, or a reset by another program: everybody has to verify again.
  virtual void reset() = 0;
  /// A whole response: data and status word.
  bytes transmit(const bytes& apdu);

 protected:
  /// Answers a command, chained commands already put together. `out` is the data.
  virtual unsigned process(const command& c, bytes& out) = 0;

 private:
  bytes rest(std::size_t most);

  bytes chain_;    // data of the commands before the last one of a chain
  bytes pending_;  // of a response, for GET RESPONSE
};

/// A PIV card as a YubiKey has it: PIN 123456, PUK 12345678, a key and certificate in slot 9A.
std::unique_ptr<card> make_piv();

/// A SmartCard-HSM, sold as Nitrokey HSM: user PIN 648219, SO-PIN 3537363231383830, one RSA key.
std::unique_ptr<card> make_sc_hsm();

/// "piv" or "sc-hsm"; nullptr for another name.
std::unique_ptr<card> make_card(std::string_view name);

/// The longest that a tag-length-value of the cards gets is 64 KiB. `tag` has one or two bytes.
bytes tlv(unsigned tag, const bytes& value);
bytes joined(std::initializer_list<bytes> parts);
bytes text(std::string_view s);

/// An RSA key of 2,048 bits and its self-signed certificate, made when first asked for.
class rsa_key {
 public:
  explicit rsa_key(const char* name) : name_(name) {}
  ~rsa_key();
  rsa_key(const rsa_key&) = delete;
  rsa_key& operator=(const rsa_key&) = delete;

  const bytes& certificate();
  /// The private operation on a whole padded block of 256 bytes. False where the block is none.
  bool apply(const bytes& block, bytes& out);

 private:
  void make();

  const char* name_;
  void* key_ = nullptr;
  bytes certificate_;
};

}  // namespace p11tape::virtual_card
