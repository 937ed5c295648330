// SPDX-License-Identifier: Apache-2.0
// F: what the recorder keeps in the host's memory, and a module that cannot give its list.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>

#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

constexpr char mask = 0x55;

// The same for code that unmasks: the compiler must not do it in advance, or the text would be in the program's file.
const volatile char unmask = mask;

// A text that is in memory only where somebody copied it: this one is masked by the compiler already.
template <std::size_t size>
consteval std::array<char, size - 1> masked(const char (&text)[size]) {
  std::array<char, size - 1> out{};
  for (std::size_t i = 0; i + 1 < size; ++i) out[i] = static_cast<char>(text[i] ^ mask);
  return out;
}

struct mapping {
  std::uintptr_t from = 0, to = 0;
  std::string name, flags;
  bool readable = false;
};

std::vector<mapping> mappings() {
  std::vector<mapping> all;
  std::ifstream in("/proc/self/smaps");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmFlags:")) {
      if (!all.empty()) all.back().flags = line + " ";
      continue;
    }
    std::istringstream words(line);
    std::string range, rights, skipped, name;
    words >> range >> rights;
    const auto dash = range.find('-');
    if (dash == std::string::npos || rights.size() != 4) continue;
    words >> skipped >> skipped >> skipped >> name;
    all.push_back({std::stoul(range.substr(0, dash), nullptr, 16), std::stoul(range.substr(dash + 1), nullptr, 16),
                   name, "", rights[0] == 'r'});
  }
  return all;
}

// Where the memory of a mapping ends that there is: a tape's mapping reaches beyond the end of its file.
std::uintptr_t end_of_memory(int memory, const mapping& m) {
  constexpr std::uintptr_t page = 4096;
  char c = 0;
  auto at = m.from;
  while (at < m.to && pread(memory, &c, 1, static_cast<off_t>(at)) == 1) at += page;
  return at;
}

// How often the masked text is in this process's memory as it was. Nothing is copied on the way.
int copies_of(std::span<const char> wanted) {
  int found = 0;
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  EXPECT(memory >= 0);
  for (const auto& m : mappings()) {
    if (!m.readable || m.name.starts_with("[v")) continue;
    const auto* at = reinterpret_cast<const volatile char*>(m.from);
    const auto* end = reinterpret_cast<const volatile char*>(end_of_memory(memory, m));
    for (; end - at >= static_cast<std::ptrdiff_t>(wanted.size()); ++at) {
      std::size_t same = 0;
      while (same < wanted.size() && (at[same] ^ mask) == wanted[same]) ++same;
      if (same == wanted.size()) ++found;
    }
  }
  close(memory);
  return found;
}

}  // namespace

TEST_CASE("F1: key material and PINs do not outlive the host's own wiping") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizer's shadow cannot be read");
#endif
  RUN_CLEAN(setup{.seconds = 60}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_SESSION_HANDLE session = 0;
    list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    auto& control = script();
    static constexpr auto key = masked("KEY-MATERIAL-THAT-NOBODY-KEEPS-1");
    static constexpr auto pin = masked("PIN-THAT-NOBODY-KEEPS-314159");
    // Also binds what the search calls: the dynamic linker saves vector registers, and with them bytes that were just
    // copied, on the stack when it binds a function at its first call.
    EXPECT_EQ(copies_of(key), 0);
    // The module gives the key into a buffer that is wiped at once.
    static char made[32], buffer[32];
    for (std::size_t i = 0; i < key.size(); ++i) made[i] = static_cast<char>(key[i] ^ unmask);
    const mock::output_write write{buffer, made, sizeof made};
    auto& attributes = control[function::C_GetAttributeValue];
    attributes.writes = &write;
    attributes.write_count = 1;
    attributes.result = CKR_OK;
    attributes.scripted = true;
    CK_ATTRIBUTE value{CKA_VALUE, buffer, sizeof buffer};
    EXPECT_EQ(list->C_GetAttributeValue(session, 4, &value, 1), CK_RV{CKR_OK});
    EXPECT_EQ(copies_of(key), 2);  // the test finds what is there
    explicit_bzero(buffer, sizeof buffer);
    explicit_bzero(made, sizeof made);
    static char given[64];
    for (std::size_t i = 0; i < pin.size(); ++i) given[i] = static_cast<char>(pin[i] ^ unmask);
    list->C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(given), pin.size());
    explicit_bzero(given, sizeof given);
    EXPECT_EQ(copies_of(key), 0);
    EXPECT_EQ(copies_of(pin), 0);
  });
}

TEST_CASE("F1: what tells PINs apart is in no core dump and no child") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    list->C_Login(1, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>("271828")), 6);
    int hidden = 0, locked = 0;
    void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool can_wipe = madvise(page, 4096, MADV_WIPEONFORK) == 0;  // since Linux 4.14
    for (const auto& m : mappings()) {
      const bool here = !m.name.starts_with("[v") && m.flags.find(" dd ") != std::string::npos &&
                        (!can_wipe || m.flags.find(" wf ") != std::string::npos);
      hidden += here;
      locked += here && m.flags.find(" lo ") != std::string::npos;
    }
    EXPECT(hidden >= 2);  // the process's page, and the thread's state
    const bool may_lock = mlock(page, 4096) == 0;
    EXPECT(locked >= 1 || !may_lock || sanitized);  // whose runtime makes mlock() do nothing
  });
}

TEST_CASE("F1: a child of fork that calls the library at once records its calls") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    const int status = in_fork([&] {
      list->C_Initialize(nullptr);
      CK_INFO info;
      for (int i = 0; i < 3; ++i) list->C_GetInfo(&info);
    });
    EXPECT_EQ(status, 0);
  });
  CHECK(tapes(dir.path()).size() == 2);
}

TEST_CASE("F2: a module whose C_GetFunctionList fails gives its own code") {
  for (const auto& [name, code] : {std::pair{"CKR_HOST_MEMORY", CK_RV{CKR_HOST_MEMORY}},
                                   std::pair{"CKR_CRYPTOKI_NOT_INITIALIZED", CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED}},
                                   std::pair{"0x80000123", CK_RV{0x80000123}}}) {
    const auto wanted = code;
    RUN_CLEAN(setup{.mock = std::string("C_GetFunctionList=") + name}, [&] {
      const shim s;
      CK_FUNCTION_LIST* list = nullptr;
      for (int i = 0; i < 2; ++i) EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), wanted);
      EXPECT(list == nullptr);
    });
  }
}
