// SPDX-License-Identifier: Apache-2.0
// Two ways back. Untouched since the swap: the backup takes its old name again. Edited since: only the module's path
// goes back, and the backup stays.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clients/formats/mq_sslcryp.hpp"
#include "clients/swap/backup.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"
#include "clients/swap/swap_plan.hpp"

namespace p11tape::clients {
namespace {

// A configuration as restore finds it.
struct found {
  opened_file file;
  secret_buffer text;
  reading r;
  std::vector<std::pair<std::size_t, std::string>> paths;  // of modules where a copy stands: the real ones
  std::vector<std::string> copies;
  std::optional<struct stat> backup;
  std::string no_backup;  // why what has the backup's name is not one
  secret_buffer before;
  bool unedited = false;  // since the swap

  const directory& in() const { return file.at.where; }
  std::string path() const { return file.at.path(); }
};

found look_at(client kind, file_location at) {
  found f;
  f.file = open_to_change(std::move(at));
  const std::string name = f.file.at.name;
  f.text = read_whole(f.file.bytes.get(), f.path());
  f.r = read_as(kind, f.text.view(), name);
  for (std::size_t i = 0; i < f.r.modules.size(); ++i) {
    const auto settings = read_copy_settings(settings_beside(f.r.modules[i].path));
    if (!settings || !is_recorder(f.r.modules[i].path)) continue;
    f.paths.emplace_back(i, settings->configured);
    f.copies.push_back(f.r.modules[i].path);
  }
  const std::string backup = backup_of(name);
  f.backup = f.in().look(backup);
  if (!f.backup) return f;
  f.no_backup = why_no_backup(f.file, *f.backup, noted_backups(f.r, f.path()));
  if (!f.no_backup.empty()) return f;
  const descriptor bytes = f.in().open_file(backup);
  f.in().expect(backup, id_of(*f.backup));
  f.before = read_whole(bytes.get(), f.in().path_of(backup));
  f.unedited = only_swapped(kind, f.before.view(), f.text.view(), name);
  return f;
}

void put_back(const found& f, std::string_view back, swap_result& result, const before_step& step) {
  const std::string backup = backup_of(f.file.at.name);
  if (f.unedited) {
    const file_id replaced = f.file.id();
    rename_file(f.in(), backup, id_of(*f.backup), f.file.at.name, step, &replaced);
    result.report.push_back("Put " + f.path() + " back as it was.");
    return;
  }
  replace_file(f.file, back, step);
  const std::string in = f.in().path_of(backup);
  if (!f.no_backup.empty()) {
    result.report.push_back("Put the module back into " + f.path() + ". " + in +
                            " was not used as the backup: " + f.no_backup + ".");
    return;
  }
  result.report.push_back("Put the module back into " + f.path() +
                          "; the file was edited after the swap, so nothing else was changed.");
  if (f.backup) result.report.push_back("The file from before the swap is kept as " + in + ".");
}

// The copy no longer stands in for a module of this configuration.
void release(const std::string& copy, const std::string& file, bool remove, swap_result& result,
             const before_step& step) {
  const std::string settings = settings_beside(copy);
  const file_location at = locate(settings);
  const acting_as_owner owner(at.where);
  const auto now = read_copy_settings(settings);
  const bool noted = now && backup_noted_for(*now, file).has_value();
  const bool others = now && now->backups.size() > (noted ? 1 : 0);
  if (!remove || others || (is_root() && !noted)) {
    std::string why =
        "running programs may still load it. Remove it and " + settings + " after you have restarted them.";
    if (remove && others) why = "another configuration names it.";
    if (remove && !others) why = "its settings do not say that it was made for this configuration.";
    result.report.push_back("The copy of the recorder " + copy + " is kept: " + why);
    forget_backup(at, file, step);
    return;
  }
  remove_file(at.where, std::string(file_of(copy)), step);
  remove_file(at.where, at.name, step);
  result.report.push_back("Removed " + copy + " and its settings.");
}

}  // namespace

swap_result restore(const restore_request& request, const before_step& step) {
  const file_location at = locate(request.file);
  swap_result result;
  std::vector<std::string> copies;
  {
    const acting_as_owner owner(at.where);
    if (!request.dry_run) at.where.lock();
    const found f = look_at(request.kind, at);
    if (f.paths.empty() && !(f.unedited && f.before.view() != f.text.view())) {
      result.what = outcome::nothing_to_do;
      result.report.push_back(f.path() + ": does not name the recorder.");
      if (f.backup && f.no_backup.empty() && !f.unedited)
        result.report.push_back("The file from before a swap is kept as " + f.in().path_of(backup_of(at.name)) +
                                ". Remove it if it is not needed any more: it may contain a PIN.");
      if (!request.dry_run) remove_leftover(at);
      // A swap that was interrupted before its last step, or a restore that was: the backup has served.
      if (!request.dry_run && f.unedited) remove_file(f.in(), backup_of(at.name), step);
      return result;
    }
    const secret_buffer back = f.unedited ? secret_buffer(f.before.view()) : with_paths(f.text.view(), f.r, f.paths);
    result.difference = difference(request.kind, f.text.view(), back.view(), at.name);
    result.restart = restart_advice(request.kind);
    if (request.dry_run) return result;
    remove_leftover(at);
    put_back(f, back.view(), result, step);
    copies = f.copies;
  }
  for (const auto& copy : copies) release(copy, at.path(), request.remove_copy, result, step);
  return result;
}

string_swap restore_string(std::string_view text) {
  string_swap out;
  const auto r = read_pasted_mq_string(text);
  const auto settings = r.modules.empty() ? std::nullopt : read_copy_settings(settings_beside(r.modules[0].path));
  if (r.modules.empty()) {
    out.result.what = outcome::nothing_to_do;
    out.result.report.emplace_back("No module is named in the string.");
    return out;
  }
  if (!settings || !is_recorder(r.modules[0].path)) {
    // The string from before the swap, which is what was saved then.
    out.result.report.push_back("The string names the module itself, " + r.modules[0].path +
                                ", and not the recorder. To go back to it:");
    put_into_words(out, r, r.modules[0].path);
    return out;
  }
  put_into_words(out, r, settings->configured);
  return out;
}

}  // namespace p11tape::clients
