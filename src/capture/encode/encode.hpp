// SPDX-License-Identifier: Apache-2.0
// From arguments in the caller's memory to the body of a record: one interpreter for all functions and structs.
//
// It walks the steps of a row. The words come first, one a field; then the items, for what lies behind pointers. The
// redaction class in the step decides what is copied; nothing that a profile withholds is ever copied towards the tape.
//
// After the call, outputs are recorded only if it is proven that the module wrote them (rooms.hpp).
#pragma once

#include <array>
#include <bit>

#include "capture/encode/operations.hpp"
#include "capture/encode/output_rooms.hpp"
#include "capture/encode/plan.hpp"
#include "capture/encode/secrets.hpp"
#include "capture/encode/sink.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

/// How many bytes of one public value are kept.
inline constexpr u64 most_public_bytes = 8 * 1024;

/// What the encoder needs to know besides the call itself. One for each recorder.
struct encoding {
  std::size_t profile;  ///< index into cryptoki::redactions
  u64 most_bytes;       ///< of one public value
  u64 most_payload;     ///< of one value that only the profile `payload` records
  pin_memory* pins;
  session_mechanisms* operations;  ///< one for each operation that has a mechanism
  known_values* numbers;
  known_values* contents;  ///< fingerprints of recorded outputs
  u64 room_key[2];         ///< of the fingerprints; random

  session_mechanisms& of(operation which) const noexcept { return operations[static_cast<std::size_t>(which) - 1]; }
};

/// What the ENTER of a call leaves for its LEAVE, besides the rooms.
struct capacities {
  u64 counter;  ///< the input value of the call's *pulLen: a module may claim more than it was given
  bool counter_known;
  u64 mechanism;         ///< of the operation that the call begins
  u64 mechanism_before;  ///< what the session's operation was remembered with until then
};

/// Scratch memory of the thread for values that must be looked at before they may be copied. Wiped after use.
struct scratch {
  static constexpr u64 size = 16 * 1024;
  u8 bytes[size];
};

class encoder {
 public:
  /// `depth`: how many calls of the thread are open around this one.
  encoder(const encoding& how, known_pages& pages, capacities& caps, output_rooms& rooms, u32 depth,
          scratch* room) noexcept
      : how_(how), pages_(pages), caps_(caps), rooms_(rooms, depth), room_(room) {}

  /// The body of an ENTER. `words` has one word an argument.
  void enter(sink& out, cryptoki::function f, const u64* words) noexcept {
    function_ = f;
    caps_.counter_known = false;
    rooms_.begin();
    row_codes[static_cast<std::size_t>(f)].enter(*this, out, words);
  }

  /// The items of a LEAVE.
  void leave(sink& out, cryptoki::function f, const u64* words, u64 rv) noexcept {
    const auto code = row_codes[static_cast<std::size_t>(f)].leave;
    if (code == nullptr) return;
    function_ = f;
    rv_ = rv;
    rooms_.resume();
    code(*this, out, words);
  }

  /// The same two for one function, where the recorder's profile is the default one: the compiler knows both.
  template <const auto& Steps>
  void enter_default(sink& out, cryptoki::function f, const u64* words) noexcept;
  template <const auto& Steps>
  void leave_default(sink& out, cryptoki::function f, const u64* words, u64 rv) noexcept;

  /// The first two by the interpreter alone, whatever row_codes has: what tests compare with.
  void interpret_enter(sink& out, cryptoki::function f, const u64* words) noexcept {
    function_ = f;
    caps_.counter_known = false;
    rooms_.begin();
    enter_any(*this, out, words);
  }
  void interpret_leave(sink& out, cryptoki::function f, const u64* words, u64 rv) noexcept {
    function_ = f;
    rv_ = rv;
    rooms_.resume();
    leave_any(*this, out, words);
  }

  /// Before a call that changes_mechanism: looks at its mechanism, which the caller may free after the call. Until
  /// settle_mechanism() the session's mechanism is unknown, and what it decides is secret.
  void remember_mechanism(const function_plan& plan, const u64* words) noexcept;

  /// After it, if it `begins` an operation: later calls are read by the new mechanism if the call succeeded, else by the one
  /// before.
  void settle_mechanism(const function_plan& plan, const u64* words, u64 rv) noexcept {
    how_.of(plan.part_of).set(words[0], rv == CKR_OK ? caps_.mechanism : caps_.mechanism_before);
  }

  /// Cuts every value to a few bytes: the second try for a record that is too large.
  void shorten() noexcept { shortened_ = true; }

 private:
  // The code of each function's row (encode_compiled.cpp).
  struct row_code {
    void (*enter)(encoder& e, sink& out, const u64* words) noexcept;
    void (*leave)(encoder& e, sink& out, const u64* words) noexcept;  // nullptr: it has no outputs
  };
  static const std::array<row_code, cryptoki::function_count> row_codes;

  enum class phase : u8 { before, after };
  /// The fields of a call or of a struct, and where their values are.
  struct source {
    std::span<const step> steps;
    const u8* base;
  };

  // As readable(); knows the answer for what it was asked for last.
  [[gnu::always_inline]] bool can_read(const u8* at, u64 size) noexcept {
    if (at == readable_at_ && size - 1 < readable_size_) return true;
    if (!readable(pages_, at, size)) return false;
    readable_at_ = at;
    readable_size_ = size;
    return true;
  }

  template <const auto& Steps>
  static constexpr row_code code_of(const cryptoki::function_row& row) noexcept;

  // Any row, by its plan.
  static void enter_any(encoder& e, sink& out, const u64* words) noexcept;
  static void leave_any(encoder& e, sink& out, const u64* words) noexcept;

  // A row that is compiled, and its fields (encode_rows.hpp). `Default`: under the default profile.
  template <const auto& Steps>
  static void enter_row(encoder& e, sink& out, const u64* words) noexcept;
  template <const auto& Steps>
  static void leave_row(encoder& e, sink& out, const u64* words) noexcept;
  template <const auto& Steps, bool Default>
  void fields_before(sink& out, const u64* words) noexcept;
  template <const auto& Steps, bool Default>
  void outputs_after(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  u64 word_before(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  u64 pointer_before(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  void output_after(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  u64 number_before(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  void number_after(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I>
  void record_after(sink& out, const u64* words) noexcept;
  template <const auto& Steps, u16 I, bool Default>
  u64 bytes_before(sink& out, const u64* words) noexcept;
  template <u64 Size>
  u64 print_readable(const u8* at) const noexcept;
  template <bool Default>
  std::size_t profile() const noexcept {
    return Default ? 0 : how_.profile;
  }
  static u64 shown(std::size_t profile, const step& s, u64 value) noexcept;

  u64 load(const source& r, const step& s) const noexcept;
  u64 shown_number(const step& s, u64 value) const noexcept;
  cryptoki::treatment treatment_of(const source& r, const step& s) const noexcept;
  cryptoki::flow way_of(const source& r, const step& s) const noexcept;
  bool count_of(const source& r, const step& s, phase p, u64& count) noexcept;
  u64 limit_for(cryptoki::redaction_class s) const noexcept;

  void body(sink& out, const plan& plan, const u8* base, phase p, bool all, int depth) noexcept;
  u64 pointer_word(sink& out, const source& r, u16 index, phase p, bool all, int depth) noexcept;
  u64 pointer(sink& out, const source& r, u16 index, phase p, int depth) noexcept;
  u64 bytes(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept;
  void copy(sink& out, u16 index, tape::item_form form, const u8* at, u64 size, u64 limit, u8 flags = 0) noexcept;
  u64 numbers(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept;
  u64 number(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept;
  u64 text(sink& out, const step& s, u16 index, const u8* at) noexcept;
  bool record(sink& out, u16 index, u16 which, const u8* at, phase p, int depth, u8 flags = 0) noexcept;
  u64 output_record(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at, int depth) noexcept;
  bool record_payload(sink& out, u16 which, const u8* at, phase p, int depth) noexcept;
  u64 records(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at, int depth) noexcept;
  u64 list_pointer(sink& out, const step& s, u16 index, phase p, const u8* at, int depth) noexcept;
  u64 address(sink& out, const source& r, u16 index, phase p, const u8* at, int depth) noexcept;

  // Rooms.
  u64 look_at(const u8* at, u64 size) noexcept;
  u64 look_at_value(const u8* at, u64 size) noexcept;
  void note_room(const source& r, const step& s, const u8* at, int depth) noexcept;
  void note_attributes(const u8* at, u64 count, int depth) noexcept;
  void note_attribute(const CK_ATTRIBUTE& a, const u8* entry, const cryptoki::attribute_row* row, int depth) noexcept;
  bool has_changed(const u8* at) noexcept;
  bool may_record(const u8* at, u64 size, u8& flags) noexcept;
  u64 content(const u8* at, u64 size) const noexcept;
  static void unchanged(sink& out, u16 index) noexcept {
    out.empty_item(index, tape::item_form::none, tape::item_unchanged);
  }

  // Templates.
  struct siblings {  // the template that an entry belongs to
    const u8* at;
    u64 count;
  };
  u64 attributes(sink& out, u16 index, const u8* at, u64 count, bool values, bool outputs, int depth) noexcept;
  void attribute_list(sink& out, const u8* at, u64 count, bool values, bool outputs, int depth, bool& cut) noexcept;
  struct finding;
  finding find_written(const CK_ATTRIBUTE& a, const u8* entry, const cryptoki::attribute_row* row) noexcept;
  static bool is_known_constant(const cryptoki::attribute_row& row, u64 number) noexcept;
  bool is_constant(const cryptoki::attribute_row& row, const u8* value, u64 size) noexcept;
  bool may_be_recorded(const cryptoki::attribute_row* row) const noexcept;
  void any_value(sink& out, tape::attribute_header& h, const cryptoki::attribute_row* row, const u8* value, u64 size,
                 const siblings& all, bool outputs, int depth) noexcept;
  template <bool Values, bool Outputs>
  bool entry_of(sink& out, const u8* entry, const siblings& all, int depth) noexcept;
  template <bool Values, bool Outputs>
  void list_of(sink& to, const siblings& all, int depth, bool& cut) noexcept;
  bool object_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const siblings& all,
                    bool outputs) noexcept;
  bool is_certificate(const siblings& all) noexcept;
  bool holds_pin(const u8* at, u64 size) noexcept;

  // The same for the templates of frequent rows under the default profile (encode_templates.hpp). One entry of them, as the
  // general code has it.
  template <bool Values, bool Outputs>
  [[gnu::noinline]] void one_entry(sink& out, const u8* entry, const siblings& all) noexcept;
  class near_page;
  bool can_see(near_page& near, const u8* at, u64 size) noexcept;
  u64 print_of_value(const u8* at, u64 size) const noexcept;
  u64 template_given(sink& to, u16 index, const siblings& all) noexcept;
  u64 template_asked(sink& to, u16 index, const siblings& all) noexcept;
  void template_written(sink& to, u16 index, const siblings& all) noexcept;

  // Mechanisms, and what depends on them.
  bool may_be_kept(const source& r, cryptoki::redaction_class s) const noexcept;
  u64 mechanism(sink& out, u16 index, const u8* at, phase p, int depth) noexcept;
  bool is_other_layout(u16 record, const u8* at, u64 size) noexcept;
  u64 parameter(sink& out, u16 index, u64 type, const u8* at, u64 size, phase p, int depth) noexcept;
  u64 prf_value(sink& out, const source& r, u16 index, const u8* at, u64 size, int depth) noexcept;

  const encoding& how_;
  known_pages& pages_;
  capacities& caps_;
  room_cursor rooms_;
  scratch* room_;
  cryptoki::function function_{};
  u64 rv_ = 0;
  const u8* origin_ = nullptr;  ///< in the caller's memory, of the struct whose copy is walked
  const u8* readable_at_ = nullptr;
  u64 readable_size_ = 0;
  bool shortened_ = false;
};

// ---- What the encoder's parts share ----

// A length is shown unless it tells more of a secret than the profile allows.
[[gnu::always_inline]] inline u64 encoder::shown(std::size_t profile, const step& s, u64 value) noexcept {
  // A pointer in the place of a small number: the caller's struct is another one than the row's.
  if ((s.counts >= 0 || s.makes) && value > absurd_length && value != CK_UNAVAILABLE_INFORMATION) value = absurd_length;
  switch (cryptoki::treat(profile, s.counted)) {
    case cryptoki::treatment::withhold:
      return 0;
    case cryptoki::treatment::rounded_length:
      return value == 0 ? 0 : std::bit_ceil(value);
    default:
      return value;
  }
}
inline u64 encoder::shown_number(const step& s, u64 value) const noexcept { return shown(how_.profile, s, value); }

/// What the word of a pointer says where the value that it leads to is left out.
constexpr u64 bits_without_value(cryptoki::treatment how) noexcept {
  switch (how) {
    case cryptoki::treatment::withhold:
      return tape::pointer_withheld | tape::pointer_length_withheld;
    case cryptoki::treatment::rounded_length:
      return tape::pointer_withheld | tape::pointer_length_rounded;
    default:
      return tape::pointer_withheld;
  }
}

inline constexpr int deepest = 4;           // structs in structs, templates in templates
inline constexpr int deepest_template = 3;  // templates in templates
inline constexpr u64 most_attributes =
    512;                                    // a longer template is a wrong count, and what follows it is not a template
inline constexpr u64 most_elements = 4096;  // handles, slots, mechanisms in one list

inline const u8* as_pointer(u64 word) noexcept {
  return reinterpret_cast<const u8*>(static_cast<std::uintptr_t>(word));
}

/// Whether a call with this return value may have written an output.
inline bool may_be_written(const step& s, u64 rv) noexcept {
  if (rv == CKR_OK) return true;
  // These three are not failures of C_GetAttributeValue: what could be read has been read (section 5.7.5).
  if (s.kind == cryptoki::shape::attributes)
    return rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID;
  return s.written && rv == CKR_BUFFER_TOO_SMALL;
}

inline bool is_output(cryptoki::flow w) noexcept { return w == cryptoki::flow::out || w == cryptoki::flow::inout; }
inline bool is_input(cryptoki::flow w) noexcept { return w == cryptoki::flow::in || w == cryptoki::flow::inout; }

}  // namespace p11tape::capture
