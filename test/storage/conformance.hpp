// What every storage must do, whatever it is made of. A driver's test declares a fixture with
//   std::unique_ptr<storage::Storage> Open();
// which opens the same, initially empty repository each time it is called (as several processes
// would), and says AGRI_INSTANTIATE_STORAGE_CONFORMANCE(S3, testing::Types<S3Fixture>).
#pragma once

#include "storage/name_conformance.hpp"
#include "storage/object_conformance.hpp"

#define AGRI_INSTANTIATE_STORAGE_CONFORMANCE(name, ...)                   \
    INSTANTIATE_TYPED_TEST_SUITE_P(name, ObjectConformance, __VA_ARGS__); \
    INSTANTIATE_TYPED_TEST_SUITE_P(name, NameConformance, __VA_ARGS__)
