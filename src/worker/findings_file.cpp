// A JSON array, appended row by row under a temporary name.
#include "worker/findings_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "base/json.hpp"
#include "worker/json_value.hpp"

namespace agri::worker {

using base::Result;
using nlohmann::json;

namespace {

constexpr size_t kBufferBytes = 64u << 10;

}  // namespace

Result<FindingsFile> FindingsFile::Create(std::string path) {
    AGRI_ASSIGN(base::Fd file, base::OpenFile(path + ".tmp", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    return FindingsFile(std::move(path), std::move(file));
}

FindingsFile::~FindingsFile() {
    if (file_) unlink(temporary().c_str());
}

void FindingsFile::Append(const engine::Finding& finding) {
    const json row = {{"backup_id", OrNull(finding.backup_id)},
                      {"object", OrNull(finding.object)},
                      {"severity", finding.severity},
                      {"problem", finding.problem},
                      {"hint", OrNull(finding.hint)}};
    if (rows_ > 0) buffer_ += ",\n";
    buffer_ += base::ToLine(row);
    ++rows_;
    if (buffer_.size() < kBufferBytes || !status_) return;
    status_ = base::WriteAll(file_.get(), base::AsBytes(buffer_), temporary());
    buffer_.clear();
}

void FindingsFile::Add(const engine::Finding& finding) {
    if (rows_ >= kMostRows)
        ++left_out_;
    else
        Append(finding);
}

Result<uint64_t> FindingsFile::Finish() {
    if (left_out_ > 0)
        Append({"", "", "error", fmt::format("{} more findings were left out", left_out_),
                "Verify one backup at a time."});
    buffer_ += "]\n";
    AGRI_TRY(status_);
    AGRI_TRY(base::WriteAll(file_.get(), base::AsBytes(buffer_), temporary()));
    if (rename(temporary().c_str(), path_.c_str()) != 0)
        return base::ErrnoError(errno, fmt::format("could not rename \"{}\"", temporary()));
    file_.Reset();
    return rows_;
}

}  // namespace agri::worker
