// SPDX-License-Identifier: Apache-2.0
// The doctor with a real module (SoftHSM) and with modules that misbehave, each in a process of its own.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "clients/doctor/doctor.hpp"
#include "clients/doctor/doctor_report.hpp"
#include "clients/doctor/doctor_token.hpp"
#include "folder.hpp"

using namespace p11tape::clients;

namespace {

constexpr const char* softhsm = "/usr/lib/softhsm/libsofthsm2.so";

// A token store of its own for each test; SoftHSM reads its settings in the child.
struct token_store {
  folder f;
  token_store() {
    std::filesystem::create_directory(f / "tokens");
    write_text(f / "softhsm2.conf", "directories.tokendir = " + (f / "tokens") + "\nobjectstore.backend = file\n");
    setenv("SOFTHSM2_CONF", (f / "softhsm2.conf").c_str(), 1);
  }
  ~token_store() { unsetenv("SOFTHSM2_CONF"); }
  token_store(const token_store&) = delete;
  token_store& operator=(const token_store&) = delete;
  void add(const std::string& label) {
    const std::string command =
        "softhsm2-util --init-token --free --label '" + label + "' --so-pin 87654321 --pin 12345678 >/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
  }
};

doctor_options options() {
  doctor_options o;
  o.user = current_user();
  o.program = P11TAPE_PROBE;
  o.timeout = std::chrono::milliseconds(15000);
  return o;
}

examination examine(const std::string& label, const doctor_options& o) {
  return examine_text(client::mq_string,
                      std::string("GSK_PKCS11=") + softhsm + ";" + label + ";12345678;SYMMETRIC_CIPHER_OFF;", "",
                      "test", o);
}

const finding& find(const findings& all, code c) {
  for (const auto& f : all.all())
    if (f.what == c) return f;
  FAIL("the finding is not there");
  return all.all().front();
}

}  // namespace

TEST_CASE("a label of the old form is explained, with the text to configure, and without the PIN") {
  token_store store;
  store.add("mytoken (UserPIN)");
  const auto e = examine("UserPIN (mytoken)", options());
  const auto& f = find(e.found, code::CFG605);
  CHECK(f.title.find("P9g") != std::string::npos);
  CHECK(f.advice.find("\"mytoken (UserPIN)\"") != std::string::npos);
  CHECK(f.detail.find("^^") != std::string::npos);
  CHECK(status_of({e}) == 1);
  CHECK((report_text({e}, true) + report_json({e})).find("12345678") == std::string::npos);
  CHECK(examine("mytoken (UserPIN)", options()).found.has(code::CFG612));
}

TEST_CASE("one login, only where a PIN is given") {
  token_store store;
  store.add("mytoken");
  auto o = options();
  CHECK(!examine("mytoken", o).found.has(code::CFG614));
  const secret_buffer right(std::string_view("12345678")), wrong(std::string_view("87654320"));
  o.pin = &right;
  const auto fine = examine("mytoken", o);
  CHECK(fine.found.has(code::CFG614));
  CHECK(status_of({fine}) == 0);
  CHECK(examine("another", o).found.has(code::CFG616));
  o.pin = &wrong;
  const auto refused = examine("mytoken", o);
  CHECK(find(refused.found, code::CFG615).detail.find("CKR_PIN_INCORRECT") != std::string::npos);
  CHECK(report_text({refused}, true).find("87654320") == std::string::npos);
  // SoftHSM remembers the wrong one.
  o.pin = nullptr;
  CHECK(examine("mytoken", o).found.has(code::CFG607));
}

TEST_CASE("no login on a locked, empty or almost locked token") {
  p11tape::label::token t;
  auto o = options();
  CHECK(!reason_not_to_log_in(t, o).empty());
  t.flags = 0x400;  // CKF_TOKEN_INITIALIZED
  CHECK(reason_not_to_log_in(t, o).empty());
  t.flags |= 0x20000;  // CKF_USER_PIN_FINAL_TRY
  CHECK(!reason_not_to_log_in(t, o).empty());
  o.yes_final_try = true;
  CHECK(reason_not_to_log_in(t, o).empty());
  t.flags |= 0x40000;  // CKF_USER_PIN_LOCKED
  CHECK(!reason_not_to_log_in(t, o).empty());
}

TEST_CASE("the states of a token are told") {
  probe_result probe;
  probe.end = probe_end::answered;
  p11tape::label::token t;
  t.label = "mytoken";
  reading r;
  r.token_label = "mytoken";
  const auto judged = [&](std::uint64_t flags) {
    t.flags = flags;
    probe.tokens = {t};
    findings out;
    judge_tokens(out, probe, r, options());
    return out;
  };
  CHECK(judged(0).has(code::CFG606));
  CHECK(judged(0x400 | 0x4).has(code::CFG610));
  CHECK(judged(0x408 | 0x10000).has(code::CFG607));
  CHECK(judged(0x408 | 0x30000).has(code::CFG608));
  CHECK(judged(0x408 | 0x40000).has(code::CFG609));
  CHECK(judged(0x408 | 0x80000).has(code::CFG618));
  CHECK(judged(0x40C).worst() == severity::info);
}

TEST_CASE("modules that misbehave do no harm") {
  auto o = options();
  const std::string folder_of_modules = P11TAPE_BAD_MODULES;
  CHECK(find(examine_module(folder_of_modules + "/unit-clients-crash.so", o).found, code::CFG603)
            .detail.find("crashed") != std::string::npos);
  CHECK(find(examine_module(folder_of_modules + "/unit-clients-fail.so", o).found, code::CFG602)
            .detail.find("CKR_DEVICE_ERROR") != std::string::npos);
  CHECK(examine_module(folder_of_modules + "/unit-clients-print.so", o).found.has(code::CFG604));
  o.timeout = std::chrono::milliseconds(300);
  CHECK(find(examine_module(folder_of_modules + "/unit-clients-hang.so", o).found, code::CFG603)
            .detail.find("timed out") != std::string::npos);
}

TEST_CASE("files that are no modules are not loaded") {
  folder f;
  const auto found_in = [&](const std::string& path) { return examine_module(path, options()).found; };
  CHECK(found_in(f / "missing.so").has(code::CFG501));
  CHECK(examine_module(f / "missing.so", options()).usable == false);
  write_text(f / "text.so", "not a library");
  CHECK(found_in(f / "text.so").has(code::CFG503));
  CHECK(found_in(f.path()).has(code::CFG502));
  std::string elf(128, '\0');
  elf.replace(0, 6,
              "\x7F"
              "ELF\x01\x01");
  elf[16] = 3;
  elf[18] = 3;  // EM_386
  write_text(f / "small.so", elf);
  CHECK((found_in(f / "small.so").has(code::CFG504) || found_in(f / "small.so").has(code::CFG505)));
  CHECK(found_in("/usr/lib/x86_64-linux-gnu/libc.so.6").has(code::CFG507));
}

TEST_CASE("a user is named by name or by number, and a number needs no name") {
  const auto root = user_named("0");
  REQUIRE(root);
  CHECK((root->uid == 0 && root->name == user_named("root")->name && root->groups == user_named("root")->groups));
  const auto nameless = user_named("1000650123");
  REQUIRE(nameless);
  CHECK((nameless->uid == 1000650123 && nameless->name == "1000650123" && nameless->groups.empty()));
  for (const auto* none : {"", "-1", "0x0", "12 ", "99999999999", "no-such-user"}) CHECK_FALSE(user_named(none));
}

TEST_CASE("where a library is, and what it is, is told") {
  folder f;
  const auto found_in = [&](const std::string& path) { return inspect_module(path, current_user()).found; };
  std::ifstream in(softhsm, std::ios::binary);
  const std::string library(std::istreambuf_iterator<char>(in), {});
  REQUIRE(library.size() > 1000);
  write_text(f / "copy.so", library);
  CHECK(found_in(f / "copy.so").has(code::CFG511));
  write_text(f / "p11-kit-proxy.so", library);
  CHECK(found_in(f / "p11-kit-proxy.so").has(code::CFG512));
  auto program = library;
  program[16] = 2;  // ET_EXEC
  write_text(f / "program.so", program);
  CHECK(found_in(f / "program.so").has(code::CFG506));
  // What makes a recorder is the name of its first setting.
  write_text(f / "recorder.so", library + "P11TAPE_MODULE");
  CHECK(found_in(f / "recorder.so").has(code::CFG514));
  write_text(f / "recorder.yaml", "module: /real.so\n");
  CHECK(find(found_in(f / "recorder.so"), code::CFG513).detail.find("/real.so") != std::string::npos);
}

TEST_CASE("a library that lacks one that it needs is not loaded, and the loader's message is told") {
  folder f;
  std::ifstream in(softhsm, std::ios::binary);
  std::string library(std::istreambuf_iterator<char>(in), {});
  const auto at = library.find("libcrypto.so.");
  REQUIRE(at != std::string::npos);
  library[at + 3] = 'X';
  write_text(f / "copy.so", library);
  CHECK(find(examine_module(f / "copy.so", options()).found, code::CFG601).detail.find("libXrypto") !=
        std::string::npos);
}

TEST_CASE("a password in a file that everyone may read is told") {
  folder f;
  write_text(f / "mqclient.ini",
             "SSL:\n  SSLCryptoHardware=GSK_PKCS11=/nowhere.so\\;label\\;12345678\\;SYMMETRIC_CIPHER_OFF\\;\n");
  REQUIRE(chmod((f / "mqclient.ini").c_str(), 0644) == 0);
  CHECK(examine_file(client::mq_ini, f / "mqclient.ini", options()).found.has(code::CFG305));
  REQUIRE(chmod((f / "mqclient.ini").c_str(), 0640) == 0);
  CHECK(!examine_file(client::mq_ini, f / "mqclient.ini", options()).found.has(code::CFG305));
}

TEST_CASE("without a label the tokens are listed, and two of one label are told") {
  token_store store;
  store.add("twin");
  CHECK(find(examine_module(softhsm, options()).found, code::CFG617).detail.find("twin") != std::string::npos);
  CHECK(!examine("twin", options()).found.has(code::CFG613));
  store.add("twin");
  CHECK(examine("twin", options()).found.has(code::CFG613));
}

TEST_CASE("permissions are judged for the user that runs the client") {
  folder f;
  const std::string module = f / "closed/m.so";
  std::filesystem::create_directory(f / "closed");
  write_text(module, "x");
  chmod((f / "closed").c_str(), 0700);
  const file_user other{"other", 54321, {54321}};
  CHECK(inspect_module(module, other).found.has(code::CFG508));
  chmod((f / "closed").c_str(), 0755);
  chmod(f.path().c_str(), 0755);
  chmod(module.c_str(), 0600);
  CHECK(inspect_module(module, other).found.has(code::CFG509));
  chmod(module.c_str(), 0666);
  CHECK(inspect_module(module, other).found.has(code::CFG510));
  chmod((f / "closed").c_str(), 0777);
  CHECK(inspect_module(module, other).found.has(code::CFG510));
}

TEST_CASE("certificate labels of a CCDT are looked for on the tokens") {
  examined_module m{"/x.so", "/x.so", "", probe_result{}};
  m.probe->end = probe_end::answered;
  p11tape::label::token t;
  t.label = "mytoken";
  t.objects = {"my_cert"};
  m.probe->tokens = {t};
  findings out;
  check_certificates(out, {"my_cert", "mytoken:my_cert"}, {m});
  CHECK(out.empty());
  check_certificates(out, {"ibmwebspheremqalice"}, {m});
  CHECK(find(out, code::CFG611).detail.find("my_cert") != std::string::npos);
}

TEST_CASE("what cannot be read is said and gives status 2") {
  const auto e = examine_file(client::mq_ini, "/not/there.ini", options());
  CHECK(e.found.has(code::CFG307));
  CHECK(status_of({e}) == 2);
}
