// jobs/<job>.rows.json: what a verification found, a row a finding. Written as it is found: a
// ruined repository of any size needs no memory here.
#pragma once

#include <string>

#include "base/file.hpp"
#include "engine/verify.hpp"

namespace agri::worker {

// Not thread-safe.
class FindingsFile {
   public:
    // More would help nobody and have to be read in one piece: the last row says how many were left
    // out.
    static constexpr uint64_t kMostRows = 100000;

    static base::Result<FindingsFile> Create(std::string path);
    FindingsFile(FindingsFile&&) = default;
    // What was not finished is removed.
    ~FindingsFile();
    void Add(const engine::Finding& finding);
    // Makes the file visible; returns the number of rows in it. Reports what Add met.
    base::Result<uint64_t> Finish();

   private:
    FindingsFile(std::string path, base::Fd file)
        : path_(std::move(path)), file_(std::move(file)) {}
    void Append(const engine::Finding& finding);
    std::string temporary() const { return path_ + ".tmp"; }

    std::string path_;
    base::Fd file_;
    std::string buffer_ = "[";
    uint64_t rows_ = 0, left_out_ = 0;
    base::Status status_;
};

}  // namespace agri::worker
