// SPDX-License-Identifier: Apache-2.0
// From arguments in the caller's memory to the body of a record: one interpreter for all functions and structs.
//
// It walks the steps of a row. The words come first, one a field; then the items, for what lies behind pointers. The
// redaction class in the step decides what is copied; nothing that a profile withholds is ever copied towards the tape.
//
// After the call, outputs are recorded only if it is proven that the module wrote them (rooms.hpp).
#pragma once

#include "capture/encode/operations.hpp"
#include "capture/encode/plan.hpp"
#include "capture/encode/rooms.hpp"
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
      : how_(how), pages_(pages), caps_(caps), rooms_(rooms), depth_(depth), room_(room) {}

  /// The body of an ENTER. `words` has one word an argument.
  void enter(sink& out, cryptoki::function f, const u64* words) noexcept;

  /// The items of a LEAVE.
  void leave(sink& out, cryptoki::function f, const u64* words, u64 rv) noexcept;

  /// Before a call that begins an operation: looks at its mechanism, which the caller may free after the call. Until
  /// settle_mechanism() the session's mechanism is unknown, and what it decides is secret.
  void remember_mechanism(cryptoki::function f, const u64* words) noexcept {
    if (const auto& plan = plan_of(f); plan.changes_mechanism) remember(plan, words);
  }

  /// After it: later calls are read by the new mechanism if the call succeeded, else by the one before.
  void settle_mechanism(cryptoki::function f, const u64* words, u64 rv) noexcept {
    if (const auto& plan = plan_of(f); plan.begins) [[unlikely]]
      how_.of(plan.part_of).set(words[0], rv == CKR_OK ? caps_.mechanism : caps_.mechanism_before);
  }

  /// Cuts every value to a few bytes: the second try for a record that is too large.
  void shorten() noexcept { shortened_ = true; }

 private:
  enum class phase : u8 { before, after };
  /// The fields of a call or of a struct, and where their values are.
  struct source {
    std::span<const step> steps;
    const u8* base;
  };

  void remember(const function_plan& plan, const u64* words) noexcept;
  u64 load(const source& r, const step& s) const noexcept;
  u64 shown_number(const source& r, const step& s, u64 value) const noexcept;
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
  void note_room(const source& r, const step& s, const u8* at, int depth) noexcept;
  void note_attributes(const u8* at, u64 count, int depth) noexcept;
  bool has_changed(const u8* at) noexcept;
  bool may_record(const u8* at, u64 size, u8& flags) noexcept;
  u64 content(const u8* at, u64 size) const noexcept;
  void unchanged(sink& out, u16 index) noexcept;

  // Templates.
  u64 attributes(sink& out, u16 index, const u8* at, u64 count, bool values, bool outputs, int depth) noexcept;
  void attribute_list(sink& out, const u8* at, u64 count, bool values, bool outputs, int depth, bool& cut) noexcept;
  bool is_written(const CK_ATTRIBUTE& a, const u8* entry, tape::attribute_header& h) noexcept;
  bool is_constant(u64 type, const u8* value, u64 size) noexcept;
  bool may_be_recorded(u64 type) const noexcept;
  void attribute_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings, u64 count,
                       bool outputs, int depth) noexcept;
  bool object_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings, u64 count,
                    bool outputs) noexcept;
  bool is_certificate(const u8* at, u64 count) noexcept;
  bool holds_pin(const u8* at, u64 size) noexcept;

  // Mechanisms, and what depends on them.
  bool may_be_kept(const source& r, cryptoki::redaction_class s) const noexcept;
  u64 mechanism(sink& out, u16 index, const u8* at, phase p, int depth) noexcept;
  bool is_other_layout(u16 record, const u8* at, u64 size) noexcept;
  u64 parameter(sink& out, u16 index, u64 type, const u8* at, u64 size, phase p, int depth) noexcept;
  u64 prf_value(sink& out, const source& r, u16 index, const u8* at, u64 size, int depth) noexcept;

  const encoding& how_;
  known_pages& pages_;
  capacities& caps_;
  output_rooms& rooms_;
  u32 depth_;
  scratch* room_;
  cryptoki::function function_{};
  u64 rv_ = 0;
  u64 held_ = 0;                ///< fingerprint of the attribute's value, where it was taken already
  const u8* origin_ = nullptr;  ///< in the caller's memory, of the struct whose copy is walked
  bool shortened_ = false;
};

// ---- What the encoder's parts share ----

inline constexpr int deepest = 4;           // structs in structs, templates in templates
inline constexpr int deepest_template = 3;  // templates in templates
inline constexpr u64 most_attributes =
    512;                                    // a longer template is a wrong count, and what follows it is not a template
inline constexpr u64 most_elements = 4096;  // handles, slots, mechanisms in one list

inline const u8* as_pointer(u64 word) noexcept {
  return reinterpret_cast<const u8*>(static_cast<std::uintptr_t>(word));
}

inline bool is_output(cryptoki::flow w) noexcept { return w == cryptoki::flow::out || w == cryptoki::flow::inout; }
inline bool is_input(cryptoki::flow w) noexcept { return w == cryptoki::flow::in || w == cryptoki::flow::inout; }

}  // namespace p11tape::capture
