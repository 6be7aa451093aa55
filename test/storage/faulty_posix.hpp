// Real system calls with faults: any single call can be made to fail, the process can be stopped
// dead after any call, and a power loss takes away whatever was not fsynced (as LevelDB's
// FaultInjectionTestEnv does, on the real disk below a test's folder). The calls themselves may come
// from any thread, one after the other; everything else is for one.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "storage/posix_calls.hpp"

namespace agri::test {

inline constexpr std::string_view kSampleContent = "what the object holds";
inline constexpr char kSampleKey[] = "a/b/object";

inline storage::PosixCalls CallsWithoutSync() {
    storage::PosixCalls calls = storage::RealPosixCalls();
    calls.fsync = calls.syncfs = [](int) { return 0; };
    return calls;
}

class FaultyPosix {
   public:
    // The table to hand to a PosixStorage; this object must outlive it.
    storage::PosixCalls calls() {
        storage::PosixCalls table;
        Wrap<&storage::PosixCalls::openat>(table, "openat");
        Wrap<&storage::PosixCalls::mkdirat>(table, "mkdirat");
        Wrap<&storage::PosixCalls::fchown>(table, "fchown");
        table.geteuid = real_.geteuid;
        Wrap<&storage::PosixCalls::write>(table, "write");
        Wrap<&storage::PosixCalls::pread>(table, "pread");
        Wrap<&storage::PosixCalls::fsync>(table, "fsync");
        Wrap<&storage::PosixCalls::syncfs>(table, "syncfs");
        Wrap<&storage::PosixCalls::fstat>(table, "fstat");
        Wrap<&storage::PosixCalls::fstatat>(table, "fstatat");
        Wrap<&storage::PosixCalls::linkat>(table, "linkat");
        Wrap<&storage::PosixCalls::renameat2>(table, "renameat2");
        Wrap<&storage::PosixCalls::unlinkat>(table, "unlinkat");
        Wrap<&storage::PosixCalls::readdir>(table, "readdir");
        Wrap<&storage::PosixCalls::fstatvfs>(table, "fstatvfs");
        Wrap<&storage::PosixCalls::name_to_handle_at>(table, "name_to_handle_at");
        return table;
    }
    // The call with that number from now (0: the next one) fails, once, without effect.
    void FailCall(uint64_t number, int error_number) {
        failing_call_ = count_ + number;
        error_number_ = error_number;
        failed_.clear();
    }
    void FailNoCall() { failing_call_ = UINT64_MAX; }
    // Every call after the next `number` fails without effect, as if the process were gone.
    void StopAfter(uint64_t number) { stop_at_ = count_ + number; }
    void Resume() { stop_at_ = UINT64_MAX; }
    // Every call fails with EINTR before it succeeds, and a write or read moves at most one byte.
    void Stutter() { stutter_ = true; }
    // How many folders and files were fsynced.
    uint64_t syncs() const { return syncs_; }
    // The names of all calls, in order.
    const std::vector<std::string>& trace() const { return trace_; }
    // The call that FailCall() hit; empty when it was not reached.
    const std::string& failed() const { return failed_; }
    uint64_t count() const { return count_; }

    enum class Lost { kContentOnly, kNamesAndContent };
    // What a power loss leaves of the folder tree; nothing may have it open.
    void CutPower(const std::string& root, Lost lost) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
            if (entry.is_regular_file() && unsynced_files_.contains(InodeOf(entry.path())))
                std::filesystem::resize_file(entry.path(), 0);
        for (const auto& [folder, names] : unsynced_names_)
            for (const std::string& name : names)
                if (lost == Lost::kNamesAndContent)
                    std::filesystem::remove_all(std::filesystem::path(folder) / name);
        unsynced_names_.clear();
        unsynced_files_.clear();
    }

   private:
    // Replaces one entry of the table by the real call behind the faults.
    template <auto kMember>
    void Wrap(storage::PosixCalls& table, const char* name) {
        WrapCall<kMember>(table.*kMember, name);
    }
    template <auto kMember, class Value, class... Arguments>
    void WrapCall(std::function<Value(Arguments...)>& slot, const char* name) {
        slot = [this, name](Arguments... arguments) -> Value {
            std::lock_guard lock(mutex_);
            if (Fails(name)) return Failure<Value>();
            Shorten(name, arguments...);
            Value value = (real_.*kMember)(arguments...);
            int error_number = errno;
            if (value != Failure<Value>()) Note(name, arguments...);
            errno = error_number;
            return value;
        };
    }
    template <class Value>
    static Value Failure() {
        if constexpr (std::is_pointer_v<Value>)
            return nullptr;
        else
            return -1;
    }
    bool Fails(const char* name) {
        if (stutter_ && name != std::string("readdir") && (interrupted_ = !interrupted_)) {
            errno = EINTR;
            return true;
        }
        uint64_t number = count_++;
        trace_.emplace_back(name);
        if (number == failing_call_) failed_ = name;
        if (number != failing_call_ && number < stop_at_) return false;
        errno = number == failing_call_ ? error_number_ : EIO;
        return true;
    }

    template <class... Arguments>
    void Shorten(const char*, Arguments&...) {}
    template <class Buffer, class... Rest>
    void Shorten(const char*, int&, Buffer*&, size_t& bytes, Rest&...) {
        if (stutter_ && bytes > 1) bytes = 1;
    }

    // What each successful call left for a power loss to take.
    template <class... Arguments>
    void Note(const char*, Arguments...) {}
    void Note(const char*, int folder, const char* name, int flags, mode_t) {
        if ((flags & O_CREAT) != 0) unsynced_names_[PathOf(folder)].insert(name);
    }
    void Note(const char*, int folder, const char* name, mode_t) {
        unsynced_names_[PathOf(folder)].insert(name);
    }
    void Note(const char*, int fd, const void*, size_t) { unsynced_files_.insert(InodeOf(fd)); }
    void Note(const char*, int fd) {
        syncs_++;
        unsynced_files_.erase(InodeOf(fd));
        unsynced_names_.erase(PathOf(fd));
    }
    void Note(const char*, int, const char*, int folder, const char* name, int) {
        unsynced_names_[PathOf(folder)].insert(name);
    }
    void Note(const char*, int, const char*, int folder, const char* name, unsigned) {
        unsynced_names_[PathOf(folder)].insert(name);
    }
    void Note(const char*, int folder, const char* name, int) {
        unsynced_names_[PathOf(folder)].erase(name);
    }

    static std::string PathOf(int fd) {
        return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
    }
    static ino_t InodeOf(int fd) {
        struct stat info {};
        (void)fstat(fd, &info);
        return info.st_ino;
    }
    static ino_t InodeOf(const std::filesystem::path& path) {
        struct stat info {};
        (void)lstat(path.c_str(), &info);
        return info.st_ino;
    }

    // Durability is kept account of here; the machine's own would only cost time.
    const storage::PosixCalls real_ = CallsWithoutSync();
    std::mutex mutex_;
    uint64_t count_ = 0;
    uint64_t syncs_ = 0;
    uint64_t failing_call_ = UINT64_MAX;
    uint64_t stop_at_ = UINT64_MAX;
    int error_number_ = 0;
    bool stutter_ = false, interrupted_ = false;
    std::string failed_;
    std::vector<std::string> trace_;
    std::map<std::string, std::set<std::string>> unsynced_names_;
    std::set<ino_t> unsynced_files_;
};

}  // namespace agri::test
