// SPDX-License-Identifier: Apache-2.0
// A: the tables that C_GetFunctionList hands out.
#include <pthread.h>

#include <array>
#include <cstring>
#include <thread>

#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using cryptoki::version;

TEST_CASE("A1: C_GetFunctionList works before C_Initialize and gives the module's own version") {
  const auto v = GENERATE(std::pair{2, 1}, std::pair{2, 11}, std::pair{2, 20}, std::pair{2, 30}, std::pair{2, 40});
  RUN_CLEAN(setup{.mock = "list=" + std::to_string(v.first) + "." + std::to_string(v.second)}, [&] {
    const auto* const list = shim().list();
    EXPECT_EQ(list->version.major, v.first);
    EXPECT_EQ(list->version.minor, v.second);
  });
}

TEST_CASE("A1: a NULL argument is the module's to refuse") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(nullptr), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(s.list()->C_GetFunctionList(nullptr), CK_RV{CKR_ARGUMENTS_BAD});
  });
}

// The module's list ends at the end of a page, so that reading one entry too many is the end.
TEST_CASE("A2: a list that lies about its version is read as 68 entries") {
  const auto lie = GENERATE("3.0", "3.1", "3.2", "4.0");
  RUN_CLEAN(setup{.mock = std::string("list=") + lie, .module = mock_path("p11tape-mock-2.40.so")}, [] {
    const shim s;
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_INFO info{};
    EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
    EXPECT_EQ(list->C_WaitForSlotEvent(CKF_DONT_BLOCK, nullptr, nullptr), CK_RV{CKR_NO_EVENT});
    // Whoever believes the version reads on: into entries of ours that say no, never past the end.
    for (auto i = cryptoki::functions_in(version::v2_40); i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      void* const at = mock::slot(list, f);
      if (at == nullptr) continue;
      EXPECT(same_object(at, s.symbol("C_Initialize")));
      const std::array<word, mock::most_arguments> none{};
      if (f != function::C_GetInterface && f != function::C_GetInterfaceList)
        EXPECT_EQ(mock::call_address(at, f, none), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
    }
  });
}

TEST_CASE("A2: with a list that lies, 3.x still comes by C_GetInterface, and 2.x where there is none") {
  RUN_CLEAN(setup{.mock = "list=3.2"}, [] {
    const shim s;
    EXPECT(s.table(3, 2) != reinterpret_cast<CK_FUNCTION_LIST_3_2*>(s.list()));
    EXPECT(s.table(3, 2)->C_EncapsulateKey != nullptr);
  });
  RUN_CLEAN(setup{.mock = "list=3.2,no_interface"}, [] {
    const shim s;
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, nullptr, &found, 0), CK_RV{CKR_OK});
    EXPECT_EQ(found->pFunctionList, static_cast<void*>(s.list()));
  });
}

TEST_CASE("A3: the same table every time, and one for each table of the module") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    auto* const list = s.list();
    EXPECT_EQ(list, s.list());
    CK_FUNCTION_LIST* by_table = nullptr;
    EXPECT_EQ(list->C_GetFunctionList(&by_table), CK_RV{CKR_OK});
    EXPECT_EQ(list, by_table);
    // The mock's 2.40 interface is its list; its 3.x tables are others.
    EXPECT_EQ(static_cast<void*>(s.table(2, 40)), static_cast<void*>(list));
    EXPECT_EQ(s.table(3, 0), s.table(3, 0));
    EXPECT(s.table(3, 0) != s.table(3, 2));
    EXPECT_EQ(int{s.table(3, 0)->version.minor}, 0);
    EXPECT_EQ(int{s.table(3, 2)->version.minor}, 2);
  });
}

TEST_CASE("A3: a module whose list is its 3.2 table gives one table through both doors") {
  RUN_CLEAN(setup{.mock = "list=first,interfaces=3.2"}, [] {
    const shim s;
    EXPECT_EQ(static_cast<void*>(s.list()), static_cast<void*>(s.table(3, 2)));
    EXPECT_EQ(s.table(3, 2)->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(s.table(3, 2)->C_SessionCancel(1, 0), CK_RV{CKR_OK});
  });
}

TEST_CASE("A3: every entry of the tables is the shim's, and reaches the module's function of that name") {
  RUN_CLEAN(setup{.mock = "*=CKR_DEVICE_ERROR,C_GetFunctionList=0,C_GetInterface=0,C_GetInterfaceList=0"}, [] {
    const shim s;
    auto& script_ = script();
    script_.configure("");
    const void* const tables[] = {s.list(), s.table(3, 0), s.table(3, 2)};
    script_.configure("*=CKR_DEVICE_ERROR");
    const std::size_t sizes[] = {68, 92, 104};
    for (std::size_t t = 0; t < std::size(tables); ++t) {
      for (std::size_t i = 0; i < sizes[t]; ++i) {
        const auto f = static_cast<function>(i);
        EXPECT(same_object(mock::slot(tables[t], f), s.symbol("C_Initialize")));
        const auto before = script_[f].calls.load();
        const std::array<word, mock::most_arguments> none{};
        EXPECT_EQ(mock::call(tables[t], f, none), CK_RV{CKR_DEVICE_ERROR});
        EXPECT_EQ(script_[f].calls.load(), before + 1);
      }
    }
  });
}

TEST_CASE("A8: NULL slots stay NULL, and the exported function says CKR_FUNCTION_NOT_SUPPORTED") {
  RUN_CLEAN(setup{.mock = "null=C_Sign+C_CancelFunction+C_LoginUser+C_EncapsulateKey"}, [] {
    const shim s;
    EXPECT(s.list()->C_Sign == nullptr);
    EXPECT(s.list()->C_CancelFunction == nullptr);
    EXPECT(s.list()->C_SignInit != nullptr);
    EXPECT(s.table(3, 0)->C_LoginUser == nullptr);
    EXPECT(s.table(3, 2)->C_EncapsulateKey == nullptr);
    EXPECT_EQ(s.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_ULONG length = 0;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Sign)(1, nullptr, 0, nullptr, &length), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_CancelFunction)(1), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
  });
}

TEST_CASE("A8: a module whose every slot is NULL") {
  RUN_CLEAN(setup{.mock = "null=*"}, [] {
    const shim s;
    const auto* const list = s.list();
    for (std::size_t i = 0; i < 68; ++i) EXPECT(mock::slot(list, static_cast<function>(i)) == nullptr);
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Initialize)(nullptr), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Finalize)(nullptr), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
  });
}

TEST_CASE("A9: functions that the shim exports and the module lacks are not supported") {
  RUN_CLEAN(setup{.module = mock_path("p11tape-mock-2.40.so")}, [] {
    const shim s;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Initialize)(nullptr), CK_RV{CKR_OK});
    const std::array<word, mock::most_arguments> none{};
    for (auto i = cryptoki::functions_in(version::v2_40); i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (f == function::C_GetInterface || f == function::C_GetInterfaceList) continue;
      EXPECT_EQ(mock::call_address(s.symbol(cryptoki::row(f).name.data()), f, none), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
    }
  });
}

TEST_CASE("A9: the exported functions of 3.x reach a 3.2 module") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Initialize)(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_SessionCancel)(5, 9), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_SessionCancel].words[1].load(), word{9});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_VerifySignatureFinal)(5), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_VerifySignatureFinal].calls.load(), word{1});
  });
}

namespace {

// What one thread does as the first call of all. Each door must lead to the same tables.
struct first_call {
  CK_RV rv = CKR_FUNCTION_FAILED;
  void* table = nullptr;
};

first_call call_first(const shim& s, std::size_t door) {
  first_call result;
  if (door == 0) {
    CK_FUNCTION_LIST* list = nullptr;
    result.rv = P11TAPE_EXPORTED(s, C_GetFunctionList)(&list);
    result.table = list;
  } else if (door == 1) {
    CK_INTERFACE* found = nullptr;
    CK_VERSION v = {2, 40};
    result.rv = P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, &v, &found, 0);
    if (found != nullptr) result.table = found->pFunctionList;
  } else if (door == 2) {
    CK_INTERFACE all[8];
    CK_ULONG count = std::size(all);
    result.rv = P11TAPE_EXPORTED(s, C_GetInterfaceList)(all, &count);
    if (result.rv == CKR_OK && count > 0) result.table = all[count - 1].pFunctionList;
  } else {
    CK_INFO info;
    result.rv = P11TAPE_EXPORTED(s, C_GetInfo)(&info) == CKR_CRYPTOKI_NOT_INITIALIZED ? CKR_OK : CKR_FUNCTION_FAILED;
  }
  return result;
}

}  // namespace

TEST_CASE("A10: first calls of 8 threads at once, through every door, in 100 processes") {
  const std::string module = GENERATE("p11tape-mock.so", "p11tape-mock-2.40.so");
  for (int process = 0; process < 50; ++process) {
    const auto result = run(setup{.module = mock_path(module)}, [&] {
      const shim s;
      pthread_barrier_t together;
      pthread_barrier_init(&together, nullptr, 8);
      first_call results[8];
      std::vector<std::thread> threads;
      for (std::size_t t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
          pthread_barrier_wait(&together);
          results[t] = call_first(s, (t + static_cast<std::size_t>(process)) % 4);
        });
      for (auto& t : threads) t.join();
      auto* const table = static_cast<void*>(s.list());
      for (const auto& r : results) {
        EXPECT_EQ(r.rv, CK_RV{CKR_OK});
        EXPECT(r.table == nullptr || r.table == table);
      }
    });
    INFO("process " << process << ": " << result.describe());
    REQUIRE(result.clean());
  }
}
