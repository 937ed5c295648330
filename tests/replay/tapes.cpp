// SPDX-License-Identifier: Apache-2.0
// Tapes that somebody has, replayed in this very process, so that sanitizers see the module, the replayer and its
// threads together. Hidden, because it needs them: P11TAPE_TEST_TAPES names a folder, P11TAPE_TEST_MODULE the module,
// and P11TAPE_TEST_PIN the PIN of its token.
#include <cstdlib>
#include <filesystem>

#include "support.hpp"

namespace p11tape::replay_tests {

TEST_CASE("tapes of clients", "[.tapes]") {
  const char* const folder = std::getenv("P11TAPE_TEST_TAPES");
  const char* const module = std::getenv("P11TAPE_TEST_MODULE");
  const char* const pin = std::getenv("P11TAPE_TEST_PIN");
  REQUIRE((folder != nullptr && module != nullptr && pin != nullptr));
  auto how = on_mock();
  how.module = module;
  how.user_pin = pin;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path());
    const tape::reader reader(entry.path());
    const auto plan = replay::make_plan(reader, {});
    replay::module m(module);
    REQUIRE(m.choose(plan.major, plan.minor).usable);
    replay::results out(plan.steps.size());
    CHECK(replay::runner(plan, how, m, out).run());
    CHECK(out.trouble().empty());
    for (std::size_t i = 0; i < out.size(); ++i)
      if (out[i].is == outcome::diverged)
        FAIL_CHECK("call " << i + 1 << ' ' << plan.steps[i].call.function->name << ": " << difference(out, i));
    ++count;
  }
  CHECK(count != 0);
}

}  // namespace p11tape::replay_tests
