// SPDX-License-Identifier: Apache-2.0
// Arguments for any function of the rows, filled with values that can be found again.
//
// Every byte buffer holds a canary of its own: 24 random letters that occur nowhere else. What was put
// where, and under which redaction class, is kept in a list, so that a test can say of each place what a tape may hold
// of it.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "cryptoki/redaction.hpp"
#include "cryptoki/tables.hpp"
#include "mock/control.hpp"

namespace p11tape::test {

inline constexpr std::size_t canary_size = 24;

struct canary {
  std::string where;  ///< "C_Login.pPin", "C_CreateObject.pTemplate.CKA_VALUE"
  std::string bytes;
  cryptoki::redaction_class secret;  ///< class by the rows
  bool scalar = false;               ///< a number or flag: recorded under every profile
  const unsigned char* at = nullptr;
  bool optional = false;  ///< may be recorded or not
};

/// Memory that a call may write to.
struct output {
  unsigned char* at;
  std::size_t size;
  std::string where;
};

/// What the module does to the outputs of a call. Whatever it does not write holds what was there before: a secret.
enum class writing { all, some, none };

class arranger {
 public:
  explicit arranger(std::uint64_t seed) : random_(seed) {}

  /// Argument words for a call. Where the function takes a mechanism, it is `mechanism` with parameter layout `layout`
  /// (a word of mechanisms.def); the default is one without a parameter.
  std::vector<std::uint64_t> arguments(cryptoki::function f, std::uint64_t mechanism = CKM_RSA_PKCS,
                                       std::string_view layout = "none");

  /// The struct that C_*Message* calls are given as their parameter.
  void message_struct(std::string_view name) { message_ = name; }
  /// Templates get CKA_CLASS = CKO_CERTIFICATE and a CKA_VALUE, instead of one of each attribute. The value is something
  /// signed, or what does not belong there.
  enum class objects { of_each_kind, certificates, false_certificates };
  void set_objects(objects which) { objects_ = which; }
  /// Names (labels, ids, texts) hold a PIN as configuration strings do; as a PIN nothing of them may be recorded.
  void pin_texts(bool on) { pin_texts_ = on; }
  /// The field `type` of CK_OTP_PARAM and CK_PRF_DATA_PARAM.
  void parameter_type(std::uint64_t type) { parameter_type_ = type; }

  /// What the module is to write in the call that was arranged last. Each output holds another canary until then, and
  /// what is not written keeps its own: none of these may ever be recorded. `lengths`: some lengths of attributes change
  /// although nothing is written. `certain`: what is written has to be recorded, where the profile lets it.
  std::vector<mock::output_write> writes(writing how, bool lengths = false, bool certain = true);

  const std::vector<canary>& placed() const { return placed_; }

  /// Takes canaries off the list: of them anything may be recorded.
  void forget_since(std::size_t first) {
    placed_.erase(placed_.begin() + static_cast<std::ptrdiff_t>(first), placed_.end());
  }

  /// Of all memory that calls were given.
  std::vector<std::uint64_t> addresses() const;

  std::uint64_t number() { return random_(); }

 private:
  struct target {  // where the values of a row's fields go
    std::span<const cryptoki::field> row;
    std::span<const cryptoki::place> places;
    unsigned char* base;
  };

  void fill(const target& t, const std::string& where, int depth);
  bool is_output(const target& t, std::size_t field) const;
  void stale(const output& o);
  void hide_pins(std::size_t first);
  void set(const target& t, std::size_t field, std::uint64_t value);
  std::uint64_t pointer_to(const cryptoki::field& f, const std::string& where, std::size_t count, int depth);
  std::uint64_t records(std::size_t record, std::size_t count, const std::string& where, int depth);
  std::uint64_t attribute_list(const std::string& where, int depth, std::size_t& count, bool outputs);
  static constexpr std::size_t signed_size = canary_size + 8;
  unsigned char* signed_canary(const std::string& where);
  std::uint64_t mechanism_struct(const std::string& where, int depth);
  std::string make_canary();
  unsigned char* keep(std::size_t size);
  unsigned char* place_canary(const std::string& where, cryptoki::redaction_class secret, bool scalar = false);

  std::mt19937_64 random_;
  std::deque<std::vector<std::uint64_t>> memory_;
  std::vector<canary> placed_;
  std::vector<output> outputs_;     // of the last call
  std::vector<CK_ULONG*> lengths_;  // ... of its attributes
  cryptoki::function function_{};
  std::uint64_t mechanism_ = 0;
  std::string_view layout_;
  std::string_view message_;
  objects objects_ = objects::of_each_kind;
  bool pin_texts_ = false;
  std::uint64_t parameter_type_ = 0;
};

}  // namespace p11tape::test
