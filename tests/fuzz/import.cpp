// SPDX-License-Identifier: Apache-2.0
// Damaged logs through all readers: the answer is always a whole tape, or none.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "import/import.hpp"
#include "import/tapes.hpp"
#include "model/call_stream.hpp"
#include "mutate.hpp"
#include "render/render.hpp"
#include "trials.hpp"
#include "view/view_of_call.hpp"

namespace {

using namespace p11tape;
namespace fs = std::filesystem;

constexpr const char* help =
    "Usage: fuzz_import [--seconds N] [--seed N | --only N] [LOG...]\n"
    "Imports damaged copies of the logs; without logs, of those of the tests.\n";

std::vector<std::string> lines_of(const std::string& log) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < log.size();) {
    const auto end = std::min(log.find('\n', at), log.size());
    lines.push_back(log.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The beginning of one line with the end of another: what one call says is said in another one.
std::string spliced(const std::string& beginning, const std::string& end, std::mt19937_64& random) {
  const std::string between[] = {": ", " ", "=", "] "};
  const auto& mark = between[random() % std::size(between)];
  const auto head = beginning.find(mark, random() % (beginning.size() + 1)), tail = end.rfind(mark);
  if (head == std::string::npos || tail == std::string::npos) return beginning;
  return beginning.substr(0, head) + end.substr(tail);
}

// Lines leave, come twice, come from another log, are cut in two or put together; then bytes change.
std::string damaged(const std::vector<std::string>& corpus, std::mt19937_64& random) {
  const auto any = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  auto lines = lines_of(corpus[any(corpus.size())]);
  const auto other = lines_of(corpus[any(corpus.size())]);
  for (auto changes = 1 + any(12); changes > 0 && !lines.empty(); --changes) {
    const auto at = any(lines.size());
    const auto place = lines.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 8) {
      case 0:
        lines.erase(place);
        break;
      case 1:
        lines.insert(place, lines[any(lines.size())]);
        break;
      case 2:
        if (!other.empty()) lines.insert(place, other[any(other.size())]);
        break;
      case 3:
        std::swap(lines[at], lines[any(lines.size())]);
        break;
      case 4:
        place->resize(any(place->size() + 1));
        break;
      case 5:
        *place = spliced(*place, lines[any(lines.size())], random);
        break;
      case 6:
        place->insert(any(place->size() + 1), std::to_string(random()));
        break;
      default:
        *place = "> " + *place;
    }
  }
  std::string log;
  const char* const ends[] = {"\n", "\r\n"};
  const char* const end = ends[any(8) == 0];
  for (const auto& line : lines) log += line + end;
  if (any(2) == 0) fuzz::mutate(log, random);
  return log;
}

std::string trial(const std::vector<std::string>& corpus, const std::string& folder, std::mt19937_64& random) {
  auto input = import::input::of_text(damaged(corpus, random));
  const auto kinds = import::log_kinds();
  const auto* wanted = random() % 4 == 0 ? &kinds[random() % kinds.size()] : nullptr;
  import::importer log(input, wanted);
  if (log.kind() == nullptr) return {};
  import::tapes made({folder, "log", "log", log.kind(), log.word_size()});
  std::string cleaned;
  const auto result = log.read(made, [&](std::string_view line, bool) { cleaned += line; });
  made.finish(result.facts);
  u_int64_t found = 0;
  std::string trouble;
  for (const auto& path : made.paths()) {
    const tape::reader tape(path);
    model::call_stream calls(tape);
    std::string text;
    while (const auto* call = calls.next()) {
      ++found;
      text.clear();
      render::append_text(view::view_of(*call, "program", false), {}, text);
    }
    if (tape.damage().any()) trouble = "an imported tape is damaged";
    fs::remove(path);
  }
  if (trouble.empty() && found != made.calls()) trouble = "a call of the log is not on the tape";
  return trouble;
}

}  // namespace

int main(int argc, char** argv) {
  const auto o = fuzz::parse(argc, argv, help);
  std::vector<std::string> corpus;
  const auto add = [&](const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  };
  for (const auto& file : o.files) add(file);
  if (corpus.empty())
    for (const auto* logs : {"/reports/logs", "/reports/held_out", "/import/logs"})
      for (const auto& e : fs::directory_iterator(P11TAPE_TESTS + std::string(logs))) add(e.path());
  std::sort(corpus.begin(), corpus.end());
  std::string folder = fs::temp_directory_path() / "p11tape-fuzz-import-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const int result = fuzz::run(
      o, "fuzz_import", [] {}, [&](std::mt19937_64& random) { return trial(corpus, folder, random); });
  fs::remove_all(folder);
  return result;
}
