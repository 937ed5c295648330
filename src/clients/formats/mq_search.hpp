// SPDX-License-Identifier: Apache-2.0
// Which mqclient.ini an MQ client reads: the one that MQCLNTCF names, else the first of the current folder, the data
// folder and the user's home.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/config_finding.hpp"

namespace p11tape::clients {

struct mq_surroundings {
  std::string mqclntcf;        ///< value of MQCLNTCF, empty where unset
  bool has_mqsslcryp = false;  ///< MQSSLCRYP is set
  std::string current_folder;
  std::string data_folder = "/var/mqm";
  std::string home;
};

struct mq_candidate {
  std::string path;
  std::string why;  ///< "MQCLNTCF names it", "in the current folder", ...
  bool exists = false;
  bool effective = false;
};

struct mq_search_result {
  std::vector<mq_candidate> candidates;  ///< in the order in which MQ looks
  std::string effective;                 ///< empty where there is none
  findings found;
};

mq_search_result find_mq_ini(const mq_surroundings& around, const std::function<bool(const std::string&)>& exists);

}  // namespace p11tape::clients
