// SPDX-License-Identifier: Apache-2.0
// What is written for other programs: JSON, traces, stacks.
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "profiled.hpp"

namespace p11tape::test {
namespace {

using nlohmann::json;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// C_Login takes 6 ms and has C_GetInfo inside it, 2 ms; two threads sign at the same time.
void nested(tape_story& s) {
  s.lasting(ms).initialize().slot_list({5}).token_info(5, {.label = "t"}).open(5, 1);
  s.begin("C_Login", {1, CKU_USER, 1, 8}).wait(2 * ms).lasting(2 * ms).call("C_GetInfo", {1}).wait(2 * ms - 2 * us);
  s.end("C_Login").find(1, CKO_PRIVATE_KEY, "k", "\x01", {42});
  for (u64 t = 1; t <= 2; ++t) s.thread(t).lasting(ms).sign_init(1, CKM_RSA_PKCS, 42).begin("C_Sign", {1, 1, 20, 1, 1});
  for (u64 t = 1; t <= 2; ++t) s.thread(t).wait(5 * ms).end("C_Sign");
  s.begin("C_Finalize", {0});
}

TEST_CASE("The trace parses, and its events nest") {
  tape_story s;
  nested(s);
  const temporary_folder folder;
  const auto path = folder.path() + "/trace.json";
  profile::trace_file file(path);
  const profiled p(s, {false, false, &file});
  file.finish();
  const auto trace = json::parse(content_of(path));
  ::unlink(path.c_str());

  std::map<u64, std::vector<std::pair<double, double>>> open;  // by thread: ends of the events around the next
  std::map<std::string, int> seen;
  std::map<u64, std::string> threads;
  auto events = trace.at("traceEvents");
  std::stable_sort(events.begin(), events.end(),
                   [](const json& a, const json& b) { return a.value("ts", 0.0) < b.value("ts", 0.0); });
  for (const auto& e : events) {
    const auto ph = e.at("ph").get<std::string>();
    if (e.at("name") == "thread_name") threads[e.at("tid")] = e.at("args").at("name");
    if (ph == "B") CHECK(e.at("name") == "C_Finalize");
    if (ph != "X") continue;
    ++seen[e.at("name")];
    const double from = e.at("ts"), to = from + e.at("dur").get<double>();
    auto& around = open[e.at("tid")];
    while (!around.empty() && around.back().second <= from) around.pop_back();
    if (!around.empty()) CHECK(to <= around.back().second + 1e-6);
    if (e.at("name") == "C_GetInfo") {
      REQUIRE(around.size() == 1);
      CHECK(e.at("dur") == 2000.0);
    }
    if (e.at("name") == "C_Sign") CHECK(e.at("args").at("mechanism") == "CKM_RSA_PKCS");
    around.emplace_back(from, to);
  }
  CHECK(seen["C_Sign"] == 2);
  CHECK(seen["C_Login"] == 1);
  CHECK(threads == std::map<u64, std::string>{{1001, "thread 1"}, {1002, "thread 2"}});
}

TEST_CASE("Stacks have each frame's own time, calls inside calls under the outer one") {
  tape_story s;
  nested(s);
  const profiled p(s, {false, true, nullptr});
  std::string lines;
  p.one().stacks->append("a;b\nc 4711", lines);
  INFO(lines);
  CHECK(lines.find("a,b\\x0Ac 4711;thread 1001;C_Login 4000\n") != std::string::npos);
  CHECK(lines.find(";thread 1001;C_Login;C_GetInfo 2000\n") != std::string::npos);
  CHECK(lines.find(";thread 1002;C_Sign;CKM_RSA_PKCS 10002\n") != std::string::npos);
  CHECK(lines.find(";thread 1001;C_Initialize 1000\n") != std::string::npos);
}

TEST_CASE("JSON has the figures; several tapes have a total") {
  tape_story a, b;
  for (auto* s : {&a, &b}) {
    s->initialize().slot_list({5}).token_info(5, {.label = "t"}).open(5, 1).login(1);
    s->find(1, CKO_PRIVATE_KEY, "k", "\x01", {42});
    for (int i = 0; i < 10; ++i) s->lasting(us).sign_init(1, CKM_RSA_PKCS, 42).lasting(s == &a ? ms : 3 * ms).sign(1);
  }
  const profiled p({a.write("a.p11tape"), b.write("b.p11tape")});
  const auto all = json::parse(p.json());
  CHECK(all.at("kind") == "profile");
  REQUIRE(all.at("tapes").size() == 2);
  CHECK(all.at("tapes")[1].at("functions")[0].at("total_ns") == 30 * ms);
  const auto& sign = all.at("total").at("functions")[0];
  CHECK(sign.at("name") == "C_Sign");
  CHECK(sign.at("calls") == 20);
  CHECK(sign.at("total_ns") == 40 * ms);
  CHECK(sign.at("max_ns") == 3 * ms);
  const auto& key = all.at("total").at("keys")[0];
  CHECK(key.at("name") == R"(private key "k" id 01 on "t")");
  CHECK(key.at("calls") == 40);
  CHECK(p.text().find("== client, process 4711") != std::string::npos);
}

// An exchange with a card, as FORMAT.md has it.
std::string exchange(u8 ins, u64 duration) {
  tape::exchange_facts f{};
  f.function = static_cast<u8>(tape::card_call::transmit);
  f.flags = tape::exchange_command | tape::exchange_has_status;
  f.command[1] = ins;
  f.status_word = 0x9000;
  f.duration = duration;
  return {reinterpret_cast<const char*>(&f), sizeof f};
}

TEST_CASE("What the card takes of a call is told from what the module takes") {
  tape_builder t;
  t.properties += "apdu=on\n";
  auto& c = t.chunk(kept);
  for (u32 call = 1; call <= 2; ++call) {
    c.enter("C_Sign", call).words({1, 1, 20, 1, 1});
    t.clock += 7 * ms - us;
    c.record(6, 0, call, 0).text(exchange(0x2a, 6 * ms));
    t.clock += 3 * ms - us;
    c.leave("C_Sign", call, CKR_OK);
  }
  const temporary_folder folder;
  const auto path = folder.path() + "/card.p11tape";
  std::ofstream(path, std::ios::binary) << t.bytes();
  const auto trace_path = folder.path() + "/trace.json";
  {
    profile::trace_file file(trace_path);
    const profiled p({path}, {false, false, &file});
    file.finish();
    const auto& b = p.one().breakdown;
    CHECK(b.total().time == 20 * ms);
    CHECK(b.total().card_time == 12 * ms);
    CHECK(b.total().exchanges == 2);
    REQUIRE(b.commands().size() == 1);
    CHECK(b.commands().begin()->second.time == 12 * ms);
    CHECK(p.text().find("The card took 12.0 ms of it (60 %), in 2 exchanges") != std::string::npos);
  }
  const auto trace = json::parse(content_of(trace_path));
  std::size_t inside = 0;
  for (const auto& e : trace.at("traceEvents"))
    if (e.value("cat", "") == "card") inside += e.at("dur") == 6000.0;
  CHECK(inside == 2);
  ::unlink(path.c_str());
  ::unlink(trace_path.c_str());
}

}  // namespace
}  // namespace p11tape::test
