// SPDX-License-Identifier: Apache-2.0
#include "clients/swap/placement.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "clients/reading.hpp"

namespace p11tape::clients {
namespace {

constexpr std::size_t largest_library = 256 * 1024 * 1024;

}  // namespace

placement::placement(const swap_request& request, std::string_view tag, std::optional<directory> configuration)
    : request_(request),
      configuration_(std::move(configuration)),
      copy_(copy_for(request.into.empty() ? folder_of(request.shim) : request.into, tag)) {
  if (is_recorder(request.shim)) recorder_ = read_whole(request.shim, largest_library);
}

// Whoever can exchange the copy runs code in every program that loads it.
std::string placement::distrusted(const directory& in) const {
  if (!is_root() || in.owner() == 0 || (configuration_ && in.owner() == configuration_->owner())) return "";
  return in.path() + ": belongs to user " + user_name(in.owner()) +
         ", who could replace the recorder there (name a directory of root with --into).";
}

std::string placement::conflict(const std::string& module) const {
  if (recorder_.empty()) return request_.shim + ": not the recorder p11tape.so (name it with --shim).";
  if (!copy_.library.starts_with('/')) return "The directory of the copy must be an absolute path.";
  if (!exists(folder_of(copy_.library))) return distrusted(locate(folder_of(copy_.library)).where);
  const directory in = find_directory(folder_of(copy_.library));
  if (auto why = distrusted(in); !why.empty()) return why;
  const acting_as_owner owner(in);
  const auto settings = read_copy_settings(copy_.settings);
  if (exists(copy_.settings) && !settings)
    return copy_.settings + ": exists, but names no module (remove it, or name another directory with --into).";
  if (settings && settings->module != module)
    return copy_.library + ": already records another module, " + settings->module +
           " (name another directory with --into, or restore that client first).";
  if (settings && !request_.tape_folder.empty() && settings->tape_folder != request_.tape_folder)
    return copy_.library + ": its tapes go to " +
           (settings->tape_folder.empty() ? "the default directory" : settings->tape_folder) + ", not to " +
           request_.tape_folder + " (edit `dir` in " + copy_.settings + ", or name another directory with --into).";
  if (!settings && exists(copy_.library) && !is_recorder(copy_.library))
    return copy_.library + ": exists, but is not the recorder.";
  return "";
}

void placement::open_directory(undo_list& undo, const before_step& step) {
  const std::string path = folder_of(copy_.library);
  if (!exists(path)) {
    const file_location where = locate(path);
    step("create the directory");
    in_ = make_directory(where);
    undo.add([parent = where.where.path(), name = where.name] {
      const directory above = find_directory(parent);
      const acting_as_owner owner(above);
      unlinkat(above.get(), name.c_str(), AT_REMOVEDIR);
    });
  } else {
    in_ = find_directory(path);
  }
  if (const auto why = distrusted(*in_); !why.empty()) throw file_error(why);
  // A second lock on the directory of the configuration would wait for the first one.
  if (!configuration_ || !(configuration_->id() == in_->id())) in_->lock();
}

void placement::make(const copy_settings& settings, swap_result& result, undo_list& undo, const before_step& step) {
  open_directory(undo, step);
  result.copy = copy_.library;
  const acting_as_owner owner(*in_);
  const std::string library(file_of(copy_.library)), yaml(file_of(copy_.settings));
  const auto remove_later = [&](const std::string& name) {
    undo.add([this, name] {
      const acting_as_owner again(*in_);
      remove_file(*in_, name, [](std::string_view) {});
    });
  };
  const bool there = in_->has(library);
  const bool same =
      there && read_whole(in_->open_file(library).get(), copy_.library, largest_library).view() == recorder_.view();
  if (!same) {
    // Mode 0755: other users' programs load it. The rename leaves running programs the file that they have mapped.
    if (!there) remove_later(library);
    write_file({*in_, library}, recorder_.view(), 0755, step);
    result.report.push_back((there ? "Updated the copy of the recorder " : "Copied the recorder to ") + copy_.library +
                            ".");
  }
  if (!in_->has(yaml)) {
    remove_later(yaml);
    write_file({*in_, yaml}, compose_settings(settings, name_of(request_.kind)), 0644, step);
    result.report.push_back("Wrote its settings " + copy_.settings + ": module " + settings.module + ".");
    return;
  }
}

void placement::note(const std::string& configuration, const file_id& backup, undo_list& undo,
                     const before_step& step) {
  const acting_as_owner owner(*in_);
  const auto settings = open_to_change({*in_, std::string(file_of(copy_.settings))});
  // A user who shares a copy of root cannot note anything there.
  if (!is_root() && (settings.status.st_uid != geteuid() || faccessat(in_->get(), ".", W_OK, AT_EACCESS) != 0)) return;
  const auto text = read_whole(settings.bytes.get(), copy_.settings);
  const auto noted = with_backup(text.view(), configuration, backup);
  if (noted == text.view()) return;
  undo.add([this, at = settings.at, configuration] { forget_backup(at, configuration, [](std::string_view) {}); });
  replace_file(settings, noted, step);
}

}  // namespace p11tape::clients
