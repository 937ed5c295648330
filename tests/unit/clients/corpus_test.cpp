// SPDX-License-Identifier: Apache-2.0
// Each file of the corpus is read, and its verdict compared with what stands in <client>.expected.
// P11TAPE_APPROVE=1 writes the verdicts as they are now.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "clients/clients.hpp"
#include "corpus.hpp"

using namespace p11tape::clients;

namespace {

std::string verdict_of(client kind, const std::filesystem::path& file) {
  const std::string text = corpus::read_file(file);
  const reading r = read_as(kind, text, file.filename().string());
  std::string out = "== " + file.filename().string() + (r.recognised ? "" : "  (not of this kind)") + '\n';
  for (const auto& m : r.modules)
    out += "module " + m.path + (m.name.empty() ? "" : " [" + m.name + "]") + ", line " + std::to_string(m.line) + '\n';
  if (r.token_label)
    out += "token label " + (r.label_may_be_pin ? std::string("not shown") : p11tape::label::quoted(*r.token_label)) +
           '\n';
  for (const auto& c : r.certificate_labels) out += "certificate label " + p11tape::label::quoted(c) + '\n';
  if (r.password.given) out += "password of " + std::to_string(r.password.length) + " bytes\n";
  if (!r.shown.empty()) out += "shown " + r.shown + '\n';
  for (const auto& f : r.found.all()) {
    out += std::string(f.id()) + ' ' + std::string(name_of(f.level)) +
           (f.line == 0 ? "" : ", line " + std::to_string(f.line)) + ": " + f.title;
    out += f.detail.empty() ? "\n" : "\n    " + f.detail + '\n';
  }
  return out;
}

}  // namespace

TEST_CASE("the corpus gives the expected verdicts, and never a password") {
  std::size_t files = 0;
  for (const auto& folder : corpus::sorted(corpus::root(), true)) {
    const auto kind = client_named(folder.filename().string());
    REQUIRE(kind.has_value());
    std::string now;
    for (const auto& file : corpus::sorted(folder, false)) {
      ++files;
      now += verdict_of(*kind, file) + '\n';
    }
    CHECK(now.find(corpus::password) == std::string::npos);
    CHECK(now.find("12345678") == std::string::npos);
    const std::filesystem::path golden = folder.string() + ".expected";
    if (std::getenv("P11TAPE_APPROVE") != nullptr) std::ofstream(golden, std::ios::binary) << now;
    INFO(golden);
    CHECK(corpus::read_file(golden) == now);
  }
  CHECK(files >= 60);
}

TEST_CASE("a good file has no finding of severity error, a bad one has a warning or an error") {
  for (const auto& folder : corpus::sorted(corpus::root(), true))
    for (const auto& file : corpus::sorted(folder, false)) {
      const std::string name = file.filename().string();
      const auto r = read_as(*client_named(folder.filename().string()), corpus::read_file(file), name);
      INFO(file);
      if (name.starts_with("good-")) CHECK(r.found.worst() != severity::error);
      if (name.starts_with("bad-")) CHECK(r.found.worst() != severity::info);
    }
}

TEST_CASE("every byte range of a module holds exactly the path as it is written there") {
  for (const auto& folder : corpus::sorted(corpus::root(), true))
    for (const auto& file : corpus::sorted(folder, false)) {
      const auto kind = *client_named(folder.filename().string());
      if (kind == client::mq_string) continue;  // a string is not a file: its places count in the string alone
      const std::string text = corpus::read_file(file);
      const auto r = read_as(kind, text, file.filename().string());
      for (const auto& m : r.modules) {
        INFO(file << " " << m.path);
        REQUIRE(m.begin <= m.end);
        REQUIRE(m.end <= text.size());
        // Put another path there and read again: it must be understood, and nothing else may change.
        const bool escapes_all = m.how == escaping::mq_ini || m.how == escaping::java || m.how == escaping::openssl;
        const std::string other = escapes_all ? "/x y/\\a#c$.so" : "/x/a.so";
        const auto again = read_as(kind, text.substr(0, m.begin) + escape(other, m.how) + text.substr(m.end),
                                   file.filename().string());
        CHECK(std::any_of(again.modules.begin(), again.modules.end(), [&](const auto& p) { return p.path == other; }));
        CHECK(again.token_label == r.token_label);
        CHECK(again.password.length == r.password.length);
      }
    }
}

TEST_CASE("cut anywhere, with any byte changed, every file is still read without a crash") {
  for (const auto& folder : corpus::sorted(corpus::root(), true))
    for (const auto& file : corpus::sorted(folder, false)) {
      const auto kind = *client_named(folder.filename().string());
      const std::string text = corpus::read_file(file);
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        const auto r = read_as(kind, std::string_view(text).substr(0, cut), "x");
        for (const auto& m : r.modules)
          if (kind != client::mq_string && m.end > cut) FAIL(file << " cut at " << cut);
      }
      for (std::size_t i = 0; i < text.size(); ++i)
        for (const char c : {'\0', '\n', '"', ';', '(', '\\', '\xFF'}) {
          std::string changed = text;
          changed[i] = c;
          read_as(kind, changed, "x");
        }
    }
}
