// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "states.hpp"

namespace p11tape::test {
namespace {

using cryptoki::function;
using model::known;
using model::object_handle;
using model::operation;
using model::session_handle;
using model::slot_id;

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {.label = "mytoken"}).open(5, 1).login(1); }

TEST_CASE("sessions, logins and tokens are followed") {
  tape_story s;
  begin(s);
  s.open(5, 2, CKF_SERIAL_SESSION | CKF_RW_SESSION).close(1);
  const ended e(s);
  const auto& in = e.library();
  CHECK(in.initialized == known::yes);
  REQUIRE(in.find_slot(slot_id(5)) != nullptr);
  const auto& slot = *in.find_slot(slot_id(5));
  REQUIRE(slot.token);
  CHECK(slot.token->label.starts_with("mytoken "));
  CHECK(slot.token->max_pin == 64);
  CHECK(slot.sessions == 1);
  CHECK(slot.rw_sessions == 1);
  CHECK(slot.user == CKU_USER);
  CHECK(in.find_session(session_handle(1)) == nullptr);
  REQUIRE(in.find_session(session_handle(2)) != nullptr);
  CHECK(in.find_session(session_handle(2))->number == model::session_number(2));
  CHECK(in.find_session(session_handle(2))->writes());
  REQUIRE(in.find_past(session_handle(1)) != nullptr);
  CHECK(in.find_past(session_handle(1))->how == model::ending::closed);
}

TEST_CASE("the login ends with the last session, with a logout, and with C_Finalize") {
  tape_story last;
  begin(last);
  last.close(1);
  CHECK_FALSE(ended(last).library().find_slot(slot_id(5))->logged_in());
  tape_story logout;
  begin(logout);
  logout.call("C_Logout", {1});
  CHECK_FALSE(ended(logout).library().find_slot(slot_id(5))->logged_in());
  tape_story all;
  begin(all);
  all.call("C_CloseAllSessions", {5});
  CHECK_FALSE(ended(all).library().find_slot(slot_id(5))->logged_in());
  CHECK(ended(all).library().sessions.empty());
  tape_story finalized;
  begin(finalized);
  finalized.finalize();
  const ended e(finalized);
  CHECK_FALSE(e.library().find_slot(slot_id(5))->logged_in());
  CHECK(e.library().initialized == known::no);
  CHECK(e.library().find_past(session_handle(1))->how == model::ending::finalized);
  CHECK(e.library().find_slot(slot_id(5))->token);
}

TEST_CASE("a failed login changes nothing, a context-specific one is nobody's login") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1, CKR_PIN_INCORRECT);
  CHECK_FALSE(ended(s).library().find_slot(slot_id(5))->logged_in());
  tape_story context;
  context.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1, CKR_OK, {}, CKU_CONTEXT_SPECIFIC);
  CHECK_FALSE(ended(context).library().find_slot(slot_id(5))->logged_in());
}

TEST_CASE("a session whose closing an imported log does not name is closed if it is the only one") {
  constexpr tape::u8 no_value = 0, not_known = tape::item_unknown;
  const auto close = [&](tape_story& s) {
    s.builder().features |= tape::feature_imported;
    s.call("C_CloseSession", body().words({0}).item(0, no_value, "", not_known), CKR_OK, {});
  };
  tape_story one;
  begin(one);
  close(one);
  CHECK(ended(one).library().sessions.empty());
  tape_story two;
  begin(two);
  two.open(5, 2).open(5, 3).close(2);
  close(two);
  const ended e(two);
  CHECK(e.library().find_session(session_handle(1)) != nullptr);
  CHECK(e.library().find_session(session_handle(3)) != nullptr);
}

TEST_CASE("a handle that is used again is another session") {
  tape_story s;
  begin(s);
  s.close(1).open(5, 1);
  const ended e(s);
  CHECK(e.library().find_session(session_handle(1))->number == model::session_number(2));
  CHECK(e.library().find_past(session_handle(1))->number == model::session_number(1));
}

TEST_CASE("operations begin, go on and end") {
  tape_story s;
  begin(s);
  s.sign_init(1, CKM_RSA_PKCS, 7);
  s.call("C_Sign", body().words({1, 1, 20, 0, 1}).number_item(4, 0), CKR_OK,
         body().number_item(4, 256));  // asks the length
  s.sign(1, CKR_BUFFER_TOO_SMALL).sign(1);
  s.sign(1, CKR_OPERATION_NOT_INITIALIZED);
  std::vector<bool> active;
  const ended e(s, [&](const model::call_context& now) {
    if (now.is(function::C_Sign)) active.push_back(now.session->of(operation::sign).active);
  });
  CHECK(active == std::vector<bool>{true, true, true, false});
  SECTION("the key and the mechanism are known in the calls that follow") {
    tape_story other;
    begin(other);
    other.find(1, CKO_PRIVATE_KEY, "key", "45", {7}).sign_init(1, CKM_RSA_PKCS, 7).sign(1);
    u64 mechanism = 0;
    object_handle key;
    const ended all(other, [&](const model::call_context& now) {
      if (!now.is(function::C_Sign)) return;
      mechanism = now.mechanism;
      key = now.key == nullptr ? model::none : now.key->handle;
    });
    CHECK(mechanism == CKM_RSA_PKCS);
    CHECK(key == object_handle(7));
  }
  SECTION("a call that fails ends them") {
    tape_story failing;
    begin(failing);
    failing.sign_init(1, CKM_RSA_PKCS, 7).sign(1, CKR_DEVICE_ERROR);
    CHECK_FALSE(ended(failing).library().find_session(session_handle(1))->of(operation::sign).active);
  }
}

TEST_CASE("searches: what was asked for, how much was found, whether it goes on") {
  tape_story s;
  begin(s);
  s.search_init(1, CKO_PRIVATE_KEY, "my_key", "45");
  s.call("C_FindObjects", body().words({1, 1, 10, 1}), CKR_OK,
         body().item(1, 3, body().words({7, 8}).str()).number_item(3, 2));
  const ended e(s);
  const auto& find = e.library().find_session(session_handle(1))->find;
  CHECK(e.library().find_session(session_handle(1))->of(operation::search).active);
  CHECK(find.object_class == CKO_PRIVATE_KEY);
  CHECK(find.label == "my_key");
  CHECK(find.id == "45");
  CHECK(find.found == 2);
  CHECK_FALSE(find.unclear);
}

TEST_CASE(
    "searches: the count tells how much was found where the handles are not proven, and nothing where it is not either") {
  const std::uint8_t unchanged = tape::item_unchanged;
  tape_story s;
  begin(s);
  s.search_init(1, CKO_PUBLIC_KEY, "", "01");
  s.call("C_FindObjects", body().words({1, 1, 1, 1}), CKR_OK, body().item(1, 0, "", unchanged).number_item(3, 1));
  const ended e(s);
  CHECK(e.library().find_session(session_handle(1))->find.found == 1);
  CHECK_FALSE(e.library().find_session(session_handle(1))->find.unclear);
  tape_story neither;
  begin(neither);
  neither.search_init(1, CKO_PUBLIC_KEY, "", "01");
  neither.call("C_FindObjects", body().words({1, 1, 1, 1}), CKR_OK,
               body().item(1, 0, "", unchanged).item(3, 0, "", unchanged));
  const ended n(neither);
  CHECK(n.library().find_session(session_handle(1))->find.found == 0);
  CHECK(n.library().find_session(session_handle(1))->find.unclear);
}

TEST_CASE("calls of other threads see the state as it was before a call that has not ended") {
  tape_story s;
  begin(s);
  s.thread(2).open(5, 2);
  s.thread(1)
      .begin("C_Logout", {1})
      .thread(2)
      .sign_init(2, CKM_RSA_PKCS, 7)
      .thread(1)
      .end("C_Logout")
      .thread(2)
      .sign(2);
  std::vector<bool> logged_in;
  std::vector<std::size_t> flights;
  const ended e(s, [&](const model::call_context& now) {
    if (now.call->thread.number != model::thread_number(2)) return;
    if (now.is(function::C_OpenSession)) return;
    logged_in.push_back(now.slot->logged_in());
    flights.push_back(now.process->flights.size());
  });
  CHECK(logged_in == std::vector<bool>{true, false});
  CHECK(flights == std::vector<std::size_t>{2, 1});
}

TEST_CASE("a call that never returns stays in flight, and changes nothing") {
  tape_story s;
  begin(s);
  s.begin("C_CloseSession", {1});
  const ended e(s);
  CHECK(e.library().flights.size() == 1);
  CHECK(e.library().find_session(session_handle(1)) != nullptr);
}

TEST_CASE("a tape that begins in the middle: sessions that work are there") {
  tape_story s;
  s.sign_init(9, CKM_RSA_PKCS, 7).sign(9);
  std::size_t with_session = 0;
  const ended e(s, [&](const model::call_context& now) { with_session += now.session != nullptr; });
  CHECK(with_session == 1);
  REQUIRE(e.library().find_session(session_handle(9)) != nullptr);
  CHECK(e.library().find_session(session_handle(9))->slot == model::none);
  CHECK(e.library().initialized == known::unsure);
}

TEST_CASE("session objects go with their session, destroyed ones at once") {
  const auto create = [](tape_story& s, u64 session, u64 handle, bool token) {
    body wanted;
    wanted.attribute_number(CKA_CLASS, CKO_SECRET_KEY).attribute(CKA_TOKEN, 1, 2, body().put(u64{token}).str());
    s.call("C_CreateObject", body().words({session, 1, 2, 1}).template_item(1, wanted), CKR_OK,
           body().number_item(3, handle));
  };
  tape_story s;
  begin(s);
  s.open(5, 2);
  create(s, 1, 70, false);
  create(s, 1, 71, true);
  create(s, 2, 72, false);
  s.close(1).call("C_DestroyObject", {2, 72});
  const ended e(s);
  CHECK(e.library().find_object(slot_id(5), object_handle(70)) == nullptr);
  CHECK(e.library().find_object(slot_id(5), object_handle(71)) != nullptr);
  CHECK(e.library().find_object(slot_id(5), object_handle(72)) == nullptr);
  CHECK(e.library().find_past(object_handle(72)) != nullptr);
}

TEST_CASE("memory does not grow with handles that are new each time") {
  tape_story s;
  begin(s);
  const ended small(s);
  model::recorded_process in;
  CHECK(model::recorded_process::most_objects >= 1000);
  tape_story many;
  begin(many);
  for (u64 i = 0; i < 400; ++i) {
    std::vector<u64> found;
    for (u64 j = 0; j < 250; ++j) found.push_back(1000 + i * 250 + j);
    many.find(1, CKO_DATA, "", "", found);
  }
  CHECK(ended(many).library().objects.size() <= model::recorded_process::most_objects);
}

}  // namespace
}  // namespace p11tape::test
