// SPDX-License-Identifier: Apache-2.0
// A: C_GetInterface and C_GetInterfaceList.
#include <cstring>

#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

CK_UTF8CHAR standard[] = "PKCS 11";

std::string name_of(const CK_INTERFACE& i) { return reinterpret_cast<const char*>(i.pInterfaceName); }

std::vector<CK_INTERFACE> all_of(void* handle) {
  const auto get =
      reinterpret_cast<decltype(&::C_GetInterfaceList)>(mock::exported(handle, function::C_GetInterfaceList));
  CK_ULONG count = 0;
  EXPECT_EQ(get(nullptr, &count), CK_RV{CKR_OK});
  std::vector<CK_INTERFACE> found(count);
  EXPECT_EQ(get(found.data(), &count), CK_RV{CKR_OK});
  EXPECT_EQ(count, found.size());
  return found;
}

}  // namespace

// The mock's interfaces lie in read-only memory, so writing to them would end the host here.
TEST_CASE("A3: C_GetInterfaceList has the module's order, count, names, versions and flags") {
  const std::string flags = GENERATE("", ",fork_safe");
  RUN_CLEAN(setup{.mock = "interfaces=3.0+vendor+3.2+2.40+3.1" + flags}, [] {
    const shim s;
    const auto ours = all_of(s.handle);
    const auto theirs = all_of(dlopen(mock_path().c_str(), RTLD_NOW | RTLD_LOCAL));
    EXPECT_EQ(ours.size(), std::size_t{5});
    for (std::size_t i = 0; i < ours.size(); ++i) {
      EXPECT_EQ(name_of(ours[i]), name_of(theirs[i]));
      EXPECT_EQ(ours[i].flags, theirs[i].flags);
      EXPECT(std::memcmp(ours[i].pFunctionList, theirs[i].pFunctionList, sizeof(CK_VERSION)) == 0);
    }
    // And each is the one that C_GetInterface gives.
    EXPECT_EQ(ours[0].pFunctionList, static_cast<void*>(s.table(3, 0)));
    EXPECT_EQ(ours[2].pFunctionList, static_cast<void*>(s.table(3, 2)));
    EXPECT_EQ(ours[3].pFunctionList, static_cast<void*>(s.table(2, 40)));
    EXPECT_EQ(ours[4].pFunctionList, static_cast<void*>(s.table(3, 1)));
  });
}

TEST_CASE("A3: C_GetInterface gives the same stable pointer, flags in and out") {
  RUN_CLEAN(setup{.mock = "fork_safe"}, [] {
    const shim s;
    const auto get = P11TAPE_EXPORTED(s, C_GetInterface);
    CK_INTERFACE* first = nullptr;
    CK_INTERFACE* second = nullptr;
    EXPECT_EQ(get(standard, nullptr, &first, CKF_INTERFACE_FORK_SAFE), CK_RV{CKR_OK});
    EXPECT_EQ(get(standard, nullptr, &second, 0), CK_RV{CKR_OK});
    EXPECT_EQ(first, second);
    EXPECT_EQ(first->flags, CK_FLAGS{CKF_INTERFACE_FORK_SAFE});
    EXPECT_EQ(script()[function::C_GetInterface].words[3].load(), word{0});
    EXPECT(same_object(reinterpret_cast<void*>(static_cast<CK_FUNCTION_LIST*>(first->pFunctionList)->C_Sign),
                       s.symbol("C_Sign")));
  });
  RUN_CLEAN(setup{}, [] {
    const shim s;
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(standard, nullptr, &found, CKF_INTERFACE_FORK_SAFE),
              CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(script()[function::C_GetInterface].words[3].load(), word{CKF_INTERFACE_FORK_SAFE});
  });
}

TEST_CASE("A4: size query, CKR_BUFFER_TOO_SMALL and the count pass through") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto get = P11TAPE_EXPORTED(s, C_GetInterfaceList);
    CK_ULONG count = 77;
    EXPECT_EQ(get(nullptr, &count), CK_RV{CKR_OK});
    EXPECT_EQ(count, CK_ULONG{3});
    CK_INTERFACE room[2];
    std::memset(room, 0x5A, sizeof room);
    count = 2;
    EXPECT_EQ(get(room, &count), CK_RV{CKR_BUFFER_TOO_SMALL});
    EXPECT_EQ(count, CK_ULONG{3});
    for (const auto b : reinterpret_cast<const unsigned char(&)[sizeof room]>(room)) EXPECT_EQ(int{b}, 0x5A);
    EXPECT_EQ(get(nullptr, nullptr), CK_RV{CKR_ARGUMENTS_BAD});
  });
}

TEST_CASE("A4: on an error *ppInterface is left alone") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto get = P11TAPE_EXPORTED(s, C_GetInterface);
    auto* const mark = reinterpret_cast<CK_INTERFACE*>(0x1234);
    auto* found = mark;
    CK_VERSION v = {9, 9};
    EXPECT_EQ(get(standard, &v, &found, 0), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(found, mark);
    EXPECT_EQ(get(standard, nullptr, nullptr, 0), CK_RV{CKR_ARGUMENTS_BAD});
    script().configure("C_GetInterface=CKR_DEVICE_ERROR");
    EXPECT_EQ(get(standard, nullptr, &found, 0), CK_RV{CKR_DEVICE_ERROR});
    EXPECT_EQ(found, mark);
  });
}

TEST_CASE("A4: CKR_OK with a NULL interface is passed on as it is") {
  RUN_CLEAN(setup{.mock = "null_interface"}, [] {
    const shim s;
    auto* found = reinterpret_cast<CK_INTERFACE*>(0x1234);
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(standard, nullptr, &found, 0), CK_RV{CKR_OK});
    EXPECT(found == nullptr);
  });
}

TEST_CASE("A4: a count that lies is passed on, and nothing behind the caller's room is read or written") {
  RUN_CLEAN(setup{.mock = "C_GetInterfaceList:lie=100000000"}, [] {
    const shim s;
    CK_INTERFACE room[3];
    CK_ULONG count = std::size(room);
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterfaceList)(room, &count), CK_RV{CKR_OK});
    EXPECT_EQ(count, CK_ULONG{100000003});
  });
}

TEST_CASE("A5: a module without C_GetInterface has one interface of its own version") {
  const auto s = GENERATE(setup{.mock = "list=2.40", .module = mock_path("p11tape-mock-2.40.so")},
                          setup{.mock = "list=2.20", .module = mock_path("p11tape-mock-2.40.so")},
                          setup{.mock = "no_interface,list=2.20"});
  RUN_CLEAN(s, [] {
    const shim host;
    const auto all = all_of(host.handle);
    EXPECT_EQ(all.size(), std::size_t{1});
    EXPECT_EQ(name_of(all[0]), std::string("PKCS 11"));
    EXPECT_EQ(all[0].pFunctionList, static_cast<void*>(host.list()));
    EXPECT_EQ(all[0].flags, CK_FLAGS{0});

    const auto get = P11TAPE_EXPORTED(host, C_GetInterface);
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(get(nullptr, nullptr, &found, 0), CK_RV{CKR_OK});
    EXPECT_EQ(found->pFunctionList, static_cast<void*>(host.list()));
    EXPECT_EQ(get(standard, nullptr, &found, 0), CK_RV{CKR_OK});
    CK_VERSION own = host.list()->version;
    EXPECT_EQ(get(standard, &own, &found, 0), CK_RV{CKR_OK});

    auto* const mark = reinterpret_cast<CK_INTERFACE*>(0x1234);
    found = mark;
    CK_VERSION other = {3, 0};
    CK_UTF8CHAR stranger[] = "Vendor Mock";
    EXPECT_EQ(get(standard, &other, &found, 0), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(get(stranger, nullptr, &found, 0), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(get(standard, nullptr, &found, CKF_INTERFACE_FORK_SAFE), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(get(standard, nullptr, nullptr, 0), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(found, mark);

    CK_INTERFACE room{};
    CK_ULONG none = 0;
    const auto list = P11TAPE_EXPORTED(host, C_GetInterfaceList);
    EXPECT_EQ(list(&room, &none), CK_RV{CKR_BUFFER_TOO_SMALL});
    EXPECT_EQ(none, CK_ULONG{1});
    EXPECT_EQ(list(nullptr, nullptr), CK_RV{CKR_ARGUMENTS_BAD});
  });
}

TEST_CASE("A6: 3.0, 3.1 and 3.2 tables are the shim's, and later ones as far as they are known") {
  RUN_CLEAN(setup{.mock = "interfaces=3.0+3.1+3.2+3.3+4.0"}, [] {
    const shim s;
    for (const auto v : {CK_VERSION{3, 0}, CK_VERSION{3, 1}, CK_VERSION{3, 2}, CK_VERSION{3, 3}, CK_VERSION{4, 0}}) {
      auto* const table = s.table(v.major, v.minor);
      EXPECT(table->version.major == v.major && table->version.minor == v.minor);
      EXPECT(same_object(reinterpret_cast<void*>(table->C_LoginUser), s.symbol("C_LoginUser")));
      const auto before = script()[function::C_MessageVerifyFinal].calls.load();
      EXPECT_EQ(table->C_MessageVerifyFinal(1), CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
      EXPECT_EQ(script()[function::C_MessageVerifyFinal].calls.load(), before + 1);
      if (v.major == 3 && v.minor < 2) continue;
      EXPECT(same_object(reinterpret_cast<void*>(table->C_EncapsulateKey), s.symbol("C_EncapsulateKey")));
      EXPECT_EQ(table->C_VerifySignatureFinal(1), CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
    }
  });
}

TEST_CASE("A7: a vendor's interface passes through by its name, and that is said once") {
  const auto result = run(setup{.mock = "interfaces=3.2+vendor,fork_safe"}, [] {
    const shim s;
    CK_UTF8CHAR vendor[] = "Vendor Mock";
    const auto theirs = all_of(dlopen(mock_path().c_str(), RTLD_NOW | RTLD_LOCAL));
    struct vendor_list {
      CK_VERSION version;
      CK_RV (*C_MockVendor)(CK_ULONG);
    };
    for (int n = 0; n < 3; ++n) {
      CK_INTERFACE* found = nullptr;
      EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(vendor, nullptr, &found, CKF_INTERFACE_FORK_SAFE), CK_RV{CKR_OK});
      EXPECT_EQ(name_of(*found), std::string("Vendor Mock"));
      EXPECT_EQ(found->pFunctionList, theirs[1].pFunctionList);
      EXPECT_EQ(static_cast<vendor_list*>(found->pFunctionList)->C_MockVendor(41), CK_RV{42});
    }
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  CHECK(result.err.find("Vendor Mock") != std::string::npos);
}
