// SPDX-License-Identifier: Apache-2.0
// Names that are added at reading time.
#include "cryptoki/extra_names.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cryptoki/tables.hpp"

namespace {

using namespace p11tape::cryptoki;

// Names stay for the life of the process, so each test takes values of its own.

TEST_CASE("an added name is shown, and understood", "[cryptoki][extra_names]") {
  CHECK(display_name("mechanism", 0x80770001) == "CKM_VENDOR_DEFINED+0x770001");
  REQUIRE(add_name("mechanism", 0x80770001, "CKM_TEST_ONE") == name_added::yes);
  CHECK(display_name("mechanism", 0x80770001) == "CKM_TEST_ONE");
  CHECK(display_name("attribute", 0x80770001) == "CKA_VENDOR_DEFINED+0x770001");
  CHECK(name_of("mechanism", 0x80770001) == "");  // the standard's names only
  std::uint64_t value = 0;
  REQUIRE(value_of("CKM_TEST_ONE", value));
  CHECK(value == 0x80770001);
  CHECK(add_name("mechanism", 0x80770001, "CKM_TEST_ONE") == name_added::already);
}

TEST_CASE("two vendors' names for one value are both shown", "[cryptoki][extra_names]") {
  REQUIRE(add_name("mechanism", 0x80770002, "CKM_TEST_A") == name_added::yes);
  const auto before = extra_name("mechanism", 0x80770002);
  REQUIRE(add_name("mechanism", 0x80770002, "CKM_TEST_B") == name_added::yes);
  CHECK(display_name("mechanism", 0x80770002) == "CKM_TEST_A or CKM_TEST_B");
  CHECK(before == "CKM_TEST_A");
  std::uint64_t value = 0;
  CHECK(value_of("CKM_TEST_A", value));
  CHECK(value_of("CKM_TEST_B", value));
}

TEST_CASE("the standard's names and values stay what they are", "[cryptoki][extra_names]") {
  CHECK(add_name("mechanism", CKM_AES_CBC, "CKM_TEST_AES") == name_added::value_has_name);
  CHECK(add_name("mechanism", 0x80770003, "CKM_AES_CBC") == name_added::name_has_value);
  CHECK(add_name("mechanism", CKM_AES_CBC, "CKM_AES_CBC") == name_added::already);
  CHECK(display_name("mechanism", CKM_AES_CBC) == "CKM_AES_CBC");
  REQUIRE(add_name("key_type", 0x80770004, "CKK_TEST") == name_added::yes);
  CHECK(add_name("key_type", 0x80770005, "CKK_TEST") == name_added::name_has_value);
  CHECK(add_name("attribute", 0x80770004, "CKK_TEST") == name_added::name_has_value);
}

TEST_CASE("names may be added and asked for at once", "[cryptoki][extra_names]") {
  std::atomic<int> unseen{0};  // Catch2's macros are for one thread only
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&unseen] {
      for (std::uint64_t i = 0; i < 200; ++i) {
        const auto name = "CKA_TEST_" + std::to_string(i);
        add_name("attribute", 0x80780000 + i, name);
        if (display_name("attribute", 0x80780000 + i) != name) ++unseen;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(unseen == 0);
  CHECK(display_name("attribute", 0x80780000 + 199) == "CKA_TEST_199");
}

}  // namespace
