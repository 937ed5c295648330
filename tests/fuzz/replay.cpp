// SPDX-License-Identifier: Apache-2.0
// Damaged tapes in the replay: planned, and made on a module that takes no interest in its arguments.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "mutate.hpp"
#include "recorded.hpp"
#include "replay/replay.hpp"
#include "trials.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_replay [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Replays damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replay_once(const std::string& path, std::mt19937_64& random) {
  const tape::reader tape(path);
  replay::choice what;
  what.allow_writes = what.allow_failed_logins = random() % 2 == 0;
  const auto plan = replay::make_plan(tape, what);
  replay::results out(plan.steps.size());
  replay::settings how;
  how.module = P11TAPE_TEST_MOCK;
  how.go_on = true;
  how.one_thread = random() % 2 == 0;
  how.has_user_pin = true;
  how.user_pin = "1234";
  how.patience = std::chrono::seconds(10);
  const auto end = replay::replay(plan, how, out);
  if (end.hung) return "a call hangs";
  if (end.signal != 0) return "the replay died of signal " + std::to_string(end.signal);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto o = fuzz::parse(argc, argv, help);
  std::vector<std::string> corpus;
  for (const auto& file : o.files) corpus.push_back(contents(file));
  if (corpus.empty()) corpus = test::tapes_of_every_function("payload");
  std::erase(corpus, std::string());
  if (corpus.empty()) {
    std::fputs("fuzz_replay: there is no tape to begin with\n", stderr);
    return 2;
  }
  const int file = memfd_create("p11tape-fuzz", 0);
  const auto path = "/proc/self/fd/" + std::to_string(file);
  return fuzz::run(
      o, argv[0], [] {},
      [&](std::mt19937_64& random) -> std::string {
        auto bytes = corpus[random() % corpus.size()];
        fuzz::mutate(bytes, random);
        if (ftruncate(file, 0) != 0 ||
            pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
          return "cannot write the tape";
        try {
          return replay_once(path, random);
        } catch (const std::runtime_error&) {
          return {};  // a reason: that is an answer too
        }
      });
}
