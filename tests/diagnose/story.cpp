// SPDX-License-Identifier: Apache-2.0
#include "story.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "clients/formats/mq_sslcryp.hpp"
#include "diagnose/synthetic.hpp"

namespace p11tape::test {
namespace {

const diagnose::finding* find_in(const std::vector<diagnose::finding>& all, std::string_view id) {
  for (const auto& f : all) {
    if (f.id == id) return &f;
    if (const auto* inside = find_in(f.consequences, id)) return inside;
  }
  return nullptr;
}

// Evidence is printed behind the numbers of its calls: it need not say them again.
void check_evidence(const std::vector<diagnose::finding>& all) {
  for (const auto& f : all) {
    for (const auto& e : f.shown)
      if (e.calls.size() == 1) CHECK_FALSE(e.text.starts_with("call " + std::to_string(e.calls[0].value())));
    check_evidence(f.consequences);
  }
}

told diagnose_folder(const contract::scratch& files, diagnose::configured set) {
  std::vector<std::string> paths;
  for (const auto& t : contract::tapes(files / "tapes")) paths.push_back(t.string());
  return told(paths, std::move(set));
}

}  // namespace

told::told(const std::vector<std::string>& tapes, diagnose::configured set) : set_(std::move(set)) {
  std::vector<const tape::reader*> all;
  for (const auto& path : tapes) all.push_back(readers_.emplace_back(std::make_unique<tape::reader>(path)).get());
  processes = diagnose::collect_all(all, {});
  answer = diagnose::examine(processes, set_);
  check_evidence(answer.found);
  if (expect_general::expected()) return;
  for (const auto& f : answer.found)
    if (f.id == "P80" && f.level == diagnose::severity::error) FAIL_CHECK("the general finding: " << f.say);
}

const diagnose::finding* told::find(std::string_view id) const { return find_in(answer.found, id); }
bool told::has(std::string_view id) const { return find(id) != nullptr; }
bool told::has_error(std::string_view id) const {
  const auto* f = find(id);
  return f != nullptr && f->level == diagnose::severity::error;
}
std::string told::first() const { return answer.found.empty() ? "" : std::string(answer.found.front().id); }

std::string told::text(bool verbose) const {
  std::string out;
  append_text(answer, {processes, set_, {}, false, verbose}, out);
  return out;
}

std::vector<std::string> told::lines() const {
  std::vector<std::string> all;
  const auto whole = text();
  for (std::size_t at = 0; at < whole.size();) {
    const auto end = std::min(whole.find('\n', at), whole.size());
    all.push_back(whole.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

contract::setup with_mock(std::string options) {
  contract::setup s;
  s.mock = std::move(options);
  return s;
}

told story(contract::setup around, const std::function<void()>& host, diagnose::configured set) {
  const contract::scratch files;
  around.dir = (files / "tapes").string();
  const auto ended = contract::run(around, host);
  INFO(ended.describe());
  CHECK(ended.clean());
  return diagnose_folder(files, std::move(set));
}

told sad_story(contract::setup around, const std::function<void()>& host) {
  const contract::scratch files;
  around.dir = (files / "tapes").string();
  contract::run(around, host);
  return diagnose_folder(files, {});
}

diagnose::configured sslcryp(std::string_view text) {
  return diagnose::configured_by(clients::read_pasted_mq_string(text), "the crypto-hardware string");
}

told tape_story::diagnose() { return told({write()}); }
told tape_story::diagnose(const diagnose::configured& set) { return told({write()}, set); }

}  // namespace p11tape::test
