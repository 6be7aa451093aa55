// Objects of a repository that cannot be read, for reports that go on without them.
#pragma once

#include <map>
#include <string>

namespace agri::engine {

// What is wrong with an object, by its key.
using ObjectProblems = std::map<std::string, std::string>;

}  // namespace agri::engine
