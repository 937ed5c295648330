// SPDX-License-Identifier: Apache-2.0
// Mistakes, and the message that each must give: word for word, since that is what a user has to go by. {F} stands for
// the settings file.
#include <catch2/catch.hpp>

#include "folder.hpp"

namespace p11tape::tests {
namespace {

struct mistake {
  const char* file;      ///< text of the settings file, or null: none
  const char* variable;  ///< or null
  const char* message;   ///< the only problem
};

const mistake mistakes[] = {
    // Names
    {"modul: /m.so\n", nullptr, "{F}:1: modul: unknown setting (did you mean `module`?); it is ignored."},
    {"keep: 5\n\nfrobnicate: 1\n", nullptr, "{F}:3: frobnicate: unknown setting; it is ignored."},
    {"Limit: 5M\n", nullptr, "{F}:1: Limit: unknown setting (did you mean `limit`?); it is ignored."},
    {"keep: 5\nkeep: 6\n", nullptr, "{F}:2: keep: it is given twice; the last one is used."},
    {"[a]: 1\n", nullptr, "{F}:1: the name of a setting must be a word."},
    {"- keep\n", nullptr, "{F}:1: the file must contain one setting per line: `key: value`."},
    {"keep 5\n", nullptr, "{F}:1: the file must contain one setting per line: `key: value`."},
    {nullptr, "P11TAPE_MODUL=/m.so", "P11TAPE_MODUL: unknown environment variable (did you mean P11TAPE_MODULE?)."},
    {nullptr, "P11TAPE_OF=1", "P11TAPE_OF: unknown environment variable (did you mean P11TAPE_OFF?)."},
    // Kinds
    {"module: [/a.so, /b.so]\n", nullptr, "{F}:1: module: it must be one value, but is a list."},
    {"module:\n", nullptr, "{F}:1: module: it has no value; the default is used."},
    {"log:\n  level: errors\n", nullptr, "{F}:1: log: it must be one value, but is a group of settings."},
    {"limit: {a: b}\n", nullptr, "{F}:1: limit: it must be one value, but is a group of settings."},
    {"leave_out:\n  - [C_Sign]\n", nullptr, "{F}:2: leave_out: each element must be a word, but one is a list."},
    // Values
    {"limit: much\n", nullptr,
     "{F}:1: limit: the value is not a size such as 64M in the range 1M..64G. `256M` is used."},
    {"limit: 12\n", nullptr, "{F}:1: limit: the value is not a size such as 64M in the range 1M..64G. `256M` is used."},
    {"limit: 99999999999999999999G\n", nullptr,
     "{F}:1: limit: the value is not a size such as 64M in the range 1M..64G. `256M` is used."},
    {"keep: -1\n", nullptr, "{F}:1: keep: the value is not a number in the range 0..1000000. `0` is used."},
    {"keep: 2.5\n", nullptr, "{F}:1: keep: the value is not a number in the range 0..1000000. `0` is used."},
    {"record: perhaps\n", nullptr, "{F}:1: record: the value is neither on nor off. `on` is used."},
    {"profile: everything\n", nullptr,
     "{F}:1: profile: the value is not one of default, strict, payload. `strict` is used."},
    {"when_full: burst\n", nullptr, "{F}:1: when_full: the value is not one of ring, stop. `ring` is used."},
    {"slower_than: 5\n", nullptr,
     "{F}:1: slower_than: the value is not a duration such as 500us, 5ms or 2s. `0` is used."},
    {"name: \"{programm}\"\n", nullptr,
     "{F}:1: name: the value contains braces around a word that is not one of {program} {pid} {ppid} {start} {host} {uid} "
     "{module} {shim}. "
     "`{program}.{pid}.{start}.{shim}` is used."},
    {"name: a/b\n", nullptr,
     "{F}:1: name: the value must be a file name, not a path (the directory is `dir`). `{program}.{pid}.{start}.{shim}` is used."},
    {"leave_out: C_Singn\n", nullptr,
     "{F}:1: leave_out: the value is wrong: its word 1 is neither a function of PKCS#11, such as C_Sign, nor a "
     "family, such as "
     "digest. "
     "The default is used."},
    {"leave_out: [C_Login]\n", nullptr,
     "{F}:1: leave_out: the value names `C_Login`, which changes the state of the library and is always recorded. The "
     "default is "
     "used."},
    {nullptr, "P11TAPE_KEEP=many",
     "P11TAPE_KEEP: keep: the value is not a number in the range 0..1000000. `0` is used."},
    {nullptr, "P11TAPE_LOG_LEVEL=debug",
     "P11TAPE_LOG_LEVEL: log.level: the value is not one of all, errors, slow. `all` is used."},
    {nullptr, "P11TAPE_CONFIG=/nowhere/at-all.yaml",
     "P11TAPE_CONFIG: the file /nowhere/at-all.yaml does not exist. No settings file is used."},
    // Programs
    {"programs: [java]\n", nullptr,
     "{F}:1: programs: it must contain program names, with the settings of each program below its name."},
    {"programs:\n  java: 5\n", nullptr, "{F}:2: programs.java: it must be a group of settings."},
    {"programs:\n  java:\n    kep: 5\n", nullptr,
     "{F}:3: programs.java.kep: unknown setting (did you mean `keep`?); it is ignored."},
    {"programs:\n  java:\n    keep: no\n", nullptr,
     "{F}:3: programs.java.keep: the value is not a number in the range 0..1000000. `0` is used."},
    {"programs:\n  /usr/bin/java:\n    keep: 5\n", nullptr,
     "{F}:2: programs: `/usr/bin/java`: a program is named by its file name, without directories."},
    // What is no YAML
    {"keep: 5\n  limit: 6\n", nullptr, "{F}:2: the file is not valid YAML: illegal map value. The file is ignored."},
    {"keep: [1, 2\n", nullptr,
     "{F}:2: the file is not valid YAML: end of sequence flow not found. The file is ignored."},
    {"\tkeep: 5\n", nullptr, "{F}:1: the file is not valid YAML: illegal map value. The file is ignored."},
};

std::string expected(std::string text, const std::string& file) {
  for (auto at = text.find("{F}"); at != std::string::npos; at = text.find("{F}", at)) text.replace(at, 3, file);
  return text + "\n";
}

TEST_CASE("each wrong setting gives its message") {
  CHECK(std::size(mistakes) >= 30);
  for (const auto& m : mistakes) {
    folder f;
    if (m.file != nullptr) f.write("p11tape.yaml", m.file);
    std::vector<std::string> variables;
    if (m.variable != nullptr) variables.push_back(m.variable);
    const auto& s = f.read(variables);
    CAPTURE(m.file != nullptr ? m.file : m.variable);
    CHECK(std::string(s.problems) == expected(m.message, f.path("p11tape.yaml")));
    // Recording goes on; a module is never guessed.
    CHECK(s.number(capture::setting::limit) == capture::u64{256} << 20);
    CHECK(s.module_path[0] == 0);
  }
}

TEST_CASE("a wrong module keeps other sources from naming one") {
  folder f;
  f.write("p11tape.yaml", "module: [/a.so]\n");
  CHECK(std::string(f.read({"PKCS11SPY=/spied.so"}).module_path).empty());
  f.write("p11tape.yaml", "module: {\n");
  CHECK(std::string(f.read({"PKCS11SPY=/spied.so"}).module_path).empty());
  CHECK(std::string(f.read({"P11TAPE_CONFIG=/nowhere.yaml", "PKCS11SPY=/spied.so"}).module_path).empty());
  // A variable says it anew.
  CHECK(std::string(f.read({"P11TAPE_MODULE=/m.so"}).module_path) == "/m.so");
  // Elsewhere in the file it does no harm.
  f.write("p11tape.yaml", "module: /a.so\nprograms: {java: {module: [x]}}\n");
  CHECK(std::string(f.read().module_path) == "/a.so");
}

TEST_CASE("absurd files are refused, not obeyed") {
  folder f;
  f.write("p11tape.yaml", std::string(300 * 1024, ' '));
  CHECK(std::string(f.read().problems).find("it is too large") != std::string::npos);
  f.write("p11tape.yaml", "keep: " + std::string(100000, '['));
  CHECK(std::string(f.read().problems).find("not valid YAML") != std::string::npos);
  f.write("p11tape.yaml", "module: " + std::string(5000, 'x') + "\n");
  CHECK(std::string(f.read().problems).find("is longer than 1023 bytes") != std::string::npos);
  f.write("p11tape.yaml", std::string("keep: 5\0\0\0", 10) + std::string(100, '\xff'));
  f.read();
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "wrong" + std::to_string(i) + ": 1\n";
  f.write("p11tape.yaml", many + "keep: 7\n");
  CHECK(f.read().number(capture::setting::keep) == 7);
  std::filesystem::remove(f.path("p11tape.yaml"));
  std::filesystem::create_directory(f.path("p11tape.yaml"));
  CHECK(std::string(f.read().problems).find("it is not a regular file") != std::string::npos);
}

}  // namespace
}  // namespace p11tape::tests
