// SPDX-License-Identifier: Apache-2.0
// Whether files exist is asked through a function, so that the order can be tested without any file.
#include "clients/formats/mq_search.hpp"

#include "clients/reading.hpp"

namespace p11tape::clients {
namespace {

constexpr const char* file_name = "/mqclient.ini";

// MQCLNTCF is a URL; file: is assumed, and file:///x is the same as /x.
std::string path_of_url(std::string_view url) {
  if (same_word(url.substr(0, 5), "file:")) url.remove_prefix(5);
  if (url.starts_with("///")) url.remove_prefix(2);
  return std::string(url);
}

}  // namespace

mq_search_result find_mq_ini(const mq_surroundings& around, const std::function<bool(const std::string&)>& exists) {
  mq_search_result result;
  const auto consider = [&](std::string path, std::string why) {
    mq_candidate c{std::move(path), std::move(why), false, false};
    c.exists = exists(c.path);
    if (c.exists && result.effective.empty()) {
      c.effective = true;
      result.effective = c.path;
    }
    result.candidates.push_back(std::move(c));
  };
  const auto in_folder = [&](const std::string& folder, std::string why) {
    if (!folder.empty()) consider(folder + file_name, std::move(why));
  };
  if (!around.mqclntcf.empty()) {
    consider(path_of_url(around.mqclntcf), "MQCLNTCF names it");
    if (result.effective.empty()) result.found.add(code::CFG303, result.candidates[0].path);
  }
  in_folder(around.current_folder, "in the current directory");
  in_folder(around.data_folder, "in MQ's data directory");
  in_folder(around.home, "in the user's home directory");

  for (std::size_t i = 0; i < result.candidates.size(); ++i) {
    const auto& c = result.candidates[i];
    if (!c.effective) continue;
    result.found.add(code::CFG301, c.path + ": " + c.why + ".");
    for (std::size_t j = i + 1; j < result.candidates.size(); ++j)
      if (result.candidates[j].exists && result.candidates[j].path != c.path && c.why == "in the current directory")
        result.found.add(code::CFG302, c.path + " hides " + result.candidates[j].path + ".");
  }
  if (result.effective.empty() && !around.has_mqsslcryp) result.found.add(code::CFG306);
  if (around.has_mqsslcryp) result.found.add(code::CFG304);
  return result;
}

}  // namespace p11tape::clients
