// SPDX-License-Identifier: Apache-2.0
// Numbers of different kinds do not mix; numbers of one kind behave as the integers that they stand for.
#include "model/numbers.hpp"

#include <catch2/catch.hpp>
#include <concepts>
#include <map>
#include <type_traits>
#include <unordered_map>

#include "text/phrase.hpp"

using namespace p11tape;
using model::call_number;
using model::none;
using model::object_handle;
using model::object_number;
using model::session_handle;
using model::session_number;
using model::slot_id;
using model::thread_number;
using tape::u64;

namespace {

template <class A, class B>
concept mix = std::is_convertible_v<A, B> || std::is_constructible_v<B, A> || std::is_assignable_v<B&, A> ||
    std::equality_comparable_with<A, B>;

template <class A, class... Others>
constexpr bool stands_alone = !(mix<A, Others> || ...) && !std::is_convertible_v<A, u64> &&
                              !std::is_convertible_v<u64, A> && !std::equality_comparable_with<A, u64>;

static_assert(
    stands_alone<call_number, thread_number, session_number, object_number, session_handle, object_handle, slot_id>);
static_assert(stands_alone<session_handle, object_handle, slot_id, session_number, object_number, thread_number>);
static_assert(stands_alone<object_handle, slot_id, session_number, object_number, thread_number>);
static_assert(stands_alone<slot_id, session_number, object_number, thread_number>);
static_assert(stands_alone<session_number, object_number, thread_number>);
static_assert(stands_alone<object_number, thread_number>);

// What an integer costs: passed in a register, copied as bytes.
static_assert(sizeof(slot_id) == sizeof(u64) && alignof(slot_id) == alignof(u64));
static_assert(std::is_trivially_copyable_v<slot_id> && std::is_trivially_destructible_v<slot_id>);

}  // namespace

TEMPLATE_TEST_CASE("a number that nobody has set is none", "", call_number, thread_number, session_number,
                   object_number, session_handle, object_handle, slot_id) {
  CHECK(TestType() == none);
  CHECK(TestType(none) == none);
  CHECK(TestType(7) != none);
  CHECK(TestType(7).value() == 7);
  TestType n(7);
  n = none;
  CHECK(n == TestType());
}

TEST_CASE("0 is a handle and a slot ID, and no number of what is counted from 1") {
  CHECK(slot_id(0) != none);
  CHECK(session_handle(0) != none);
  CHECK(object_handle(0) != none);
  CHECK(call_number(0) == none);
  CHECK(thread_number(0) == none);
  CHECK(session_number(0) == none);
  CHECK(object_number(0) == none);
  // An argument that is not on the tape reads as all ones.
  CHECK(session_handle(~u64{0}) == none);
}

TEST_CASE("numbers sort, are keys, and print as integers do") {
  CHECK(call_number(2) < call_number(10));
  CHECK(call_number() < call_number(1));
  CHECK(std::max(call_number(2), call_number(10)) == call_number(10));
  std::map<slot_id, int> sorted{{slot_id(5), 1}, {slot_id(), 2}, {slot_id(0), 3}};
  CHECK(sorted.begin()->first == slot_id(0));
  CHECK(sorted.rbegin()->first == none);
  std::unordered_map<session_handle, int> hashed{{session_handle(3), 1}};
  CHECK(hashed.contains(session_handle(3)));
  CHECK(std::hash<session_handle>()(session_handle(3)) == std::hash<u64>()(3));
  CHECK(text::cat("call ", call_number(12), " on slot ", slot_id(0)) == "call 12 on slot 0");
}
