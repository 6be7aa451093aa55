// What the user must know of a restored cluster before starting it: where this machine differs from
// the one that was backed up in ways that PostgreSQL does not notice by itself.
#pragma once

#include <string>
#include <vector>

#include "engine/file_owner.hpp"
#include "engine/restore_survey.hpp"
#include "engine/settings.hpp"

namespace agri::engine {

struct NotesInput {
    const repo::ManifestReader& manifest;
    const RestoreLayout& layout;
    const RestoreRequest& request;
    const OwnerResolver& owners;
    std::string bin_folder;
    const Settings& settings;
};

std::vector<std::string> MakeRestoreNotes(const NotesInput& input);

}  // namespace agri::engine
