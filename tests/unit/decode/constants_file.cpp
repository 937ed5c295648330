// SPDX-License-Identifier: Apache-2.0
// Constants files: good ones, broken ones, and the one that we ship.
#include "decode/constants_file.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>

#include "cryptoki/extra_names.hpp"
#include "cryptoki/tables.hpp"

namespace {

using namespace p11tape;
using decode::load_constants;

/// A file in a folder of its own, gone at the end of the test.
class file {
 public:
  explicit file(std::string_view text) {
    char folder[] = "/tmp/p11tape-constants-XXXXXX";
    REQUIRE(::mkdtemp(folder));
    folder_ = folder;
    std::ofstream{path()} << text;
  }
  ~file() {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  std::string path() const { return folder_ + "/names.yaml"; }

 private:
  std::string folder_;
};

/// The error for a file's text, without the folder; "" for a good one.
std::string error_of(std::string_view text) {
  const file f{text};
  auto error = load_constants(f.path(), {}).error;
  if (const auto at = error.find("names.yaml"); at != std::string::npos) error.erase(0, at);
  return error;
}

TEST_CASE("a good file adds names", "[decode][constants_file]") {
  const file f{
      "acme:\n"
      "  mechanism:\n"
      "    CKM_ACME_ONE: 0x80990001\n"
      "    CKM_ACME_TWO: CKM_VENDOR_DEFINED + 0x990002\n"
      "  attribute: {CKA_ACME: 2157510659}\n"
      "  return_value:\n"
      "    CKR_ACME: CKR_VENDOR_DEFINED+0x990004\n"};
  const auto result = load_constants(f.path(), {});
  CHECK(result.error == "");
  CHECK(result.added == 4);
  CHECK(cryptoki::display_name("mechanism", 0x80990001) == "CKM_ACME_ONE");
  CHECK(cryptoki::display_name("mechanism", 0x80990002) == "CKM_ACME_TWO");
  CHECK(cryptoki::display_name("attribute", 2157510659) == "CKA_ACME");
  CHECK(cryptoki::display_name("return_value", 0x80990004) == "CKR_ACME");
  CHECK(load_constants(f.path(), {}).added == 0);  // a second time changes nothing
  CHECK(error_of("") == "");
  CHECK(error_of("# nothing but a comment\n") == "");
}

TEST_CASE("a section counts for its own modules only", "[decode][constants_file]") {
  const file f{
      "one:\n"
      "  modules: [libone, libeins.so]\n"
      "  mechanism: {CKM_OF_ONE: 0x80aa0001}\n"
      "two:\n"
      "  modules: [libtwo]\n"
      "  mechanism: {CKM_OF_TWO: 0x80aa0002}\n"
      "all:\n"
      "  mechanism: {CKM_OF_ALL: 0x80aa0003}\n"};
  const std::string modules[] = {"/opt/vendor/lib/libone_64.so.2"};
  CHECK(load_constants(f.path(), modules).added == 2);
  CHECK(cryptoki::display_name("mechanism", 0x80aa0001) == "CKM_OF_ONE");
  CHECK(cryptoki::display_name("mechanism", 0x80aa0002) == "CKM_VENDOR_DEFINED+0xaa0002");
  CHECK(cryptoki::display_name("mechanism", 0x80aa0003) == "CKM_OF_ALL");
  // A section that does not count is checked all the same.
  const file broken{"x:\n  modules: [libx]\n  mechanism: {CKM_X: much}\n"};
  CHECK(load_constants(broken.path(), modules).error != "");
}

TEST_CASE("errors name the file, the line and the key", "[decode][constants_file]") {
  CHECK(error_of("a:\n  mechanisms: {}\n") ==
        "names.yaml:2: a.mechanisms: unknown key; a section has modules, mechanism, attribute, return_value, key_type, "
        "object_class, user_type, trust, hardware_feature");
  CHECK(error_of("a:\n  mechanism:\n    CKM_X: []\n") ==
        "names.yaml:3: a.mechanism.CKM_X: this must be a number (0x80000010) or NAME+number (CKM_VENDOR_DEFINED+0x10)");
  CHECK(error_of("a:\n  mechanism:\n    CKM_X: much\n") ==
        "names.yaml:3: a.mechanism.CKM_X: much is not a number (0x80000010) or NAME+number (CKM_VENDOR_DEFINED+0x10)");
  CHECK(error_of("a:\n  mechanism:\n    CKM_X: CKM_NONE+1\n") ==
        "names.yaml:3: a.mechanism.CKM_X: CKM_NONE is not a name of PKCS#11");
  CHECK(error_of("a:\n  mechanism:\n    CKA_X: 1\n") ==
        "names.yaml:3: a.mechanism.CKA_X: names of this group are words that start with CKM_");
  CHECK(error_of("a:\n  mechanism:\n    \"CKM_X\\e[2J\": 1\n").find("words that start with") != std::string::npos);
  CHECK(error_of("a:\n  mechanism:\n    CKM_AES_CBC: 0x80000001\n") ==
        "names.yaml:3: a.mechanism.CKM_AES_CBC: the standard uses this name for another value (choose another name)");
  CHECK(error_of("a:\n  mechanism:\n    CKM_X: 0x1082\n") ==
        "names.yaml:3: a.mechanism.CKM_X: the standard already names this value: CKM_AES_CBC (remove this entry)");
  CHECK(error_of("a:\n  mechanism:\n    CKM_X: 0x80bb0001\n    CKM_X: 0x80bb0002\n") ==
        "names.yaml:4: a.mechanism.CKM_X: this name is given twice");
  CHECK(error_of("a:\n  modules: libx\n") == "names.yaml:2: a.modules: this must be a list of file name prefixes");
  CHECK(error_of("a:\n  modules: [\"\"]\n") == "names.yaml:2: a.modules: an empty name would match every module");
  CHECK(error_of("a: 1\n") == "names.yaml:1: a: this must be a section with groups of names");
  CHECK(error_of("[]\n") == "names.yaml:1: a constants file is a list of sections, one per vendor");
  CHECK(error_of("a:\n  mechanism: {}\na:\n  mechanism: {}\n") == "names.yaml:3: a: this section is given twice");
  CHECK(error_of("a:\n  mechanism: {CKM_Y: 0x80bb0003}\nb:\n  mechanism: {CKM_Y: 0x80bb0004}\n")
            .find("CKM_Y: two sections use this name for different values") != std::string::npos);
  CHECK(error_of("a:\n  mechanism:\n   - [\n").starts_with("names.yaml:"));
  CHECK(error_of("a:\n\tmechanism: 1\n").find("not valid YAML: ") != std::string::npos);
  CHECK(error_of("a:\n  mechanism: {CKM_Z: 0x1ffffffffffffffff}\n").find("is not a number") != std::string::npos);
  CHECK(error_of("a:\n  mechanism: {CKM_Z: 0xffffffffffffffff+1}\n").find("is not a name") != std::string::npos);
}

TEST_CASE("a broken file adds nothing", "[decode][constants_file]") {
  const file f{"a:\n  mechanism:\n    CKM_GOOD: 0x80cc0001\n    CKM_BAD: bad\n"};
  CHECK(load_constants(f.path(), {}).added == 0);
  CHECK(cryptoki::extra_name("mechanism", 0x80cc0001) == "");
}

TEST_CASE("a file that cannot be read", "[decode][constants_file]") {
  const auto result = load_constants("/nonexistent/names.yaml", {});
  CHECK(result.error == "/nonexistent/names.yaml: cannot read this constants file: No such file or directory");
  CHECK(load_constants("/tmp", {}).error == "/tmp: not a constants file (it is a directory)");
}

TEST_CASE("the file that we ship", "[decode][constants_file]") {
  const std::string luna[] = {"/usr/safenet/lunaclient/lib/libCryptoki2_64.so"};
  const auto result = load_constants(P11TAPE_CONSTANTS_FILE, luna);
  CHECK(result.error == "");
  CHECK(result.added > 200);
  CHECK(cryptoki::display_name("return_value", 0x80000024) == "CKR_TIMEOUT");
  CHECK(cryptoki::display_name("attribute", 0x80000001) == "CKA_CCM_PRIVATE");
  CHECK(cryptoki::display_name("user_type", 0x80000002) == "CKU_AUDIT");

  const auto all = load_constants(P11TAPE_CONSTANTS_FILE, {});
  CHECK(all.error == "");
  CHECK(all.added > 200);
  CHECK(cryptoki::display_name("mechanism", 0xde436997) == "CKM_NC_SHA256_HMAC_KEY_GEN");
  CHECK(cryptoki::display_name("attribute", 0x80000001).find(" or CKA_IBM_OPAQUE") != std::string::npos);
  CHECK(cryptoki::display_name("key_type", 0xd955421d) == "CKK_YUBICO_AES128_CCM_WRAP");
}

#ifdef P11TAPE_NSS_VENDOR_HEADER
TEST_CASE("our names of NSS's constants are those of the installed header", "[decode][constants_file]") {
  REQUIRE(load_constants(P11TAPE_CONSTANTS_FILE, {}).error == "");
  std::ifstream in{P11TAPE_NSS_VENDOR_HEADER};
  const std::string header{std::istreambuf_iterator<char>{in}, {}};
  const std::regex line{R"(#define (CK[AMROKT]_NSS_\w+) \(CK[A-Z]_NSS \+ (\d+)\))"};
  int compared = 0;
  for (std::sregex_iterator it{header.begin(), header.end(), line}, end; it != end; ++it) {
    std::uint64_t value = 0;
    INFO((*it)[1]);
    REQUIRE(cryptoki::value_of((*it)[1].str(), value));
    CHECK(value == 0xce534350 + std::stoull((*it)[2].str()));
    ++compared;
  }
  CHECK(compared > 60);
}
#endif

}  // namespace
