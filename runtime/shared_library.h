#pragma once

#include <dlfcn.h>

#include <string>

namespace headroom {

/// A library that may be absent, loaded while the program runs. It stays loaded until the process
/// ends: what such libraries start in the background does not survive unloading.
class SharedLibrary {
public:
    SharedLibrary() = default;
    explicit SharedLibrary(const std::string& name)
        : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ != nullptr) return;
        const char* const text = dlerror();
        missing_ = text == nullptr ? "it cannot be loaded" : text;
    }

    [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }
    /// Why it is not there.
    [[nodiscard]] const std::string& missing() const { return missing_; }

    /// Puts the function of that name into `call`; false: the library has none.
    template <class Function>
    [[nodiscard]] bool find(Function*& call, const char* name) const {
        call = reinterpret_cast<Function*>(dlsym(handle_, name));
        return call != nullptr;
    }

private:
    void* handle_ = nullptr;
    std::string missing_{};
};

}  // namespace headroom
