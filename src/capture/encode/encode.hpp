// SPDX-License-Identifier: Apache-2.0
// From arguments in the caller's memory to the body of a record: one interpreter for all functions and structs.
//
// It walks the steps of a row. The words come first, one a field; then the items, for what lies behind pointers. The
// redaction class in the step decides what is copied; nothing that a profile withholds is ever copied towards the tape.
#pragma once

#include <atomic>

#include "capture/encode/plan.hpp"
#include "capture/encode/secrets.hpp"
#include "capture/encode/sink.hpp"
#include "capture/host/memory.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

/// Which mechanism a session's operation was started with. A small table that forgets: what it does not know is treated
/// as unknown, and so as secret.
class session_mechanisms {
 public:
  static constexpr u64 unknown = ~u64{0};

  void set(u64 session, u64 mechanism) noexcept {
    auto& e = entries_[session % size];
    e.session.store(~session, std::memory_order_relaxed);
    e.mechanism.store(mechanism, std::memory_order_release);
    e.session.store(session, std::memory_order_release);
  }
  u64 get(u64 session) const noexcept {
    const auto& e = entries_[session % size];
    if (e.session.load(std::memory_order_acquire) != session) return unknown;
    return e.mechanism.load(std::memory_order_acquire);
  }

 private:
  static constexpr unsigned size = 256;
  struct entry {
    std::atomic<u64> session;
    std::atomic<u64> mechanism;
  };
  entry entries_[size];
};

/// How many bytes of one public value are kept.
inline constexpr u64 most_public_bytes = 8 * 1024;

/// What the encoder needs to know besides the call itself. One for each recorder.
struct encoding {
  std::size_t profile;  ///< index into cryptoki::redactions
  u64 most_bytes;       ///< of one public value
  u64 most_payload;     ///< of one value that only the profile `payload` records
  pin_memory* pins;

  session_mechanisms* operations;  ///< one for each operation that has a mechanism, from operation::message on

  session_mechanisms& of(operation which) const noexcept { return operations[static_cast<std::size_t>(which) - 1]; }
};

/// Lengths that the caller gave before the call, to bound what is read after it: a module may claim more than it was
/// given.
struct capacities {
  u64 counter;  ///< the input value of the call's *pulLen
  bool counter_known;
};

/// The same for the attributes of a template: kept by the thread, for its latest call that has one.
struct template_room {
  static constexpr u32 most = 512;  ///< a longer template is a wrong count, and what follows it is somebody's memory
  u32 call;                         ///< 0: none
  u32 count;
  u64 size[most];
};

/// Scratch memory of the thread for values that must be looked at before they may be copied.
struct scratch {
  static constexpr u64 size = 16 * 1024;
  u8 bytes[size];
};

class encoder {
 public:
  encoder(const encoding& how, known_pages& pages, capacities& caps, template_room& templates, u32 call,
          scratch* room) noexcept
      : how_(how), pages_(pages), caps_(caps), templates_(templates), call_(call), room_(room) {}

  /// The body of an ENTER. `words` has one word an argument.
  void enter(sink& out, cryptoki::function f, const u64* words) noexcept;

  /// The items of a LEAVE.
  void leave(sink& out, cryptoki::function f, const u64* words, u64 rv) noexcept;

  /// Remembers the mechanism that an operation was started with, where later calls are read by it. Before the call: the
  /// caller may free the mechanism after it.
  void remember_mechanism(cryptoki::function f, const u64* words) noexcept {
    if (const auto& plan = plan_of(f); plan.begins || plan.mixes_key) remember(plan, words);
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
  bool count_of(const source& r, const step& s, phase p, u64& count) noexcept;
  u64 limit_for(cryptoki::redaction_class s) const noexcept;

  void body(sink& out, const plan& plan, const u8* base, phase p, bool all, int depth) noexcept;
  u64 pointer(sink& out, const source& r, u16 index, phase p, int depth) noexcept;
  u64 bytes(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept;
  void copy(sink& out, u16 index, tape::item_form form, const u8* at, u64 size, u64 limit) noexcept;
  u64 numbers(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept;
  u64 text(sink& out, const step& s, u16 index, const u8* at) noexcept;
  bool record(sink& out, u16 index, u16 which, const u8* at, phase p, int depth) noexcept;
  bool record_payload(sink& out, u16 which, const u8* at, phase p, int depth) noexcept;
  u64 records(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at, int depth) noexcept;
  u64 attributes(sink& out, u16 index, const u8* at, u64 count, bool values, bool outputs, int depth) noexcept;
  void attribute_list(sink& out, const u8* at, u64 count, bool values, bool outputs, int depth, bool& cut) noexcept;
  void attribute_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings, u64 count,
                       int depth) noexcept;
  bool is_certificate(const u8* at, u64 count) noexcept;
  bool may_be_kept(const source& r, cryptoki::redaction_class s) const noexcept;
  u64 mechanism(sink& out, u16 index, const u8* at, phase p, int depth) noexcept;
  bool is_other_layout(u16 record, const u8* at, u64 size) noexcept;
  u64 parameter(sink& out, u16 index, u64 type, const u8* at, u64 size, layout::where context, phase p,
                int depth) noexcept;
  u64 prf_value(sink& out, const source& r, u16 index, const u8* at, u64 size, int depth) noexcept;

  const encoding& how_;
  known_pages& pages_;
  capacities& caps_;
  template_room& templates_;
  u32 call_;
  scratch* room_;
  cryptoki::function function_{};
  u64 rv_ = 0;
  bool shortened_ = false;
};

}  // namespace p11tape::capture
