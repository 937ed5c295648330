// SPDX-License-Identifier: Apache-2.0
#include "bench/report.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/workload.hpp"

namespace p11tape::bench {
namespace {

double mean(const measured& m, std::string_view workload) { return m.workloads.find(workload)->second.mean; }

// What a variant adds to a call of the module itself, in ns.
double added(const results& r, const measured& m, std::string_view workload) {
  return mean(m, workload) - mean(*r.find(direct_name), workload);
}

double floor_of(const results& r) { return mean(*r.find(direct_name), floor_name); }

double scaling(const measured& m, int from, int to) { return m.throughput.at(to) / m.throughput.at(from); }

bool is_counter(std::string_view clock_source) {
  return clock_source == "tsc" || clock_source == "arch_sys_counter" || clock_source == "timebase" ||
         clock_source == "tod";
}

// 87, 340, 2.7k, 25k: three digits are more than the machine's mood allows.
std::string ns(double n) {
  if (n < 0) n = 0;
  if (n < 100) return fmt::format("{:.0f}", n);
  if (n < 1000) return fmt::format("{:.0f}", n);
  if (n < 10000) return fmt::format("{:.1f}k", n / 1000);
  return fmt::format("{:.0f}k", n / 1000);
}

}  // namespace

std::vector<target> targets(const results& r) {
  constexpr std::string_view info = "C_GetSessionInfo", sign = "C_Sign";
  const auto& tape = *r.find(tape_name);
  std::vector<target> all{
      {"recording off, ns per call", added(r, *r.find(off_name), info), 5, false},
      {"p99.9 of a recorded C_GetSessionInfo, µs", tape.workloads.find(info)->second.p999 / 1000, 5, false},
      {"p99.9 of a recorded C_Sign, µs", tape.workloads.find(sign)->second.p999 / 1000, 5, false},
      {"calls of 8 threads, as a multiple of 2 threads", scaling(tape, 2, 8), 0.95, true},
      {"bytes of tape for one C_GetSessionInfo", r.runs.at("C_GetSessionInfo").bytes, 72, false},
      {"start-up beyond the module's own, ms", (r.start_recorded - r.start_direct) / 1e6, 10, false},
  };
  // Where the kernel's own clock is not the CPU's counter, the recorder uses the kernel's clock too.
  const bool counter = is_counter(r.clock_source);
  const std::pair<const char*, double> most[] = {{"C_GetSessionInfo", counter ? 1.5 : 2},
                                                 {"C_Sign", counter ? 2 : 2.5},
                                                 {"C_FindObjectsInit", 3},
                                                 {"C_GetAttributeValue x3", 4}};
  for (const auto& [name, wanted] : most) {
    const auto& run = r.runs.at(name);
    const std::string what = std::string(name) + " recorded, as a multiple of two clock readings, ";
    all.push_back({what + "growing", run.growing / run.floor, wanted, false});
    all.push_back({what + "recycled", run.recycled / run.floor, wanted, false});
  }
  if (std::thread::hardware_concurrency() >= 2)
    all.push_back({"calls of 2 threads, as a multiple of 1 thread", scaling(tape, 1, 2), 1.8, true});
  if (const auto* spy = r.find(spy_name)) {
    all.push_back({"pkcs11-spy's C_GetSessionInfo, as a multiple of ours", added(r, *spy, info) / added(r, tape, info),
                   40, true});
    all.push_back(
        {"pkcs11-spy's C_Sign, as a multiple of ours", added(r, *spy, sign) / added(r, tape, sign), 150, true});
    if (const auto* log = r.find(log_name))
      for (const auto name : {info, sign})
        all.push_back({std::string(name) + " with the live log, as a multiple of pkcs11-spy's",
                       added(r, *log, name) / added(r, *spy, name), 1, false});
  }
  return all;
}

std::string as_text(const results& r) {
  const double floor = floor_of(r);
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 "Two readings of the clock, the minimum cost of any recorder that measures durations: {} ns.\n"
                 "The kernel's clock source: {}.\n"
                 "\n",
                 ns(floor), r.clock_source);
  fmt::format_to(
      out,
      "Added to each call in a long run, in ns (and as a multiple of that minimum, measured in the same run):\n"
      "\n"
      "|  | bytes of tape | first 200 MiB of a new file, best of three | 60 s on recycled pages |\n|---|---|---|---|\n");
  for (const auto& [name, run] : r.runs)
    fmt::format_to(out, "| {} | {:.0f} | {} ({:.2f}) | {} ({:.2f}) |\n", name, run.bytes, ns(run.growing),
                   run.growing / run.floor, ns(run.recycled), run.recycled / run.floor);
  fmt::format_to(out, "\n");

  fmt::format_to(out,
                 "Added to each call, in ns (and as a multiple of that minimum):\n"
                 "\n"
                 "|  |");
  const auto calls = workloads().subspan(1);
  for (const auto& w : calls) fmt::format_to(out, " {} |", w.name);
  fmt::format_to(out, "\n|---|");
  for (std::size_t i = 0; i < calls.size(); ++i) fmt::format_to(out, "---|");
  for (const auto& v : r.variants) {
    if (v.name == direct_name) continue;
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& w : calls) {
      const double n = added(r, v.figures, w.name);
      fmt::format_to(out, " {} ({:.1f}) |", ns(n), n < 0 ? 0 : n / floor);
    }
  }

  fmt::format_to(out, "\n\nA call as the application sees it, in ns: p50 / p99 / p99.9 / worst:\n\n|  |");
  for (const auto& w : calls) fmt::format_to(out, " {} |", w.name);
  fmt::format_to(out, "\n|---|");
  for (std::size_t i = 0; i < calls.size(); ++i) fmt::format_to(out, "---|");
  for (const auto& v : r.variants) {
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& w : calls) {
      const auto& l = v.figures.workloads.find(w.name)->second;
      fmt::format_to(out, " {} / {} / {} / {} |", ns(l.p50), ns(l.p99), ns(l.p999), ns(l.worst));
    }
  }

  fmt::format_to(out,
                 "\n"
                 "\n"
                 "Millions of C_GetSessionInfo per second, all threads together:\n"
                 "\n"
                 "|  | 1 thread | 2 | 8 |\n");
  fmt::format_to(out, "|---|---|---|---|");
  for (const auto& v : r.variants) {
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& [threads, n] : v.figures.throughput) fmt::format_to(out, " {:.2f} |", n / 1e6);
  }

  fmt::format_to(out, "\n\n| target | measured | wanted | |\n|---|---|---|---|\n");
  for (const auto& t : targets(r))
    fmt::format_to(out, "| {} | {:.2f} | {} {} | {} |\n", t.what, t.is, t.at_least ? "≥" : "≤", t.wanted,
                   t.met() ? "met" : "MISSED");
  return text;
}

nlohmann::json as_json(const results& r) {
  nlohmann::json all{{"floor_ns", floor_of(r)},
                     {"clock_source", r.clock_source},
                     {"long_runs", r.runs},
                     {"start_ns", {{"direct", r.start_direct}, {"recorded", r.start_recorded}}}};
  for (const auto& v : r.variants) {
    nlohmann::json figures = v.figures;
    figures["name"] = v.name;
    all["variants"].push_back(figures);
  }
  for (const auto& t : targets(r))
    all["targets"].push_back(
        {{"what", t.what}, {"is", t.is}, {t.at_least ? "min" : "max", t.wanted}, {"met", t.met()}});
  return all;
}

}  // namespace p11tape::bench
