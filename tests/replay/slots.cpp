// SPDX-License-Identifier: Apache-2.0
// Which slot stands for which.
#include <catch2/catch.hpp>

#include "replay/slots.hpp"

namespace p11tape::replay_tests {
namespace {

using model::slot_id;
using replay::live_slot;
using replay::match_slots;
using replay::slot_thing;

slot_thing recorded(std::uint64_t id, const char* label, const char* serial, replay::u32 position) {
  slot_thing s;
  s.known.id = model::slot_id(id);
  s.known.token.emplace();
  s.known.token->label = std::string(label) + "   ";
  s.known.token->serial = serial;
  s.position = s.position_of_all = position;
  return s;
}

using places = std::vector<std::size_t>;

}  // namespace

TEST_CASE("by what the user says, then serial number, label, position") {
  const std::vector<slot_thing> tape{recorded(1, "a", "01", 0), recorded(2, "b", "02", 1), recorded(3, "", "", 2)};
  const std::vector<live_slot> same{
      {slot_id(9), true, "", ""}, {slot_id(8), true, "b", "x"}, {slot_id(7), true, "a", "01"}};
  CHECK(match_slots(tape, same, {}) == places{2, 1, 0});
  const std::vector<live_slot> others{
      {slot_id(9), true, "x", "11"}, {slot_id(8), true, "y", "12"}, {slot_id(7), true, "", ""}};
  CHECK(match_slots(tape, others, {}) == places{0, 1, 2});
  CHECK(match_slots(tape, others, {{"a", "y"}}) == places{1, 0, 2});
  CHECK(match_slots(tape, others, {{"02", "11"}}) == places{1, 0, 2});
}

TEST_CASE("none stands for two, and none is made up") {
  const std::vector<slot_thing> tape{recorded(1, "a", "01", 0), recorded(2, "b", "02", 1)};
  const std::vector<live_slot> one{{slot_id(5), true, "b", "02"}};
  CHECK(match_slots(tape, one, {}) == places{1, 0});
  CHECK(match_slots(tape, {}, {}) == places{0, 0});
}

TEST_CASE("a slot of which the tape tells nothing") {
  std::vector<slot_thing> tape(1);
  tape[0].known.id = slot_id(17);
  const std::vector<live_slot> live{{slot_id(3), false, "", ""}, {slot_id(4), true, "t", "1"}};
  CHECK(match_slots(tape, live, {}) == places{1});
  tape[0].known.id = slot_id(3);
  CHECK(match_slots(tape, live, {}) == places{0});
}

}  // namespace p11tape::replay_tests
