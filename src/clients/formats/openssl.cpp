// SPDX-License-Identifier: Apache-2.0
// Only a section that the chain from openssl_conf reaches is read by OpenSSL, and nothing warns about the others.
#include "clients/formats/openssl.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace p11tape::clients {
namespace {

constexpr std::string_view module_names[] = {"MODULE_PATH", "pkcs11-module-path", "pkcs11_module"};

bool is_module_name(std::string_view name) noexcept {
  return std::find(std::begin(module_names), std::end(module_names), name) != std::end(module_names);
}

// An entry that would be one of ours, were it spelt as the engine or provider wants it.
bool is_almost_module_name(std::string_view name) noexcept {
  if (is_module_name(name)) return false;
  for (const std::string_view almost : {"module_path", "modulepath", "module-path", "pkcs11_module_path",
                                        "pkcs11-module", "pkcs11-modulepath", "module_pat", "PKCS11_MODULE_PATH"})
    if (same_word(name, almost)) return true;
  return std::any_of(std::begin(module_names), std::end(module_names),
                     [&](std::string_view n) { return same_word(n, name); });
}

bool is_engine_file(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : path.substr(0, slash);
  const std::string_view file = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  return folder.find("/engines") != std::string_view::npos || folder.find("/ossl-modules") != std::string_view::npos ||
         file == "engine_pkcs11.so";
}

std::string base_name(std::string_view name) {
  const auto dot = name.find('.');  // "1.pkcs11" stands for a second "pkcs11"
  return std::string(dot == std::string_view::npos ? name : name.substr(dot + 1));
}

// Follows openssl_conf -> engines|providers -> sections.
class chain {
 public:
  chain(const cnf_document& doc, reading& r) : doc_(doc), r_(r) {}

  std::set<std::string> sections(std::string_view kind) {
    std::set<std::string> out;
    const cnf_entry* top = doc_.find("", "openssl_conf");
    if (top == nullptr || !present(*top)) return out;
    const cnf_entry* list = doc_.find(top->value, kind);
    if (list == nullptr || !present(*list)) return out;
    for (const auto& e : doc_.entries)
      if (e.section == list->value && present(e)) {
        out.insert(e.value);
        names.insert(base_name(e.name));
      }
    return out;
  }

  std::set<std::string> names;

 private:
  bool present(const cnf_entry& e) {
    if (doc_.has_section(e.value)) return true;
    if (reported_.insert(e.line).second)
      r_.found.add(code::CFG730, "[" + e.value + "], named by " + e.name + ".", e.line);
    return false;
  }

  const cnf_document& doc_;
  reading& r_;
  std::set<std::size_t> reported_;
};

void take_module(reading& r, const cnf_entry& e, const std::set<std::string>& engines,
                 const std::set<std::string>& providers) {
  r.modules.push_back({e.value, e.section, e.line, e.begin, e.end, escaping::openssl});
  if (!engines.contains(e.section) && !providers.contains(e.section))
    r.found.add(code::CFG721, "[" + e.section + "]", e.line);
  if (is_engine_file(e.value))
    r.found.add(code::CFG724, label::quoted(e.value), e.line);
  else if (!e.value.starts_with('/'))
    r.found.add(code::CFG731, label::quoted(e.value), e.line);
}

bool is_active(const cnf_document& doc, std::string_view section) {
  const cnf_entry* e = doc.find(section, "activate");
  return e != nullptr && e->value != "0" && !same_word(e->value, "no") && !same_word(e->value, "off");
}

// Once [provider_sect] names anything, the default provider is no longer loaded by itself.
void check_default(const cnf_document& doc, reading& r, const std::set<std::string>& providers, bool names_default) {
  if (providers.empty()) return;
  bool active = false;
  for (const auto& e : doc.entries)
    if (base_name(e.name) == "default" && providers.contains(e.value)) active |= is_active(doc, e.value);
  if (!names_default || !active) r.found.add(code::CFG726);
}

}  // namespace

reading read_openssl(std::string_view text, const openssl_surroundings& around) {
  reading r;
  r.kind = client::openssl;
  const cnf_document doc = parse_cnf(text);
  r.recognised = !doc.entries.empty() || doc.includes || trim(text).empty();
  chain engine_chain(doc, r), provider_chain(doc, r);
  const auto engines = engine_chain.sections("engines");
  const auto providers = provider_chain.sections("providers");

  bool uses_token = false, uses_provider = false, uses_engine = false;
  std::set<std::string> seen;
  for (const auto& e : doc.entries) {
    const bool pkcs11_section = (e.name == "engine_id" && e.value == "pkcs11") ||
                                (e.name == "identity" && e.value.starts_with("pkcs11")) || is_module_name(e.name);
    uses_token |= pkcs11_section || (base_name(e.name) == "pkcs11" && doc.has_section(e.value));
    uses_provider |= e.name == "pkcs11-module-path" || e.name == "pkcs11_module" ||
                     (base_name(e.name) == "pkcs11" && providers.contains(e.value));
    uses_engine |= e.name == "MODULE_PATH" || (e.name == "engine_id" && e.value == "pkcs11");
    if (is_module_name(e.name)) {
      // Only the last of a section counts: the one before is no place of the module.
      if (!seen.insert(e.section + '\n' + e.name).second) r.found.add(code::CFG733, e.name, e.line);
      if (doc.find(e.section, e.name) == &e) take_module(r, e, engines, providers);
    } else if (is_almost_module_name(e.name)) {
      r.found.add(code::CFG728, label::quoted(e.name), e.line);
    }
    if (e.name == "dynamic_path" && (e.section.find("pkcs11") != std::string::npos) && !is_engine_file(e.value) &&
        e.value.find("/engine") == std::string::npos && e.value.starts_with('/'))
      r.found.add(code::CFG723, label::quoted(e.value), e.line);
    const bool pin = e.name == "PIN" || e.name == "pkcs11-module-token-pin" || e.name == "pkcs11_pin";
    if (pin && e.value.starts_with("file:")) r.pin_files.push_back(e.value.substr(5));
    if (pin && !e.value.starts_with("file:")) {
      r.password = password_facts::of(e.value);
      if (!r.password.placeholder) r.found.add(code::CFG725, e.name, e.line);
      r.password.check(r.found, e.line);
    }
  }
  if (doc.includes) r.found.add(code::CFG732);
  if (!uses_token)
    r.found.add(code::CFG729);
  else if (r.modules.empty())
    r.found.add(code::CFG722);
  if (uses_provider) check_default(doc, r, providers, provider_chain.names.contains("default"));
  if (around.module_path_variable && (uses_engine || !uses_provider))
    r.found.add(code::CFG727, "PKCS11_MODULE_PATH is set.");
  if (around.provider_module_variable && uses_provider) r.found.add(code::CFG727, "PKCS11_PROVIDER_MODULE is set.");
  return r;
}

}  // namespace p11tape::clients
