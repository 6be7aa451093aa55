// Text tables for eyes, and human sizes and durations. Programs use --json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace agri::cli {

// Column-aligned text with a header and a rule; cells hold UTF-8 and no line breaks.
class Table {
   public:
    explicit Table(std::vector<std::string> header);
    void Add(std::vector<std::string> row);
    std::string ToString() const;
    bool empty() const { return rows_.size() == 1; }

   private:
    std::vector<std::vector<std::string>> rows_;
};

std::string HumanBytes(uint64_t bytes);            // "1.4 GB", as pg_size_pretty rounds
std::string HumanDuration(uint64_t milliseconds);  // "3 min 20 s"

}  // namespace agri::cli
