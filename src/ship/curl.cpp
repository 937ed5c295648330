// SPDX-License-Identifier: Apache-2.0
#include "ship/curl.hpp"

#include <curl/curl.h>
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

// The checks of types in libcurl's header expand to calls by name; functions that were looked up have none.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace p11tape::ship {
namespace {

constexpr std::size_t most_kept = 4096;  // of a response's body

std::size_t keep(char* data, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  const auto room = most_kept - std::min(most_kept, body.size());
  body.append(data, std::min(room, size * count));
  return size * count;
}

}  // namespace

struct curl::functions {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

curl::curl() {
  for (const auto* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
    if (library_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL); library_ != nullptr) break;
  if (library_ == nullptr)
    throw std::runtime_error(
        "libcurl.so.4 is not installed, and p11tape-ship sends with it (install it: apt-get install libcurl4, "
        "dnf install libcurl, zypper install libcurl4)");
  auto all = std::make_unique<functions>();
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library_, name));
    if (function == nullptr) throw std::runtime_error(std::string("libcurl.so.4 has no function ") + name);
  };
  find(all->global_init, "curl_global_init");
  find(all->easy_init, "curl_easy_init");
  find(all->easy_cleanup, "curl_easy_cleanup");
  find(all->easy_reset, "curl_easy_reset");
  find(all->easy_setopt, "curl_easy_setopt");
  find(all->easy_getinfo, "curl_easy_getinfo");
  find(all->easy_perform, "curl_easy_perform");
  find(all->easy_strerror, "curl_easy_strerror");
  find(all->slist_append, "curl_slist_append");
  find(all->slist_free_all, "curl_slist_free_all");
  all->global_init(CURL_GLOBAL_DEFAULT);
  handle_ = all->easy_init();
  if (handle_ == nullptr) throw std::runtime_error("libcurl.so.4 cannot be started");
  call_ = all.release();
}

curl::~curl() {
  call_->easy_cleanup(handle_);
  delete call_;
}

response curl::perform(const request& r) {
  response answer;
  auto* h = handle_;
  const auto& c = *call_;
  c.easy_reset(h);
  const auto text = [&](CURLoption o, const std::string& value) { c.easy_setopt(h, o, value.c_str()); };
  const auto number = [&](CURLoption o, long value) { c.easy_setopt(h, o, value); };
  text(CURLOPT_URL, r.url);
  number(CURLOPT_NOSIGNAL, 1);
  number(CURLOPT_CONNECTTIMEOUT, 10);
  number(CURLOPT_TIMEOUT, r.timeout);
  number(CURLOPT_FOLLOWLOCATION, 0);
  // Certificates and names are always verified; there is no option to leave that out.
  number(CURLOPT_SSL_VERIFYPEER, 1);
  number(CURLOPT_SSL_VERIFYHOST, 2);
  number(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (const auto ca = r.ca_file.empty() ? find_ca_file() : r.ca_file; !ca.empty()) text(CURLOPT_CAINFO, ca);
  if (r.who != nullptr && !r.who->user.empty()) {
    number(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    text(CURLOPT_USERNAME, r.who->user);
    text(CURLOPT_PASSWORD, r.who->password);
  }
  curl_slist* headers = nullptr;
  if (r.body.data() != nullptr) {
    number(CURLOPT_POST, 1);
    c.easy_setopt(h, CURLOPT_POSTFIELDS, r.body.data());
    c.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
    headers = c.slist_append(headers, ("Content-Type: " + r.content_type).c_str());
    headers = c.slist_append(headers, "Expect:");
    if (r.gzip) headers = c.slist_append(headers, "Content-Encoding: gzip");
    c.easy_setopt(h, CURLOPT_HTTPHEADER, headers);
  }
  c.easy_setopt(h, CURLOPT_WRITEFUNCTION, keep);
  c.easy_setopt(h, CURLOPT_WRITEDATA, &answer.body);
  const auto code = c.easy_perform(h);
  if (code == CURLE_OK)
    c.easy_getinfo(h, CURLINFO_RESPONSE_CODE, &answer.status);
  else
    answer.trouble = c.easy_strerror(code);
  c.slist_free_all(headers);
  return answer;
}

std::string find_ca_file() {
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && named[0] != 0) return named;
  for (const auto* path :
       {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/ca-bundle.pem", "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/certs/ca-certificates.crt"})
    if (::access(path, R_OK) == 0) return path;
  return {};
}

}  // namespace p11tape::ship
