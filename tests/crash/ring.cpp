// SPDX-License-Identifier: Apache-2.0
// Bounded disk: the kept head, the ring of the newest, stopping instead, and the newest tapes of a folder.
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

using environment = std::vector<std::pair<std::string, std::string>>;

void get_session_info(const CK_FUNCTION_LIST* list, std::uint64_t first, std::uint64_t last) {
  CK_SESSION_INFO info;
  for (auto n = first; n <= last; ++n) list->C_GetSessionInfo(std::uint64_t{1} << 40 | n, &info);
}

}  // namespace

TEST_CASE("ring: what comes late but changes the state is kept as well, however full the ring is") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path(), .env = environment{{"P11TAPE_LIMIT", "1M"}}}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    get_session_info(list, 1, 30000);
    CK_SESSION_HANDLE session = 0;
    list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    list->C_Login(1, CKU_USER, nullptr, 0);
    get_session_info(list, 30001, 60000);
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(file_size(tapes(dir.path())[0]) <= 1 << 20);
  CHECK(t.others.at("C_Initialize") == 1);
  CHECK(t.others.at("C_OpenSession") == 1);
  CHECK(t.others.at("C_Login") == 1);
  const auto& returned = t.returned.at(1);
  CHECK(*returned.rbegin() == 60000);
  CHECK(*returned.begin() > 30000);
  CHECK(60000 - *returned.begin() + 1 == returned.size());  // the newest, without a gap
}

TEST_CASE("ring: a thread that is blocked in C_WaitForSlotEvent neither loses its ENTER nor pins the ring") {
  const scratch dir;
  const auto result = run({.mock = "C_WaitForSlotEvent:hang", .dir = dir.path(), .env = {{"P11TAPE_LIMIT", "1M"}}}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    for (int n = 0; n < 3; ++n)
      std::thread([list] {
        CK_SLOT_ID slot = 0;
        list->C_WaitForSlotEvent(0, &slot, nullptr);
      }).detach();
    while (script()[function::C_WaitForSlotEvent].calls.load() < 3) usleep(1000);
    get_session_info(list, 1, 60000);
    _exit(0);
  });
  CHECK(result.clean());
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.in_flight.at("C_WaitForSlotEvent") == 3);
  CHECK(t.returned.at(1).size() > 2000);
  CHECK(*t.returned.at(1).rbegin() == 60000);
  CHECK(t.lost() == 0);
}

TEST_CASE("ring: a thread with few calls does not lose them to one with many") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path(), .env = environment{{"P11TAPE_LIMIT", "1M"}}}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    std::thread([list] {
      CK_SESSION_INFO info;
      for (std::uint64_t n = 1; n <= 500; ++n) {
        list->C_GetSessionInfo(std::uint64_t{2} << 40 | n, &info);
        std::thread([=] { get_session_info(list, n * 20, n * 20 + 19); }).join();
      }
    }).join();
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  // The ring holds some 6,000 calls: of the thread that made one of 21, at least half of its share.
  CHECK(t.returned.at(2).size() > 120);
  CHECK(*t.returned.at(2).rbegin() == 500);
}

TEST_CASE("when_full=stop: the oldest calls are kept, the others counted") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(),
             .dir = dir.path(),
             .env = environment{{"P11TAPE_LIMIT", "1M"}, {"P11TAPE_WHEN_FULL", "stop"}}},
            [] {
              const shim s;
              const auto* const list = s.list();
              list->C_Initialize(nullptr);
              get_session_info(list, 1, 60000);
            });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.stopped(tape::stop_reason::full));
  CHECK(*t.begun.at(1).begin() == 1);
  CHECK(*t.begun.at(1).rbegin() == t.begun.at(1).size());
  CHECK(t.begun.at(1).size() > 2000);
  CHECK(t.begun.at(1) == t.returned.at(1));  // room for the end of a call is reserved when it begins
  CHECK(t.in_flight.empty());
  CHECK(t.calls + t.lost() >= 60001);
  CHECK(t.calls + t.lost() <= 60002);
}

TEST_CASE("keep: the newest tapes of a folder stay, and those of programs that still run") {
  const scratch dir;
  const scratch out;
  const auto once = [&] {
    const setup s{
        .module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_KEEP", "3"}, {"P11TAPE_KEEP_AGE", "0"}}};
    RUN_CLEAN(s, [] { (void)shim().list(); });
  };
  std::vector<std::filesystem::path> made;
  for (int n = 0; n < 6; ++n) {
    const auto before = tapes(dir.path());
    once();
    for (const auto& path : tapes(dir.path()))
      if (std::find(before.begin(), before.end(), path) == before.end()) made.push_back(path);
    usleep(20000);  // times of files are as coarse as the kernel's tick
  }
  auto left = tapes(dir.path());
  std::sort(made.end() - 3, made.end());
  CHECK(left == std::vector(made.end() - 3, made.end()));

  // A file of somebody else's making is none of ours.
  const auto result =
      run({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_KEEP", "1"}, {"P11TAPE_KEEP_AGE", "0"}}}, [&] {
        const shim s;
        s.list();
        const auto own = tapes(dir.path());
        EXPECT_EQ(own.size(), std::size_t{1});
        EXPECT_EQ(in_fork([&] { s.list(); }), 0);  // its tape is younger, and ours still lives
        EXPECT(exists(own[0]));
      });
  INFO(result.describe());
  CHECK(result.clean());
}
