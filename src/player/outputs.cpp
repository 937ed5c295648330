// SPDX-License-Identifier: Apache-2.0
#include "player/outputs.hpp"

#include <algorithm>
#include <cstring>

#include "capture/encode/plan.hpp"

namespace p11tape::player {
namespace {

using capture::step;
using cryptoki::flow;
using cryptoki::shape;
using tape::byte_view;
using tape::item_form;
using tape::u8;

u8* pointer(u64 word) { return reinterpret_cast<u8*>(static_cast<std::uintptr_t>(word)); }

void put_number(u8* to, u64 value, u64 size) {
  if (size == 1) {
    *to = static_cast<u8>(value);
  } else {
    const auto number = static_cast<CK_ULONG>(value);
    std::memcpy(to, &number, sizeof number);
  }
}

class writer {
 public:
  writer(const recorded_call& from, const u64* words, const tape::fields_view& live, bool forget,
         const handle_of& handles)
      : from_(from),
        words_(words),
        live_(live),
        forget_(forget),
        handles_(handles),
        steps_(capture::plan_of(from.function).steps) {}

  written write() {
    if (!room()) return out_;
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (words_[i] != 0) steps_[i].way == flow::out ? one(i) : parameter(i);
    out_.complete = true;
    return out_;
  }

 private:
  // How many elements the output has, by the tape.
  u64 recorded_count(std::size_t counter) {
    tape::item_view item;
    return from_.outputs().find(counter, item) && item.form == item_form::number ? item.number() : 0;
  }

  // How many elements the caller has room for behind an argument, by its own words. What room() let pass of the tape's
  // counts is not more than that.
  u64 capacity(const step& s) {
    if (s.count < 0) return s.fixed != 0 ? s.fixed : 1;
    const auto counter = static_cast<std::size_t>(s.count);
    const bool in_memory = steps_[counter].kind == shape::numbers;
    u64 most = in_memory ? recorded_count(counter) : words_[counter];
    if (s.cap >= 0)
      most = std::min(most, words_[static_cast<std::size_t>(s.cap)]);
    else if (in_memory && !steps_[counter].written)
      most = 0;
    return s.counts_bits ? most / 8 + (most % 8 != 0) : most;
  }

  // All lengths first: a call that has too little room for one output writes none.
  bool room() {
    bool enough = true, asks = false;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const auto& s = steps_[i];
      if (s.way != flow::out || s.count < 0) continue;
      const auto counter = static_cast<std::size_t>(s.count);
      if (!steps_[counter].written) continue;
      CK_ULONG given = 0;
      if (words_[counter] == 0) {
        out_.value = CKR_ARGUMENTS_BAD;
        return false;
      }
      std::memcpy(&given, pointer(words_[counter]), sizeof given);
      const u64 needed = recorded_count(counter);
      put_number(pointer(words_[counter]), needed, sizeof given);
      asks = asks || words_[i] == 0;
      enough = enough && given >= needed;
    }
    if (!asks && !enough) out_.value = CKR_BUFFER_TOO_SMALL;
    return !asks && enough;
  }

  void one(std::size_t i) {
    const auto& s = steps_[i];
    tape::item_view item;
    const bool known = from_.outputs().find(i, item) && !(forget_ && s.kind == shape::bytes);
    u8* const to = pointer(words_[i]);
    if (known && item.is_unproven()) return;  // as far as anybody knows, the module left the memory as it was
    switch (s.kind) {
      case shape::bytes:
        return fill(to, capacity(s), known ? item.payload : byte_view{}, i);
      case shape::numbers:
        return numbers(i, item, known, to);
      case shape::records: {
        tape::nested_view nested;
        if (capacity(s) == 0) return;
        if (known &&
            tape::nested_view::parse(item.form == item_form::records ? first(item.payload) : item.payload, nested))
          record(nested, s.target, to);
        else
          out_.made_up = true;
        return;
      }
      default:
        return;
    }
  }

  // What the module wrote into a mechanism's parameter: initialisation vectors, tags, versions, handles.
  void parameter(std::size_t i) {
    const auto& s = steps_[i];
    tape::item_view item;
    if (!from_.outputs().find(i, item)) return;
    if (s.kind == shape::mechanism) {
      tape::mechanism_view recorded;
      CK_MECHANISM live;
      std::memcpy(&live, pointer(words_[i]), sizeof live);
      if (!tape::mechanism_view::parse(item.payload, recorded) || recorded.type != live.mechanism) return;
      if (recorded.has_parameter && recorded.parameter.form == item_form::record)
        parameter(i, recorded.parameter, live.pParameter, live.ulParameterLen);
    } else if (s.kind == shape::address && item.form == item_form::record && s.count >= 0) {
      parameter(i, item, pointer(words_[i]), words_[static_cast<std::size_t>(s.count)]);
    }
  }

  void parameter(std::size_t argument, const tape::item_view& item, void* to, u64 size) {
    tape::nested_view nested;
    if (to == nullptr || !tape::nested_view::parse(item.payload, nested)) return;
    if (nested.record < cryptoki::record_count && cryptoki::records[nested.record].size == size &&
        nested.record == live_struct(argument))
      written_fields(nested, static_cast<u8*>(to));
  }

  // The struct that the live call's parameter is. Another of the same size has its pointers elsewhere.
  u64 live_struct(std::size_t argument) const {
    tape::item_view item;
    tape::nested_view nested;
    if (!live_.find(argument, item)) return cryptoki::record_count;
    if (tape::mechanism_view m; item.form == item_form::mechanism && tape::mechanism_view::parse(item.payload, m))
      item = m.parameter;
    const bool is_struct = item.form == item_form::record && tape::nested_view::parse(item.payload, nested);
    return is_struct ? nested.record : cryptoki::record_count;
  }

  // Of a struct of the caller's, what hangs on the pointers that the module writes to.
  void written_fields(const tape::nested_view& nested, u8* in) {
    const auto steps = capture::plan_of_record(static_cast<capture::u16>(nested.record)).steps;
    const tape::fields_view fields(cryptoki::records[nested.record].fields, nested.body);
    const auto word_at = [&](const step& s) {
      u64 word = 0;
      std::memcpy(&word, in + s.offset, std::min<std::size_t>(s.size, sizeof word));
      return word;
    };
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto& s = steps[i];
      if (s.way != flow::out && s.way != flow::inout) continue;
      u8* const to = pointer(word_at(s));
      if (to == nullptr) continue;
      tape::item_view item;
      const bool known = fields.find(i, item);
      if (s.kind == shape::bytes) {
        u64 room = s.fixed;
        if (s.count >= 0) {
          const auto& counter = steps[static_cast<std::size_t>(s.count)];
          room = word_at(counter);
          // A length behind a pointer is an output itself, of key material that no tape has.
          if (counter.kind == shape::numbers) continue;
        }
        if (s.counts_bits) room = room / 8 + (room % 8 != 0);
        fill(to, room, known && !forget_ ? item.payload : byte_view{}, 64 + i);
      } else if (tape::nested_view inner;
                 s.kind == shape::records && s.count < 0 && known && tape::nested_view::parse(item.payload, inner)) {
        record(inner, s.target, to);
      }
    }
  }

  static byte_view first(byte_view records) {
    const u64 size = tape::load<tape::u32>(records, 0);
    return records.size() >= 8 && size <= records.size() - 8 ? records.subspan(8, size) : byte_view{};
  }

  // The bytes that are known, and made-up ones for the rest.
  void fill(u8* to, u64 size, byte_view known, std::size_t field) {
    const auto kept = std::min<u64>(size, known.size());
    if (kept != 0) std::memcpy(to, known.data(), kept);
    if (kept == size) return;
    out_.made_up = true;
    make_up(to + kept, size - kept, from_.number.value() * 1000003 + from_.uses * 31 + field);
  }

  void numbers(std::size_t i, const tape::item_view& item, bool known, u8* to) {
    if (!known) {
      out_.made_up = true;
      return;
    }
    const bool handles = cryptoki::row(from_.function).arguments[i].meaning == "object";
    const u64 count = std::min<u64>(item.numbers(), capacity(steps_[i]));
    for (u64 k = 0; k < count; ++k) {
      u64 value = item.number(k);
      if (handles) value = next_made_ < from_.made.size() ? handles_(from_.made[next_made_++]).value() : value;
      put_number(to + k * sizeof(CK_ULONG), value, sizeof(CK_ULONG));
    }
  }

  // A struct field by field. Pointers inside it are the caller's own and stay as they are.
  void record(const tape::nested_view& nested, capture::u16 which, u8* to) {
    if (nested.record != which || which >= cryptoki::record_count) return;
    const auto row = cryptoki::records[which].fields;
    const auto steps = capture::plan_of_record(which).steps;
    const tape::fields_view fields(row, nested.body);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto& s = steps[i];
      u8* const at = to + s.offset;
      tape::item_view item;
      const bool known = fields.find(i, item);
      if (s.kind == shape::record && s.embedded) {
        tape::nested_view inner;
        if (known && tape::nested_view::parse(item.payload, inner)) record(inner, s.target, at);
      } else if (s.embedded && s.kind == shape::byte) {
        std::memset(at, ' ', s.size);  // texts of the standard are padded with blanks
        if (known && !item.payload.empty())
          std::memcpy(at, item.payload.data(), std::min<std::size_t>(item.payload.size(), s.size));
        out_.made_up = out_.made_up || !known;
      } else if (!s.embedded && !cryptoki::is_pointer(s.kind)) {
        put_number(at, fields.word(i), s.size);
      }
    }
  }

  const recorded_call& from_;
  const u64* words_;
  const tape::fields_view& live_;
  bool forget_;
  const handle_of& handles_;
  std::span<const step> steps_;
  written out_;
  std::size_t next_made_ = 0;
};

}  // namespace

written write_outputs(const recorded_call& from, const u64* words, const tape::fields_view& live, bool forget,
                      const handle_of& handles) {
  return writer(from, words, live, forget, handles).write();
}

void make_up(u8* to, u64 size, u64 seed) {
  for (u64 i = 0; i < size; ++i) {  // splitmix64, a byte of each step
    u64 z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    to[i] = static_cast<u8>(z >> 56);
  }
}

}  // namespace p11tape::player
