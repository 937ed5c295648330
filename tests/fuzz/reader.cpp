// SPDX-License-Identifier: Apache-2.0
// Damaged tapes through all that reads them: the answer is always a result or a reason.

#include "model/call_stream.hpp"
#include "p11tape/tape.hpp"
#include "render/render.hpp"
#include "tapes.hpp"
#include "view/view_of_call.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_reader [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Reads and renders damaged copies of the tapes; without tapes, of one that holds a call of every function.\n";

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
  return fuzz::run_on_tapes(argc, argv,
                            {.help = help,
                             .profile = "default",
                             .trial = [](const std::string& path, std::mt19937_64& random) -> std::string {
                               try {
                                 // Each call renders to some KiB at most: more means that a length was believed that should not have been.
                                 if (read_all(path, random() % 2 == 0) > (std::size_t{256} << 20))
                                   return "the text is far too long";
                               } catch (const tape::tape_error&) {
                                 // A reason: that is an answer too.
                               } catch (const std::exception& e) {
                                 return std::string("an exception got out: ") + e.what();
                               }
                               return {};
                             }});
}
