// Damaged tapes: a replay makes what it can of them and comes to an end; neither it nor the module is hurt.
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "arrange.hpp"
#include "mock/call.hpp"
#include "mutate.hpp"
#include "support.hpp"

namespace p11tape::replay_tests {
namespace {

// A tape with a call of each function, recorded in a process of its own.
std::string record_all() {
  test::temporary_folder folder;
  const pid_t child = fork();
  if (child == 0) {
    setenv("P11TAPE_DIR", folder.path().c_str(), 1);
    setenv("P11TAPE_LIMIT", "1M", 1);
    setenv("P11TAPE_PROFILE", "payload", 1);
    setenv("P11TAPE_MODULE", P11TAPE_TEST_MOCK, 1);
    void* const shim = dlopen(P11TAPE_TEST_SHIM, RTLD_NOW);
    if (shim == nullptr) _exit(2);
    test::arranger a(1);
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<cryptoki::function>(i);
      if (f == cryptoki::function::C_Finalize || f == cryptoki::function::C_WaitForSlotEvent) continue;
      mock::call_address(mock::exported(shim, f), f, a.arguments(f));
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    std::ifstream in(entry.path(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
    std::filesystem::remove(entry.path());
  }
  return bytes;
}

const std::string& whole() {
  static const std::string bytes = record_all();
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
