// SPDX-License-Identifier: Apache-2.0
// Damaged tapes through all that analyses tapes: diagnosis, profile, page, query, export, diff and scrub.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "diff/report.hpp"
#include "export/formats.hpp"
#include "p11tape/tape.hpp"
#include "profile/report.hpp"
#include "query/engine/database.hpp"
#include "query/model.hpp"
#include "query/named.hpp"
#include "report/report.hpp"
#include "scrub/copy.hpp"
#include "tapes.hpp"

namespace {

using namespace p11tape;

constexpr const char* help =
    "Usage: fuzz_analyser [--seconds N] [--seed N | --only N] [TAPE...]\n"
    "Diagnoses, profiles, queries, exports, compares and scrubs damaged copies of the tapes; without tapes, of one that\n"
    "holds a call of every function.\n";

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

std::size_t exported(const tape::reader& tape, std::mt19937_64& random) {
  const tape::reader* const tapes[] = {&tape};
  const auto formats = exporting::formats();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> to(std::tmpfile(), std::fclose);
  if (to == nullptr) throw std::runtime_error("no temporary file can be made");
  formats[random() % formats.size()].write(std::span(tapes), {}, to.get());
  return static_cast<std::size_t>(std::ftell(to.get()));
}

// With another copy of it: what is compared must be found in both.
std::size_t compared(const tape::reader& tape, const std::string& path, std::mt19937_64& random) {
  const tape::reader again(path);
  const auto found = diff::compare_tapes(tape, again, 10000, [](tape::u64) {});
  std::string text;
  const diff::diff_context around{.a = &tape, .b = &again};
  random() % 2 == 0 ? diff::append_diff_text(found, around, text) : diff::append_diff_json(found, around, text);
  return text.size();
}

// The copy can be read, and its records are whole. Its header and its schema are the damaged ones.
std::string scrubbed(const tape::reader& tape, std::mt19937_64& random) {
  const std::string to = std::filesystem::temp_directory_path() / ("p11tape-fuzz-" + std::to_string(getpid()));
  const std::unique_ptr<const char, int (*)(const char*)> removed(to.c_str(), unlink);
  scrub::write_copy(tape, to, random() % scrub::profiles.size());
  const tape::reader copy(to);
  for (std::size_t t = 0; t < copy.threads().size(); ++t)
    for (auto [records, r] = std::pair(copy.records(t), tape::record_view()); records.next(r);) continue;
  const auto& d = copy.damage();
  const bool damaged = (d.skipped_bytes | d.cut_chunks | d.bad_records | d.lost_parts) != 0;
  return damaged ? "the scrubbed copy is damaged" : "";
}

std::string analyse(const std::string& path, std::mt19937_64& random) {
  try {
    const tape::reader tape(path);
    std::size_t size = 0;
    switch (random() % 8) {
      case 0:
        size = queried(tape, random);
        break;
      case 1:
        size = exported(tape, random);
        break;
      case 2:
        size = compared(tape, path, random);
        break;
      case 3:
        return scrubbed(tape, random);
      default:
        size = diagnosed_and_profiled(tape, random);
    }
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
