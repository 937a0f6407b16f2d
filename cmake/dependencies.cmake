# Required: Debian 12 packages named in scripts/packages. Optional ones are reported in one line.
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(TBB REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(BLA_VENDOR OpenBLAS)
find_package(BLAS REQUIRED)
find_package(benchmark QUIET)

if(NOT benchmark_FOUND)
  message(STATUS "google-benchmark not found: bench/ is left out")
endif()

find_package(Qt6 6.4 QUIET COMPONENTS Widgets Charts Svg PrintSupport Test)
if(NOT Qt6_FOUND)
  message(STATUS "Qt 6 with Charts and Svg not found: the window headroom-gui is left out")
endif()
