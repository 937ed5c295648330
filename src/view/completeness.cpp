// SPDX-License-Identifier: Apache-2.0
#include "view/completeness.hpp"

#include <filesystem>
#include <numeric>

#include "text/phrase.hpp"

namespace p11tape::view {

namespace fs = std::filesystem;

std::string program_of(const tape::reader& tape) {
  if (const auto name = tape.property("name"); !name.empty()) return std::string(name);
  const auto path = tape.property("program");
  return path.empty() ? "unknown program" : fs::path(path).filename().string();
}

std::vector<std::string> losses_of(const tape::reader& tape) {
  using tape::counter;
  constexpr struct {
    counter which;
    const char* one;
    const char* many;
  } sentences[] = {
      {counter::no_space, "call was not recorded for lack of space", "calls were not recorded for lack of space"},
      {counter::interrupted, "call was not recorded: a signal handler made it while it interrupted the recorder",
       "calls were not recorded: signal handlers made them while they interrupted the recorder"},
      {counter::orphan_results, "result was not recorded: its call began before a fork, in the parent",
       "results were not recorded: their calls began before a fork, in the parent"},
      {counter::shortened, "record was shortened because it was too large",
       "records were shortened because they were too large"},
      {counter::overwritten_chunks, "piece of the tape was overwritten by newer calls",
       "pieces of the tape were overwritten by newer calls"},
      {counter::loops, "call was refused: the module leads back to the recorder in an endless loop",
       "calls were refused: the module leads back to the recorder in an endless loop"},
      {counter::switched_off, "call was made while recording was switched off",
       "calls were made while recording was switched off"},
  };
  std::vector<std::string> all;
  for (const auto& s : sentences)
    if (const auto n = tape.counter(s.which); n != 0) all.push_back(text::counted(n, s.one, s.many));
  switch (static_cast<tape::stop_reason>(tape.header().stopped)) {
    case tape::stop_reason::none:
      break;
    case tape::stop_reason::no_space:
      all.emplace_back("recording ended early: there was no space left");
      break;
    case tape::stop_reason::full:
      all.emplace_back("recording ended early: the tape had reached its limit");
      break;
    case tape::stop_reason::cannot_grow:
      all.emplace_back("recording ended early: the file could not be grown");
      break;
    case tape::stop_reason::switched_off:
      all.emplace_back("recording was switched off");
      break;
    default:
      all.emplace_back("recording ended early, for a reason that a newer version knows");
      break;
  }
  return all;
}

std::vector<std::string> damages_of(const tape::reader& tape) {
  const auto& d = tape.damage();
  std::vector<std::string> all = d.notes;
  if (d.skipped_bytes) all.push_back(text::counted(d.skipped_bytes, "byte", "bytes") + " of the file make no sense");
  if (d.cut_chunks)
    all.push_back(text::counted(d.cut_chunks, "piece", "pieces") + " of the tape are cut off: the file is too short");
  if (d.bad_records)
    all.push_back(text::counted(d.bad_records, "record is damaged", "records are damaged") +
                  "; what came behind in the same piece is lost");
  // In a ring they were overwritten, which losses_of() tells.
  if (d.missing_records && tape.counter(tape::counter::overwritten_chunks) == 0)
    all.push_back(text::counted(d.missing_records, "record is", "records are") + " missing");
  if (d.lost_parts)
    all.push_back(text::counted(d.lost_parts, "large record is not whole", "large records are not whole"));
  if (d.overwritten)
    all.push_back(text::counted(d.overwritten, "piece was", "pieces were") +
                  " overwritten by the recorder while this was read");
  return all;
}

tape::u64 filtered_calls(const tape::reader& tape) {
  const auto& f = tape.header().filtered;
  return std::accumulate(std::begin(f), std::end(f), tape::u64{0});
}

}  // namespace p11tape::view
