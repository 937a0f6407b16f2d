#include "kernels/cpu/blas_info.h"

#include <cblas.h>
#include <fmt/format.h>

#include <sstream>

namespace headroom {

std::string blas_name() {
    std::istringstream config(
        openblas_get_config());  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
    std::string name;
    std::string version;
    config >> name >> version;
    return fmt::format("{} {}, {} kernels", name, version, openblas_get_corename());
}

}  // namespace headroom
