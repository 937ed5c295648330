// SPDX-License-Identifier: Apache-2.0
#include "report/page.hpp"

#include <openssl/evp.h>

#include <array>

#include "report/html.hpp"

namespace p11tape::report {
namespace {

// As Content-Security-Policy names a script or a style: SHA-256 of its text, in base 64.
std::string hash_of(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  std::array<unsigned char, 48> encoded{};
  EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return std::string("'sha256-") + reinterpret_cast<const char*>(encoded.data()) + "'";
}

}  // namespace

std::string page_head(std::string_view title) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  out += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src " + hash_of(page_style) +
         "; script-src " + hash_of(timeline_script) + " " + hash_of(calls_script) +
         "; base-uri 'none'; form-action 'none'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"referrer\" content=\"no-referrer\">\n<title>" +
         escaped(title) + "</title>\n<style>";
  out += page_style;
  out += "</style></head><body>\n";
  return out;
}

std::string page_end() {
  std::string out;
  for (const auto script : {timeline_script, calls_script}) ((out += "<script>") += script) += "</script>\n";
  return out + "</body></html>\n";
}

}  // namespace p11tape::report
