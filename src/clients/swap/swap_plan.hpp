// SPDX-License-Identifier: Apache-2.0
// What a swap or restore would change. Nothing is written here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/secret_buffer.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"

namespace p11tape::clients {

/// The text with other paths in some of the places of `r`: pairs of an index into r.modules and the new path.
secret_buffer with_paths(std::string_view text, const reading& r,
                         const std::vector<std::pair<std::size_t, std::string>>& paths);

/// True where `now` is what swaps made of `before`: the same, but for copies of the recorder in the place of modules.
bool only_swapped(client kind, std::string_view before, std::string_view now, std::string_view file_name);

/// The lines of `before` that `after` has otherwise, as "-" and "+" lines. Passwords are hidden.
std::string difference(client kind, std::string_view before, std::string_view after, std::string_view file_name);

/// Why the recorder cannot be put into a configuration that reads so; empty where it can.
std::string reason_not_to(const reading& r);

/// Why `after` is not what a swap of one module of `before` should give; empty where it is.
std::string unlike_expected(const reading& before, const reading& after, std::size_t index, std::string_view path);

/// The module meant: the only one, or that of the name or path `only`. Otherwise the reason.
std::pair<std::optional<std::size_t>, std::string> choose_module(const reading& r, std::string_view only);

/// "mq", "java", "p11-kit-opensc", ...
std::string tag_of(client kind, std::string_view file, std::string_view only);

/// The string of `r` with another path, as text and as commands; the password is left to be filled in.
void put_into_words(string_swap& out, const reading& r, const std::string& path);

std::vector<std::string> restart_advice(client kind);

}  // namespace p11tape::clients
