// SPDX-License-Identifier: Apache-2.0
// Looking for a secret in bytes, in the forms in which secrets get into files: as it is, in hex, in base64, in UTF-16,
// backwards; whole, or any eight bytes of it in a row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace p11tape::scrub {

/// Shorter secrets turn up by chance.
inline constexpr std::size_t shortest_certain = 6;

struct hit {
  std::string_view form;  ///< "as it is", "in hex", ...
  std::uint64_t offset;   ///< in what was fed
};

class search {
 public:
  explicit search(std::string_view secret);

  /// Takes the next piece of a stream. Hits across pieces are found.
  void feed(std::string_view piece);

  /// The first hits of the stream, at most `most` of them; the secret itself is never part of what is told.
  const std::vector<hit>& hits() const { return hits_; }

  /// Forgets the stream, not the secret.
  void restart();

  static constexpr std::size_t most = 16;

 private:
  struct needle {
    std::string bytes;
    std::string_view form;
  };
  void add(std::string_view encoded, std::size_t window, std::string_view form);

  std::unordered_multimap<std::uint64_t, needle> long_;  // by their first eight bytes
  std::vector<needle> short_;                            // below eight bytes
  std::size_t longest_ = 0;
  std::string carried_;
  std::uint64_t carried_at_ = 0;
  std::uint64_t last_hit_end_ = 0;
  std::vector<hit> hits_;
};

}  // namespace p11tape::scrub
