// SPDX-License-Identifier: Apache-2.0
// Two ways back. Untouched since the swap: the backup takes its old name again. Edited since: only the module's path
// goes back, and the backup stays.
#include <string>
#include <utility>
#include <vector>

#include "clients/formats/mq_sslcryp.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"
#include "clients/swap/swap_plan.hpp"

namespace p11tape::clients {

swap_result restore(const restore_request& request, const before_step& step) {
  const std::string file = real_path(request.file);
  const std::string backup = backup_of(file);
  const secret_buffer text = read_whole(file);
  const auto r = read_as(request.kind, text.view(), file_of(file));
  std::vector<std::pair<std::size_t, std::string>> paths;
  std::vector<std::string> copies;
  for (std::size_t i = 0; i < r.modules.size(); ++i) {
    const auto settings = read_copy_settings(settings_beside(r.modules[i].path));
    if (!settings || !is_recorder(r.modules[i].path)) continue;
    paths.emplace_back(i, settings->configured);
    copies.push_back(r.modules[i].path);
  }
  swap_result result;
  const bool has_backup = exists(backup);
  const secret_buffer before = has_backup ? read_whole(backup) : secret_buffer();
  const bool unedited = has_backup && only_swapped(request.kind, before.view(), text.view(), file_of(file));

  if (paths.empty() && !(unedited && before.view() != text.view())) {
    result.what = outcome::nothing_to_do;
    result.report.push_back(file + ": does not name the recorder.");
    if (!request.dry_run) remove_leftover(file);
    if (request.dry_run || !unedited) return result;
    // A swap that was interrupted before its last step, or a restore that was: the backup has served.
    remove_file(backup, step);
    return result;
  }
  const secret_buffer back = unedited ? secret_buffer(before.view()) : with_paths(text.view(), r, paths);
  result.difference = difference(request.kind, text.view(), back.view(), file_of(file));
  result.restart = restart_advice(request.kind);
  if (request.dry_run) return result;
  remove_leftover(file);
  if (unedited) {
    move_file(backup, file, step);
    result.report.push_back("Put " + file + " back as it was.");
  } else {
    replace_file(file, back.view(), step);
    result.report.push_back("Put the module back into " + file +
                            "; the file was edited after the swap, so nothing else was changed.");
    if (has_backup) result.report.push_back("The file from before the swap is kept as " + backup + ".");
  }
  for (const auto& copy : copies) {
    if (!request.remove_copy) {
      result.report.push_back("The copy of the recorder " + copy +
                              " is kept, because running programs may still load it. Remove it and " +
                              settings_beside(copy) + " after you have restarted them.");
      continue;
    }
    remove_file(copy, step);
    remove_file(settings_beside(copy), step);
    result.report.push_back("Removed " + copy + " and its settings.");
  }
  return result;
}

string_swap restore_string(std::string_view text) {
  string_swap out;
  const auto r = read_pasted_mq_string(text);
  const auto settings = r.modules.empty() ? std::nullopt : read_copy_settings(settings_beside(r.modules[0].path));
  if (!settings || !is_recorder(r.modules[0].path)) {
    out.result.what = outcome::nothing_to_do;
    out.result.report.push_back("The string does not name the recorder.");
    return out;
  }
  put_into_words(out, r, settings->configured);
  return out;
}

}  // namespace p11tape::clients
