// SPDX-License-Identifier: Apache-2.0
// Damaged tapes through the diagnosis, the profile, the page and the query tables.

#include "p11tape/tape.hpp"
#include "profile/report.hpp"
#include "query/engine/database.hpp"
#include "query/model.hpp"
#include "query/named.hpp"
#include "report/report.hpp"
#include "tapes.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_analyser [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Diagnoses, profiles and queries damaged copies of the tapes; without tapes, of one that holds a call of every\n"
    "function.\n";

// A tape of some hundred calls is worth some hundred KiB of text.
constexpr std::size_t most_text = std::size_t{64} << 20;

std::size_t diagnosed_and_profiled(const tape::reader& tape, std::mt19937_64& random) {
  const tape::reader* const tapes[] = {&tape};
  const auto all = profile::measure_all(tapes, report::wanted_for_page(1));
  std::string text;
  switch (random() % 5) {
    case 0:
      diagnose::append_text(all.findings, {.all = all.processes, .set = {}, .log = {}, .verbose = true}, text);
      break;
    case 1:
      diagnose::append_json(all.findings, {.all = all.processes, .set = {}, .log = {}}, text);
      break;
    case 2:
      profile::append_text(all, text);
      break;
    case 3:
      profile::append_json(all, {}, text);
      break;
    default:
      report::append_page({.tapes = tapes, .measured = all, .set = {}}, text);
  }
  return text.size();
}

class counter final : public query::result_sink {
 public:
  void begin(const std::vector<std::string>& columns) override { size += columns.size(); }
  bool row(const std::vector<query::result_cell>& cells) override {
    for (const auto& c : cells) size += c.text.size();
    return size <= most_text;
  }
  std::size_t size = 0;
};

std::size_t queried(const tape::reader& tape, std::mt19937_64& random) {
  const tape::reader* const tapes[] = {&tape};
  query::database from(tapes);
  counter to;
  const auto named = query::named_queries();
  const auto tables = query::tables();
  if (random() % 2 == 0)
    from.run(std::string(named[random() % named.size()].sqlite), to);
  else
    from.run("SELECT * FROM " + std::string(tables[random() % tables.size()].name), to);
  return to.size;
}

std::string analyse(const std::string& path, std::mt19937_64& random) {
  try {
    const tape::reader tape(path);
    const auto size = random() % 3 == 0 ? queried(tape, random) : diagnosed_and_profiled(tape, random);
    return size > most_text ? "the text is far too long" : "";
  } catch (const tape::tape_error&) {
    return {};  // a reason: that is an answer too
  } catch (const std::exception& e) {
    return std::string("an exception got out: ") + e.what();
  }
}

}  // namespace

int main(int argc, char** argv) {
  return fuzz::run_on_tapes(argc, argv, {.help = help, .profile = "payload", .trial = analyse});
}
