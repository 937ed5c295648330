// SPDX-License-Identifier: Apache-2.0
// What is made, what is left out, and what handles mean.
#include "support.hpp"

namespace p11tape::replay_tests {
namespace {

void login(test::chunk_builder& c, test::u32 call, CK_RV rv) {
  c.enter("C_Login", call).words({7, CKU_USER, 5, 8}).pin_item(2, 8, 0, 1);
  c.leave("C_Login", call, rv);
}

replay::skip_reason why(const planned& p, std::size_t i) { return p.plan.steps.at(i).why; }

}  // namespace

TEST_CASE("a handle that is used again is another session") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  open_session(c, 3, 8);
  close_session(c, 4, 7);
  open_session(c, 5, 7);
  close_session(c, 6, 8);
  close_session(c, 7, 7);
  close_session(c, 8, 7, CKR_SESSION_HANDLE_INVALID);
  const planned p(tape);
  REQUIRE(p.plan.steps.size() == 8);
  CHECK(p.plan.steps[1].opens != p.plan.steps[4].opens);
  CHECK(p.plan.steps[3].uses[0].thing == p.plan.steps[1].opens);
  CHECK(p.plan.steps[6].uses[0].thing == p.plan.steps[4].opens);
  mock_in_this_process("sessions");
  replay::results out(p.plan.steps.size());
  CHECK(run_here(p, out));
  for (std::size_t i = 0; i < out.size(); ++i) {
    INFO(i << ' ' << difference(out, i));
    CHECK(out[i].is == outcome::same);
  }
}

TEST_CASE("a call is made only if the tape describes its function as this program does") {
  const auto reason_by = [](std::string_view from, std::string_view to, const replay::choice& how = {}) {
    tape_builder tape;
    const auto at = tape.schema.find(from);
    REQUIRE(at != std::string::npos);
    tape.schema.replace(at, from.size(), to);
    auto& c = tape.chunk();
    initialize(c, 1);
    open_session(c, 2, 7);
    c.enter("C_SetPIN", 3).words({7, 0, 4, 0, 4});
    c.leave("C_SetPIN", 3, CKR_OK);
    return why(planned(tape, how), 2).what;
  };
  replay::choice bold;
  bold.allow_writes = true;
  constexpr std::string_view row = "F C_SetPIN v2_40 login set_pin\n";
  CHECK(reason_by(row, row) == reason::write);
  CHECK(reason_by(row, row, bold) == reason::none);
  // Another effect would hide that it writes.
  CHECK(reason_by(row, "F C_SetPIN v2_40 login none\n", bold) == reason::not_described);
  CHECK(reason_by(row, "F C_SetPIN v2_40 session set_pin\n", bold) == reason::not_described);
  CHECK(reason_by(row, "F C_SetNIP v2_40 login set_pin\n", bold) == reason::not_described);
  const auto with_argument = std::string(row) + " CK_ULONG ulExtra\n";
  CHECK(reason_by(row, with_argument, bold) == reason::not_described);
  // A type of the same name that means something else: an address on the tape would be passed to the module.
  CHECK(reason_by("T CK_UTF8CHAR_PTR bytes ", "T CK_UTF8CHAR_PTR number ", bold) == reason::not_described);
  CHECK(reason_by("T CK_SESSION_HANDLE number session", "T CK_SESSION_HANDLE number object", bold) ==
        reason::not_described);
}

TEST_CASE("logins: refused ones are not repeated, and none is made without a PIN") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  login(c, 3, CKR_PIN_INCORRECT);
  login(c, 4, CKR_OK);
  const planned careful(tape);
  CHECK(why(careful, 2).what == reason::failed_login);
  CHECK(!why(careful, 3));
  mock_in_this_process("");
  auto how = on_mock();
  {
    replay::results out(4);
    CHECK(run_here(careful, out, how));
    CHECK(out[2].is == outcome::left_out);
    CHECK(out[3].is == outcome::same);
  }
  how.has_user_pin = false;
  {
    replay::results out(4);
    run_here(careful, out, how);
    CHECK(out[3].is == outcome::no_pin);
  }
  replay::choice bold;
  bold.allow_failed_logins = true;
  const planned careless(tape, bold);
  CHECK(!why(careless, 2));
  how.has_user_pin = true;
  {
    replay::results out(4);
    CHECK(run_here(careless, out, how));
    CHECK(out[2].is == outcome::same);
  }
  // A PIN that is refused now ends everything.
  how.user_pin = "wrong";
  how.go_on = true;
  {
    login(c, 5, CKR_USER_ALREADY_LOGGED_IN);
    const planned twice(tape);
    replay::results out(5);
    CHECK(!run_here(twice, out, how));
    CHECK(out[3].is == outcome::diverged);
    CHECK(out[4].is == outcome::pending);
  }
}

TEST_CASE("what changes a token is left out, with all that depends on it") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  const char yes[] = {1};
  const auto create = [&](test::u32 call, bool on_token, test::u64 handle) {
    test::body attributes;
    attributes.attribute_number(CKA_CLASS, CKO_DATA);
    if (on_token) attributes.attribute_bytes(CKA_TOKEN, {yes, 1});
    c.enter("C_CreateObject", call).words({7, 1, on_token ? 2u : 1u, 1}).template_item(1, attributes);
    c.leave("C_CreateObject", call, CKR_OK).number_item(3, handle);
  };
  const auto destroy = [&](test::u32 call, test::u64 handle) {
    c.enter("C_DestroyObject", call).words({7, handle});
    c.leave("C_DestroyObject", call, CKR_OK);
  };
  create(3, true, 100);
  create(4, false, 101);
  destroy(5, 100);
  destroy(6, 101);
  const planned p(tape);
  CHECK(why(p, 2).what == reason::write);
  CHECK(!why(p, 3));
  CHECK(why(p, 4).what == reason::depends);
  CHECK(why(p, 4).because == model::call_number(3));
  CHECK(!why(p, 5));
  replay::choice bold;
  bold.allow_writes = true;
  const planned all(tape, bold);
  for (std::size_t i = 0; i < 6; ++i) CHECK(!why(all, i));
}

TEST_CASE("an operation is made whole or not at all") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  // Decryption without its input; then a digest without its data, which is made up.
  c.enter("C_DecryptInit", 3).words({7, 1, 0}).mechanism_item(1, CKM_AES_CBC_PAD, 0);
  c.leave("C_DecryptInit", 3, CKR_OK);
  c.enter("C_Decrypt", 4).words({7, 5, 32, 1, 1}).number_item(4, 64);
  c.leave("C_Decrypt", 4, CKR_OK).number_item(4, 20);
  c.enter("C_DigestInit", 5).words({7, 1}).mechanism_item(1, CKM_SHA256, 0);
  c.leave("C_DigestInit", 5, CKR_OK);
  c.enter("C_Digest", 6).words({7, 5, 100, 1, 1}).number_item(4, 64);
  c.leave("C_Digest", 6, CKR_OK).number_item(4, 32);
  // And an update whose beginning nobody knows.
  c.enter("C_SignUpdate", 7).words({7, 5, 16});
  c.leave("C_SignUpdate", 7, CKR_OK);
  const planned p(tape);
  CHECK(why(p, 2).what == reason::depends);
  CHECK(why(p, 3).what == reason::withheld);
  CHECK(!why(p, 4));
  CHECK(!why(p, 5));
  CHECK(p.plan.steps[5].synthesised);
  CHECK(why(p, 6).what == reason::no_operation);
  mock_in_this_process("");
  replay::results out(p.plan.steps.size());
  CHECK(run_here(p, out));
  CHECK(out[5].is == outcome::same);
}

TEST_CASE("the first divergence ends the replay, unless it is to go on") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  close_session(c, 3, 7, CKR_DEVICE_ERROR);
  finalize(c, 4);
  const planned p(tape);
  mock_in_this_process("");
  replay::results out(4);
  CHECK(!run_here(p, out));
  CHECK(out[2].is == outcome::diverged);
  CHECK(difference(out, 2).find("CKR_DEVICE_ERROR") != std::string::npos);
  CHECK(out[3].is == outcome::pending);
  auto on = on_mock();
  on.go_on = true;
  replay::results all(4);
  CHECK(!run_here(p, all, on));
  CHECK(all[3].is == outcome::same);
}

TEST_CASE("a tape that begins in the middle") {
  tape_builder tape;
  auto& c = tape.chunk();
  close_session(c, 90, 5);
  open_session(c, 91, 7);
  close_session(c, 92, 7);
  const planned p(tape);
  CHECK(p.plan.begins_late);
  CHECK(why(p, 0).what == reason::unknown_session);
  mock_in_this_process("sessions");
  replay::results out(3);
  CHECK(run_here(p, out));
  CHECK(out[2].is == outcome::same);
}

TEST_CASE("a module that ends or hangs leaves the report, and the name of the call") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  close_session(c, 3, 7);
  const planned p(tape);
  auto how = on_mock();
  how.patience = std::chrono::seconds(1);
  for (const char* what : {"C_CloseSession:exit", "C_CloseSession:hang"}) {
    INFO(what);
    mock_in_this_process(what);  // as the child gets it
    replay::results out(3);
    const auto end = replay::replay(p.plan, how, out);
    CHECK(!end.finished);
    CHECK(end.hung == (std::string(what) == "C_CloseSession:hang"));
    CHECK(out[1].is == outcome::same);
    CHECK(out[2].is == outcome::running);
  }
  mock_in_this_process("");
}

TEST_CASE("as a load: every call of every round counts, and a refused PIN ends them all") {
  tape_builder tape;
  auto& c = tape.chunk();
  initialize(c, 1);
  open_session(c, 2, 7);
  login(c, 3, CKR_OK);
  close_session(c, 4, 7);
  finalize(c, 5);
  const planned p(tape);
  mock_in_this_process("");
  replay::results out(5, 1000);
  const auto end = replay::load(p.plan, on_mock(), 4, 3, out);
  CHECK(end.finished);
  CHECK(end.signal == 0);
  CHECK(out.head().rounds == 12);
  CHECK(out.head().bad_rounds == 0);
  CHECK(out.samples().size() == 60);

  auto wrong = on_mock();
  wrong.user_pin = "wrong";
  replay::results refused(5, 1000);
  replay::load(p.plan, wrong, 50, 1, refused);
  CHECK(refused.head().give_up);
  CHECK(refused.head().rounds == 1);
}

}  // namespace p11tape::replay_tests
