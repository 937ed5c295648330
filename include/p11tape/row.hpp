// SPDX-License-Identifier: Apache-2.0
// What one row of functions.def or structs.def says, and the parser of its notes.
//
// The same parser runs at compile time over the rows and at reading time over the schema that every tape carries (the
// rows as text), so that a tape of another version is understood by its own description. It never throws: a row that
// does not parse sets `broken`, which the compile-time tables turn into a compile error and the reader into a refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace p11tape::cryptoki {

/// How a value lies in memory; types.def tells it for each type.
enum class shape : std::uint8_t {
  number,         ///< CK_ULONG by value
  byte,           ///< CK_BYTE by value, or an array of them inside a struct
  record,         ///< a struct by value
  bytes,          ///< pointer to bytes
  numbers,        ///< pointer to CK_ULONG
  records,        ///< pointer to structs
  attributes,     ///< pointer to CK_ATTRIBUTE
  mechanism,      ///< pointer to CK_MECHANISM
  function_list,  ///< pointer to a pointer to a function list
  interface,      ///< pointer to a pointer to a CK_INTERFACE
  address,        ///< CK_VOID_PTR
  callback,       ///< pointer to a function
};

/// Which way the memory behind a pointer goes.
enum class flow : std::uint8_t { none, in, out, inout };

/// The redaction class of a value; redaction.hpp says what a profile records of it.
enum class redaction_class : std::uint8_t {
  scalar,       ///< numbers, handles, flags, lengths, codes
  open,         ///< "public" in the rows
  identity,     ///< labels, IDs, user names, serial numbers
  parameter,    ///< public parts of mechanism parameters
  data,         ///< input of sign, verify and digest
  plain,        ///< input of encrypt
  cipher_in,    ///< input of decrypt and decapsulate, signatures to verify
  ciphertext,   ///< output of encrypt
  signature,    ///< output of sign
  digest,       ///< output of digest
  wrapped,      ///< output of wrap, input of unwrap
  plain_out,    ///< output of decrypt, verify-recover
  random,       ///< random and seeds
  state,        ///< operation state
  password,     ///< passwords in parameters
  pin,          ///< PINs
  key,          ///< key material, and all that is unknown
  value,        ///< CKA_VALUE: decided by the class of the object
  by_otp_type,  ///< CK_OTP_PARAM: decided by its type
  by_prf_type,  ///< CK_PRF_DATA_PARAM: decided by its type
  opaque,       ///< never followed
};

/// What a successful call does to the state of the library.
enum class effect : std::uint8_t {
  none,
  initialize,
  finalize,
  describe_token,  ///< tells about slots, tokens and mechanisms
  wait,            ///< may block until something happens
  init_token,
  init_pin,
  set_pin,
  open_session,
  close_session,
  close_all_sessions,
  save_state,
  restore_state,
  cancel,
  login,
  logout,
  create_object,
  destroy_object,
  modify_object,
  describe_object,
  find_begin,
  find_step,
  find_end,
  begin,   ///< starts an operation in a session
  single,  ///< does an operation's whole work and ends it
  update,
  finish,
  message,  ///< one whole message of a message-based operation
  message_begin,
  message_next,
};

/// The interface version that added a function.
enum class version : std::uint8_t { v2_40, v3_0, v3_2 };

/// Calls of these effects are never filtered and go to the tape's kept part: without them a tape does not know its
/// tokens, sessions, logins and objects.
constexpr bool changes_state(effect e) noexcept {
  switch (e) {
    case effect::initialize:
    case effect::finalize:
    case effect::init_token:
    case effect::init_pin:
    case effect::set_pin:
    case effect::open_session:
    case effect::close_session:
    case effect::close_all_sessions:
    case effect::restore_state:
    case effect::login:
    case effect::logout:
    case effect::create_object:
    case effect::destroy_object:
    case effect::modify_object:
    case effect::find_begin:
    case effect::find_step:
    case effect::find_end:
      return true;
    default:
      return false;
  }
}

/// One argument of a function or one field of a struct.
struct field {
  std::string_view type;
  std::string_view name;
  std::string_view notes;
  std::string_view meaning;     ///< of the type, or as `of` says: group of constants, kind of handle, struct
  std::string_view counted_by;  ///< the field that counts the elements
  std::string_view capped_by;   ///< the field that holds an output's capacity
  std::string_view target;      ///< what a CK_VOID_PTR points at (`as T`)
  std::string_view made_by;     ///< the field that says whether the module makes the value (`made[n]`)
  std::int8_t count = -1;       ///< index of counted_by in the row
  std::int8_t cap = -1;         ///< index of capped_by in the row
  std::int8_t maker = -1;       ///< index of made_by in the row
  std::uint16_t fixed = 0;      ///< a fixed number of elements; 0: none
  bool counts_bits = false;     ///< the counter counts bits, not bytes
  bool terminated = false;      ///< ends with NUL
  bool sealed = false;          ///< an output of calls that encrypt or sign, an input of the others
  bool broken = false;          ///< the notes make no sense
  shape kind = shape::number;
  flow way = flow::none;
  redaction_class secret = redaction_class::scalar;

  /// Alike in all that is said of it, and in what that means: its type can mean something else on another tape.
  friend bool operator==(const field&, const field&) = default;
};

/// Called where a row makes no sense while the compiler evaluates it: the call is what stops the compilation, with
/// `why` in its message. It is never defined, and needs no exceptions, which the recorder is compiled without.
void invalid_row(const char* why);

/// True where the field's value is a pointer.
constexpr bool is_pointer(shape s) noexcept { return s >= shape::bytes; }

struct type_row {
  std::string_view name;
  shape kind;
  std::string_view meaning;
};

/// Fills `out` from a row's three columns. `types` explains the type's name; an unknown type makes the field `broken`.
constexpr field parse_field(std::span<const type_row> types, std::string_view type, std::string_view name,
                            std::string_view notes) noexcept;

/// Finds the indexes of counted_by, capped_by and made_by among the row's fields; marks fields `broken` where there is none.
constexpr void link_fields(std::span<field> row) noexcept;

namespace detail {

struct named_secrecy {
  std::string_view word;
  redaction_class value;
};
inline constexpr named_secrecy secrecies[] = {
    {"public", redaction_class::open},
    {"identity", redaction_class::identity},
    {"parameter", redaction_class::parameter},
    {"data", redaction_class::data},
    {"plain", redaction_class::plain},
    {"cipher_in", redaction_class::cipher_in},
    {"ciphertext", redaction_class::ciphertext},
    {"signature", redaction_class::signature},
    {"digest", redaction_class::digest},
    {"wrapped", redaction_class::wrapped},
    {"plain_out", redaction_class::plain_out},
    {"random", redaction_class::random},
    {"state", redaction_class::state},
    {"password", redaction_class::password},
    {"pin", redaction_class::pin},
    {"key", redaction_class::key},
    {"value", redaction_class::value},
    {"by_otp_type", redaction_class::by_otp_type},
    {"by_prf_type", redaction_class::by_prf_type},
    {"opaque", redaction_class::opaque},
    {"scalar", redaction_class::scalar},
};

constexpr std::string_view next_word(std::string_view& text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::size_t n = 0;
  while (n < text.size() && text[n] != ' ') ++n;
  const auto word = text.substr(0, n);
  text.remove_prefix(n);
  return word;
}

// The text between the brackets of "in[ulPinLen]" or "[32]"; takes the brackets off the word.
constexpr std::string_view bracketed(std::string_view& word, bool& broken) noexcept {
  const auto open = word.find('[');
  if (open == std::string_view::npos) return {};
  if (word.back() != ']' || word.size() < open + 3) {
    broken = true;
    return {};
  }
  const auto inside = word.substr(open + 1, word.size() - open - 2);
  word = word.substr(0, open);
  return inside;
}

constexpr bool is_number(std::string_view s) noexcept {
  if (s.empty() || s.size() > 4) return false;
  for (const char c : s)
    if (c < '0' || c > '9') return false;
  return true;
}

constexpr std::uint16_t to_number(std::string_view s) noexcept {
  unsigned n = 0;
  for (const char c : s) n = n * 10 + static_cast<unsigned>(c - '0');
  return static_cast<std::uint16_t>(n);
}

}  // namespace detail

/// The redaction class that a word of the rows names; false where it names none.
constexpr bool parse_secrecy(std::string_view word, redaction_class& out) noexcept {
  for (const auto& s : detail::secrecies)
    if (s.word == word) {
      out = s.value;
      return true;
    }
  return false;
}

/// The word of the rows for a redaction class.
constexpr std::string_view name_of(redaction_class s) noexcept {
  for (const auto& x : detail::secrecies)
    if (x.value == s) return x.word;
  return "scalar";
}

constexpr field parse_field(std::span<const type_row> types, std::string_view type, std::string_view name,
                            std::string_view notes) noexcept {
  field f;
  f.type = type;
  f.name = name;
  f.notes = notes;
  f.broken = true;
  for (const auto& t : types)
    if (t.name == type) {
      f.kind = t.kind;
      f.meaning = t.meaning;
      f.broken = false;
    }
  // Bytes behind a pointer are key material until the row says otherwise: what is unknown is treated as secret.
  if (f.kind == shape::bytes) f.secret = redaction_class::key;
  if (f.kind == shape::address || f.kind == shape::callback) f.secret = redaction_class::opaque;

  for (auto rest = notes;;) {
    auto word = detail::next_word(rest);
    if (word.empty()) break;
    const auto inside = detail::bracketed(word, f.broken);
    if (!inside.empty() && word != "max" && word != "made") {
      auto counter = inside;
      if (counter.size() > 2 && counter.substr(counter.size() - 2) == "/8") {
        f.counts_bits = true;
        counter.remove_suffix(2);
      }
      if (detail::is_number(counter)) {
        f.fixed = detail::to_number(counter);
      } else {
        f.counted_by = counter;
      }
    }
    if (word.empty()) continue;  // "[32]" alone
    if (word == "in") {
      f.way = flow::in;
    } else if (word == "out") {
      f.way = flow::out;
    } else if (word == "inout") {
      f.way = flow::inout;
    } else if (word == "max") {
      f.capped_by = inside;
    } else if (word == "made") {
      f.made_by = inside;
    } else if (word == "sealed") {
      f.sealed = true;
    } else if (word == "string") {
      f.terminated = true;
    } else if (word == "of") {
      f.meaning = detail::next_word(rest);
    } else if (word == "as") {
      f.target = detail::next_word(rest);
      f.secret = redaction_class::scalar;
    } else if (!parse_secrecy(word, f.secret)) {
      f.broken = true;
    }
  }
  return f;
}

constexpr void link_fields(std::span<field> row) noexcept {
  const auto find = [&](std::string_view name, std::int8_t& index) {
    if (name.empty()) return true;
    for (std::size_t i = 0; i < row.size() && i < 127; ++i)
      if (row[i].name == name) {
        index = static_cast<std::int8_t>(i);
        return true;
      }
    return false;
  };
  for (auto& f : row)
    if (!find(f.counted_by, f.count) || !find(f.capped_by, f.cap) || !find(f.made_by, f.maker)) f.broken = true;
}

}  // namespace p11tape::cryptoki
