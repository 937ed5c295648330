#include "cli/tapes.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <set>

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> tapes_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error))
    if (i->path().extension() == ".p11tape") found.push_back(i->path().string());
  if (error) throw tape::tape_error(folder + " cannot be read: " + error.message());
  if (found.empty()) throw tape::tape_error(folder + " holds no tape (no file named *.p11tape)");
  std::sort(found.begin(), found.end());
  return found;
}

std::string counted(tape::u64 n, const std::string& one, const std::string& many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

}  // namespace

std::vector<const tape::reader*> open_tapes::readers() const {
  std::vector<const tape::reader*> all;
  for (const auto& t : tapes) all.push_back(t.get());
  return all;
}

open_tapes open(const std::vector<std::string>& paths) {
  open_tapes result;
  std::set<fs::path> seen;
  const auto open_one = [&](const std::string& path) {
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (!error && !seen.insert(real).second) return;
    try {
      result.tapes.push_back(std::make_unique<tape::reader>(path));
    } catch (const tape::tape_error& e) {
      result.troubles.emplace_back(e.what());
    }
  };
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      open_one(path);
      continue;
    }
    try {
      for (const auto& tape : tapes_in(path)) open_one(tape);
    } catch (const tape::tape_error& e) {
      result.troubles.emplace_back(e.what());
    }
  }
  return result;
}

void report(const open_tapes& tapes) {
  for (const auto& t : tapes.troubles) std::fprintf(stderr, "p11tape: %s\n", t.c_str());
}

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
    if (const auto n = tape.counter(s.which); n != 0) all.push_back(counted(n, s.one, s.many));
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
  if (d.skipped_bytes) all.push_back(counted(d.skipped_bytes, "byte", "bytes") + " of the file make no sense");
  if (d.cut_chunks)
    all.push_back(counted(d.cut_chunks, "piece", "pieces") + " of the tape are cut off: the file is too short");
  if (d.bad_records)
    all.push_back(counted(d.bad_records, "record is damaged", "records are damaged") +
                  "; what came behind in the same piece is lost");
  // In a ring they were overwritten, which losses_of() tells.
  if (d.missing_records && tape.counter(tape::counter::overwritten_chunks) == 0)
    all.push_back(counted(d.missing_records, "record is", "records are") + " missing");
  if (d.lost_parts) all.push_back(counted(d.lost_parts, "large record is not whole", "large records are not whole"));
  if (d.overwritten)
    all.push_back(counted(d.overwritten, "piece was", "pieces were") +
                  " overwritten by the recorder while this was read");
  return all;
}

void append_losses(const open_tapes& all, std::string& out) {
  for (const auto& t : all.tapes)
    for (const auto& lists : {losses_of(*t), damages_of(*t)})
      for (const auto& line : lists)
        out += "# " + (all.tapes.size() > 1 ? t->path() + ": " : std::string()) + line + "\n";
}

tape::u64 filtered_calls(const tape::reader& tape) {
  const auto& f = tape.header().filtered;
  return std::accumulate(std::begin(f), std::end(f), tape::u64{0});
}

}  // namespace p11tape::cli
