// SPDX-License-Identifier: Apache-2.0
// Damaged tapes in the replay: planned, and made on a module that takes no interest in its arguments.

#include "replay/replay.hpp"
#include "tapes.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_replay [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Replays damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

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
  return fuzz::run_on_tapes(argc, argv,
                            {.help = help,
                             .profile = "payload",
                             .trial = [](const std::string& path, std::mt19937_64& random) -> std::string {
                               try {
                                 return replay_once(path, random);
                               } catch (const std::runtime_error&) {
                                 return {};  // a reason: that is an answer too
                               }
                             }});
}
