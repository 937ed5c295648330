// SPDX-License-Identifier: Apache-2.0
// Bytes for the decoders' tests, and how the tests write bytes down.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace p11tape::test {

using buffer = std::vector<std::uint8_t>;

/// "30 03" or "3003" as bytes.
inline buffer unhex(std::string_view text) {
  buffer out;
  unsigned digits = 0, value = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits == 2) {
      out.push_back(static_cast<std::uint8_t>(value));
      digits = value = 0;
    }
  }
  return out;
}

inline buffer raw(std::string_view text) { return {text.begin(), text.end()}; }

/// One DER element around others.
inline buffer der(std::uint8_t tag, const buffer& content) {
  buffer out{tag};
  if (content.size() > 0xff) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

inline buffer operator+(buffer a, const buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Self-signed, P-256, CN=Prüfstelle Köln, O=Test, serial 0x7a00…01, 2026-11-21 to 2126-10-28.
inline constexpr std::string_view ec_certificate =
    "308201ae30820153a00302010202147a00000000000000000000000000000000000001300a06082a8648ce3d040302302b311a30180603"
    "5504030c115072c3bc667374656c6c65204bc3b66c6e310d300b060355040a0c04546573743020170d3236313132313138343732355a18"
    "0f32313236313032383138343732355a302b311a301806035504030c115072c3bc667374656c6c65204bc3b66c6e310d300b060355040a"
    "0c04546573743059301306072a8648ce3d020106082a8648ce3d0301070342000498f9a3b699d3f1a567a54cad7253f9f89c81dd272a91"
    "c92426ae918e0d11d805e520752c5ab49cd521cd05b776d8018a894963cd58ea5abbf227ee42eef35f24a3533051301d0603551d0e0416"
    "041439ddeec5ec943e4810a88811a02da0defc0aacd4301f0603551d2304183016801439ddeec5ec943e4810a88811a02da0defc0aacd4"
    "300f0603551d130101ff040530030101ff300a06082a8648ce3d0403020349003046022100ce36fb18f9211549983dd9fb7db18b4c09fa"
    "5d3fdc148235bd59b2a4b39ff2750221009d224ad243a3dc91fdc1271eda3e4f3974cb47900d9af71870b501a66b25f762";

/// Self-signed, RSA 1024, C=DE, O="Beispiel, GmbH", CN=qm1+UID=7, serial 0x1234.
inline constexpr std::string_view rsa_certificate =
    "30820254308201bda00302010202021234300d06092a864886f70d01010b05003045310b30090603550406130244453117301506035504"
    "0a0c0e426569737069656c2c20476d6248311d300a06035504030c03716d31300f060a0992268993f22c6401010c0137301e170d323631"
    "3132313138343732355a170d3336313131383138343732355a3045310b300906035504061302444531173015060355040a0c0e42656973"
    "7069656c2c20476d6248311d300a06035504030c03716d31300f060a0992268993f22c6401010c013730819f300d06092a864886f70d01"
    "0101050003818d0030818902818100e5ad383bc5363e504f88af82d21b4956b4df4750b37671359d7df86c4733cc68a8e293b66b351021"
    "748bacb5373bef991e0b5ff1c939406369ce385037c7057a557a5cc34b113e831fc53d10c8b55e2b156e2bd03937ff496e1c55e93f9875"
    "4e4cb01c227d580d2397c0d902c18949c2f86ea759d81f846cd7d2ddd66b0731690203010001a3533051301d0603551d0e0416041487e8"
    "83996fb2ac25c1f0b0ee367a04a29dbadce5301f0603551d2304183016801487e883996fb2ac25c1f0b0ee367a04a29dbadce5300f0603"
    "551d130101ff040530030101ff300d06092a864886f70d01010b050003818100e3aa48f0f29975404f95b6baaf78d65017d39d249fe99f"
    "b339002288278237b48bd822883fb1f15026acf3c6103c46eabb7ece1d0bde92e035cff734edc0d6b2dd1cd9a609fedee34c26c93de10e"
    "009661f1b0ed649ec2c8dfe9724ba8ecfe330b1dee5d5a18f101dfecae55d955e6bba6060637786bafc9527a9a85da9c2ea6";

}  // namespace p11tape::test
