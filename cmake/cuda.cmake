# Sets CUDA up when asked to; HEADROOM_HAVE_CUDA says whether it is there. Everything still builds
# without it.
option(HEADROOM_CUDA "Build the CUDA kernels when nvcc is present" OFF)
set(HEADROOM_HAVE_CUDA FALSE)
if(NOT HEADROOM_CUDA)
  return()
endif()

# `native` fails on a machine without a GPU; wgmma needs 90a.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80;90a")
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "CUDA compiler not found: CUDA kernels are left out")
  return()
endif()
enable_language(CUDA)

# CMake 3.25.1 does not know that nvcc 12 and later have C++20.
foreach(kind STANDARD EXTENSION)
  if(NOT DEFINED CMAKE_CUDA20_${kind}_COMPILE_OPTION)
    set(CMAKE_CUDA20_${kind}_COMPILE_OPTION "-std=c++20")
  endif()
endforeach()
if(NOT "cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
find_package(CUDAToolkit REQUIRED)
find_path(HEADROOM_CUPTI_INCLUDE cupti.h PATHS ${CUDAToolkit_INCLUDE_DIRS}
          ${CUDAToolkit_LIBRARY_ROOT}/extras/CUPTI/include)
set(HEADROOM_HAVE_CUDA TRUE)
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")
