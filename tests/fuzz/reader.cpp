// SPDX-License-Identifier: Apache-2.0
// Damaged tapes through all that reads them: the answer is always a result or a reason.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "model/call_stream.hpp"
#include "mutate.hpp"
#include "p11tape/tape.hpp"
#include "recorded.hpp"
#include "render/render.hpp"
#include "trials.hpp"
#include "view/view.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_reader [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Reads and renders damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The text that is rendered from a tape, bounded: who reads millions of calls asks for them.
std::size_t read_all(const std::string& path, bool json) {
  constexpr unsigned most_calls = 3000;
  const tape::reader tape(path);
  const std::string program(tape.property("name"));
  model::call_stream stream(tape);
  std::string text;
  std::size_t size = 0;
  for (unsigned n = 0; n < most_calls; ++n) {
    const auto* const call = stream.next();
    if (call == nullptr) break;
    const auto view = view::view_of(*call, program, false);
    text.clear();
    json ? render::append_json(view, {}, text) : render::append_text(view, {}, text);
    size += text.size();
  }
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  const auto o = fuzz::parse(argc, argv, help);
  std::vector<std::string> corpus;
  for (const auto& file : o.files) corpus.push_back(contents(file));
  if (corpus.empty()) corpus = test::tapes_of_every_function("default");
  std::erase(corpus, std::string());
  if (corpus.empty()) {
    std::fputs("fuzz_reader: there is no tape to begin with\n", stderr);
    return 2;
  }
  // In memory, under a name that the reader can open.
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
          // Each call renders to some KiB at most: more means that a length was believed that should not have been.
          if (read_all(path, random() % 2 == 0) > (std::size_t{256} << 20)) return "the text is far too long";
        } catch (const tape::tape_error&) {
          // A reason: that is an answer too.
        } catch (const std::exception& e) {
          return std::string("an exception got out: ") + e.what();
        }
        return {};
      });
}
