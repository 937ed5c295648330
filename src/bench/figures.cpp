// SPDX-License-Identifier: Apache-2.0
#include "bench/figures.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace p11tape::bench {

void keep_better(measured& best, const measured& other) {
  for (const auto& [name, now] : other.workloads) {
    const auto [at, is_new] = best.workloads.try_emplace(name, now);
    if (is_new) continue;
    auto& b = at->second;
    b = {std::min(b.mean, now.mean), std::min(b.p50, now.p50), std::min(b.p99, now.p99), std::min(b.p999, now.p999),
         std::min(b.worst, now.worst)};
  }
  for (const auto& [threads, calls] : other.throughput) {
    auto& b = best.throughput[threads];
    b = std::max(b, calls);
  }
}

void to_json(nlohmann::json& to, const latency& from) {
  to = {{"mean", from.mean}, {"p50", from.p50}, {"p99", from.p99}, {"p99.9", from.p999}, {"worst", from.worst}};
}

void from_json(const nlohmann::json& from, latency& to) {
  from.at("mean").get_to(to.mean);
  from.at("p50").get_to(to.p50);
  from.at("p99").get_to(to.p99);
  from.at("p99.9").get_to(to.p999);
  from.at("worst").get_to(to.worst);
}

void to_json(nlohmann::json& to, const long_run& from) {
  to = {{"floor", from.floor}, {"growing", from.growing}, {"recycled", from.recycled}, {"bytes", from.bytes}};
}

void from_json(const nlohmann::json& from, long_run& to) {
  from.at("floor").get_to(to.floor);
  from.at("growing").get_to(to.growing);
  from.at("recycled").get_to(to.recycled);
  from.at("bytes").get_to(to.bytes);
}

void to_json(nlohmann::json& to, const measured& from) {
  to = {{"ns", from.workloads}, {"calls_per_second", nlohmann::json::object()}};
  for (const auto& [threads, calls] : from.throughput) to["calls_per_second"][std::to_string(threads)] = calls;
}

void from_json(const nlohmann::json& from, measured& to) {
  from.at("ns").get_to(to.workloads);
  for (const auto& [threads, calls] : from.at("calls_per_second").items()) to.throughput[std::stoi(threads)] = calls;
}

}  // namespace p11tape::bench
