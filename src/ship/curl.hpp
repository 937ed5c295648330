// SPDX-License-Identifier: Apache-2.0
// The system's libcurl, loaded when it is needed.
#pragma once

#include <string>
#include <string_view>

namespace p11tape::ship {

struct credentials {
  std::string user, password;
};

struct request {
  std::string url;
  std::string_view body;  ///< of a POST; a GET if nullptr
  bool gzip = false;      ///< the body is compressed
  const credentials* who = nullptr;
  std::string ca_file;  ///< "": the first that is there of the places of RHEL, SLES and Debian
  std::string content_type = "application/x-ndjson";
  long timeout = 60;  ///< seconds
};

struct response {
  long status = 0;      ///< 0: there was none
  std::string body;     ///< its first bytes
  std::string trouble;  ///< why there was no response
};

class curl {
 public:
  /// Throws std::runtime_error, with what to install, if there is no libcurl.
  curl();
  ~curl();
  curl(const curl&) = delete;
  curl& operator=(const curl&) = delete;

  response perform(const request& r);

 private:
  struct functions;
  void* library_ = nullptr;
  functions* call_ = nullptr;
  void* handle_ = nullptr;
};

/// The certificates of the system's authorities: RHEL's, SLES's or Debian's file; "" if there is none.
std::string find_ca_file();

}  // namespace p11tape::ship
