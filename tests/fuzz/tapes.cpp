// SPDX-License-Identifier: Apache-2.0
#include "tapes.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "mutate.hpp"
#include "recorded.hpp"

namespace p11tape::fuzz {
namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int run_on_tapes(int argc, char** argv, const tape_fuzzer& what) {
  const auto o = parse(argc, argv, what.help);
  std::vector<std::string> corpus;
  for (const auto& file : o.files) corpus.push_back(contents(file));
  if (corpus.empty()) corpus = test::tapes_of_every_function(what.profile);
  std::erase(corpus, std::string());
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: there is no tape to begin with\n", argv[0]);
    return 2;
  }
  // In memory, under a name that can be opened.
  const int file = memfd_create("p11tape-fuzz", 0);
  const auto path = "/proc/self/fd/" + std::to_string(file);
  return run(
      o, argv[0], [&] { what.prepare(o, path); },
      [&](std::mt19937_64& random) -> std::string {
        auto bytes = corpus[random() % corpus.size()];
        mutate(bytes, random);
        if (ftruncate(file, 0) != 0 ||
            pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
          return "cannot write the tape";
        return what.trial(path, random);
      });
}

}  // namespace p11tape::fuzz
