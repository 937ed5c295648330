// SPDX-License-Identifier: Apache-2.0
// Bad arguments through the shim, in front of a module that takes no interest in them: the recorder reads nothing that
// cannot be read, forwards every word, answers the module's answer, and its tape makes sense.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "arrange.hpp"
#include "mock/call.hpp"
#include "mock/control.hpp"
#include "model/call_stream.hpp"
#include "p11tape/tape.hpp"
#include "trials.hpp"

namespace {

using namespace p11tape;
using cryptoki::function;

constexpr const char* help =
    "Usage: fuzz_arguments [--seconds N] [--seed N | --only N]\n"
    "Calls every function through p11tape.so with arguments that lie.\n";

constexpr std::size_t page = 4096;

void* shim = nullptr;
mock::control* module = nullptr;
unsigned char* edge = nullptr;  // the end of a readable page, with an unreadable one behind

void load() {
  shim = dlopen(P11TAPE_TEST_SHIM, RTLD_NOW);
  void* const handle = dlopen(P11TAPE_TEST_MOCK, RTLD_NOW);
  if (shim == nullptr || handle == nullptr) _exit(2);
  module = static_cast<mock::control*>(dlsym(handle, mock::control_name));
  auto* const pages =
      static_cast<unsigned char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(pages + page, page, PROT_NONE);
  edge = pages + page;
}

// A word that may be a pointer to nothing good, a length beyond sense, or the middle of something.
std::uint64_t bad(std::uint64_t good, std::mt19937_64& random) {
  constexpr std::uint64_t words[] = {0,
                                     1,
                                     8,
                                     0xfff,
                                     0x1000,
                                     0x10000,
                                     ~0ull,
                                     ~0ull - 15,
                                     1 << 20,
                                     4096,
                                     65536,
                                     1ull << 40,
                                     1ull << 47,
                                     0x8000000000000000,
                                     0xdead00000000beef};
  switch (random() % 8) {
    case 0:
    case 1:
      return words[random() % std::size(words)];
    case 2:
      return reinterpret_cast<std::uintptr_t>(edge) - random() % 64;
    case 3:
      return reinterpret_cast<std::uintptr_t>(edge) + random() % 64;
    case 4:
      return good + 1;
    case 5:
      return random();
    default:
      return good;
  }
}

// Words inside what the arguments point at: lengths and pointers of templates, mechanisms and parameters.
void spoil(std::uint64_t pointer, std::mt19937_64& random) {
  if (pointer < 0x10000) return;
  const auto at = pointer + 8 * (random() % 3);  // type, pointer, length
  std::uint64_t word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(at), sizeof word);
  word = bad(word, random);
  std::memcpy(reinterpret_cast<void*>(at), &word, sizeof word);
}

std::string one_call(std::mt19937_64& random) {
  const auto f = static_cast<function>(random() % cryptoki::function_count);
  switch (f) {
    case function::C_GetFunctionList:  // they answer with lists of our own
    case function::C_GetInterfaceList:
    case function::C_GetInterface:
      return {};
    default:
      break;
  }
  test::arranger arranger(random());
  auto words = arranger.arguments(f);
  const auto row = cryptoki::row(f).arguments;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool struct_like = row[i].kind == cryptoki::shape::attributes || row[i].kind == cryptoki::shape::mechanism;
    if (struct_like && words[i] != 0 && random() % 2 == 0) spoil(words[i], random);
    if (random() % 4 == 0) words[i] = bad(words[i], random);
  }
  auto& script = (*module)[f];
  constexpr CK_RV answers[] = {CKR_OK, CKR_OK, CKR_BUFFER_TOO_SMALL, CKR_ATTRIBUTE_SENSITIVE, CKR_GENERAL_ERROR};
  const CK_RV expected = answers[random() % std::size(answers)];
  script.scripted = true;
  script.dirty = false;
  script.result = expected;
  const CK_RV rv = mock::call_address(mock::exported(shim, f), f, words);
  const std::string name(cryptoki::row(f).name);
  if (rv != expected) return name + " answered " + std::to_string(rv) + ", the module " + std::to_string(expected);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool narrow = row[i].kind == cryptoki::shape::byte;
    const auto sent = narrow ? words[i] & 0xff : words[i];
    if (script.words[i].load() != sent)
      return name + ": argument " + std::string(row[i].name) + " was changed on its way";
  }
  return {};
}

// The tape of this process.
std::string check_tape() {
  const auto own = "." + std::to_string(getpid()) + ".";
  for (const auto& entry : std::filesystem::directory_iterator(std::getenv("P11TAPE_DIR"))) {
    if (entry.path().filename().string().find(own) == std::string::npos) continue;
    const tape::reader tape(entry.path().string());
    model::call_stream stream(tape);
    while (const auto* const c = stream.next()) {
      if (c->state != tape::call_state::returned) return "a call on the tape did not return";
      if (c->arguments().items().intact() == false || c->result().items().intact() == false)
        return "a record on the tape makes no sense";
    }
    if (tape.damage().any()) return "the tape is damaged";
    if (tape.counter(tape::counter::no_space) != 0) return "calls were lost";
    return {};
  }
  return "there is no tape";
}

}  // namespace

int main(int argc, char** argv) {
  const auto o = fuzz::parse(argc, argv, help);
  auto folder = std::filesystem::temp_directory_path().string() + "/p11tape-fuzz.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "fuzz_arguments: cannot create a directory like %s\n", folder.c_str());
    return 2;
  }
  setenv("P11TAPE_DIR", folder.c_str(), 1);
  setenv("P11TAPE_MODULE", P11TAPE_TEST_MOCK, 1);
  setenv("P11TAPE_KEEP", "2", 1);
  const int result = fuzz::run(o, argv[0], load, [&](std::mt19937_64& random) -> std::string {
    constexpr int calls = 20;
    for (int n = 0; n < calls; ++n)
      if (auto wrong = one_call(random); !wrong.empty()) return wrong;
    static unsigned trials = 0;
    return ++trials % 100 == 0 || o.single ? check_tape() : std::string();
  });
  std::filesystem::remove_all(folder);
  return result;
}
