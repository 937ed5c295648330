// SPDX-License-Identifier: Apache-2.0
// Damaged tapes in the player, which answers calls from them: an answer is a return value, and nothing outside of the caller's
// buffers is written.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "arrange.hpp"
#include "mutate.hpp"
#include "player/player.hpp"
#include "recorded.hpp"
#include "trials.hpp"

namespace {

using namespace p11tape;
using cryptoki::function;

constexpr const char* help =
    "Usage: fuzz_player [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Plays damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

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
  const auto o = fuzz::parse(argc, argv, help);
  std::vector<std::string> corpus;
  for (const auto& file : o.files) corpus.push_back(contents(file));
  if (corpus.empty()) corpus = test::tapes_of_every_function("payload");
  std::erase(corpus, std::string());
  if (corpus.empty()) {
    std::fputs("fuzz_player: there is no tape to begin with\n", stderr);
    return 2;
  }
  const int file = memfd_create("p11tape-fuzz", 0);
  setenv("P11TAPE_PLAY", ("/proc/self/fd/" + std::to_string(file)).c_str(), 1);
  // What the player says of each tape is of interest only if one trial is repeated.
  const auto prepare = [&] {
    if (!o.single) dup2(open("/dev/null", O_WRONLY), 2);
  };
  return fuzz::run(o, argv[0], prepare, [&](std::mt19937_64& random) -> std::string {
    auto bytes = corpus[random() % corpus.size()];
    fuzz::mutate(bytes, random);
    if (ftruncate(file, 0) != 0 || pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      return "cannot write the tape";
    try {
      play(random);
    } catch (const std::exception&) {
      // The module turns it into CKR_GENERAL_ERROR.
    }
    return {};
  });
}
