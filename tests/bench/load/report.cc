#include "load/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace mctenant::bench {
namespace {

using Json = nlohmann::ordered_json;

// To one decimal.
double rounded(double value) { return std::round(value * 10) / 10; }

Json latency_json(const Histogram& latency) {
  const auto us = [](double nanoseconds) { return rounded(nanoseconds / 1000); };
  const auto at = [&](double share) { return us(static_cast<double>(latency.quantile(share))); };
  return {{"p50", at(0.5)},
          {"p90", at(0.9)},
          {"p99", at(0.99)},
          {"p99.9", at(0.999)},
          {"mean", us(latency.mean())},
          {"max", us(static_cast<double>(latency.max()))}};
}

Json process_json(const Watches& watches, uint64_t operations) {
  Json all = Json::object();
  const double each = operations == 0 ? 0 : 1.0 / static_cast<double>(operations);
  for (const auto& watch : watches) {
    Json one = {{"cpu_us", watch->cpu_us()},
                {"cpu_us_per_operation", static_cast<double>(watch->cpu_us()) * each},
                {"waited_us_per_operation", static_cast<double>(watch->waited_us()) * each},
                {"rss_kib", watch->rss_kib()}};
    if (const auto calls = watch->system_calls()) {
      one["system_calls_per_operation"] = static_cast<double>(*calls) * each;
    }
    all[std::to_string(watch->pid())] = one;
  }
  return all;
}

void print_value(const Json& value, const std::string& name) {
  if (!value.is_object()) {
    std::printf("%-40s %s\n", name.c_str(), value.dump().c_str());
    return;
  }
  for (const auto& [key, below] : value.items()) print_value(below, name.empty() ? key : name + "." + key);
}

void print(const LoadOptions& options, const Json& json) {
  if (options.json) {
    std::printf("%s\n", json.dump(2).c_str());
  } else {
    print_value(json, "");
  }
  std::fflush(stdout);
}

}  // namespace

void report_load(const LoadOptions& options, const LoadResult& result, double seconds, Cpu cpu,
                 const Watches& watches) {
  const uint64_t operations = result.gets + result.sets;
  Json json = {
      {"operations", operations},
      {"seconds", seconds},
      {"operations_per_second", seconds > 0 ? rounded(static_cast<double>(operations) / seconds) : 0},
      {"gets", result.gets},
      {"sets", result.sets},
      {"misses", result.misses},
      {"errors", result.errors},
      {"lost_connections", result.lost_connections},
      {"latency_us", latency_json(result.latency)},
      {"load_cpu_us_per_operation", operations == 0 ? 0 : cpu.own / static_cast<double>(operations)},
      {"other_processes_cores", seconds > 0 ? rounded(std::max(0.0, cpu.others) / 1e6 / seconds) : 0},
      {"processes", process_json(watches, operations)}};
  if (!result.first_error.empty()) json["first_error"] = result.first_error;
  print(options, json);
}

void report_sessions(const LoadOptions& options, const SessionResult& result, const Watches& watches) {
  Json json = {
      {"done", result.done},
      {"seconds", result.seconds},
      {"per_second", result.seconds > 0 ? rounded(static_cast<double>(result.done) / result.seconds) : 0},
      {"refused", result.refused},
      {"busy", result.busy},
      {"errors", result.errors},
      {"latency_us", latency_json(result.latency)},
      {"processes", process_json(watches, result.done)}};
  if (!result.first_error.empty()) json["first_error"] = result.first_error;
  print(options, json);
}

}  // namespace mctenant::bench
