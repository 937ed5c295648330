// SPDX-License-Identifier: Apache-2.0
#include "cli/support/tape_options.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "render/words.hpp"
#include "text/parse_time.hpp"
#include "text/phrase.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* shared_directory = "/var/tmp";

std::string safe(std::string_view path) {
  std::string out;
  render::append_safe(path, out);
  return out;
}

// The tapes in a directory that must belong to `owner`. What is not a regular file of that user is left out.
void add_tapes_of(const std::string& directory, ::uid_t owner, open_tapes& into) {
  const int at = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (at < 0) return;
  struct stat st {};
  DIR* all = ::fstat(at, &st) == 0 && st.st_uid == owner ? ::fdopendir(at) : nullptr;
  if (all == nullptr) {
    ::close(at);
    return;
  }
  while (const auto* entry = ::readdir(all)) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".p11tape")) continue;
    const int file = ::openat(at, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    const bool usable = ::fstat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == owner;
    if (usable) {
      try {
        into.tapes.push_back(std::make_unique<tape::reader>(directory + "/" + name, file));
        continue;  // the reader has the descriptor now
      } catch (const tape::tape_error& e) {
        into.troubles.emplace_back(e.what());
        continue;
      }
    }
    ::close(file);
  }
  ::closedir(all);
}

// The user of /var/tmp/p11tape-1000, or nothing.
bool owner_of(std::string_view name, ::uid_t& owner) {
  constexpr std::string_view prefix = "p11tape-";
  if (!name.starts_with(prefix) || name.size() == prefix.size() || name.size() > prefix.size() + 10) return false;
  std::uint64_t n = 0;
  for (const char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + static_cast<unsigned>(c - '0');
  }
  owner = static_cast<::uid_t>(n);
  return n <= 0xFFFFFFFFu;
}

std::uint64_t now() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

// A duration counts back from now.
std::uint64_t parse_since(const std::string& text) {
  if (const auto ns = text::parse_duration(text)) return now() > *ns ? now() - *ns : 0;
  // 23:50 is yesterday's at ten past midnight.
  constexpr std::uint64_t day = 86400 * std::uint64_t{1000000000};
  if (const auto at = text::parse_moment(text, now())) return *at > now() && text.size() <= 8 ? *at - day : *at;
  throw CLI::ValidationError("--since", text + " is not a time; write 10min, 2h, 18:05 or 2026-11-21T18:05:01");
}

// When the file was last written to; the recorder maps it, so that this is when the kernel noticed.
std::uint64_t written(const tape::reader& tape) {
  struct stat st {};
  if (::stat(tape.path().c_str(), &st) != 0) return ~std::uint64_t{0};
  return static_cast<std::uint64_t>(st.st_mtim.tv_sec) * 1000000000u + static_cast<std::uint64_t>(st.st_mtim.tv_nsec);
}

// Tapes of the default directory, or directories, newest first. Says on standard error which were read.
open_tapes open_default() {
  open_tapes all;
  std::vector<std::string> read;
  const auto add = [&](const std::string& directory, ::uid_t owner) {
    const auto before = all.tapes.size() + all.troubles.size();
    add_tapes_of(directory, owner, all);
    if (all.tapes.size() + all.troubles.size() != before) read.push_back(safe(directory));
  };
  const char* set = std::getenv("P11TAPE_DIR");
  const auto uid = ::geteuid();
  const std::string own = std::string(shared_directory) + "/p11tape-" + std::to_string(uid);
  if (set != nullptr && *set != 0) {
    struct stat st {};
    add(set, ::stat(set, &st) == 0 ? st.st_uid : uid);
  } else {
    add(own, uid);
    std::error_code error;
    if (uid == 0)
      for (fs::directory_iterator i(shared_directory, error), end; !error && i != end; i.increment(error))
        if (::uid_t owner = 0; i->path() != own && owner_of(i->path().filename().string(), owner))
          add(i->path().string(), owner);
  }
  std::stable_sort(all.tapes.begin(), all.tapes.end(),
                   [](const auto& a, const auto& b) { return a->header().wall > b->header().wall; });
  if (read.empty()) {
    all.troubles.push_back("no tape was named, and there is none in " + safe(set != nullptr && *set != 0 ? set : own) +
                           " (name a tape or a directory, or set P11TAPE_DIR)");
  } else {
    std::fprintf(stderr, "p11tape: reading %s in %s, newest first\n", text::counted(all.tapes.size(), "tape").c_str(),
                 text::listed(read).c_str());
  }
  return all;
}

}  // namespace

void tape_options::add_to(CLI::App& command, bool last_is_calls) {
  last_is_calls_ = last_is_calls;
  command.add_option(
      "TAPE", paths_,
      "Tapes, or directories with tapes (default: $P11TAPE_DIR, else /var/tmp/p11tape-UID, newest first)");
  command
      .add_option("--since", since_text_, "Only what was recorded since then: 10min, 2h, 18:05, 2026-11-21T18:05:01")
      ->type_name("TIME");
  command.add_option("--last", last_, last_is_calls ? "Only the last N of these calls" : "Only the newest N tapes")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

open_tapes tape_options::open() {
  if (!since_text_.empty()) since_ = parse_since(since_text_);
  auto all = paths_.empty() ? open_default() : cli::open(paths_);
  if (since_ != 0) std::erase_if(all.tapes, [&](const auto& t) { return written(*t) < since_; });
  if (last_ != 0 && !last_is_calls_ && all.tapes.size() > last_) {
    std::vector<tape::u64> starts;
    for (const auto& t : all.tapes) starts.push_back(t->header().wall);
    std::nth_element(starts.begin(), starts.begin() + static_cast<std::ptrdiff_t>(last_ - 1), starts.end(),
                     std::greater<>());
    const auto oldest = starts[last_ - 1];
    std::erase_if(all.tapes, [&](const auto& t) { return t->header().wall < oldest; });
  }
  report(all);
  return all;
}

}  // namespace p11tape::cli
