#include "base/version.hpp"

const char agri::base::kVersion[] = AGRI_VERSION;
