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

std::string_view profile_of(const tape::reader& tape) noexcept {
  switch (static_cast<tape::profile>(tape.header().profile)) {
    case tape::profile::standard:
      return "default";
    case tape::profile::strict:
      return "strict";
    case tape::profile::payload:
      return "payload";
  }
  return {};
}

namespace {

// ", a log that does not show how long calls took and which thread made them"
std::string not_shown(tape::u64 lacking) {
  constexpr struct {
    tape::u64 bit;
    const char* what;
  } words[] = {
      {tape::lacks_start_times, "when calls began"},
      {tape::lacks_end_times, "how long calls took"},
      {tape::lacks_threads, "which thread made a call"},
      {tape::lacks_process_id, "the process id"},
      {tape::lacks_inputs, "most arguments"},
      {tape::lacks_outputs, "what calls returned besides their result"},
      {tape::lacks_failed_outputs, "what calls that failed returned"},
      {tape::lacks_pin_facts, "anything about PINs"},
      {tape::lacks_calls, "all calls"},
  };
  std::vector<std::string> all;
  for (const auto& w : words)
    if ((lacking & w.bit) != 0 && (w.bit != tape::lacks_failed_outputs || (lacking & tape::lacks_outputs) == 0))
      all.emplace_back(w.what);
  return all.empty() ? "" : ", a log that does not show " + text::listed(all, all.size());
}

}  // namespace

std::string imported_from(const tape::reader& tape) {
  const auto tool = tape.property("imported.from");
  if (tool.empty()) return {};
  const auto file = tape.property("imported.file");
  return std::string(tool) + (file.empty() ? "" : " (" + std::string(file) + ")");
}

std::vector<std::string> losses_of(const tape::reader& tape) {
  using tape::counter;
  constexpr struct {
    counter which;
    const char* one;
    const char* many;
  } sentences[] = {
      {counter::no_space, "call was not recorded because there was no space",
       "calls were not recorded because there was no space"},
      {counter::interrupted, "call was not recorded because a signal handler made it while interrupting the recorder",
       "calls were not recorded because signal handlers made them while interrupting the recorder"},
      {counter::orphan_results, "result was not recorded because its call began in the parent process, before a fork",
       "results were not recorded because their calls began in the parent process, before a fork"},
      {counter::shortened, "record was truncated because it was too large",
       "records were truncated because they were too large"},
      {counter::overwritten_chunks, "chunk of the tape was overwritten by newer calls",
       "chunks of the tape were overwritten by newer calls"},
      {counter::loops, "call was refused because the module calls the recorder in an endless loop",
       "calls were refused because the module calls the recorder in an endless loop"},
      {counter::switched_off, "call was made while recording was switched off",
       "calls were made while recording was switched off"},
  };
  std::vector<std::string> all;
  if (const auto source = imported_from(tape); !source.empty())
    all.push_back("imported from " + source + not_shown(tape.header().source_lacks));
  for (const auto& s : sentences)
    if (const auto n = tape.counter(s.which); n != 0) all.push_back(text::counted(n, s.one, s.many));
  switch (static_cast<tape::stop_reason>(tape.header().stopped)) {
    case tape::stop_reason::none:
      break;
    case tape::stop_reason::no_space:
      all.emplace_back("recording stopped early: no space left");
      break;
    case tape::stop_reason::full:
      all.emplace_back("recording stopped early: the tape reached its limit");
      break;
    case tape::stop_reason::cannot_grow:
      all.emplace_back("recording stopped early: the file could not be extended");
      break;
    case tape::stop_reason::switched_off:
      all.emplace_back("recording was switched off");
      break;
    default:
      all.emplace_back("recording stopped early, for a reason unknown to this version");
      break;
  }
  return all;
}

std::vector<std::string> damages_of(const tape::reader& tape) {
  const auto& d = tape.damage();
  std::vector<std::string> all = d.notes;
  if (d.skipped_bytes) all.push_back(text::counted(d.skipped_bytes, "byte", "bytes") + " of the file are not valid");
  if (d.cut_chunks)
    all.push_back(text::counted(d.cut_chunks, "piece", "pieces") + " of the tape are missing: the file is truncated");
  if (d.bad_records)
    all.push_back(text::counted(d.bad_records, "record is damaged", "records are damaged") +
                  "; the rest of the same chunk is lost");
  // In a ring they were overwritten, which losses_of() tells.
  if (d.missing_records && tape.counter(tape::counter::overwritten_chunks) == 0)
    all.push_back(text::counted(d.missing_records, "record is", "records are") + " missing");
  if (d.lost_parts)
    all.push_back(text::counted(d.lost_parts, "large record is incomplete", "large records are incomplete"));
  if (d.overwritten)
    all.push_back(text::counted(d.overwritten, "chunk was", "chunks were") +
                  " overwritten by the recorder while the tape was read");
  return all;
}

tape::u64 filtered_calls(const tape::reader& tape) {
  const auto& f = tape.header().filtered;
  return std::accumulate(std::begin(f), std::end(f), tape::u64{0});
}

std::vector<std::string> missing_from(const tape::reader& tape) {
  auto all = losses_of(tape);
  if (const auto n = filtered_calls(tape); n != 0)
    all.push_back(
        text::counted(n, "call was left out by recording filters", "calls were left out by recording filters"));
  else if (tape.header().features & tape::feature_filtered)
    all.emplace_back("recording filters may have left calls out");
  for (auto& d : damages_of(tape)) all.push_back(std::move(d));
  return all;
}

bool is_complete(const tape::reader& tape) { return missing_from(tape).empty(); }

std::string completeness_of(const tape::reader& tape) {
  const auto missing = missing_from(tape);
  if (missing.empty()) return "COMPLETE: every call is on the tape";
  std::string out = "INCOMPLETE: ";
  for (std::size_t i = 0; i < missing.size(); ++i) (out += i == 0 ? "" : "; ") += missing[i];
  return out;
}

}  // namespace p11tape::view
