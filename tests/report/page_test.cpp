// SPDX-License-Identifier: Apache-2.0
// What the page contains, and what it can never contain.
#include <algorithm>
#include <catch2/catch.hpp>

#include "diagnose/synthetic.hpp"
#include "report/report.hpp"
#include "text/phrase.hpp"

namespace p11tape::test {
namespace {

struct reported {
  explicit reported(const std::vector<std::string>& paths, std::size_t most_calls = 100000) {
    for (const auto& p : paths) all.push_back(readers.emplace_back(std::make_unique<tape::reader>(p)).get());
    measured = profile::measure_all(all, report::wanted_for_page(all.size()));
    report::append_page({all, measured, {}, most_calls}, page);
  }

  bool has(std::string_view text) const { return page.find(text) != std::string::npos; }
  std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (auto at = page.find(text); at != std::string::npos; at = page.find(text, at + 1)) ++n;
    return n;
  }

  std::vector<std::unique_ptr<tape::reader>> readers;
  std::vector<const tape::reader*> all;
  profile::measured measured;
  std::string page;
};

TEST_CASE("Nothing on a tape becomes markup, and the page needs nothing from elsewhere") {
  const std::string evil = "</script><img src=x onerror=al";  // 30 bytes fit into a label
  tape_story s;
  s.program("<b>\"x\"</b>&").property("module", "<script>alert(1)</script>").property("host", "<i>host</i>");
  s.initialize().slot_list({5}).token_info(5, {.label = evil}).open(5, 1).login(1);
  s.find(1, CKO_PRIVATE_KEY, "<script>alert(2)</script>", "\x01", {42});
  for (int i = 0; i < 10; ++i) s.sign_init(1, CKM_RSA_PKCS, 42).sign(1);
  s.open(5, 2).login(2, CKR_PIN_INCORRECT);
  const reported r({s.write()});
  CHECK(r.has("&lt;/script&gt;&lt;img src=x"));
  CHECK(r.has("&lt;script&gt;alert(2)"));
  CHECK(r.has("\\u003cscript>alert(2)"));
  CHECK(r.has("&lt;b&gt;"));
  CHECK(r.has("&lt;i&gt;host"));
  for (const auto* markup : {"<img", "<b>", "<i>", "<script>alert", " style=\"", " onclick", " onerror=\""}) {
    INFO(markup);
    CHECK_FALSE(r.has(markup));
  }
  for (const auto* elsewhere : {"http://", "https://", " src=\"", "<link", "@import", "url("}) {
    INFO(elsewhere);
    CHECK_FALSE(r.has(elsewhere));
  }
  CHECK(r.has("default-src 'none'; style-src 'sha256-"));
  CHECK_FALSE(r.has("unsafe"));
  // Two pieces of data, and the two scripts that read them.
  CHECK(r.count("<script") == 4);
  CHECK(r.count("</script>") == 4);
}

TEST_CASE("The page says what went wrong, when, and whether anything is missing") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {.label = "payments"}).open(5, 1).login(1, CKR_PIN_INCORRECT);
  const reported r({s.write()});
  const auto& f = r.measured.findings.found.at(0);
  CHECK(f.id == "P12");
  CHECK(f.wall != 0);
  CHECK(r.has("The recording is COMPLETE."));
  CHECK(r.has("COMPLETE: every call is on the tape"));
  CHECK(r.has(text::cat("<a href=\"#call-1:", f.first_call(), "\">call ", f.first_call(), "</a>")));
  CHECK(r.has(R"(<td class="bad">)"));

  tape_story filtered;
  filtered.filtered().initialize().slot_list({5});
  const reported both({s.write("s.p11tape"), filtered.write("filtered.p11tape")});
  CHECK(both.has("1 of 2 recordings is INCOMPLETE"));
  CHECK(both.has("INCOMPLETE: "));
  CHECK(both.has(">call 1:"));
}

TEST_CASE("Of too many calls those around findings are listed, and those that failed") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {.label = "payments"}).open(5, 1).login(1);
  s.find(1, CKO_PRIVATE_KEY, "k", "\x01", {42});
  for (int i = 0; i < 1000; ++i) s.sign_init(1, CKM_RSA_PKCS, 42).sign(1);
  s.call("C_GetSessionInfo", {99, 0}, CKR_DEVICE_ERROR);
  for (int i = 0; i < 1000; ++i) s.sign_init(1, CKM_RSA_PKCS, 42).sign(1);
  const auto path = s.write();
  const reported whole({path});
  CHECK_FALSE(whole.has("The list has "));
  const reported some({path}, 1000);
  CHECK(some.has("The list has "));
  CHECK(some.has("\"CKR_DEVICE_ERROR\""));
  CHECK(some.page.size() < whole.page.size());
}

}  // namespace
}  // namespace p11tape::test
