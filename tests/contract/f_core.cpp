// SPDX-License-Identifier: Apache-2.0
// F1 on a real core dump: neither a PIN nor what tells PINs apart is in it.
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <sstream>

#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

constexpr char mask = 0x55;
constexpr char masked_pin[] = {'5' ^ mask, '9' ^ mask, '3' ^ mask, '1' ^ mask, '7' ^ mask, '4' ^ mask};
constexpr char masked_mark[] = {'M' ^ mask, 'A' ^ mask, 'R' ^ mask, 'K' ^ mask, '4' ^ mask, '2' ^ mask, '!' ^ mask};

template <std::size_t size>
std::string clear(const char (&text)[size]) {
  std::string out(text, size);
  for (auto& c : out) c = static_cast<char>(c ^ mask);
  return out;
}

// The ranges of this process that say of themselves that they belong into no core dump.
std::string hidden_ranges() {
  std::ifstream in("/proc/self/smaps");
  std::string out, range;
  for (std::string line; std::getline(in, line);) {
    const auto dash = line.find('-'), space = line.find(' ');
    if (dash != std::string::npos && dash < space && space != std::string::npos && line.find(':') > space)
      range = line.find("[v") == std::string::npos ? line.substr(0, space) : std::string();  // the kernel adds its own
    if (!range.empty() && line.starts_with("VmFlags:") && (line + " ").find(" dd ") != std::string::npos)
      out += range + "\n";
  }
  return out;
}

struct segment {
  std::uint64_t from, to;  ///< addresses whose content is in the file
};

std::vector<segment> segments_of(const std::string& core) {
  std::vector<segment> all;
  Elf64_Ehdr header;
  if (core.size() < sizeof header) return all;
  std::memcpy(&header, core.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr p;
    const auto at = header.e_phoff + i * sizeof p;
    if (at + sizeof p > core.size()) break;
    std::memcpy(&p, core.data() + at, sizeof p);
    if (p.p_type == PT_LOAD && p.p_filesz != 0) all.push_back({p.p_vaddr, p.p_vaddr + p.p_filesz});
  }
  return all;
}

}  // namespace

TEST_CASE("F1: a core dump holds no PIN, and nothing that a PIN could be tried against") {
#ifdef P11TAPE_SANITIZED
  SKIP("a sanitizer's process is too large to be dumped");
#endif
  std::string pattern;
  std::getline(std::ifstream("/proc/sys/kernel/core_pattern") >> std::ws, pattern);
  if (pattern.empty() || pattern.find('|') != std::string::npos || pattern.find('/') != std::string::npos)
    SKIP("core dumps do not go to the current directory here (core_pattern is " << pattern << ")");
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  if (limit.rlim_max != RLIM_INFINITY) SKIP("core dumps are limited here");
  limit.rlim_cur = limit.rlim_max;
  const bool ended = GENERATE(false, true);
  const scratch dir;
  RUN_CLEAN(setup{}, [&] {
    EXPECT_EQ(chdir(dir.path().c_str()), 0);
    const int status = in_fork([&] {
      setrlimit(RLIMIT_CORE, &limit);
      static std::string kept = clear(masked_mark);
      const shim s;
      const auto* const list = s.list();
      list->C_Initialize(nullptr);
      auto pin = clear(masked_pin);
      list->C_Login(1, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(pin.data()), pin.size());
      explicit_bzero(pin.data(), pin.size());
      list->C_Logout(1);
      if (ended) list->C_Finalize(nullptr);
      std::ofstream("hidden") << hidden_ranges();
      abort();
    });
    EXPECT(WIFSIGNALED(status));
  });
  std::string core;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    if (entry.path().filename().string().starts_with("core")) core = read_file(entry.path());
  if (core.empty()) SKIP("no core dump was written");
  CHECK(core.find(clear(masked_mark)) != std::string::npos);  // the search finds what is there
  CHECK(core.find(clear(masked_pin)) == std::string::npos);
  const auto segments = segments_of(core);
  CHECK(!segments.empty());
  std::istringstream hidden(read_file(dir / "hidden"));
  int ranges = 0;
  for (std::string line; std::getline(hidden, line); ++ranges) {
    const auto from = std::stoull(line, nullptr, 16), to = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    INFO(line);
    for (const auto& s : segments) CHECK((s.to <= from || s.from >= to));
  }
  CHECK(ranges >= 2);  // the process's page, and the thread's state
}
