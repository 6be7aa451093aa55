// Messages in and out of records.
#include "repo/record.hpp"

namespace agri::repo {

base::Result<storage::PutOutcome> PutMessage(const Repository& repository, std::string_view key,
                                             const google::protobuf::MessageLite& message) {
    return PutRecord(repository.storage(), repository, key,
                     base::AsBytes(message.SerializeAsString()));
}

base::Status GetMessage(const Repository& repository, std::string_view key,
                        google::protobuf::MessageLite& message) {
    AGRI_ASSIGN(base::Bytes plain, GetRecord(repository.storage(), repository, key));
    if (message.ParseFromArray(plain.data(), static_cast<int>(plain.size()))) return {};
    return DamagedObject(key, fmt::format("it holds no {}", message.GetTypeName()));
}

base::Result<std::vector<uint64_t>> ListNumbers(storage::Storage& storage, std::string_view folder,
                                                size_t digits) {
    AGRI_ASSIGN(auto names, storage.Children(folder));
    std::vector<uint64_t> numbers;
    for (const std::string& name : names)
        if (auto number = layout::ParseNumber(name, digits)) numbers.push_back(*number);
    return numbers;
}

}  // namespace agri::repo
