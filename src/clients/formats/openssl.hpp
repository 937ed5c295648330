// SPDX-License-Identifier: Apache-2.0
// openssl.cnf: the chain from openssl_conf to an engine's section (MODULE_PATH) or a provider's (pkcs11-module-path).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clients/reading.hpp"

namespace p11tape::clients {

struct cnf_entry {
  std::string section;  ///< "" before the first section
  std::string name;
  std::string value;  ///< quotes and escapes undone
  std::size_t line = 0;
  std::size_t begin = 0;  ///< of the raw value
  std::size_t end = 0;
};

struct cnf_document {
  std::vector<cnf_entry> entries;
  std::vector<std::string> sections;
  bool includes = false;
  bool readable = true;

  const cnf_entry* find(std::string_view section, std::string_view name) const noexcept;  ///< the last one counts
  bool has_section(std::string_view section) const noexcept;
};

cnf_document parse_cnf(std::string_view text);

struct openssl_surroundings {
  bool module_path_variable = false;      ///< PKCS11_MODULE_PATH is set: engine
  bool provider_module_variable = false;  ///< PKCS11_PROVIDER_MODULE is set: provider
};

reading read_openssl(std::string_view text, const openssl_surroundings& around = {});

}  // namespace p11tape::clients
