// SPDX-License-Identifier: Apache-2.0
// Damaged tapes: a replay makes what it can of them and comes to an end; neither it nor the module is hurt.
#include "mutate.hpp"
#include "recorded.hpp"
#include "support.hpp"

namespace p11tape::replay_tests {
namespace {

const std::string& whole() {
  static const std::string bytes = test::tapes_of_every_function("payload").at(0);
  REQUIRE(bytes.size() > 4096);
  return bytes;
}

// False where it is no tape at all.
bool replays(const std::string& bytes) {
  replay::choice bold;
  bold.allow_writes = bold.allow_failed_logins = true;
  std::unique_ptr<planned> p;
  try {
    p = std::make_unique<planned>(bytes, bold);
  } catch (const tape::tape_error&) {
    return false;
  }
  replay::results out(p->plan.steps.size());
  auto how = on_mock();
  how.go_on = true;
  if (p->plan.lanes > 64) how.one_thread = true;
  const auto end = replay::replay(p->plan, how, out);
  for (std::size_t i = 0; i < out.size() && !end.finished; ++i)
    if (out[i].is == outcome::running) UNSCOPED_INFO("in " << p->plan.steps[i].call.function->name);
  CHECK(end.signal == 0);
  CHECK(end.finished);
  return true;
}

}  // namespace

TEST_CASE("a call of every function") {
  planned p(whole());
  std::size_t made = 0;
  for (const auto& s : p.plan.steps) made += !s.why;
  INFO(p.plan.steps.size() << " calls on the tape");
  CHECK(made > 15);
  CHECK(replays(whole()));
}

TEST_CASE("tapes that are cut at many bytes") {
  const auto& bytes = whole();
  const auto step = std::max<std::size_t>(1, bytes.size() / 80);
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    INFO("cut at " << size);
    replays(bytes.substr(0, size));
  }
}

TEST_CASE("tapes with flipped bytes") {
  std::mt19937_64 random(20261121);
  for (int i = 0; i < 150; ++i) {
    INFO("trial " << i);
    auto bytes = whole();
    fuzz::mutate(bytes, random);
    replays(bytes);
  }
  // Where calls are, and nothing else.
  std::uniform_int_distribution<std::size_t> place(whole().size() / 2, whole().size() - 1);
  for (int i = 0; i < 150; ++i) {
    INFO("flip " << i);
    auto bytes = whole();
    for (int n = 0; n < 6; ++n) bytes[place(random)] = static_cast<char>(random());
    replays(bytes);
  }
}

}  // namespace p11tape::replay_tests
