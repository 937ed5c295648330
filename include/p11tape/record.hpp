// SPDX-License-Identifier: Apache-2.0
// What a record of a tape holds, read in place: words, items, attributes, nested structs.
//
// These are views: small values that point into bytes which somebody else owns (a reader's buffer, or the recorder's
// own record for the live log). They copy nothing, allocate nothing and trust nothing: a length that does not fit ends
// the sequence, a word that is not there reads as zero. FORMAT.md says what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "p11tape/layout.hpp"
#include "p11tape/row.hpp"

namespace p11tape::tape {

using byte_view = std::span<const std::byte>;

/// The little-endian number at `offset`; 0 where it is not wholly inside.
template <class T>
T load(byte_view from, std::size_t offset) noexcept {
  T value{};
  if (offset <= from.size() && from.size() - offset >= sizeof value)
    std::memcpy(&value, from.data() + offset, sizeof value);
  return le(value);
}

namespace detail {

/// Takes `size` bytes of payload off `rest`, behind a header of `header` bytes, and the padding behind them.
inline bool take_payload(byte_view& rest, std::size_t header, u64 size, byte_view& payload) noexcept {
  if (size > rest.size() - header) return false;
  payload = rest.subspan(header, size);
  const auto whole = header + padded(size);
  rest = rest.subspan(whole < rest.size() ? whole : rest.size());
  return true;
}

}  // namespace detail

/// Elements that lie one behind the other, each carrying its own length:  for (const item_view& i : fields.items())
/// Ends at the first element that does not fit into the bytes, and after Element::most: a recorder writes fewer, and what goes
/// over the elements again for each field must not be kept busy by a forged tape. intact() tells whether that was before the end.
template <class Element>
class sequence {
 public:
  sequence() = default;
  explicit sequence(byte_view data) noexcept : data_(data) {}

  class iterator {
   public:
    explicit iterator(byte_view rest) noexcept : rest_(rest) { ++*this; }
    const Element& operator*() const noexcept { return now_; }
    const Element* operator->() const noexcept { return &now_; }
    iterator& operator++() noexcept {
      live_ = left_ != 0 && Element::take(rest_, now_);
      --left_;
      return *this;
    }
    bool operator==(std::default_sentinel_t) const noexcept { return !live_; }
    bool at_end_of_bytes() const noexcept { return rest_.empty(); }

   private:
    byte_view rest_;
    Element now_{};
    std::uint32_t left_ = Element::most;
    bool live_ = false;
  };

  iterator begin() const noexcept { return iterator(data_); }
  std::default_sentinel_t end() const noexcept { return {}; }
  bool empty() const noexcept { return begin() == end(); }

  /// How many elements there are. Walks over all of them.
  std::size_t size() const noexcept {
    std::size_t n = 0;
    for (auto i = begin(); i != end(); ++i) ++n;
    return n;
  }

  /// False where bytes were left over that are no element: the record is damaged. Walks over all elements.
  bool intact() const noexcept {
    auto i = begin();
    while (i != end()) ++i;
    return i.at_end_of_bytes();
  }

 private:
  byte_view data_;
};

/// A value that needs more than its word: bytes, numbers, a struct, a template ...
struct item_view {
  static constexpr std::uint32_t most = 1024;  ///< a recorder writes at most one or two for each field

  u16 field = 0;  ///< index in the row
  item_form form = item_form::none;
  u8 flags = 0;  ///< item_flags
  byte_view payload;

  bool has(item_flags f) const noexcept { return (flags & f) != 0; }
  /// An output that nothing proves to have been written: no news, and no value.
  bool is_unproven() const noexcept { return has(item_unchanged) && form == item_form::none; }
  u64 number() const noexcept { return load<u64>(payload, 0); }
  std::size_t numbers() const noexcept { return payload.size() / 8; }
  u64 number(std::size_t i) const noexcept { return load<u64>(payload, 8 * i); }

  static bool take(byte_view& rest, item_view& out) noexcept {
    if (rest.size() < sizeof(item_header)) return false;
    out.field = load<u16>(rest, offsetof(item_header, field));
    out.form = static_cast<item_form>(load<u8>(rest, offsetof(item_header, form)));
    out.flags = load<u8>(rest, offsetof(item_header, flags));
    return detail::take_payload(rest, sizeof(item_header), load<u32>(rest, offsetof(item_header, size)), out.payload);
  }
};

/// One attribute of a template.
struct attribute_view {
  static constexpr std::uint32_t most = 16384;

  u64 type = 0;
  u64 length = 0;  ///< ulValueLen as the caller or the module left it; may be CK_UNAVAILABLE_INFORMATION
  item_form form = item_form::none;
  u8 flags = 0;  ///< item_flags; item_null: pValue was NULL
  byte_view payload;

  bool has(item_flags f) const noexcept { return (flags & f) != 0; }
  bool is_unproven() const noexcept { return has(item_unchanged) && form == item_form::none; }
  u64 number() const noexcept { return load<u64>(payload, 0); }

  static bool take(byte_view& rest, attribute_view& out) noexcept;
};

/// A struct inside a record: its number in the schema and its fields.
struct nested_view {
  static constexpr std::uint32_t most = 16384;

  u32 record = 0;
  byte_view body;

  /// Of the payload of a RECORD.
  static bool parse(byte_view payload, nested_view& out) noexcept;
  /// Of the payload of a RECORDS, one by one.
  static bool take(byte_view& rest, nested_view& out) noexcept;
};

/// A mechanism and what was kept of its parameter.
struct mechanism_view {
  u64 type = 0;
  u64 parameter_length = 0;
  bool has_parameter = false;
  item_view parameter;  ///< BYTES, NUMBER or RECORD

  static bool parse(byte_view payload, mechanism_view& out) noexcept;
};

/// What is known of a PIN; false where the profile keeps nothing (`strict`).
bool parse_pin(byte_view payload, pin_facts& out) noexcept;

/// The body of an ENTER or of a struct, read with the row that describes it.
class fields_view {
 public:
  fields_view() = default;
  fields_view(std::span<const cryptoki::field> row, byte_view body) noexcept : row_(row), body_(body) {}

  std::span<const cryptoki::field> row() const noexcept { return row_; }
  std::size_t size() const noexcept { return row_.size(); }

  /// The value of a number, or the pointer_bits of a pointer; 0 where the record is too short.
  u64 word(std::size_t field) const noexcept { return field < row_.size() ? load<u64>(body_, 8 * field) : 0; }
  bool has_word(std::size_t field) const noexcept { return field < row_.size() && 8 * field + 8 <= body_.size(); }
  bool given(std::size_t field) const noexcept { return (word(field) & pointer_given) != 0; }

  sequence<item_view> items() const noexcept {
    const auto words = 8 * row_.size();
    return sequence<item_view>(words <= body_.size() ? body_.subspan(words) : byte_view{});
  }

  /// The first item of a field; false where there is none.
  bool find(std::size_t field, item_view& out) const noexcept;

 private:
  std::span<const cryptoki::field> row_;
  byte_view body_;
};

/// The body of a LEAVE: the return value and the outputs.
class result_view {
 public:
  result_view() = default;
  explicit result_view(byte_view body) noexcept : body_(body) {}

  u64 return_value() const noexcept { return load<u64>(body_, 0); }
  sequence<item_view> items() const noexcept {
    return sequence<item_view>(body_.size() >= 8 ? body_.subspan(8) : byte_view{});
  }
  bool find(std::size_t field, item_view& out) const noexcept;

 private:
  byte_view body_;
};

/// Keeps memory alive that records have their bodies in. Most share a buffer with the record before: what is held already
/// is not counted again.
class shared_bytes {
 public:
  shared_bytes() = default;
  shared_bytes(const shared_bytes&) = default;
  shared_bytes(shared_bytes&&) noexcept = default;
  ~shared_bytes() = default;
  shared_bytes& operator=(shared_bytes&&) noexcept = default;
  shared_bytes& operator=(const shared_bytes& other) noexcept {
    if (this != &other && bytes_ != other.bytes_) bytes_ = other.bytes_;
    return *this;
  }
  shared_bytes& operator=(const std::shared_ptr<std::byte[]>& bytes) noexcept {
    if (bytes_ != bytes) bytes_ = bytes;
    return *this;
  }
  shared_bytes& operator=(std::shared_ptr<std::byte[]>&& bytes) noexcept {
    bytes_ = std::move(bytes);
    return *this;
  }

 private:
  std::shared_ptr<std::byte[]> bytes_;
};

/// A whole record. PARTs are joined already, packed bodies unpacked, and a CALL is handed out as an ENTER and a LEAVE.
/// The body lives as long as the record: it holds the buffer.
struct record_view {
  record_kind kind = record_kind::note;
  u8 depth = 0;
  u8 flags = 0;      ///< record_flags that say what is not known
  u16 function = 0;  ///< number in the tape's schema
  u32 call = 0;
  u32 ordinal = 0;
  u64 time = 0;            ///< CLOCK_MONOTONIC in ns, whatever the tape's clock is
  u64 wall = 0;            ///< the same moment in ns since 1970, by the clock pair of the record's chunk
  u32 stored = 0;          ///< bytes that it takes on the tape; of a CALL its ENTER says it, and its LEAVE has 0
  bool gap = false;        ///< records of the thread are missing before this one: overwritten, damaged or not recorded
  bool body_lost = false;  ///< pieces of a large record are missing; the body is empty
  byte_view body;
  shared_bytes keep;
};

/// How a call ended, as far as the tape tells.
enum class call_state : u8 {
  returned,     ///< ENTER and LEAVE
  in_flight,    ///< nothing of the thread after the ENTER: still running when the tape ended
  left,         ///< the thread went on without a LEAVE: cancellation, pthread_exit, an exception, longjmp
  result_lost,  ///< no LEAVE, but records are missing where it would have been
  result_only,  ///< a LEAVE whose ENTER is not on the tape
};

}  // namespace p11tape::tape
