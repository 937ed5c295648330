// SPDX-License-Identifier: Apache-2.0
// Two recorded calls of the same function, compared argument by argument: what differs, of which kind, and in words.
//
// The values come from render::walk(), so that whatever `show` can read can be compared, and nothing is read twice.
// Each side is a render::call_view: of a call on a tape (view.hpp), or of records that were freshly encoded in memory,
// with the rows by which they are to be understood. The two sides may have different rows (tapes of different versions)
// and word sizes; what is compared are the fields of the same name.
//
//   diff::pairs handles;                        // which handle of A is which of B
//   diff::differences found;
//   diff::arguments(a, b, handles, {}, found);
//   diff::results(a, b, handles, around, found);
//   if (diff::diverge(found)) ...
//
// Not every difference is a divergence. Kinds below `random` say that the programs or the modules did different things;
// the others are expected of two runs that did the same. What is random by nature is decided by one table, nature.cpp.
//
// A replayer looks things up for itself, through the same shim that records it. Such calls are made on a thread named
// lookup_thread_name; the recorder writes a NOTE of that text before the first call of a thread of this name, and
// is_lookup_thread() finds it. Whoever compares a replay's tape with the tape that was replayed leaves those threads
// out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "p11tape/tape.hpp"
#include "render/call_view.hpp"
#include "render/visitor.hpp"

namespace p11tape::diff {

using tape::u64;

enum class kind : std::uint8_t {
  // Divergences.
  value,        ///< numbers, texts, bytes, flags, attributes that only one side has
  length,       ///< of bytes that may differ, or are on no tape
  return_code,  ///< both returned
  handle,       ///< handles that mean different things; none where the other side has one
  ending,       ///< one side returned, the other did not
  // Never divergences.
  random,    ///< random by nature: signatures with random padding, fresh keys, initialisation vectors
  data,      ///< what the application had signed or encrypted, of the same length, and what follows from it
  order,     ///< the same elements in another order: found objects, mechanisms
  withheld,  ///< at least one tape does not have the value
  pointer,   ///< NULL or not of what nobody follows; room of the caller's buffers
  moment,    ///< clock, free memory and session counts of a token; which PIN of its process a PIN is
};
inline constexpr std::size_t kinds = static_cast<std::size_t>(kind::moment) + 1;

constexpr bool diverges(kind k) noexcept { return k < kind::random; }

/// "value", "return code" ...
std::string_view name_of(kind k) noexcept;

struct difference {
  kind what;
  render::way side;   ///< arguments or outputs
  int argument = -1;  ///< index in A's row; -1: the return value, or the ending
  std::string where;  ///< "pTemplate.CKA_LABEL", "phObject[2]", "return value"
  std::string a, b;   ///< the values in words, safe to print; empty where that side has none
};
using differences = std::vector<difference>;

bool diverge(const differences& all) noexcept;

/// "C_Login: pPin is PIN, 8 bytes in A and PIN, 9 bytes in B": the difference as a clause, with the names of the sides.
std::string in_words(const difference& d, std::string_view a = "A", std::string_view b = "B");

enum class handle_kind : std::uint8_t { session, object, slot };

/// Knows which handle of the one side is which of the other.
class handle_map {
 public:
  virtual ~handle_map() = default;
  /// True where `a` of the first side means what `b` means on the second. `given`: the calls gave the handles out, as
  /// opposed to taking them. Never asked about CK_INVALID_HANDLE.
  virtual bool same(handle_kind what, u64 a, u64 b, bool given) = 0;
  /// What a handle of A, or of B, is, for the words of a difference; "" for its number.
  virtual std::string words([[maybe_unused]] handle_kind what, [[maybe_unused]] u64 handle,
                            [[maybe_unused]] bool of_a) const {
    return {};
  }
};

/// What is known around the call, and cannot be seen in it.
struct situation {
  u64 mechanism = ~u64{0};    ///< of the call, or of the operation that it goes on with; all ones: unknown
  bool fresh_object = false;  ///< the object was made with random (a generated key): its values differ rightly
  bool other_data = false;    ///< the operation was fed other data: its outputs differ rightly
};

/// Appends how the arguments differ. Both must be calls of the function of the same name.
void arguments(const render::call_view& a, const render::call_view& b, handle_map& handles, const situation& around,
               differences& out);

/// Appends how ending, return value and outputs differ. Outputs are compared only where the return values agree.
void results(const render::call_view& a, const render::call_view& b, handle_map& handles, const situation& around,
             differences& out);

/// True for a thread of the tape on which a replayer made its own look-ups.
bool is_lookup_thread(const tape::reader& tape, std::size_t thread_index);

}  // namespace p11tape::diff
