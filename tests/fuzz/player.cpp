// SPDX-License-Identifier: Apache-2.0
// Damaged tapes in the player, which answers calls from them: an answer is a return value, and nothing outside of the caller's
// buffers is written.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>

#include "arrange.hpp"
#include "player/player.hpp"
#include "tapes.hpp"

namespace {

using namespace p11tape;
using cryptoki::function;

constexpr const char* help =
    "Usage: fuzz_player [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Plays damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

// Calls as a client makes them: first those that most others need.
void play(std::mt19937_64& random) {
  player::player p;
  constexpr function beginning[] = {function::C_Initialize, function::C_GetSlotList,     function::C_OpenSession,
                                    function::C_Login,      function::C_FindObjectsInit, function::C_FindObjects};
  constexpr int calls = 40;
  for (int n = 0; n < calls; ++n) {
    const auto f = n < static_cast<int>(std::size(beginning))
                       ? beginning[n]
                       : static_cast<function>(random() % cryptoki::function_count);
    const bool lists = f == function::C_GetFunctionList || f == function::C_GetInterfaceList ||
                       f == function::C_GetInterface || f == function::C_WaitForSlotEvent;
    if (lists) continue;  // answered elsewhere, or it waits
    test::arranger arranger(random());
    auto words = arranger.arguments(f);
    // Handles and slots of a tape are small numbers.
    const auto row = cryptoki::row(f).arguments;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i].kind == cryptoki::shape::number && row[i].name != "flags" && !row[i].name.ends_with("Len") &&
          !row[i].name.ends_with("Count") && random() % 2 == 0)
        words[i] = random() % 4;
    p.answer(f, words.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto prepare = [](const fuzz::options& o, const std::string& path) {
    setenv("P11TAPE_PLAY", path.c_str(), 1);
    // What the player says of each tape is of interest only if one trial is repeated.
    if (!o.single) dup2(open("/dev/null", O_WRONLY), 2);
  };
  return fuzz::run_on_tapes(argc, argv,
                            {.help = help,
                             .profile = "payload",
                             .prepare = prepare,
                             .trial = [](const std::string&, std::mt19937_64& random) {
                               try {
                                 play(random);
                               } catch (const std::exception&) {
                                 // The module turns it into CKR_GENERAL_ERROR.
                               }
                               return std::string();
                             }});
}
